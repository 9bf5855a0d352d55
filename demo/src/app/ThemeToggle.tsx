// Steps through system, light and dark.
import { Icon, type IconName } from "../ui/Icon.tsx";
import { setTheme, themes, useTheme, type Theme } from "./theme.ts";

const looks: Record<Theme, { icon: IconName; label: string }> = {
  system: { icon: "monitor", label: "System theme" },
  light: { icon: "sun", label: "Light theme" },
  dark: { icon: "moon", label: "Dark theme" },
};

function useNext(): { icon: IconName; label: string; title: string; step(): void } {
  const theme = useTheme();
  const next = themes[(themes.indexOf(theme) + 1) % themes.length] ?? "system";
  const { icon, label } = looks[theme];
  return { icon, label, title: `${label} (switch to ${next})`, step: () => setTheme(next) };
}

/** In the bar, where there is room for it. */
export function ThemeToggle() {
  const { icon, title, step } = useNext();
  return (
    <button type="button" className="icon-button theme-toggle" data-testid="theme" aria-label={title} title={title} onClick={step}>
      <Icon name={icon} />
    </button>
  );
}

/** In the menu, where the bar is too narrow. */
export function ThemeItem() {
  const { icon, label, title, step } = useNext();
  return (
    <button type="button" className="menu-item theme-item" data-testid="theme-item" aria-label={title} onClick={step}>
      <Icon name={icon} /> {label}
    </button>
  );
}
