// ./dev shots: a picture of each page in both languages and themes, and on a phone, with a page to look through them.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { login } from './lib/http.mjs';
import { hostileBoard, hostileGroup, pagesOf, show } from './lib/pages.mjs';
import { Visitor, launch } from './lib/site.mjs';

const [port, folder] = process.argv.slice(2);
const site = `http://127.0.0.1:${port}`;
const views = [
  ...['en', 'hu'].flatMap((language) => ['light', 'dark'].map((theme) => ({ language, theme, width: 1280, height: 860 }))),
  { language: 'hu', theme: 'light', width: 360, height: 740 },
  { language: 'en', theme: 'dark', width: 390, height: 844 },
];

mkdirSync(folder, { recursive: true });
const api = await login(port, 'alice');
const group = await hostileGroup(api, Date.now().toString(36));
const { board, restore } = await hostileBoard(api, group);
const pages = pagesOf(group, board);
const browser = await launch();
const rows = [];
for (const view of views) {
  const visitor = await Visitor.open(browser, site, view);
  const { page } = visitor;
  const name = (of) => `${of}-${view.language}-${view.theme}${view.width < 500 ? '-phone' : ''}.png`;
  const take = async (of) => {
    await page.screenshot({ path: join(folder, name(of)), fullPage: true });
    rows.push({ of, file: name(of), view });
  };
  await page.goto('/');
  await page.locator('.welcome').waitFor();
  await take('welcome');
  await visitor.logIn('alice');
  for (const [of, one] of Object.entries(pages)) {
    await show(page, one);
    await page.waitForLoadState('networkidle', { timeout: 1500 }).catch(() => {}); // notifications never end
    await take(of);
  }
  await visitor.close();
  console.error(`shots: ${view.language} ${view.theme} ${view.width} px, ${Object.keys(pages).length + 1} pictures`);
}
await browser.close();
await restore();
api.close();

const names = [...new Set(rows.map(({ of }) => of))];
const figure = ({ file, view }) => `<figure><a href="${file}"><img src="${file}" loading="lazy" alt=""></a><figcaption>${view.language}, ${view.theme}, ${view.width} px</figcaption></figure>`;
writeFileSync(join(folder, 'index.html'), `<!doctype html><meta charset="utf-8"><title>Pages of the site</title>
<style>body{font:15px system-ui;margin:24px}section div{display:flex;gap:16px;overflow-x:auto;align-items:start}figure{margin:0}img{height:420px;border:1px solid #ccc}</style>
${names.map((of) => `<section><h2>${of}</h2><div>${rows.filter((row) => row.of === of).map(figure).join('')}</div></section>`).join('\n')}\n`);
