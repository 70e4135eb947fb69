// A proxy that hands bytes on between two sockets, TCP on loopback or unix, and spoils them when told to.
//
// It runs in a process of its own (below), so that what it costs is not what a client beside it measures. What a connection
// suffers is asked at each chunk, so that a fault begins and ends for connections that are open as well as for new ones.
import { fork } from 'node:child_process';
import { rmSync } from 'node:fs';
import net from 'node:net';
import { fileURLToPath } from 'node:url';

// pass                        as if it were not there
// delay {ms, jitter}          every chunk later by ms and up to jitter more, in order
// cut {bytes}                 each connection is reset once the server has said so many bytes more
// rst                         connections are reset, new ones at once
// garbage                     what the server says is replaced by as many bytes of something else
// freeze                      accepted, and nothing is handed on until it ends
// half-open                   what the server says is dropped without a word; it still hears
export const kinds = ['pass', 'delay', 'cut', 'rst', 'garbage', 'freeze', 'half-open'];

const held_bytes_max = 1 << 20;

class Pair {
  constructor(proxy, client) {
    this.proxy = proxy;
    this.client = client;
    this.spoiled = false; // the client missed bytes, or got others: nothing sensible can follow
    this.said = 0;
    this.server = net.connect(proxy.target);
    this.joined(client, this.server, false);
    this.joined(this.server, client, true);
  }

  joined(from, to, isAnswer) {
    let ready = Promise.resolve(); // chunks wait for the ones before them
    let held = 0;
    from.setNoDelay?.(true);
    from.on('data', (chunk) => {
      const due = performance.now() + this.lateness();
      held += chunk.length;
      if (held > held_bytes_max) from.pause();
      ready = ready.then(() => this.hand(chunk, due, to, isAnswer)).then(() => {
        held -= chunk.length;
        if (held <= held_bytes_max) from.resume();
      });
    });
    from.on('end', () => (ready = ready.then(() => this.proxy.thawed()).then(() => to.end())));
    from.on('error', () => this.reset());
    from.on('close', () => (ready = ready.then(() => this.proxy.thawed()).then(() => to.destroySoon())));
  }

  // Of a chunk that comes now: ones that come together are late together.
  lateness() {
    const { kind, ms = 0, jitter = 0 } = this.proxy.fault;
    return kind === 'delay' ? ms + Math.random() * jitter : 0;
  }

  async hand(chunk, due, to, isAnswer) {
    while (this.proxy.fault.kind === 'delay' && performance.now() < due) await this.proxy.sleep(due - performance.now());
    await this.proxy.thawed();
    const { kind, bytes = 0 } = this.proxy.fault;
    if (isAnswer && kind === 'half-open') {
      this.spoiled = true;
      return;
    }
    if (isAnswer && kind === 'garbage') {
      this.spoiled = true;
      chunk = Buffer.from(chunk.map((byte, at) => (byte * 167 + at * 31 + 89) & 0xff));
    }
    if (isAnswer && kind === 'cut') {
      const left = bytes - this.said;
      this.said += chunk.length;
      if (chunk.length >= left) {
        if (left > 0 && !to.destroyed) await new Promise((done) => to.write(chunk.subarray(0, left), done));
        this.reset();
        return;
      }
    }
    if (!to.destroyed && !to.write(chunk)) {
      await new Promise((done) => {
        const over = () => done(to.off('drain', over).off('close', over));
        to.on('drain', over).on('close', over);
      });
    }
  }

  reset() {
    for (const socket of [this.client, this.server]) {
      if (!socket.destroyed) reset(socket);
    }
    this.proxy.pairs.delete(this);
  }
}

export class Proxy {
  constructor(listen, target) {
    this.listen = listen;
    this.target = target;
    this.pairs = new Set();
    this.fault = { kind: 'pass' };
    this.changed();
  }

  async open() {
    if (this.listen.path) rmSync(this.listen.path, { force: true });
    this.server = net.createServer({ allowHalfOpen: true }, (client) => {
      if (this.fault.kind === 'rst') {
        client.on('error', () => {});
        reset(client);
        return;
      }
      const pair = new Pair(this, client);
      this.pairs.add(pair);
      client.on('close', () => this.pairs.delete(pair));
    });
    await new Promise((done, failed) => this.server.on('error', failed).listen(this.listen, done));
  }

  set(fault) {
    this.fault = fault;
    this.changed();
    for (const pair of [...this.pairs]) {
      pair.said = 0;
      if (fault.kind === 'rst' || pair.spoiled) pair.reset();
    }
  }

  // Until that time has passed, or another fault began.
  async sleep(ms) {
    let timer;
    await Promise.race([this.change, new Promise((done) => (timer = setTimeout(done, ms)))]);
    clearTimeout(timer);
  }

  changed() {
    this.wake?.();
    this.change = new Promise((done) => (this.wake = done));
  }

  async thawed() {
    while (this.fault.kind === 'freeze') await this.change;
  }

  close() {
    this.server.close();
    for (const pair of [...this.pairs]) pair.reset();
  }
}

// A unix socket knows no reset: it is closed with what it had to say.
function reset(socket) {
  try {
    socket.resetAndDestroy();
  } catch {
    socket.destroy();
  }
}

// ---- the process ----------------------------------------------------------------------------------------------

// All proxies of a run, in one process beside the caller's.
export class Proxies {
  constructor() {
    this.waiting = new Map();
    this.asked = 0;
    this.child = fork(fileURLToPath(import.meta.url));
    this.child.on('message', ({ id, error }) => {
      const { done, failed } = this.waiting.get(id);
      this.waiting.delete(id);
      if (error) failed(new Error(error));
      else done();
    });
  }

  ask(message) {
    return new Promise((done, failed) => {
      const id = ++this.asked;
      this.waiting.set(id, { done, failed });
      this.child.send({ id, ...message });
    });
  }

  open(name, listen, target) {
    return this.ask({ verb: 'open', name, listen, target });
  }

  set(name, fault) {
    return this.ask({ verb: 'set', name, fault });
  }

  close() {
    this.child.disconnect();
  }
}

if (process.send && process.argv[1] === fileURLToPath(import.meta.url)) {
  const proxies = new Map();
  process.on('message', async ({ id, verb, name, listen, target, fault }) => {
    try {
      if (verb === 'open') {
        proxies.set(name, new Proxy(listen, target));
        await proxies.get(name).open();
      } else {
        proxies.get(name).set(fault);
      }
      process.send({ id });
    } catch (error) {
      process.send({ id, error: error.message });
    }
  });
  process.on('disconnect', () => process.exit(0));
}
