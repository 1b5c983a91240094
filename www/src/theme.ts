const dark = matchMedia("(prefers-color-scheme: dark)");

/** Makes `button` switch between light and dark; until it is used, the system decides. */
export function initTheme(button: HTMLButtonElement): void {
  const root = document.documentElement;
  const isDark = () => (root.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
  const show = () => {
    button.setAttribute("aria-pressed", String(isDark()));
  };
  button.addEventListener("click", () => {
    const theme = isDark() ? "light" : "dark";
    root.dataset.theme = theme;
    remember(theme);
    show();
  });
  dark.addEventListener("change", show);
  show();
}

function remember(theme: string): void {
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // Storage is denied here: the choice holds for this visit.
  }
}
