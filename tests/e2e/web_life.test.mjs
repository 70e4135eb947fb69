// The life of a department in the browser: newcomers log in through their provider, find a circle, join it, and lead it one day; and the
// realm dies in between.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { until } from './lib/federation.mjs';
import { Client, login } from './lib/http.mjs';
import { federation, logins, provider, site, somebody, unique } from './lib/login.mjs';
import { Visitor, launch, skipped } from './lib/site.mjs';

const acme = '/api/v1/realms/worker-acme';
// Who applied may not see the group yet: the realm says so, and a browser complains of that by itself.
const hidden = /40[34]/;
// Béla has nothing else: what a leader does is done on it.
const phone = { width: 390, height: 844 };

describe('the life of a department', skipped, () => {
  logins('web-life');
  const name = `Sörtúra ${unique}`;
  const people = {};
  let browser;
  let alice;
  let group;

  // Through the provider, by the button of the site, and with a username at the first time.
  async function arrive(who, username, path, screen = {}) {
    provider.person = somebody({ name: who, family_name: who.split(' ')[0], given_name: who.split(' ')[1] });
    const visitor = await Visitor.open(browser, site, { ...screen, origins: [provider.url] });
    people[username] = visitor;
    const { page } = visitor;
    await page.goto(path);
    await page.getByRole('link', { name: 'Log in with AuthSCH' }).click();
    await page.locator('input[name=username]').fill(username);
    await page.locator('button').click();
    await page.locator('.me').waitFor();
    assert.equal(new URL(page.url()).pathname, path);
    return visitor;
  }

  const id = async (visitor) => (await visitor.page.evaluate(() => fetch('/api/v1/session').then((answer) => answer.json()))).user.id;

  before(async () => {
    browser = await launch();
    alice = new Client(federation.port);
    const answer = await alice.get('/auth/dev?user=alice');
    alice.cookie = answer.headers['set-cookie'][0].split(';')[0];
    ({ json: group } = await alice.post(`${acme}/groups`, { name, parentId: 'kir-dev@kir-dev', slug: `sortura-${unique}` }));
  });
  after(async () => {
    await browser?.close();
    alice?.close();
  });

  it('begins with a link, by which somebody whom nobody knows applies', async () => {
    const anna = await arrive('Újonc Anna', `anna-${unique}`, `/realms/worker-acme/groups/${group.id}`);
    await anna.page.getByRole('heading', { name: 'There is no group here that you can see' }).waitFor();
    await anna.page.getByRole('button', { name: 'Apply' }).click();
    await anna.page.getByText('You applied. The leader hears of it.').waitFor();
    // That there is nothing to see is an answer like any other.
    anna.assertCalm(hidden);
  });

  it('goes on when its leader lets them in', async () => {
    const anna = people[`anna-${unique}`];
    const user = await id(anna);
    const accepted = await alice.post(`${acme}/groups/${group.id}/members/${user}:accept`);
    assert.equal(accepted.status, 200, accepted.text);
    await anna.page.getByText(`You were accepted to ${name}`).first().waitFor();
    await anna.page.getByRole('heading', { level: 1, name }).waitFor();
    const promoted = await alice.post(`${acme}/groups/${group.id}/members/${user}:promote`);
    assert.equal(promoted.status, 200, promoted.text);
    assert.equal((await alice.post(`${acme}/groups/${group.id}/members/${user}:handOver`)).status, 200);
    await anna.page.getByText(`You lead ${name} now`).first().waitFor();
    anna.complaints.length = 0;
  });

  it('survives the death of its realm: lists of others name it, and what was open goes on', async () => {
    const anna = people[`anna-${unique}`];
    const other = await Visitor.open(browser, `http://127.0.0.1:${federation.port}`);
    await other.logIn('alice', '/sessions');
    await other.page.getByText('Chrome · Linux').first().waitFor();
    federation.signal('worker-acme', 'SIGKILL');
    try {
      await other.page.goto('/search?q=kir');
      await other.page.getByText(/^worker-acme does not answer/).waitFor();
      await other.page.locator('.results', { hasText: 'worker-conference' }).waitFor();
      await anna.page.goto('/search?q=a'); // who is in no other realm
      await anna.page.getByText('The realm does not answer right now.').waitFor();
    } finally {
      await federation.dev('restart', 'worker-acme');
    }
    await until(30, 'the realm is back', async () => {
      const { json } = await alice.get('/api/v1/instances');
      return json.instances.find(({ realm }) => realm === 'worker-acme').status === 'SERVING';
    });
    await until(30, 'the list is whole', async () => {
      const again = other.page.getByRole('button', { name: 'Try again' });
      if (await again.count()) await again.click().catch(() => {});
      return (await other.page.locator('.results', { hasText: 'worker-acme' }).count()) > 0 && (await again.count()) === 0;
    });
    await until(30, 'she finds her circle', async () => {
      await anna.page.goto(`/search?q=${encodeURIComponent(name)}`);
      return anna.page.getByRole('link', { name }).waitFor({ timeout: 3000 }).then(() => true, () => false);
    });
    // To alice a dead realm is no failed request; to anna, of whom all is there, it is one.
    other.assertCalm();
    anna.assertCalm(/50[234]/);
    anna.complaints.length = 0;
    await other.close();
  });

  it('is led by them: they let the next one in, and hand over', async () => {
    const anna = people[`anna-${unique}`];
    const bela = await arrive('Vezető Béla', `bela-${unique}`, `/realms/worker-acme/groups/${group.id}`, phone);
    await bela.page.getByRole('button', { name: 'Apply' }).click();
    await bela.page.getByText('You applied. The leader hears of it.').waitFor();
    await anna.page.getByText(`Vezető Béla wants to join ${name}`).first().waitFor();
    await anna.page.goto('/');
    await anna.page.getByRole('heading', { name: 'Waits for an answer' }).waitFor();
    await anna.page.getByRole('link', { name }).first().click();
    await anna.page.getByRole('button', { name: 'Accept Vezető Béla' }).click();
    await bela.page.getByText(`You were accepted to ${name}`).first().waitFor();
    const menu = anna.page.getByRole('button', { name: 'What to do with Vezető Béla' });
    await menu.click();
    await anna.page.getByRole('menuitem', { name: 'Make a full member' }).click();
    await anna.page.getByText('Vezető Béla is a full member now').waitFor();
    await menu.click();
    await anna.page.getByRole('menuitem', { name: 'Hand the group over' }).click();
    await anna.page.getByRole('dialog').getByRole('button', { name: 'Hand the group over' }).click();
    await bela.page.getByText(`You lead ${name} now`).first().waitFor();
    await bela.page.reload();
    await bela.page.getByText('You lead it').waitFor();
    bela.assertCalm(hidden);
    anna.assertCalm();
  });

  it('is led on a phone: an applicant is turned down, a post given', async () => {
    const bela = people[`bela-${unique}`];
    const { page } = bela;
    await page.locator('.bottom').waitFor();
    const applicant = await login(federation.port, 'carol');
    const applied = await applicant.post(`${acme}/groups/${group.id}/members:apply`);
    applicant.close();
    assert.equal(applied.status, 200, applied.text);
    const refuse = page.getByRole('button', { name: /^Turn down / });
    await refuse.tap();
    await page.getByText(/ was turned down/).first().waitFor();
    await refuse.waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'What to do with Újonc Anna' }).tap();
    await page.getByRole('menuitemcheckbox', { name: 'Financial officer' }).tap();
    await page.getByText('Újonc Anna has the post now').waitFor();
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(over <= 0, 'nothing is wider than the phone');
    bela.assertCalm(hidden);
  });

  it('is told in the history of the group', async () => {
    const bela = people[`bela-${unique}`];
    await bela.page.getByRole('link', { name: 'History' }).click();
    await bela.page.locator('.timeline li', { hasText: 'Accepted:' }).first().waitFor();
    await bela.page.locator('.timeline', { hasText: 'Vezető Béla' }).waitFor();
    bela.assertCalm(hidden);
  });

  describe('its evaluation', () => {
    const semester = `${acme}/semester`;
    let found;
    const season = async (name) => {
      const put = await alice.send('PUT', semester, { id: found.id, season: name });
      assert.equal(put.status, 200, put.text);
    };
    const cell = (visitor, who, guideline) => visitor.page.getByRole('textbox', { name: `${who}, ${guideline}` });

    before(async () => {
      ({ json: found } = await alice.get(semester));
      await season('APPLICATION');
    });
    after(() => season(found.season));

    it('is begun, filled by the keyboard and a paste, and its totals follow', async () => {
      const { page, context } = people[`bela-${unique}`];
      await page.getByRole('link', { name: 'Evaluations' }).click();
      await page.getByRole('button', { name: 'Begin this semester’s' }).click();
      await page.getByRole('button', { name: 'Guidelines and report' }).click();
      const dialog = page.locator('.dialog'); // what tells of something in a corner has that role, too
      await dialog.getByLabel('Name').fill('Csapolás');
      await dialog.getByLabel('At most per member').press('Control+A');
      await page.keyboard.press('Backspace');
      await page.keyboard.type('30');
      assert.equal(await dialog.getByLabel('At most per member').inputValue(), '30');
      await dialog.getByRole('button', { name: 'Another guideline' }).click();
      await dialog.getByLabel('Name').nth(1).fill('Szervezés');
      await dialog.getByLabel('Counts as').nth(1).selectOption('RESPONSIBILITY');
      await dialog.getByRole('button', { name: 'Save' }).click();
      await dialog.waitFor({ state: 'detached' });
      const bela = people[`bela-${unique}`];
      await cell(bela, 'Újonc Anna', 'Csapolás').focus();
      await page.keyboard.type('31');
      await page.getByText('1 cell holds no number that fits').waitFor();
      await page.keyboard.press('Control+A');
      await page.keyboard.type('12');
      await page.keyboard.press('ArrowRight');
      assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), 'Újonc Anna, Szervezés');
      await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: site });
      await page.evaluate(() => navigator.clipboard.writeText('4\n7'));
      await page.keyboard.press('Control+V');
      await page.locator('tr', { hasText: 'Újonc Anna' }).locator('.total', { hasText: '16' }).waitFor();
      await page.locator('tr', { hasText: 'Vezető Béla' }).locator('.total', { hasText: '7' }).waitFor();
      const saved = page.waitForResponse(/points:batchSet$/); // "Saved." may still be said of the guidelines
      await page.keyboard.press('Control+s');
      await saved;
      await page.reload();
      await page.locator('tr', { hasText: 'Újonc Anna' }).locator('.total', { hasText: '16' }).waitFor();
      bela.assertCalm(hidden);
    });

    it('shows both values when two have written in one cell, and keeps the one that is chosen', async () => {
      const bela = people[`bela-${unique}`];
      const { page } = bela;
      const [, groupId, board] = /groups\/([^/]+)\/scoreboards\/([^/]+)$/.exec(new URL(page.url()).pathname);
      const path = `${acme}/groups/${groupId}/scoreboards/${board}`;
      const { json } = await alice.get(path);
      await cell(bela, 'Újonc Anna', 'Csapolás').fill('20');
      const points = [{ userId: await id(people[`anna-${unique}`]), guidelineId: json.guidelines[0].id, points: 3 }];
      assert.equal((await alice.post(`${path}/points:batchSet`, { points })).status, 200);
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('Somebody else has written in 1 cell of yours').waitFor();
      await page.getByRole('button', { name: 'theirs: 3' }).waitFor();
      await page.getByRole('button', { name: 'mine: 20' }).click();
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('Saved.').first().waitFor();
      await page.locator('tr', { hasText: 'Újonc Anna' }).locator('.total', { hasText: '24' }).waitFor();
      bela.assertCalm(hidden, /409/);
      bela.complaints.length = 0;
    });

    it('saves the rest when somebody has left, says of whom it cannot, and tells namesakes apart', async () => {
      const bela = people[`bela-${unique}`];
      const { page } = bela;
      const members = `${acme}/groups/${group.id}/members`;
      const ok = ({ status, text }) => assert.equal(status, 200, text);
      const name = { lastName: 'Kettős', firstName: `Péter ${unique}` };
      const twins = [];
      for (const userId of ['user-010', 'user-011']) {
        const client = await login(federation.port, userId);
        const { json: had } = await client.get('/api/v1/users/me/profile');
        ok(await client.patch('/api/v1/users/me/profile', name));
        ok(await alice.post(`${members}:add`, { userId }));
        twins.push({ client, userId, had: { lastName: had.lastName, firstName: had.firstName }, who: `Kettős ${name.firstName} @${had.username}` });
      }
      await until(30, 'the realm has heard of the names', async () => {
        const { json } = await alice.get(`${members}?pageSize=100`);
        return json.members.filter(({ displayName }) => displayName === `Kettős ${name.firstName}`).length === 2;
      });
      const [one, two] = twins.map(({ who }) => cell(bela, who, 'Csapolás'));
      const annas = cell(bela, 'Újonc Anna', 'Szervezés');
      const save = async (status) => {
        const sent = page.waitForResponse((answer) => answer.url().endsWith('points:batchSet'));
        await page.keyboard.press('Control+s');
        assert.equal((await sent).status(), status);
        if (status === 200) await page.locator('.save-bar:not(.dirty)').waitFor();
      };
      await page.reload();
      await one.fill('3');
      await save(200);
      await one.fill('4');
      await two.fill('5');
      await annas.fill('6');
      for (const { userId } of twins) ok(await alice.post(`${members}/${userId}:archive`));
      await save(400);
      await page.getByText('Not saved: 1 value that you wrote here').waitFor();
      await two.waitFor({ state: 'detached' });
      const left = cell(bela, `Kettős ${name.firstName}`, 'Csapolás');
      await page.locator('.note.bad', { hasText: `Kettős ${name.firstName}: ` }).waitFor();
      assert.equal(await left.getAttribute('aria-invalid'), 'true');
      await left.fill('0');
      await save(200);
      await annas.fill('4');
      await save(200);
      for (const { client, had } of twins) {
        ok(await client.patch('/api/v1/users/me/profile', had));
        client.close();
      }
      bela.assertCalm(hidden, /40[09]/);
      bela.complaints.length = 0;
    });

    it('takes no guidelines over what another has written since they were opened', async () => {
      const bela = people[`bela-${unique}`];
      const { page } = bela;
      const path = `/api/v1${new URL(page.url()).pathname}`;
      const { json: before } = await alice.get(path);
      const dialog = page.locator('.dialog');
      const open = () => page.getByRole('button', { name: 'Guidelines and report' }).click();
      await open();
      const { etag, guidelines } = before;
      const written = await alice.send('PUT', path, { report: 'Ez is kész.', guidelines, etag });
      assert.equal(written.status, 200, written.text);
      await dialog.getByLabel('What the group did').fill('Más.');
      // After the first time the page knows what is there, and what is in the dialog is as old as before.
      for (let i = 0; i < 2; i += 1) {
        const refused = page.waitForResponse((answer) => answer.request().method() === 'PUT' && answer.status() === 409);
        await dialog.getByRole('button', { name: 'Save' }).click();
        await refused;
        await dialog.getByText('nothing of this was saved').waitFor();
      }
      assert.equal((await alice.get(path)).json.report, 'Ez is kész.');
      await dialog.getByRole('button', { name: 'Cancel' }).click();
      await dialog.getByRole('button', { name: 'Drop it' }).click();
      await dialog.waitFor({ state: 'detached' });
      await page.getByText('Ez is kész.').waitFor();
      await open();
      assert.equal(await dialog.getByLabel('What the group did').inputValue(), 'Ez is kész.');
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
      bela.assertCalm(hidden, /409/);
      bela.complaints.length = 0;
    });

    it('is not submitted without what is not saved, and who leaves that is asked', async () => {
      const bela = people[`bela-${unique}`];
      const { page } = bela;
      const dialog = page.locator('.dialog');
      await cell(bela, 'Újonc Anna', 'Csapolás').fill('21');
      await page.getByRole('button', { name: 'Submit' }).click();
      await dialog.getByText('is not saved yet').waitFor();
      assert.ok(await dialog.getByRole('button', { name: 'Submit' }).isDisabled());
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
      await page.getByRole('button', { name: 'Undo all' }).click();
      const message = page.getByLabel('Your message');
      await message.fill('Még nem küldtem el.');
      await page.getByRole('link', { name: 'Entry cards' }).click();
      await dialog.getByText('Leave without saving?').waitFor();
      await dialog.getByRole('button', { name: 'Cancel' }).click();
      await dialog.waitFor({ state: 'detached' });
      assert.equal(await message.inputValue(), 'Még nem küldtem el.');
      await message.fill('');
      bela.assertCalm(hidden);
    });

    it('says why: comments on cells, cards with a justification, messages', async () => {
      const bela = people[`bela-${unique}`];
      const { page } = bela;
      await cell(bela, 'Újonc Anna', 'Csapolás').focus();
      await page.keyboard.press('Shift+F2');
      const dialog = page.getByRole('dialog', { name: 'Újonc Anna · Csapolás' });
      await dialog.locator('textarea:focus').waitFor();
      await page.keyboard.type('Minden estén ott volt.');
      await page.goBack();
      await page.getByRole('dialog', { name: 'Leave without saving?' }).getByRole('button', { name: 'Cancel' }).click();
      await dialog.getByRole('button', { name: 'Comment' }).click();
      await dialog.locator('.said', { hasText: 'Vezető Béla' }).getByText('Minden estén ott volt.').waitFor();
      // What is typed while an edit is saved stays, to be saved or not.
      let release;
      const held = new Promise((resolve) => (release = resolve));
      await page.route(/\/comments\//, async (route) => (await held, route.continue()));
      await dialog.locator('.said').getByRole('button', { name: 'Edit' }).click();
      const edited = dialog.locator('.saids textarea');
      await edited.fill('Minden este ott volt.');
      await dialog.locator('.saids').getByRole('button', { name: 'Save' }).click();
      await edited.pressSequentially(' Végig.');
      release();
      await dialog.locator('.saids').getByRole('button', { name: 'Save', disabled: false }).waitFor();
      assert.equal(await edited.inputValue(), 'Minden este ott volt. Végig.');
      await edited.fill('Minden estén ott volt.');
      await dialog.locator('.saids').getByRole('button', { name: 'Save' }).click();
      await edited.waitFor({ state: 'detached' });
      await page.unrouteAll();
      await dialog.locator('.said').getByRole('button', { name: 'Edit' }).waitFor();
      const said = `/api/v1${new URL(page.url()).pathname}/comments`;
      const { userId, guidelineId } = (await alice.get(said)).json.comments[0];
      const end = await alice.post(said, { userId, guidelineId, text: 'Elég.', closes: true });
      assert.equal(end.status, 200, end.text);
      await page.reload();
      await page.getByRole('button', { name: 'Comments on Újonc Anna, Csapolás: 2' }).click();
      await dialog.getByText('The discussion of these points is closed.').waitFor();
      assert.equal(await dialog.locator('.said').getByRole('button').count(), 0, 'and what was said stays');
      assert.equal((await alice.request('DELETE', `${said}/${end.json.id}`)).status, 200);
      await page.reload();
      await page.getByRole('button', { name: 'Comments on Újonc Anna, Csapolás: 1' }).waitFor();

      await page.getByRole('link', { name: 'Entry cards' }).click();
      await page.getByRole('group', { name: 'Card of Újonc Anna' }).getByLabel('KB').check();
      await page.getByText('1 card lacks a justification').waitFor();
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('Saved.').first().waitFor();
      await page.getByRole('button', { name: 'Submit' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Submit' }).click();
      await page.getByRole('dialog').getByText('Every KB and AB needs a justification').waitFor();
      await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
      await page.getByLabel('Justification').fill('Ő vitte a csapot.');
      // What is not saved is not left by mistake.
      await page.getByRole('link', { name: 'Points', exact: true }).click();
      await page.getByRole('dialog', { name: 'Leave without saving?' }).getByRole('button', { name: 'Cancel' }).click();
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('Everybody has a KDO.').waitFor();
      await page.getByLabel('Your message').fill('Kérdezzetek bátran.');
      await page.keyboard.press('Control+Enter');
      await page.locator('.said', { hasText: 'Vezető Béla' }).getByText('Kérdezzetek bátran.').waitFor();
      bela.assertCalm(hidden, /400.*:submit/, /400 \(Bad Request\)/);
      bela.complaints.length = 0;
    });

    it('is helped by a subgroup, whose points are taken over with their origin', async () => {
      const [anna, bela] = [people[`anna-${unique}`], people[`bela-${unique}`]];
      const ok = ({ status, text, json }) => {
        assert.equal(status, 200, text);
        return json;
      };
      const team = ok(await alice.post(`${acme}/groups`, { name: `Csapat ${unique}`, parentId: group.id, slug: `csapat-${unique}` }));
      const userId = await id(anna);
      const members = `${acme}/groups/${team.id}/members`;
      ok(await alice.post(`${members}:add`, { userId }));
      ok(await alice.post(`${members}/${userId}:handOver`));
      await anna.page.goto(`/realms/worker-acme/groups/${team.id}/scoreboards`);
      await anna.page.getByRole('link', { name: 'Prepare' }).click();
      await cell(anna, 'Újonc Anna', 'Szervezés').fill('6');
      await anna.page.keyboard.press('Control+s');
      await anna.page.getByText('Saved.').first().waitFor();
      anna.assertCalm();
      const { page } = bela;
      await page.getByRole('link', { name: 'Points', exact: true }).click();
      await page.reload();
      await page.getByRole('heading', { name: `Proposed by Csapat ${unique}` }).waitFor();
      await page.getByRole('button', { name: 'Take over all' }).click();
      await page.getByText('1 cell is taken over.').waitFor();
      await page.locator('tr', { hasText: 'Újonc Anna' }).locator('.total', { hasText: '26' }).waitFor();
      await page.locator(`input[title="Taken over from Csapat ${unique}"]`).waitFor();
      await page.locator('.said.event', { hasText: '1 cell taken over from' }).waitFor();
      await page.getByRole('link', { name: 'Entry cards' }).click();
      // Of an archived one nothing is prepared.
      ok(await alice.post(`${acme}/groups/${team.id}:archive`));
      await anna.page.reload();
      await anna.page.getByText('The group is archived: its evaluations can only be read.').waitFor();
      assert.equal(await anna.page.locator('.scores input:not([readonly])').count(), 0);
      await anna.page.goto(`/realms/worker-acme/groups/${team.id}/scoreboards`);
      await anna.page.getByText('There is no evaluation yet').waitFor();
      assert.equal(await anna.page.getByRole('link', { name: 'Prepare' }).count(), 0);
      anna.assertCalm();
      bela.assertCalm();
    });

    it('is submitted, reviewed, judged, and told of', async () => {
      const bela = people[`bela-${unique}`];
      const board = `/api/v1${new URL(bela.page.url()).pathname.replace(/\/entries$/, '')}`;
      // Somebody else is faster, and what was written can still be read.
      await bela.page.getByLabel('Justification').fill('Nem veszhet el.');
      assert.equal((await alice.post(`${board}:submit`)).status, 200);
      await bela.page.getByRole('button', { name: 'Save' }).click();
      await bela.page.locator('.note', { hasText: 'KB: Nem veszhet el.' }).waitFor();
      assert.equal((await alice.post(`${board}:cancel`)).status, 200);
      await bela.page.reload();
      bela.assertCalm(hidden, /40[09]/);
      bela.complaints.length = 0;
      await bela.page.getByRole('button', { name: 'Submit' }).click();
      await bela.page.getByRole('dialog').getByRole('button', { name: 'Submit' }).click();
      await bela.page.getByText('Points: submitted').waitFor();
      const path = new URL(bela.page.url()).pathname;
      const judge = await Visitor.open(browser, `http://127.0.0.1:${federation.port}`);
      const { page } = judge;
      await judge.logIn('alice', '/realms/worker-acme/semester');
      // Nothing waits in the season before that of judging.
      await page.locator('main').getByText(name).first().waitFor();
      await page.getByRole('button', { name: 'Change semester or season' }).click();
      await page.getByRole('dialog').getByLabel('Season').waitFor();
      assert.equal(await page.getByText(/^Not judged yet/).count(), 0);
      await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
      await season('EVALUATION');
      await page.reload();
      await page.getByRole('heading', { name: 'Entry cards to review' }).waitFor();
      const row = page.locator('.rows li', { hasText: unique }).filter({ hasText: 'Ő vitte a csapot.' });
      await row.getByRole('link', { name: 'Újonc Anna' }).click();
      await page.waitForURL(`**${path}`);
      await page.getByText('It waits for your judgement.').waitFor();
      await page.getByRole('group', { name: 'Recommended' }).getByLabel('AB').check();
      await page.getByText('recommended: AB').waitFor();
      await page.getByRole('switch', { name: 'Final' }).click();
      await page.getByText('final', { exact: true }).waitFor();
      await page.getByRole('button', { name: 'Judge' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('group', { name: 'Points' }).getByLabel('Accept').check();
      await dialog.getByRole('group', { name: 'Entry cards' }).getByLabel('Send back').check();
      await dialog.getByLabel('Why').fill('A csapot más is vitte.');
      await dialog.getByRole('button', { name: 'Judge' }).click();
      await page.locator('.page-head').getByText('Points: accepted').waitFor();
      await bela.page.getByText(new RegExp(`The evaluation of ${name} was accepted \\([0-9/-]+, points`)).first().waitFor();
      await bela.page.reload();
      const told = bela.page.locator('.said.event', { hasText: 'A csapot más is vitte.' });
      await told.getByText('Entry cards: sent back').waitFor();
      await bela.page.getByText('It was sent back.').waitFor();
      await bela.page.goto('/notifications');
      await bela.page.getByRole('link', { name: new RegExp(`The evaluation of ${name} was accepted`) }).first().click();
      await bela.page.waitForURL(`**${path.replace(/\/entries$/, '')}`);
      await bela.page.getByRole('heading', { level: 1 }).waitFor();
      judge.assertCalm();
      bela.assertCalm();
      people.judge = judge;
    });

    it('is a score at last: to her and to who may see it: no realm that she is not in is missing', async () => {
      const anna = people[`anna-${unique}`];
      await anna.page.goto(`/people/anna-${unique}`);
      await anna.page.locator('.score-line strong', { hasText: /^26$/ }).waitFor();
      await anna.page.locator('.score-line').getByText('not closed yet').waitFor();
      await anna.page.locator('.score-groups li', { hasText: name }).getByText('26', { exact: true }).waitFor();
      assert.equal(await anna.page.getByText('It may be more.').count(), 0);
      anna.assertCalm();
      const { page, ...judge } = people.judge;
      await page.goto(`/people/anna-${unique}`);
      await page.getByRole('button', { name: /^\d{4} (spring|autumn): 26$/ }).waitFor();
      assert.equal(await page.getByText('It may be more.').count(), 0);
      assert.equal(await page.getByRole('table', { name: 'Scores' }).getByText('26 of 100').count(), 1);
      assert.deepEqual(judge.complaints, []);
    });

    it('is what its points come to, and a line in a file off season', async () => {
      const { page, ...judge } = people.judge;
      await page.goto(`/realms/worker-acme/groups/${group.id}/scoreboards`);
      const totals = (label) => page.locator('.board-totals div', { hasText: label }).locator('dd').textContent();
      await page.locator('.board-totals').waitFor();
      assert.deepEqual(await Promise.all(['Together', 'On average', 'Highest'].map(totals)), ['33', '16.5', '26']);
      await season('OFFSEASON');
      await page.goto('/realms/worker-acme/semester');
      const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download: Scores' }).click()]);
      assert.match(download.suggestedFilename(), /^worker-acme-scoredUsers-20\d\d-20\d\d-[12]\.csv$/);
      const file = readFileSync(await download.path(), 'utf8');
      assert.ok(file.startsWith('\ufeffrealm,'), file.slice(0, 80));
      assert.ok(file.split('\r\n').some((line) => line.includes(',Újonc Anna,26,') && line.includes(name)), file);
      assert.deepEqual(judge.complaints, []);
    });
  });

  it('ends for one who deletes their account: in each language it says so in their place', async () => {
    const anna = people[`anna-${unique}`];
    const members = `${acme}/groups/${group.id}/members`;
    const gone = await id(anna);
    const deleted = await anna.page.evaluate(() => fetch('/api/v1/users/me?abandonRealms=true', { method: 'DELETE' }).then(({ status }) => status));
    assert.equal(deleted, 200);
    await until(30, 'the realm has heard of it', async () => {
      const { json } = await alice.get(members);
      return json.members.some(({ displayName }) => displayName === 'deleted user');
    });
    for (const [language, words] of [['en', 'Deleted user'], ['hu', 'Törölt felhasználó']]) {
      const visitor = await Visitor.open(browser, `http://127.0.0.1:${federation.port}`, { language });
      await visitor.logIn('alice', `/realms/worker-acme/groups/${group.id}`);
      await visitor.page.locator('.rows').getByRole('link', { name: words, exact: true }).waitFor();
      assert.equal(await visitor.page.getByText(/deleted user/).count(), 0, 'the words of the API are not shown');
      visitor.assertCalm();
      await visitor.page.goto(`/realms/worker-acme/groups/${group.id}/history`);
      await visitor.page.locator('.timeline').getByRole('link', { name: words, exact: true }).first().waitFor();
      assert.equal(await visitor.page.getByText(gone).count(), 0, 'nor is their id');
      visitor.assertCalm(/404/);
      await visitor.close();
    }
  });
});
