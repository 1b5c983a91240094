// Before the first paint: the theme that was chosen on an earlier visit.
try {
  const theme = localStorage.getItem("theme");
  if (theme) document.documentElement.dataset.theme = theme;
} catch {
  // Storage is denied here; the system's theme it is.
}
