// Tabs of a browser that share one event stream, as far as Node can play them: its locks are made here.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { source } from './source.mjs';

const { eventsOfTabs } = await source('tabs.ts');
const url = 'http://127.0.0.1/events';
const askEveryMs = 20;
let holder;
let queue;
let streams;
let stops;

// One lock: who has it, and who waits for it.
const locks = {
  request(name, options, callback) {
    return new Promise((resolve, reject) => {
      const one = { callback, resolve, reject };
      const abort = () => {
        if (!queue.includes(one)) return;
        queue = queue.filter((other) => other !== one);
        reject(new DOMException('aborted', 'AbortError'));
      };
      options.signal?.addEventListener('abort', abort);
      if (options.steal) {
        holder?.reject(new DOMException('stolen', 'AbortError'));
        grant(one);
      } else {
        queue.push(one);
        if (!holder) grant(queue.shift());
      }
    });
  },
};

function grant(one) {
  holder = one;
  void one.callback().then(() => {
    one.resolve();
    if (holder !== one) return;
    holder = undefined;
    if (queue.length > 0) grant(queue.shift());
  });
}

beforeEach(() => {
  [holder, queue, streams, stops] = [undefined, [], [], []];
  Object.defineProperty(globalThis, 'navigator', { value: { locks }, configurable: true });
  globalThis.document = { visibilityState: 'visible' };
  globalThis.fetch = (_, { signal, headers }) => {
    const stream = { resumed: headers['last-event-id'], open: true };
    streams.push(stream);
    signal.addEventListener('abort', () => (stream.open = false));
    const body = new ReadableStream({
      start: (controller) => void (stream.say = (text) => controller.enqueue(new TextEncoder().encode(text))),
    });
    return Promise.resolve(new Response(body));
  };
});
afterEach(async () => {
  stops.forEach((stop) => stop());
  delete globalThis.document;
  await wait(askEveryMs);
});

function tab() {
  const heard = [];
  stops.push(eventsOfTabs(url, { onItem: (item) => heard.push(item), askEveryMs }));
  return heard;
}

it('has one stream for tabs that are awake, and passes on what comes', async () => {
  const all = [tab(), tab(), tab()];
  await wait(10 * askEveryMs);
  assert.equal(streams.length, 1);
  streams[0].say('id: 7\ndata: "szia"\n\n');
  await wait(askEveryMs);
  assert.deepEqual(all, [['szia'], ['szia'], ['szia']]);
});

it('takes the stream over from a tab that sleeps, which waits when it wakes', async () => {
  const asleep = locks.request(`pek.events ${url}`, {}, () => new Promise(() => {}));
  const heard = tab();
  await assert.rejects(asleep, { name: 'AbortError' });
  await wait(askEveryMs);
  assert.equal(streams.length, 1);
  streams[0].say('id: 7\ndata: "szia"\n\n');
  await wait(askEveryMs);
  assert.deepEqual(heard, ['szia']);
  // The other one is taken for asleep in its turn.
  await locks.request(`pek.events ${url}`, { steal: true }, () => Promise.resolve());
  await wait(askEveryMs);
  assert.deepEqual(
    streams.map(({ open, resumed }) => [open, resumed]),
    [
      [false, undefined],
      [true, '7'],
    ],
  );
});

it('leaves the stream to a tab that sleeps while nobody looks', async () => {
  globalThis.document.visibilityState = 'hidden';
  locks.request(`pek.events ${url}`, {}, () => new Promise(() => {})).catch(() => {});
  tab();
  await wait(10 * askEveryMs);
  assert.equal(streams.length, 0);
});
