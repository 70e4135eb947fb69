// What holds of every address of the site.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { source } from './source.mjs';

it('has an address for what is left of each when its end is cut off', async () => {
  const { paths } = await source('paths.ts');
  const known = new Set(Object.values(paths).map((path) => path.replace(/\$\w+/g, '*')));
  const missing = [...known].flatMap((path) => {
    const words = path.split('/');
    return words.map((_, i) => words.slice(0, i + 1).join('/')).filter((cut) => cut !== '' && !known.has(cut));
  });
  assert.deepEqual([...new Set(missing)], []);
});

it('lets a word of its own come first in each, so that none leads to another host', async () => {
  const { paths } = await source('paths.ts');
  for (const path of Object.values(paths)) assert.match(path, /^\/([a-z][a-z-]*(\/|$)|$)/);
});
