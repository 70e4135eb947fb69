import { answer } from '@pek/client';
import { infiniteQueryOptions, queryOptions, type QueryClient } from '@tanstack/react-query';
import { nextPage, pek, type Statement } from '../../api';
import type { PolicyTexts } from '../../texts/policies';

/** A policy, by the realm that has it. */
export interface PolicyRef {
  realm: string;
  policyId: string;
}

export const policyQuery = ({ realm, policyId }: PolicyRef) =>
  queryOptions({
    queryKey: ['policy', realm, policyId],
    queryFn: ({ signal }) => answer(pek.GET('/api/v1/realms/{realm}/policies/{id}', { params: { path: { realm, id: policyId } }, signal })),
  });

export const holdersQuery = ({ realm, policyId }: PolicyRef) =>
  infiniteQueryOptions({
    queryKey: ['policy', realm, policyId, 'holders'],
    queryFn: ({ signal, pageParam }) =>
      answer(
        pek.GET('/api/v1/realms/{realm}/policies/{policyId}/assignments', {
          params: { path: { realm, policyId }, query: { pageSize: 50, pageToken: pageParam } },
          signal,
        }),
      ),
    initialPageParam: '',
    getNextPageParam: nextPage,
  });

export const childrenQuery = ({ realm, policyId }: PolicyRef, byPeople: boolean) =>
  infiniteQueryOptions({
    queryKey: ['policy', realm, policyId, 'children', byPeople],
    queryFn: ({ signal, pageParam }) =>
      answer(
        pek.GET('/api/v1/realms/{realm}/policies', {
          params: { path: { realm }, query: { parentId: policyId, byPeople, pageSize: 20, pageToken: pageParam } },
          signal,
        }),
      ),
    initialPageParam: '',
    getNextPageParam: nextPage,
  });

/** After a change of one: rights may have come or gone with it, also those of the caller. */
export async function refreshPolicies(client: QueryClient) {
  await Promise.all([
    client.invalidateQueries({ queryKey: ['policy'] }),
    client.invalidateQueries({ queryKey: ['policies'] }),
    client.invalidateQueries({ queryKey: ['may'] }),
    client.invalidateQueries({ queryKey: ['session'] }),
  ]);
}

export function whereOf(texts: PolicyTexts, { groupId, userId }: Pick<Statement, 'groupId' | 'userId'>): string {
  return [...(groupId ? [texts.onGroup(groupId)] : []), ...(userId ? [texts.onUser(userId)] : [])].join(', ') || texts.onRealm;
}
