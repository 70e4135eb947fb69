// After everything that the other tests did: what always holds of a realm's tables.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { realms, theFederation } from './lib/federation.mjs';

const federation = theFederation();

describe('the tables of every realm', () => {
  for (const realm of realms) {
    it(`of ${realm} hold what must hold`, async () => {
      const told = await federation.dev('verify', realm);
      assert.ok(told.split('\n').filter((line) => line.startsWith('holds')).length >= 10, told);
      assert.doesNotMatch(told, /^broken/m);
    });
  }
});
