import assert from 'node:assert/strict';
import { it } from 'node:test';
import { source } from './source.mjs';

const { onceOnly } = await source('once.ts');

// Sends one request after the other, to a hub that answers as told, and gives the keys that it got.
async function keysOf(...asked) {
  const keys = [];
  let next;
  const send = onceOnly(async (request) => {
    keys.push(request.headers.get('Idempotency-Key'));
    if (typeof next === 'number') return new Response(next === 204 ? null : '{}', { status: next });
    if (next instanceof ReadableStream) return new Response(next);
    throw next;
  });
  for (const [path, body, outcome] of asked) {
    next = outcome;
    const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
    await send(new Request(`http://127.0.0.1/api/v1/${path}`, init)).catch(() => {});
  }
  return keys.map((key) => (key === null ? -1 : keys.indexOf(key)));
}

const broken = () =>
  new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode('{"id":'));
      controller.error(new TypeError('terminated'));
    },
  });

it('sends the same write with the same key until an answer says what became of it', async () => {
  const lost = new TypeError('Failed to fetch');
  const message = ['messages', { text: 'szia' }];
  assert.deepEqual(await keysOf([...message, lost], [...message, 503], [...message, 504], [...message, 200]), [0, 0, 0, 0]);
  assert.deepEqual(await keysOf([...message, broken()], [...message, 200]), [0, 0], 'an answer that broke off');
  assert.deepEqual(await keysOf([...message, 200], [...message, 200]), [0, 1], 'said twice');
  assert.deepEqual(await keysOf([...message, 204], [...message, 200]), [0, 1], 'an answer without a body');
  assert.deepEqual(await keysOf([...message, 409], [...message, 200]), [0, 1], 'refused');
  assert.deepEqual(await keysOf([...message, lost], ['messages', { text: 'szia!' }, 200], [...message, 200]), [0, 1, 2], 'another text');
});

it('takes another write on the same thing for the end of the one before', async () => {
  const [apply, withdraw] = ['members:apply', 'members:withdraw'].map((path) => [path, {}]);
  assert.deepEqual(await keysOf([...apply, 503], [...withdraw, 200], [...apply, 200]), [0, 1, 2]);
  assert.deepEqual(await keysOf([...apply, 503], ['messages', {}, 200], [...apply, 200]), [0, 1, 0], 'another thing');
});

it('tells pictures apart that differ in bytes which are no text', async () => {
  const keys = [];
  const send = onceOnly(async (request) => {
    keys.push(request.headers.get('Idempotency-Key'));
    return new Response('{}', { status: 503 });
  });
  for (const byte of [0x80, 0x80, 0x81]) {
    await send(new Request('http://127.0.0.1/api/v1/users/me/avatar', { method: 'PUT', body: new Uint8Array([0xff, byte]) }));
  }
  assert.equal(keys[0], keys[1]);
  assert.notEqual(keys[1], keys[2]);
});

it('gives reads no key', async () => {
  assert.deepEqual(await keysOf(['groups', undefined, 200]), [-1]);
});
