// What must hold when faults are over: the invariants of the specification, each a check that answers what breaks it.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { programs, realms, sleep, until } from './world.mjs';

const quoted = (text) => `'${String(text).replaceAll("'", "''")}'`;

// I1: every acknowledged write is there, and I2: once, with its key in the same transaction. A group has one writer, whose writes are in order.
export async function writes(world, history) {
  const broken = [];
  for (const realm of realms) {
    const mine = history.writes.filter((write) => write.realm === realm);
    const keys = mine.map(({ key }) => quoted(key)).join(',') || "''";
    const known = new Set(await world.sql(realm, `SELECT coalesce(json_agg(key), '[]') FROM pek.idempotency WHERE realm = '${realm}' AND key IN (${keys})`));
    const rows = await world.sql(realm, `SELECT coalesce(json_object_agg(id, json_build_object('description', description, 'archived', is_archived)), '{}')
      FROM pek.realm_group WHERE realm = '${realm}' AND id LIKE '%@c${history.unique}-%'`);
    const said = await world.sql(realm, `SELECT coalesce(json_object_agg(target_id, actions), '{}') FROM (
      SELECT target_id, json_object_agg(action, n) AS actions FROM (
        SELECT target_id, action, count(*) AS n FROM pek.audit_log
         WHERE realm = '${realm}' AND target_kind = 'group' AND target_id LIKE '%@c${history.unique}-%' GROUP BY target_id, action) AS a
       GROUP BY target_id) AS b`);
    const members = new Set(await world.sql(realm, `SELECT coalesce(json_agg(group_id || ' ' || user_id), '[]') FROM pek.membership
      WHERE realm = '${realm}' AND group_id LIKE '%@c${history.unique}-%'`));
    const wanted = {};
    for (const write of mine) {
      const at = `${realm}: ${JSON.stringify(write.what)} under ${write.key}`;
      if (write.outcome === 'unknown') {
        broken.push(`${at} never got an answer`);
        continue;
      }
      if (write.outcome !== 'acknowledged') continue;
      if (!known.has(write.key)) broken.push(`I2 ${at} is acknowledged, and its key is not there`);
      const id = write.answer.groupId ?? write.answer.id;
      const group = (wanted[id] ??= { changes: 0 });
      if (write.what.member && !members.has(`${id} ${write.what.member}`)) broken.push(`I1 ${at}: no member`);
      if (write.what.member) continue;
      group.changes++;
      if (write.what.description) group.description = write.what.description;
      if (write.what.verb) group.archived = write.what.verb === 'archive';
    }
    for (const [id, group] of Object.entries(wanted)) {
      const row = rows[id];
      if (!row) {
        broken.push(`I1 ${realm}: ${id} is acknowledged, and not there`);
        continue;
      }
      if ((group.description ?? '') !== (row.description ?? '')) broken.push(`I1 ${realm}: ${id} is ${row.description}, acknowledged last was ${group.description}`);
      if ((group.archived ?? false) !== row.archived) broken.push(`I1 ${realm}: ${id} is archived: ${row.archived}`);
      const effects = Object.values(said[id] ?? {}).reduce((sum, n) => sum + n, 0);
      if (effects !== group.changes) broken.push(`I2 ${realm}: ${id} was changed ${effects} times (${JSON.stringify(said[id])}), acknowledged were ${group.changes}`);
    }
    const extra = Object.keys(rows).filter((id) => !wanted[id]);
    if (extra.length > 0) broken.push(`I2 ${realm}: groups that nobody was told of: ${extra}`);
  }
  return broken;
}

// I3: a program's role sees nothing without having said who it is; every table of a realm has its row security forced, and a key that begins with realm.
export async function isolation(world) {
  const broken = [];
  for (const realm of realms) {
    const open = await world.sql(realm, `SELECT coalesce(json_agg(c.relname), '[]') FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'realm' AND NOT a.attisdropped
       WHERE n.nspname = 'pek' AND c.relkind IN ('r', 'p') AND NOT (c.relrowsecurity AND c.relforcerowsecurity) AND NOT c.relispartition`);
    broken.push(...open.map((table) => `I3 ${realm}: ${table} has no forced row security`));
    const seen = await world.sql(realm, 'SELECT count(*) FROM pek.realm_group', { user: `pek_${realm.replaceAll('-', '_')}`, options: '' })
      .catch(() => 0);
    if (seen > 0) broken.push(`I3 ${realm}: without the setting ${seen} rows are seen`);
  }
  return broken;
}

