// ./dev chaos: the cases of the fault table, and the combined run. deploy/dev/chaos.sh has the help.
import { mkdtempSync, rmSync, chmodSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { combined } from './combined.mjs';
import { rows } from './rows.mjs';
import { World } from './world.mjs';

const { values } = parseArgs({ options: {
  seed: { type: 'string', multiple: true }, minutes: { type: 'string', default: '2' }, only: { type: 'string', multiple: true }, list: { type: 'boolean' },
  port: { type: 'string' }, keep: { type: 'boolean' },
} });
const say = (line) => console.log(line);

if (values.list) {
  for (const { row, cases, elsewhere } of rows) {
    say(row);
    for (const { name, whenNamed } of cases) say(`    ${name}${whenNamed ? ' (when it is named)' : ''}`);
    for (const place of elsewhere ?? []) say(`    see ${place}`);
  }
  say('all together\n    combined');
  process.exit(0);
}

const all = rows.flatMap(({ cases }) => cases);
const wanted = values.only ?? [...(values.seed === undefined ? all.filter(({ whenNamed }) => !whenNamed).map(({ name }) => name) : []), 'combined'];
for (const name of wanted) {
  if (name !== 'combined' && !all.some((one) => one.name === name)) {
    console.error(`dev: there is no case '${name}'; ./dev chaos --list has them`);
    process.exit(1);
  }
}

const folder = mkdtempSync('/tmp/pek-chaos.');
chmodSync(folder, 0o755);
const world = new World();
const failed = [];
const skipped = [];
let held = 0;
let stopped = false;
async function stop() {
  if (stopped) return;
  stopped = true;
  await world.stop();
  if (values.keep || failed.length > 0) say(`data and logs are in ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
}
process.on('uncaughtException', (error) => {
  failed.push('the run itself');
  say(error.stack);
  stop().finally(() => process.exit(1));
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop().finally(() => process.exit(130)));

try {
  await world.start(folder, Number(values.port));
  for (const name of wanted.filter((one) => one !== 'combined')) {
    const began = performance.now();
    const time = () => `${((performance.now() - began) / 1000).toFixed(1)} s`;
    try {
      const result = await all.find((one) => one.name === name).run(world);
      if (result?.skipped) skipped.push(name);
      else held++;
      say(`${result?.skipped ? 'skipped' : 'ok     '} ${name}, ${time()}${result?.skipped ? `: ${result.skipped}` : result ? `: ${result}` : ''}`);
    } catch (error) {
      failed.push(name);
      say(`FAILED  ${name}, ${time()}: ${error.message}`);
      if (error.code !== 'ERR_ASSERTION') say(error.stack);
    }
    try {
      await world.mend();
    } catch (error) {
      failed.push(`all after ${name}`);
      throw error;
    }
  }
  const seeds = wanted.includes('combined') ? (values.seed ?? [String(Math.floor(Math.random() * 1e9))]) : [];
  for (const seed of seeds) {
    const broken = await combined(world, { seed, minutes: Number(values.minutes), say });
    broken.forEach((line) => say(`violated: ${line}`));
    if (broken.length > 0) {
      failed.push(`combined, seed ${seed}`);
      say(`again: ./dev chaos --seed ${seed} --minutes ${values.minutes}`);
      await world.mend();
    } else {
      held++;
      say('all invariants hold');
    }
  }
} catch (error) {
  if (failed.length === 0) failed.push('the run itself');
  say(error.stack);
} finally {
  await stop();
}
say(`${held} held, ${failed.length} failed, ${skipped.length} skipped${failed.length ? `: ${failed.join('; ')}` : ''}`);
process.exit(failed.length > 0 ? 1 : 0);
