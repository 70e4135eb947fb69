// The evaluations of a group, by semester; and those below it that the caller judges.
import { answer } from '@pek/client';
import { useInfiniteQuery, useMutation, useQueries, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, Navigate, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { CalendarRange, ClipboardList, FileInput } from 'lucide-react';
import { groupQuery, pek, subgroupsQuery, type GroupRef } from '../../api';
import { useEvaluationRights, useMay } from '../../may';
import { Avatar, Badge, Bones, Card, Empty, More, Note, Problem } from '../../parts/basics';
import { useMessage } from '../../parts/problems';
import { tellProblem } from '../../parts/toasts';
import { useDates } from '../../texts';
import { useScoreTexts } from '../../texts/scores';
import { GroupHeadOf } from '../group/GroupHead';
import '../../styles/scores.css';
import { boardsQuery, semesterQuery, type Board, type Semester } from './queries';
import { StatusOf } from './StatusOf';

export function ScoreboardsPage() {
    const scores = useScoreTexts();
    const message = useMessage();
    const navigate = useNavigate();
    const client = useQueryClient();
    const ref = useParams({ from: '/realms/$realm/groups/$groupId/scoreboards' });
    const { data: group } = useQuery(groupQuery(ref));
    const { data: semester } = useQuery(semesterQuery(ref.realm));
    const { writes, accepts } = useEvaluationRights(ref);
    // Those below it: who has the right on this group, or on all.
    const mayJudge = useMay(ref, 'EVALUATE_SCORES') || accepts;
    const query = useInfiniteQuery(boardsQuery(ref));
    const boards = query.data?.pages.flatMap((page) => page.scoreboards) ?? [];
    const open = useMutation({
        mutationFn: () =>
            answer(
                pek.POST('/api/v1/realms/{realm}/groups/{groupId}/scoreboards:open', {
                    params: { path: ref },
                    body: {},
                }),
            ),
        onSuccess: async (board) => {
            await client.invalidateQueries({ queryKey: ['group', ref.realm, ref.groupId, 'scoreboards'] });
            await navigate({ to: '/realms/$realm/groups/$groupId/scoreboards/$scoreboardId', params: { ...ref, scoreboardId: board.id } });
        },
        onError: (error) => tellProblem(message(error)),
    });
    // As notifications name one: the latest version of that semester.
    const { of } = useSearch({ from: '/realms/$realm/groups/$groupId/scoreboards' });
    const wanted = boards.find((board) => board.semester === of);
    if (wanted) {
        const params = { ...ref, scoreboardId: wanted.id };
        return <Navigate replace to="/realms/$realm/groups/$groupId/scoreboards/$scoreboardId" params={params} />;
    }
    const isOpen = writes && group?.isArchived === false && semester?.openActions.includes('EDIT_EVALUATION');
    const mayOpen = isOpen && semester && query.data !== undefined && !boards.some((board) => board.semester === semester.id);
    return (
        <>
            <GroupHeadOf groupRef={ref} page={scores.title} />
            {semester && (
                <Note
                    action={
                        <Link className="button small" to="/realms/$realm/semester" params={{ realm: ref.realm }}>
                            <CalendarRange size={16} aria-hidden="true" />
                            {scores.realm.action}
                        </Link>
                    }
                >
                    {scores.season(semester.id, scores.seasons[semester.season])}
                </Note>
            )}
            {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
            {!query.isLoadingError && (
                <Card
                    title={scores.title}
                    action={
                        mayOpen && (
                            <button type="button" className="button small primary" disabled={open.isPending} onClick={() => open.mutate()}>
                                {scores.open}
                            </button>
                        )
                    }
                >
                    {query.isPending ? (
                        <Bones count={3} />
                    ) : boards.length === 0 ? (
                        <Empty icon={ClipboardList} title={scores.none}>
                            {scores.noneText}
                        </Empty>
                    ) : (
                        <ul className="rows">
                            {boards.map((board) => (
                                <BoardRow key={board.id} groupRef={ref} board={board} />
                            ))}
                        </ul>
                    )}
                    <More query={query} />
                </Card>
            )}
            {isOpen && group.parentId && (
                <Card
                    title={scores.drafts.own}
                    action={
                        <Link className="button small" to="/realms/$realm/groups/$groupId/point-draft" params={ref}>
                            <FileInput size={16} aria-hidden="true" />
                            {scores.drafts.prepare}
                        </Link>
                    }
                >
                    <p className="muted card-text">{scores.drafts.ownText}</p>
                </Card>
            )}
            {mayJudge && semester && <Judging groupRef={ref} semester={semester} />}
        </>
    );
}

function BoardRow({ groupRef, board }: { groupRef: GroupRef; board: Board }) {
    const scores = useScoreTexts();
    return (
        <li className="linked">
            <div className="board-row">
                <div className="stack tight">
                    <Link
                        className="title"
                        to="/realms/$realm/groups/$groupId/scoreboards/$scoreboardId"
                        params={{ ...groupRef, scoreboardId: board.id }}
                    >
                        {scores.semester(board.semester)}
                        {board.version > 1 && ` · ${scores.version(board.version)}`}
                    </Link>
                    <Statuses board={board} />
                </div>
                {board.totals && <BoardTotals totals={board.totals} />}
            </div>
        </li>
    );
}

/** What the points of all members came to. */
function BoardTotals({ totals }: { totals: NonNullable<Board['totals']> }) {
    const scores = useScoreTexts();
    const dates = useDates();
    const rows: [string, number | undefined][] = [
        [scores.membersCount, totals.membersCount],
        [scores.sum, totals.total?.sum],
        [scores.average, totals.total?.average],
        [scores.highest, totals.total?.highest],
    ];
    return (
        <dl className="board-totals">
            {rows.map(([label, number]) => (
                <div key={label}>
                    <dt>{label}</dt>
                    <dd>{dates.number(number ?? 0)}</dd>
                </div>
            ))}
        </dl>
    );
}

function Statuses({ board }: { board: Board }) {
    const scores = useScoreTexts();
    return (
        <div className="badges">
            <StatusOf label={scores.points} status={board.pointStatus} />
            <StatusOf label={scores.entries} status={board.entryStatus} />
        </div>
    );
}

/** How far the groups below it are in this semester. */
function Judging({ groupRef, semester }: { groupRef: GroupRef; semester: Semester }) {
    const scores = useScoreTexts();
    const query = useInfiniteQuery(subgroupsQuery(groupRef));
    const groups = query.data?.pages.flatMap((page) => page.groups) ?? [];
    const latest = useQueries({
        queries: groups.map(({ realm, id }) => ({
            queryKey: ['group', realm, id, 'scoreboards', 'latest'],
            queryFn: ({ signal }: { signal: AbortSignal }) =>
                answer(
                    pek.GET('/api/v1/realms/{realm}/groups/{groupId}/scoreboards', {
                        params: { path: { realm, groupId: id }, query: { pageSize: 1 } },
                        signal,
                    }),
                ),
        })),
    });
    if (groups.length === 0) return null;
    return (
        <Card title={scores.judging.title}>
            <ul className="rows">
                {groups.map(({ realm, id, name }, i) => {
                    const last = latest[i]?.data?.scoreboards[0];
                    const board = last?.semester === semester.id ? last : undefined;
                    return (
                        <li key={id} className="linked">
                            <Avatar kind="group" id={id} name={name} />
                            <div className="grow stack tight">
                                {board ? (
                                    <Link
                                        className="title"
                                        to="/realms/$realm/groups/$groupId/scoreboards/$scoreboardId"
                                        params={{ realm, groupId: id, scoreboardId: board.id }}
                                    >
                                        {name}
                                    </Link>
                                ) : (
                                    <Link className="title" to="/realms/$realm/groups/$groupId/scoreboards" params={{ realm, groupId: id }}>
                                        {name}
                                    </Link>
                                )}
                                {board ? <Statuses board={board} /> : latest[i]?.data && <NotBegun />}
                            </div>
                        </li>
                    );
                })}
            </ul>
            <More query={query} />
        </Card>
    );
}

function NotBegun() {
    const scores = useScoreTexts();
    return (
        <div className="badges">
            <Badge>{scores.judging.notBegun}</Badge>
        </div>
    );
}
