// deploy/haproxy before hubs, with a certificate of its own for localhost.
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './federation.mjs';

export const configuration = join(root, 'deploy/haproxy/haproxy.cfg');

// Its files are `pem`, `crt` and `key` of the folder.
export function makeCertificate(folder) {
  const file = (name) => join(folder, name);
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', file('key'), '-out', file('crt')],
  { stdio: 'ignore' });
  writeFileSync(file('pem'), readFileSync(file('crt'), 'utf8') + readFileSync(file('key'), 'utf8'));
}

// Ports of loopback; of hubs there are one or two.
export function startFrontProxy(folder, port, first, second = 1) {
  return spawn('haproxy', ['-db', '-f', configuration], {
    stdio: 'ignore',
    env: { ...process.env, PEK_BIND: `127.0.0.1:${port}`, PEK_CERTIFICATE: join(folder, 'pem'),
      PEK_HUBS_1: `127.0.0.1:${first}`, PEK_HUBS_2: `127.0.0.1:${second}` },
  });
}
