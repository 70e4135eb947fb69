// The fault table of the specification, row by row: the cases that are here, and where else a row is asserted.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { nameOf, walk } from '../e2e/lib/http.mjs';
import { isolation, tables, writes } from './checker.mjs';
import { primaryLost } from './failover.mjs';
import { History } from './history.mjs';
import { streamsBroken, streamsMillion, streamsStalled } from './streams.mjs';
import { ByHand, Patroni } from './servers.mjs';
import { heal_seconds, late_ms, realms, sleep, until } from './world.mjs';

const lost = 'worker-conference';
const acme = '/api/v1/realms/worker-acme/groups';
const one = `${acme}/kir-dev@kir-dev`;
const unavailable = [502, 503, 504];
const ndjson = { headers: { accept: 'application/x-ndjson' }, isStream: true };

const quantile = (times, q) => [...times].sort((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * q))];
const median = (values) => quantile(values, 0.5);

// ---- a realm is lost ------------------------------------------------------------------------------------------

// `begin` loses worker-conference, `heal` gives it back.
async function realmIsLost(world, begin, heal) {
  const alice = await world.login();
  const whole = (await walk(alice, '/api/v1/groups', 100)).map(nameOf);
  const others = whole.filter((name) => !name.startsWith(`${lost}/`));
  await begin();
  try {
    const page = await alice.get('/api/v1/groups?pageSize=100');
    assert.equal(page.status, 200, page.text);
    assert.deepEqual(page.json.unreachable, [`realms/${lost}`]);
    assert.ok(page.json.groups.length > 0 && page.json.groups.every(({ realm }) => realm !== lost));
    assert.ok(page.ms < 5_200 + late_ms, `a list took ${page.ms} ms`);
    assert.deepEqual((await walk(alice, '/api/v1/groups', 30)).map(nameOf), others);
    assert.equal((await alice.get(one)).status, 200);
    const named = await alice.get(`/api/v1/realms/${lost}/groups/konferencia@hang`);
    assert.ok(unavailable.includes(named.status), `${named.status} ${named.text}`);
    // Once it is known to be away nobody waits for it: by the breaker, or by its heartbeat.
    await until(10, 'a list does not wait any more', async () => (await alice.get('/api/v1/groups?pageSize=5')).ms < 500);
    const { json } = await alice.get('/api/v1/instances');
    const opened = await world.metric(`pek_hub_breaker_opened_total\\{realm="${lost}"\\}`);
    assert.ok(json.instances.find(({ realm }) => realm === lost).status === 'UNREACHABLE' || opened > 0, 'neither away nor stopped');
  } finally {
    await heal();
  }
  // For a new session, and for one that was refused a token meanwhile.
  let back = await world.healed();
  const began = performance.now();
  await until(heal_seconds - back / 1000, 'a list of all realms, in the session of before', () => world.isWhole(alice));
  back += performance.now() - began;
  assert.deepEqual((await walk(alice, '/api/v1/groups', 100)).map(nameOf), whole);
  alice.close();
  return `back after ${Math.round(back)} ms`;
}

const byLink = (kind, options) => (world) =>
  realmIsLost(world, () => world.link('hub-conference', kind, options), () => world.link('hub-conference', 'pass'));

// Few connections with pauses, so that what is measured is waiting, and not the machine.
async function timesOf(clients, paths, count, spoil = () => {}) {
  const times = [];
  await Promise.all(clients.map(async (client) => {
    for (let i = 0; i < count; i++) {
      const answer = await client.get(paths[i % paths.length]);
      assert.equal(answer.status, 200, answer.text);
      times.push(answer.ms);
      await sleep(5);
      spoil();
    }
  }));
  return times;
}

