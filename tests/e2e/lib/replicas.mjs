// More replicas of a worker of the federation, and reads that go on while something is done to them.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { until } from './federation.mjs';

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function startReplica(federation, realm, listen, metrics, ...options) {
  const child = spawn(readlinkSync(`/proc/${federation.pid(realm)}/exe`),
    ['--config', join(federation.data, 'config', `${realm}.conf`), '--listen', listen, '--metrics-listen', metrics, ...options],
    { env: { PATH: process.env.PATH }, stdio: ['ignore', 'ignore', 'pipe'] });
  child.stderr.on('data', (text) => (child.log = (child.log ?? '') + text));
  await until(20, `the replica at ${listen} is ready`, () => {
    assert.equal(child.exitCode, null, child.log);
    return child.log?.includes('"event":"worker.ready"');
  });
  child.metrics = metrics;
  return child;
}

export async function end(child, signal) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGCONT');
  child.kill(signal);
  await exited;
}

// Calls of reads that it answered.
async function answeredBy(replica) {
  const text = await (await fetch(`http://${replica.metrics}/metrics`)).text();
  return [...text.matchAll(/^pek_rpc_calls_total\{[^}]*(?:GetGroup|ListGroups)[^}]*\} (\d+)/gm)].reduce((sum, [, n]) => sum + Number(n), 0);
}

// Reads go on until told to stop; answers {ms, fault} of each, where a list that names somebody as unreachable is none.
async function load(client, paths, width, stopped) {
  const answers = [];
  await Promise.all(Array.from({ length: width }, async (_, lane) => {
    while (!stopped()) {
      const began = performance.now();
      const path = paths[lane % paths.length];
      const answer = await client.get(path).catch((error) => ({ status: error.code }));
      const ok = answer.status === 200 && !answer.json.unreachable?.length;
      answers.push({ ms: performance.now() - began, fault: ok ? undefined : `${path}: ${answer.status} ${answer.text?.slice(0, 200)}` });
      await sleep(5);
    }
  }));
  return answers;
}

export async function under(client, paths, act, width = 12) {
  let stop = false;
  const running = load(client, paths, width, () => stop);
  await sleep(300);
  try {
    await act();
  } finally {
    stop = true;
  }
  return running;
}

export const faults = (answers) => answers.map(({ fault }) => fault).filter(Boolean);

// Of the reads that go on for a moment, how many calls this replica answered for each.
async function partOf(client, paths, replica) {
  const before = await answeredBy(replica);
  const answers = await under(client, paths, () => sleep(300), 4);
  return ((await answeredBy(replica)) - before) / answers.length;
}

// It has its part: tunnels are looked for after a second, then two, …
export const hasItsPart = (client, paths, replica, seconds = 20) =>
  until(seconds, `the replica at ${replica.metrics} has its part`, async () => await partOf(client, paths, replica) > 0.2);

// It and others have a part each. `path` is one that costs one call.
export const sharesCalls = (client, path, replica, seconds = 20) =>
  until(seconds, `the replica at ${replica.metrics} and others have a part each`, async () => {
    const parts = [await partOf(client, [path], replica), await partOf(client, [path], replica)];
    return parts.every((part) => part > 0.1 && part < 0.9);
  });
