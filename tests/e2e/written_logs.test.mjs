// Named so that it runs last: what all tests before it made the programs write down.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { theFederation } from './lib/federation.mjs';

const folder = join(theFederation().data, 'log');
const programs = readdirSync(folder).filter((file) => /^(pek-hub|worker-.*)\.log$/.test(file));
const read = (file) => readFileSync(join(folder, file), 'utf8');

describe('the logs', () => {
  it('are there', () => assert.equal(programs.length, 3));

  it('have no token in them', () => {
    for (const file of readdirSync(folder)) assert.doesNotMatch(read(file), /eyJ/, file);
  });

  it('have no private key in them', () => {
    for (const file of readdirSync(folder)) assert.doesNotMatch(read(file), /PRIVATE KEY/, file);
  });

  it('are JSON, a line each', () => {
    for (const file of programs) {
      for (const line of read(file).trimEnd().split('\n')) {
        assert.doesNotThrow(() => JSON.parse(line), `${file}: ${line}`);
      }
    }
  });

  it('have no report of a sanitizer, assertion or crash', () => {
    for (const file of programs) assert.doesNotMatch(read(file), /Sanitizer|runtime error:|Assertion|stack smashing/, file);
  });
});
