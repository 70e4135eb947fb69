// Whoever goes elsewhere while something is not saved is asked first.
import type { RouterHistory } from '@tanstack/react-router';

/** Something that is not saved, while it is there. */
interface Unsaved {
  ask: (go: () => unknown) => void;
  /** They leave, and are not asked by the browser as well. */
  left: boolean;
}

const all = new Set<Unsaved>();
const listeners = new Set<() => void>();
const told = () => listeners.forEach((listener) => listener());

/**
 * `ask` is told how to go on whenever somebody wants to leave; not calling it is to stay. The way there is stopped at once, and taken anew
 * by whoever does go: while they are asked the address stays, and who goes back a second time asks nothing else. Returns what ends it.
 */
export function askBeforeLeaving(history: Pick<RouterHistory, 'block' | 'go' | 'push' | 'replace'>, ask: Unsaved['ask']): () => void {
  const unsaved: Unsaved = { ask, left: false };
  const ignoreBlocker = true;
  all.add(unsaved);
  told();
  const unblock = history.block({
    blockerFn: ({ currentLocation: here, nextLocation: there, action }) => {
      ask(() => {
        if (action === 'PUSH') history.push(there.href, there.state, { ignoreBlocker });
        else if (action === 'REPLACE') history.replace(there.href, there.state, { ignoreBlocker });
        else history.go(there.state.__TSR_index - here.state.__TSR_index, { ignoreBlocker });
      });
      return true;
    },
    enableBeforeUnload: () => !unsaved.left,
  });
  return () => {
    all.delete(unsaved);
    told();
    unblock();
  };
}

/** Whether something would be lost. */
export const isUnsaved = () => all.size > 0;

/** `listener` is called whenever that may have changed. Returns what ends it. */
export function onUnsaved(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/** Does what leaves the page for good: at once, or when who is asked says so. */
export async function leaveBy(go: () => Promise<unknown>): Promise<void> {
  const [first] = all;
  if (!first) {
    await go();
    return;
  }
  first.ask(async () => {
    const asked = [...all];
    for (const one of asked) one.left = true;
    try {
      await go();
    } catch (thrown) {
      for (const one of asked) one.left = false;
      throw thrown;
    }
  });
}
