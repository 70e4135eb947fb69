// Changes, from the browser's side: what is acknowledged is there, and happens once.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { theFederation } from './lib/federation.mjs';
import { login } from './lib/http.mjs';

const federation = theFederation();
const groups = '/api/v1/realms/worker-acme/groups';
const unique = randomUUID().slice(0, 8);

describe('a group', () => {
  let alice;
  let bob;
  const org = `t${unique}@t${unique}`;
  const sub = (slug) => `t${unique}@${slug}`;

  before(async () => {
    alice = await login(federation.port, 'alice');
    bob = await login(federation.port, 'bob');
  });
  after(() => {
    alice.close();
    bob.close();
  });

  it('is made at the top by who may do everything, and by nobody else', async () => {
    const body = { slug: `t${unique}`, name: `Próba ${unique}`, purpose: 'PROJECT', description: 'Az ő űrhajója' };
    const refused = await bob.post(groups, body);
    assert.equal(refused.status, 403, refused.text);
    const made = await alice.post(groups, body);
    assert.equal(made.status, 200, made.text);
    assert.deepEqual([made.json.realm, made.json.id, made.json.name], ['worker-acme', org, body.name]);
    const read = await alice.get(`/api/v1/groups/${org}`);
    assert.deepEqual(read.json, made.json);
  });

  it('has subgroups, whose managers its own managers may replace', async () => {
    for (const slug of ['alfa', 'beta']) {
      const made = await alice.post(groups, { parentId: org, slug, name: `${slug} ${unique}` });
      assert.equal(made.status, 200, made.text);
      assert.deepEqual([made.json.id, made.json.parentId], [sub(slug), org]);
    }
    const escalations = federation.sql('worker-acme', `SELECT count(*) FROM pek.policy_statement
      WHERE realm = 'worker-acme' AND group_id = '${sub('alfa')}' AND resource = 'GROUP_ESCALATION'`);
    assert.equal(escalations, 1);
  });

  it('cannot have the name of another one in its realm, but of one elsewhere', async () => {
    const taken = await alice.post(groups, { slug: `u${unique}`, name: `  próba   ${unique.toUpperCase()} ` });
    assert.equal(taken.status, 409, taken.text);
    const again = await alice.post(groups, { slug: `t${unique}`, name: `Másik ${unique}` });
    assert.equal(again.status, 409, again.text);
  });

  it('changes only what the mask names', async () => {
    const path = `${groups}/${sub('alfa')}`;
    const changed = await alice.patch(`${path}?updateMask=name`, { name: `Első ${unique}`, description: 'nem ez' });
    assert.equal(changed.status, 200, changed.text);
    assert.deepEqual([changed.json.name, changed.json.description ?? ''], [`Első ${unique}`, '']);
    const both = await alice.patch(path, { description: 'ez igen' });
    assert.deepEqual([both.json.name, both.json.description], [`Első ${unique}`, 'ez igen']);
    const emptied = await alice.patch(`${path}?updateMask=description`, {});
    assert.equal(emptied.json.description ?? '', '');
  });

  it('refuses a write over somebody else’s', async () => {
    const path = `${groups}/${sub('alfa')}`;
    const { etag } = (await alice.get(path)).json;
    assert.equal((await alice.patch(path, { description: 'egy', etag })).status, 200);
    const stale = await alice.patch(path, { description: 'kettő', etag });
    assert.equal(stale.status, 409, stale.text);
    assert.equal((await alice.get(path)).json.description, 'egy');
  });

  it('is not changed by who may not', async () => {
    const refused = await bob.patch(`${groups}/${sub('alfa')}`, { description: 'bob' });
    assert.ok([403, 404].includes(refused.status), refused.text);
    const archive = await bob.post(`${groups}/${sub('alfa')}:archive`);
    assert.ok([403, 404].includes(archive.status), archive.text);
  });

  it('moves, but not under itself', async () => {
    const moved = await alice.post(`${groups}/${sub('beta')}:move`, { parentId: sub('alfa') });
    assert.equal(moved.status, 200, moved.text);
    assert.equal(moved.json.parentId, sub('alfa'));
    const cycle = await alice.post(`${groups}/${sub('alfa')}:move`, { parentId: sub('beta') });
    assert.equal(cycle.status, 400, cycle.text);
    const self = await alice.post(`${groups}/${sub('alfa')}:move`, { parentId: sub('alfa') });
    assert.equal(self.status, 400, self.text);
    const nowhere = await alice.post(`${groups}/${sub('alfa')}:move`, {});
    assert.equal(nowhere.status, 400, nowhere.text);
    assert.match(nowhere.text, /toTopLevel|to_top_level/);
  });

  it('is archived only without active subgroups, unless with them; and comes back parent first', async () => {
    const refused = await alice.post(`${groups}/${sub('alfa')}:archive`);
    assert.equal(refused.status, 400, refused.text);
    assert.equal(refused.json.error.status, 'FAILED_PRECONDITION');
    const archived = await alice.post(`${groups}/${sub('alfa')}:archive`, { cascade: true });
    assert.equal(archived.status, 200, archived.text);
    assert.equal(archived.json.isArchived, true);
    assert.equal((await alice.get(`${groups}/${sub('beta')}`)).json.isArchived, true);
    assert.equal((await alice.post(`${groups}/${sub('beta')}:unarchive`)).status, 400);
    assert.equal((await alice.post(`${groups}/${sub('alfa')}:unarchive`)).status, 200);
    assert.equal((await alice.post(`${groups}/${sub('beta')}:unarchive`)).status, 200);
    const twice = await alice.post(`${groups}/${sub('beta')}:unarchive`);
    assert.equal(twice.status, 200, 'a change that is there already is no mistake');
  });

  it('is made once, however often the same key is sent', async () => {
    const key = randomUUID();
    const body = { parentId: org, slug: 'gamma', name: `Gamma ${unique}` };
    const send = () => alice.post(groups, body, { 'idempotency-key': key });
    const answers = await Promise.all([send(), send(), send()]);
    answers.push(await send());
    const good = answers.filter((answer) => answer.status === 200);
    assert.ok(good.length >= 2, answers.map((answer) => answer.text).join('\n'));
    for (const answer of good) assert.deepEqual(answer.json, good[0].json);
    assert.equal(answers.at(-1).status, 200);
    assert.equal(federation.sql('worker-acme', `SELECT count(*) FROM pek.audit_log
      WHERE realm = 'worker-acme' AND target_kind = 'group' AND target_id = '${sub('gamma')}'`), 1);
    const other = await alice.post(groups, { ...body, slug: 'delta', name: 'D' }, { 'idempotency-key': key });
    assert.ok(other.status >= 400 && other.status < 500, 'a key belongs to one request');
  });

  it('is given back as it was read, but not with a key: sent again it would be compared with what it did itself', async () => {
    const path = `${groups}/${sub('gamma')}`;
    const read = async () => ({ ...(await alice.get(path)).json, description: `leírás ${unique}` });
    const refused = await alice.request('PATCH', path, { headers: { 'content-type': 'application/json', 'idempotency-key': randomUUID() }, body: await read() });
    assert.equal(refused.status, 400, refused.text);
    assert.equal(refused.json.error.details.find(({ reason }) => reason)?.reason, 'OUTPUT_ONLY');
    const given = await alice.patch(path, await read());
    assert.equal(given.status, 200, given.text);
    assert.equal(given.json.description, `leírás ${unique}`);
    const key = { 'content-type': 'application/json', 'idempotency-key': randomUUID() };
    const { etag } = given.json;
    const send = () => alice.request('PATCH', path, { headers: key, body: { description: 'más', etag } });
    const [first, second] = [await send(), await send()];
    assert.equal(first.status, 200, first.text);
    assert.deepEqual(second.json, first.json);
  });

  it('keeps its order among the others by the name it has now', async () => {
    const path = `${groups}/${sub('gamma')}`;
    await alice.patch(path, { name: `Árvíztűrő ${unique}` });
    const { json } = await alice.get(`/api/v1/groups?q=${encodeURIComponent(`arvizturo ${unique}`)}`);
    assert.deepEqual(json.groups.map((group) => group.id), [sub('gamma')]);
    const wanted = federation.visibleEverywhere('alice').map((group) => group.id);
    const at = wanted.indexOf(sub('gamma'));
    assert.ok(at >= 0 && at < wanted.length / 2, 'under A');
  });

  it('is written down: who did what', () => {
    const audit = federation.sql('worker-acme', `SELECT json_agg(DISTINCT actor) FROM pek.audit_log
      WHERE realm = 'worker-acme' AND target_id LIKE 't${unique}@%'`);
    assert.deepEqual(audit, ['alice']);
  });
});
