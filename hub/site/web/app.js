'use strict';
// The groups of every realm that knows the user, in one list; realms that did not answer are shown as such.
const $ = id => document.getElementById(id);
let next = '', running = null;

function element(name, className, text) {
  const node = document.createElement(name);
  if (className) node.className = className;
  if (text) node.textContent = text;
  return node;
}

async function ask(path, signal) {
  const response = await fetch(path, { headers: { accept: 'application/json' }, signal });
  const body = await response.json();
  if (!response.ok) throw Object.assign(new Error(body.error.message), { code: body.error.code });
  return body;
}

function showRealms(page) {
  $('realms').replaceChildren(...page.federation.instances.map(one => {
    const missing = page.unreachable.includes('realms/' + one.realm);
    const item = element('li', missing ? 'missing' : '', one.realm + (missing ? ' — nem elérhető' : ''));
    item.title = `${one.outcome}, ${one.elapsedMs} ms`;
    return item;
  }));
}

function showGroups(groups) {
  for (const group of groups) {
    const item = element('li', group.isArchived ? 'archived' : '');
    const name = element('div');
    name.append(element('strong', '', group.name), ' ', element('small', '', group.id));
    item.append(name, element('span', 'realm', group.realm));
    if (group.description) item.append(element('p', '', group.description));
    $('groups').append(item);
  }
}

async function list(more) {
  if (running) running.abort();
  running = new AbortController();
  const query = new URLSearchParams({ q: $('q').value, includeArchived: $('archived').checked, pageSize: 50 });
  if (more) query.set('pageToken', next);
  try {
    const page = await ask('/api/v1/groups?' + query, running.signal);
    if (!more) $('groups').replaceChildren();
    showRealms(page);
    showGroups(page.groups);
    next = page.nextPageToken;
    $('more').hidden = !next;
    $('note').textContent = $('groups').children.length ? '' : 'Nincs találat.';
  } catch (error) {
    if (error.name !== 'AbortError') $('note').textContent = error.message;
  }
}

async function start() {
  try {
    const session = await ask('/api/v1/session');
    $('who').textContent = session.user.name;
    const out = element('button', '', 'Kilépés');
    out.onclick = async () => {
      await fetch('/auth/logout', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });
      location.reload();
    };
    $('who').append(' ', out);
    await list(false);
  } catch (error) {
    $('note').textContent = error.code === 401 ? 'Jelentkezz be.' : error.message;
    const login = element('a', '', 'Belépés');
    login.href = '/auth/login?return_to=/';
    $('who').append(login);
  }
}

let typing = 0;
$('q').oninput = () => { clearTimeout(typing); typing = setTimeout(() => list(false), 150); };
$('archived').onchange = () => list(false);
$('search').onsubmit = event => { event.preventDefault(); list(false); };
$('more').onclick = () => list(true);
start();
