// Whoever leaves ends their query: at once, however they leave, also while nothing has been answered yet.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import http2 from 'node:http2';
import net from 'node:net';
import { join } from 'node:path';
import { bearer, root, theFederation, until } from './lib/federation.mjs';
import { login } from './lib/http.mjs';
import grpc from '@grpc/grpc-js';

const federation = theFederation();
const gone_ms = 100;
const silence_s = 1.3; // below the 1.5 s that a statement waits for a lock (PG_LOCK_TIMEOUT_MS)

// Nobody can read the groups of worker-acme until those who want to have left. `waiting` resolves when somebody waits in
// PostgreSQL, `gone` to the time at which nobody did any more. Both are told by one statement, which holds the lock and looks.
function withhold() {
  const watch = `DO $$
    DECLARE
      until timestamptz := clock_timestamp() + interval '20 s';
    BEGIN
      LOCK TABLE pek.realm_group IN ACCESS EXCLUSIVE MODE;
      RAISE NOTICE 'locked';
      WHILE NOT EXISTS (SELECT FROM pg_stat_activity WHERE usename = 'pek_worker_acme' AND wait_event_type = 'Lock') LOOP
        PERFORM pg_sleep(0.001), pg_stat_clear_snapshot();
        IF clock_timestamp() > until THEN RAISE 'nobody came'; END IF;
      END LOOP;
      RAISE NOTICE 'waiting';
      until := clock_timestamp() + interval '${silence_s} s';
      WHILE EXISTS (SELECT FROM pg_stat_activity WHERE usename = 'pek_worker_acme' AND wait_event_type = 'Lock') LOOP
        PERFORM pg_sleep(0.001), pg_stat_clear_snapshot();
        IF clock_timestamp() > until THEN RAISE 'nobody left'; END IF;
      END LOOP;
      RAISE NOTICE 'gone %', extract(epoch FROM clock_timestamp()) * 1000;
    END $$`;
  const child = spawn(join(root, 'dev'), ['psql', 'worker-acme', '--data', federation.data, '-U', 'postgres', '-qXc', watch], { stdio: ['ignore', 'ignore', 'pipe'] });
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (chunk) => (text += chunk));
  const ended = new Promise((resolve) => child.on('close', resolve));
  const said = (pattern) => until(25, `${pattern} of ${text}`, () => text.match(pattern) ?? (child.exitCode > 0 && [text]));
  return { locked: said(/locked/), waiting: said(/waiting/), gone: said(/gone ([\d.]+)/).then((match) => Number(match[1])), ended };
}

describe('a client who leaves before the first item ends the query within 100 ms', () => {
  let alice;
  let token;
  before(async () => {
    alice = await login(federation.port, 'alice');
    token = await federation.token('worker-acme', 'alice');
    // The realm's token, and the tunnel that calls travel in.
    for (let i = 0; i < 3; i++) assert.equal((await alice.get('/api/v1/groups')).status, 200);
  });
  after(() => alice.close());

  const socket = (path, accept, leave) => () => {
    const connection = net.connect(federation.port, '127.0.0.1');
    connection.on('error', () => {});
    connection.write(`GET ${path} HTTP/1.1\r\nHost: localhost:${federation.port}\r\nAccept: ${accept}\r\nCookie: ${alice.cookie}\r\n\r\n`);
    return () => leave(connection);
  };
  const lines = 'application/x-ndjson';
  const acme = '/api/v1/realms/worker-acme/groups';

  const stream = (leave) => () => {
    const session = http2.connect(`http://127.0.0.1:${federation.port}`);
    session.on('error', () => {});
    const request = session.request({ ':path': '/api/v1/groups', accept: lines, cookie: alice.cookie });
    request.on('error', () => {});
    request.end();
    after(() => session.destroy());
    return () => leave(request, session);
  };

  const called = () => {
    const headers = new grpc.Metadata();
    headers.add(...bearer(token));
    const call = federation.worker('worker-acme').listGroups({}, headers, { deadline: Date.now() + 30_000 });
    call.on('data', () => {}).on('error', () => {});
    return () => call.cancel();
  };
  const killed = () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', `
      import grpc from '@grpc/grpc-js';
      import { bearer, theFederation } from './lib/federation.mjs';
      const headers = new grpc.Metadata();
      headers.add(...bearer(process.env.PEK_TEST_TOKEN));
      theFederation().worker('worker-acme').listGroups({}, headers, { deadline: Date.now() + 30_000 }).on('data', () => {});`],
    { cwd: join(root, 'tests/e2e'), env: { ...process.env, PEK_TEST_TOKEN: token }, stdio: 'ignore' });
    return () => child.kill('SIGKILL');
  };

  const ways = {
    'of lines of all realms, by a reset': socket('/api/v1/groups', lines, (connection) => connection.resetAndDestroy()),
    'of lines of all realms, by closing': socket('/api/v1/groups', lines, (connection) => connection.destroy()),
    'of events, as a browser closes a tab': socket('/api/v1/groups', 'text/event-stream', (connection) => connection.end()),
    'of a page': socket(`${acme}?pageSize=10`, 'application/json', (connection) => connection.destroy()),
    'of a search': socket(`${acme}?q=a`, 'application/json', (connection) => connection.destroy()),
    'of one group': socket(`${acme}/kir-dev@kir-dev`, 'application/json', (connection) => connection.destroy()),
    'by HTTP/2, one stream': stream((request) => request.close(http2.constants.NGHTTP2_CANCEL)),
    'by HTTP/2, the connection': stream((_, session) => session.destroy()),
    'by gRPC at the worker, the call': called,
    'by gRPC at the worker, killed': killed,
  };
  for (const [way, ask] of Object.entries(ways)) {
    it(way, async () => {
      const held = withhold();
      held.waiting.catch(() => {});
      held.gone.catch(() => {});
      await held.locked;
      const leave = ask();
      await held.waiting;
      const left = performance.timeOrigin + performance.now();
      leave();
      const gone = await held.gone;
      assert.ok(gone - left < gone_ms, `the query went on for ${gone - left} ms`);
      await held.ended;
    });
  }

  it('and somebody else is answered as ever', async () => {
    const answer = await alice.get(`${acme}?q=a`);
    assert.equal(answer.status, 200);
    await until(5, 'no call is left over', async () => {
      const { text } = await alice.get('/metrics');
      return [...text.matchAll(/^pek_hub_instance_in_flight\{.*\} (\d+)$/gm)].every((match) => Number(match[1]) <= 1);
    });
  });
});
