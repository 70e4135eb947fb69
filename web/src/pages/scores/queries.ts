// What the pages of evaluations ask of a realm.
import { answer, pages, type ListEnd, type Schema } from '@pek/client';
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { nextPage, pek, type GroupRef } from '../../api';

export type Board = Schema<'Scoreboard'>;
export type Semester = Schema<'Semester'>;
export type Entry = Schema<'Entry'>;
export type EntryType = 'KDO' | 'KB' | 'AB';
export type Comment = Schema<'Comment'>;
export type Drafted = Schema<'DraftedPoints'>;
export type Message = Schema<'Message'>;

export const entryTypes: readonly EntryType[] = ['KDO', 'KB', 'AB'];

export interface BoardRef extends GroupRef {
  scoreboardId: string;
}

export const semesterQuery = (realm: string) =>
  queryOptions({
    queryKey: ['semester', realm],
    queryFn: ({ signal }) => answer(pek.GET('/api/v1/realms/{realm}/semester', { params: { path: { realm } }, signal })),
  });

export const judgementsQuery = (realm: string, onlyWaiting: boolean) =>
  infiniteQueryOptions({
    queryKey: ['judgements', realm, onlyWaiting],
    queryFn: ({ signal, pageParam }) =>
      answer(
        pek.GET('/api/v1/realms/{realm}/judgements', {
          params: {
            path: { realm },
            query: { pageSize: 50, pageToken: pageParam, ...(onlyWaiting ? { status: 'SUBMITTED' } : {}) },
          },
          signal,
        }),
      ),
    initialPageParam: '',
    getNextPageParam: nextPage,
  });

export const rulesQuery = (realm: string) =>
  queryOptions({
    queryKey: ['point-rules', realm],
    queryFn: ({ signal }) => answer(pek.GET('/api/v1/realms/{realm}/pointRules', { params: { path: { realm } }, signal })),
    staleTime: 10 * 60_000,
  });

/** The latest semester first, and the last version of each before its earlier ones. */
export const boardsQuery = (ref: GroupRef, pageSize = 50) =>
  infiniteQueryOptions({
    queryKey: ['group', ref.realm, ref.groupId, 'scoreboards', pageSize],
    queryFn: ({ signal, pageParam }) =>
      answer(
        pek.GET('/api/v1/realms/{realm}/groups/{groupId}/scoreboards', {
          params: { path: { realm: ref.realm, groupId: ref.groupId }, query: { pageSize, pageToken: pageParam } },
          signal,
        }),
      ),
    initialPageParam: '',
    getNextPageParam: nextPage,
  });

/** Everything of one evaluation lies below this. */
export const boardKey = (ref: BoardRef) => ['scoreboard', ref.realm, ref.scoreboardId];

export const boardQuery = (ref: BoardRef) =>
  queryOptions({
    queryKey: boardKey(ref),
    queryFn: ({ signal }) =>
      answer(
        pek.GET('/api/v1/realms/{realm}/groups/{groupId}/scoreboards/{id}', {
          params: { path: { realm: ref.realm, groupId: ref.groupId, id: ref.scoreboardId } },
          signal,
        }),
      ),
  });

async function all<Page extends ListEnd, Item>(
  ask: (pageToken: string) => Promise<Page>,
  itemsOf: (page: Page) => Item[],
): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of pages(ask, itemsOf)) items.push(item);
  return items;
}

const pageOf = (ref: BoardRef, pageToken: string, signal: AbortSignal) => ({
  params: { path: { ...ref }, query: { pageSize: 100, pageToken } },
  signal,
});

/** Of all members: one edits them together. */
export const pointsQuery = (ref: BoardRef) =>
  queryOptions({
    queryKey: [...boardKey(ref), 'points'],
    queryFn: ({ signal }) =>
      all(
        (token) => answer(pek.GET('/api/v1/realms/{realm}/groups/{groupId}/scoreboards/{scoreboardId}/points', pageOf(ref, token, signal))),
        (page) => page.members,
      ),
  });

export const entriesQuery = (ref: BoardRef) =>
  queryOptions({
    queryKey: [...boardKey(ref), 'entries'],
    queryFn: ({ signal }) =>
      all(
        (token) =>
          answer(pek.GET('/api/v1/realms/{realm}/groups/{groupId}/scoreboards/{scoreboardId}/entries', pageOf(ref, token, signal))),
        (page) => page.entries,
      ),
  });

export const commentsQuery = (ref: BoardRef) =>
  queryOptions({
    queryKey: [...boardKey(ref), 'comments'],
    queryFn: ({ signal }) =>
      all(
        (token) =>
          answer(pek.GET('/api/v1/realms/{realm}/groups/{groupId}/scoreboards/{scoreboardId}/comments', pageOf(ref, token, signal))),
        (page) => page.comments,
      ),
  });

/** While one looks at a discussion, what others say is asked for again and again. */
export const messagesQuery = (ref: BoardRef) =>
  queryOptions({
    queryKey: [...boardKey(ref), 'messages'],
    queryFn: ({ signal }) =>
      all(
        (token) =>
          answer(pek.GET('/api/v1/realms/{realm}/groups/{groupId}/scoreboards/{scoreboardId}/messages', pageOf(ref, token, signal))),
        (page) => page.messages,
      ),
    refetchInterval: 15_000,
  });

/** What subgroups propose for it. */
export const draftsQuery = (ref: BoardRef) =>
  queryOptions({
    queryKey: [...boardKey(ref), 'drafts'],
    queryFn: ({ signal }) =>
      all(
        (token) => answer(pek.GET('/api/v1/realms/{realm}/groups/{groupId}/scoreboards/{scoreboardId}/drafts', pageOf(ref, token, signal))),
        (page) => page.drafts,
      ),
  });

/** What a group proposes for the scoreboard of the group above it. */
export const draftQuery = ({ realm, groupId }: GroupRef) =>
  queryOptions({
    queryKey: ['point-draft', realm, groupId],
    queryFn: ({ signal }) =>
      answer(pek.GET('/api/v1/realms/{realm}/groups/{groupId}/pointDraft', { params: { path: { realm, groupId } }, signal })),
  });
