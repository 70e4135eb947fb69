// Straight to a worker, past the hub: the worker believes nobody but its own tokens and tables.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { bearer, call, theFederation, until } from './lib/federation.mjs';

const federation = theFederation();
const group = { id: 'kir-dev@kir-dev' };

describe('a worker', () => {
  let acme;
  let tokens;

  before(async () => {
    acme = federation.worker('worker-acme');
    tokens = {};
    for (const user of ['alice', 'bob', 'dave']) tokens[user] = await federation.token('worker-acme', user);
    tokens.carolElsewhere = await federation.token('worker-conference', 'carol');
    tokens.aliceElsewhere = await federation.token('worker-conference', 'alice');
  });
  after(() => acme.close());

  it('answers who may', async () => {
    const answer = await call(acme, 'GetGroup', group, [bearer(tokens.alice)]);
    assert.equal(answer.code, 'OK', answer.message);
    assert.equal(answer.response.name, 'Kir-Dev');
  });

  it('refuses a call without a token', async () => {
    assert.equal((await call(acme, 'GetGroup', group)).code, 'UNAUTHENTICATED');
    assert.equal((await call(acme, 'ListGroups', {})).code, 'UNAUTHENTICATED');
  });

  it('refuses a token of another realm, even of somebody who may do everything here', async () => {
    assert.equal((await call(acme, 'GetGroup', group, [bearer(tokens.aliceElsewhere)])).code, 'UNAUTHENTICATED');
    assert.equal((await call(acme, 'GetGroup', group, [bearer(tokens.carolElsewhere)])).code, 'UNAUTHENTICATED');
  });

  it('refuses who has no right', async () => {
    assert.equal((await call(acme, 'GetGroup', group, [bearer(tokens.dave)])).code, 'PERMISSION_DENIED');
    const write = { id: 'schonherz@schonherz' };
    assert.equal((await call(acme, 'ArchiveGroup', write, [bearer(tokens.bob)])).code, 'PERMISSION_DENIED');
  });

  it('refuses a token that was tampered with', async () => {
    const [header, claims, signature] = tokens.dave.split('.');
    const json = (part) => JSON.parse(Buffer.from(part, 'base64url'));
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const alice = part({ ...json(claims), sub: 'alice' });
    const none = part({ ...json(header), alg: 'none' });
    const symmetric = part({ ...json(header), alg: 'HS256' });
    const forged = createHmac('sha256', 'key').update(`${symmetric}.${alice}`).digest('base64url');
    for (const token of [
      `${header}.${alice}.${signature}`, `${none}.${alice}.`, `${none}.${alice}.${signature}`,
      `${symmetric}.${alice}.${forged}`, `${header}.${claims}`, `${header}.${claims}.`, `${header}.${claims}.AAAA`,
      part({ ...json(header), typ: 'pek-session+jwt' }) + `.${claims}.${signature}`, 'x', '', 'a.b.c',
      `${tokens.alice}x`, tokens.alice.slice(0, -8),
    ]) {
      const answer = await call(acme, 'GetGroup', group, [bearer(token)]);
      assert.equal(answer.code, 'UNAUTHENTICATED', token);
    }
  });

  const hints = {
    'a policy of the realm’s god': ['GOD'],
    'a policy that is not the caller’s': ['GOD in kir-dev@kir-dev', 'Member'],
    'a policy that does not exist': ['no such policy'],
    'many policies': Array.from({ length: 50 }, (_, i) => `policy ${i}`),
    'nothing': [''],
    'letters that were percent-encoded': ['K%C3%B6r%25'],
    'a broken escape': ['%', '%zz', '%C3'],
    'something long': ['x'.repeat(2000)],
  };
  for (const [what, names] of Object.entries(hints)) {
    it(`answers the same with a hint of ${what}`, async () => {
      const hinted = names.map((name) => ['x-policy-hint', name]);
      for (const user of ['alice', 'bob', 'dave']) {
        for (const [method, request] of [['GetGroup', group], ['GetGroup', { id: 'schonherz@ac' }], ['ListGroups', {}]]) {
          const plain = await call(acme, method, request, [bearer(tokens[user])]);
          const answer = await call(acme, method, request, [bearer(tokens[user]), ...hinted]);
          assert.equal(answer.code, plain.code, `${user} ${method}`);
          assert.deepEqual(answer.response, plain.response);
        }
      }
    });
  }

  // Changed behind the worker's back, so it hears of it by a notification: soon, not at once.
  it('forgets a right that was revoked elsewhere, and learns of one that was given', async () => {
    const soon = (code) => until(1, code, async () =>
      (await call(acme, 'GetGroup', group, [bearer(token), ['x-policy-hint', 'Member']])).code === code);
    const token = await federation.token('worker-acme', 'user-009');
    const member = `realm = 'worker-acme' AND user_id = 'user-009'`;
    const held = federation.sql('worker-acme', `SELECT json_agg(policy_id) FROM pek.policy_assignment WHERE ${member}`);
    assert.ok(held.length > 0, 'user-009 has policies in the demo');
    assert.equal((await call(acme, 'GetGroup', group, [bearer(token)])).code, 'OK');
    federation.sql('worker-acme', `DELETE FROM pek.policy_assignment WHERE ${member}`);
    try {
      await soon('PERMISSION_DENIED');
    } finally {
      federation.sql('worker-acme', `INSERT INTO pek.policy_assignment (realm, policy_id, user_id, assigned_by)
        SELECT 'worker-acme', unnest(ARRAY[${held}]), 'user-009', 'test'`);
    }
    await soon('OK');
  });
});

describe('grpcurl or buf curl', () => {
  it('lists, describes and calls', async () => {
    assert.match(await federation.dev('grpc', 'worker-acme', 'list'), /^pek\.group\.v1\.GroupService$/m);
    const described = await federation.dev('grpc', 'worker-acme', 'describe', 'pek.group.v1.GroupService');
    assert.match(described, /rpc GetGroup \( \.pek\.group\.v1\.GetGroupRequest \)|^pek\.group\.v1\.GroupService\/GetGroup$/m);
    const called = await federation.dev('grpc', 'worker-acme', 'pek.group.v1.GroupService/GetGroup', '-d',
      JSON.stringify(group));
    assert.equal(JSON.parse(called).name, 'Kir-Dev');
  });

  it('is refused without the right, with the words of the worker', async () => {
    await assert.rejects(
      federation.dev('grpc', 'worker-acme', '--as', 'dave', 'pek.group.v1.GroupService/GetGroup', '-d', JSON.stringify(group)),
      /PermissionDenied|permission_denied/i);
  });
});
