import assert from 'node:assert/strict';
import { it } from 'node:test';
import { source } from './source.mjs';

const { changeOf, conflictsIn, withEdit, withSaved } = await source('edits.ts');

const there = { name: 'Kör', mail: '', webpage: '' };

it('keeps what was typed when what is there changes, and says of what both have changed', () => {
  const edits = withEdit(withEdit({}, there, 'name', 'Kö'), there, 'name', 'Köröcske');
  assert.deepEqual(changeOf(edits, there), { name: 'Köröcske' });
  assert.deepEqual(conflictsIn(edits, there), []);
  const elsewhere = { ...there, mail: 'kor@example.org' };
  assert.deepEqual([changeOf(edits, elsewhere), conflictsIn(edits, elsewhere)], [{ name: 'Köröcske' }, []], 'another field');
  assert.deepEqual(conflictsIn(edits, { ...there, name: 'Szoba' }), ['name']);
  const same = { ...there, name: 'Köröcske' };
  assert.deepEqual([changeOf(edits, same), conflictsIn(edits, same)], [{}, []], 'the same');
  assert.deepEqual(changeOf(withEdit(edits, there, 'name', 'Kör'), there), {}, 'as it was');
});

it('forgets what was saved, and keeps what was typed since', () => {
  const sent = withEdit(withEdit({}, there, 'name', 'Szoba'), there, 'mail', 'a@example.org');
  const saved = { ...there, name: 'Szoba', mail: 'a@example.org' };
  const since = withSaved(withEdit(sent, there, 'mail', 'b@example.org'), changeOf(sent, there));
  assert.deepEqual(changeOf(since, saved), { mail: 'b@example.org' });
  assert.deepEqual(conflictsIn(since, saved), []);
});
