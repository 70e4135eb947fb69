// An OpenID provider that is not ours (npm oidc-provider), a proxy before it that can be told to misbehave, a
// hub that logs people in there, and a browser that goes from one to the other.
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Provider } from 'oidc-provider';
import { until } from './federation.mjs';

export const clientId = 'pek test';
export const clientSecret = 'a secret+that/needs%escaping';

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const listening = (server, port = 0) => new Promise((resolve) => {
  server.listen(port, '127.0.0.1', () => resolve(server.address().port));
});

async function bodyOf(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

// `person` is who logs in next: claims with sub. `rules` maps a path of the provider to
// (request, response, forward) => …, where forward() resolves to the provider's true {status, headers, body}.
export class TestProvider {
  person = { sub: 'nobody' };
  rules = {};
  seen = []; // {path, headers, form} of calls to the token endpoint

  // `tls` is {key, cert} or nothing. `redirectUris` are what a real provider would have registered.
  static async start({ redirectUris, tls }) {
    const self = new TestProvider();
    const handler = (request, response) => {
      self.answer(request, response).catch((error) => response.destroy(error));
    };
    self.front = tls ? https.createServer(tls, handler) : http.createServer(handler);
    self.port = await listening(self.front);
    self.url = `${tls ? 'https' : 'http'}://127.0.0.1:${self.port}`;
    self.back = http.createServer();
    self.backPort = await listening(self.back);
    self.provider = self.configure(redirectUris);
    const callback = self.provider.callback();
    self.back.on('request', (request, response) => {
      if (request.url.startsWith('/interaction/')) {
        self.provider.interactionFinished(request, response, { login: { accountId: self.person.sub } })
          .catch((error) => response.destroy(error));
      } else {
        callback(request, response);
      }
    });
    return self;
  }

  configure(redirectUris) {
    const provider = new Provider(this.url, {
      clients: [{
        client_id: clientId,
        client_secret: clientSecret,
        redirect_uris: redirectUris,
        response_types: ['code'],
        grant_types: ['authorization_code'],
        token_endpoint_auth_method: 'client_secret_basic',
      }],
      pkce: { required: () => true },
      claims: { openid: ['sub'], profile: ['name', 'family_name', 'given_name'] },
      features: { devInteractions: { enabled: false } },
      interactions: { url: (context, interaction) => `/interaction/${interaction.uid}` },
      cookies: { keys: ['not secret'] },
      ttl: { Session: 60, Interaction: 60, Grant: 60, AccessToken: 60, IdToken: 60, AuthorizationCode: 60 },
      findAccount: (context, sub) => ({ accountId: sub, claims: () => ({ ...this.person, sub }) }),
      async loadExistingGrant(context) {
        const grant = new context.oidc.provider.Grant({
          clientId: context.oidc.client.clientId, accountId: context.oidc.session.accountId });
        grant.addOIDCScope('openid profile');
        await grant.save();
        return grant;
      },
    });
    provider.proxy = true;
    return provider;
  }

  async answer(request, response) {
    const body = await bodyOf(request);
    const path = request.url.split('?')[0];
    if (path === '/token') this.seen.push({ headers: request.headers, form: new URLSearchParams(body.toString()) });
    const forward = () => new Promise((resolve, reject) => {
      const headers = { ...request.headers, 'x-forwarded-proto': this.url.split(':')[0] };
      http.request({ host: '127.0.0.1', port: this.backPort, method: request.method, path: request.url, headers },
        async (answer) => resolve({ status: answer.statusCode, headers: answer.headers, body: await bodyOf(answer) }))
        .on('error', reject).end(body);
    });
    const rule = this.rules[path];
    if (rule) {
      await rule(request, response, forward);
      return;
    }
    const { status, headers, body: text } = await forward();
    response.writeHead(status, headers).end(text);
  }

  // Options of a hub for this provider.
  get options() {
    return {
      oauth_client_id: clientId,
      oauth_authorize_url: `${this.url}/auth`,
      oauth_token_url: `${this.url}/token`,
      oauth_userinfo_url: `${this.url}/me`,
      oauth_issuer: this.url,
    };
  }

  close() {
    for (const server of [this.front, this.back]) {
      server.close();
      server.closeAllConnections();
    }
  }
}

// Answers with the true answer's JSON after `change` was at it.
export const changed = (change) => async (request, response, forward) => {
  const { status, body } = await forward();
  const answer = JSON.parse(body);
  change(answer);
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
};

// Another hub beside that of the federation, over the same database and with the same keys: a replica of it,
// but for `options`. Logs into the federation's folder.
export class TestHub {
  static async start(federation, name, port, options) {
    const self = new TestHub();
    const folder = join(federation.data, 'config');
    const secret = join(folder, `${name}.secret`);
    writeFileSync(secret, `${clientSecret}\n`, { mode: 0o600 });
    const all = { oauth_client_secret_path: secret, ...options, listen: `127.0.0.1:${port}` };
    const config = join(folder, `${name}.conf`);
    const inherited = readFileSync(join(folder, 'pek-hub.conf'), 'utf8').split('\n')
      .filter((line) => !(line.split('=')[0].trim() in all));
    writeFileSync(config, [...inherited, ...Object.entries(all).map(([key, value]) => `${key} = ${value}`), ''].join('\n'));
    self.port = port;
    self.logPath = join(federation.data, 'log', `${name}.log`);
    const environment = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('PEK_')));
    const log = openSync(self.logPath, 'w');
    self.process = spawn(join(federation.state('bin'), 'pek-hub'), ['--config', config, 'serve'],
      { env: environment, stdio: ['ignore', 'ignore', log] });
    closeSync(log);
    self.exited = new Promise((resolve) => self.process.once('exit', (code, signal) => resolve(code ?? signal)));
    await until(30, `${name} is ready`, () => self.get('/readyz').then(({ status }) => status === 200, () => false));
    return self;
  }

  async get(path, headers) {
    return new Browser().ask(`http://127.0.0.1:${this.port}${path}`, { headers });
  }

  log() {
    return readFileSync(this.logPath, 'utf8');
  }

  // Of the last line that says how a login ended.
  lastReason() {
    return this.log().trim().split('\n').map((line) => JSON.parse(line))
      .filter((line) => line.event === 'login.finished').at(-1)?.reason;
  }

  async stop() {
    this.process.kill('SIGTERM');
    return this.exited;
  }
}

