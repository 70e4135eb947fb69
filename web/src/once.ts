// A write that is sent again, because nobody knows what became of it, does what it does once.

/** Of a request, until its outcome is known. */
interface Open {
  request: string;
  key: string;
}

/**
 * Sends writes with an Idempotency-Key: the same request with the same one, until an answer says what became of it. One key is kept for
 * each thing, without the verb behind it: whoever applies, withdraws and applies again means it.
 */
export function onceOnly(send: (request: Request) => Promise<Response>): (request: Request) => Promise<Response> {
  const opens = new Map<string, Open>();
  return async (request) => {
    if (request.method === 'GET') return send(request);
    const thing = new URL(request.url).pathname.replace(/:[A-Za-z]+$/, '');
    // A picture, too: latin1 has a letter for every byte.
    const body = new TextDecoder('latin1').decode(await request.clone().arrayBuffer());
    const same = `${request.method} ${request.url} ${body}`;
    const before = opens.get(thing);
    const open = before?.request === same ? before : { request: same, key: crypto.randomUUID() };
    opens.set(thing, open);
    request.headers.set('Idempotency-Key', open.key);
    const response = await send(request);
    // An answer that breaks off is none.
    await response.clone().arrayBuffer();
    if (response.status < 500 && opens.get(thing) === open) opens.delete(thing);
    return response;
  };
}
