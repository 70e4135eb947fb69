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

it('says of the policies that a realm makes what the language says, and of others their name', async () => {
  const [{ shownPolicy }, { hu }, { en }] = await Promise.all(['names.ts', 'texts/hu.policies.ts', 'texts/en.policies.ts'].map(source));
  const made = {
    GOD: 'Minden jog a példányban',
    'GOD in kir-dev@kir-dev': 'Minden jog itt: kir-dev@kir-dev',
    'Members of a@b': 'Tagok itt: a@b',
    'Leader assistants of a@b': 'Körvezető-helyettesek itt: a@b',
    'Evaluation helpers of a@b': 'Értékelési segítők itt: a@b',
    'Gazdaságis of a@b': 'Gazdaságis itt: a@b',
  };
  for (const [name, text] of Object.entries(made)) {
    assert.equal(shownPolicy(hu, name), text);
    assert.equal(shownPolicy(en, name), name);
  }
  for (const name of ['Senior council', 'GOD in heaven', 'Members of the board', 'GODs', 'Members of a@b 1c1a4e5e-uuid']) {
    assert.equal(shownPolicy(hu, name), name);
  }
  // As the realms call them.
  const sources = ['policy/policy_store.c', 'membership/member_policy.c', 'membership/post.c'].map((file) =>
    readFileSync(fileURLToPath(new URL(`../../worker/${file}`, import.meta.url)), 'utf8'),
  );
  for (const words of ["'GOD in '", "'Members of '", '"Leader assistants"', '"Evaluation helpers"']) {
    assert.ok(
      sources.some((text) => text.includes(words)),
      words,
    );
  }
});

it('shows no name that came from the API as it came', () => {
  const folder = fileURLToPath(new URL('../src', import.meta.url));
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => /\.tsx?$/.test(file));
  // The search for people finds nobody who is deleted; usernames are for those who are not.
  const others = new Set(['parts/PickField.tsx', 'parts/person.tsx', 'pages/Search.tsx', 'names.ts']);
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
