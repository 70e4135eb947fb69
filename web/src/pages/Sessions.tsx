import { answer } from '@pek/client';
import { useInfiniteQuery, useMutation, useQueryClient, type InfiniteData } from '@tanstack/react-query';
import { LogOut, MonitorSmartphone } from 'lucide-react';
import { useState } from 'react';
import { nextPage, pek } from '../api';
import { browserName } from '../browsers';
import { Badge, Bones, More, PageTitle, Problem } from '../parts/basics';
import { FormDialog } from '../parts/dialogs';
import { useMessage } from '../parts/problems';
import { tell, tellProblem } from '../parts/toasts';
import { useDates, useTexts } from '../texts';

const key = ['sessions'];

export function SessionsPage() {
    const texts = useTexts();
    const dates = useDates();
    const message = useMessage();
    const client = useQueryClient();
    const [asking, setAsking] = useState(false);
    const query = useInfiniteQuery({
        queryKey: key,
        queryFn: ({ signal, pageParam }) =>
            answer(pek.GET('/api/v1/sessions', { params: { query: { pageSize: 50, pageToken: pageParam } }, signal })),
        initialPageParam: '',
        getNextPageParam: nextPage,
    });
    const sessions = query.data?.pages.flatMap((page) => page.sessions) ?? [];
    type List = InfiniteData<{ sessions: typeof sessions }>;
    const revoke = useMutation({
        mutationFn: (id: string) => answer(pek.POST('/api/v1/sessions/{id}:revoke', { params: { path: { id } }, body: {} })),
        onMutate: async (id) => {
            await client.cancelQueries({ queryKey: key });
            const before = client.getQueryData<List>(key);
            client.setQueryData<List>(
                key,
                (data) =>
                    data && {
                        ...data,
                        pages: data.pages.map((page) => ({ ...page, sessions: page.sessions.filter((one) => one.id !== id) })),
                    },
            );
            return { before };
        },
        onError: (error, _, context) => {
            client.setQueryData(key, context?.before);
            tellProblem(message(error));
        },
        onSuccess: () => tell(texts.sessions.ended),
        onSettled: () => client.invalidateQueries({ queryKey: key }),
    });
    const revokeOthers = async () => {
        const { revoked } = await answer(pek.POST('/api/v1/sessions:revokeAll', { body: { keepCurrent: true } }));
        tell(texts.sessions.endedAll(revoked));
        await client.invalidateQueries({ queryKey: key });
    };
    return (
        <>
            <div className="page-head">
                <div>
                    <PageTitle>{texts.nav.sessions}</PageTitle>
                    <p className="lead">{texts.sessions.text}</p>
                </div>
                <button type="button" className="button" disabled={sessions.length < 2} onClick={() => setAsking(true)}>
                    <LogOut size={17} aria-hidden="true" />
                    {texts.sessions.endOthers}
                </button>
            </div>
            {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
            {!query.isLoadingError && (
                <section className="card">
                    {query.isPending ? (
                        <Bones />
                    ) : (
                        <ul className="rows">
                            {sessions.map((session) => (
                                <li key={session.id}>
                                    <span className="avatar" aria-hidden="true">
                                        <MonitorSmartphone size={19} />
                                    </span>
                                    <div className="grow">
                                        <div className="session-title">
                                            {browserName(session.userAgent) || texts.sessions.since(dates.time(session.createTime))}
                                            {session.current && <Badge tone="ok">{texts.sessions.current}</Badge>}
                                        </div>
                                        <div className="muted small">
                                            {session.userAgent && `${texts.sessions.since(dates.time(session.createTime))} · `}
                                            {texts.sessions.seen(session.lastSeenTime ? dates.ago(session.lastSeenTime) : '')} ·{' '}
                                            {texts.sessions.until(dates.time(session.expireTime))}
                                        </div>
                                    </div>
                                    {!session.current && (
                                        <button
                                            type="button"
                                            className="button small"
                                            aria-label={texts.sessions.endOne(dates.time(session.createTime))}
                                            onClick={() => revoke.mutate(session.id)}
                                        >
                                            {texts.sessions.end}
                                        </button>
                                    )}
                                </li>
                            ))}
                        </ul>
                    )}
                    <More query={query} />
                </section>
            )}
            <FormDialog
                open={asking}
                onClose={() => setAsking(false)}
                title={texts.sessions.endOthers}
                text={texts.sessions.endOthersText}
                action={texts.sessions.endOthers}
                danger
                onSubmit={revokeOthers}
            />
        </>
    );
}
