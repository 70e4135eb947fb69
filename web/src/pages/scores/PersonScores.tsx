// What somebody's points came to, semester by semester, over all groups of all realms.
import { answer, pages } from '@pek/client';
import { queryOptions, useQueries, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { ChartColumn } from 'lucide-react';
import { useState } from 'react';
import { pek, sessionQuery } from '../../api';
import { Badge, Bones, Card, Empty, MissingRealms, Note, Problem, RealmBadge } from '../../parts/basics';
import { useScoreTexts } from '../../texts/scores';
import '../../styles/scores.css';
import { semesterQuery } from './queries';

const scoreMax = 100; // of the whole federation: pek.evaluation.v1.ScoreService.GetScore
const shownMax = 8;
const barMax = 84; // pixels
const tallestMin = 25; // so that a few points do not look like many

const historyQuery = (user: string) =>
    queryOptions({
        queryKey: ['scores', user],
        queryFn: async ({ signal }) => {
            const ask = (pageToken: string) =>
                answer(
                    pek.GET('/api/v1/users/{userId}/pointHistory', {
                        params: { path: { userId: user }, query: { pageSize: 100, pageToken } },
                        signal,
                    }),
                );
            const list = pages(ask, (page) => page.semesters);
            const semesters = new Set<string>();
            for (;;) {
                const next = await list.next();
                if (next.done) return { semesters: [...semesters], unreachable: next.value.unreachable };
                semesters.add(next.value.semester);
            }
        },
    });

const scoreQuery = (user: string, semester: string) =>
    queryOptions({
        queryKey: ['scores', user, semester],
        queryFn: ({ signal }) =>
            answer(pek.GET('/api/v1/users/{userId}/score', { params: { path: { userId: user }, query: { semester } }, signal })),
    });

type Score = Awaited<ReturnType<NonNullable<ReturnType<typeof scoreQuery>['queryFn']>>>;

/** Semesters that are closed somewhere, and those that realms are in when there are points already. */
function useScores(user: string) {
    const history = useQuery(historyQuery(user));
    const { data: session } = useQuery(sessionQuery);
    const known = session?.realms.filter((one) => one.known).map(({ realm }) => realm) ?? [];
    const current = new Set(useQueries({ queries: known.map(semesterQuery) }).flatMap(({ data }) => (data ? [data.id] : [])));
    const closed = history.data?.semesters ?? [];
    const wanted = [...new Set([...closed, ...current])].sort().slice(-shownMax);
    const queries = useQueries({ queries: wanted.map((semester) => ({ ...scoreQuery(user, semester), enabled: history.isSuccess })) });
    const scores = wanted.flatMap((semester, i) => {
        const score = queries[i]?.data;
        return score && (closed.includes(semester) || score.groups.length > 0)
            ? [{ semester, score, isOpen: current.has(semester) && !closed.includes(semester) }]
            : [];
    });
    const error = history.error ?? queries.find((query) => query.isError)?.error ?? undefined;
    const retry = () => [history, ...queries].forEach((query) => void (query.isError && query.refetch()));
    return { scores, history, isPending: history.isPending || queries.some((query) => query.isPending), error, retry };
}

/** Not there without any, but to `own`: on the page of the caller, which says then that there are none. */
export function PersonScores({ user, own }: { user: string; own: boolean }) {
    const texts = useScoreTexts();
    const { scores, history, isPending, error, retry } = useScores(user);
    const [chosen, setChosen] = useState<string>();
    const last = scores.at(-1);
    const shown = scores.find(({ semester }) => semester === chosen) ?? last;
    const missing = history.data?.unreachable.map((name) => name.replace(/^realms\//, '')) ?? [];
    if (!own && !shown) return null;
    return (
        <Card title={texts.score.title}>
            {error !== undefined && !shown ? (
                <div className="card-text">
                    <Problem error={error} retry={retry} />
                </div>
            ) : shown ? (
                <div className="person-scores">
                    <Chart scores={scores} chosen={shown.semester} onChoose={setChosen} />
                    <Sum semester={shown.semester} score={shown.score} isOpen={shown.isOpen} />
                    {missing.length > 0 && shown.score.missing.length === 0 && <MissingRealms realms={missing} retry={retry} />}
                </div>
            ) : isPending ? (
                <Bones count={2} />
            ) : (
                <Empty icon={ChartColumn} title={texts.score.none}>
                    {texts.score.noneText}
                </Empty>
            )}
        </Card>
    );
}

interface ChartProps {
    scores: { semester: string; score: Score; isOpen: boolean }[];
    chosen: string;
    onChoose: (semester: string) => void;
}

/** Bars to choose a semester by; the table says the same to who does not see them. */
function Chart({ scores, chosen, onChoose }: ChartProps) {
    const texts = useScoreTexts();
    const tallest = Math.max(tallestMin, ...scores.map(({ score }) => score.score));
    return (
        <>
            <div className="bars" role="group" aria-label={texts.score.choose}>
                {scores.map(({ semester, score, isOpen }) => (
                    <button
                        key={semester}
                        type="button"
                        aria-pressed={semester === chosen}
                        aria-label={texts.score.named(texts.score.when(semester), score.score, score.complete)}
                        onClick={() => onChoose(semester)}
                    >
                        <span className="bar-space" aria-hidden="true">
                            <span className="bar-number">{score.complete ? score.score : `${score.score}+`}</span>
                            <span
                                className={['bar', isOpen ? 'open' : '', score.complete ? '' : 'part'].join(' ').trim()}
                                style={{ height: `${Math.max(2, (barMax * score.score) / tallest)}px` }}
                            />
                        </span>
                        <span className="bar-label" aria-hidden="true">
                            {texts.score.when(semester)}
                        </span>
                    </button>
                ))}
            </div>
            <div className="unseen-text">
                <table>
                    <caption>{texts.score.title}</caption>
                    <tbody>
                        {scores.map(({ semester, score, isOpen }) => (
                            <tr key={semester}>
                                <th scope="row">{semester}</th>
                                <td>{texts.cut(score.score, scoreMax)}</td>
                                <td>
                                    {isOpen ? texts.score.open : ''} {score.complete ? '' : texts.score.without(realmsOf(score))}
                                </td>
                            </tr>
                        ))}
                    </tbody>
                </table>
            </div>
        </>
    );
}

const realmsOf = (score: Score) => score.missing.map((name) => name.replace(/^realms\//, ''));

/** What a score is made of. */
function Sum({ semester, score, isOpen }: { semester: string; score: Score; isOpen: boolean }) {
    const texts = useScoreTexts();
    return (
        <>
            <p className="score-line">
                <strong className="number">{score.score}</strong>
                <span className="muted">
                    {texts.score.of(scoreMax)} · {texts.score.when(semester)}
                </span>
                {isOpen && <Badge tone="info">{texts.score.open}</Badge>}
            </p>
            {!score.complete && <Note tone="warn">{texts.score.without(realmsOf(score))}</Note>}
            {score.groups.length > 0 && (
                <ul className="score-groups">
                    {score.groups.map(({ realm, groupId, groupName, points }) => (
                        <li key={`${realm}/${groupId}`}>
                            <Link className="name grow" to="/realms/$realm/groups/$groupId" params={{ realm, groupId }}>
                                {groupName}
                            </Link>
                            <RealmBadge realm={realm} />
                            <span className="number">{points}</span>
                        </li>
                    ))}
                </ul>
            )}
            {score.groups.length > 0 && <p className="muted small">{texts.score.how}</p>}
        </>
    );
}
