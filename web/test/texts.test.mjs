// Both languages say the same. That no key is missing, and no parameter, the type of hu.ts sees to; here is what it does not see.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { source } from './source.mjs';

const load = async (name) => (await source(`texts/${name}.ts`))[name.slice(0, 2)];

/** All that there is in a language. */
async function loadAll(language) {
  const all = { ...(await load(language)) };
  for (const part of ['group', 'scores', 'policies', 'profile', 'system', 'reasons']) all[part] = await load(`${language}.${part}`);
  return all;
}

const rootFolder = fileURLToPath(new URL('../../', import.meta.url));

const sample = { actor: 'A', subject: 'S', title: 'T', detail: 'D' };

// What else than numbers and words a text may take.
const special = {
  'realm.missing': [['r']],
  'scores.score.without': [['r']],
  'scores.score.when': ['2026-2027/1'],
  'policies.sentence': [['a', 'b'], 'c'],
};

// By key: the text, or what a function makes of something.
function flat(texts, prefix = '') {
  return Object.entries(texts).flatMap(([key, value]) => {
    if (typeof value === 'object') return flat(value, `${prefix}${key}.`);
    if (typeof value === 'string') return [[prefix + key, value]];
    const given = prefix === 'kinds.' ? [sample] : (special[prefix + key] ?? [2, 2, 2, 2]);
    return [[prefix + key, value(...given)]];
  });
}

it('hu and en have the same keys, none of them empty', async () => {
  const [hu, en] = await Promise.all([loadAll('hu'), loadAll('en')]);
  const [left, right] = [flat(hu), flat(en)];
  assert.ok(left.length > 200);
  assert.deepEqual(left.map(([key]) => key).sort(), right.map(([key]) => key).sort());
  for (const [key, text] of [...left, ...right]) {
    assert.equal(typeof text, 'string', key);
    assert.ok(text.trim() !== '' && !text.includes('undefined'), key);
  }
});

it('hu is no copy of en', async () => {
  const [hu, en] = [new Map(flat(await loadAll('hu'))), new Map(flat(await loadAll('en')))];
  const same = [...hu].filter(([key, text]) => text === en.get(key) && /[a-z]{4}/.test(text)).map(([key]) => key);
  // Names, and words that are the same in both.
  const allowed =
    /^person\.(protocols|dormitories|genders)\.|^(nav\.docs|group\.(status)|edit\.mail|purposes\.(PARTY|SPORT|D|RESORT|ELLIPSE)|kinds\.|group\.flags\.isResort)/;
  assert.deepEqual(
    same.filter((key) => !allowed.test(key)),
    [],
  );
});

it('has a text for each value that the API may give', async () => {
  const { readFileSync } = await import('node:fs');
  const document = JSON.parse(readFileSync(fileURLToPath(new URL('../../.pek/openapi.json', import.meta.url)), 'utf8'));
  const values = (name) => document.components.schemas[name].enum;
  const en = await loadAll('en');
  const rows = {
    Purpose: en.purposes,
    MemberStatus: en.statuses,
    PostKind: en.postKinds,
    EvaluationStatus: en.scores.statuses,
    Season: en.scores.seasons,
    SeasonAction: en.scores.realm.actions,
    EntryType: { ...en.scores.entry.typeTexts, UNKNOWN: '' },
    Kind: en.kinds,
    Dormitory: en.person.dormitories,
    RefusalReason: en.policies.refusals,
    ExternalAccountProtocol: en.person.protocols,
    Action: en.policies.actions,
    ProfileDetail: en.profile.visible,
    Gender: en.person.genders,
    StudentStatus: en.person.studentStatuses,
  };
  for (const [name, texts] of Object.entries(rows)) {
    const missing = values(name).filter((value) => !(value in texts) && !value.endsWith('_UNSPECIFIED'));
    assert.deepEqual(missing, [], name);
  }
});

it('says in words what a form of the site may be refused for', async () => {
  const { readFileSync, readdirSync } = await import('node:fs');
  const reasons = await load('en.reasons');
  const found = new Set();
  for (const folder of ['worker/policy', 'worker/group', 'worker/membership', 'hub/profile']) {
    for (const file of readdirSync(rootFolder + folder)) {
      if (!/\.[ch]$/.test(file) || file.endsWith('_test.c')) continue;
      const text = readFileSync(`${rootFolder}${folder}/${file}`, 'utf8');
      for (const [, reason] of text.matchAll(/(?:_REASON_\w+|DELEGATION_USER_FULL) "([A-Z_]+)"/g)) found.add(reason);
      for (const [, reason] of text.matchAll(/fault_set_reason\([^;]*?"([A-Z]+_[A-Z_]+)"/g)) found.add(reason);
    }
  }
  assert.ok(found.size > 30);
  // What the site never asks for: dates and posts of a kind that it has no form for, and what its own code would be wrong for.
  const elsewhere = new Set(['GROUP_WITHOUT_POLICY', 'REQUEST_TOO_LARGE', 'CHANGED_MEANWHILE']);
  const missing = [...found].filter((reason) => !(reason in reasons) && !elsewhere.has(reason));
  assert.deepEqual(missing, []);
});

it('says in words what the history of a group has, and nothing that it never has', async () => {
  const { readFileSync, readdirSync } = await import('node:fs');
  const { actions } = await load('en.group');
  const fields = /^group\.(id|name|realm|webpage|parent_id)$/;
  const found = new Set();
  for (const folder of ['worker/group', 'worker/membership', 'worker/realm/migrations']) {
    for (const file of readdirSync(rootFolder + folder)) {
      if (!/\.(c|sql)$/.test(file) || file.endsWith('_test.c')) continue;
      const text = readFileSync(`${rootFolder}${folder}/${file}`, 'utf8');
      for (const [, action] of text.matchAll(/["']((?:group|membership|postType)\.[a-zA-Z_]+)["']/g)) found.add(action);
    }
  }
  const written = [...found].filter((action) => !fields.test(action));
  assert.ok(written.length > 20);
  assert.deepEqual(Object.keys(actions).sort(), written.sort());
});
