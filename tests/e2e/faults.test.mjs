// A worker that is stopped or killed: others are unaffected, lists say who is missing, and it comes back.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { theFederation, until } from './lib/federation.mjs';
import { login, nameOf, walk } from './lib/http.mjs';

const federation = theFederation();
const lost = 'worker-conference';
const timed = async (work) => {
  const started = Date.now();
  return { answer: await work(), ms: Date.now() - started };
};

describe('with a worker that does not answer', () => {
  let alice;
  let whole;

  const complete = async () => {
    const page = await alice.get('/api/v1/groups?pageSize=100');
    return page.status === 200 && page.json.unreachable.length === 0;
  };

  before(async () => {
    alice = await login(federation.port, 'alice');
    whole = (await walk(alice, '/api/v1/groups', 100)).map(nameOf);
  });
  afterEach(() => until(10, 'all realms answer again', complete));
  after(() => alice.close());

  for (const [how, stop, heal] of [
    ['stopped', () => federation.signal(lost, 'SIGSTOP'), () => federation.signal(lost, 'SIGCONT')],
    ['killed', () => federation.signal(lost, 'SIGKILL'), () => federation.dev('restart', lost)],
  ]) {
    it(`${how}: lists have what the others have and name it, and it is back within 5 s of healing`, async () => {
      stop();
      try {
        const { answer, ms } = await timed(() => alice.get('/api/v1/groups?pageSize=100'));
        assert.equal(answer.status, 200, answer.text);
        assert.deepEqual(answer.json.unreachable, [`realms/${lost}`]);
        assert.ok(answer.json.groups.length > 0);
        assert.ok(answer.json.groups.every((group) => group.realm !== lost));
        assert.ok(ms < 5200, `a list took ${ms} ms`);
        const walked = await walk(alice, '/api/v1/groups', 20);
        assert.deepEqual(walked.map(nameOf), whole.filter((name) => !name.startsWith(lost)));
      } finally {
        await heal();
      }
      await until(5, 'the list is whole again', complete);
      assert.deepEqual((await walk(alice, '/api/v1/groups', 100)).map(nameOf), whole);
    });
  }

  it('killed: a score says that it is incomplete, and of which realm, and is whole again when it is back', async () => {
    const { json: { id } } = await alice.get('/api/v1/realms/worker-acme/semester');
    const path = `/api/v1/users/me/score?semester=${id}`;
    const had = (await alice.get(path)).json;
    assert.deepEqual([had.complete, had.missing], [true, []]);
    assert.ok(had.groups.some(({ realm }) => realm === lost) && had.groups.some(({ realm }) => realm !== lost));
    federation.signal(lost, 'SIGKILL');
    try {
      const { status, json, text } = await alice.get(path);
      assert.equal(status, 200, text);
      assert.deepEqual([json.complete, json.missing], [false, [`realms/${lost}`]]);
      assert.deepEqual(json.groups, had.groups.filter(({ realm }) => realm !== lost));
      assert.ok(json.score < had.score, `${json.score} of ${had.score}`);
    } finally {
      await federation.dev('restart', lost);
    }
    await until(5, 'the score is whole again', async () => (await alice.get(path)).json.complete);
    const again = (await alice.get(path)).json;
    assert.deepEqual([again.score, again.groups], [had.score, had.groups]);
  });

  it('answers for a group of another realm as fast as ever', async () => {
    const path = '/api/v1/realms/worker-acme/groups/kir-dev@kir-dev';
    await alice.get(path);
    federation.signal(lost, 'SIGSTOP');
    try {
      for (let i = 0; i < 20; i++) {
        const { answer, ms } = await timed(() => alice.get(path));
        assert.equal(answer.status, 200);
        assert.ok(ms < 250, `it took ${ms} ms`);
      }
    } finally {
      federation.signal(lost, 'SIGCONT');
    }
  });

  it('finds a group without a realm where it is, and says 503 or 504 of one that only the lost realm could have', async () => {
    federation.signal(lost, 'SIGSTOP');
    try {
      assert.equal((await alice.get('/api/v1/groups/schonherz@ac')).json.realm, 'worker-acme');
      const only = await alice.get('/api/v1/groups/konferencia@hang');
      assert.ok([503, 504].includes(only.status), `${only.status} ${only.text}`);
      const named = await alice.get(`/api/v1/realms/${lost}/groups/konferencia@hang`);
      assert.ok([503, 504].includes(named.status), `${named.status} ${named.text}`);
    } finally {
      federation.signal(lost, 'SIGCONT');
    }
  });

  it('goes on with a page token that was made before', async () => {
    const first = await alice.get('/api/v1/groups?pageSize=20');
    federation.signal(lost, 'SIGSTOP');
    try {
      const second = await alice.get(`/api/v1/groups?pageSize=100&pageToken=${first.json.nextPageToken}`);
      assert.equal(second.status, 200, second.text);
      const expected = whole.slice(20).filter((name) => !name.startsWith(lost));
      assert.deepEqual(second.json.groups.map(nameOf), expected.slice(0, second.json.groups.length));
    } finally {
      federation.signal(lost, 'SIGCONT');
    }
  });

  it('says so in the registry and in /metrics, and stays ready itself', async () => {
    federation.signal(lost, 'SIGKILL');
    try {
      await until(5, 'the registry tells', async () => {
        const { json } = await alice.get('/api/v1/instances');
        return json.instances.find((instance) => instance.realm === lost).status === 'UNREACHABLE';
      });
      assert.equal((await alice.get('/readyz')).status, 200);
      assert.match((await alice.get('/metrics')).text, new RegExp(`^pek_hub_instance_up\\{realm="${lost}"\\} 0$`, 'm'));
    } finally {
      await federation.dev('restart', lost);
    }
  });

  it('with every worker of a list lost, a user of that realm alone gets 503 or 504', async () => {
    const carol = await login(federation.port, 'carol');
    assert.equal((await carol.get('/api/v1/groups')).status, 200);
    federation.signal(lost, 'SIGSTOP');
    try {
      const page = await carol.get('/api/v1/groups');
      assert.ok([503, 504].includes(page.status), `${page.status} ${page.text}`);
    } finally {
      federation.signal(lost, 'SIGCONT');
      carol.close();
    }
  });
});

describe('with PostgreSQL restarted', () => {
  it('reads and logs in again within 5 s, with the same session', async () => {
    const alice = await login(federation.port, 'alice');
    await federation.dev('restart', 'postgres');
    await until(5, 'a whole list', async () => {
      const page = await alice.get('/api/v1/groups?pageSize=100');
      return page.status === 200 && page.json.unreachable.length === 0;
    });
    (await login(federation.port, 'bob')).close();
    alice.close();
  });
});