async function frozenRealm(world) {
  const clients = await Promise.all([0, 1, 2].map(() => world.login()));
  const stranger = await world.login();
  const paths = [one, '/api/v1/realms/hub/groups/vik@vik'];
  await timesOf(clients, paths, 100);
  const ratios = [];
  for (let round = 0; round < 7; round++) {
    const healthy = quantile(await timesOf(clients, paths, 100), 0.99);
    await world.link('hub-conference', 'freeze');
    // Somebody asks the frozen one all the while.
    let stop = false;
    const asking = (async () => {
      while (!stop) {
        await Promise.all([0, 1, 2, 3].map(() => stranger.get(`/api/v1/realms/${lost}/groups/konferencia@hang`)));
        await sleep(20);
      }
    })();
    const frozen = quantile(await timesOf(clients, paths, 100), 0.99);
    stop = true;
    await world.link('hub-conference', 'pass');
    await asking;
    ratios.push(frozen / healthy);
    await world.healed();
    await sleep(1_000);
  }
  [...clients, stranger].forEach((client) => client.close());
  const ratio = median(ratios);
  assert.ok(ratio <= 1.5, `p99 of the others is ${ratio.toFixed(2)} times what it was (${ratios.map((r) => r.toFixed(2))})`);
  return `p99 of the others ${ratio.toFixed(2)} times, median of ${ratios.map((r) => r.toFixed(2)).join(' ')}`;
}

// ---- streams that break off -----------------------------------------------------------------------------------

async function midStream(world) {
  const alice = await world.login();
  const whole = (await walk(alice, '/api/v1/groups', 100)).map(nameOf);
  let resumed = 0;
  for (const bytes of [300, 1_000, 2_000, 4_000, 6_000, 9_000, 13_000, 20_000]) {
    await world.link('hub-acme', 'cut', { bytes });
    const page = await alice.get('/api/v1/groups?pageSize=100');
    const streamed = await alice.request('GET', '/api/v1/groups', ndjson);
    await world.link('hub-acme', 'pass');
    assert.equal(page.status, 200, page.text);
    const had = new Set(page.json.groups.map(nameOf));
    if (page.json.unreachable.length === 0) assert.deepEqual([...had], whole.slice(0, had.size), 'a page that looks whole, and is not');
    assert.equal(streamed.status, 200, streamed.text);
    const lines = streamed.text.trimEnd().split('\n').map((line) => JSON.parse(line));
    const last = lines.pop();
    const names = lines.map(({ result }) => nameOf(result));
    await world.healed();
    await until(heal_seconds, 'a list of all realms, in the session of before', () => world.isWhole(alice));
    if (last.error) {
      resumed++;
      assert.ok(last.cursor, 'an error without a cursor');
      const rest = await alice.request('GET', `/api/v1/groups?pageToken=${encodeURIComponent(last.cursor)}`, ndjson);
      const more = rest.text.trimEnd().split('\n').map((line) => JSON.parse(line));
      assert.ok(more.pop().end, rest.text.slice(-300));
      names.push(...more.map(({ result }) => nameOf(result)));
    } else if (last.end.unreachable.length > 0) {
      assert.deepEqual(names, whole.filter((name) => !name.startsWith('worker-acme/')));
      continue;
    }
    assert.deepEqual([...names].sort(), [...whole].sort(), `cut after ${bytes} bytes: a gap or a repetition`);
  }
  alice.close();
  assert.ok(resumed > 0, 'no stream was cut in its middle');
  return `${resumed} of 8 streams ended with a cursor, and went on behind it`;
}

// ---- writes whose answer is lost ------------------------------------------------------------------------------

