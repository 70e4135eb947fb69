// Wrong input: a 400-class answer at once, which names what is wrong. One row a mistake.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { theFederation } from './lib/federation.mjs';
import { login } from './lib/http.mjs';

const federation = theFederation();
const groups = '/api/v1/realms/worker-acme/groups';
const policies = '/api/v1/realms/worker-acme/policies';
const json = { 'content-type': 'application/json' };
const name = (length) => 'x'.repeat(length);

// [what, verb, path, headers, body, status, field that is named]
const mistakes = [
  ['an unknown field', 'POST', groups, json, '{"name":"A","colour":"red"}', 400, 'colour'],
  ['an unknown field deep down', 'PATCH', `${groups}/kir-dev@kir-dev`, json, '{"createTime":{"hour":1}}', 400, /createTime/],
  ['a field given twice', 'POST', groups, json, '{"name":"A","name":"B"}', 400, 'name'],
  ['a number for a text', 'POST', groups, json, '{"name":7}', 400, 'name'],
  ['a text for a truth value', 'POST', groups, json, '{"name":"A","isResort":"maybe"}', 400, 'isResort'],
  ['a list for a text', 'POST', groups, json, '{"name":["A"]}', 400, 'name'],
  ['an unknown purpose', 'POST', groups, json, '{"name":"A","purpose":"WAR"}', 400, 'purpose'],
  ['a time that is none', 'POST', groups, json, '{"name":"A","foundationTime":"yesterday"}', 400, 'foundationTime'],
  ['a field that never leaves the federation', 'PATCH', `${groups}/kir-dev@kir-dev`, json, '{"sortKey":"AAAA"}', 400, /"[\w.]*sortKey"/],
  ['JSON that breaks off', 'POST', groups, json, '{"name":"A"', 400],
  ['JSON with something behind it', 'POST', groups, json, '{"name":"A"} {}', 400],
  ['JSON that is no object', 'POST', groups, json, '[]', 400],
  ['no body', 'POST', groups, json, '', 400],
  ['a lone surrogate', 'POST', groups, json, '{"name":"\\ud800"}', 400, 'name'],
  ['bytes that are not UTF-8', 'POST', groups, json, Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 400],
  ['JSON 100 deep', 'POST', groups, json, '{"name":'.repeat(100) + '1' + '}'.repeat(100), 400],
  ['an empty name', 'POST', groups, json, '{"name":""}', 400, 'name'],
  ['a name of 201 characters', 'POST', groups, json, JSON.stringify({ name: name(201) }), 400, 'name'],
  ['a control character in a name', 'POST', groups, json, '{"name":"A\\u0007"}', 400, 'name'],
  ['a slug with a space', 'POST', groups, json, '{"name":"A","slug":"a b"}', 400, 'slug'],
  ['a body of 2 MiB', 'POST', groups, json, JSON.stringify({ name: name(2 << 20) }), 413],
  ['no content type', 'POST', groups, {}, '{"name":"A"}', 415, 'contentType'],
  ['a form', 'POST', groups, { 'content-type': 'application/x-www-form-urlencoded' }, 'name=A', 415, 'contentType'],
  ['a mask of an unknown field', 'PATCH', `${groups}/kir-dev@kir-dev?updateMask=colour`, json, '{"name":"A"}', 400, 'updateMask'],
  ['a mask of everything', 'PATCH', `${groups}/kir-dev@kir-dev?updateMask=*`, json, '{"name":"A"}', 400, 'updateMask'],
  ['an empty idempotency key', 'POST', groups, { ...json, 'idempotency-key': '' }, '{"name":"A"}', 400, 'idempotency-key'],
  ["a policy's id with a zero before it", 'GET', `${policies}/01`, {}, undefined, 400, 'id'],
  ["a policy's id with a sign", 'GET', `${policies}/%2B1`, {}, undefined, 400, 'id'],
  ["a policy's id with a space", 'GET', `${policies}/%201`, {}, undefined, 400, 'id'],
  ["a policy's id with a zero before it in the query", 'GET', `${policies}?parentId=01`, {}, undefined, 400, 'parentId'],
  ["a policy's id that is no number of 64 bits", 'DELETE', `${policies}/9223372036854775808`, {}, undefined, 400, 'id'],
  ['holders of a policy that is not there', 'GET', `${policies}/99999/assignments`, {}, undefined, 404, 'policyId'],
  ['memberships of nobody', 'GET', '/api/v1/users/nobody-at-all/memberships', {}, undefined, 404, 'userId'],
  ['members of no group', 'GET', '/api/v1/groups/no-such@group/members', {}, undefined, [403, 404]],
  ['a mask of a field that may not change', 'PATCH', `${groups}/kir-dev@kir-dev?updateMask=id`, json, '{"id":"a@b"}', 400, /updateMask|id/],
  ['an unknown query parameter', 'GET', '/api/v1/groups?colour=red', {}, undefined, 400, 'colour'],
  ['a query parameter given twice', 'GET', '/api/v1/groups?q=a&q=b', {}, undefined, 400, 'q'],
  ['a page size that is no number', 'GET', '/api/v1/groups?pageSize=ten', {}, undefined, 400, 'pageSize'],
  ['a negative page size', 'GET', '/api/v1/groups?pageSize=-1', {}, undefined, 400, 'pageSize'],
  ['a page size beyond 32 bits', 'GET', '/api/v1/groups?pageSize=4294967297', {}, undefined, 400, 'pageSize'],
  ['a page token that is none', 'GET', '/api/v1/groups?pageToken=abc', {}, undefined, 400, 'pageToken'],
  ['a cursor from outside', 'GET', '/api/v1/groups?after.id=a', {}, undefined, 400, /after/],
  ['an unknown purpose in the query', 'GET', '/api/v1/groups?purpose=WAR', {}, undefined, 400, 'purpose'],
  ['a broken escape in the query', 'GET', '/api/v1/groups?q=%zz', {}, undefined, 400, 'q'],
  ['a broken escape in the path', 'GET', '/api/v1/groups/%zz', {}, undefined, [400, 404]],
  ['a NUL in the path', 'GET', '/api/v1/groups/a%00b', {}, undefined, [400, 404]],
  ['dots in the path', 'GET', '/api/v1/../../etc/passwd', {}, undefined, [400, 404]],
  ['escaped slashes in the path', 'GET', '/api/v1/groups/..%2f..%2fetc', {}, undefined, [400, 404]],
  ['an id that cannot be one', 'GET', `${groups}/no-at-sign`, {}, undefined, [400, 404]],
  ['a realm that does not exist', 'GET', '/api/v1/realms/atlantis/groups', {}, undefined, 404],
  ['a path that does not exist', 'GET', '/api/v1/nothing', {}, undefined, 404],
  ['a wrong verb', 'DELETE', '/api/v1/groups', {}, undefined, 405],
  ['a wrong verb of a custom method', 'GET', `${groups}/kir-dev@kir-dev:archive`, {}, undefined, [400, 404, 405]],
  ['an unknown custom method', 'POST', `${groups}/kir-dev@kir-dev:burn`, json, '{}', 404],
  ['a compressed body', 'POST', groups, { ...json, 'content-encoding': 'gzip' }, '{"name":"A"}', 415],
  ['a header of 40 KiB', 'GET', '/api/v1/groups', { 'x-large': name(40 << 10) }, undefined, [400, 413, 431]],
];

