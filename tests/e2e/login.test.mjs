// Logging in at an OpenID provider: the way there and back, and everything that can be wrong with what browsers bring.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { assertRefused, comeBack, federation, hasSession, hub, logins, member, provider, register, site, somebody,
  unique } from './lib/login.mjs';
import { Browser, TestHub, changed, clientSecret, freePort } from './lib/provider.mjs';

logins('login');

describe('the way to the provider', () => {
  it('asks for a code with state, nonce and PKCE, for exactly one address', async () => {
    const browser = new Browser();
    const answer = await browser.ask(`${site}/auth/login?return_to=/groups`);
    assert.equal(answer.status, 303);
    assert.equal(answer.headers['cache-control'], 'no-store');
    const url = new URL(answer.headers.location);
    assert.equal(url.origin + url.pathname, `${provider.url}/auth`);
    const query = Object.fromEntries(url.searchParams);
    assert.deepEqual(Object.keys(query).sort(), ['client_id', 'code_challenge', 'code_challenge_method', 'nonce',
      'redirect_uri', 'response_type', 'scope', 'state']);
    assert.equal(query.response_type, 'code');
    assert.equal(query.redirect_uri, `${site}/auth/callback`);
    assert.equal(query.code_challenge_method, 'S256');
    assert.match(query.state, /^[\w-]{43}$/);
    const [cookie] = answer.headers['set-cookie'];
    assert.match(cookie, /^pek_login=[\w.-]+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=600$/);
  });

  it('is another one each time', async () => {
    const states = await Promise.all(Array.from({ length: 20 }, async () =>
      new URL((await hub.get('/auth/login')).headers.location).searchParams.get('state')));
    assert.equal(new Set(states).size, 20);
  });

  it('does not believe the Host header', async () => {
    const answer = await new Browser().ask(`${site}/auth/login`, {
      headers: { host: 'evil.example', 'x-forwarded-host': 'evil.example' } });
    assert.equal(new URL(answer.headers.location).searchParams.get('redirect_uri'), `${site}/auth/callback`);
  });

  it('has the prefix __Host- over HTTPS', async () => {
    const answer = await new Browser().ask(`${site}/auth/login`, { headers: { 'x-forwarded-proto': 'https' } });
    assert.match(answer.headers['set-cookie'][0], /^__Host-pek_login=.*; Path=\/; .*; Secure$/);
  });

  it('is refused in clear where the site is reached over HTTPS', async () => {
    const port = await freePort();
    const secure = await TestHub.start(federation, 'login-https', port,
      { ...provider.options, public_url: 'https://pek.example', trusted_proxies: '127.0.0.1' });
    try {
      const clear = await secure.get('/auth/login');
      assert.equal(clear.status, 400);
      assert.equal(clear.headers['set-cookie'], undefined);
      assert.equal(secure.lastReason(), 'NOT_OVER_HTTPS');
      const answer = await secure.get('/auth/login', { 'x-forwarded-proto': 'https' });
      assert.equal(new URL(answer.headers.location).searchParams.get('redirect_uri'), 'https://pek.example/auth/callback');
    } finally {
      assert.equal(await secure.stop(), 0);
    }
  });

  it('is not there without a provider', async () => {
    for (const path of ['/auth/login', '/auth/callback', '/auth/register']) {
      const answer = await new Browser().ask(`http://127.0.0.1:${federation.port}${path}`);
      assert.equal(answer.status, 404, path);
    }
  });
});

