// Every page of the site, with something on it: for the tests that look at all of them, and for ./dev shots.
const acme = '/api/v1/realms/worker-acme';

// What people and groups may be called: it must be seen as it is, and do nothing. (Overrides of direction and joiners the API refuses.)
export const hostile = {
  script: '<script>document.title="owned"</script><img src=x onerror=alert(1)>',
  reversed: 'שלום (exe.gnp) עולם',
  emoji: '👩🏽🍆 Tánc & „móka”',
  long: `${'Hosszúnevű'.repeat(19)} végül`.slice(0, 200),
};

// A group with a name, a description and a subgroup for each hostile name that the realm takes. Resolves to the group.
export async function hostileGroup(api, suffix) {
  const make = async (name, parentId, slug) => {
    const answer = await api.post(`${acme}/groups`, { name, parentId, slug, description: hostile.script });
    if (answer.status !== 200) throw new Error(`${name}: ${answer.text}`);
    return answer.json;
  };
  const parent = await make(`${hostile.script} ${suffix}`, 'kir-dev@kir-dev', `ellenseges-${suffix}`);
  await make(`${hostile.emoji} ${suffix}`, parent.id, `emoji-${suffix}`);
  await make(`${hostile.reversed} ${suffix}`, parent.id, `jobbrol-${suffix}`);
  await make(hostile.long.slice(0, 190) + suffix, parent.id, `hosszu-${suffix}`);
  return parent;
}

// An evaluation of it with all of that in guidelines, comments, messages and cards, in the season in which groups write. Resolves to
// it, and to what gives the realm back the season it had.
export async function hostileBoard(api, group) {
  const ok = ({ status, text, json }) => {
    if (status !== 200) throw new Error(text);
    return json;
  };
  const had = ok(await api.get(`${acme}/semester`));
  const season = async (name) => ok(await api.send('PUT', `${acme}/semester`, { id: had.id, season: name }));
  await season('APPLICATION');
  ok(await api.post(`${acme}/groups/kir-dev@kir-dev/scoreboards:open`)); // which the group of those names is below
  const { members } = ok(await api.get(`${acme}/groups/kir-dev@kir-dev/members?pageSize=12`));
  const others = members.map(({ userId }) => userId).filter((userId) => userId !== 'alice');
  for (const userId of others) ok(await api.post(`${acme}/groups/${group.id}/members:add`, { userId }));
  const boards = `${acme}/groups/${group.id}/scoreboards`;
  const opened = ok(await api.post(`${boards}:open`));
  const names = [hostile.script, hostile.reversed, hostile.emoji, hostile.long.slice(0, 100), 'Rövid'];
  const board = ok(await api.send('PUT', `${boards}/${opened.id}`, {
    report: `${hostile.script}\n\n${hostile.long}`,
    guidelines: names.map((name, i) =>
      ({ name, description: hostile.reversed, category: i % 2 ? 'RESPONSIBILITY' : 'WORK', maxPerMember: 20, maxPerGuideline: i * 50 })),
    etag: opened.etag,
  }));
  const at = `${boards}/${board.id}`;
  const points = others.flatMap((userId, row) => board.guidelines.flatMap(({ id }, column) =>
    ((row * 7 + column * 3) % 4 ? [{ userId, guidelineId: id, points: 1 + ((row * 5 + column * 2) % 9) }] : [])));
  ok(await api.post(`${at}/points:batchSet`, { points }));
  const [first, second] = others;
  for (const text of [hostile.script, hostile.long]) {
    ok(await api.post(`${at}/comments`, { userId: first, guidelineId: board.guidelines[0].id, text }));
    ok(await api.post(`${at}/messages`, { text }));
  }
  ok(await api.post(`${at}/messages`, { text: `points: SUBMITTED -> ACCEPTED, entries: SUBMITTED -> REJECTED, ${hostile.reversed}` }));
  ok(await api.post(`${at}/entries:batchSet`, {
    entries: [{ userId: first, type: 'AB', justification: hostile.script }, { userId: second, type: 'KB', justification: hostile.long }],
  }));
  ok(await api.patch(`${at}/entries/${first}`, { recommendation: 'KB', finalized: true }));
  return { board, restore: () => season(had.season) };
}

// By name: the address, and what is there when the page is. `open` is pressed then, and its dialog waited for.
export function pagesOf(group, board) {
  const at = `/realms/worker-acme/groups/${group.id}`;
  const points = `${at}/scoreboards/${board.id}`;
  return {
    home: { path: '/', ready: 'main .rows .title' },
    search: { path: '/search?q=k', ready: '.results li' },
    people: { path: '/search?kind=people', ready: '.results li' },
    'search-nothing': { path: '/search?q=qqqqqq', ready: '.empty' },
    group: { path: at, ready: '.list-tools + .rows li' },
    'group-large': { path: '/realms/worker-acme/groups/kir-dev@kir-dev', ready: '.list-tools + .rows li' },
    'group-settings': { path: `${at}/settings`, ready: 'form textarea' },
    'group-history': { path: `${at}/history`, ready: '.timeline li' },
    scoreboards: { path: `${at}/scoreboards`, ready: '.rows li' },
    scoreboard: { path: points, ready: '.scores .noted' },
    'scoreboard-guidelines': { path: points, ready: '.scores .noted', open: '.page-head .button:not(.primary)' },
    'scoreboard-comments': { path: points, ready: '.scores .noted', open: '.noted [data-do=comments]' },
    entries: { path: `${points}/entries`, ready: '.entries .review' },
    'point-draft': { path: `${at}/point-draft`, ready: '.scores input' },
    semester: { path: '/realms/worker-acme/semester', ready: '.rows li' },
    'new-group': { path: '/new-group?realm=worker-acme&parent=kir-dev%40kir-dev', ready: 'form [name=name]' },
    person: { path: '/people/bob', ready: '.rows .title' },
    profile: { path: '/profile', ready: '[name=lastName]' },
    notifications: { path: '/notifications', ready: '.rows li' },
    policies: { path: '/policies', ready: '.rows .title' },
    policy: { path: '/realms/worker-acme/policies/1', ready: '.rows li' },
    sessions: { path: '/sessions', ready: '.session-title' },
    instances: { path: '/instances', ready: '.plot' },
    'not-found': { path: '/realms/worker-acme/groups/x@x/settings', ready: '.note.bad' },
    docs: { path: '/docs', ready: '.opblock-tag' },
  };
}

// Goes to one of them.
export async function show(page, { path, ready, open }) {
  await page.goto(path);
  await page.locator(ready).first().waitFor({ timeout: 60_000 }); // the reference draws every method first
  if (!open) return;
  await page.locator(open).first().click();
  await page.getByRole('dialog').waitFor();
}
