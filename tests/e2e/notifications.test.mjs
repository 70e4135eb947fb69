// What people are told of: all realms in one list, live over SSE, and nothing lost or doubled by whoever is killed.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { theFederation, until } from './lib/federation.mjs';
import { login } from './lib/http.mjs';

const federation = theFederation();
const events = { accept: 'text/event-stream' };
let marks = 0;

// In the outbox of a realm, as a change there would: `count` of them, whose titles are MARK 1, MARK 2 …
function write(realm, user, count = 1) {
  const mark = `Jel ${process.pid}-${++marks}`;
  federation.sql(realm, `INSERT INTO pek.notification (realm, kind, recipient, actor, subject, group_id, title)
    SELECT '${realm}', 2, '${user}', 'bob', '${user}', 'kir-dev@kir-dev', '${mark} ' || n
      FROM generate_series(1, ${count}) n`);
  return mark;
}

// What the hub has stored under the mark, in the order of the list; and what the realm still keeps.
const stored = (mark) => federation.sql('hub', `SELECT coalesce(json_agg(title ORDER BY seq), '[]')
  FROM hub.notification WHERE title LIKE '${mark} %'`);
const kept = (realm) => federation.sql(realm, `SELECT count(*) FROM pek.notification WHERE realm = '${realm}'`);
const all = (mark, count) => Array.from({ length: count }, (_, i) => `${mark} ${i + 1}`);

// An event stream that is read as it comes.
class Stream {
  static async open(client, lastId) {
    const stream = new Stream();
    stream.response = await client.open('GET', '/api/v1/notifications',
      { headers: { ...events, ...(lastId ? { 'last-event-id': lastId } : {}) }, agent: false });
    stream.events = [];
    let text = '';
    stream.response.setEncoding('utf8');
    stream.response.on('data', (chunk) => {
      const blocks = (text += chunk).split('\n\n');
      text = blocks.pop();
      for (const block of blocks) {
        const event = { event: 'message' };
        for (const line of block.split('\n')) {
          const colon = line.indexOf(':');
          if (colon > 0) event[line.slice(0, colon)] = line.slice(colon + 1).trimStart();
        }
        if (event.data) stream.events.push({ ...event, data: JSON.parse(event.data) });
      }
    });
    stream.response.on('error', () => {});
    stream.ended = new Promise((resolve) => stream.response.on('close', resolve));
    return stream;
  }

  titled(mark) {
    return this.events.filter((event) => event.data.title?.startsWith(`${mark} `));
  }

  close() {
    this.response.destroy();
  }
}

