// Every page of the site: for those who do not see it, on a phone, and with names that mean harm.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, describe, it } from 'node:test';
import { theFederation } from './lib/federation.mjs';
import { login } from './lib/http.mjs';
import { hostile, hostileBoard, hostileGroup, pagesOf, show } from './lib/pages.mjs';
import { Visitor, launch, skipped } from './lib/site.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const federation = theFederation();
const site = `http://127.0.0.1:${federation.port}`;
const suffix = Date.now().toString(36);
// What is not there is refused by the API, and a browser complains of that by itself.
const missing = [/404/];

describe('every page of the site', skipped, () => {
  let browser;
  let api;
  let group;
  let board;
  let restore;
  let pages;

  before(async () => {
    browser = await launch();
    api = await login(federation.port, 'alice');
    group = await hostileGroup(api, suffix);
    ({ board, restore } = await hostileBoard(api, group));
    pages = pagesOf(group, board);
  });
  after(async () => {
    await browser?.close();
    await restore?.();
    api?.close();
  });

  async function visit(options, look) {
    const visitor = await Visitor.open(browser, site, options);
    await visitor.logIn('alice', '/sessions');
    for (const [name, one] of Object.entries(pages)) {
      await show(visitor.page, one);
      await look(visitor.page, name);
    }
    visitor.assertCalm(...missing);
    await visitor.close();
  }

  const eyes = [
    { theme: 'light', language: 'en', width: 1280, height: 900 },
    { theme: 'dark', language: 'hu', width: 320, height: 740 },
  ];
  for (const view of eyes) {
    it(`is for everybody, fits, and takes no name for markup: ${view.theme}, ${view.language}, ${view.width} pixels`, async () => {
      const found = [];
      await visit(view, async (page, name) => {
        assert.notEqual(await page.title(), 'owned', name);
        assert.equal(await page.locator('img[src="x"], main script').count(), 0, name);
        const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        if (over > 0 && name !== 'docs') found.push(`${name}: ${over} px too wide`);
        const cut = await page.locator('.tabs, .board-row').evaluateAll((all) => all.filter((one) => one.scrollWidth > one.clientWidth).map(({ className }) => className));
        if (cut.length > 0) found.push(`${name}: ${cut} cut off`);
        // By the protocol of the developer tools, which the policy of the page does not bind. The inside of Swagger UI is its own.
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => globalThis.axe.run({ exclude: [['.reference']] }, { resultTypes: ['violations'] }));
        for (const { id, impact, nodes } of violations) {
          const where = nodes.slice(0, 3).map(({ html, any }) => `${html.slice(0, 160)} ${any[0]?.message ?? ''}`);
          if (impact === 'serious' || impact === 'critical') found.push(`${name}: ${id} ${where.join(' | ')}`);
        }
      });
      assert.deepEqual(found, []);
    });
  }

  it('shows names as they are', async () => {
    const visitor = await Visitor.open(browser, site);
    await visitor.logIn('alice', `/realms/worker-acme/groups/${group.id}`);
    const { page } = visitor;
    await page.getByRole('heading', { level: 1, name: `${hostile.script} ${suffix}` }).waitFor();
    for (const name of [hostile.emoji, hostile.reversed]) await page.getByRole('link', { name: `${name} ${suffix}` }).waitFor();
    await page.getByRole('link', { name: hostile.long.slice(0, 190) + suffix }).waitFor();
    const direction = await page.evaluate(() => getComputedStyle(document.querySelector('h1')).unicodeBidi);
    assert.equal(direction, 'isolate');
    visitor.assertCalm();
    await visitor.close();
  });

  it('shows what an evaluation says as it is, and takes nobody for the realm', async () => {
    const visitor = await Visitor.open(browser, site);
    await visitor.logIn('alice', pages.scoreboard.path);
    const { page } = visitor;
    for (const name of [hostile.script, hostile.reversed, hostile.emoji]) await page.locator('thead .name', { hasText: name }).waitFor();
    await page.locator('.said', { hasText: hostile.script }).waitFor();
    await page.locator('.said:not(.event)', { hasText: 'points: SUBMITTED -> ACCEPTED' }).waitFor();
    assert.equal(await page.locator('.said.event').count(), 0, 'a message that looks like a judgement is none');
    visitor.assertCalm();
    await visitor.close();
  });

  it('can be used with the keyboard alone', async () => {
    const { page, ...rest } = await Visitor.open(browser, site);
    await page.goto('/auth/dev?user=alice&return_to=/');
    await page.locator('main .rows .title').first().waitFor();
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.className), 'button primary skip');
    await page.keyboard.press('/');
    assert.equal(await page.evaluate(() => document.activeElement.type), 'search');
    await page.keyboard.type('kir');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/search?q=kir');
    await page.locator('.results li').first().waitFor();
    await page.locator('.me').focus();
    await page.keyboard.press('Enter');
    await page.getByRole('menu').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('menu').waitFor({ state: 'detached' });
    assert.equal(await page.evaluate(() => document.activeElement.className), 'me', 'the focus is back');
    await page.goBack();
    await page.getByRole('heading', { name: 'My groups' }).waitFor();
    assert.ok(rest);
  });
});
