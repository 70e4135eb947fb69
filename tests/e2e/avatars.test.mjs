// Avatars: what is uploaded, who sees it, and what is left of what it said.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { crc32, deflateSync } from 'node:zlib';
import { theFederation } from './lib/federation.mjs';
import { login } from './lib/http.mjs';

const federation = theFederation();
const limit = 512 * 1024;

const chunk = (type, data) => {
  const body = Buffer.concat([Buffer.from(type), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
};
const png = (side, ...more) => {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header[8] = 8;
  const rows = Buffer.alloc(side * (side + 1), 0x7f);
  for (let y = 0; y < side; y += 1) rows[y * (side + 1)] = 0;
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', header), ...more,
    chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
};
const segment = (marker, data) => Buffer.concat([Buffer.from([0xff, marker, (data.length + 2) >> 8, (data.length + 2) & 255]), data]);
const jpeg = (...segments) => Buffer.concat([Buffer.from([0xff, 0xd8]), ...segments,
  segment(0xdb, Buffer.concat([Buffer.from([0]), Buffer.alloc(64, 1)])), segment(0xc0, Buffer.from([8, 0, 8, 0, 8, 1, 1, 0x11, 0])),
  segment(0xc4, Buffer.concat([Buffer.from([0, 1]), Buffer.alloc(16)])), segment(0xc4, Buffer.concat([Buffer.from([0x10, 1]), Buffer.alloc(16)])),
  segment(0xda, Buffer.from([1, 1, 0, 0, 0x3f, 0])), Buffer.from([0x3f, 0xff, 0xd9])]);

// The bytes of an answer, which `request` would take for text.
const bytesOf = async (client, path) => {
  const response = await client.open('GET', path);
  const parts = [];
  for await (const part of response) parts.push(part);
  return { status: response.statusCode, headers: response.headers, bytes: Buffer.concat(parts) };
};

describe('an avatar', () => {
  let bob;
  let alice;
  before(async () => {
    [bob, alice] = [await login(federation.port, 'bob'), await login(federation.port, 'alice')];
    await Promise.all([bob, alice].map((client) => client.get('/api/v1/session')));
  });
  after(() => [bob, alice].forEach((client) => client.close()));

  const mine = '/api/v1/users/me/avatar';
  const put = (body, type = 'image/png') => bob.request('PUT', mine, { headers: { 'content-type': type }, body });
  const versionOf = async (client, who) => (await client.get(`/api/v1/users/${who}/profile`)).json.avatarVersion;

  it('is given as it was taken, to whoever sees the names', async () => {
    const image = png(64);
    const made = await put(image);
    assert.equal(made.status, 200, made.text);
    assert.deepEqual([made.json.userId, made.json.contentType, made.json.width, made.json.height], ['bob', 'image/png', 64, 64]);
    for (const [client, path] of [[bob, mine], [alice, '/api/v1/users/bob/avatar']]) {
      const got = await bytesOf(client, path);
      assert.equal(got.status, 200);
      assert.deepEqual(got.bytes, image);
      assert.equal(got.headers['content-type'], 'image/png');
      assert.equal(got.headers['x-content-type-options'], 'nosniff');
      assert.match(got.headers['content-security-policy'], /^default-src 'none'; sandbox/);
      const again = await client.get(path, { 'if-none-match': got.headers.etag });
      assert.equal(again.status, 304);
    }
  });

  it('has a version in the profile, in searches and in the realms, which never comes again', async () => {
    const seen = new Set();
    for (let i = 0; i < 3; i += 1) {
      assert.equal((await put(png(8 + i))).status, 200);
      const version = await versionOf(alice, 'bob');
      assert.notEqual(version, '0');
      seen.add(version);
    }
    assert.equal(seen.size, 3);
    const version = await versionOf(bob, 'me');
    const { json } = await alice.get('/api/v1/users?q=bob');
    assert.equal(json.users.find(({ id }) => id === 'bob').avatarVersion, version);
    for (const realm of ['hub', 'worker-acme']) {
      const kept = () => federation.sql(realm, `SELECT avatar_version FROM pek.person WHERE realm = '${realm}' AND id = 'bob'`);
      for (let tries = 0; String(kept()) !== version; tries += 1) {
        assert.ok(tries < 100, `${realm} has version ${kept()} and not ${version}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  });

  it('keeps nobody waiting for others who change theirs as well', async () => {
    const people = await Promise.all(Array.from({ length: 8 }, (_, i) => login(federation.port, `user-00${i + 1}`)));
    const codes = await Promise.all(people.map(async (person, at) => {
      const seen = new Set();
      for (let i = 0; i < 8; i += 1) {
        seen.add((await person.request('PUT', mine, { headers: { 'content-type': 'image/png' }, body: png(8 + at + i) })).status);
        seen.add((await person.patch('/api/v1/users/me/profile', { firstName: `F${i}` })).status);
      }
      return [...seen];
    }));
    people.forEach((person) => person.close());
    assert.deepEqual(codes, people.map(() => [200]));
  });

  it('reaches a realm that was away, and none with what is older', async () => {
    const kept = () => federation.sql('worker-acme', `SELECT json_build_object('name', display_name, 'avatar', avatar_version::text)
      FROM pek.person WHERE realm = 'worker-acme' AND id = 'bob'`);
    const { json } = await bob.get('/api/v1/users/me/profile');
    const rename = (nickname) => bob.patch('/api/v1/users/me/profile', { nickname });
    federation.signal('worker-acme', 'SIGSTOP');
    try {
      for (let i = 0; i < 2; i += 1) assert.equal((await put(png(16 + i))).status, 200);
      assert.equal((await rename('Bobi')).status, 200);
      assert.ok(federation.sql('hub', `SELECT count(*) FROM hub.person_news WHERE realm = 'worker-acme' AND user_id = 'bob'`) > 0);
    } finally {
      federation.signal('worker-acme', 'SIGCONT');
    }
    const version = await versionOf(bob, 'me');
    for (let tries = 0; kept().avatar !== version; tries += 1) {
      assert.ok(tries < 300, `worker-acme has ${JSON.stringify(kept())} and not ${version}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.equal(kept().name, `${json.lastName} ${json.firstName}`.trim());
    assert.equal((await rename(json.nickname)).status, 200);
  });

  it('loses where it was taken and by what', async () => {
    const exif = Buffer.from('Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0GPS 47.4', 'latin1');
    const photo = jpeg(segment(0xe1, exif), segment(0xfe, Buffer.from('by Bob')));
    const made = await put(photo, 'image/jpeg');
    assert.equal(made.status, 200, made.text);
    const { bytes, headers } = await bytesOf(alice, '/api/v1/users/bob/avatar');
    assert.equal(headers['content-type'], 'image/jpeg');
    assert.ok(!bytes.includes('GPS') && !bytes.includes('by Bob'));
    assert.ok(bytes.includes('Exif'), 'it would lie on its side');
    const text = await put(png(8, chunk('tEXt', Buffer.from('Author\0Bob'))));
    assert.equal(text.status, 200);
    assert.deepEqual((await bytesOf(bob, mine)).bytes, png(8));
  });

  it('is refused by its own code when it is none', async () => {
    const before = createHash('sha256').update((await bytesOf(bob, mine)).bytes).digest('hex');
    const padded = (bytes) => png(8, chunk('teXt', Buffer.alloc(bytes - png(8).length - 12)));
    const cases = [
      [Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'image/svg+xml', 415],
      [Buffer.from('<script>alert(1)</script>'), 'image/png', 422],
      [png(8), 'image/jpeg', 422], [jpeg(), 'image/png', 422],
      [Buffer.concat([png(8), Buffer.from('<script>')]), 'image/png', 422],
      [png(8).subarray(0, -1), 'image/png', 422],
      [padded(limit + 1), 'image/png', 413], [Buffer.alloc(900000), 'image/png', 413], [Buffer.alloc(2000000), 'image/png', 413],
      [Buffer.alloc(0), 'image/png', 400],
    ];
    for (const [body, type, code] of cases) {
      const answer = await put(body, type);
      assert.equal(answer.status, code, `${type} of ${body.length}: ${answer.text}`);
    }
    assert.equal(createHash('sha256').update((await bytesOf(bob, mine)).bytes).digest('hex'), before);
    assert.equal((await put(padded(limit))).status, 200);
  });

  it('is changed and taken away by its owner alone', async () => {
    const path = '/api/v1/users/bob/avatar';
    assert.equal((await alice.request('PUT', path, { headers: { 'content-type': 'image/png' }, body: png(8) })).status, 403);
    assert.equal((await alice.request('DELETE', path)).status, 403);
    assert.equal((await bob.request('DELETE', mine)).status, 200);
    assert.equal((await bytesOf(alice, path)).status, 404);
    assert.equal(await versionOf(alice, 'bob'), '0');
  });
});
