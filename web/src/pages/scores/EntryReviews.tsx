// KB and AB of all groups of a realm that the caller judges.
import { answer } from '@pek/client';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { ClipboardCheck } from 'lucide-react';
import { nextPage, pek } from '../../api';
import { shownName } from '../../names';
import { Avatar, Badge, Bones, Card, Empty, More, Problem } from '../../parts/basics';
import { useTexts } from '../../texts';
import { useScoreTexts } from '../../texts/scores';
import { entryTypes } from './queries';

export function EntryReviews({ realm, open }: { realm: string; open: boolean }) {
    const texts = useTexts();
    const scores = useScoreTexts();
    const query = useInfiniteQuery({
        queryKey: ['entry-reviews', realm],
        queryFn: ({ signal, pageParam }) =>
            answer(
                pek.GET('/api/v1/realms/{realm}/entryReviews', {
                    params: { path: { realm }, query: { pageSize: 50, pageToken: pageParam } },
                    signal,
                }),
            ),
        initialPageParam: '',
        getNextPageParam: nextPage,
        enabled: open,
    });
    if (!open) return null;
    const entries = query.data?.pages.flatMap((page) => page.entries) ?? [];
    return (
        <Card title={scores.realm.reviews}>
            {query.isError && (
                <div className="card-text">
                    <Problem error={query.error} retry={() => void query.refetch()} />
                </div>
            )}
            {query.isPending ? (
                <Bones count={3} />
            ) : query.isLoadingError ? null : entries.length === 0 ? (
                <Empty icon={ClipboardCheck} title={scores.realm.reviewsNone} />
            ) : (
                <ul className="rows">
                    {entries.map((entry) => {
                        const known = entryTypes.find((type) => type === entry.recommendation);
                        return (
                            <li key={`${entry.groupId} ${entry.userId}`} className="linked">
                                <Avatar id={entry.userId} name={shownName(texts, entry.displayName)} />
                                <div className="grow">
                                    <Link
                                        className="title"
                                        to="/realms/$realm/groups/$groupId/scoreboards/$scoreboardId/entries"
                                        params={{ realm, groupId: entry.groupId, scoreboardId: entry.scoreboardId }}
                                    >
                                        {shownName(texts, entry.displayName)}
                                    </Link>
                                    <div className="badges">
                                        <Badge tone="info">{entry.type}</Badge>
                                        {known && (
                                            <Badge tone={known === entry.type ? 'ok' : 'warn'}>{scores.entry.recommended(known)}</Badge>
                                        )}
                                        {entry.finalized && <Badge tone="accent">{scores.entry.finalized}</Badge>}
                                        <span className="muted small name">{entry.groupId}</span>
                                    </div>
                                    <p className="text excerpt">{entry.justification}</p>
                                </div>
                            </li>
                        );
                    })}
                </ul>
            )}
            <More query={query} />
        </Card>
    );
}
