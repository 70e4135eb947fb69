// What several parts of a page would say alike is said by one of them: a realm that is away fails every question to it.
import { useEffect, useId, useLayoutEffect, useRef, useSyncExternalStore } from 'react';

interface Saying {
  id: string;
  text: string;
  retry: () => void;
}

let sayings: readonly Saying[] = [];
const listeners = new Set<() => void>();

function change(next: readonly Saying[]): void {
  sayings = next;
  listeners.forEach((listener) => listener());
}

function listen(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/** `isFirst`: this one says it. Its `again` is that of all who would say the same. */
export function useSaidOnce(text: string, retry: (() => void) | undefined): { isFirst: boolean; again: () => void } {
  const id = useId();
  const latest = useRef(retry);
  useEffect(() => void (latest.current = retry));
  useLayoutEffect(() => {
    if (text === '') return;
    const own = { id, text, retry: () => latest.current?.() };
    change([...sayings, own]);
    return () => change(sayings.filter((one) => one !== own));
  }, [id, text]);
  const same = useSyncExternalStore(listen, () => sayings).filter((one) => one.text === text);
  return { isFirst: same[0]?.id === id, again: () => same.forEach((one) => one.retry()) };
}
