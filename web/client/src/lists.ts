import { pause, pauseMs } from './pause.js';
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
  /** How often a stream that broke off is taken up again at its cursor, after pauses of half a second, one, two …; 4 unless told. */
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
 * The items of a list as they are merged (NDJSON); returns how it ended. A stream that breaks off, or is cut, is taken up at the last
 * cursor that came, after a pause, without a gap and without a repetition. When that does not help it throws: what a realm still had is
 * missing then.
 */
export async function* stream<Item>(url: string | URL, options: StreamOptions = {}): AsyncGenerator<Item, ListEnd> {
  const { signal, retries = 4, fetch: ask = fetch } = options;
  const position: Position = { cursor: '', behind: new Set() };
  for (let tries = 0; ; tries++) {
    const end = yield* streamOnce<Item>(withToken(url, position.cursor), ask, position, { ...options, ...(signal ? { signal } : {}) });
    if (!(end instanceof PekError)) return end;
    if (position.cursor === '' || end.isFinal || tries >= retries || signal?.aborted) throw end;
    await pause(pauseMs(tries), end.retryAfterSeconds * 1000, signal);
  }
}

interface Position {
  cursor: string;
  /** Items that came behind the cursor, as JSON: they come again behind it. Before there is one nothing is taken up. */
  behind: Set<string>;
}

function moveTo(position: Position, cursor: string) {
  position.cursor = cursor;
  position.behind.clear();
}

/** The address may be a relative one, and may have a token already, which this one is in place of. */
function withToken(url: string | URL, token: string): string {
  if (token === '') return String(url);
  const [path = '', query = ''] = String(url).split('?');
  const params = query.split('&').filter((param) => param !== '' && !/^(pageToken|page_token)=/.test(param));
  return `${path}?${[...params, `pageToken=${encodeURIComponent(token)}`].join('&')}`;
}

function problemOrThrow(problem: unknown): PekError {
  if (problem instanceof PekError) return problem;
  throw problem;
}

async function* streamOnce<Item>(
  url: string,
  ask: typeof fetch,
  position: Position,
  { signal, headers }: StreamOptions,
): AsyncGenerator<Item, ListEnd | PekError> {
  let response: Response;
  try {
    response = await ask(url, { headers: { ...headers, accept: 'application/x-ndjson' }, ...(signal ? { signal } : {}) });
  } catch (thrown) {
    return problemOrThrow(problemFromThrown(thrown));
  }
  if (!response.ok || !response.body) {
    return problemFrom(await response.json().catch(() => undefined), response.status, response.headers);
  }
  try {
    for await (const text of linesOf(response.body)) {
      const line = JSON.parse(text) as { result?: Item; end?: ListEnd; error?: { code: number }; cursor?: string } | null;
      if (typeof line !== 'object' || line === null) throw problemFrom(undefined, 200);
      if (line.end) return line.end;
      if (line.error) {
        moveTo(position, line.cursor ?? '');
        return problemFrom(line, line.error.code);
      }
      if (line.result === undefined) continue;
      const json = JSON.stringify(line.result);
      const isNew = !position.behind.has(json);
      if (line.cursor) moveTo(position, line.cursor);
      else if (position.cursor !== '') position.behind.add(json);
      if (isNew) yield line.result;
    }
  } catch (thrown) {
    return problemOrThrow(thrown instanceof SyntaxError ? problemFrom(undefined, 200) : problemFromThrown(thrown));
  }
  // It was cut: nobody said that it is whole.
  return new PekError({ kind: 'unavailable' }, 'the stream ended before its last line', 0, '', '', '');
}