async function lostAnswer(world) {
  const alice = await world.login();
  const slug = `k${randomUUID().slice(0, 8)}`;
  const body = { parentId: 'kir-dev@kir-dev', slug, name: `Elveszett ${slug}` };
  const send = () => alice.post(acme, body, { 'idempotency-key': slug });
  const rows = () => world.sql('worker-acme', `SELECT count(*) FROM pek.audit_log WHERE realm = 'worker-acme' AND target_kind = 'group' AND target_id = 'kir-dev@${slug}'`);
  assert.equal((await alice.get(one)).status, 200); // the realm's token is there
  await world.link('hub-acme', 'half-open');
  const sent = send();
  await until(5, 'the change is committed', async () => (await rows()) === 1);
  await world.kill('worker-acme');
  await world.link('hub-acme', 'pass');
  const first = await sent;
  assert.ok([503, 504].includes(first.status), `${first.status} ${first.text}`);
  await world.startAgain('worker-acme');
  await world.healed(15);
  const again = await send();
  assert.equal(again.status, 200, again.text);
  assert.equal(again.json.id, `kir-dev@${slug}`);
  assert.deepEqual((await send()).json, again.json);
  assert.equal(await rows(), 1);
  alice.close();
  return `${first.status}, then the same answer as often as it is asked`;
}

// ---- answers that are none ------------------------------------------------------------------------------------

async function garbage(world) {
  const pid = world.federation.pid('pek-hub');
  const told = await byLink('garbage')(world);
  assert.equal(world.federation.pid('pek-hub'), pid);
  assert.ok(world.runs('pek-hub') && world.runs(lost), 'a program ended');
  return told;
}

// ---- a whole load while something happens ---------------------------------------------------------------------

// Clients write and read; `happen` does what it does and undoes it. Nothing that was acknowledged is lost, every answer was a
// definite one, reads are back within 5 s of the end of it, and writes too.
async function underLoad(world, happen, { lanes = 1 } = {}) {
  const history = new History(world);
  await history.begin({ lanes });
  const done = () => history.writes.filter(({ outcome }) => outcome === 'acknowledged').length;
  let back;
  try {
    await sleep(1_500);
    await happen(history);
    back = await world.healed();
    const had = done();
    await until(heal_seconds, 'writes go on', () => done() > had + 3);
    await sleep(500);
    await history.end();
  } catch (error) {
    await history.end(0);
    throw new Error([error.message, ...history.violations, JSON.stringify(history.counts)].join('\n'));
  } finally {
    history.close();
  }
  const broken = [...history.violations];
  for (const check of [writes, isolation, tables]) broken.push(...(await check(world, history)));
  assert.deepEqual(broken, []);
  return `back after ${Math.round(back)} ms; ${done()} writes; ${history.summary()}`;
}

const hubKilled = (world) => underLoad(world, async () => {
  for (let i = 0; i < 3; i++) {
    await world.kill('pek-hub');
    await world.startAgain('pek-hub');
    await world.healed(20);
    await sleep(700);
  }
  await until(10, 'no transaction is left open', async () => {
    const open = await Promise.all(realms.map((realm) => world.sql(realm,
      "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND state_change < now() - interval '5 s'")));
    return open.every((count) => count === 0);
  });
});

// What was accepted is answered; a connection that nobody took was not.
async function drainedHub(world) {
  const alice = await world.login();
  const outcomes = [];
  let stop = false;
  const lanes = Promise.all(Array.from({ length: 16 }, async (_, lane) => {
    while (!stop) {
      try {
        const { status, text } = await alice.request('GET', lane % 2 ? '/api/v1/groups?pageSize=20' : one, { agent: false });
        outcomes.push(status === 200 ? 'ok' : `${status} ${text}`);
      } catch (error) {
        if (error.code !== 'ECONNREFUSED') outcomes.push(error.code);
        await sleep(10);
      }
    }
  }));
  await sleep(500);
  await world.startAgain('pek-hub');
  await world.healed(20);
  stop = true;
  await lanes;
  alice.close();
  const bad = outcomes.filter((outcome) => outcome !== 'ok');
  assert.deepEqual(bad, []);
  assert.ok(outcomes.length > 50, `${outcomes.length} requests`);
  return `${outcomes.length} answers, none lost`;
}

