// Long lists, and what happens to them on their way: programs die, readers stop, are slow or many.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { nameOf } from '../e2e/lib/http.mjs';
import { heal_seconds, programs, realms, sleep, until } from './world.mjs';

const list = '/api/v1/groups';
const longest = 20_000; // characters of a description

// So many groups in each realm, in one order over all of them; one in `large` is as large as they may be, in letters of 3 and 4 bytes.
async function withGroups(world, count, large, body) {
  // Without triggers: nobody searches for these.
  const fill = (realm) => world.sql(realm, `SET session_replication_role = replica;
    INSERT INTO pek.realm_group (realm, id, name, unique_key, folded, sort_key, purpose, description)
    SELECT '${realm}', format('flow@f%s', lpad(n::text, 7, '0')), format('Folyam %s', n), format('flow%s', n), format('folyam %s', n),
           decode('7f' || lpad(to_hex(n), 8, '0'), 'hex'), 3,
           CASE WHEN n % ${large} = 0 THEN repeat(CASE WHEN n % 2 = 0 THEN '😀' ELSE '漢' END, ${longest}) ELSE '' END
      FROM generate_series(1, ${count}) AS n;
    ANALYZE pek.realm_group`);
  const clear = (realm) => world.sql(realm, "SET session_replication_role = replica; DELETE FROM pek.realm_group WHERE id LIKE 'flow@f%'");
  try {
    await Promise.all(realms.map(fill));
    return await body();
  } finally {
    await Promise.all(realms.map(clear));
  }
}

// The n-th of them: of each number one in each realm, in the order of their names.
const nthOf = (n) => `${realms[n % realms.length]}/flow@f${String(Math.floor(n / realms.length) + 1).padStart(7, '0')}`;

function assertInOrder(names, count) {
  assert.equal(names.length, count * realms.length, 'a gap or a repetition');
  const wrong = names.findIndex((name, n) => name !== nthOf(n));
  assert.equal(wrong, -1, `the ${wrong}th is ${names[wrong]}, not ${nthOf(wrong)}`);
}

// Reads a list as lines. `took(n, response)` is awaited behind each chunk; it may pause, or break the connection off. Resolves to the
// names up to the last line with a cursor, that cursor, and the last line, if it came: what is behind the cursor comes again.
async function readLines(client, cursor, took = () => {}) {
  const path = cursor ? `${list}?pageToken=${encodeURIComponent(cursor)}` : list;
  const response = await client.open('GET', path, { headers: { accept: 'application/x-ndjson' }, agent: new http.Agent() });
  const read = { names: [], cursor, last: undefined, count: 0, bytes: 0 };
  if (response.statusCode !== 200) {
    assert.ok([502, 503, 504].includes(response.statusCode), `${response.statusCode}`);
    response.destroy();
    await sleep(200);
    return read;
  }
  let rest = '';
  let open = [];
  try {
    for await (const chunk of response.setEncoding('utf8')) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop();
      read.bytes += chunk.length;
      for (const line of lines) {
        const parsed = JSON.parse(line);
        if (parsed.result) open.push(nameOf(parsed.result));
        else read.last = parsed;
        read.count += parsed.result ? 1 : 0;
        if (!parsed.cursor && !parsed.end) continue;
        read.cursor = parsed.cursor ?? '';
        read.names.push(...open.filter((name) => name.includes('/flow@f')));
        open = [];
      }
      await took(read, response);
    }
  } catch (error) {
    if (!['ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE'].includes(error.code)) throw error;
  }
  assert.ok(!read.last || (rest === '' && open.length === 0), `something follows the last line: ${rest}`);
  return read;
}

// To the end, however often it breaks off.
async function readOn(client, read, times = 20) {
  const names = [...read.names];
  let parts = 0;
  for (; !read.last?.end; parts++) {
    assert.ok(parts < times, `no end after ${times} parts: ${JSON.stringify(read.last)}`);
    assert.ok(read.cursor, `no cursor: ${JSON.stringify(read.last)}`);
    read = await readLines(client, read.cursor).catch(async (error) => {
      if (error.code !== 'ECONNREFUSED') throw error;
      await sleep(100);
      return { ...read, names: [] };
    });
    names.push(...read.names);
  }
  assert.deepEqual(read.last.end.unreachable, []);
  return { names, parts };
}

