// @pek/client against answers that break in every way; against the real hub it is used by tests/e2e.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { answer, createPekClient, events, PekError, pages, readMask, stream } from '@pek/client';

let server;
let base;
let handle;

before(async () => {
  server = createServer((request, response) => handle(request, response));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${server.address().port}`;
});
after(() => {
  server.closeAllConnections();
  server.close();
});

const line = (value) => `${JSON.stringify(value)}\n`;
const end = { nextPageToken: '', unreachable: ['realms/b'] };
const failed = (status, code = 503) => ({ error: { code, status, message: 'm', details: [{ reason: 'R', metadata: { field: 'f' } }] } });

async function read(list) {
  const items = [];
  for (;;) {
    const next = await list.next();
    if (next.done) return { items, end: next.value };
    items.push(next.value);
  }
}

it('a read mask is names with commas between them', () => {
  assert.equal(readMask('id', 'name'), 'id,name');
  assert.equal(readMask(), '');
});

describe('lists', () => {
  it('come page by page, with all realms that were missing in any', async () => {
    const asked = [];
    const list = pages(
      async (token) => {
        asked.push(token);
        return token === ''
          ? { x: [1, 2], nextPageToken: 't', unreachable: ['realms/a'] }
          : { x: [3], nextPageToken: '', unreachable: ['realms/b'] };
      },
      (page) => page.x,
    );
    assert.deepEqual(await read(list), { items: [1, 2, 3], end: { unreachable: ['realms/a', 'realms/b'], nextPageToken: '' } });
    assert.deepEqual(asked, ['', 't']);
  });

  it('come as lines, cut anywhere, also within a letter', async () => {
    const bytes = Buffer.from(line({ result: { name: 'Árvíztűrő' } }) + line({ result: { name: '🍆' } }) + line({ end }));
    handle = async (request, response) => {
      assert.equal(request.headers.accept, 'application/x-ndjson');
      for (const byte of bytes) response.write(Buffer.from([byte]));
      response.end();
    };
    const { items, end: last } = await read(stream(`${base}/x`));
    assert.deepEqual(
      items.map(({ name }) => name),
      ['Árvíztűrő', '🍆'],
    );
    assert.deepEqual(last.unreachable, ['realms/b']);
  });

  it('go on at the cursor when they break off', async () => {
    const asked = [];
    handle = (request, response) => {
      asked.push(request.url);
      response.end(
        asked.length === 1 ? line({ result: 1 }) + line({ ...failed('UNAVAILABLE'), cursor: 'c+/' }) : line({ result: 2 }) + line({ end }),
      );
    };
    assert.deepEqual((await read(stream(`${base}/x?q=1`))).items, [1, 2]);
    assert.deepEqual(asked, ['/x?q=1', '/x?q=1&pageToken=c%2B%2F']);
  });

  it('go on at the last cursor that came when they are cut, also in a line, and repeat nothing', async () => {
    const asked = [];
    const answers = [
      line({ result: 1 }) + line({ result: 2, cursor: 'b' }) + line({ result: 3 }) + '{"resu',
      line({ result: 3 }) + line({ result: 4 }),
      line({ result: 3 }) + line({ result: 4 }) + line({ result: 5, cursor: 'e' }) + line({ end }),
    ];
    handle = (request, response) => {
      asked.push(request.url);
      response.write(answers[asked.length - 1], () => (asked.length === 2 ? response.destroy() : response.end()));
    };
    assert.deepEqual((await read(stream(`${base}/x`))).items, [1, 2, 3, 4, 5]);
    assert.deepEqual(asked, ['/x', '/x?pageToken=b', '/x?pageToken=b']);
  });

  it('go on at the cursor in place of the token that they began with', async () => {
    const asked = [];
    handle = (request, response) => {
      asked.push(request.url);
      response.end(asked.length === 1 ? line({ ...failed('UNAVAILABLE'), cursor: 'c' }) : line({ end }));
    };
    await read(stream(`${base}/x?pageToken=t&q=1`));
    assert.deepEqual(asked, ['/x?pageToken=t&q=1', '/x?q=1&pageToken=c']);
  });

  it('go on after a pause, as long as the answer says, also where the hub is away by then', async () => {
    const asked = [];
    handle = (_, response) => {
      asked.push(Date.now());
      if (asked.length === 1) return response.end(line({ result: 1, cursor: 'c' }));
      if (asked.length === 2) return response.writeHead(503, { 'retry-after': '1' }).end('<h1>Away</h1>');
      if (asked.length === 3) {
        const details = [{ reason: 'R' }, { retryDelay: '1.200s' }];
        return response.end(line({ error: { ...failed('RESOURCE_EXHAUSTED', 429).error, details }, cursor: 'c' }));
      }
      return response.end(line({ result: 2 }) + line({ end }));
    };
    assert.deepEqual((await read(stream(`${base}/x`))).items, [1, 2]);
    const pauses = asked.slice(1).map((at, i) => at - asked[i]);
    [250, 1000 + 500, 1200 + 1000].forEach((least, i) => assert.ok(pauses[i] >= least, `${pauses}`));
  });

  it('do not go on where another try would get the same, nor without a cursor', async () => {
    let asked = 0;
    handle = (_, response) => {
      asked++;
      response.end(line({ result: 1, cursor: 'c' }) + line({ ...failed('UNAUTHENTICATED', 401), cursor: 'c' }));
    };
    await assert.rejects(read(stream(`${base}/x`)), (error) => error.kind === 'signedOut');
    assert.equal(asked, 1);
  });

  it('have items that look alike, of which nothing is kept before there is a cursor', async () => {
    handle = (_, response) => response.end(line({ result: 1 }).repeat(3) + line({ end }));
    assert.deepEqual((await read(stream(`${base}/x`))).items, [1, 1, 1]);
  });

  it('stop waiting when nobody wants them any more', async () => {
    const stopped = new AbortController();
    handle = (_, response) => {
      response.end(line({ result: 1, cursor: 'c' }) + line({ ...failed('UNAVAILABLE'), cursor: 'c' }));
      setTimeout(() => stopped.abort(), 50);
    };
    const begun = Date.now();
    await assert.rejects(read(stream(`${base}/x`, { signal: stopped.signal })), { name: 'AbortError' });
    assert.ok(Date.now() - begun < 240, `${Date.now() - begun} ms`);
  });

  it('are never taken for whole when they are not', async () => {
    handle = (_, response) => response.end(line({ result: 1 }));
    await assert.rejects(read(stream(`${base}/x`)), (error) => error instanceof PekError && error.kind === 'unavailable');
    handle = (_, response) => response.end(line({ result: 1 }) + line(failed('UNAVAILABLE')));
    await assert.rejects(read(stream(`${base}/x`)), (error) => error.kind === 'unavailable' && error.reason === 'R');
    for (const body of ['{"result":', 'null\n', '7\n', '<h1>Log in</h1>']) {
      handle = (_, response) => response.end(body);
      await assert.rejects(read(stream(`${base}/x`)), (error) => error instanceof PekError && error.kind === 'unexpected', body);
    }
  });

  it('stop when nobody wants them any more', async () => {
    let closed;
    const gone = new Promise((resolve) => (closed = resolve));
    handle = (_, response) => {
      response.on('close', closed);
      response.write(line({ result: 1 }));
    };
    for await (const item of stream(`${base}/x`)) {
      assert.equal(item, 1);
      break;
    }
    await gone;
  });
});

describe('errors', () => {
  const rows = [
    [401, 'UNAUTHENTICATED', 'signedOut'],
    [403, 'PERMISSION_DENIED', 'forbidden'],
    [404, 'NOT_FOUND', 'notFound'],
    [409, 'ABORTED', 'changed'],
    [412, 'FAILED_PRECONDITION', 'changed'],
    [400, 'FAILED_PRECONDITION', 'refused'],
    [409, 'ALREADY_EXISTS', 'refused'],
    [400, 'INVALID_ARGUMENT', 'invalid'],
    [429, 'RESOURCE_EXHAUSTED', 'tooMany'],
    [503, 'UNAVAILABLE', 'unavailable'],
    [500, 'INTERNAL', 'unexpected'],
  ];
  for (const [status, name, kind] of rows) {
    it(`${status} ${name} is ${kind}`, async () => {
      handle = (_, response) =>
        response
          .writeHead(status, { 'content-type': 'application/json', 'retry-after': '7', 'x-request-id': 'id' })
          .end(JSON.stringify(failed(name, status)));
      const error = await answer(createPekClient({ baseUrl: base }).GET('/api/v1/session')).catch((thrown) => thrown);
      assert.ok(error instanceof PekError);
      assert.deepEqual([error.kind, error.status, error.reason, error.field, error.requestId], [kind, status, 'R', 'f', 'id']);
      if (kind === 'tooMany') assert.equal(error.problem.retryAfterSeconds, 7);
    });
  }

  it('nobody there is offline; what is no answer of the API is unavailable', async () => {
    const nobody = await answer(createPekClient({ baseUrl: 'http://127.0.0.1:1' }).GET('/api/v1/session')).catch((thrown) => thrown);
    assert.equal(nobody.kind, 'offline');
    handle = (_, response) => response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad gateway</h1>');
    const proxy = await answer(createPekClient({ baseUrl: base }).GET('/api/v1/session')).catch((thrown) => thrown);
    assert.equal(proxy.kind, 'unavailable');
    handle = (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Log in</h1>');
    const page = await answer(createPekClient({ baseUrl: base }).GET('/api/v1/session')).catch((thrown) => thrown);
    assert.ok(page instanceof PekError);
    assert.equal(page.kind, 'unexpected');
  });
});

describe('events', () => {
  it('go on behind the last one that came', async () => {
    const asked = [];
    handle = (request, response) => {
      asked.push(request.headers['last-event-id']);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      if (asked.length === 1)
        response.end('retry: 1000\n:\n\nid: a\ndata: 1\n\nid: b\r\ndata: 2\r\n\r\nid: c\ndata: 3'); // the last is not whole
      else response.write('id: c\ndata: 3\n\n');
    };
    const seen = [];
    const begun = Date.now();
    await new Promise((resolve) => {
      const stop = events(`${base}/x`, {
        onItem: (item) => {
          seen.push(item);
          if (item === 3) resolve(stop());
        },
      });
    });
    assert.ok(Date.now() - begun >= 1000, 'not before the time that the hub said');
    assert.deepEqual(seen, [1, 2, 3]);
    assert.deepEqual(asked, [undefined, 'b']);
  });

  it('come back after a hub that is replaced, and stay away when the session has ended', async () => {
    let count = 0;
    handle = (_, response) => {
      count++;
      if (count === 1) response.writeHead(503, { 'content-type': 'application/json' }).end(JSON.stringify(failed('UNAVAILABLE')));
      else
        response
          .writeHead(200, { 'content-type': 'text/event-stream' })
          .end(`event: error\ndata: ${JSON.stringify(failed('UNAUTHENTICATED', 401))}\n\n`);
    };
    const states = [];
    const problem = await new Promise((onEnd) =>
      events(`${base}/x`, { onItem: () => assert.fail(), onEnd, onState: (open) => states.push(open) }),
    );
    assert.equal(problem.kind, 'signedOut');
    assert.deepEqual(states, [false, true, false]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(count, 2);
  });

  it('wait as long as they are told to', async () => {
    const asked = [];
    handle = (_, response) => {
      asked.push(Date.now());
      if (asked.length > 1) return response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
      const head = { 'content-type': 'application/json', 'retry-after': '1' };
      response.writeHead(429, head).end(JSON.stringify(failed('RESOURCE_EXHAUSTED', 429)));
    };
    await new Promise((resolve) => {
      const stop = events(`${base}/x`, { onItem: () => resolve(stop()) });
    });
    assert.ok(asked[1] - asked[0] >= 1000, `${asked[1] - asked[0]} ms`);
  });

  it('come back from a connection in which nobody says anything', async () => {
    const asked = [];
    handle = (request, response) => {
      asked.push(request.headers['last-event-id']);
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(`id: a\ndata: ${asked.length}\n\n`);
    };
    const seen = [];
    await new Promise((resolve) => {
      const stop = events(`${base}/x`, {
        silenceMs: 100,
        onItem: (item) => {
          seen.push(item);
          if (item === 2) resolve(stop());
        },
      });
    });
    assert.deepEqual(seen, [1, 2]);
    assert.deepEqual(asked, [undefined, 'a']);
  });
});