// I4, I5, I6, I7, I8, I9 and more: the realm's own question.
export async function tables(world) {
  const told = await Promise.all(realms.map((realm) => world.federation.dev('verify', realm)
    .then((text) => [realm, text], (error) => [realm, error.stdout || error.message])));
  return told.flatMap(([realm, text]) => {
    const lines = text.split('\n').filter(Boolean);
    const holds = lines.filter((line) => line.startsWith('holds'));
    const broken = lines.filter((line) => !line.startsWith('holds')).map((line) => `${realm}: ${line}`);
    return holds.length >= 10 ? broken : [...broken, `${realm}: verify told of ${holds.length} invariants`];
  });
}

// I10: nothing is left in an outbox, and bob was told of each group once.
export async function notifications(world, history) {
  const broken = [];
  for (const realm of realms) {
    await until(15, '', async () => (await world.sql(realm, `SELECT count(*) FROM pek.notification WHERE realm = '${realm}'`)) === 0)
      .catch(() => broken.push(`I10 ${realm}: its outbox is not empty`));
    const told = await world.sql('hub', `SELECT coalesce(json_object_agg(link, n), '{}') FROM (
      SELECT link, count(*) AS n FROM hub.notification WHERE realm = '${realm}' AND user_id = 'bob' AND subject = 'bob'
         AND link LIKE '%@c${history.unique}-%' GROUP BY link) AS a`);
    const joined = history.writes.filter((write) => write.realm === realm && write.what.member && write.outcome === 'acknowledged');
    const links = Object.values(told);
    if (links.some((n) => n !== 1)) broken.push(`I10 ${realm}: told more than once: ${JSON.stringify(told)}`);
    if (links.length !== joined.length) broken.push(`I10 ${realm}: ${joined.length} joined, ${links.length} were told`);
  }
  return broken;
}

// I12: every cursor that was given out leads on.
async function cursors(world, history) {
  const client = history.clients[0];
  const broken = [];
  for (const token of history.cursors) {
    const answer = await client.get(`/api/v1/groups?pageSize=5&pageToken=${encodeURIComponent(token)}`);
    if (answer.status !== 200) broken.push(`I12 a cursor leads nowhere: ${answer.status} ${answer.text}`);
  }
  return broken.slice(0, 5);
}

// Nothing that opens anything is in a log line, each of which is JSON.
export function logs(world) {
  const broken = [];
  const secrets = [...new Set(world.cookies)].map((cookie) => cookie.split('=')[1]).filter(Boolean);
  for (const file of readdirSync(join(world.data, 'log'))) {
    const text = readFileSync(join(world.data, 'log', file), 'utf8');
    if (/eyJ|PRIVATE KEY/.test(text)) broken.push(`${file} has a token or a key in it`);
    if (secrets.some((secret) => text.includes(secret))) broken.push(`${file} has a session in it`);
    if (!programs.includes(file.replace('.log', ''))) continue;
    if (/Sanitizer|runtime error:|Assertion|stack smashing/.test(text)) broken.push(`${file} tells of a crash`);
    const bad = text.split('\n').filter((line) => line && !isJson(line));
    if (bad.length > 0) broken.push(`${file}: a line that is no JSON: ${bad[0].slice(0, 200)}`);
  }
  return broken;
}

function isJson(line) {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

// Nothing is left behind: calls, transactions, descriptors and memory. Of descriptors and memory 5 % are tolerated, and what one connection more or
// a page of the allocator's makes: 4 descriptors, 4 MiB.
export async function leftovers(world, before, seconds = 20) {
  const broken = [];
  await until(seconds, '', async () => {
    const text = await (await fetch(`http://127.0.0.1:${world.port}/metrics`)).text();
    return [...text.matchAll(/^pek_hub_instance_in_flight\{.*\} (\d+)$/gm)].every((match) => Number(match[1]) <= 1);
  }).catch(() => broken.push('calls are left in flight'));
  for (const realm of realms) {
    const idle = await world.sql(realm, `SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND state_change < now() - interval '5 s'`);
    if (idle > 0) broken.push(`${realm}: ${idle} transactions are open and idle`);
  }
  let over = [];
  for (let i = 0; i < seconds; i++) {
    const now = world.footprint();
    over = programs.flatMap((program) => {
      const [was, is] = [before[program], now[program]];
      const told = [];
      if (is.fds > was.fds * 1.05 + 4) told.push(`${program}: ${is.fds} descriptors, ${was.fds} before`);
      if (is.rss > was.rss * 1.05 + 4096) told.push(`${program}: ${is.rss} KiB, ${was.rss} before`);
      return told;
    });
    if (over.length === 0) break;
    await sleep(1000);
  }
  return [...broken, ...over];
}

export const checks = [
  ['I1, I2: what was acknowledged is there, once', writes],
  ['I3: realms are apart', isolation],
  ['I4 to I9: the tables hold what must hold', tables],
  ['I10: told once', notifications],
  ['I12: every cursor leads on', cursors],
  ['logs have no secret', logs],
];
