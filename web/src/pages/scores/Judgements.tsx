// The evaluations of all groups of a realm that the caller judges: those that wait, or all.
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Gavel } from 'lucide-react';
import { useState } from 'react';
import { Avatar, Bones, Card, Empty, More, Problem } from '../../parts/basics';
import { useScoreTexts } from '../../texts/scores';
import { judgementsQuery } from './queries';
import { StatusOf } from './StatusOf';

export function Judgements({ realm, open }: { realm: string; open: boolean }) {
    const scores = useScoreTexts();
    const [onlyWaiting, setOnlyWaiting] = useState(true);
    const query = useInfiniteQuery({ ...judgementsQuery(realm, onlyWaiting), enabled: open });
    if (!open) return null;
    const boards = query.data?.pages.flatMap((page) => page.judgements) ?? [];
    return (
        <Card
            title={scores.realm.judgements}
            action={
                <div className="chips">
                    {[true, false].map((only) => (
                        <button key={String(only)} type="button" aria-pressed={onlyWaiting === only} onClick={() => setOnlyWaiting(only)}>
                            {only ? scores.realm.judgementsWaiting : scores.realm.judgementsAll}
                        </button>
                    ))}
                </div>
            }
        >
            {query.isError ? (
                <div className="card-text">
                    <Problem error={query.error} retry={() => void query.refetch()} />
                </div>
            ) : query.isPending ? (
                <Bones count={3} />
            ) : boards.length === 0 ? (
                <Empty icon={Gavel} title={onlyWaiting ? scores.realm.judgementsNoneWaiting : scores.realm.judgementsNone} />
            ) : (
                <ul className="rows">
                    {boards.map((board) => (
                        <li key={board.groupId} className="linked">
                            <Avatar kind="group" id={board.groupId} name={board.groupName} />
                            <div className="grow">
                                <Link
                                    className="title"
                                    to="/realms/$realm/groups/$groupId/scoreboards/$scoreboardId"
                                    params={{ realm, groupId: board.groupId, scoreboardId: board.scoreboardId }}
                                >
                                    {board.groupName}
                                </Link>
                                <div className="badges">
                                    <StatusOf label={scores.points} status={board.pointStatus} />
                                    <StatusOf label={scores.entries} status={board.entryStatus} />
                                </div>
                            </div>
                        </li>
                    ))}
                </ul>
            )}
            <More query={query} />
        </Card>
    );
}
