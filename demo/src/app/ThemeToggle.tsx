// Steps through system, light and dark.
import { Icon, type IconName } from "../ui/Icon.tsx";
import { setTheme, themes, useTheme, type Theme } from "./theme.ts";

const looks: Record<Theme, { icon: IconName; label: string }> = {
  system: { icon: "monitor", label: "System theme" },
  light: { icon: "sun", label: "Light theme" },
  dark: { icon: "moon", label: "Dark theme" },
};

export function ThemeToggle() {
  const theme = useTheme();
  const next = themes[(themes.indexOf(theme) + 1) % themes.length] ?? "system";
  const title = `${looks[theme].label} (switch to ${next})`;
  return (
    <button type="button" className="icon-button" data-testid="theme" aria-label={title} title={title} onClick={() => setTheme(next)}>
      <Icon name={looks[theme].icon} />
    </button>
  );
}
