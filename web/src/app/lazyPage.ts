// Pages come when they are looked at, or ahead of that, so that the site goes on while the hub is away.
import { createElement, use, type ReactNode } from 'react';

/** A page did not come: nothing answers, or it is gone because another version of the site is there. */
export class PageMissing extends Error {
  override readonly name = 'PageMissing';

  constructor(
    readonly page: string,
    /** It is asked for again when it is looked at again. */
    readonly forget: () => void,
  ) {
    super(`the page ${page} did not come`);
  }
}

const reloadedFor = 'pek.reloadedFor';
const loads: (() => Promise<boolean>)[] = [];

/** `large`: it comes only when it is looked at. */
export function lazyPage<Name extends string>(
  load: () => Promise<{ [name in NoInfer<Name>]: () => ReactNode }>,
  name: Name,
  { large = false } = {},
): (() => ReactNode) & { preload: () => Promise<void> } {
  let page: (() => ReactNode) | undefined;
  let coming: Promise<boolean> | undefined;
  let missing: PageMissing | undefined;

  const bring = (): Promise<boolean> => {
    if (page) return Promise.resolve(true);
    coming ??= load()
      .then(
        (module) => {
          page = module[name];
          if (sessionStorage.getItem(reloadedFor) === name) sessionStorage.removeItem(reloadedFor);
        },
        () => void (missing = new PageMissing(name, () => (missing = undefined))),
      )
      .then(() => {
        coming = undefined;
        return page !== undefined;
      });
    return coming;
  };
  function Page() {
    if (page) return createElement(page);
    if (missing) throw missing;
    use(bring());
    return null;
  }
  if (!large) loads.push(bring);
  return Object.assign(Page, { preload: async () => void (await bring()) });
}

/** One after the other, until one does not come. */
export async function loadAllPages(): Promise<void> {
  for (const bring of loads) if (!(await bring())) return;
}

/**
 * A browser remembers that a module did not come, so that only loading the site again helps, and that only when the hub is there.
 * Without being told to, once for a page.
 */
export async function reloadFor({ page }: Pick<PageMissing, 'page'>, asked: boolean): Promise<void> {
  if (!asked && sessionStorage.getItem(reloadedFor) === page) return;
  const answers = await fetch('/auth/state', { cache: 'no-store' }).then(
    ({ ok }) => ok,
    () => false,
  );
  if (!answers) return;
  sessionStorage.setItem(reloadedFor, page);
  location.reload();
}