// A worker without a replica: what it took it answers, other realms notice nothing, and what is refused is so with a clear text and at once.
async function drainedWorker(world) {
  const alice = await world.login();
  const outcomes = { acme: [], hub: [], lists: [] };
  let stop = false;
  const lane = async (name, path, good) => {
    while (!stop) {
      const answer = await alice.get(path);
      outcomes[name].push(good(answer) ? 'ok' : `${answer.status} in ${Math.round(answer.ms)} ms ${answer.text}`);
      await sleep(5);
    }
  };
  const lanes = Promise.all([
    ...[1, 2, 3, 4].map(() => lane('acme', one, ({ status, json }) => status === 200 || (status === 503 && json?.error?.status))),
    lane('hub', '/api/v1/realms/hub/groups/vik@vik', ({ status }) => status === 200),
    lane('lists', '/api/v1/groups?pageSize=20', ({ status }) => status === 200),
  ]);
  await sleep(500);
  await world.startAgain('worker-acme');
  await world.healed(10);
  stop = true;
  await lanes;
  alice.close();
  for (const [name, all] of Object.entries(outcomes)) assert.deepEqual(all.filter((outcome) => outcome !== 'ok'), [], name);
  return `${Object.values(outcomes).flat().length} answers, none lost`;
}

// ---- PostgreSQL -----------------------------------------------------------------------------------------------

const postgresFast = (world) => underLoad(world, () => world.startAgain('postgres'));
const postgresImmediate = (world) => underLoad(world, async () => {
  await world.stopPostgres('SIGQUIT');
  await sleep(1_000);
  await world.startAgain('postgres');
});
const backendsEnded = (world) => underLoad(world, async () => {
  for (let i = 0; i < 5; i++) {
    await world.endBackends();
    await sleep(400);
  }
});
const noConnections = (world) => underLoad(world, async () => {
  await world.limitConnections('worker-acme', 0);
  await world.endBackends("usename = 'pek_worker_acme'");
  await sleep(5_000);
  await world.limitConnections('worker-acme', -1);
});
const databaseLink = (kind, options) => (world) => underLoad(world, async () => {
  await world.link('pg-acme', kind, options);
  await sleep(4_000);
  await world.link('pg-acme', 'pass');
});
const hubsDatabaseLink = (kind, options) => (world) => underLoad(world, async () => {
  await world.link('pg-hub', kind, options);
  await sleep(4_000);
  await world.link('pg-hub', 'pass');
});

// The month of the audit log that is written now lies on a disk of 8 MiB, and that is full.
async function diskFull(world) {
  const disk = join(world.folder, 'disk');
  mkdirSync(disk);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk], { stdio: 'pipe' });
  } catch (error) {
    return { skipped: `a small disk cannot be mounted: ${error.stderr ?? error.message}` };
  }
  execFileSync('chown', ['postgres:postgres', disk]);
  const sql = (text) => world.sql('worker-acme', text);
  const month = await sql('SELECT to_json(tableoid::regclass::text) FROM pek.audit_log ORDER BY create_time DESC LIMIT 1');
  await world.sql('postgres', `CREATE TABLESPACE chaos LOCATION '${disk}'`);
  await sql(`ALTER TABLE ${month} SET TABLESPACE chaos`);
  await sql('CREATE TABLE public.filler (text text) WITH (autovacuum_enabled = false) TABLESPACE chaos');
  let refused = 0;
  try {
    const told = await underLoad(world, async (history) => {
      for (const rows of [1000, 100, 1]) {
        for (let full = false; !full;) {
          full = await sql(`INSERT INTO public.filler SELECT repeat('x', 1000) FROM generate_series(1, ${rows})`).then(() => false, () => true);
        }
      }
      await until(30, 'a write is refused for it', () => (refused = history.counts['write 503'] ?? 0) > 0 || history.violations.length > 0);
      const alice = await world.login();
      assert.equal((await alice.get(one)).status, 200, 'reads go on');
      alice.close();
      await sql('DROP TABLE public.filler');
    });
    return `${refused} writes refused; ${told}`;
  } finally {
    await sql('DROP TABLE IF EXISTS public.filler');
    await sql(`ALTER TABLE ${month} SET TABLESPACE pg_default`);
    await world.sql('postgres', 'CHECKPOINT');
    await world.sql('postgres', 'DROP TABLESPACE chaos');
    execFileSync('umount', ['-l', disk]);
  }
}

