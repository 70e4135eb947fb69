// Before anything is painted: what was chosen here.
try {
  var root = document.documentElement;
  var theme = localStorage.getItem('pek.theme');
  if (theme === 'light' || theme === 'dark') root.dataset.theme = theme;
  root.lang = localStorage.getItem('pek.language') || (/^hu/i.test(navigator.language) ? 'hu' : 'en');
} catch (error) {
  // Storage may be off: the system's theme, then.
}