describe('notifications', () => {
  let alice;

  before(async () => {
    alice = await login(federation.port, 'alice');
  });
  after(() => alice.close());

  it('of all realms are one list, the newest first, paged and counted', async () => {
    const realms = ['worker-acme', 'hub', 'worker-conference'];
    const found = [];
    for (const realm of realms) {
      const mark = write(realm, 'alice');
      await until(10, `what ${realm} says is stored`, () => stored(mark).length === 1);
      found.unshift([realm, `${mark} 1`]);
    }
    const first = await alice.get('/api/v1/notifications?pageSize=2');
    const second = await alice.get(`/api/v1/notifications?pageSize=2&pageToken=${first.json.nextPageToken}`);
    const listed = [...first.json.notifications, ...second.json.notifications].slice(0, 3);
    assert.deepEqual(listed.map((one) => [one.realm, one.title]), found);
    assert.deepEqual(listed.map((one) => one.kind), Array(3).fill('MEMBERSHIP_ACCEPTED'));
    const { json: { unseen } } = await alice.get('/api/v1/notifications:countUnseen');
    const marked = await alice.post('/api/v1/notifications:markSeen', { ids: listed.map((one) => one.id) });
    assert.deepEqual([marked.status, marked.json.unseen], [200, unseen - 3]);
    const left = await alice.get('/api/v1/notifications?unseen=true&pageSize=100');
    assert.ok(left.json.notifications.every((one) => !one.seen && !found.some(([, title]) => title === one.title)));
  });

  it('follow a change, and take back what was said of an application', async () => {
    const realm = 'worker-acme';
    const slug = `jelzes${process.pid}`;
    const made = await alice.post(`/api/v1/realms/${realm}/groups`, { name: slug, slug });
    assert.equal(made.status, 200, made.text);
    const group = `/api/v1/realms/${realm}/groups/${made.json.id}`;
    const bob = await login(federation.port, 'bob');
    const of = async (client) => (await client.get('/api/v1/notifications?pageSize=100')).json.notifications
      .filter((one) => one.link.endsWith(`/${made.json.id}`)).map((one) => [one.kind, one.actorId, one.subjectId]);
    assert.equal((await bob.post(`${group}/members:apply`)).status, 200);
    await until(10, 'alice is told', async () => (await of(alice)).length === 1);
    assert.deepEqual(await of(alice), [['MEMBERSHIP_CREATED', 'bob', 'bob']]);
    assert.equal((await bob.post(`${group}/members:withdraw`)).status, 200);
    await until(10, 'it is taken back', async () => (await of(alice)).length === 0);
    assert.equal((await alice.post(`${group}/members:add`, { userId: 'bob' })).status, 200);
    await until(10, 'bob is told', async () => (await of(bob)).length === 1);
    assert.deepEqual(await of(bob), [['MEMBERSHIP_ADDED', 'alice', 'bob']]);
    bob.close();
  });

  it('come live, and go on behind Last-Event-ID without a gap', async () => {
    const mark = write('worker-acme', 'alice', 3);
    const stream = await Stream.open(alice);
    assert.equal(stream.response.statusCode, 200);
    assert.match(stream.response.headers['content-type'], /^text\/event-stream/);
    await until(10, 'the first three', () => stream.titled(mark).length === 3);
    const live = write('worker-acme', 'alice');
    const written = Date.now();
    await until(5, 'one that comes meanwhile', () => stream.titled(live).length === 1);
    assert.ok(Date.now() - written < 3000);
    const last = stream.titled(mark)[1].id;
    stream.close();
    const again = await Stream.open(alice, last);
    await until(5, 'what is behind it', () => again.titled(live).length === 1);
    assert.deepEqual(again.events.map((event) => event.data.title), [`${mark} 3`, `${live} 1`]);
    again.close();
  });

  it('go on when their reader takes another name', async () => {
    const guest = await login(federation.port, 'alice');
    const stream = await Stream.open(guest);
    const { json: profile } = await guest.get('/api/v1/users/me/profile');
    for (const firstName of ['Renamed', profile.firstName]) {
      const renamed = await guest.patch('/api/v1/users/me/profile?updateMask=firstName', { firstName });
      assert.equal(renamed.status, 200, renamed.text);
    }
    const mark = write('worker-acme', 'alice');
    await until(5, 'one that comes afterwards', () => stream.titled(mark).length === 1);
    assert.deepEqual(stream.events.filter(({ event }) => event === 'error'), []);
    stream.close();
    guest.close();
  });

  it('end with the session', async () => {
    const guest = await login(federation.port, 'alice');
    const stream = await Stream.open(guest);
    assert.equal((await guest.post('/auth/logout', '')).status, 204);
    await stream.ended;
    const end = stream.events.at(-1);
    assert.deepEqual([end.event, end.data.error.status], ['error', 'UNAUTHENTICATED']);
    guest.close();
  });

  it('are stored once each, though the hub is killed while it collects them', async () => {
    const mark = write('worker-acme', 'alice', 900);
    for (let kills = 0; kills < 3; kills++) {
      const before = stored(mark).length;
      await until(20, 'some more are stored', () => stored(mark).length > before);
      federation.signal('pek-hub', 'SIGKILL');
      await federation.dev('restart', 'pek-hub');
    }
    await until(60, 'all are stored', () => stored(mark).length === 900 && kept('worker-acme') === 0);
    assert.deepEqual(stored(mark), all(mark, 900));
  });

  it('are caught up with when the realm was killed, and hold up no other realm', async () => {
    await until(20, 'the hub answers', async () => (await alice.get('/api/v1/session').catch(() => ({}))).status === 200);
    federation.signal('worker-acme', 'SIGKILL');
    const late = write('worker-acme', 'alice', 150);
    const other = write('hub', 'alice');
    await until(10, 'another realm goes on', () => stored(other).length === 1);
    assert.equal(stored(late).length, 0);
    await federation.dev('restart', 'worker-acme');
    await until(30, 'what was missed is stored', () => kept('worker-acme') === 0);
    assert.deepEqual(stored(late), all(late, 150));
  });
});
