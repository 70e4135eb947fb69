// What the pages ask of the hub, as queries with keys. A page names what it shows; this file says where that is.
import { answer, createPekClient, pages, PekError, readMask, type ListEnd, type Masked, type Schema } from '@pek/client';
import { infiniteQueryOptions, QueryClient, queryOptions } from '@tanstack/react-query';
import { onceOnly } from './once';
import { whileLoggedIn } from './session';

export type Group = Schema<'Group'>;
export type Membership = Schema<'Membership'>;
export type Notification = Schema<'Notification'>;
export type Profile = Schema<'Profile'>;
export type User = Schema<'User'>;
export type Session = Schema<'Session'>;
export type Instance = Schema<'Instance'>;
export type Policy = Schema<'Policy'>;
export type Statement = Schema<'Statement'>;
export type HistoryEntry = Schema<'HistoryEntry'>;
export type MemberStatus = Membership['status'];
export type Action = Schema<'Action'>;

/** As fetch, of writes whose body is no JSON. */
export const send = whileLoggedIn(
  onceOnly((request) => fetch(request)),
  {
    hasEnded: () => queryClient.getQueryData(loginQuery.queryKey)?.signedIn === false,
    look: () => void queryClient.invalidateQueries(loginQuery),
  },
);

export const pek = createPekClient({ fetch: send });

const askAgainMs = 8_000;

/** Nothing is wrong with the question: it is asked again. */
export const mayPass = (error: unknown) => error instanceof PekError && (error.kind === 'unavailable' || error.kind === 'offline');

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      gcTime: 30 * 60_000,
      // What was loaded stays in sight without a network, and is asked for again when there is one.
      networkMode: 'offlineFirst',
      retry: (count, error) => count < 2 && (mayPass(error) || (error instanceof PekError && error.kind === 'tooMany')),
      retryDelay: (count, error) =>
        error instanceof PekError && error.problem.kind === 'tooMany' ? error.problem.retryAfterSeconds * 1000 : 400 * 2 ** count,
      // While it is looked at, until there is an answer; lists do the same for a realm that is missing.
      refetchInterval: ({ state }) => mayPass(state.error) && askAgainMs,
    },
    mutations: { networkMode: 'always' },
  },
});

export interface LoginState {
  signedIn: boolean;
  provider: boolean;
  dev: boolean;
}

export const loginQuery = queryOptions({
  queryKey: ['login'],
  queryFn: ({ signal }) => answer(pek.GET('/auth/state', { signal })) as Promise<LoginState>,
  staleTime: Infinity,
  // Somebody may have logged in in another tab meanwhile.
  refetchOnWindowFocus: ({ state }) => (state.data?.signedIn === false ? 'always' : false),
});

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: ({ signal }) => answer(pek.GET('/api/v1/session', { signal })),
  staleTime: 60_000,
});

/** Of a list that shows names alone. */
export type GroupName = Masked<'Group', 'realm' | 'id' | 'name'>;
export const groupNameMask = readMask<'Group'>('realm', 'id', 'name');

/** A group, by the realm that has it. */
export interface GroupRef {
  realm: string;
  groupId: string;
}

const path = ({ realm, groupId }: GroupRef) => ({ realm, id: groupId });

export const groupQuery = (ref: GroupRef) =>
  queryOptions({
    queryKey: ['group', ref.realm, ref.groupId],
    queryFn: ({ signal }) => answer(pek.GET('/api/v1/realms/{realm}/groups/{id}', { params: { path: path(ref) }, signal })),
  });

export const ancestorsQuery = (ref: GroupRef) =>
  queryOptions({
    queryKey: ['group', ref.realm, ref.groupId, 'ancestors'],
    queryFn: async ({ signal }): Promise<Masked<'Group', 'realm' | 'id' | 'name' | 'parentId'>[]> => {
      const params = { path: path(ref), query: { readMask: readMask<'Group'>('realm', 'id', 'name', 'parentId') } };
      return (await answer(pek.GET('/api/v1/realms/{realm}/groups/{id}/ancestors', { params, signal }))).groups;
    },
  });

export const subgroupsQuery = (ref: GroupRef, includeArchived = false) =>
  infiniteQueryOptions({
    queryKey: ['group', ref.realm, ref.groupId, 'subgroups', includeArchived],
    queryFn: ({ signal, pageParam }): Promise<ListEnd & { groups: GroupName[] }> =>
      answer(
        pek.GET('/api/v1/realms/{realm}/groups', {
          params: {
            path: { realm: ref.realm },
            query: { parentId: ref.groupId, includeArchived, pageSize: 50, pageToken: pageParam, readMask: groupNameMask },
          },
          signal,
        }),
      ),
    initialPageParam: '',
    getNextPageParam: nextPage,
  });

