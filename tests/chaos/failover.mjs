// The primary of the database is lost under load, the hub's and the realms' at once, and its standby takes over.
import assert from 'node:assert/strict';
import { isolation, notifications, tables, writes } from './checker.mjs';
import { History } from './history.mjs';
import { heal_seconds, programs, sleep, until } from './world.mjs';

const configurations = ['hub', ...programs];
const one = '/api/v1/realms/worker-acme/groups/kir-dev@kir-dev';
const reads = [one, '/api/v1/realms/hub/groups/vik@vik', '/api/v1/groups?pageSize=20', '/api/v1/groups?q=k%C3%B6r&pageSize=20', '/api/v1/session'];

// Past the proxies, to both; answers what undoes it.
async function useBoth(world, { first, second }) {
  const before = new Map(configurations.map((name) => [name, world.configuration(name)]));
  const list = [first, second];
  const hosts = (servers) => `host=${servers.map(({ sockets }) => sockets)} port=${servers.map(({ port }) => port)}`;
  for (const name of configurations) {
    world.configure(name, (text) => text.replace(/^(database(?:_owner)? = ")host=\S+/gm, `$1${hosts(list)} target_session_attrs=primary`)
      .replace(/^database = "host=\S+ port=\S+ \S+ (.*)"$/m, `$&\ndatabase_standby = "${hosts([...list].reverse())} $1"`));
  }
  for (const program of [...programs.slice(1), programs[0]]) await world.startAgain(program);
  await world.healed(60);
  return () => before.forEach((text, name) => world.configure(name, () => text));
}

// Reads all the time: when each sweep was over, and what failed in it.
class Reader {
  sweeps = [];

  constructor(client) {
    this.client = client;
    this.ended = this.read();
  }

  async read() {
    while (!this.stopping) {
      const failed = [];
      for (const path of reads) {
        const { status, text, json } = await this.client.get(path);
        if (status !== 200 || json.unreachable?.length > 0) failed.push(`${path}: ${status} ${text.slice(0, 200)}`);
      }
      this.sweeps.push({ at: performance.now(), failed });
      await sleep(20);
    }
  }

  // The longest time without a sweep in which all was answered, in ms, between two moments.
  gap(from, to) {
    const good = this.sweeps.filter(({ at, failed }) => at > from && at < to && failed.length === 0).map(({ at }) => at);
    return Math.round(Math.max(...[...good, to].map((at, index) => at - (good[index - 1] ?? from))));
  }
}

async function refusedWrite(client) {
  const began = performance.now();
  const answer = await client.patch(`${one}?updateMask=description`, { description: 'x' });
  assert.equal(answer.status, 503, answer.text);
  assert.equal(answer.json.error.details?.[0]?.reason, 'NO_PRIMARY', answer.text);
  assert.equal(answer.headers['retry-after'], '1');
  assert.ok(performance.now() - began < 1000, 'a refusal that takes long');
}

async function lose(world, pair, history, client) {
  const done = () => history.writes.filter(({ outcome }) => outcome === 'acknowledged').length;
  const reader = new Reader(client);
  await sleep(1_500);
  const before = done();
  assert.deepEqual(reader.sweeps.flatMap(({ failed }) => failed), []);
  await pair.lose();
  const lost = performance.now();
  await until(5, 'changes are refused', () => world.metric('pek_pg_without_primary\\{database="hub"\\}').then((value) => value === 1));
  await sleep(heal_seconds * 1000);
  await refusedWrite(client);
  const [at_lost, at_promotion] = [done(), performance.now()];
  await pair.takeOver();
  await until(pair.takes_over_seconds, 'changes are taken', () => done() > at_lost + 6);
  const back = performance.now();
  [world.sockets, world.postgres_port] = [pair.second.sockets, pair.second.port];
  await world.healed();
  reader.stopping = true;
  await reader.ended;
  const gaps = [reader.gap(lost, at_promotion), reader.gap(at_promotion, performance.now())];
  const failed = reader.sweeps.flatMap((sweep) => sweep.failed);
  assert.ok(gaps.every((ms) => ms <= heal_seconds * 1000), `no reads for ${gaps} ms: ${failed}`);
  return [`${before} changes before`, `at most ${gaps[0]} ms without all reads at the loss, ${gaps[1]} ms at the promotion`,
    `${failed.length} of ${reads.length * reader.sweeps.length} reads failed`,
    `changes taken ${Math.round(back - lost)} ms after the loss, ${Math.round(back - at_promotion)} ms after ${pair.asked}`].join('; ');
}

// Nobody writes to the former primary, also when all connections are made anew.
async function comeBack(world, pair) {
  await pair.comeBack();
  await world.endBackends();
  await sleep(3_000);
  await world.healed();
  const used = await pair.first.sql("SELECT count(*) FROM pg_stat_activity WHERE usename LIKE 'pek\\_%' AND application_name LIKE 'pek transaction%'");
  assert.equal(used, '0', 'the former primary is used for changes');
  await pair.endFormer();
}

export const primaryLost = (Engine) => async (world) => {
  if (Engine.lacks()) return { skipped: Engine.lacks() };
  const pair = (world.pair = new Engine(world));
  const history = new History(world);
  let undo;
  const client = await world.login();
  try {
    await pair.start();
    undo = await useBoth(world, pair);
    await history.begin();
    let told = await lose(world, pair, history, client);
    await comeBack(world, pair);
    // The new primary goes as well, when the former one has just become its standby.
    if (pair.swap) {
      await pair.swap();
      told += `; of the second loss: ${await lose(world, pair, history, client)}`;
    }
    await history.end();
    const broken = [...history.violations];
    for (const check of [writes, isolation, tables, notifications]) broken.push(...(await check(world, history)));
    assert.deepEqual(broken, []);
    return `${told}; ${history.summary()}`;
  } catch (error) {
    if (history.jobs) await history.end(0);
    throw new Error([error.stack, ...history.violations, JSON.stringify(history.counts)].join('\n'));
  } finally {
    history.clients?.forEach((one) => one.close());
    client.close();
    await giveBack(world, pair, undo);
  }
};

async function giveBack(world, pair, undo) {
  for (const program of programs) if (world.runs(program)) await world.kill(program);
  await pair.giveBack();
  world.pair = undefined;
  undo?.();
  [world.sockets, world.postgres_port] = [pair.first.sockets, undefined];
  await world.startAgain('postgres');
  for (const program of [...programs.slice(1), programs[0]]) await world.startAgain(program);
  await world.healed(60);
}
