// One event stream for all tabs: a browser has six connections to a host over HTTP/1.1, and each stream keeps one.
import { events, type EventsOptions } from '@pek/client';

/** Between tabs: what came, the question of one that waits whether the one with the stream is still awake, and its answer. */
type Said<Item> = { item: Item; id: string } | 'awake?' | 'awake';

const askEveryMs = 5_000;
const silentAfter = 2; // questions without an answer

export type EventsOfTabsOptions<Item> = Pick<EventsOptions<Item>, 'onItem' | 'onEnd'> & { askEveryMs?: number };

/**
 * As `events`, of which one tab has one, and passes on what comes; another one goes on behind it when that tab is closed, or sleeps: a
 * phone stops tabs that nobody looks at, which keep their lock and pass nothing on. A tab that takes over may get again what it had.
 */
export function eventsOfTabs<Item>(url: string, options: EventsOfTabsOptions<Item>): () => void {
  // They lack in a page that did not come over TLS, unless from one's own machine.
  if (!('locks' in navigator) || !('BroadcastChannel' in globalThis)) return events(url, options);
  const name = `pek.events ${url}`;
  const channel = new BroadcastChannel(name);
  let stopped = false;
  let waiting = new AbortController();
  let stopLeading: (() => void) | undefined;
  let unanswered = 0;
  let lastEventId = '';
  const take = (item: Item, id: string) => {
    lastEventId = id;
    options.onItem(item, id);
  };
  channel.onmessage = ({ data: said }: MessageEvent<Said<Item>>) => {
    if (said === 'awake?') {
      if (stopLeading) channel.postMessage('awake');
      return;
    }
    unanswered = 0;
    if (said !== 'awake') take(said.item, said.id);
  };
  const lead = () =>
    new Promise<void>((done) => {
      const stop = events<Item>(url, {
        lastEventId,
        onItem: (item, id) => {
          take(item, id);
          channel.postMessage({ item, id });
        },
        // The next one asks, and hears the same.
        onEnd: (problem) => {
          options.onEnd?.(problem);
          done();
        },
      });
      stopLeading = () => {
        stopLeading = undefined;
        stop();
        done();
      };
    });
  const wait = () => {
    const own = (waiting = new AbortController());
    navigator.locks.request(name, { signal: own.signal }, lead).catch(() => own.signal.aborted || lose());
  };
  const takeOver = () => {
    waiting.abort();
    navigator.locks.request(name, { steal: true }, lead).catch(lose);
  };
  /** Another tab took this one for asleep. */
  const lose = () => {
    stopLeading?.();
    if (!stopped) wait();
  };
  // Only who is looked at: the others may be asleep themselves.
  const timer = setInterval(() => {
    if (stopLeading || document.visibilityState !== 'visible') {
      unanswered = 0;
    } else if (unanswered >= silentAfter) {
      unanswered = 0;
      takeOver();
    } else {
      unanswered++;
      channel.postMessage('awake?');
    }
  }, options.askEveryMs ?? askEveryMs);
  wait();
  return () => {
    stopped = true;
    clearInterval(timer);
    waiting.abort();
    stopLeading?.();
    channel.close();
  };
}
