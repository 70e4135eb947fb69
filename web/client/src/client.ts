import createClient, { type Client, type ClientOptions } from 'openapi-fetch';
import { problemFrom, problemFromThrown } from './problem.js';
import type { components, paths } from './schema.js';

/** Requests by path, with what they take and answer: openapi-fetch over the paths of /openapi.json. */
export type PekClient = Client<paths, 'application/json'>;
/** The messages of the API by name: `Schema<'Group'>`. */
export type Schema<Name extends keyof components['schemas']> = components['schemas'][Name];

/** In a browser the cookie goes along by itself; a program gives it in `headers`. */
export function createPekClient(options: ClientOptions = {}): PekClient {
  return createClient<paths, 'application/json'>({ ...options, headers: { accept: 'application/json', ...options.headers } });
}

/**
 * The data of an answer; throws a PekError for any other.
 *
 *     const group = await answer(pek.GET('/api/v1/groups/{id}', { params: { path: { id } } }));
 */
export async function answer<Data>(request: Promise<{ data?: Data; error?: unknown; response: Response }>): Promise<NonNullable<Data>> {
  let result;
  try {
    result = await request;
  } catch (thrown) {
    // There was an answer, and it is no JSON: a page of a proxy, as for a login of its own.
    throw thrown instanceof SyntaxError ? problemFrom(undefined, 200) : problemFromThrown(thrown);
  }
  if (!result.response.ok) throw problemFrom(result.error, result.response.status, result.response.headers);
  return result.data as NonNullable<Data>;
}

/** Members of a message, as the parameter `readMask` names them: `readMask<'Group'>('id', 'name')`. */
export function readMask<Name extends keyof components['schemas']>(...members: (keyof Schema<Name> & string)[]): string {
  return members.join(',');
}
/** What an answer has of a message then: `Masked<'Group', 'id' | 'name'>`. The types of paths are those of whole answers. */
export type Masked<Name extends keyof components['schemas'], Member extends keyof Schema<Name>> = Pick<Schema<Name>, Member>;

/**
 * A header that makes a write happen once, however often it is sent: make it when the user decides, and send the same again when
 * the outcome is unknown.
 */
export function idempotencyKey(): { 'Idempotency-Key': string } {
  return { 'Idempotency-Key': crypto.randomUUID() };
}
