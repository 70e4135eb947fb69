// Who sees what: compared with a statement over the policy tables, for each user and each realm.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { realms, theFederation } from './lib/federation.mjs';
import { login, nameOf, walk } from './lib/http.mjs';

const federation = theFederation();

for (const user of ['alice', 'bob', 'carol', 'dave', 'user-001', 'user-002', 'user-007']) {
  describe(user, () => {
    it('lists exactly what the policies allow', async () => {
      const client = await login(federation.port, user);
      const walked = await walk(client, '/api/v1/groups', 20);
      assert.deepEqual(walked.map(nameOf), federation.visibleEverywhere(user).map(nameOf));
      client.close();
    });

    for (const realm of realms) {
      it(`sees in ${realm} exactly what the policies allow, one by one`, async () => {
        const client = await login(federation.port, user);
        const allowed = new Set(federation.visible(realm, user, { archived: true }).map((group) => group.id));
        const ids = federation.sql(realm, `SELECT json_agg(id) FROM pek.realm_group WHERE realm = '${realm}'`);
        for (const id of ids) {
          const answer = await client.get(`/api/v1/realms/${realm}/groups/${encodeURIComponent(id)}`);
          if (allowed.has(id)) {
            assert.equal(answer.status, 200, `${id}: ${answer.text}`);
            assert.deepEqual([answer.json.realm, answer.json.id], [realm, id]);
          } else {
            assert.ok([403, 404].includes(answer.status), `${id}: ${answer.status}`);
          }
        }
        client.close();
      });
    }
  });
}

describe('the demo', () => {
  it('is what README says of alice, bob, carol and dave', () => {
    const seen = (user) => realms.filter((realm) => federation.visible(realm, user).length > 0);
    assert.deepEqual(seen('alice'), realms);
    assert.deepEqual(seen('bob'), ['hub', 'worker-acme']);
    assert.deepEqual(seen('carol'), ['worker-conference']);
    assert.deepEqual(seen('dave'), []);
  });

  it('has at least 60 groups in each realm', () => {
    for (const realm of realms) {
      const count = federation.sql(realm, `SELECT count(*) FROM pek.realm_group WHERE realm = '${realm}'`);
      assert.ok(count >= 60, `${realm} has ${count}`);
    }
  });
});

describe('dave, who is nowhere', () => {
  it('gets an empty list, not an error', async () => {
    const dave = await login(federation.port, 'dave');
    const page = await dave.get('/api/v1/groups');
    assert.equal(page.status, 200);
    assert.deepEqual(page.json.groups, []);
    assert.equal(page.json.nextPageToken, '');
    dave.close();
  });

  it('cannot tell a group that exists from one that does not', async () => {
    const dave = await login(federation.port, 'dave');
    for (const path of ['/api/v1/groups', '/api/v1/realms/worker-acme/groups']) {
      const real = await dave.get(`${path}/kir-dev@kir-dev`);
      const invented = await dave.get(`${path}/no-such@group`);
      assert.ok([403, 404].includes(real.status), real.text);
      assert.equal(real.status, invented.status);
      assert.deepEqual(real.json, invented.json);
    }
    dave.close();
  });

  it('is told by a list that there is nothing it could be of', async () => {
    // Another file lets dave apply somewhere.
    federation.sql('hub', `INSERT INTO hub.user_account (id, username, name)
      VALUES ('nowhere-e2e', 'nowhere-e2e', 'Senki') ON CONFLICT DO NOTHING RETURNING 1`);
    const dave = await login(federation.port, 'nowhere-e2e');
    for (const below of ['members', 'ancestors', 'descendants']) {
      const real = await dave.get(`/api/v1/groups/kir-dev@kir-dev/${below}`);
      const invented = await dave.get(`/api/v1/groups/no-such@group/${below}`);
      assert.deepEqual([real.status, invented.status], [404, 404], real.text);
      assert.deepEqual(real.json, invented.json);
    }
    dave.close();
  });
});
