import { PekError, problemFrom, problemFromThrown } from './problem.js';

/** How a list over several realms went, as its last page or line says. */
export interface ListEnd {
  /** As `realms/worker-acme`: who did not answer, or not to the end. */
  unreachable: string[];
  /** Where to go on, as pageToken; '' when there is no more. */
  nextPageToken: string;
}

/** All items of a list, page by page; reads a page when its first item is asked for. */
export async function* pages<Page extends ListEnd, Item>(
  ask: (pageToken: string) => Promise<Page>,
  itemsOf: (page: Page) => Item[],
): AsyncGenerator<Item, ListEnd> {
  const unreachable = new Set<string>();
  let pageToken = '';
  do {
    const page = await ask(pageToken);
    yield* itemsOf(page);
    page.unreachable.forEach((realm) => unreachable.add(realm));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return { unreachable: [...unreachable], nextPageToken: '' };
}

export interface StreamOptions {
  signal?: AbortSignal;
  headers?: Record<string, string>;
  /** How often a stream that broke off is taken up again at its cursor; 2 unless told. */
  retries?: number;
  fetch?: typeof fetch;
}

/** The lines of a body, as they come. */
async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.pipeThrough(new TextDecoderStream() as unknown as TransformStream<Uint8Array, string>).getReader();
  let rest = '';
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      const lines = (rest + value).split('\n');
      rest = lines.pop() ?? '';
      yield* lines.filter((line) => line !== '');
    }
    if (rest !== '') yield rest;
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

/**
 * The items of a list as they are merged (NDJSON); returns how it ended. A stream that breaks off with a cursor is taken up
 * there, without a gap and without a repetition; when that does not help, what a realm still had is missing, and the end names it.
 */
export async function* stream<Item>(url: string | URL, options: StreamOptions = {}): AsyncGenerator<Item, ListEnd> {
  const { signal, retries = 2, fetch: ask = fetch } = options;
  let cursor = '';
  for (let tries = 0; ; tries++) {
    const end = yield* streamOnce<Item>(withToken(url, cursor), ask, { ...options, ...(signal ? { signal } : {}) });
    if (!(end instanceof BrokenOff)) return end;
    if (end.cursor === '' || tries >= retries) throw end.problem;
    cursor = end.cursor;
  }
}

class BrokenOff {
  constructor(
    readonly problem: PekError,
    readonly cursor: string,
  ) {}
}

/** The address may be a relative one, and may have a token already, which this one is in place of. */
function withToken(url: string | URL, token: string): string {
  if (token === '') return String(url);
  const [path = '', query = ''] = String(url).split('?');
  const params = query.split('&').filter((param) => param !== '' && !/^(pageToken|page_token)=/.test(param));
  return `${path}?${[...params, `pageToken=${encodeURIComponent(token)}`].join('&')}`;
}

async function* streamOnce<Item>(
  url: string,
  ask: typeof fetch,
  { signal, headers }: StreamOptions,
): AsyncGenerator<Item, ListEnd | BrokenOff> {
  let response: Response;
  try {
    response = await ask(url, { headers: { ...headers, accept: 'application/x-ndjson' }, ...(signal ? { signal } : {}) });
  } catch (thrown) {
    throw problemFromThrown(thrown);
  }
  if (!response.ok || !response.body) {
    throw problemFrom(await response.json().catch(() => undefined), response.status, response.headers);
  }
  try {
    for await (const text of linesOf(response.body)) {
      const line = JSON.parse(text) as { result?: Item; end?: ListEnd; error?: { code: number }; cursor?: string } | null;
      if (typeof line !== 'object' || line === null) throw problemFrom(undefined, 200);
      if (line.result !== undefined) yield line.result;
      else if (line.end) return line.end;
      else if (line.error) return new BrokenOff(problemFrom(line, line.error.code), line.cursor ?? '');
    }
  } catch (thrown) {
    if (thrown instanceof SyntaxError) throw problemFrom(undefined, 200);
    throw problemFromThrown(thrown);
  }
  // It was cut: nobody said that it is whole.
  throw new PekError({ kind: 'unavailable' }, 'the stream ended before its last line', 0, '', '', '');
}