// ---- Redis ----------------------------------------------------------------------------------------------------

// Nothing fails, and whoever logged out stays so.
function redis(begin, heal) {
  return async (world) => {
    if (!world.redis) return { skipped: 'there is no redis-server' };
    const [gone, going, here] = await Promise.all([world.login(), world.login(), world.login()]);
    const logout = async (client) => assert.ok([200, 204, 303].includes((await client.post('/auth/logout')).status));
    await logout(gone);
    await begin(world);
    try {
      for (let i = 0; i < 20; i++) {
        const answer = await here.get(i % 2 ? one : '/api/v1/groups?pageSize=20');
        assert.equal(answer.status, 200, answer.text);
        assert.ok(answer.ms < 1_000 + late_ms, `it took ${answer.ms} ms`);
        if (i === 5) await logout(going);
        if (i > 5) assert.equal((await going.get('/api/v1/session')).status, 401);
        assert.equal((await gone.get('/api/v1/session')).status, 401);
      }
      (await world.login('bob')).close();
    } finally {
      await heal(world);
    }
    await world.healed();
    for (const client of [gone, going]) assert.equal((await client.get('/api/v1/session')).status, 401);
    assert.equal((await here.get('/api/v1/session')).status, 200);
    [gone, going, here].forEach((client) => client.close());
    return undefined;
  };
}
const redisLink = (kind, options) => redis((world) => world.link('redis', kind, options), (world) => world.link('redis', 'pass'));

// ---- rights ---------------------------------------------------------------------------------------------------

async function revoked(world) {
  const [alice, dave] = await Promise.all([world.login('alice'), world.login('dave')]);
  const policies = '/api/v1/realms/worker-acme/policies';
  const god = (await alice.get(policies)).json.policies.find(({ name }) => name === 'GOD');
  const made = await alice.post(`${policies}/${god.id}/children`,
    { name: `Káosz ${randomUUID().slice(0, 8)}`, statements: [{ groupId: 'kir-dev@kir-dev', actions: ['VIEW_GROUP'] }] });
  assert.equal(made.status, 200, made.text);
  for (let i = 0; i < 10; i++) {
    for (const [verb, status] of [['assign', 200], ['revoke', 403]]) {
      const answer = await alice.post(`${policies}/${made.json.id}:${verb}`, { userId: 'dave' });
      assert.equal(answer.status, 200, answer.text);
      assert.equal((await dave.get(one)).status, status, `the next read after ${verb}`);
    }
  }
  assert.equal((await alice.send('DELETE', `${policies}/${made.json.id}`)).status, 200);
  [alice, dave].forEach((client) => client.close());
  return '10 times';
}

// ---- overload -------------------------------------------------------------------------------------------------

// A realm that is far away: each call takes 200 ms of waiting and little work, so its capacity is that of the lines, and not of the machine. The peak is
// what clients get who come again when they are answered; then three times as many a second come, whatever becomes of the ones before.
async function overload(world) {
  const alice = await world.login();
  alice.agent.maxSockets = 150;
  const far = { ms: 100, jitter: 0 };
  await world.link('hub-acme', 'delay', far);
  try {
    const seconds = 5;
    let served = 0;
    let end = Date.now() + seconds * 1000;
    await Promise.all(Array.from({ length: 32 }, async () => {
      while (Date.now() < end) {
        if ((await alice.get(one)).status === 200) served++;
      }
    }));
    const peak = served / seconds;
    const refusals = [];
    const others = [];
    const open = new Set();
    let good = 0;
    const began = performance.now();
    for (let sent = 0; performance.now() - began < seconds * 1000;) {
      const due = ((performance.now() - began) / 1000) * peak * 3;
      for (; sent < due && open.size < 150; sent++) {
        const asked = alice.get(one).then(({ status, ms }) => {
          if (status === 200) good++;
          else if ([429, 503].includes(status)) refusals.push(ms);
          else others.push(status);
        }).finally(() => open.delete(asked));
        open.add(asked);
      }
      sent = Math.max(sent, Math.floor(due)); // who found no place did not come
      await sleep(5);
    }
    const goodput = good / seconds;
    await Promise.all(open);
    assert.deepEqual(others, []);
    assert.ok(refusals.length > 0, 'nobody was refused');
    assert.ok(goodput >= 0.8 * peak, `${goodput} a second, of ${peak}`);
    const refused = median(refusals);
    assert.ok(refused <= 50, `half of the refusals took more than ${refused} ms`);
    await sleep(5_000);
    const after = [];
    for (let i = 0; i < 10; i++) after.push((await alice.get(one)).ms);
    assert.ok(median(after) < 2 * 2 * far.ms + late_ms, `5 s later it takes ${median(after)} ms`);
    return `peak ${Math.round(peak)}/s, at three times that ${Math.round(goodput)}/s served, ${refusals.length} refused, half of them within ${Math.round(refused)} ms, p95 ${Math.round(quantile(refusals, 0.95))} ms`;
  } finally {
    await world.link('hub-acme', 'pass');
    alice.close();
  }
}

