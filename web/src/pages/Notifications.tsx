import { answer } from '@pek/client';
import { useInfiniteQuery, useMutation, useQuery, useQueryClient, type InfiniteData } from '@tanstack/react-query';
import { BellOff, CheckCheck } from 'lucide-react';
import { useState } from 'react';
import { notificationsQuery, pek, unseenQuery, type Notification } from '../api';
import { Bones, Empty, More, PageTitle, Problem } from '../parts/basics';
import { NotificationRow } from '../parts/notification';
import { useMessage } from '../parts/problems';
import { tellProblem } from '../parts/toasts';
import { tellTabs } from '../session';
import { useTexts } from '../texts';

type Lists = InfiniteData<{ notifications: Notification[] }>;

export function NotificationsPage() {
    const texts = useTexts();
    const message = useMessage();
    const client = useQueryClient();
    const [unseen, setUnseen] = useState(false);
    const query = useInfiniteQuery(notificationsQuery(unseen));
    const { data: count = 0 } = useQuery(unseenQuery);
    const list = query.data?.pages.flatMap((page) => page.notifications) ?? [];
    const newest = list[0]?.id;

    const markAll = useMutation({
        mutationFn: (upTo: string) => answer(pek.POST('/api/v1/notifications:markSeen', { body: { upTo } })),
        onMutate: async () => {
            const lists = { queryKey: ['notifications', 'list'] };
            await client.cancelQueries({ queryKey: ['notifications'] });
            const before = client.getQueriesData<Lists>(lists);
            const number = client.getQueryData(unseenQuery.queryKey);
            client.setQueriesData<Lists>(lists, (data) => data && allSeen(data));
            client.setQueryData(unseenQuery.queryKey, 0);
            return { before, number };
        },
        onError: (error, _, context) => {
            context?.before.forEach(([key, data]) => client.setQueryData(key, data));
            client.setQueryData(unseenQuery.queryKey, context?.number);
            tellProblem(message(error));
        },
        onSuccess: () => tellTabs('seen'),
        onSettled: () => client.invalidateQueries({ queryKey: ['notifications'] }),
    });

    return (
        <>
            <div className="page-head">
                <PageTitle>{texts.notifications.title}</PageTitle>
                <button
                    type="button"
                    className="button"
                    disabled={count === 0 || newest === undefined || markAll.isPending}
                    onClick={() => newest !== undefined && markAll.mutate(newest)}
                >
                    <CheckCheck size={17} aria-hidden="true" />
                    {texts.notifications.markAll}
                </button>
            </div>
            <label className="check">
                <input type="checkbox" checked={unseen} onChange={(event) => setUnseen(event.target.checked)} />
                {texts.notifications.onlyUnseen}
            </label>
            {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
            {!query.isLoadingError && (
                <section className="card">
                    {query.isPending ? (
                        <Bones count={8} />
                    ) : list.length === 0 ? (
                        <Empty icon={BellOff} title={unseen ? texts.notifications.noneUnseen : texts.notifications.none} />
                    ) : (
                        <ul className="rows">
                            {list.map((notification) => (
                                <NotificationRow key={notification.id} notification={notification} />
                            ))}
                        </ul>
                    )}
                    <More query={query} />
                </section>
            )}
        </>
    );
}

function allSeen(data: Lists): Lists {
    const seen = (notification: Notification) => ({ ...notification, seen: true });
    return { ...data, pages: data.pages.map((page) => ({ ...page, notifications: page.notifications.map(seen) })) };
}