export const membersQuery = (ref: GroupRef, statuses: MemberStatus[], q = '') =>
  infiniteQueryOptions({
    queryKey: ['group', ref.realm, ref.groupId, 'members', statuses, q],
    queryFn: ({ signal, pageParam }) =>
      answer(
        pek.GET('/api/v1/realms/{realm}/groups/{groupId}/members', {
          params: { path: ref, query: { statuses, q, pageSize: 50, pageToken: pageParam } },
          signal,
        }),
      ),
    initialPageParam: '',
    getNextPageParam: nextPage,
  });

/** What pages show of somebody's membership: without the time before it, which may be long. */
export type Belonging = Masked<'Membership', 'realm' | 'groupId' | 'groupName' | 'status' | 'statusTime' | 'isLeader' | 'posts'>;
const belongingMask = readMask<'Membership'>('realm', 'groupId', 'groupName', 'status', 'statusTime', 'isLeader', 'posts');

/** All that somebody is, or was, a member of, in every realm that both know. */
export const membershipsQuery = (user: string) =>
  queryOptions({
    queryKey: ['memberships', user],
    queryFn: async ({ signal }) => {
      const list = pages(
        (pageToken) =>
          answer(
            pek.GET('/api/v1/users/{userId}/memberships', {
              params: { path: { userId: user }, query: { pageSize: 100, pageToken, readMask: belongingMask } },
              signal,
            }),
          ),
        (page) => page.memberships,
      );
      const memberships: Belonging[] = [];
      for (;;) {
        const next = await list.next();
        if (next.done) return { memberships, ...next.value };
        memberships.push(next.value);
      }
    },
  });

/** Whether the caller, or somebody, may do something to a group, or to the realm. */
export const mayQuery = (realm: string, action: Action, on: { groupId?: string; userId?: string; targetUserId?: string } = {}) =>
  queryOptions({
    queryKey: ['may', realm, action, on],
    queryFn: ({ signal }) =>
      answer(pek.GET('/api/v1/realms/{realm}/policies:check', { params: { path: { realm }, query: { action, ...on } }, signal })),
    staleTime: 30_000,
  });

/** What the caller may do about a group's evaluation. */
export const evaluationRightsQuery = ({ realm, groupId }: GroupRef) =>
  queryOptions({
    queryKey: ['may', realm, 'evaluation', groupId],
    queryFn: ({ signal }) =>
      answer(pek.GET('/api/v1/realms/{realm}/groups/{groupId}/evaluationRights', { params: { path: { realm, groupId } }, signal })),
    staleTime: 30_000,
  });

export const unseenQuery = queryOptions({
  queryKey: ['notifications', 'unseen'],
  queryFn: async ({ signal }) => (await answer(pek.GET('/api/v1/notifications:countUnseen', { signal }))).unseen,
});

/** The id of the last notification when the page was opened; 0 when there was none. */
export const newestQuery = queryOptions({
  queryKey: ['newestNotification'],
  queryFn: async ({ signal }) => {
    const page = await answer(pek.GET('/api/v1/notifications', { params: { query: { pageSize: 1 } }, signal }));
    return Number(page.notifications[0]?.id ?? 0);
  },
  staleTime: Infinity,
});

export const notificationsQuery = (unseen = false) =>
  infiniteQueryOptions({
    queryKey: ['notifications', 'list', unseen],
    queryFn: ({ signal, pageParam }) =>
      answer(pek.GET('/api/v1/notifications', { params: { query: { unseen, pageSize: 20, pageToken: pageParam } }, signal })),
    initialPageParam: '',
    getNextPageParam: nextPage,
  });

export function nextPage(page: Pick<ListEnd, 'nextPageToken'>): string | undefined {
  return page.nextPageToken === '' ? undefined : page.nextPageToken;
}

/** The realms that a list, over all its pages so far, lacks. */
export function missingRealms(pages: Pick<ListEnd, 'unreachable'>[] | undefined): string[] {
  return [...new Set(pages?.flatMap((page) => page.unreachable) ?? [])].map((name) => name.replace(/^realms\//, ''));
}

/** A way to a group out of the link of a notification. */
export function groupOfLink(link: string): GroupRef | undefined {
  const [, realm, groupId] = /^realms\/([^/]+)\/groups\/([^/]+)/.exec(link) ?? [];
  return realm !== undefined && groupId !== undefined ? { realm, groupId } : undefined;
}
