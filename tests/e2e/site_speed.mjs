// node tests/e2e/site_speed.mjs PORT: how long a page of groups takes in Chromium, from the address to rows that can be clicked.
import { Visitor, launch } from './lib/site.mjs';

const rounds = 8;
const browser = await launch();
const visitor = await Visitor.open(browser, `http://127.0.0.1:${process.argv[2]}`);
await visitor.logIn('alice', '/sessions');
const { page, context } = visitor;
const cdp = await context.newCDPSession(page);
await cdp.send('Performance.enable');
const rows = [];
let before = { TaskDuration: 0, ScriptDuration: 0 }; // of all rounds so far
for (let i = 0; i < rounds; i++) {
  await cdp.send('Network.setCacheDisabled', { cacheDisabled: i % 2 === 0 });
  await page.goto('/search?q=', { waitUntil: 'commit' });
  const measured = await page.evaluate(() => new Promise((resolve) => {
    let blocked = 0;
    const take = (list) => list.getEntries().forEach(({ duration }) => (blocked += duration - 50));
    new PerformanceObserver(take).observe({ type: 'longtask', buffered: true });
    const painted = () => resolve({ interactive: performance.now(), blocked, firstPaint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime });
    // 60 rows are shown at once; behind them is a free moment of the page's thread.
    const look = () => requestAnimationFrame(document.querySelectorAll('.results li').length >= 60 ? () => setTimeout(painted) : look);
    look();
  }));
  const metrics = Object.fromEntries((await cdp.send('Performance.getMetrics')).metrics.map(({ name, value }) => [name, value * 1000]));
  rows.push({ files: i % 2 ? 'from the cache' : 'from the hub', ...measured, cpu: metrics.TaskDuration - before.TaskDuration,
    script: metrics.ScriptDuration - before.ScriptDuration });
  before = metrics;
}
console.table(rows.map((row) => Object.fromEntries(Object.entries(row).map(([key, value]) => [key, typeof value === 'number' ? Math.round(value) : value]))));
await browser.close();
