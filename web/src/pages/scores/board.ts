// What a page of an evaluation knows about it.
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { ancestorsQuery, groupQuery, mayQuery, type Action, type Group } from '../../api';
import { organisationOf, possibleNow, standingOf, type BoardRights, type Possible } from '../../standing';
import { boardQuery, boardsQuery, semesterQuery, type Board, type BoardRef, type Semester } from './queries';

export interface BoardSeen {
  boardRef: BoardRef;
  board: Board;
  group: Group;
  semester: Semester;
  rights: BoardRights;
  possible: Possible;
  standing: ReturnType<typeof standingOf>;
}

/** Rights on the parent judge, on the organisation they accept; of an organisation both are the realm's. */
export function useBoardRights(realm: string, group: Group | undefined): BoardRights {
  const parent = group?.parentId || undefined;
  const above = useQuery({ ...ancestorsQuery({ realm, groupId: group?.id ?? '' }), enabled: parent !== undefined });
  // Who may accept need not see it; a group that was moved has another than its id says.
  const top = above.data?.find(({ parentId }) => parentId === '');
  const organisation = parent && group && (top?.id ?? organisationOf(group.id));
  const useHas = (action: Action, groupId: string | undefined, asked = true) =>
    useQuery({ ...mayQuery(realm, action, groupId ? { groupId } : {}), enabled: group !== undefined && asked }).data?.allowed === true;
  const writes = useHas('EDIT_SCORES', group?.id);
  const edits = useHas('EDIT_GROUP_PROFILE', group?.id);
  const accepts = useHas('EVALUATE_SCORES', organisation, parent === undefined || above.isFetched);
  const judges = useHas('EVALUATE_SCORES', parent, parent !== undefined);
  return { writes, leads: writes && edits, judges: accepts || judges, accepts };
}

/** `seen` is there when all of it is; `error` says why it is not, or why it is not fresh. */
export function useBoard(boardRef: BoardRef): { seen?: BoardSeen; error: unknown; retry: () => void } {
  const group = useQuery(groupQuery(boardRef));
  const board = useQuery(boardQuery(boardRef));
  const semester = useQuery(semesterQuery(boardRef.realm));
  const boards = useInfiniteQuery(boardsQuery(boardRef));
  const rights = useBoardRights(boardRef.realm, group.data);
  const queries = [group, board, semester];
  const retry = () => queries.forEach((query) => void (query.isError && query.refetch()));
  const error = queries.find((query) => query.isError)?.error;
  if (!group.data || !board.data || !semester.data) return { error, retry };
  const superseded =
    boards.data?.pages.some((page) =>
      page.scoreboards.some((other) => other.semester === board.data.semester && other.version > board.data.version),
    ) === true;
  const situation = { board: board.data, semester: semester.data, rights, groupIsArchived: group.data.isArchived, superseded };
  return {
    seen: {
      boardRef,
      board: board.data,
      group: group.data,
      semester: semester.data,
      rights,
      possible: possibleNow(situation),
      standing: standingOf(situation),
    },
    error,
    retry,
  };
}