describe('the first login', () => {
  it('asks for a username, proposes one, and makes the user', async () => {
    const browser = new Browser();
    provider.person = somebody({ name: `Kovács Őrs ${unique}` });
    const page = await browser.follow(`${site}/auth/login?return_to=/groups%3Fq%3Dx`);
    assert.equal(page.status, 200, page.text);
    assert.equal(new URL(page.url).pathname, '/auth/register');
    assert.ok(page.text.includes(`value="kovacs-ors-${unique}"`), page.text);
    assert.ok(!hasSession(browser), 'not before there is a user');
    const answer = await browser.ask(`${site}/auth/register`, {
      method: 'POST', form: { username: ` Ors.${unique} ` }, headers: { origin: site, 'sec-fetch-site': 'same-origin' } });
    assert.equal(answer.status, 303, answer.text);
    assert.equal(answer.headers.location, '/groups?q=x');
    assert.deepEqual([...browser.jar(site).keys()], ['pek_session']);
    const { json } = await browser.ask(`${site}/api/v1/session`);
    assert.equal(json.user.username, `ors.${unique}`);
    assert.equal(json.user.name, `Kovács Őrs ${unique}`);
    assert.match(json.user.id ?? json.user.userId, /^[a-z2-7]{26}$/);
  });

  it('sends the secret in Basic, and the verifier of its challenge', async () => {
    const { form, headers } = provider.seen.at(-1);
    assert.match(headers.authorization, /^Basic /);
    assert.ok(!form.has('client_secret'));
    assert.match(form.get('code_verifier'), /^[\w-]{43}$/);
    assert.equal(form.get('redirect_uri'), `${site}/auth/callback`);
  });

  it('takes the username for the name of who has none', async () => {
    const { browser } = await member(`noname-${unique}`, somebody({ name: undefined }));
    assert.equal((await browser.ask(`${site}/api/v1/session`)).json.user.name, `noname-${unique}`);
  });

  it('says what is wrong with a username, and keeps what was typed', async () => {
    await member(`taken-${unique}`);
    const browser = new Browser();
    const person = somebody();
    for (const [username, status] of [['', 400], ['ab', 400], ['admin', 400], ['árvíz', 400], ['"><script>x', 400],
      ['alice', 409], [`Taken-${unique}`, 409]]) {
      const answer = await register(browser, person, username);
      assert.equal(answer.status, status, `${username}: ${answer.text}`);
      assert.match(answer.text, /class="mistake"/);
      assert.ok(!answer.text.includes('<script'), 'escaped');
      assert.ok(!hasSession(browser));
    }
    assert.equal((await register(browser, person, `free-${unique}`)).status, 303);
  });

  it('happens once, also when the form is sent twice', async () => {
    const browser = new Browser();
    provider.person = somebody();
    await browser.follow(`${site}/auth/login`);
    const send = (username) => browser.ask(`${site}/auth/register`, { method: 'POST', form: { username } });
    const answers = await Promise.all([send(`one-${unique}`), send(`two-${unique}`)]);
    assert.deepEqual(answers.map(({ status }) => status).sort(), [303, 400]);
    assert.equal(federation.sql('hub', `SELECT count(*) FROM hub.user_account WHERE authsch_id = '${provider.person.sub}'`), 1);
  });

  it('is not begun, or sent, from elsewhere', async () => {
    const stranger = new Browser();
    const form = { username: `stranger-${unique}` };
    assertRefused({ ...await stranger.ask(`${site}/auth/register`, { method: 'POST', form }) }, 400, stranger,
      'REGISTRATION_EXPIRED');
    assert.equal((await stranger.ask(`${site}/auth/register`)).status, 400);
    const browser = new Browser();
    provider.person = somebody();
    await browser.follow(`${site}/auth/login`);
    for (const headers of [{ origin: 'https://evil.example' }, { origin: 'null' }, { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' }]) {
      const answer = await browser.ask(`${site}/auth/register`, { method: 'POST', form, headers });
      assertRefused(answer, 403, browser, 'CROSS_ORIGIN');
    }
    const json = await browser.ask(`${site}/auth/register`, { method: 'POST', form, headers: { 'content-type': 'text/plain' } });
    assert.equal(json.status, 400);
    // A ticket of the login is none of the registration.
    const other = new Browser();
    await other.ask(`${site}/auth/login`);
    other.jar(site).set('pek_register', other.jar(site).get('pek_login'));
    assert.equal((await other.ask(`${site}/auth/register`)).status, 400);
  });
});

describe('a later login', () => {
  it('goes straight on, with a new session instead of the old one, and the new name', async () => {
    const { browser, person } = await member(`later-${unique}`);
    const old = browser.jar(site).get('pek_session');
    const lastLogin = () => federation.sql('hub',
      `SELECT to_json(last_login_at) FROM hub.user_account WHERE authsch_id = '${person.sub}'`);
    const before = lastLogin();
    provider.person = { ...person, name: `Új Név ${unique}` };
    const answer = await browser.ask(await comeBack(browser, '/me?tab=1'));
    assert.equal(answer.status, 303, answer.text);
    assert.equal(answer.headers.location, '/me?tab=1');
    assert.notEqual(browser.jar(site).get('pek_session'), old);
    assert.ok(!browser.jar(site).has('pek_login'), 'the ticket is gone');
    assert.equal((await browser.ask(`${site}/api/v1/session`)).json.user.name, `Új Név ${unique}`);
    assert.ok(lastLogin() > before);
    const thief = new Browser();
    thief.jar(site).set('pek_session', old);
    assert.equal((await thief.ask(`${site}/api/v1/session`)).status, 401, 'the old session is over');
  });

  it('keeps the name when the provider has none any more', async () => {
    const { browser, person } = await member(`keeps-${unique}`);
    provider.person = { sub: person.sub };
    assert.equal((await browser.ask(await comeBack(browser))).status, 303);
    assert.equal((await browser.ask(`${site}/api/v1/session`)).json.user.name, person.name);
  });

  it('is refused to who is disabled', async () => {
    const { person } = await member(`disabled-${unique}`);
    federation.sql('hub', `WITH u AS (UPDATE hub.user_account SET disabled_at = now()
      WHERE authsch_id = '${person.sub}' RETURNING 1) SELECT count(*) FROM u`);
    const browser = new Browser();
    provider.person = person;
    assertRefused(await browser.ask(await comeBack(browser)), 403, browser, 'USER_DISABLED');
  });

  it('returns to this site only', async () => {
    const { person } = await member(`returns-${unique}`);
    provider.person = person;
    for (const to of ['//evil.example', '/\\evil.example', 'https://evil.example', '/a\\..\\b', '/a\r\nX: y', '/auth/dev?user=bob',
      '\\\\evil.example', 'javascript:alert(1)', '/\t/evil.example', '', `/${'x'.repeat(2000)}`]) {
      const browser = new Browser();
      const answer = await browser.ask(await comeBack(browser, to));
      assert.equal(answer.headers.location, '/', to);
    }
  });
});

describe('the state', () => {
  it('must be there, whole, and this browser\'s', async () => {
    const browser = new Browser();
    provider.person = somebody();
    const url = new URL(await comeBack(browser));
    const variants = {
      missing: (query) => query.delete('state'),
      empty: (query) => query.set('state', ''),
      cut: (query) => query.set('state', query.get('state').slice(1)),
      changed: (query) => query.set('state', `A${query.get('state').slice(1)}`.replace(/^AA/, 'AB')),
    };
    for (const [what, change] of Object.entries(variants)) {
      const other = new URL(url);
      change(other.searchParams);
      assertRefused(await browser.ask(other.href), 400, browser, 'STATE_MISMATCH', what);
    }
    const twice = `${url.href}&state=${url.searchParams.get('state')}`;
    assertRefused(await browser.ask(twice), 400, browser, 'CALLBACK_MALFORMED');
    const stranger = new Browser();
    assertRefused(await stranger.ask(url.href), 400, stranger, 'STATE_OF_NO_LOGIN');
    await stranger.ask(`${site}/auth/login`);
    assertRefused(await stranger.ask(url.href), 400, stranger, 'STATE_MISMATCH');
    const answer = await browser.ask(url.href);
    assert.equal(answer.headers.location, '/auth/register', 'and all of that did not spoil it');
  });

  it('is taken once', async () => {
    const { browser, person } = await member(`once-${unique}`);
    provider.person = person;
    const url = await comeBack(browser);
    const ticket = browser.jar(site).get('pek_login');
    assert.equal((await browser.ask(url)).status, 303);
    const again = await browser.ask(url);
    assert.equal(again.status, 303, 'the back button');
    assert.equal(again.headers.location, '/');
    const thief = new Browser();
    thief.jar(site).set('pek_login', ticket);
    assertRefused(await thief.ask(url), 400, thief, 'STATE_REPLAYED');
  });

  it('is taken once of many requests at the same time', async () => {
    const { browser, person } = await member(`race-${unique}`);
    provider.person = person;
    const url = await comeBack(browser);
    const answers = await Promise.all(Array.from({ length: 8 }, () => browser.ask(url)));
    const isIn = ({ headers }) => (headers['set-cookie'] ?? []).some((cookie) => /^pek_session=[^;]/.test(cookie));
    assert.equal(answers.filter(isIn).length, 1);
    // The others come too early or, with the session of the first, are led home.
    for (const answer of answers.filter((one) => !isIn(one)))
      assert.ok(answer.status === 400 || (answer.status === 303 && answer.headers.location === '/'), `${answer.status}`);
  });

  it('is known to every hub, and taken once by all of them', async () => {
    const { person } = await member(`replica-${unique}`);
    const replica = await TestHub.start(federation, 'login-replica', await freePort(),
      { ...provider.options, public_url: site, trusted_proxies: '127.0.0.1' });
    try {
      const browser = new Browser();
      provider.person = person;
      const url = await comeBack(browser);
      const cookie = browser.cookies(site);
      const there = url.replace(site, `http://127.0.0.1:${replica.port}`);
      const answer = await browser.ask(there, { headers: { cookie } });
      assert.equal(answer.status, 303, answer.text);
      assertRefused(await browser.ask(url), 400, browser, 'STATE_REPLAYED');
    } finally {
      assert.equal(await replica.stop(), 0);
    }
  });
});

describe('the code', () => {
  it('is of no use in another login', async () => {
    const { browser, person } = await member(`code-${unique}`);
    provider.person = person;
    const first = new URL(await comeBack(browser));
    assert.equal((await browser.ask(first.href)).status, 303);
    const thief = new Browser();
    const second = new URL(await comeBack(thief));
    for (const code of [first.searchParams.get('code'), 'made-up']) {
      second.searchParams.set('code', code);
      assertRefused(await thief.ask(second.href), 400, thief, 'CODE_REFUSED');
      second.searchParams.set('state', new URL(await comeBack(thief)).searchParams.get('state'));
    }
  });

  it('of a victim, put into an attacker\'s login, is refused by its verifier', async () => {
    const { person } = await member(`inject-${unique}`);
    provider.person = person;
    const victim = new URL(await comeBack(new Browser()));
    const attacker = new Browser();
    const own = new URL(await comeBack(attacker));
    own.searchParams.set('code', victim.searchParams.get('code'));
    assertRefused(await attacker.ask(own.href), 400, attacker, 'CODE_REFUSED');
  });

  for (const [what, change, status, reason] of [
    ['is missing', (query) => query.delete('code'), 400, 'CALLBACK_WITHOUT_CODE'],
    ['is too long', (query) => query.set('code', 'x'.repeat(3000)), 400, 'CALLBACK_MALFORMED'],
    ['comes from another issuer', (query) => query.set('iss', 'https://evil.example'), 400, 'CALLBACK_ISSUER'],
    ['is refused by the person', (query) => { query.delete('code'); query.set('error', 'access_denied'); }, 403, 'PROVIDER_DENIED'],
    ['cannot be given now', (query) => { query.delete('code'); query.set('error', 'temporarily_unavailable'); }, 503, 'PROVIDER_UNAVAILABLE'],
    ['is replaced by something unknown', (query) => { query.delete('code'); query.set('error', '<script>alert(1)</script>'); }, 502, 'PROVIDER_ERROR'],
  ]) {
    it(`that ${what} logs nobody in`, async () => {
      const browser = new Browser();
      provider.person = somebody();
      const url = new URL(await comeBack(browser));
      change(url.searchParams);
      const answer = await browser.ask(url.href);
      assertRefused(answer, status, browser, reason);
      assert.ok(!answer.text.includes('<script'));
    });
  }
});

describe('a hub with a provider', () => {
  it('limits how often one address may come back', async () => {
    const browser = new Browser();
    browser.address = '198.51.100.7';
    const answers = await Promise.all(Array.from({ length: 70 }, () => browser.ask(`${site}/auth/callback?state=x&code=y`)));
    const refused = answers.filter(({ status }) => status === 429);
    assert.ok(refused.length >= 5 && refused.length <= 10, `${refused.length}`);
    assert.match(refused[0].headers['retry-after'], /^([1-9]|[1-5]\d|60)$/);
    browser.address = '198.51.100.8';
    assert.equal((await browser.ask(`${site}/auth/callback?state=x&code=y`)).status, 400, 'others are not in the way');
  });

  it('knows the verbs of its pages', async () => {
    for (const [method, path, allow] of [['POST', '/auth/login', 'GET, OPTIONS'], ['POST', '/auth/callback', 'GET, OPTIONS'],
      ['DELETE', '/auth/register', 'GET, POST, OPTIONS']]) {
      const answer = await new Browser().ask(site + path, { method });
      assert.equal(answer.status, 405, path);
      assert.equal(answer.headers.allow, allow);
    }
  });

  it('has its pages\' style as the policy wants it', async () => {
    const answer = await hub.get('/auth/style.css');
    assert.equal(answer.status, 200);
    assert.match(answer.headers['content-type'], /^text\/css/);
  });

  it('logs no code, state, token or secret', async () => {
    const browser = new Browser();
    provider.person = somebody();
    const tokens = [];
    provider.rules['/token'] = changed((answer) => tokens.push(answer.access_token, answer.id_token));
    const url = await comeBack(browser);
    await browser.ask(url);
    const query = new URL(url).searchParams;
    const log = hub.log();
    for (const secret of [query.get('code'), query.get('state'), clientSecret, ...tokens, provider.person.sub,
      ...browser.jar(site).values()]) {
      assert.ok(secret && !log.includes(secret), 'the log has a secret');
    }
  });

  it('does not start with a provider in clear, or without its own address', () => {
    const bin = join(federation.state('bin'), 'pek-hub');
    const secret = join(federation.data, 'keys', 'oauth-secret');
    writeFileSync(secret, 'a secret\n', { mode: 0o600 });
    const check = (...options) => spawnSync(bin, ['check-config', '--config', join(federation.data, 'config/pek-hub.conf'),
      '--oauth-client-id', 'x', '--oauth-client-secret-path', secret, ...options], { encoding: 'utf8', env: {} });
    assert.match(check().stderr, /oauth_client_id needs public_url/);
    for (const url of ['http://id.example/token', 'http://127.0.0.1.evil.example/token', 'ftp://id.example', 'https://']) {
      const { status, stderr } = check('--public-url', 'https://pek.example', '--oauth-token-url', url);
      assert.equal(status, 2, url);
      assert.match(stderr, /oauth_token_url must be an https URL/);
    }
    assert.equal(check('--public-url', 'https://pek.example', '--listen', '127.0.0.1:0').status, 0);
  });
});