// ---- what dies in the middle of a list ------------------------------------------------------------------------

const deaths = {
  'the hub is killed': async (world) => {
    await world.kill('pek-hub');
    await world.startAgain('pek-hub');
  },
  'the hub is stopped': (world) => world.startAgain('pek-hub'),
  'a worker is killed': async (world) => {
    await world.kill('worker-acme');
    await world.startAgain('worker-acme');
  },
  'a worker is stopped': (world) => world.startAgain('worker-acme'),
  'PostgreSQL is restarted': (world) => world.startAgain('postgres'),
  'the backends end': (world) => world.endBackends(),
};

// The reader stops in the middle, so that what happens does so in the middle of what the programs have to say.
export async function streamsBroken(world) {
  const count = 20_000;
  const told = [];
  await withGroups(world, count, 500, async () => {
    const alice = await world.login();
    for (const [what, happen] of Object.entries(deaths)) {
      let done = false;
      const first = await readLines(alice, '', async (read) => {
        if (done || read.count < count / 4) return;
        done = true;
        await happen(world);
        await world.healed(30);
      });
      assert.ok(done, 'nothing happened in the middle');
      await until(heal_seconds, 'a list of all realms, in the session of before', () => world.isWhole(alice));
      const { names, parts } = await readOn(alice, first);
      // Others go on without a realm that broke off, whose rest comes behind theirs.
      if (/hub/.test(what)) assertInOrder(names, count);
      else assertInOrder(realms.map((realm) => names.filter((name) => name.startsWith(`${realm}/`)))
        .reduce((all, own) => (own.forEach((name, n) => (all[n * realms.length + realms.indexOf(name.split('/')[0])] = name)), all), []), count);
      told.push(`${what}: ${first.names.length} and ${parts} more`);
    }
    alice.close();
  });
  return told.join('; ');
}

// ---- readers who stop -----------------------------------------------------------------------------------------

const longReads = (world, realm) => world.sql(realm, `SELECT json_build_object('running', count(*) FILTER (WHERE state <> 'idle'),
    'idle_s', min(extract(epoch FROM now() - state_change))) FROM pg_stat_activity
  WHERE application_name = 'pek long read' AND datname = current_database() AND query NOT LIKE '%pg_stat_activity%'`);

// Memory that is a program's own, in MiB; of PostgreSQL that of the backends of long reads together.
const anonymous = (pid) => Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/^RssAnon:\s+(\d+)/m)[1]) / 1024;
async function memory(world) {
  const own = Object.fromEntries(programs.map((program) => [program, anonymous(world.federation.pid(program))]));
  const pids = await world.sql('worker-acme', "SELECT coalesce(json_agg(pid), '[]') FROM pg_stat_activity WHERE application_name = 'pek long read'");
  return { ...own, postgres: pids.reduce((sum, pid) => sum + anonymous(pid), 0) };
}

const growth = (before, now) => Object.fromEntries(Object.keys(before).map((name) => [name, Math.round(now[name] - before[name])]));

