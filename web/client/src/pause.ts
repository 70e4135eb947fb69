const most = 15_000;

/** Before what has failed `tries` times is asked for again: twice as long each time. */
export const pauseMs = (tries: number) => Math.min(500 * 2 ** tries, most);

/**
 * Waits for `leastMs`, as an answer said, and a pause beside it, of which each caller has another part, so that not everybody comes back
 * at the same moment. Ends when the signal does.
 */
export function pause(ms: number, leastMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, Math.min(leastMs + ms * (0.5 + Math.random()), 2 ** 31 - 1));
    if (signal?.aborted) end();
    else signal?.addEventListener('abort', end);
  });
}
