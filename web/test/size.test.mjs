// What a browser must have before the first page is drawn, as it comes over the wire.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const bytesMax = 150 * 1024;

function sent(file) {
  const path = join(dist, file);
  return statSync(existsSync(`${path}.br`) ? `${path}.br` : path).size;
}

it('takes 150 KB at most: page, scripts, styles, texts, letters', () => {
  const manifest = JSON.parse(readFileSync(join(dist, '.vite/manifest.json'), 'utf8'));
  const files = new Set(['index.html', 'theme.js', 'icon.svg']);
  const take = (name) => {
    const chunk = manifest[name];
    if (files.has(chunk.file)) return;
    files.add(chunk.file);
    for (const file of [...(chunk.css ?? []), ...(chunk.assets ?? [])]) files.add(file);
    chunk.imports?.forEach(take);
  };
  take('index.html');
  take('src/texts/hu.ts'); // the larger of the two
  const sizes = [...files].map((file) => [file, sent(file)]);
  const sum = sizes.reduce((before, [, size]) => before + size, 0);
  assert.ok(
    sizes.some(([file]) => file.endsWith('.woff2')),
    'letters are counted',
  );
  assert.ok(sum > 60 * 1024, 'it looks at the right files');
  assert.ok(sum <= bytesMax, `${sum} bytes:\n${sizes.map((row) => row.join(' ')).join('\n')}`);
});
