// A browser of sorts: sends exactly what it is told, keeps a cookie, follows nothing.
import http from 'node:http';

export class Client {
  constructor(port, cookie = '') {
    this.port = port;
    this.cookie = cookie;
    this.transport = http;
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  }

  // Resolves to {status, headers, text, json}; `json` is undefined when the body is not JSON.
  async request(method, path, { headers = {}, body, agent = this.agent } = {}) {
    const response = await this.open(method, path, { headers, body, agent });
    const chunks = [];
    for await (const chunk of response) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString('utf8');
    let json;
    try {
      json = JSON.parse(text);
    } catch {
      json = undefined;
    }
    return { status: response.statusCode, headers: response.headers, text, json };
  }

  // Resolves to the response as soon as its head is there; its body is a stream.
  open(method, path, { headers = {}, body, agent = this.agent } = {}) {
    const all = { ...(this.cookie ? { cookie: this.cookie } : {}), ...headers };
    if (body !== undefined && typeof body !== 'string' && !Buffer.isBuffer(body)) body = JSON.stringify(body);
    if (body !== undefined) all['content-length'] ??= Buffer.byteLength(body);
    return new Promise((resolve, reject) => {
      const request = this.transport.request(
        { host: '127.0.0.1', port: this.port, method, path, headers: all, agent }, resolve);
      request.on('error', reject);
      request.end(body);
    });
  }

  get(path, headers) {
    return this.request('GET', path, { headers });
  }

  send(method, path, body, headers = {}) {
    return this.request(method, path, { headers: { 'content-type': 'application/json', ...headers }, body });
  }

  post(path, body = {}, headers) {
    return this.send('POST', path, body, headers);
  }

  patch(path, body, headers) {
    return this.send('PATCH', path, body, headers);
  }

  close() {
    this.agent.destroy();
  }
}

export async function login(port, user) {
  const client = new Client(port);
  const answer = await client.get(`/auth/dev?user=${user}`);
  if (answer.status !== 303) throw new Error(`login of ${user}: ${answer.status} ${answer.text}`);
  client.cookie = answer.headers['set-cookie'][0].split(';')[0];
  return client;
}

// All pages of a list, as one array.
export async function walk(client, path, pageSize, collection = 'groups') {
  const items = [];
  let token = '';
  do {
    const query = new URLSearchParams({ pageSize, ...(token ? { pageToken: token } : {}) });
    const page = await client.get(`${path}${path.includes('?') ? '&' : '?'}${query}`);
    if (page.status !== 200) throw new Error(`${path}: ${page.status} ${page.text}`);
    items.push(...page.json[collection]);
    if (page.json[collection].length > pageSize) throw new Error(`a page of ${page.json[collection].length}`);
    token = page.json.nextPageToken;
  } while (token);
  return items;
}

export const nameOf = (group) => `${group.realm}/${group.id}`;
