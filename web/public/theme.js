// Before anything is painted: the theme and language that were chosen here. No part of the bundle, so that it comes at once.
try {
  var root = document.documentElement;
  var theme = localStorage.getItem('pek.theme');
  if (theme === 'light' || theme === 'dark') root.dataset.theme = theme;
  root.lang = localStorage.getItem('pek.language') || (/^hu/i.test(navigator.language) ? 'hu' : 'en');
} catch (error) {
  // Storage may be switched off: the system's theme, then.
}