describe('the hub answers', () => {
  let alice;
  let token;

  before(async () => {
    alice = await login(federation.port, 'alice');
    token = (await alice.get('/api/v1/groups?pageSize=5')).json.nextPageToken;
  });
  after(() => alice.close());

  for (const [what, verb, path, headers, body, status, field] of mistakes) {
    it(`${[status].flat().join(' or ')} to ${what}`, async () => {
      const answer = await alice.request(verb, path, { headers, body, agent: false });
      assert.ok([status].flat().includes(answer.status), `${answer.status} ${answer.text}`);
      const { error } = answer.json ?? {};
      // What is refused before it is a request is answered by the HTTP server itself.
      if (path.startsWith('/api/') && ![413, 431].includes(answer.status) && what !== 'a header of 40 KiB') {
        assert.equal(error?.code, answer.status, answer.text);
        assert.ok(error.message.length > 0 && error.status.length > 0);
        assert.match(error.details[0]['@type'], /ErrorInfo$/);
      }
      if (field instanceof RegExp) assert.match(JSON.stringify(error), field);
      else if (field === 'contentType') assert.match(error.details[0].metadata.field, /^content-?type$/i);
      else if (field) assert.equal(error.details[0].metadata.field, field, answer.text);
      if (answer.status === 405) assert.ok(answer.headers.allow, 'says what is allowed');
    });
  }

  it('400 to a page token of another question, another user, or with one letter changed', async () => {
    const bob = await login(federation.port, 'bob');
    const changed = token.slice(0, 40) + (token[40] === 'A' ? 'B' : 'A') + token.slice(41);
    for (const [client, query] of [
      [alice, `q=a&pageToken=${token}`], [alice, `purpose=SPORT&pageToken=${token}`], [bob, `pageToken=${token}`],
      [alice, `pageToken=${changed}`], [alice, `pageToken=${token}A`], [alice, `pageToken=${token.slice(0, -4)}`],
    ]) {
      const answer = await client.get(`/api/v1/groups?${query}`);
      assert.equal(answer.status, 400, query);
      assert.equal(answer.json.error.details[0].metadata.field, 'pageToken');
    }
    bob.close();
  });

  it('problem+json when that is asked for', async () => {
    const answer = await alice.get('/api/v1/groups?colour=red', { accept: 'application/problem+json' });
    assert.equal(answer.status, 400);
    assert.match(answer.headers['content-type'], /^application\/problem\+json/);
    assert.equal(answer.json.status, 400);
  });

  it('401 without a cookie, and with one that is not ours', async () => {
    for (const cookie of ['', 'pek_session=', 'pek_session=x', 'pek_session=a.b.c', `${alice.cookie}x`]) {
      const answer = await alice.request('GET', '/api/v1/groups', { headers: { cookie } });
      assert.equal(answer.status, 401, cookie);
    }
  });

  it('and drops headers that only the federation may set', async () => {
    const dave = await login(federation.port, 'dave');
    const token = await federation.token('worker-acme', 'alice');
    for (const headers of [
      { authorization: `Bearer ${token}` }, { 'x-policy-hint': 'GOD' }, { 'x-forwarded-for': '10.0.0.1' },
      { 'x-pek-user': 'alice' },
    ]) {
      const answer = await dave.get('/api/v1/realms/worker-acme/groups/kir-dev@kir-dev', headers);
      assert.ok([403, 404].includes(answer.status), answer.text);
    }
    dave.close();
  });

  // Two requests in one, for servers that read lengths differently: the second must never be answered.
  const smuggled = 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n';
  for (const [what, head] of [
    ['two lengths', `Content-Length: 2\r\nContent-Length: ${smuggled.length}\r\n`],
    ['a length and chunks', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n'],
    ['a length that is no number', 'Content-Length: +5\r\n'],
  ]) {
    it(`400 to ${what}, and nothing to what follows`, async () => {
      const text = await new Promise((resolve, reject) => {
        let all = '';
        const socket = net.connect(federation.port, '127.0.0.1', () => socket.write(
          `POST /api/v1/groups HTTP/1.1\r\nHost: 127.0.0.1\r\n${head}\r\n0\r\n\r\n${smuggled}`));
        socket.setTimeout(3000, () => socket.end());
        socket.on('data', (chunk) => (all += chunk)).on('close', () => resolve(all)).on('error', reject);
      });
      assert.match(text, /^HTTP\/1\.1 4\d\d /, 'refused');
      assert.doesNotMatch(text, /\r\n\r\nok\n/, 'the second one was answered');
    });
  }
});
