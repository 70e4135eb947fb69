// The combined run: clients that keep their history, and faults at random, which the seed makes again.
import { checks, leftovers } from './checker.mjs';
import { History } from './history.mjs';
import { Dice, heal_seconds, programs, sleep, until } from './world.mjs';

// What a fault takes: nothing else happens to that meanwhile. `begin` answers what heals it.
const faults = {
  'kill worker': { of: programs.slice(1), begin: async (world, program) => {
    await world.kill(program);
    return () => world.startAgain(program);
  } },
  'stop worker': { of: programs.slice(1), begin: (world, program) => {
    world.federation.signal(program, 'SIGSTOP');
    return () => world.federation.signal(program, 'SIGCONT');
  } },
  'restart worker': { of: programs.slice(1), lasts: 0, begin: (world, program) => () => world.startAgain(program) },
  'kill hub': { of: ['pek-hub'], begin: async (world) => {
    await world.kill('pek-hub');
    return () => world.startAgain('pek-hub');
  } },
  'stop hub': { of: ['pek-hub'], begin: (world) => {
    world.federation.signal('pek-hub', 'SIGSTOP');
    return () => world.federation.signal('pek-hub', 'SIGCONT');
  } },
  'restart hub': { of: ['pek-hub'], lasts: 0, begin: (world) => () => world.startAgain('pek-hub') },
  'postgres fast': { of: ['postgres'], lasts: 0, begin: (world) => () => world.startAgain('postgres') },
  'postgres immediate': { of: ['postgres'], begin: async (world) => {
    await world.stopPostgres('SIGQUIT');
    return () => world.startAgain('postgres');
  } },
  'backends ended': { of: ['postgres'], lasts: 0, begin: (world) => () => world.endBackends() },
  'no connections': { of: ['postgres'], begin: async (world) => {
    await world.limitConnections('worker-acme', 1);
    await world.endBackends("usename = 'pek_worker_acme'");
    return () => world.limitConnections('worker-acme', -1);
  } },
  'redis gone': { of: ['redis'], begin: (world) => {
    world.redis?.kill('SIGKILL');
    return () => world.startRedis();
  } },
};
const kinds = [
  ['delay', (dice) => ({ ms: dice.between(20, 400), jitter: dice.between(0, 200) })],
  ['cut', (dice) => ({ bytes: dice.between(0, 20_000) })],
  ['rst', () => ({})],
  ['garbage', () => ({})],
  ['freeze', () => ({})],
  ['half-open', () => ({})],
];

// Lines {at, lasts, what, on, options} in ms from the beginning. A fault waits until what it is done to is whole again.
export function schedule(seed, minutes, links) {
  const dice = new Dice(seed);
  const made = [];
  const end = minutes * 60_000 - 8_000;
  const busy = {};
  for (let at = 1_000; at < end; at += dice.between(500, 5_000)) {
    let what;
    let on;
    let options;
    if (dice.next() < 0.5) {
      what = dice.of(Object.keys(faults));
      on = dice.of(faults[what].of);
    } else {
      const [kind, make] = dice.of(kinds);
      what = kind;
      on = dice.of(links);
      options = make(dice);
    }
    const lasts = faults[what]?.lasts ?? dice.between(300, 7_000);
    if ((busy[on] ?? 0) > at) continue;
    busy[on] = at + lasts + 3_000;
    made.push({ at, lasts, what, on, options });
  }
  return made;
}

export function told({ at, lasts, what, on, options }) {
  return `${(at / 1000).toFixed(1).padStart(7)} s  ${what} ${on}${options ? ` ${JSON.stringify(options)}` : ''}${lasts ? ` for ${lasts / 1000} s` : ''}`;
}

async function suffer(world, { at, lasts, what, on, options }, began) {
  await sleep(Math.max(0, began + at - Date.now()));
  if (!faults[what]) {
    await world.link(on, what, options);
    await sleep(lasts);
    await world.link(on, 'pass');
    return;
  }
  const heal = await faults[what].begin(world, on);
  await sleep(lasts);
  await heal();
}

// Answers what was violated, lines.
export async function combined(world, { seed, minutes, say }) {
  const plan = schedule(seed, minutes, world.links);
  say(`seed ${seed}, ${minutes} min, ${plan.length} faults:`);
  plan.forEach((line) => say(told(line)));
  const broken = [];

  // As warm as it will be, and then with nobody there.
  const warm = new History(world);
  await warm.begin();
  await sleep(8_000);
  await warm.end();
  warm.close();
  await sleep(2_000);
  const before = world.footprint();

  const history = new History(world);
  await history.begin();
  const began = Date.now();
  // One after the other of what is done to the same: two that start a program again at a time would lose one of it.
  const last = {};
  const failures = await Promise.allSettled(plan.map((line) =>
    (last[line.on] = Promise.allSettled([last[line.on]]).then(() => suffer(world, line, began)))));
  failures.filter(({ status }) => status === 'rejected').forEach(({ reason }) => broken.push(`a fault could not be made: ${reason.message}`));
  await sleep(Math.max(0, began + minutes * 60_000 - 8_000 - Date.now()));
  // Healed: reads are back, and writes go on.
  const healing = Date.now();
  const done = () => history.writes.filter(({ outcome }) => outcome === 'acknowledged').length;
  await world.healed().then((ms) => say(`all realms are back after ${Math.round(ms)} ms`), (error) => broken.push(error.message));
  const before_writes = done();
  await until(heal_seconds, 'writes go on', () => done() > before_writes + 6).catch((error) => broken.push(error.message));
  await sleep(Math.max(0, healing + 8_000 - Date.now()));
  await history.end();

  const { writes, violations, cursors } = history;
  const tries = writes.reduce((sum, write) => sum + write.tries, 0);
  say(`${writes.length} writes in ${tries} tries, ${done()} acknowledged; ${cursors.length} cursors kept; slowest answer ${Math.round(history.slowest)} ms`);
  say(history.summary());
  broken.push(...violations);
  for (const [name, check] of checks) {
    const found = await Promise.resolve().then(() => check(world, history)).catch((error) => [`${name}: it could not be asked: ${error.message}`]);
    say(`${found.length === 0 ? 'holds ' : 'BROKEN'}  ${name}`);
    broken.push(...found);
  }
  history.close();
  const left = await leftovers(world, before);
  say(`${left.length === 0 ? 'holds ' : 'BROKEN'}  nothing is left behind: ${JSON.stringify(world.footprint())}`);
  return [...broken, ...left];
}
