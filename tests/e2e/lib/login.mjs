// A hub, a provider, and people who log in at the one through the other. A test file calls logins() at its top.
import assert from 'node:assert/strict';
import { after, afterEach, before } from 'node:test';
import { theFederation } from './federation.mjs';
import { Browser, TestHub, TestProvider, freePort } from './provider.mjs';

export const federation = theFederation();
export const unique = `${Date.now().toString(36)}${process.pid}`.slice(-12);
export let provider;
export let hub;
export let site;
let people = 0;

export const somebody = (claims = {}) =>
  ({ sub: `sub-${unique}-${++people}`, name: `Teszt Elek ${people}`, ...claims });
export const hasSession = (browser) => [...browser.jar(site).keys()].some((name) => name.includes('pek_session'));
export const isCallback = (url) => url.startsWith(`${site}/auth/callback`);

// Up to the URL that the provider sends the browser to, which is not asked yet.
export async function comeBack(browser, returnTo = '/x') {
  const answer = await browser.follow(`${site}/auth/login?return_to=${encodeURIComponent(returnTo)}`, isCallback);
  assert.ok(answer.stopped, `${answer.status} ${answer.text}`);
  return answer.stopped;
}

export async function register(browser, person, username) {
  provider.person = person;
  const page = await browser.follow(`${site}/auth/login?return_to=/x`);
  assert.equal(page.status, 200, page.text);
  return browser.ask(`${site}/auth/register`, { method: 'POST', form: { username }, headers: { origin: site } });
}

// A browser of somebody who is registered.
export async function member(username, person = somebody()) {
  const browser = new Browser();
  const answer = await register(browser, person, username);
  assert.equal(answer.status, 303, answer.text);
  return { browser, person };
}

// The page of a refusal: clear, nothing of the request in it, no session.
export function assertRefused(answer, status, browser, reason) {
  assert.equal(answer.status, status, `${hub.lastReason()}: ${answer.text}`);
  assert.equal(hub.lastReason(), reason);
  assert.match(answer.headers['content-type'], /^text\/html/);
  assert.match(answer.headers['content-security-policy'], /default-src 'none'/);
  assert.equal(answer.headers['referrer-policy'], 'no-referrer');
  assert.equal(answer.headers['cache-control'], 'no-store');
  assert.match(answer.text, /<h1>/);
  for (const [, value] of new URL(answer.url).searchParams) {
    if (value.length > 8) assert.ok(!answer.text.includes(value), 'the page repeats what it was asked');
  }
  assert.ok(!hasSession(browser), 'there is a session');
}

export function logins(name) {
  before(async () => {
    const port = await freePort();
    site = `http://127.0.0.1:${port}`;
    provider = await TestProvider.start({ redirectUris: [`${site}/auth/callback`] });
    hub = await TestHub.start(federation, name, port,
      { ...provider.options, public_url: site, trusted_proxies: '127.0.0.1' });
  });
  after(async () => {
    const code = await hub?.stop();
    provider?.close();
    assert.equal(code, 0, 'the hub stops cleanly');
  });
  afterEach(() => (provider.rules = {}));
}