let browsers = 0;

// Keeps cookies, a jar for each origin, and the address that the hub's trusted proxy would report.
export class Browser {
  jars = new Map();
  address = `192.0.2.${1 + (browsers++ % 250)}`;

  jar(origin) {
    if (!this.jars.has(origin)) this.jars.set(origin, new Map());
    return this.jars.get(origin);
  }

  cookies(origin) {
    return [...this.jar(origin)].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  // Resolves to {url, status, headers, text, json}. Follows nothing.
  async ask(url, { method = 'GET', headers = {}, form } = {}) {
    const { origin, protocol } = new URL(url);
    const cookie = this.cookies(origin);
    const body = form && new URLSearchParams(form).toString();
    const all = {
      'x-forwarded-for': this.address,
      ...(cookie ? { cookie } : {}),
      ...(form ? { 'content-type': 'application/x-www-form-urlencoded', 'content-length': Buffer.byteLength(body) } : {}),
      ...headers,
    };
    const response = await new Promise((resolve, reject) => {
      (protocol === 'https:' ? https : http).request(url, { method, headers: all, agent: false, rejectUnauthorized: false },
        resolve).on('error', reject).end(body);
    });
    const text = (await bodyOf(response)).toString();
    for (const line of response.headers['set-cookie'] ?? []) {
      const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
      if (/max-age=0|expires=Thu, 01 Jan 1970/i.test(line)) this.jar(origin).delete(name);
      else this.jar(origin).set(name, value);
    }
    const json = (() => { try { return JSON.parse(text); } catch { return undefined; } })();
    return { url, status: response.statusCode, headers: response.headers, text, json };
  }

  // From `url` on through redirects, until an answer is none, or `stop(url)` says where to.
  async follow(url, stop = () => false) {
    let answer = await this.ask(url);
    for (let steps = 0; answer.headers.location; steps++) {
      if (steps > 20) throw new Error(`too many redirects, to ${answer.headers.location}`);
      const next = new URL(answer.headers.location, answer.url).href;
      if (stop(next)) return { ...answer, stopped: next };
      answer = await this.ask(next);
    }
    return answer;
  }
}
