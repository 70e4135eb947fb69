// Who deleted their account is told in the language of the site.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { source } from './source.mjs';

it('says of who is deleted what the language says, and of others their name', async () => {
  const [{ shownName }, { hu }, { en }] = await Promise.all(['names.ts', 'texts/hu.ts', 'texts/en.ts'].map(source));
  assert.equal(shownName(hu, 'deleted user'), 'Törölt felhasználó');
  assert.equal(shownName(en, 'deleted user'), 'Deleted user');
  for (const name of ['Kis Anna', 'Deleted User', '']) assert.equal(shownName(hu, name), name);
});

it('shows no name that came from the API as it came', () => {
  const folder = fileURLToPath(new URL('../src', import.meta.url));
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => /\.tsx?$/.test(file));
  // The search for people finds nobody who is deleted.
  const others = new Set(['parts/PickField.tsx', 'pages/Search.tsx', 'names.ts']);
  const bare = files
    .filter((file) => !others.has(file))
    .flatMap((file) =>
      [...readFileSync(join(folder, file), 'utf8').matchAll(/.*\.(?:displayName|actorName|subjectName)\b.*/g)].map(
        ([line]) => `${file}: ${line}`,
      ),
    )
    .filter((line) => !line.includes('shownName(') && !line.includes("!== ''"));
  assert.deepEqual(bare, []);
});
