import { pause, pauseMs } from './pause.js';
import { PekError, problemFrom } from './problem.js';

export interface EventsOptions<Item> {
  onItem: (item: Item, id: string) => void;
  /** Whether the stream is open: false from the moment it broke until it goes on. */
  onState?: (open: boolean) => void;
  /** It is over and will not come back: the session has ended, or the request is refused. */
  onEnd?: (problem: PekError) => void;
  headers?: Record<string, string>;
  /** Where to begin: the id of the last event that was seen. */
  lastEventId?: string;
  /** After how long without a byte the connection is taken for broken; 45 s unless told. */
  silenceMs?: number;
  fetch?: typeof fetch;
}

// A connection that was open for so long did not fail: it came to the end of its time.
const longMs = 15_000;
// The hub says something every 15 s, and be it nothing: whoever is silent for this long is not there any more.
const silenceMs = 45_000;

interface ServerEvent {
  type: string;
  id: string;
  data: string;
}

/** Reads text/event-stream as the standard has it: lines end in LF, CR or both, and an empty one ends an event. */
export function eventReader(take: (event: ServerEvent) => void, retry: (ms: number) => void): (chunk: string) => void {
  let rest = '';
  let event = { type: 'message', id: '', data: [] as string[] };
  const line = (text: string) => {
    if (text === '') {
      if (event.data.length > 0) take({ ...event, data: event.data.join('\n') });
      event = { type: 'message', id: event.id, data: [] };
      return;
    }
    const colon = text.indexOf(':');
    const name = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? '' : text.slice(colon + 1).replace(/^ /, '');
    if (name === 'event') event.type = value;
    else if (name === 'data') event.data.push(value);
    else if (name === 'id') event.id = value;
    else if (name === 'retry' && /^[0-9]+$/.test(value)) retry(Number(value));
  };
  return (chunk) => {
    const lines = (rest + chunk).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    lines.forEach(line);
  };
}

/**
 * A list that goes on (text/event-stream), as `/api/v1/notifications`. When the connection breaks, or the hub is replaced, it goes
 * on behind the last event that came. Returns what stops it.
 */
export function events<Item>(url: string | URL, options: EventsOptions<Item>): () => void {
  const stopped = new AbortController();
  void keepReading(url, options, stopped.signal);
  return () => stopped.abort();
}

/** Behind which event it goes on, and after how long at the least, as the hub says. */
interface Position {
  id: string;
  retryMs: number;
}

async function keepReading<Item>(url: string | URL, options: EventsOptions<Item>, signal: AbortSignal): Promise<void> {
  const position: Position = { id: options.lastEventId ?? '', retryMs: 0 };
  for (let tries = 0; !signal.aborted; tries++) {
    const before = position.id;
    const begun = Date.now();
    const problem = await readOnce(url, options, position, signal).catch((thrown: unknown) =>
      thrown instanceof PekError ? thrown : undefined,
    );
    if (signal.aborted) return;
    options.onState?.(false);
    if (problem?.isFinal) {
      options.onEnd?.(problem);
      return;
    }
    if (position.id !== before || Date.now() - begun > longMs) tries = 0;
    await pause(pauseMs(tries), Math.max((problem?.retryAfterSeconds ?? 0) * 1000, position.retryMs), signal);
  }
}

/** Ends when the stream does, with the problem that it said last. */
async function readOnce<Item>(
  url: string | URL,
  options: EventsOptions<Item>,
  position: Position,
  signal: AbortSignal,
): Promise<PekError | undefined> {
  const ask = options.fetch ?? fetch;
  const resume: Record<string, string> = position.id ? { 'last-event-id': position.id } : {};
  const attempt = new AbortController();
  const stop = () => attempt.abort();
  signal.addEventListener('abort', stop);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(stop, options.silenceMs ?? silenceMs);
  };
  try {
    heard();
    const headers = { ...options.headers, ...resume, accept: 'text/event-stream' };
    const response = await ask(url, { headers, signal: attempt.signal });
    return await readBody(response, options, position, heard);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

async function readBody<Item>(
  response: Response,
  options: EventsOptions<Item>,
  position: Position,
  heard: () => void,
): Promise<PekError | undefined> {
  if (!response.ok || !response.body) {
    throw problemFrom(await response.json().catch(() => undefined), response.status, response.headers);
  }
  options.onState?.(true);
  let over: PekError | undefined;
  const read = eventReader(
    (event) => {
      if (event.type === 'error') {
        over = problemFrom(JSON.parse(event.data), 0);
        return;
      }
      if (event.id) position.id = event.id;
      if (event.type === 'end') return;
      options.onItem(JSON.parse(event.data) as Item, event.id);
    },
    (ms) => (position.retryMs = ms),
  );
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  try {
    while (!over) {
      const { value, done } = await reader.read();
      if (done) break;
      heard();
      read(decoder.decode(value, { stream: true }));
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
  return over;
}
