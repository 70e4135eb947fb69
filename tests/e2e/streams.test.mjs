// Lists as streams: NDJSON and server-sent events.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { theFederation, until } from './lib/federation.mjs';
import { login, nameOf, walk } from './lib/http.mjs';

const federation = theFederation();
const ndjson = { accept: 'application/x-ndjson' };
const events = { accept: 'text/event-stream' };

function parseEvents(text) {
  return text.split('\n\n').filter(Boolean).map((block) => {
    const event = { event: 'message' };
    for (const line of block.split('\n')) {
      const colon = line.indexOf(':');
      event[line.slice(0, colon)] = line.slice(colon + 1).trimStart();
    }
    return { ...event, data: JSON.parse(event.data) };
  });
}

describe('a list as a stream', () => {
  let alice;
  let whole;

  before(async () => {
    alice = await login(federation.port, 'alice');
    whole = (await walk(alice, '/api/v1/groups', 100)).map(nameOf);
  });
  after(() => alice.close());

  it('of NDJSON has everything, a line each, and says that it is whole', async () => {
    const answer = await alice.get('/api/v1/groups', ndjson);
    assert.equal(answer.status, 200);
    assert.match(answer.headers['content-type'], /^application\/x-ndjson/);
    assert.ok(answer.text.endsWith('\n'));
    const lines = answer.text.trimEnd().split('\n').map((line) => JSON.parse(line));
    const end = lines.pop();
    assert.deepEqual(lines.map((line) => nameOf(line.result)), whole);
    assert.deepEqual(end.end.unreachable, []);
    assert.equal(end.end.federation.instances.length, 3);
  });

  it('of NDJSON with a page size is one page', async () => {
    const answer = await alice.get('/api/v1/groups?pageSize=7', ndjson);
    const lines = answer.text.trimEnd().split('\n').map((line) => JSON.parse(line));
    assert.deepEqual(lines.slice(0, -1).map((line) => nameOf(line.result)), whole.slice(0, 7));
    assert.ok(lines.at(-1).end.nextPageToken);
  });

  it('of events has everything, each with an id, and an end', async () => {
    const answer = await alice.get('/api/v1/groups', events);
    assert.match(answer.headers['content-type'], /^text\/event-stream/);
    assert.match(answer.text, /^retry: \d+\n/);
    const all = parseEvents(answer.text);
    assert.equal(all.at(-1).event, 'end');
    assert.deepEqual(all.slice(0, -1).map((event) => nameOf(event.data)), whole);
    assert.ok(all.slice(0, -1).every((event) => event.id));
  });

  it('of events resumes behind any of its ids', async () => {
    const all = parseEvents((await alice.get('/api/v1/groups', events)).text).slice(0, -1);
    for (const at of [0, 1, Math.floor(all.length / 2), all.length - 2, all.length - 1]) {
      const answer = await alice.get('/api/v1/groups', { ...events, 'last-event-id': all[at].id });
      if (at === all.length - 1) {
        assert.equal(answer.status, 204, 'nothing follows: a browser is to stop asking');
        continue;
      }
      const rest = parseEvents(answer.text);
      assert.deepEqual(rest.slice(0, -1).map((event) => nameOf(event.data)), whole.slice(at + 1), `behind ${at}`);
      assert.equal(rest.at(-1).event, 'end');
    }
  });

  it('of events refuses an id that is none', async () => {
    assert.equal((await alice.get('/api/v1/groups', { ...events, 'last-event-id': 'zzz' })).status, 400);
  });

  it('names a realm that did not answer', async () => {
    federation.signal('worker-acme', 'SIGSTOP');
    try {
      const answer = await alice.get('/api/v1/groups', ndjson);
      const lines = answer.text.trimEnd().split('\n').map((line) => JSON.parse(line));
      assert.deepEqual(lines.at(-1).end.unreachable, ['realms/worker-acme']);
      assert.deepEqual(lines.slice(0, -1).map((line) => nameOf(line.result)),
        whole.filter((name) => !name.startsWith('worker-acme')));
    } finally {
      federation.signal('worker-acme', 'SIGCONT');
    }
    await until(10, 'worker-acme is back', async () =>
      (await alice.get('/api/v1/groups')).json.unreachable.length === 0);
  });

  it('is given up when the client goes away, and the hub serves on', async () => {
    for (let i = 0; i < 20; i++) {
      const response = await alice.open('GET', '/api/v1/groups', { headers: ndjson, agent: false });
      response.destroy();
    }
    assert.equal((await alice.get('/api/v1/groups')).status, 200);
    await until(5, 'no call is left over', async () => {
      const { text } = await alice.get('/metrics');
      return [...text.matchAll(/^pek_hub_instance_in_flight\{.*\} (\d+)$/gm)].every((match) => Number(match[1]) <= 1);
    });
  });

  it('of ancestors and descendants is the tree', async () => {
    const tree = '/api/v1/realms/worker-acme/groups';
    const ancestors = await alice.get(`${tree}/schonherz@ac/ancestors`);
    assert.deepEqual(ancestors.json.groups.map((group) => group.id),
      ['schonherz@schonherz', 'schonherz@svie', 'schonherz@bulis']);
    const descendants = await alice.get(`${tree}/kir-dev@kir-dev/descendants`, ndjson);
    const ids = descendants.text.trimEnd().split('\n').slice(0, -1).map((line) => JSON.parse(line).result.id);
    const expected = federation.sql('worker-acme', `SELECT json_agg(id ORDER BY sort_key, id) FROM pek.realm_group
      WHERE realm = 'worker-acme' AND parent_id = 'kir-dev@kir-dev' AND NOT is_archived`);
    assert.deepEqual(ids, expected);
  });

  it('of descendants comes in pages as well, wherever the group is', async () => {
    for (const base of ['/api/v1/realms/hub/groups', '/api/v1/groups']) {
      const below = `${base}/vik@vik/descendants`;
      const whole = (await alice.get(`${below}?pageSize=100`)).json;
      assert.equal(whole.nextPageToken, '');
      assert.ok(whole.groups.length > 3);
      const ids = [];
      for (let token = ''; ids.length === 0 || token;) {
        const page = await alice.get(`${below}?pageSize=3&pageToken=${encodeURIComponent(token)}`);
        assert.equal(page.status, 200, page.text);
        assert.ok(page.json.groups.length <= 3);
        ids.push(...page.json.groups.map((group) => group.id));
        token = page.json.nextPageToken;
      }
      assert.deepEqual(ids, whole.groups.map((group) => group.id));
    }
  });
});
