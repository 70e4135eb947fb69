import { answer } from '@pek/client';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { History } from 'lucide-react';
import { nextPage, pek, type HistoryEntry } from '../../api';
import { Bones, Card, Empty, More, Problem } from '../../parts/basics';
import { PersonName } from '../../parts/person';
import { useDates, useTexts } from '../../texts';
import { useGroupTexts } from '../../texts/group';
import { GroupHeadOf } from './GroupHead';

export function GroupHistoryPage() {
    const texts = useTexts();
    const ref = useParams({ from: '/realms/$realm/groups/$groupId/history' });
    const query = useInfiniteQuery({
        queryKey: ['group', ref.realm, ref.groupId, 'history'],
        queryFn: ({ signal, pageParam }) =>
            answer(
                pek.GET('/api/v1/realms/{realm}/groups/{groupId}/history', {
                    params: { path: ref, query: { pageSize: 50, pageToken: pageParam } },
                    signal,
                }),
            ),
        initialPageParam: '',
        getNextPageParam: nextPage,
    });
    const entries = query.data?.pages.flatMap((page) => page.entries) ?? [];
    return (
        <>
            <GroupHeadOf groupRef={ref} page={texts.group.history} />
            {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
            {!query.isLoadingError && (
                <Card title={texts.group.history}>
                    {query.isPending ? (
                        <Bones count={6} />
                    ) : entries.length === 0 ? (
                        <Empty icon={History} title={texts.notifications.none} />
                    ) : (
                        <ol className="timeline">
                            {entries.map((entry) => (
                                <Entry key={entry.id} entry={entry} />
                            ))}
                        </ol>
                    )}
                    <More query={query} />
                </Card>
            )}
        </>
    );
}

function Entry({ entry }: { entry: HistoryEntry }) {
    const { deleted } = useTexts();
    const history = useGroupTexts();
    const dates = useDates();
    const what = history.actions[entry.action as keyof typeof history.actions] ?? entry.action;
    const actor = history.actors[entry.actor as keyof typeof history.actors];
    return (
        <li>
            <div className="grow">
                <strong>{what}</strong>
                {entry.userId && (
                    <>
                        {' '}
                        <Link className="name" to="/people/$user" params={{ user: entry.userId }}>
                            <PersonName id={entry.userId} gone={deleted} />
                        </Link>
                    </>
                )}
                <div className="muted small">
                    {dates.time(entry.createTime)} · {actor ?? <PersonName id={entry.actor} gone={deleted} />}
                </div>
            </div>
        </li>
    );
}
