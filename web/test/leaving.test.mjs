// Going elsewhere while something is not saved, with a history that only writes down what it is told.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { source } from './source.mjs';

const { askBeforeLeaving, leaveBy } = await source('leaving.ts');

function unsaved() {
  const page = { asked: [], went: [] };
  const history = {
    block: (blocker) => {
      page.blocker = blocker;
      return () => delete page.blocker;
    },
    go: (...way) => page.went.push(['go', ...way]),
    push: (...way) => page.went.push(['push', ...way]),
    replace: (...way) => page.went.push(['replace', ...way]),
  };
  page.end = askBeforeLeaving(history, (go) => page.asked.push(go));
  return page;
}

const at = (index) => ({ href: `/${index}`, state: { __TSR_index: index } });
const ignoreBlocker = { ignoreBlocker: true };

it('stays where it is while somebody is asked, however often they go back meanwhile', async () => {
  const page = unsaved();
  const back = { currentLocation: at(5), nextLocation: at(4), action: 'BACK' };
  for (const _ of [1, 2]) assert.equal(await page.blocker.blockerFn(back), true, 'no answer is waited for');
  assert.deepEqual(page.went, []);
  await page.asked.at(-1)();
  assert.deepEqual(page.went, [['go', -1, ignoreBlocker]]);
  page.end();
});

it('goes where somebody wanted to go', async () => {
  const page = unsaved();
  for (const action of ['PUSH', 'REPLACE', 'FORWARD']) {
    page.blocker.blockerFn({ currentLocation: at(1), nextLocation: at(2), action });
    await page.asked.at(-1)();
  }
  assert.deepEqual(page.went, [
    ['push', '/2', at(2).state, ignoreBlocker],
    ['replace', '/2', at(2).state, ignoreBlocker],
    ['go', 1, ignoreBlocker],
  ]);
  page.end();
});

it('asks before it logs out, and asks once', async () => {
  const page = unsaved();
  let done = 0;
  await leaveBy(async () => done++);
  assert.equal(done, 0, 'nobody has answered yet');
  assert.equal(page.blocker.enableBeforeUnload(), true);
  await page.asked[0]();
  assert.equal(done, 1);
  assert.equal(page.blocker.enableBeforeUnload(), false, 'the browser does not ask as well');
  page.end();
  await leaveBy(async () => done++);
  assert.equal(done, 2, 'with nothing to lose nobody is asked');
});

it('protects what is not saved when logging out fails', async () => {
  const page = unsaved();
  await leaveBy(() => Promise.reject(new Error('no network')));
  await assert.rejects(page.asked[0], /no network/);
  assert.equal(page.blocker.enableBeforeUnload(), true);
  page.end();
});
