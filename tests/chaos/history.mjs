// Clients that keep their own history: what was sent under which key, and what was said to it. What is wrong in an answer by
// itself (late, of a shape that nobody promised, a list that looks whole and is not) is a violation at once; the rest is the
// checker's.
import { randomUUID } from 'node:crypto';
import { nameOf } from '../e2e/lib/http.mjs';
import { late_ms, realms, request_seconds, sleep } from './world.mjs';

const unavailable = new Set([502, 503, 504]);
// A connection that broke tells nothing about what became of the request.
const broke = new Set(['ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'ECONNABORTED']);

export class History {
  constructor(world) {
    this.world = world;
    this.unique = randomUUID().slice(0, 6);
    this.writes = [];
    this.violations = [];
    this.cursors = []; // given out to somebody, of which list
    this.counts = {};
    this.stopping = false;
    this.slowest = 0;
  }

  violated(what) {
    if (this.violations.length < 100) this.violations.push(what);
  }

  count(what) {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  // One request. Resolves to its answer, or to undefined when it is not known what became of it.
  async ask(client, method, path, options = {}) {
    let answer;
    try {
      answer = await client.request(method, path, options);
    } catch (error) {
      this.count(error.code ?? error.message);
      if (error.code === 'NO_ANSWER' || !broke.has(error.code)) this.violated(`${method} ${path}: ${error.message}`);
      return undefined;
    }
    this.count(`${method === 'GET' ? 'read' : 'write'} ${answer.status}`);
    const limit = (options.isStream ? 60 : request_seconds) * 1000 + 200 + late_ms;
    this.slowest = Math.max(this.slowest, options.isStream ? 0 : answer.ms);
    if (answer.ms > limit) this.violated(`${method} ${path}: answered ${answer.status} after ${Math.round(answer.ms)} ms`);
    if (answer.status === 401) this.violated(`${method} ${path}: a running session was refused: ${answer.text}`);
    if (answer.status >= 400 && !answer.json?.error?.status) this.violated(`${method} ${path}: ${answer.status} without a clear text: ${answer.text}`);
    return answer;
  }

  // A write under a key of its own, sent again until it is known what became of it, or `giveUp` says so.
  async write(client, realm, what, method, path, body) {
    const record = { key: randomUUID(), realm, user: client.user, what, tries: 0, outcome: 'unknown' };
    this.writes.push(record);
    while (!this.abandoned) {
      record.tries++;
      const answer = await this.ask(client, method, path,
        { headers: { 'content-type': 'application/json', 'idempotency-key': record.key }, body });
      if (answer?.status === 200) {
        record.outcome = 'acknowledged';
        record.answer = answer.json;
        return answer.json;
      }
      const again = !answer || unavailable.has(answer.status) || answer.status === 429 || answer.json?.error?.status === 'ABORTED';
      if (!again) {
        record.outcome = 'refused';
        this.violated(`${JSON.stringify(what)} in ${realm}, try ${record.tries}: ${answer.status} ${answer.text}`);
        return undefined;
      }
      await sleep(100);
    }
    return undefined;
  }

  // Makes a group every so often, tells who joins it, and counts upwards in its description meanwhile.
  async writer(client, realm, lane) {
    const groups = `/api/v1/realms/${realm}/groups`;
    const parent = { hub: 'vik@vik', 'worker-acme': 'kir-dev@kir-dev', 'worker-conference': 'konferencia@hang' }[realm];
    for (let made = 0; !this.stopping; made++) {
      const slug = `c${this.unique}-${lane}-${made}`;
      const group = await this.write(client, realm, { group: slug }, 'POST', groups,
        { parentId: parent, slug, name: `Káosz ${this.unique} ${realm} ${lane} ${made}` });
      if (!group) return;
      const path = `${groups}/${encodeURIComponent(group.id)}`;
      await this.write(client, realm, { group: group.id, member: 'bob' }, 'POST', `${path}/members:add`, { userId: 'bob' });
      const until = Date.now() + 15_000;
      for (let n = 1; !this.stopping && (Date.now() < until || made >= 40); n++) {
        const written = await this.write(client, realm, { group: group.id, description: `${n}` }, 'PATCH', `${path}?updateMask=description`,
          { description: `${n}` });
        if (!written) return;
        await this.readsOwnWrite(client, path, n);
        if (n % 20 === 0) {
          for (const verb of ['archive', 'unarchive']) {
            await this.write(client, realm, { group: group.id, verb }, 'POST', `${path}:${verb}`, {});
          }
        }
        await sleep(60);
      }
    }
  }

  async readsOwnWrite(client, path, n) {
    const answer = await this.ask(client, 'GET', path);
    if (answer?.status === 200 && answer.json.description !== `${n}`) {
      this.violated(`${path}: an acknowledged ${n} was read as ${answer.json.description}`);
    } else if (answer && answer.status !== 200 && !unavailable.has(answer.status)) {
      this.violated(`${path}: ${answer.status} ${answer.text}`);
    }
  }

  // ---- lists -------------------------------------------------------------------------------------------------

  // What was there before, and stays: not what other histories made.
  async remember(client) {
    this.stable = new Set();
    let token = '';
    do {
      const { json } = await client.get(`/api/v1/groups?pageSize=100&pageToken=${encodeURIComponent(token)}`);
      json.groups.filter(({ id }) => !/@c[0-9a-f]{6}-/.test(id)).forEach((group) => this.stable.add(nameOf(group)));
      token = json.nextPageToken;
    } while (token);
  }

  judge(what, items, unreachable) {
    const names = items.map(nameOf);
    const once = new Set(names);
    if (once.size !== names.length) this.violated(`${what}: an item twice: ${names.filter((name, at) => names.indexOf(name) !== at).slice(0, 3)}`);
    const away = new Set(unreachable.map((name) => name.replace('realms/', '')));
    if (away.size > 0) this.count(`${what} without ${[...away].sort()}`);
    const missing = [...this.stable].filter((name) => !once.has(name) && !away.has(name.split('/')[0]));
    if (missing.length > 0) {
      this.violated(`${what}: names ${JSON.stringify([...away])}, and lacks ${missing.length} of others: ${missing.slice(0, 3)}`);
    }
  }

  keep(token) {
    if (token && this.cursors.length < 400) this.cursors.push(token);
    else if (token && Math.random() < 0.1) this.cursors[Math.floor(Math.random() * this.cursors.length)] = token;
  }

  async pages(client) {
    while (!this.stopping) {
      const items = [];
      const unreachable = new Set();
      let token = '';
      do {
        const path = `/api/v1/groups?pageSize=30&pageToken=${encodeURIComponent(token)}`;
        const answer = await this.ask(client, 'GET', path);
        if (this.abandoned) return;
        if (answer?.status !== 200) {
          if (answer && !unavailable.has(answer.status)) {
            this.violated(`${path}: ${answer.status} ${answer.text}`);
            break;
          }
          await sleep(100);
          continue; // a token leads on, however often it is asked
        }
        items.push(...answer.json.groups);
        answer.json.unreachable.forEach((name) => unreachable.add(name));
        token = answer.json.nextPageToken;
        this.keep(token);
        if (!token) this.judge('pages', items, [...unreachable]);
      } while (token || items.length === 0);
      await sleep(40);
    }
  }

  async lines(client) {
    while (!this.stopping) {
      const items = [];
      let cursor = '';
      for (let parts = 0; parts < 20 && !this.abandoned; parts++) {
        const path = `/api/v1/groups${cursor && `?pageToken=${encodeURIComponent(cursor)}`}`;
        const answer = await this.ask(client, 'GET', path, { headers: { accept: 'application/x-ndjson' }, isStream: true });
        if (answer?.status !== 200) {
          if (answer && !unavailable.has(answer.status)) this.violated(`${path}: ${answer.status} ${answer.text}`);
          if (!answer && !cursor) items.length = 0;
          await sleep(100);
          if (!answer) break; // what came of it is not known to this client
          continue;
        }
        const lines = answer.text.trimEnd().split('\n').map((line) => JSON.parse(line));
        const last = lines.pop();
        items.push(...lines.map((line) => line.result));
        if (last.end) {
          this.count('streams whole');
          this.judge('lines', items, last.end.unreachable);
          break;
        }
        if (!last.error || !last.cursor) {
          this.violated(`a stream ended with neither an end nor a cursor: ${JSON.stringify(last).slice(0, 200)}`);
          break;
        }
        this.count('streams resumed');
        cursor = last.cursor;
        this.keep(cursor);
        await sleep(200);
      }
      await sleep(100);
    }
  }

  async single(client) {
    const named = [...this.stable].filter((name) => name.startsWith('hub/') || name.startsWith('worker-acme/')).slice(0, 8);
    while (!this.stopping) {
      for (const name of named) {
        const [realm, id] = name.split('/');
        const answer = await this.ask(client, 'GET', `/api/v1/realms/${realm}/groups/${encodeURIComponent(id)}`);
        if (answer?.status === 200 && nameOf(answer.json) !== name) this.violated(`asked for ${name}, got ${nameOf(answer.json)}`);
        if (answer && answer.status !== 200 && !unavailable.has(answer.status)) this.violated(`${name}: ${answer.status} ${answer.text}`);
        await sleep(answer ? 20 : 200);
      }
      await this.ask(client, 'GET', '/api/v1/session');
    }
  }

  // ---- all of it ---------------------------------------------------------------------------------------------

  async begin({ lanes = 2 } = {}) {
    const client = async () => Object.assign(await this.world.login('alice'), { user: 'alice' });
    this.clients = [await client()];
    await this.remember(this.clients[0]);
    const jobs = [];
    const add = async (job) => {
      const one = await client();
      this.clients.push(one);
      jobs.push(job(one));
    };
    for (const realm of realms) {
      for (let lane = 0; lane < lanes; lane++) await add((one) => this.writer(one, realm, lane));
    }
    await add((one) => this.pages(one));
    await add((one) => this.lines(one));
    await add((one) => this.single(one));
    this.jobs = Promise.all(jobs);
  }

  // What was begun is brought to its end, for so many seconds.
  async end(seconds = 40) {
    this.stopping = true;
    if (seconds === 0) this.abandoned = true;
    const timer = setTimeout(() => (this.abandoned = true), seconds * 1000);
    await this.jobs;
    clearTimeout(timer);
  }

  summary() {
    return Object.entries(this.counts).sort().map(([what, n]) => `${what}: ${n}`).join(', ');
  }

  close() {
    this.clients.forEach((client) => client.close());
  }
}
