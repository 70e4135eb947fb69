// The web site, as people use it.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { theFederation, until } from './lib/federation.mjs';
import { Client, login } from './lib/http.mjs';
import { Visitor, launch, skipped } from './lib/site.mjs';

const federation = theFederation();
const site = `http://127.0.0.1:${federation.port}`;
const acme = '/api/v1/realms/worker-acme';

describe('the hub, of the web site', () => {
  const client = new Client(federation.port);
  after(() => client.close());

  it('gives its page for the addresses of the site, and for no others', async () => {
    for (const path of ['/', '/search', '/search?q=x', '/realms/worker-acme/groups/kir-dev@kir-dev', '/realms/x/groups/y/settings', '/people/x', '/docs']) {
      const answer = await client.get(path);
      assert.equal(answer.status, 200, path);
      assert.match(answer.headers['content-type'], /^text\/html/, path);
      assert.equal(answer.headers['cache-control'], 'no-cache', path);
      const policy = answer.headers['content-security-policy'];
      assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/);
      assert.doesNotMatch(policy, /unsafe|\*|https?:/);
    }
    for (const path of ['/nothing', '/search/x', '/realms/x/y', '/api/v1/nothing', '/assets/none.js', '/people/x/y']) {
      const answer = await client.get(path);
      assert.equal(answer.status, 404, path);
      assert.equal(answer.json.error.status, 'NOT_FOUND', path);
    }
    const browsers = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8' };
    for (const path of ['/nothing', '/nothing/', '/people//', '/realms/x/y', '/assets/none.js', '//evil.example', '//evil.example/']) {
      const answer = await client.get(path, browsers);
      assert.equal(answer.status, 404, path);
      assert.match(answer.headers['content-type'], /^text\/html/, path);
      assert.match(answer.headers['content-security-policy'], /^default-src 'none'; script-src 'self';/);
      assert.equal(answer.headers.etag, undefined);
    }
    assert.match((await client.get('/api/v1/nothing', browsers)).headers['content-type'], /^application\/json/);
    assert.equal((await client.send('POST', '/nothing', {}, browsers)).json.error.status, 'NOT_FOUND');
    // What it is made of has one address each.
    for (const path of ['/index.html', '/index.html.br', '/index.html.gz', '/theme.js.br', '/.vite/manifest.json']) {
      assert.equal((await client.get(path)).status, 404, path);
    }
  });

  it('leads from an address with a slash behind it to the page, and to no other host', async () => {
    const rows = {
      '/search/': '/search',
      '/people/alice/': '/people/alice',
      '/people/': '/people',
      '/search/?q=a%20b&kind=people': '/search?q=a%20b&kind=people',
      '/search/?next=//evil.example/': '/search?next=//evil.example/',
      '/realms/worker-acme/groups/kir-dev%40kir-dev/': '/realms/worker-acme/groups/kir-dev%40kir-dev',
      '//': '/',
    };
    for (const [path, to] of Object.entries(rows)) {
      const answer = await client.get(path);
      assert.equal(answer.status, 308, path);
      assert.equal(answer.headers.location, to, path);
      assert.equal(answer.text, '', path);
    }
    for (const path of ['//evil.example/', '///search/', '//search/', '/search//', '/%2Fevil.example/', '/%5Cevil.example/', '/api/v1/groups/x@x/', '/openapi.json/']) {
      const answer = await client.get(path);
      assert.equal(answer.headers.location, undefined, path);
      assert.notEqual(answer.status, 200, path);
    }
    assert.equal((await client.send('POST', '/search/', {})).status, 404);
  });

  it('has assets that are kept, small, and named by what is in them', async () => {
    const { text } = await client.get('/');
    const assets = [...text.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path]) => path);
    assert.ok(assets.length >= 2);
    for (const path of assets) {
      assert.match(path, /-[\w-]{8}\.(js|css)$/);
      const answer = await client.get(path, { 'accept-encoding': 'br' });
      assert.equal(answer.headers['cache-control'], 'public, max-age=31536000, immutable', path);
      if (Number((await client.get(path)).headers['content-length']) > 1024) assert.equal(answer.headers['content-encoding'], 'br', path);
    }
    assert.doesNotMatch(text, /<script(?![^>]*src=)|<style|\sstyle=|\son\w+=/, 'nothing is inline');
  });

  it('says who is logged in, and how to', async () => {
    assert.deepEqual((await client.get('/auth/state')).json, { signedIn: false, provider: false, dev: true });
    const alice = await login(federation.port, 'alice');
    assert.equal((await alice.get('/auth/state')).json.signedIn, true);
    alice.close();
    assert.equal((await client.get('/auth/state', { 'x-forwarded-for': '192.0.2.1' })).json.dev, false);
  });
});

