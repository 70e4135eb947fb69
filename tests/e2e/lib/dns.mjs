// A name server that knows one name's addresses of IPv4, which change as a test says.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

const ipv4 = 1;
const internet = 1;
const failed = 2;
const unknown = 3;

function questionOf(query) {
  const labels = [];
  let at = 12;
  for (; query[at]; at += query[at] + 1) labels.push(query.toString('latin1', at + 1, at + 1 + query[at]));
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

function answerTo(query, { end }, code, addresses) {
  const head = Buffer.from(query.subarray(0, 12));
  [0x8580 | code, 1, addresses.length, 0, 0].forEach((value, i) => head.writeUInt16BE(value, 2 + 2 * i));
  const records = addresses.map((address) => Buffer.from([
    0xc0, 12, 0, ipv4, 0, internet, 0, 0, 0, 0, 0, 4, ...address.split('.').map(Number)]));
  return Buffer.concat([head, query.subarray(12, end), ...records]);
}

// Answers with no time to live; `addresses` is null while it fails. `queries` counts those for IPv4.
export async function startNameServer(name, addresses) {
  const server = { name, addresses, queries: 0 };
  const socket = createSocket('udp4');
  socket.on('message', (query, { port, address }) => {
    const question = questionOf(query);
    const asked = question.name === name && question.type === ipv4;
    server.queries += asked;
    const code = server.addresses === null ? failed : question.name === name ? 0 : unknown;
    socket.send(answerTo(query, question, code, (asked && server.addresses) || []), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  server.address = `127.0.0.1:${socket.address().port}`;
  server.close = () => socket.close();
  return server;
}