// Thirty readers of the largest items stop. Nothing is read for them, nobody else waits, they cost a bounded amount each, and
// the hub ends them when they have taken nothing for 30 s; what they had leads on.
export async function streamsStalled(world) {
  const count = 4_000, readers = 30, each_mib = 2.5;
  let told;
  await withGroups(world, count, 4, async () => {
    const alice = await world.login();
    const carol = await world.login('carol');
    const search = async () => {
      const answer = await carol.get(`${list}?q=a&pageSize=20`);
      assert.equal(answer.status, 200, answer.text);
      return answer.ms;
    };
    await readLines(alice, ''); // what programs keep is there
    await search();
    const before = await memory(world);
    let go;
    const going = new Promise((resolve) => (go = resolve));
    const stalled = [];
    // One after the other: what a user's own line is too long for is refused.
    for (let i = 0; i < readers; i++) {
      await new Promise((begun, refused) => {
        stalled.push(readLines(alice, '', () => (begun(), going)));
        stalled[i].catch(refused);
      });
    }
    await until(20, 'nothing is read any more', async () =>
      (await Promise.all(realms.map((realm) => longReads(world, realm)))).every(({ running, idle_s }) => running === 0 && idle_s > 1));
    const times = [];
    for (let i = 0; i < 40; i++) times.push(await search());
    const slowest = Math.max(...times);
    assert.ok(slowest < 1_000, `a search of another took ${Math.round(slowest)} ms`);
    const held = growth(before, await memory(world));
    for (const [program, mib] of Object.entries(held)) {
      assert.ok(mib < readers * each_mib + 16, `${program} holds ${mib} MiB for ${readers} readers who stopped`);
    }
    await until(45, 'they are ended', async () => (await world.metric('pek_hub_instance_in_flight\\{realm="worker-acme"\\}')) === 0);
    go();
    const parts = await Promise.all(stalled);
    // Where their time was up before, there is a last line that says so.
    for (const { last, cursor } of parts) assert.ok(!last?.end && cursor, `a stalled stream ended with ${JSON.stringify(last)}, '${cursor}'`);
    const { names } = await readOn(alice, parts[0]);
    assertInOrder(names, count);
    told = `${readers} readers hold ${JSON.stringify(held)} MiB; another's searches took ${Math.round(slowest)} ms at most`;
    alice.close();
    carol.close();
  });
  return told;
}

// ---- a million ------------------------------------------------------------------------------------------------

// A reader at full speed beside one of 10 KB/s, over a million and more items; memory is looked at twice a second.
export async function streamsMillion(world) {
  const count = 350_000, grown_mib_max = 24, warm = 50_000, slow_bytes_per_s = 10_240;
  let told;
  await withGroups(world, count, 1_000, async () => {
    const alice = await world.login();
    let stop = false;
    let slow = { names: [] };
    const slowly = (async () => {
      const began = performance.now();
      slow = await readLines(alice, '', async ({ bytes }, response) => {
        if (stop) response.destroy();
        while (!stop && bytes / slow_bytes_per_s > (performance.now() - began) / 1000) await sleep(100);
      });
    })();
    const state = { peak: {}, samples: 0, count: 0, parts: 0 };
    const sampling = (async () => {
      while (!stop) {
        await sleep(500);
        if (state.count < warm) continue;
        const now = await memory(world);
        state.before ??= now;
        for (const [name, mib] of Object.entries(now)) state.peak[name] = Math.max(state.peak[name] ?? 0, mib);
        state.samples++;
      }
    })();
    const began = performance.now();
    let next = 0, part = { cursor: '' };
    try {
      while (!part.last?.end) {
        assert.ok(state.parts++ < 40 && (state.parts === 1 || part.cursor), `no end: ${JSON.stringify(part.last)}`);
        if (part.last) assert.equal(part.last.error.status, 'DEADLINE_EXCEEDED', JSON.stringify(part.last));
        part = await readLines(alice, part.cursor, (read) => {
          state.first_ms ??= performance.now() - began;
          // Not a million names in this program's memory: each is looked at when it is certain.
          for (const name of read.names) assert.equal(name, nthOf(next++));
          read.names.length = 0;
          state.count = next;
        });
        part.names.forEach((name) => assert.equal(name, nthOf(next++)));
      }
    } finally {
      stop = true;
      await Promise.all([slowly, sampling]);
    }
    assert.equal(next, count * realms.length);
    assert.deepEqual(part.last.end.unreachable, []);
    slow.names.forEach((name, n) => assert.equal(name, nthOf(n)));
    assert.ok(state.samples > 10, `${state.samples} samples`);
    const grown = growth(state.before, state.peak);
    const seconds = (performance.now() - began) / 1000;
    told = `${next} items in ${Math.round(seconds)} s and ${state.parts} parts, the first after ${Math.round(state.first_ms)} ms; `
      + `memory grew by ${JSON.stringify(grown)} MiB beyond ${JSON.stringify(growth({ ...state.before, ...Object.fromEntries(Object.keys(state.before).map((name) => [name, 0])) }, state.before))}`;
    for (const [name, mib] of Object.entries(grown)) assert.ok(mib <= grown_mib_max, `${name}: ${told}`);
    alice.close();
  });
  return told;
}
