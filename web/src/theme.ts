import { useSyncExternalStore } from 'react';

export type Theme = 'system' | 'light' | 'dark';

const listeners = new Set<() => void>();

export function setTheme(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
  try {
    if (theme === 'system') localStorage.removeItem('pek.theme');
    else localStorage.setItem('pek.theme', theme);
  } catch {
    // It is not remembered, then.
  }
  listeners.forEach((listener) => listener());
}

/** What is seen of it: the choice, or the system's. */
export function useDark(): boolean {
  const theme = useTheme();
  const system = matchMedia('(prefers-color-scheme: dark)');
  const isDark = useSyncExternalStore(
    (listener) => {
      system.addEventListener('change', listener);
      return () => system.removeEventListener('change', listener);
    },
    () => system.matches,
  );
  return theme === 'system' ? isDark : theme === 'dark';
}

/** public/theme.js has set it before anything was painted. */
export function useTheme(): Theme {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => (document.documentElement.dataset['theme'] as Theme | undefined) ?? 'system',
  );
}
