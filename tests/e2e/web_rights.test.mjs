// Rights in the browser: policies made, changed, given and taken by their form, and one's own profile.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { theFederation } from './lib/federation.mjs';
import { login } from './lib/http.mjs';
import { Visitor, launch, skipped } from './lib/site.mjs';

const federation = theFederation();
const site = `http://127.0.0.1:${federation.port}`;
const acme = '/api/v1/realms/worker-acme';
const unique = Date.now().toString(36);

describe('rights in the browser', skipped, () => {
  const dean = `Dékán ${unique}`;
  const clerk = `Írnok ${unique}`;
  let browser;
  let api;
  let alice;
  let bob;
  let group;

  before(async () => {
    browser = await launch();
    api = await login(federation.port, 'alice');
    const made = await api.post(`${acme}/groups`, { name: `Levéltár ${unique}`, slug: `leveltar-${unique}` });
    assert.equal(made.status, 200, made.text);
    group = made.json;
    alice = await Visitor.open(browser, site);
    await alice.logIn('alice', '/sessions');
    bob = await Visitor.open(browser, site, { width: 390, height: 844 });
    await bob.logIn('bob', '/sessions');
  });
  after(async () => {
    await browser?.close();
    api?.close();
  });

  const dialog = () => alice.page.locator('.dialog'); // what tells of something in a corner has that role, too
  const done = (visitor) => visitor.page.locator('.dialog').waitFor({ state: 'detached' });
  const button = (name) => alice.page.getByRole('button', { name, exact: true });
  const heading = (name) => alice.page.getByRole('heading', { level: 1, name }).waitFor();

  async function create(name, canIssue) {
    await button('New policy below').click();
    await dialog().getByLabel('Name', { exact: true }).fill(name);
    if (canIssue) await dialog().getByRole('switch').click();
    await dialog().getByRole('button', { name: 'Create' }).click();
  }

  async function allow(...actions) {
    await button('Add').click();
    await dialog().getByRole('combobox', { name: 'Group' }).fill(group.name);
    await alice.page.getByRole('option', { name: group.name }).click();
    for (const action of actions) await dialog().getByLabel(action).check();
    assert.match(await dialog().locator('.sentence').innerText(), new RegExp(`in ${group.name}: ${actions[0].toLowerCase()}`));
    await dialog().getByRole('button', { name: 'Add', exact: true }).click();
    await done(alice);
  }

  it('makes a policy under another one, and says at its field what is wrong with a name', async () => {
    await alice.page.goto('/realms/worker-acme/policies/1');
    await create(dean, true);
    await heading(dean);
    await alice.page.goto('/realms/worker-acme/policies/1');
    await create(dean, false);
    const field = dialog().getByLabel('Name', { exact: true });
    await dialog().getByText('Another policy of the realm has this name.').waitFor();
    assert.equal(await field.getAttribute('aria-invalid'), 'true');
    await dialog().getByRole('button', { name: 'Cancel' }).click();
    await dialog().getByRole('button', { name: 'Drop it' }).click();
    alice.assertCalm(/409/);
    alice.complaints.length = 0;
  });

  it('says in words what it allows', async () => {
    await alice.page.getByRole('link', { name: dean }).click();
    await heading(dean);
    await alice.page.getByText('It allows nothing yet.').waitFor();
    await allow('See the group', 'See members', 'Write evaluations');
    const row = alice.page.locator('.rows li', { hasText: group.id });
    assert.deepEqual(await row.locator('.badge').allInnerTexts(), ['See members', 'See the group', 'Write evaluations']);
    alice.assertCalm();
  });

  it('is given to somebody until a day, who then may do it and is told why', async () => {
    await button('Give it to somebody').click();
    await dialog().getByRole('combobox', { name: 'Who?' }).fill('bokros');
    await alice.page.getByRole('option', { name: /Bokros Boldizsár/ }).click();
    await dialog().getByLabel(/^Until/).fill('2099-12-31');
    await dialog().getByRole('button', { name: 'Give it to somebody' }).click();
    await alice.page.getByText('until 31 December 2099').waitFor();
    const { page } = bob;
    await page.goto('/policies');
    await page.locator('.card', { hasText: 'Mine' }).getByRole('link', { name: dean }).waitFor();
    assert.equal(await bob.page.getByRole('button', { name: 'Delete' }).count(), 0);
    await page.getByLabel('Realm').selectOption('worker-acme');
    await page.getByLabel('May do what?').selectOption('EDIT_SCORES');
    await page.getByRole('combobox', { name: 'In which group?' }).fill(group.name);
    await page.getByRole('option', { name: group.name }).click();
    await page.getByRole('button', { name: 'Ask' }).click();
    await page.getByText('Yes, that is allowed.').waitFor();
    await page.getByText(`“${dean}” allows it in ${group.id}.`).waitFor();
    alice.assertCalm();
    bob.assertCalm();
  });

  it('offers to its holder what they may do: pass a part of it on', async () => {
    const { page } = bob;
    await page.getByRole('link', { name: dean }).click();
    await page.getByRole('heading', { level: 1, name: dean }).waitFor();
    assert.equal(await page.getByRole('heading', { name: 'Who holds it' }).count(), 0);
    await page.getByRole('button', { name: 'New policy below' }).click();
    await page.getByLabel('Name', { exact: true }).fill(clerk);
    await page.locator('.dialog').getByRole('button', { name: 'Create' }).click();
    await page.getByRole('heading', { level: 1, name: clerk }).waitFor();
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByRole('combobox', { name: 'Group' }).fill(group.name);
    await page.getByRole('option', { name: group.name }).click();
    await page.getByLabel('Judge evaluations').check();
    await page.locator('.dialog').getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByText('The policy above does not allow this much.').waitFor();
    bob.assertCalm(/403/);
    bob.complaints.length = 0;
    await page.getByLabel('Judge evaluations').uncheck();
    await page.getByLabel('Write evaluations').check();
    await page.locator('.dialog').getByRole('button', { name: 'Add', exact: true }).click();
    await done(bob);
    await page.getByRole('heading', { name: 'Who holds it' }).waitFor();
    bob.assertCalm();
  });

  it('takes from the policies below only when asked to', async () => {
    const { page } = alice;
    await page.reload();
    await heading(dean);
    await page.getByRole('button', { name: 'Edit', exact: true }).click();
    await dialog().getByLabel('Write evaluations').uncheck();
    await dialog().getByRole('button', { name: 'Save' }).click();
    await dialog().getByText('Policies below this one would then allow more than it does.').waitFor();
    await dialog().getByLabel('Take it from the policies below, too').check();
    await dialog().getByRole('button', { name: 'Save' }).click();
    await done(alice);
    await page.getByRole('link', { name: clerk }).click();
    await page.getByText('It allows nothing yet.').waitFor();
    alice.assertCalm(/400/);
    alice.complaints.length = 0;
  });

  it('is taken away and deleted, with a question before', async () => {
    const { page } = alice;
    await page.getByRole('link', { name: dean }).click();
    await heading(dean);
    await button('Take away').click();
    await dialog().getByText(`Take “${dean}” from Bokros Boldizsár?`).waitFor();
    await dialog().getByRole('button', { name: 'Take away' }).click();
    await page.getByText('Nobody holds it.').waitFor();
    await button('Delete').click();
    await dialog().getByRole('button', { name: 'Delete' }).click();
    await dialog().getByText('There are policies below it.').waitFor();
    await dialog().getByLabel('Delete the policies below it, too').check();
    await dialog().getByRole('button', { name: 'Delete' }).click();
    await heading('GOD');
    await page.getByRole('link', { name: dean }).waitFor({ state: 'detached' });
    await bob.page.goto('/policies');
    await bob.page.locator('.rows .title').first().waitFor();
    assert.equal(await bob.page.getByRole('link', { name: dean }).count(), 0);
    alice.assertCalm(/400/);
    alice.complaints.length = 0;
    bob.assertCalm();
  });

  it('says of a policy that comes with a group where it is given', async () => {
    const { page } = alice;
    const { json } = await api.get(`${acme}/policies?parentId=1&pageSize=100`);
    const leaders = json.policies.find(({ name }) => name.startsWith('GOD in '));
    await page.goto(`/realms/worker-acme/policies/${leaders.id}`);
    await page.getByText(/^It comes with being a member of/).waitFor();
    await page.getByText('Given and taken in the group, not here.').waitFor();
    assert.equal(await button('Add').count(), 0);
    assert.equal(await button('Take away').count(), 0);
    alice.assertCalm();
  });

  it('keeps what it is restricted to, and what it allows, when it is edited', async () => {
    const { page } = alice;
    const statements = [
      { groupId: group.id, userId: 'bob', actions: ['VIEW_MEMBERS', 'VIEW_BASIC_PROFILE'] },
      { userId: 'bob', actions: ['VIEW_MEMBERS', 'VIEW_BASIC_PROFILE'] },
    ];
    const { status, json: made, text } = await api.post(`${acme}/policies/1/children`, { name: `Kettős ${unique}`, statements });
    assert.equal(status, 200, text);
    await page.goto(`/realms/worker-acme/policies/${made.id}`);
    for (const row of [0, 1]) {
      await button('Edit').nth(row).click();
      await dialog().getByLabel('See full profiles').check();
      await dialog().getByRole('button', { name: 'Save' }).click();
      await done(alice);
    }
    const { json } = await api.get(`${acme}/policies/${made.id}`);
    const now = json.statements.map(({ groupId, userId, actions }) => ({ groupId, userId, actions }));
    const more = (statement) => ({ groupId: '', ...statement, actions: [...statement.actions, 'VIEW_FULL_PROFILE'] });
    assert.deepEqual(now, statements.map(more));
    alice.assertCalm();
  });

  it('lets whoever manages a group hand it over, though another leads it', async () => {
    const { page } = alice;
    const members = `${acme}/groups/${group.id}/members`;
    for (const userId of ['bob', 'carol']) assert.equal((await api.post(`${members}:add`, { userId })).status, 200);
    assert.equal((await api.post(`${members}/bob:handOver`)).status, 200);
    await page.goto(`/realms/worker-acme/groups/${group.id}`);
    const menu = (id) => page.locator('.rows li', { has: page.locator(`a[href="/people/${id}"]`) }).getByRole('button', { name: /^What to do/ });
    await menu('alice').click(); // who cannot take it for herself, and ends her own membership by leaving
    await page.getByRole('menuitemcheckbox', { name: 'Financial officer' }).waitFor();
    assert.equal(await page.getByRole('menuitem').count(), 0);
    await page.keyboard.press('Escape');
    await menu('carol').click();
    await page.getByRole('menuitem', { name: 'Hand the group over' }).click();
    await dialog().getByRole('button', { name: 'Hand the group over' }).click();
    await page.getByText(/ leads the group now/).waitFor();
    // It is an organisation, of which more ends than is seen there.
    await menu('bob').click();
    await page.getByRole('menuitem', { name: 'Archive' }).click();
    await dialog().getByText('So it is in the groups below').waitFor();
    await dialog().getByRole('button', { name: 'Cancel' }).click();
    const { json } = await api.get(members);
    assert.deepEqual(json.members.filter(({ isLeader }) => isLeader).map(({ userId }) => userId), ['carol']);
    alice.assertCalm();
  });

  it('archives an application that cannot be turned down, since there are points of its author', async () => {
    const { page } = alice;
    const ok = ({ status, json, text }) => (assert.equal(status, 200, text), json);
    const userId = 'user-012';
    const members = `${acme}/groups/${group.id}/members`;
    const semester = ok(await api.get(`${acme}/semester`));
    const season = async (name) => ok(await api.send('PUT', `${acme}/semester`, { id: semester.id, season: name }));
    ok(await api.post(`${members}:add`, { userId }));
    await season('APPLICATION');
    try {
      const { id } = ok(await api.post(`${acme}/groups/${group.id}/scoreboards:open`, {}));
      const board = `${acme}/groups/${group.id}/scoreboards/${id}`;
      const guidelines = [{ name: 'Iktatás', category: 'WORK', maxPerMember: 30 }];
      const { guidelines: [{ id: guidelineId }] } = ok(await api.send('PUT', board, { guidelines }));
      ok(await api.post(`${board}/points:batchSet`, { points: [{ userId, guidelineId, points: 9 }] }));
    } finally {
      await season(semester.season);
    }
    ok(await api.post(`${members}/${userId}:archive`));
    const applicant = await login(federation.port, userId);
    ok(await applicant.post(`${members}:apply`));
    applicant.close();
    await page.goto(`/realms/worker-acme/groups/${group.id}`);
    await page.getByRole('button', { name: /^Turn down / }).click();
    await dialog().getByText(/^This person has points in the group already/).waitFor();
    await dialog().getByRole('button', { name: 'Archive' }).click();
    await done(alice);
    await page.locator('#applicants').waitFor({ state: 'detached' });
    const archived = ok(await api.get(`${members}?statuses=ARCHIVED`)).members;
    assert.deepEqual(archived.map((member) => member.userId), [userId]);
    alice.assertCalm(/400/);
    alice.complaints.length = 0;
  });

  it('offers a helper what the realm takes from one', async () => {
    const members = `${acme}/groups/${group.id}/members`;
    const [helper, officer, other] = ['user-013', 'user-014', 'user-015'];
    for (const userId of [helper, officer, other]) assert.equal((await api.post(`${members}:add`, { userId })).status, 200);
    assert.equal((await api.post(`${members}/${helper}:givePost`, { kind: 'LEADER_ASSISTANT' })).status, 200);
    assert.equal((await api.post(`${members}/${officer}:givePost`, { kind: 'FINANCIAL_OFFICER' })).status, 200);
    const names = Object.fromEntries((await api.get(members)).json.members.map(({ userId, displayName }) => [userId, displayName]));
    const visitor = await Visitor.open(browser, `http://127.0.0.1:${federation.port}`);
    const { page } = visitor;
    await page.goto(`/auth/dev?user=${helper}`);
    await page.goto(`/realms/worker-acme/groups/${group.id}`);
    const menu = (userId) => page.getByRole('button', { name: `What to do with ${names[userId]}` });
    await menu(other).click();
    await page.getByRole('menuitem', { name: 'Archive' }).waitFor();
    assert.equal(await page.getByRole('menuitemcheckbox').count(), 0, 'no post that its leader alone gives');
    await page.keyboard.press('Escape');
    assert.deepEqual(await Promise.all([menu(helper).count(), menu(officer).count()]), [0, 0], 'nor what would be refused');
    visitor.assertCalm();
    await visitor.close();
  });

  it('shows evaluations to who judges them by the group above alone, and no history', async () => {
    const below = await api.post(`${acme}/groups`, { name: `Iktató ${unique}`, slug: `iktato-${unique}`, parentId: group.id });
    assert.equal(below.status, 200, below.text);
    const policy = await api.post(`${acme}/policies/1/children`, {
      name: `Bíráló ${unique}`,
      statements: [{ groupId: group.id, actions: ['EVALUATE_SCORES'] }, { groupId: below.json.id, actions: ['VIEW_GROUP', 'VIEW_MEMBERS'] }],
    });
    assert.equal(policy.status, 200, policy.text);
    const judge = await Visitor.open(browser, site);
    await judge.logIn('dave', '/sessions');
    assert.equal((await api.post(`${acme}/policies/${policy.json.id}:assign`, { userId: 'dave' })).status, 200);
    const { page } = judge;
    await page.goto(`/realms/worker-acme/groups/${below.json.id}`);
    const tabs = page.locator('.tabs');
    await tabs.getByRole('link', { name: 'Evaluations' }).click();
    await page.waitForURL('**/scoreboards');
    assert.deepEqual(await tabs.getByRole('link').allInnerTexts(), ['Members', 'Evaluations']);
    judge.assertCalm();
    await judge.close();
  });

  describe('one’s own profile', () => {
    it('has accounts elsewhere, which are sent together and refused in words', async () => {
      const { page } = bob;
      const card = () => page.locator('.card', { hasText: 'Add an account' });
      await page.goto('/profile');
      for (const number of [1, 2]) {
        await page.getByRole('button', { name: 'Add an account' }).click();
        await card().getByLabel('Where').last().selectOption('IRC');
        await page.getByLabel('Name or number there').last().fill(`bob-${unique}`);
        assert.equal(await card().getByLabel('Where').count(), number);
      }
      await page.locator('a[href="/"]').first().click();
      await page.getByRole('dialog', { name: 'Leave without saving?' }).getByRole('button', { name: 'Cancel' }).click();
      await card().getByRole('button', { name: 'Save' }).click();
      await card().getByText('This is there twice.').waitFor();
      bob.assertCalm(/400/);
      bob.complaints.length = 0;
      await card().getByRole('button', { name: /^Remove IRC/ }).last().click();
      const saved = page.waitForResponse((answer) => answer.request().method() !== 'GET');
      await card().getByRole('button', { name: 'Save' }).click();
      await saved;
      await page.goto('/people/bob');
      await page.locator('.details', { hasText: `bob-${unique}` }).waitFor();
      await page.goto('/profile');
      await page.getByRole('button', { name: /^Remove IRC/ }).click();
      await card().getByRole('button', { name: 'Save' }).click();
      await page.getByText('None yet.').waitFor();
      await page.getByText('Saved.').first().waitFor();
      bob.assertCalm();
    });

    it('says at its field that a username is taken', async () => {
      const { page } = bob;
      await page.goto('/profile');
      await page.getByLabel('Username').fill('alice');
      await page.locator('.card', { hasText: 'About you' }).getByRole('button', { name: 'Save' }).click();
      await page.getByText('Somebody has this username, or had it.').waitFor();
      assert.equal(await page.getByLabel('Username').getAttribute('aria-invalid'), 'true');
      bob.assertCalm(/409/);
      bob.complaints.length = 0;
    });

    it('is deleted only by who types their username, and not by a leader before they are asked again', async () => {
      const { page } = alice;
      await page.goto('/profile');
      await button('Delete my account').click();
      const confirm = dialog().getByRole('button', { name: 'Delete my account' });
      assert.equal(await confirm.isDisabled(), true);
      await dialog().getByLabel(/^Your username/).fill('alice');
      await confirm.click();
      await dialog().getByText('You administer a realm or lead a group.').waitFor();
      assert.equal(await dialog().getByLabel('Delete it all the same').isChecked(), false);
      await dialog().getByRole('button', { name: 'Cancel' }).click();
      await dialog().getByRole('button', { name: 'Drop it' }).click();
      alice.assertCalm(/400/);
    });
  });
});
