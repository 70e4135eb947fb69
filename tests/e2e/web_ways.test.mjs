// The web site where something is not there, not allowed, not loaded, or sent twice: what it says then, and how one goes on.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, describe, it } from 'node:test';
import { theFederation, until } from './lib/federation.mjs';
import { login } from './lib/http.mjs';
import { Visitor, launch, skipped } from './lib/site.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const federation = theFederation();
const site = `http://127.0.0.1:${federation.port}`;
const acme = '/realms/worker-acme';
const group = `${acme}/groups/kir-dev@kir-dev`;
const refusal = (code, status) => ({ status: code, contentType: 'application/json', body: JSON.stringify({ error: { code, status, message: 'no' } }) });
const ofApi = (path) => (url) => url.pathname.startsWith('/api/v1') && path.test(url.pathname);

describe('the web site, when it is not as it should be', skipped, () => {
  let browser;
  let api;
  let alice;

  before(async () => {
    browser = await launch();
    api = await login(federation.port, 'alice');
    alice = await Visitor.open(browser, site);
    await alice.logIn('alice');
  });
  after(async () => {
    await browser?.close();
    api?.close();
  });

  const calm = (...expected) => {
    alice.assertCalm(...expected);
    alice.complaints.length = 0;
  };

  // Those of an evaluation, or of any group that has one.
  async function boardPath() {
    const { json } = await api.get(`/api/v1${group}/scoreboards?pageSize=1`);
    return `${group}/scoreboards/${json.scoreboards[0].id}`;
  }

  it('names each page of a group where the browser lists its windows', async () => {
    const { page } = alice;
    const board = await boardPath();
    const seen = [];
    for (const path of [group, `${group}/settings`, `${group}/history`, `${group}/scoreboards`, board, `${board}/entries`]) {
      await page.goto(path);
      await page.getByRole('heading', { level: 1 }).waitFor();
      const title = await page.title();
      assert.match(title, path === group ? /^Kir-Dev · PÉK$/ : /^[^·]+ · Kir-Dev · PÉK$/, path);
      seen.push(title);
    }
    assert.equal(new Set(seen).size, seen.length);
    calm();
  });

  it('leads on from what is not there', async () => {
    const { page } = alice;
    const nobody = `${acme}/groups/nope@nope`;
    const rows = ['', '/settings', '/history', '/scoreboards', '/scoreboards/1', '/scoreboards/1/entries', '/point-draft'].map((rest) => nobody + rest);
    for (const path of [...rows, '/realms/nope/semester', '/people/nobody-of-that-name', `${acme}/policies/999999999`, '/search?realm=nope']) {
      await page.goto(path);
      const way = page.locator('main').getByRole('link', { name: /^(Discover|Home)$/ }).first();
      await way.waitFor();
      await way.click();
      await page.waitForURL((url) => url.search === '' || url.search === '?kind=people');
      await page.locator('main .rows li').first().waitFor();
    }
    calm(/40[034]/);
  });

  it('says who can give a right where there is somebody', async () => {
    const { page, context } = alice;
    const rows = [
      [`${group}/history`, /\/history$/, 'Whoever leads the group can give it to you.'],
      [`${acme}/semester`, /\/semester$/, 'Whoever administers the realm can give it to you.'],
      ['/sessions', /\/sessions$/, '“My rights” in your menu shows which you have.'],
    ];
    for (const [path, asked, words] of rows) {
      await context.route(ofApi(asked), (route) => route.fulfill(refusal(403, 'PERMISSION_DENIED')));
      await page.goto(path);
      await page.getByText(words).waitFor();
      await context.unrouteAll();
    }
    calm(/403/);
  });

  it('says once what is wrong with every part of a page', async () => {
    const { page, context } = alice;
    const board = await boardPath();
    await page.goto(board);
    await page.locator('.scores, .empty').first().waitFor();
    const away = (route) => route.fulfill(refusal(503, 'UNAVAILABLE'));
    await context.route(ofApi(/\/scoreboards\/[^/]+\/(points|messages|comments|drafts)$/), away);
    await page.reload();
    await page.locator('.note.bad').first().waitFor();
    await page.waitForTimeout(6000); // each is asked for three times
    assert.equal(await page.locator('.note.bad').count(), 1);
    await context.unrouteAll();
    await page.locator('.note.bad').getByRole('button', { name: 'Try again' }).click();
    await page.locator('.note.bad').waitFor({ state: 'detached' });
    await page.locator('.scores, .empty').first().waitFor();
    calm(/503/);
  });

  it('speaks the other language when the texts of one do not come, and says so', async () => {
    const visitor = await Visitor.open(browser, site, { language: 'hu' });
    const texts = /\/assets\/hu-[^/]*\.js$/;
    await visitor.context.route(texts, (route) => route.abort());
    await visitor.page.goto('/');
    const note = visitor.page.locator('.note', { hasText: 'could not be loaded: Magyar' });
    await note.waitFor();
    assert.equal(await visitor.page.evaluate(() => document.documentElement.lang), 'en');
    await visitor.context.unroute(texts);
    await note.getByRole('button', { name: 'Try again' }).click();
    await visitor.page.getByRole('heading', { name: 'A köreid, mind egy helyen' }).waitFor();
    // The same when it is chosen.
    await visitor.context.route(/\/assets\/en-[^/]*\.js$/, (route) => route.abort());
    await visitor.page.getByRole('button', { name: 'Megjelenés és nyelv' }).click();
    await visitor.page.getByRole('menuitemradio', { name: 'English' }).click();
    await visitor.page.getByText('nem töltődtek be: English').waitFor();
    visitor.assertCalm(/ERR_FAILED/);
    await visitor.close();
  });

  it('sends a picture again as the same request, and takes the same file twice', async () => {
    const { page, context } = alice;
    const picture = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC', 'base64');
    const file = { name: 'en.png', mimeType: 'image/png', buffer: picture };
    const keys = [];
    await context.route('**/api/v1/users/me/avatar', async (route) => {
      if (route.request().method() !== 'PUT') return route.continue();
      keys.push(route.request().headers()['idempotency-key']);
      return keys.length === 1 ? route.fulfill(refusal(503, 'UNAVAILABLE')) : route.continue();
    });
    await page.goto('/profile');
    const input = page.locator('input[type=file]');
    await input.setInputFiles(file);
    await page.locator('.toast', { hasText: 'Saved.' }).first().waitFor();
    assert.equal(keys.length, 2);
    assert.match(keys[0], /^[0-9a-f-]{36}$/);
    assert.equal(keys[0], keys[1]);
    await input.setInputFiles(file);
    await until(10, 'it is sent once more', () => keys.length === 3);
    assert.notEqual(keys[2], keys[1]);
    // A session hears of it from the database.
    await until(10, 'it is in the head of each page', async () => {
      await page.reload();
      await page.locator('.me .avatar').waitFor();
      return (await page.locator('.me img.avatar').count()) === 1;
    });
    await page.getByRole('button', { name: 'Remove' }).click();
    await page.locator('.picture span.avatar').waitFor();
    await context.unrouteAll();
    calm(/503/);
  });

  it('makes a picture smaller that is too large to be sent', async () => {
    const { page, context } = alice;
    await page.goto('/profile');
    const input = page.locator('input[type=file]');
    const data = await page.evaluate(() => {
      const canvas = document.createElement('canvas');
      canvas.width = canvas.height = 800;
      const drawn = canvas.getContext('2d');
      const noise = drawn.createImageData(800, 800);
      for (let i = 0; i < noise.data.length; i++) noise.data[i] = i % 4 === 3 ? 255 : Math.random() * 256;
      drawn.putImageData(noise, 0, 0);
      return canvas.toDataURL('image/png').split(',')[1];
    });
    const buffer = Buffer.from(data, 'base64');
    assert.ok(buffer.length > 512 * 1024);
    let sent;
    await context.route('**/api/v1/users/me/avatar', (route) => {
      sent = route.request();
      return route.fulfill({ json: {} });
    });
    await input.setInputFiles({ name: 'photo.png', mimeType: 'image/png', buffer });
    await page.locator('.toast', { hasText: 'Saved.' }).first().waitFor();
    assert.equal(sent.headers()['content-type'], 'image/jpeg');
    // Few bytes, and more pixels a side than the hub takes.
    const wide = await page.evaluate(() => {
      const canvas = Object.assign(document.createElement('canvas'), { width: 5000, height: 100 });
      return canvas.toDataURL('image/png').split(',')[1];
    });
    sent = undefined;
    await input.setInputFiles({ name: 'wide.png', mimeType: 'image/png', buffer: Buffer.from(wide, 'base64') });
    await until(10, 'it is sent', () => sent);
    assert.equal(sent.headers()['content-type'], 'image/jpeg');
    await input.setInputFiles({ name: 'none.png', mimeType: 'image/png', buffer: Buffer.alloc(600 * 1024) });
    await page.locator('.toast', { hasText: 'could not be made smaller' }).waitFor();
    await context.unrouteAll();
    calm();
  });

  it('hears of news in a tab that is looked at while the one with the stream sleeps', async () => {
    const many = await Visitor.open(browser, site);
    let streams = 0;
    many.context.on('request', (request) => void (streams += /notifications\?unseen=true/.test(request.url())));
    await many.logIn('alice');
    await until(10, 'it has the stream', () => streams === 1);
    const other = await many.context.newPage();
    await other.goto('/search');
    await other.locator('.results li').first().waitFor();
    const cdp = await many.context.newCDPSession(many.page);
    // As a phone does it: no line of its script runs, and nothing is given back.
    await cdp.send('Debugger.enable');
    await cdp.send('Debugger.pause');
    await until(40, 'the other one takes it over', () => streams === 2);
    await cdp.send('Debugger.disable');
    await many.close();
  });

  it('offers to found a group only to whoever may', async () => {
    await alice.page.goto('/search');
    await alice.page.getByRole('link', { name: 'New group' }).waitFor();
    calm();
    const bob = await Visitor.open(browser, site);
    await bob.logIn('bob', '/search');
    await bob.page.locator('.results li').first().waitFor();
    await bob.page.waitForLoadState('networkidle', { timeout: 3000 }).catch(() => {}); // notifications never end
    assert.equal(await bob.page.getByRole('link', { name: 'New group' }).count(), 0);
    bob.assertCalm();
    await bob.close();
  });

  it('asks for what a list shows, and for no more', async () => {
    const { page } = alice;
    const masks = new Map();
    page.on('request', (request) => {
      const { pathname, searchParams } = new URL(request.url());
      if (searchParams.has('readMask')) masks.set(pathname, searchParams.get('readMask'));
    });
    await page.goto('/search?q=k');
    await page.locator('.results li').first().waitFor();
    await page.goto('/search?kind=people');
    await page.locator('.results li').first().waitFor();
    await page.goto(group);
    await page.getByRole('heading', { name: 'Subgroups' }).waitFor();
    assert.equal(masks.get('/api/v1/groups'), 'realm,id,name,description,purpose,isArchived');
    assert.equal(masks.get('/api/v1/users'), 'id,username,displayName,nickname,avatarVersion');
    assert.equal(masks.get(`/api/v1${acme}/groups`), 'realm,id,name');
    calm();
  });

  it('lets the browser keep a group, and ask whether it is still so', async () => {
    const { page, context } = alice;
    const cdp = await context.newCDPSession(page);
    await cdp.send('Network.enable');
    const path = `/api/v1${group}`;
    const ids = new Map();
    const answers = []; // either may be told first, of the request and of its answer
    const codes = () => answers.filter(({ requestId }) => ids.get(requestId) === path).map(({ statusCode }) => statusCode);
    cdp.on('Network.requestWillBeSent', ({ requestId, request }) => ids.set(requestId, decodeURIComponent(new URL(request.url).pathname)));
    cdp.on('Network.responseReceivedExtraInfo', (answer) => answers.push(answer));
    for (const _ of [1, 2]) {
      await page.goto(group);
      await page.getByRole('heading', { level: 1 }).waitFor();
    }
    await until(5, 'both are answered', () => codes().length >= 2);
    assert.equal(codes()[1], 304);
    assert.equal((await api.get(path)).headers['cache-control'], 'private, no-cache');
    assert.equal((await api.get('/api/v1/session')).headers['cache-control'], 'no-store');
    calm();
  });

  it('keeps the page, and what was typed, when the session ends elsewhere', async () => {
    const { page } = alice;
    await page.goto('/search');
    const field = page.locator('#search-field');
    await field.fill('kir');
    const state = (await api.get('/auth/state')).json;
    const out = ofApi(/^/);
    await page.route('**/auth/state', (route) => route.fulfill({ json: { ...state, signedIn: false } }));
    await page.route(out, (route) => route.fulfill(refusal(401, 'UNAUTHENTICATED')));
    await field.fill('kir-dev');
    await page.getByText(/Your session has ended\. What you typed/).waitFor();
    assert.equal(await field.inputValue(), 'kir-dev');
    const back = await page.locator('.ended').getByRole('link', { name: /alice$/ }).getAttribute('href');
    assert.match(back, /return_to=%2Fsearch/);
    // Somebody logs in in another tab.
    await page.unroute('**/auth/state');
    await page.unroute(out);
    const other = await alice.context.newPage();
    await other.goto('/search');
    await page.locator('.ended').waitFor({ state: 'detached' });
    assert.equal(await field.inputValue(), 'kir-dev');
    await other.close();
    calm(/401/);
  });

  it('is made anew when somebody else logs in in another tab', async () => {
    const visitor = await Visitor.open(browser, site);
    await visitor.logIn('alice');
    const shows = (name) => visitor.page.waitForFunction((value) => document.querySelector('[name=lastName]')?.value === value, name);
    await visitor.page.goto('/profile');
    await shows((await api.get('/api/v1/users/me/profile')).json.lastName);
    const other = await visitor.context.newPage();
    await other.goto('/auth/dev?user=bob');
    await shows('Bokros');
    await visitor.close();
  });

  it('gives a page to whoever opens an address that is too long', async () => {
    const { page } = alice;
    const answer = await page.goto(`/search?q=${'a'.repeat(9000)}`);
    assert.equal(answer.status(), 414);
    await page.getByRole('link', { name: 'PÉK' }).click();
    await page.getByRole('heading', { name: 'My groups' }).waitFor();
    calm(/414/);
    assert.equal((await api.get(`/search?q=${'a'.repeat(9000)}`)).json.error.status, 'INVALID_ARGUMENT');
  });

  it('tells a guest of the reference that trying needs a login, and offers it', async () => {
    const guest = await Visitor.open(browser, site);
    await guest.page.goto('/docs');
    await guest.page.getByText('You are not logged in').waitFor();
    await guest.page.getByRole('link', { name: 'Log in as alice' }).click();
    await guest.page.waitForURL('**/docs');
    await guest.page.locator('.me').waitFor();
    assert.equal(await guest.page.getByText('You are not logged in').count(), 0);
    guest.assertCalm();
    await guest.close();
  });

  const dialog = () => alice.page.locator('.dialog');

  it('moves a group only to where one picked, and to the top only when that is chosen', async () => {
    const { page } = alice;
    const asked = [];
    await page.route(/:move$/, (route) => (asked.push(route.request().postDataJSON()), route.fulfill({ json: {} })));
    await page.goto(`${group}/settings`);
    await page.getByRole('button', { name: 'Move' }).click();
    const above = dialog().getByRole('combobox', { name: 'Group above' });
    const move = dialog().getByRole('button', { name: 'Move' });
    await above.fill('simonyi');
    await page.getByRole('option').first().waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('option').first().waitFor({ state: 'detached' });
    await above.blur();
    await dialog().getByText('Pick one from the list.').waitFor();
    assert.equal(await above.inputValue(), 'simonyi', 'what was typed stays');
    assert.equal(await above.getAttribute('aria-invalid'), 'true');
    assert.equal(await move.isDisabled(), true);
    await above.press('Enter');
    await dialog().getByText('To the top', { exact: true }).click();
    await move.click();
    await dialog().waitFor({ state: 'detached' });
    assert.deepEqual(asked.map(({ parentId, toTopLevel }) => [parentId, toTopLevel]), [[undefined, true]]);
    await page.unrouteAll();
    calm();
  });

  it('tells a field by its name while its list is open', async () => {
    const { page } = alice;
    await page.goto('/policies');
    const who = page.getByRole('combobox', { name: 'Who?' });
    await who.fill('a');
    await page.getByRole('option').first().waitFor();
    assert.equal(await who.getAttribute('aria-expanded'), 'true');
    await page.evaluate(axe);
    // All else is hidden while the list is open, and is there again as soon as the focus goes to it.
    const rules = { 'aria-hidden-focus': { enabled: false } };
    const { violations } = await page.evaluate((without) => globalThis.axe.run({ resultTypes: ['violations'], rules: without }), rules);
    const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    assert.deepEqual(grave.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]), []);
    calm();
  });

  it('answers why somebody may only for the question as it stands', async () => {
    const { page } = alice;
    await page.goto('/policies');
    const who = page.getByRole('combobox', { name: 'Who?' });
    const ask = page.getByRole('button', { name: 'Ask', exact: true });
    const verdict = page.locator('.verdict');
    await ask.click();
    await verdict.waitFor();
    await page.getByLabel('May do what?').selectOption('EDIT_SCORES');
    await verdict.waitFor({ state: 'detached' });
    await ask.click();
    await verdict.waitFor();
    await who.fill('bokros');
    await verdict.waitFor({ state: 'detached' });
    await page.getByRole('option').first().waitFor();
    await page.keyboard.press('Escape');
    await ask.click();
    await page.getByText('Pick one from the list.').waitFor();
    assert.equal(await verdict.count(), 0, 'a text is no question about oneself');
    await who.fill('');
    await ask.click();
    await verdict.waitFor();
    await who.fill('bokros');
    await page.getByRole('option', { name: /Bokros/ }).first().click();
    await ask.click();
    await verdict.waitFor();
    calm();
  });

  it('asks before what is written in a dialog is lost', async () => {
    const { page } = alice;
    await page.goto(`${acme}/policies/1`);
    const make = page.getByRole('button', { name: 'New policy below' });
    await make.click();
    await page.keyboard.press('Escape');
    await dialog().waitFor({ state: 'detached' });
    await make.click();
    const name = dialog().getByLabel('Name', { exact: true });
    await name.fill('Not yet sent');
    const lost = dialog().getByText('What you have written here is lost.');
    const closings = [
      () => page.keyboard.press('Escape'),
      () => page.mouse.click(5, 5),
      () => dialog().getByRole('button', { name: 'Cancel' }).click(),
    ];
    for (const close of closings) {
      await close();
      await lost.waitFor();
      await dialog().getByRole('button', { name: 'Go on' }).click();
      await lost.waitFor({ state: 'detached' });
      assert.equal(await name.inputValue(), 'Not yet sent');
    }
    await page.keyboard.press('Escape');
    await dialog().getByRole('button', { name: 'Drop it' }).click();
    await dialog().waitFor({ state: 'detached' });
    await make.click();
    await page.keyboard.press('Escape');
    await dialog().waitFor({ state: 'detached' });
    calm();
  });

  it('has a heading where nothing is', async () => {
    const { page } = alice;
    for (const path of [`${acme}/groups/nope@nope`, `${acme}/groups/nope@nope/settings`, '/people/nobody-of-that-name', '/no/such/page', `${acme}/policies/999999999`]) {
      await page.goto(path);
      await page.getByRole('heading', { level: 1 }).waitFor();
    }
    calm(/40[034]/);
  });

  it('does not call a list empty that did not come', async () => {
    const { page, context } = alice;
    await context.route(ofApi(/\/(notifications|sessions)$/), (route) =>
      route.fulfill(refusal(403, 'PERMISSION_DENIED')));
    for (const path of ['/notifications', '/sessions']) {
      await page.goto(path);
      await page.locator('main .note.bad').waitFor();
      assert.equal(await page.locator('main .empty, main .rows, main .card').count(), 0, path);
    }
    await context.unrouteAll();
    calm(/403/);
  });

  it('shows in one tab what was read in another', async () => {
    const { page, context } = alice;
    const carol = await login(federation.port, 'carol');
    const slug = `lapok-${Date.now().toString(36)}`;
    const made = await api.post(`/api/v1${acme}/groups`, { name: `Lapok ${slug}`, parentId: 'kir-dev@kir-dev', slug });
    assert.equal(made.status, 200, made.text);
    const members = `/api/v1${acme}/groups/${made.json.id}/members`;
    assert.equal((await carol.post(`${members}:apply`)).status, 200);
    const other = await context.newPage();
    await other.goto('/');
    await other.getByRole('link', { name: /^Notifications, \d+ new$/ }).waitFor();
    await page.goto('/notifications');
    await page.getByRole('button', { name: 'Mark all as read' }).click();
    await other.getByRole('link', { name: 'Notifications', exact: true }).first().waitFor();
    await other.close();
    await carol.post(`${members}:withdraw`);
    carol.close();
    calm();
  });
});
