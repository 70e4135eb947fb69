// Logging in at an OpenID provider that is slow, broken, lying, or somebody else.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { assertRefused, comeBack, federation, isCallback, logins, member, provider, site, somebody,
  unique } from './lib/login.mjs';
import { Browser, TestHub, TestProvider, changed, freePort } from './lib/provider.mjs';

logins('login-provider');

describe('a provider that misbehaves', () => {
  const answers = (status, body, headers = { 'content-type': 'application/json' }) =>
    (request, response) => response.writeHead(status, headers).end(body);
  const idToken = (change) => changed((answer) => {
    const [header, payload, signature] = answer.id_token.split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url'));
    change(claims);
    answer.id_token = [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
  });
  const drop = (request, response) => response.destroy();
  const endless = (request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const more = () => { while (!response.destroyed && response.write(' '.repeat(16384))); };
    response.on('drain', more);
    more();
  };

  for (const [what, path, rule, status, reason] of [
    ['fails at the token', '/token', answers(500, 'oops'), 502, 'TOKEN_ANSWER'],
    ['does not know us', '/token', answers(401, '{"error":"invalid_client"}'), 502, 'CLIENT_REFUSED'],
    ['answers nonsense', '/token', answers(200, '<html>hello</html>'), 502, 'TOKEN_ANSWER'],
    ['answers nothing', '/token', answers(200, ''), 502, 'TOKEN_ANSWER'],
    ['redirects the token call', '/token', answers(307, '', { location: '/elsewhere' }), 502, 'TOKEN_ANSWER'],
    ['hangs up', '/token', drop, 503, 'PROVIDER_UNREACHABLE'],
    ['talks without end', '/token', endless, 502, 'PROVIDER_ANSWER_TOO_LONG'],
    ['sends a huge token', '/token', answers(200, JSON.stringify({ access_token: 'x'.repeat(70000), token_type: 'Bearer' })), 502,
      'PROVIDER_ANSWER_TOO_LONG'],
    ['gives no token', '/token', changed((answer) => delete answer.access_token), 502, 'TOKEN_ANSWER'],
    ['gives a token with a line end', '/token', changed((answer) => (answer.access_token = 'a\r\nX: y')), 502, 'TOKEN_ANSWER'],
    ['gives an ID token of another issuer', '/token', idToken((claims) => (claims.iss = 'https://evil.example')), 502, 'ID_TOKEN_ISSUER'],
    ['gives an ID token for another site', '/token', idToken((claims) => (claims.aud = 'other')), 502, 'ID_TOKEN_AUDIENCE'],
    ['gives an ID token of another login', '/token', idToken((claims) => (claims.nonce = 'x')), 502, 'ID_TOKEN_NONCE'],
    ['gives an ID token without nonce', '/token', idToken((claims) => delete claims.nonce), 502, 'ID_TOKEN_NONCE'],
    ['gives an old ID token', '/token', idToken((claims) => (claims.exp = 1)), 502, 'ID_TOKEN_EXPIRED'],
    ['gives an ID token of somebody else', '/token', idToken((claims) => (claims.sub = 'alice')), 502, 'USERINFO_SUBJECT'],
    ['fails at the user', '/me', answers(500, 'oops'), 502, 'USERINFO_ANSWER'],
    ['does not take its own token', '/me', answers(401, '{}'), 502, 'USERINFO_ANSWER'],
    ['does not say who', '/me', changed((answer) => delete answer.sub), 502, 'USERINFO_SUBJECT'],
    ['says nobody', '/me', changed((answer) => (answer.sub = '')), 502, 'USERINFO_SUBJECT'],
    ['says who at length', '/me', changed((answer) => (answer.sub = 'x'.repeat(65))), 502, 'USERINFO_SUBJECT'],
    ['says somebody else', '/me', changed((answer) => (answer.sub = 'alice')), 502, 'USERINFO_SUBJECT'],
    ['says who twice', '/me', answers(200, '{"sub":"a","sub":"b"}'), 502, 'USERINFO_ANSWER'],
    ['nests without need', '/me', answers(200, `{"sub":"a","x":${'['.repeat(5000)}${']'.repeat(5000)}}`), 502, 'USERINFO_ANSWER'],
    ['talks about the user without end', '/me', endless, 502, 'PROVIDER_ANSWER_TOO_LONG'],
  ]) {
    it(`and ${what} logs nobody in`, async () => {
      const browser = new Browser();
      provider.person = somebody();
      const url = await comeBack(browser);
      provider.rules[path] = rule;
      assertRefused(await browser.ask(url), status, browser, reason);
      provider.rules = {};
      const again = await browser.follow(`${site}/auth/login`);
      assert.equal(new URL(again.url).pathname, '/auth/register', 'trying again helps');
    });
  }

  it('and is slow is given up after 5 seconds; meanwhile the hub does its other work', async () => {
    const browser = new Browser();
    const { browser: other } = await member(`meanwhile-${unique}`);
    provider.person = somebody();
    const url = await comeBack(browser);
    let asked;
    const arrived = new Promise((resolve) => (asked = resolve));
    provider.rules['/token'] = (request, response) => {
      asked();
      response.writeHead(200).write('{');
    };
    const began = Date.now();
    const waiting = browser.ask(url);
    await arrived;
    for (let i = 0; i < 20; i++) {
      const before = Date.now();
      assert.equal((await other.ask(`${site}/api/v1/session`)).status, 200);
      assert.ok(Date.now() - before < 1000, 'the hub is blocked');
    }
    assertRefused(await waiting, 504, browser, 'PROVIDER_SLOW');
    const elapsed = Date.now() - began;
    assert.ok(elapsed >= 4900 && elapsed < 7000, `${elapsed} ms`);
  });

  it('and is not there makes a clear page; running sessions go on', async () => {
    const { browser } = await member(`goeson-${unique}`);
    const port = await freePort();
    const lonely = await TestHub.start(federation, 'login-lonely', port,
      { ...provider.options, public_url: site, oauth_token_url: `http://127.0.0.1:${await freePort()}/token` });
    try {
      const url = (await comeBack(browser)).replace(site, `http://127.0.0.1:${port}`);
      const answer = await new Browser().ask(url, { headers: { cookie: browser.cookies(site) } });
      assert.equal(answer.status, 503, answer.text);
      assert.match(answer.text, /nem érhető el/);
      assert.equal(lonely.lastReason(), 'PROVIDER_UNREACHABLE');
      assert.equal((await lonely.get('/api/v1/session', { cookie: browser.cookies(site) })).status, 200);
    } finally {
      assert.equal(await lonely.stop(), 0);
    }
  });
});

describe('a hub that stops', () => {
  for (const [what, drain, code, lines] of [['lets a login end', '20s', 0, ['PROVIDER_SLOW']],
    ['gives a login up when its own time is over', '100ms', 1, ['PROVIDER_UNREACHABLE', 'CANCELLED', undefined]]]) {
    it(what, async () => {
      const port = await freePort();
      const stopping = await TestHub.start(federation, `login-stopping-${drain}`, port,
        { ...provider.options, public_url: site, drain_timeout_ms: drain });
      const browser = new Browser();
      provider.person = somebody();
      const url = (await comeBack(browser)).replace(site, `http://127.0.0.1:${port}`);
      const arrived = new Promise((resolve) => (provider.rules['/token'] = resolve));
      const waiting = new Browser().ask(url, { headers: { cookie: browser.cookies(site) } }).catch((error) => error);
      await arrived;
      const began = Date.now();
      assert.equal(await stopping.stop(), code);
      await waiting;
      assert.ok(lines.includes(stopping.lastReason()), stopping.lastReason());
      assert.ok(Date.now() - began < 7000, `${Date.now() - began} ms`);
    });
  }
});

describe('TLS to the provider', () => {
  let secure, folder, certificate;

  before(async () => {
    folder = join(federation.data, 'keys');
    certificate = join(folder, 'provider.crt');
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
      '-subj', '/CN=provider', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', join(folder, 'provider.key'),
      '-out', certificate], { stdio: 'ignore' });
    secure = await TestProvider.start({ redirectUris: [`${site}/auth/callback`],
      tls: { key: readFileSync(join(folder, 'provider.key')), cert: readFileSync(certificate) } });
  });
  after(() => secure.close());

  for (const [what, ca, reason] of [['an authority that we know is spoken', true, 'NEW_USER'],
    ['an unknown one is not trusted', false, 'PROVIDER_UNREACHABLE']]) {
    it(`of ${what}`, async () => {
      const port = await freePort();
      const there = await TestHub.start(federation, `login-tls-${ca}`, port,
        { ...secure.options, public_url: site, ...(ca ? { oauth_ca: certificate } : {}) });
      try {
        const browser = new Browser();
        secure.person = somebody();
        const back = await browser.follow(`http://127.0.0.1:${port}/auth/login`, isCallback);
        const url = back.stopped.replace(site, `http://127.0.0.1:${port}`);
        const answer = await browser.ask(url);
        assert.equal(there.lastReason(), reason, answer.text);
        assert.equal(secure.seen.length, 1, 'nothing was said to an untrusted provider');
      } finally {
        assert.equal(await there.stop(), 0);
      }
    });
  }
});
