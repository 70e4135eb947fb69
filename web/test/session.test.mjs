// A session that ends while a page is open.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { source } from './source.mjs';

const { whileLoggedIn, tellTabs, hearTabs } = await source('session.ts');
const request = (method) => new Request('http://127.0.0.1/api/v1/groups', { method });

function hub(status) {
  const page = { sent: [], ended: false, looks: 0 };
  page.send = whileLoggedIn(
    async ({ method }) => {
      page.sent.push(method);
      return new Response('{}', { status });
    },
    { hasEnded: () => page.ended, look: () => page.looks++ },
  );
  return page;
}

it('writes nothing without a session, and says why', async () => {
  const page = hub(200);
  await page.send(request('POST'));
  page.ended = true;
  for (const method of ['POST', 'PATCH', 'PUT', 'DELETE']) await assert.rejects(page.send(request(method)), { kind: 'signedOut' });
  await page.send(request('GET'));
  assert.deepEqual(page.sent, ['POST', 'GET']);
});

it('looks whether there is a session when an answer says that there is none', async () => {
  const page = hub(401);
  await page.send(request('PATCH'));
  assert.equal(page.looks, 1);
  const other = hub(403);
  await other.send(request('PATCH'));
  assert.equal(other.looks, 0);
});

it('tells other tabs who logs in and out', async () => {
  const heard = [];
  const stop = hearTabs((said) => heard.push(said));
  tellTabs('out');
  tellTabs('in');
  for (let i = 0; heard.length < 2 && i < 100; i++) await new Promise((resolve) => setTimeout(resolve, 10));
  stop();
  assert.deepEqual(heard, ['out', 'in']);
});