describe('the web site', skipped, () => {
  // Before all else that alice leads, of which the home page asks but the first.
  const name = `0 Teaház ${Date.now().toString(36)}`;
  let browser;
  let alice;
  let bob;
  let api;
  let group;

  before(async () => {
    browser = await launch();
    api = await login(federation.port, 'alice');
    ({ json: group } = await api.post(`${acme}/groups`, { name, parentId: 'kir-dev@kir-dev', description: 'Tea & <b>társaság</b>' }));
    alice = await Visitor.open(browser, site);
    bob = await Visitor.open(browser, site, { language: 'hu', theme: 'dark', width: 390, height: 844 });
  });
  after(async () => {
    await browser?.close();
    api?.close();
  });

  const address = () => `/realms/worker-acme/groups/${group.id}`;

  it('leads to where a link led, after the login', async () => {
    await bob.logIn('bob', address());
    await bob.page.getByRole('heading', { level: 1, name }).waitFor();
    assert.equal(new URL(bob.page.url()).pathname, address());
    assert.equal(await bob.page.getByText('Tea & <b>társaság</b>').count(), 1);
    bob.assertCalm();
  });

  it('shows on the home page what is mine', async () => {
    await alice.logIn('alice');
    await alice.page.getByRole('heading', { name: 'Hello, Alföldi Aliz' }).waitFor();
    await alice.page.getByRole('link', { name }).first().waitFor();
    alice.assertCalm();
  });

  it('finds a group while one types, and an applicant is seen by its leader at once', async () => {
    await bob.page.goto('/search');
    await bob.page.locator('#search-field').fill(name.slice(0, -2));
    await bob.page.getByRole('link', { name }).click();
    await bob.page.getByRole('button', { name: 'Jelentkezem' }).click();
    await bob.page.getByRole('button', { name: 'Jelentkezés visszavonása' }).waitFor();
    await alice.page.getByText(`wants to join ${name}`).first().waitFor();
    await alice.page.getByRole('heading', { name: 'Waits for an answer' }).waitFor();
    bob.assertCalm();
    alice.assertCalm();
  });

  it('accepts, and the applicant hears of it', async () => {
    await alice.page.goto(address());
    await alice.page.getByRole('button', { name: /^Accept / }).click();
    await bob.page.getByText(`Felvettek ide: ${name}`).first().waitFor();
    await bob.page.getByText('Újonc').first().waitFor();
    alice.assertCalm();
    bob.assertCalm();
  });

  it('hands a group over, when asked again', async () => {
    const { page } = alice;
    const menu = page.getByRole('button', { name: /^What to do with / });
    await page.reload();
    await menu.last().click();
    await page.getByRole('menuitem', { name: 'Make a full member' }).click();
    await page.getByText(/is a full member now/).waitFor();
    await menu.last().click();
    await page.getByRole('menuitem', { name: 'Hand the group over' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Hand the group over' }).click();
    await bob.page.getByText(`Mostantól te vezeted: ${name}`).first().waitFor();
    await bob.page.reload();
    await bob.page.getByText('Te vezeted').waitFor();
    alice.assertCalm();
    bob.assertCalm();
  });

  it('has a reference of the API, without asking anybody else', async () => {
    const { page } = alice;
    await page.goto('/docs');
    await page.locator('.opblock-tag', { hasText: 'SessionService' }).click({ timeout: 60_000 }); // it draws every method first
    await page.locator('.opblock', { hasText: '/api/v1/session' }).first().click();
    await page.getByRole('button', { name: 'Execute' }).click();
    await page.locator('.live-responses-table .response', { hasText: '200' }).getByText('Alföldi Aliz').first().waitFor();
    alice.assertCalm();
  });

  it('shows without a network what was loaded', async () => {
    const { page, context } = alice;
    await page.goto('/');
    await page.getByRole('link', { name }).first().click();
    await page.getByRole('heading', { level: 1, name }).waitFor();
    await page.getByRole('link', { name: 'PÉK', exact: true }).click();
    await page.getByRole('heading', { name: 'My groups' }).waitFor();
    await context.setOffline(true);
    await page.getByText('You are offline.').waitFor();
    await page.getByRole('link', { name }).first().click();
    await page.getByRole('heading', { level: 1, name }).waitFor();
    await page.getByRole('link', { name: 'Alföldi Aliz' }).first().waitFor();
    await page.goBack();
    await page.getByRole('heading', { name: 'My groups' }).waitFor();
    await context.setOffline(false);
    await page.getByText('You are offline.').waitFor({ state: 'detached' });
    alice.assertCalm(/ERR_INTERNET_DISCONNECTED/);
    alice.complaints.length = 0;
  });

  it('says that a page could not be loaded, and brings it when the network is back', async () => {
    const phone = await Visitor.open(browser, site, { width: 390, height: 844 });
    await phone.context.route(/\/assets\/Search-/, (route) => route.abort()); // as without a network, before it was loaded
    await phone.logIn('bob');
    await phone.context.setOffline(true);
    await phone.page.locator('.bottom').getByText('Discover').click();
    await phone.page.getByRole('heading', { name: 'This page could not be loaded' }).waitFor();
    await phone.page.locator('.bottom').getByText('Home').click();
    await phone.page.getByRole('heading', { name: 'My groups' }).waitFor();
    await phone.page.locator('.bottom').getByText('Discover').click();
    await phone.page.getByRole('button', { name: 'Try again' }).click();
    await phone.page.getByRole('heading', { name: 'This page could not be loaded' }).waitFor();
    await phone.context.unroute(/\/assets\/Search-/);
    await phone.context.setOffline(false);
    await phone.page.locator('.results li').first().waitFor();
    phone.assertCalm(/ERR_INTERNET_DISCONNECTED|ERR_FAILED|PageMissing/);
    await phone.close();
  });

  it('loads a page that is gone again once, and then says so', async () => {
    const visitor = await Visitor.open(browser, site);
    let asked = 0;
    await visitor.context.route(/\/assets\/Sessions-.*js$/, (route) => (asked++, route.fulfill({ status: 404, body: '' })));
    await visitor.logIn('bob', '/sessions');
    await visitor.page.getByRole('heading', { name: 'This page could not be loaded' }).waitFor();
    await visitor.page.waitForTimeout(6000);
    assert.ok(asked >= 2 && asked <= 4, `asked ${asked} times`);
    await visitor.context.unroute(/\/assets\/Sessions-.*js$/);
    await visitor.page.getByRole('button', { name: 'Try again' }).click();
    await visitor.page.getByRole('heading', { name: 'Where I am logged in' }).waitFor();
    visitor.assertCalm(/404|PageMissing/);
    await visitor.close();
  });

  it('says that there is no such page, and leads on', async () => {
    const { page } = alice;
    await page.goto('/nope');
    await page.getByRole('heading', { name: 'There is no such page' }).waitFor();
    await page.locator('.empty').getByRole('link', { name: 'Home' }).click();
    await page.getByRole('heading', { name: 'My groups' }).waitFor();
    alice.assertCalm(/404/);
    alice.complaints.length = 0;
  });

  it('leads to a list from an address whose end is cut off, and from one with a slash too many', async () => {
    const { page } = alice;
    const rows = {
      '/people/': '/search?kind=people',
      '/realms/': '/instances',
      '/realms/worker-acme': '/search?realm=worker-acme',
      '/realms/worker-acme/groups/': '/search?realm=worker-acme',
      '/realms/worker-acme/policies': '/policies',
      '/search/?q=kir': '/search?q=kir',
    };
    for (const [path, to] of Object.entries(rows)) {
      await page.goto(path);
      await page.waitForURL(`**${to}`);
    }
    await page.goto('/realms/worker-acme/');
    await page.locator('.results', { hasText: 'worker-acme' }).waitFor();
    const realms = () => page.locator('.results .badge.realm').allTextContents();
    assert.deepEqual([...new Set(await realms())], ['worker-acme']);
    await page.getByLabel('Only in worker-acme').click();
    await page.waitForURL('**/search');
    await page.locator('.results', { hasText: 'worker-conference' }).waitFor();
    alice.assertCalm();
    await page.goto('/realms/nope');
    await page.getByText('It is not there any more, or you may not see it.').waitFor();
    alice.complaints.length = 0;
  });

  it('offers to create a group only where one may, and says where one may not', async () => {
    const { page } = alice;
    await page.goto('/search');
    await page.getByRole('link', { name: 'New group' }).click();
    await page.getByLabel('Realm').waitFor();
    assert.deepEqual(await page.getByLabel('Realm').locator('option').allTextContents(), ['worker-acme']);
    await page.goto('/new-group?realm=hub');
    await page.getByText('You cannot create an organisation in hub').waitFor();
    assert.deepEqual(await page.getByLabel('Realm').locator('option').allTextContents(), ['worker-acme']);
    alice.assertCalm();
    for (const [address, words] of [
      ['realm=nope&parent=x', 'There is no group x here'],
      ['realm=worker-acme&parent=nope@nope', 'There is no group nope@nope here'],
      ['parent=kir-dev@kir-dev', 'There is no group kir-dev@kir-dev here'],
      ['realm=worker-conference&parent=kir-dev@kir-dev', 'You have no right to create a group below Kir-Dev'],
    ]) {
      await page.goto(`/new-group?${address}`);
      await page.getByText(words).waitFor();
      assert.equal(await page.locator('form [name=name]').count(), 0, address);
    }
    alice.assertCalm(/40[034]/);
    alice.complaints.length = 0;
    await bob.page.goto('/new-group');
    await bob.page.getByText('Egyik példányban sincs jogod szervezetet létrehozni.').waitFor();
    bob.assertCalm();
  });

  it('goes on over another hub: what happens then is seen, and nothing is said of it', async () => {
    const { page } = alice;
    const made = await api.post(`${acme}/groups`, { name: `${name} után`, parentId: 'kir-dev@kir-dev' });
    assert.equal(made.status, 200, made.text);
    await page.goto('/');
    await page.getByRole('heading', { name: 'My groups' }).waitFor();
    await federation.dev('restart', 'pek-hub');
    const ready = new Client(federation.port);
    await until(30, 'the hub is back', () => ready.get('/readyz').then(({ status }) => status === 200, () => false));
    ready.close();
    const applicant = await login(federation.port, 'bob');
    const applied = await applicant.post(`${acme}/groups/${made.json.id}/members:apply`);
    assert.equal(applied.status, 200, applied.text);
    applicant.close();
    await page.getByText(`wants to join ${name} után`).first().waitFor({ timeout: 40_000 });
    assert.equal(await page.locator('.note.bad').count(), 0);
    alice.assertCalm(/ERR_CONNECTION|ERR_INCOMPLETE|ERR_EMPTY|502|503/);
    alice.complaints.length = 0;
    bob.complaints.length = 0;
  });

  it('tells of it at once to somebody whose clock is wrong', async () => {
    const made = await api.post(`${acme}/groups`, { name: `${name} óra`, parentId: 'kir-dev@kir-dev' });
    assert.equal(made.status, 200, made.text);
    const late = await Visitor.open(browser, site);
    await late.page.addInitScript(() => {
      const now = Date.now.bind(Date);
      Date.now = () => now() + 3_600_000;
    });
    const streams = late.page.waitForRequest(/notifications\?unseen=true/);
    await late.logIn('alice');
    await streams;
    const applicant = await login(federation.port, 'bob');
    const applied = await applicant.post(`${acme}/groups/${made.json.id}/members:apply`);
    assert.equal(applied.status, 200, applied.text);
    applicant.close();
    await late.page.getByText(`wants to join ${name} óra`).first().waitFor();
    // What was there before is no news.
    assert.equal(await late.page.locator('.toast', { hasText: `wants to join ${name} után` }).count(), 0);
    late.assertCalm();
    await late.close();
    alice.complaints.length = 0;
    bob.complaints.length = 0;
  });

  it('shows eight tabs at once, which have one stream, and another one when its tab is closed', async () => {
    const made = await api.post(`${acme}/groups`, { name: `${name} fülek`, parentId: 'kir-dev@kir-dev' });
    assert.equal(made.status, 200, made.text);
    const many = await Visitor.open(browser, site);
    let streams = 0;
    many.context.on('request', (request) => void (streams += /notifications\?unseen=true/.test(request.url())));
    await many.logIn('alice');
    const tabs = [];
    for (let i = 0; i < 7; i++) {
      const tab = await many.context.newPage();
      await tab.goto('/search');
      await tab.locator('.results li').first().waitFor();
      tabs.push(tab);
    }
    assert.equal(streams, 1);
    await many.page.close();
    await until(10, 'another tab takes over', () => streams === 2);
    const applicant = await login(federation.port, 'bob');
    const applied = await applicant.post(`${acme}/groups/${made.json.id}/members:apply`);
    assert.equal(applied.status, 200, applied.text);
    applicant.close();
    for (const tab of tabs) await tab.getByText(`wants to join ${name} fülek`).first().waitFor();
    await many.close();
    alice.complaints.length = 0;
    bob.complaints.length = 0;
  });

  it('names a realm that is away, and stops when it is back', async () => {
    const { page } = alice;
    await page.goto('/search?q=kir');
    await page.locator('.results', { hasText: 'worker-acme' }).waitFor();
    federation.signal('worker-acme', 'SIGKILL');
    try {
      await page.locator('#search-field').fill('ki');
      await page.getByText(/^worker-acme does not answer/).waitFor();
      await page.locator('.results', { hasText: 'worker-conference' }).waitFor();
    } finally {
      await federation.dev('restart', 'worker-acme');
    }
    await page.getByText(/^worker-acme does not answer/).waitFor({ state: 'detached', timeout: 60_000 });
    await page.locator('.results', { hasText: 'worker-acme' }).waitFor();
    alice.assertCalm();
    bob.complaints.length = 0;
  });

  it('offers to drain a realm to administrators only', async () => {
    await federation.dev('ctl', 'user', 'admin', 'alice');
    for (const [visitor, words, many] of [[alice, 'Drain', true], [bob, 'Leállítás', false]]) {
      await visitor.page.goto('/instances');
      await visitor.page.locator('.instances section').nth(1).waitFor();
      await visitor.page.waitForLoadState('load');
      if (many) await visitor.page.getByRole('button', { name: words }).first().waitFor();
      assert.equal((await visitor.page.getByRole('button', { name: words }).count()) > 0, many);
      const session = await visitor.page.evaluate(() => fetch('/api/v1/session').then((answer) => answer.json()));
      assert.equal(session.administrator, many);
    }
    await federation.dev('ctl', 'user', 'unadmin', 'alice');
    alice.assertCalm();
    bob.assertCalm();
  });

  it('claims nothing of realms, and of a page of one thing asks again, while nobody answers', async () => {
    const { page, context } = alice;
    const title = () => page.title();
    await page.goto('/instances');
    await page.locator('.instances section').first().waitFor();
    assert.equal(await title(), 'Realms and their health · PÉK');
    await context.route(/\/(api\/v1\/|metrics)/, (route) => route.abort());
    await page.getByText('Nothing answers.').waitFor();
    assert.equal(await page.locator('.instances section').count(), 0);
    assert.equal(await page.getByText('The numbers of the hub are not shown').count(), 0);
    await page.getByRole('link', { name: 'PÉK', exact: true }).click();
    await context.unroute(/\/(api\/v1\/|metrics)/);
    const away = JSON.stringify({ error: { code: 503, status: 'UNAVAILABLE', message: 'away' } });
    const own = /\/groups\/[^/]+$/;
    await context.route(own, (route) => (route.request().resourceType() === 'document' ? route.continue()
      : route.fulfill({ status: 503, contentType: 'application/json', body: away })));
    await page.goto(address());
    await page.getByText('The realm does not answer right now.').waitFor();
    await context.unroute(own);
    await page.getByRole('heading', { level: 1, name }).waitFor();
    assert.equal(await title(), `${name} · PÉK`);
    alice.assertCalm(/ERR_FAILED|503/);
    alice.complaints.length = 0;
  });

  it('says when it could not log out', async () => {
    await bob.context.route('**/auth/logout', (route) => route.abort());
    await bob.page.locator('.me').click();
    await bob.page.getByRole('menuitem', { name: 'Kilépés' }).click();
    await bob.page.getByText('Még be vagy lépve. Nem jön válasz.').first().waitFor();
    await bob.context.unroute('**/auth/logout');
    bob.assertCalm(/ERR_FAILED/);
    bob.complaints.length = 0;
  });

  it('logs out', async () => {
    await bob.page.locator('.me').click();
    await bob.page.getByRole('menuitem', { name: 'Kilépés' }).click();
    await bob.page.getByRole('heading', { name: 'A köreid, mind egy helyen' }).waitFor();
    bob.assertCalm();
  });
});