// ---- the checker itself ---------------------------------------------------------------------------------------

// Each thing that it is to notice is done to what a history left, and undone.
async function checkerNotices(world) {
  const history = new History(world);
  await history.begin({ lanes: 1 });
  await sleep(2_000);
  await history.end();
  assert.deepEqual([...history.violations, ...(await writes(world, history)), ...(await tables(world))], []);
  const write = history.writes.find(({ realm, what }) => realm === 'worker-acme' && what.description);
  const sql = (text) => world.sql('worker-acme', text);
  const id = `realm = 'worker-acme' AND id = '${write.what.group}'`;
  const key = `realm = 'worker-acme' AND key = '${write.key}'`;
  const said = `realm = 'worker-acme' AND target_kind = 'group' AND target_id = '${write.what.group}'`;
  for (const [what, wrong, right] of [
    ['I1', `UPDATE pek.realm_group SET description = 'x' || description WHERE ${id}`, `UPDATE pek.realm_group SET description = substr(description, 2) WHERE ${id}`],
    ['I2', `UPDATE pek.idempotency SET key = key || 'x' WHERE ${key}`, `UPDATE pek.idempotency SET key = left(key, -1) WHERE ${key.slice(0, -1)}x'`],
    ['I2', `INSERT INTO pek.audit_log (actor, action, target_kind, target_id) VALUES ('x', 'group.update', 'group', '${write.what.group}')`,
      `DELETE FROM pek.audit_log WHERE actor = 'x' AND ${said}`],
  ]) {
    await sql(wrong);
    const found = await writes(world, history);
    await sql(right);
    assert.ok(found.some((line) => line.startsWith(what)), `not noticed: ${wrong}`);
  }
  assert.deepEqual(await writes(world, history), []);
  history.close();
}

// ---- the table ------------------------------------------------------------------------------------------------

