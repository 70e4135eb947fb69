// What a page of an evaluation knows about it.
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { groupQuery, type Group } from '../../api';
import { useEvaluationRights } from '../../may';
import { possibleNow, standingOf, type BoardRights, type Possible } from '../../standing';
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

/** `seen` is there when all of it is; `error` says why it is not, or why it is not fresh. */
export function useBoard(boardRef: BoardRef): { seen?: BoardSeen; error: unknown; retry: () => void } {
  const group = useQuery(groupQuery(boardRef));
  const board = useQuery(boardQuery(boardRef));
  const semester = useQuery(semesterQuery(boardRef.realm));
  const boards = useInfiniteQuery(boardsQuery(boardRef));
  const rights = useEvaluationRights(boardRef);
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
