// One event stream for all tabs: a browser has six connections to a host over HTTP/1.1, and each stream keeps one.
import { events, type EventsOptions } from '@pek/client';

interface Passed<Item> {
  item: Item;
  id: string;
}

/**
 * As `events`, of which one tab has one, and passes on what comes; another one goes on behind it when that tab is closed. A tab that
 * takes over may get again what it had.
 */
export function eventsOfTabs<Item>(url: string, options: Pick<EventsOptions<Item>, 'onItem' | 'onEnd'>): () => void {
  // They lack in a page that did not come over TLS, unless from one's own machine.
  if (!('locks' in navigator) || !('BroadcastChannel' in globalThis)) return events(url, options);
  const name = `pek.events ${url}`;
  const channel = new BroadcastChannel(name);
  const stopped = new AbortController();
  let lastEventId = '';
  const take = (item: Item, id: string) => {
    lastEventId = id;
    options.onItem(item, id);
  };
  channel.onmessage = ({ data }: MessageEvent<Passed<Item>>) => take(data.item, data.id);
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
      stopped.signal.addEventListener('abort', () => {
        stop();
        done();
      });
    });
  navigator.locks.request(name, { signal: stopped.signal }, lead).catch(() => {}); // stopped while it waited
  return () => {
    stopped.abort();
    channel.close();
  };
}
