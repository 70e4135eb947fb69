// SIGTERM under load: what was accepted is finished, and what was acknowledged is there.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, describe, it } from 'node:test';
import { theFederation, until } from './lib/federation.mjs';
import { login } from './lib/http.mjs';

const federation = theFederation();
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Keeps `width` requests going until told to stop; resolves to what became of them.
async function load(width, stopped, request) {
  const outcomes = [];
  await Promise.all(Array.from({ length: width }, async (_, lane) => {
    for (let n = 0; !stopped(); n++) {
      try {
        outcomes.push({ answer: await request(lane, n), name: `${lane}-${n}` });
      } catch (error) {
        outcomes.push({ error: error.code ?? error.message, name: `${lane}-${n}` });
        await sleep(5);
      }
    }
  }));
  return outcomes;
}

describe('SIGTERM under load', () => {
  after(() => until(10, 'everything answers again', async () => {
    const alice = await login(federation.port, 'alice').catch(() => undefined);
    const page = await alice?.get('/api/v1/groups');
    alice?.close();
    return page?.status === 200 && page.json.unreachable.length === 0;
  }));

  // A connection for each request: one that was refused was not accepted; any other end is a loss.
  it('of the hub loses no request that it accepted', async () => {
    const alice = await login(federation.port, 'alice');
    let stop = false;
    const running = load(24, () => stop, (lane) => alice.request('GET',
      lane % 2 ? '/api/v1/groups?pageSize=20' : '/api/v1/realms/worker-acme/groups/kir-dev@kir-dev', { agent: false }));
    await sleep(500);
    await federation.dev('restart', 'pek-hub');
    await until(10, 'the hub is back', async () => (await alice.get('/readyz').catch(() => ({}))).status === 200);
    await sleep(300);
    stop = true;
    const outcomes = await running;
    const lost = outcomes.filter(({ answer, error }) => (error ? error !== 'ECONNREFUSED' : answer.status >= 400));
    assert.ok(outcomes.filter(({ answer }) => answer?.status === 200).length > 50, 'there was load');
    assert.deepEqual(lost.map(({ answer, error }) => error ?? `${answer.status} ${answer.text}`), []);
    alice.close();
  });

  it('of a worker loses no write that was acknowledged, and no read of other realms', async () => {
    const alice = await login(federation.port, 'alice');
    const unique = randomUUID().slice(0, 6);
    const groups = '/api/v1/realms/worker-acme/groups';
    let stop = false;
    const writing = load(4, () => stop, (lane, n) => alice.post(groups,
      { parentId: 'kir-dev@kir-dev', slug: `d${unique}-${lane}-${n}`, name: `Drain ${unique} ${lane} ${n}` }));
    const reading = load(4, () => stop, () => alice.get('/api/v1/realms/hub/groups'));
    await sleep(300);
    await federation.dev('restart', 'worker-acme');
    await sleep(1500);
    stop = true;
    const written = (await writing).filter(({ answer }) => answer?.status === 200).map(({ answer }) => answer.json.id);
    const stored = federation.sql('worker-acme', `SELECT coalesce(json_agg(id), '[]') FROM pek.realm_group
      WHERE realm = 'worker-acme' AND id LIKE 'kir-dev@d${unique}-%'`);
    federation.sql('worker-acme', `DELETE FROM pek.audit_log WHERE realm = 'worker-acme' AND target_id LIKE 'kir-dev@d${unique}-%';
      DELETE FROM pek.membership WHERE realm = 'worker-acme' AND group_id LIKE 'kir-dev@d${unique}-%';
      DELETE FROM pek.realm_group WHERE realm = 'worker-acme' AND id LIKE 'kir-dev@d${unique}-%';
      DELETE FROM pek.policy WHERE realm = 'worker-acme' AND name LIKE '% kir-dev@d${unique}-%'`); // or alice leads too many
    assert.ok(written.length > 5, 'there was load');
    assert.deepEqual(written.filter((id) => !stored.includes(id)), []);
    assert.deepEqual((await reading).filter(({ answer }) => answer?.status !== 200), []);
    alice.close();
  });
});
