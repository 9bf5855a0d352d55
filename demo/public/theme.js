// Sets the chosen theme before the first paint, so that nothing flashes. The app reads the same key (app/theme.ts).
try {
  const theme = localStorage.getItem("interline.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // No storage: the system's theme it is.
}
