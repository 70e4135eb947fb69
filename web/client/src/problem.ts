/** What can go wrong with a request, as a union: `kind` says what a caller can do about it. */
export type Problem =
  /** There is no session (any more): log in. */
  | { kind: 'signedOut' }
  /** The rights for this are missing. */
  | { kind: 'forbidden' }
  /** There is no such thing, or none that the caller may know of. */
  | { kind: 'notFound' }
  /** Somebody else changed it since it was read: read it again. */
  | { kind: 'changed' }
  /** The state of things does not allow it: `reason` says which rule. */
  | { kind: 'refused' }
  /** Something in the request is wrong: `field` names what. */
  | { kind: 'invalid' }
  /** Too fast, or too much at once: again after `retryAfterSeconds`. */
  | { kind: 'tooMany'; retryAfterSeconds: number }
  /** The realm or the hub cannot answer now. What a write did is unknown: send it again with the same Idempotency-Key. */
  | { kind: 'unavailable' }
  /** Nothing answered: no network, or the hub is away. */
  | { kind: 'offline' }
  /** The answer makes no sense, or says that the server is at fault. */
  | { kind: 'unexpected' };

export type ProblemKind = Problem['kind'];

/** What the API answers besides 2xx. */
interface ErrorAnswer {
  error: {
    code: number;
    status: string;
    message: string;
    details?: { reason?: string; metadata?: Record<string, string>; retryDelay?: string }[];
  };
  cursor?: string;
}

export class PekError extends Error {
  override readonly name = 'PekError';

  constructor(
    /** What happened, and what it needs. */
    readonly problem: Problem,
    message: string,
    /** The HTTP status; 0 when there was no answer. */
    readonly status: number,
    /** The rule that refused it, as `GROUP_LEADER`. */
    readonly reason: string,
    /** The field of the request that is wrong; '' when none is. */
    readonly field: string,
    /** For whoever asks an operator. */
    readonly requestId: string,
    /** When it is worth another try, as the answer says; 0 when it does not. */
    readonly retryAfterSeconds = 0,
  ) {
    super(message);
  }

  get kind(): ProblemKind {
    return this.problem.kind;
  }

  /** Another try would get the same. */
  get isFinal(): boolean {
    return /^(signedOut|forbidden|notFound|invalid)$/.test(this.kind);
  }
}

const kinds: Record<string, ProblemKind> = {
  UNAUTHENTICATED: 'signedOut',
  PERMISSION_DENIED: 'forbidden',
  NOT_FOUND: 'notFound',
  ABORTED: 'changed',
  ALREADY_EXISTS: 'refused',
  FAILED_PRECONDITION: 'refused',
  INVALID_ARGUMENT: 'invalid',
  OUT_OF_RANGE: 'invalid',
  RESOURCE_EXHAUSTED: 'tooMany',
  UNAVAILABLE: 'unavailable',
  DEADLINE_EXCEEDED: 'unavailable',
  DATA_LOSS: 'unavailable',
};

function isErrorAnswer(body: unknown): body is ErrorAnswer {
  const error = (body as ErrorAnswer | null)?.error;
  return typeof error === 'object' && error !== null && typeof error.status === 'string';
}

const problemOf = (kind: ProblemKind, retryAfterSeconds: number): Problem =>
  kind === 'tooMany' ? { kind, retryAfterSeconds: retryAfterSeconds || 1 } : { kind };

/** A header has seconds, the last line of a stream a detail, as "1.5s". The date that a proxy may say is taken for nothing. */
function retryAfterOf(headers?: Headers, details: { retryDelay?: string }[] = []): number {
  return parseFloat(headers?.get('retry-after') ?? details.find((detail) => detail.retryDelay)?.retryDelay ?? '') || 0;
}

/** Of an answer that is no success, or of the last line of a stream. */
export function problemFrom(body: unknown, status: number, headers?: Headers): PekError {
  const requestId = headers?.get('x-request-id') ?? '';
  if (!isErrorAnswer(body)) {
    const kind = status >= 502 && status <= 504 ? 'unavailable' : 'unexpected';
    return new PekError({ kind }, `HTTP status ${status}`, status, '', '', requestId, retryAfterOf(headers));
  }
  const { error } = body;
  const info = error.details?.find((detail) => detail.reason !== undefined);
  // If-Match that names another version.
  const kind = status === 412 ? 'changed' : (kinds[error.status] ?? 'unexpected');
  const field = info?.metadata?.['field'] ?? '';
  const after = retryAfterOf(headers, error.details);
  return new PekError(problemOf(kind, after), error.message, status, info?.reason ?? error.status, field, requestId, after);
}

/** Of a `fetch` of one's own, as for a body that is no JSON. */
export function problemOfAnswer(body: unknown, response: Response): PekError {
  return problemFrom(body, response.status, response.headers);
}

/** Of what `fetch` threw. An abort is no problem, and is passed on. */
export function problemFromThrown(thrown: unknown): unknown {
  if (thrown instanceof PekError || (thrown instanceof DOMException && thrown.name === 'AbortError')) return thrown;
  return new PekError({ kind: 'offline' }, thrown instanceof Error ? thrown.message : String(thrown), 0, '', '', '');
}
