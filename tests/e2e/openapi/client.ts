// What somebody writes who has nothing but /openapi.json: openapi-typescript made `schema` of it, openapi-fetch calls it.
// Compiled with --strict: each line under a @ts-expect-error must be one that the types refuse.
import createClient from 'openapi-fetch';
import type { components, paths } from './schema.js';

type Group = components['schemas']['Group'];

export async function visit(baseUrl: string, cookie: string, unique: string) {
  const client = createClient<paths, 'application/json'>({ baseUrl, headers: { cookie } });
  const realm = 'worker-acme';

  const list = await client.GET('/api/v1/groups', { params: { query: { pageSize: 2, purpose: 'CIRCLE' } } });
  if (!list.data) throw new Error(list.error?.error.message);
  const names: string[] = list.data.groups.map((group) => group.name);
  const next: string = list.data.nextPageToken;

  const made = await client.POST('/api/v1/realms/{realm}/groups', {
    params: { path: { realm }, header: { 'Idempotency-Key': unique } },
    body: { name: `Típus ${unique}`, slug: `ts${unique}`, purpose: 'PROJECT' },
  });
  if (!made.data) throw new Error(made.error?.error.message);
  const group: Group = made.data;

  // What was read is sent back with a change.
  const { data: changed } = await client.PATCH('/api/v1/realms/{realm}/groups/{id}', {
    params: { path: { realm, id: group.id }, header: { 'If-Match': `"${group.etag}"` } },
    body: { ...group, description: 'types' },
  });
  const stale = await client.PATCH('/api/v1/realms/{realm}/groups/{id}', {
    params: { path: { realm, id: group.id }, header: { 'If-Match': `"${group.etag}"` } },
    body: { description: 'too late' },
  });
  const archived = await client.POST('/api/v1/realms/{realm}/groups/{id}:archive', {
    params: { path: { realm, id: group.id } }, body: { cascade: true },
  });
  const missing = await client.GET('/api/v1/realms/{realm}/groups/{id}', {
    params: { path: { realm, id: `${group.id}x` } },
  });
  const session = await client.GET('/api/v1/session');

  // @ts-expect-error there is no such path
  void (() => client.GET('/api/v1/grups'));
  // @ts-expect-error a page size is a number
  void (() => client.GET('/api/v1/groups', { params: { query: { pageSize: '2' } } }));
  // @ts-expect-error a group has a name
  void (() => client.POST('/api/v1/realms/{realm}/groups', { params: { path: { realm } }, body: { slug: 'x' } }));
  void (() => client.POST('/api/v1/realms/{realm}/groups', { params: { path: { realm } },
    // @ts-expect-error there is no such purpose
    body: { name: 'x', purpose: 'PURPOSE_CIRCEL' } }));
  // @ts-expect-error nothing internal is given
  void group.sortKey;
  // @ts-expect-error a time may be missing
  void group.foundationTime.length;

  return {
    names, next, group, changed, archived: archived.data?.isArchived,
    stale: stale.response.status, staleReason: stale.error?.error.details[0],
    missing: missing.error?.error.status, user: session.data?.user?.id,
  };
}