export const rows = [
  {
    row: 'one of three workers dead, stopped, slow, or unreachable',
    cases: [
      { name: 'worker-dead', run: (world) => realmIsLost(world, () => world.kill(lost), () => world.startAgain(lost)) },
      { name: 'worker-stopped', run: (world) => realmIsLost(world, () => world.federation.signal(lost, 'SIGSTOP'), () => world.federation.signal(lost, 'SIGCONT')) },
      { name: 'worker-slow', run: byLink('delay', { ms: 6_000, jitter: 500 }) },
      { name: 'worker-unreachable', run: byLink('rst') },
      { name: 'worker-frozen', run: byLink('freeze') },
      { name: 'worker-half-open', run: byLink('half-open') },
      { name: 'worker-frozen-p99', run: frozenRealm },
    ],
    elsewhere: ['tests/e2e/faults.test.mjs', 'tests/integration/outages_test.c: breaker_opens_after_five_of_ten_and_one_probe_closes_it'],
  },
  {
    row: 'worker killed in mid-stream',
    cases: [
      { name: 'mid-stream', run: midStream },
      { name: 'streams-broken', run: streamsBroken },
      { name: 'streams-stalled', run: streamsStalled },
      { name: 'streams-million', run: streamsMillion, whenNamed: true },
    ],
    elsewhere: ['tests/integration/rude_answers_test.c: stream_ends_with_an_error_and_resumes, events_resume_by_last_event_id',
      'tests/integration/streams_test.c', 'tests/e2e/leavers.test.mjs'],
  },
  {
    row: 'worker killed between COMMIT and answer',
    cases: [{ name: 'lost-answer', run: lostAnswer }],
    elsewhere: ['tests/integration/lost_answer_test.c'],
  },
  {
    row: "worker answers garbage, an oversize message, invalid UTF-8, another realm's object",
    cases: [{ name: 'garbage', run: garbage }],
    elsewhere: ['tests/integration/rude_answers_test.c, worst_realm_test.c, hostile_test.c'],
  },
  { row: 'hub killed in mid-write', cases: [{ name: 'hub-killed', run: hubKilled }] },
  {
    row: 'SIGTERM under load (hub, worker)',
    cases: [{ name: 'drain-hub', run: drainedHub }, { name: 'drain-worker', run: drainedWorker }],
    elsewhere: ['tests/e2e/drain.test.mjs'],
  },
  {
    row: 'PostgreSQL restarted, backend killed, out of connections, disk full, serialization failure, deadlock',
    cases: [
      { name: 'postgres-fast', run: postgresFast },
      { name: 'postgres-immediate', run: postgresImmediate },
      { name: 'postgres-backends', run: backendsEnded },
      { name: 'postgres-connections', run: noConnections },
      { name: 'postgres-frozen', run: databaseLink('freeze') },
      { name: 'postgres-half-open', run: databaseLink('half-open') },
      { name: 'postgres-garbage', run: databaseLink('garbage') },
      { name: 'postgres-hub-frozen', run: hubsDatabaseLink('freeze') },
      { name: 'postgres-hub-garbage', run: hubsDatabaseLink('garbage') },
      { name: 'primary-lost', run: primaryLost(ByHand) },
      { name: 'primary-lost-patroni', run: primaryLost(Patroni) },
      { name: 'disk-full', run: diskFull },
    ],
    elsewhere: ['shared/pg/transaction_test.c: a_serialization_failure_runs_the_whole_again', 'shared/pg/fault_test.c', 'tests/e2e/faults.test.mjs'],
  },
  {
    row: 'Redis down, slow, flushed',
    cases: [
      { name: 'redis-down', run: redis((world) => world.redis.kill('SIGKILL'), (world) => world.startRedis()) },
      { name: 'redis-slow', run: redisLink('delay', { ms: 2_000, jitter: 1_000 }) },
      { name: 'redis-frozen', run: redisLink('freeze') },
      { name: 'redis-half-open', run: redisLink('half-open') },
      { name: 'redis-garbage', run: redisLink('garbage') },
    ],
    elsewhere: ['tests/e2e/hubs.test.mjs (also flushed)'],
  },
  { row: "key rotated (hub's, a worker's), certificate renewed", cases: [], elsewhere: ['tests/e2e/rotation.test.mjs', 'tests/e2e/tls.test.mjs'] },
  {
    row: 'policy revoked',
    cases: [{ name: 'policy-revoked', run: revoked }],
    elsewhere: ['tests/e2e/policies.test.mjs', 'tests/e2e/access.test.mjs'],
  },
  { row: 'overload, three times capacity', cases: [{ name: 'overload', run: overload }], elsewhere: ['tests/integration/shares_test.c'] },
  { row: 'the checker notices what is wrong', cases: [{ name: 'checker', run: checkerNotices }] },
  { row: 'AuthSCH down, slow, lying', cases: [], elsewhere: ['tests/e2e/login_provider.test.mjs'] },
];
