// What is mine over all realms: groups, what waits for me, what happened.
import { useInfiniteQuery, useQueries, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { lazy, Suspense } from 'react';
import { BellOff, CircleCheckBig, Compass } from 'lucide-react';
import { answer } from '@pek/client';
import { membershipsQuery, missingRealms, notificationsQuery, pek, sessionQuery, type Belonging } from '../api';
import { Avatar, Badge, Bones, Card, Empty, MissingRealms, PageTitle, Problem, RealmBadge } from '../parts/basics';
import { StatusBadge } from '../parts/member';
import { NotificationRow } from '../parts/notification';
import { useTexts } from '../texts';

const Scores = lazy(() => import('./scores/PersonScores').then(({ PersonScores }) => ({ default: PersonScores })));

const leadMax = 12; // so many groups' applicants are asked for
const present = new Set<string>(['NEWBIE', 'ACTIVE']);

export function HomePage() {
    const texts = useTexts();
    const { data: session } = useQuery(sessionQuery);
    const query = useQuery(membershipsQuery('me'));
    const all = query.data?.memberships ?? [];
    const mine = all.filter(({ status }) => present.has(status)).sort((a, b) => Number(b.isLeader) - Number(a.isLeader));
    const applied = all.filter(({ status }) => status === 'APPLIED');
    const missing = missingRealms(query.data && [query.data]);
    const name = session?.user?.name;
    const known = session?.realms.some((realm) => realm.known) !== false;

    return (
        <>
            <div className="page-head">
                <PageTitle>{name ? texts.home.hello(name) : texts.nav.home}</PageTitle>
            </div>
            <MissingRealms realms={missing} retry={() => void query.refetch()} />
            {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
            <div className="split">
                <div className="stack">
                    <Waiting led={mine.filter(({ isLeader }) => isLeader)} applied={applied} ready={!query.isPending} />
                    <Card
                        title={texts.home.groups}
                        action={
                            <Link className="button small" to="/search">
                                <Compass size={16} aria-hidden="true" />
                                {texts.nav.discover}
                            </Link>
                        }
                    >
                        {query.isPending ? (
                            <Bones />
                        ) : mine.length > 0 ? (
                            <ul className="rows">
                                {mine.map((membership) => (
                                    <MyGroup key={`${membership.realm}/${membership.groupId}`} membership={membership} />
                                ))}
                            </ul>
                        ) : query.isSuccess && missing.length === 0 ? (
                            <Empty icon={Compass} title={texts.home.noGroups.title}>
                                {known ? texts.home.noGroups.text : texts.search.stranger.text}
                            </Empty>
                        ) : null}
                    </Card>
                </div>
                <div className="stack">
                    <Latest />
                    <Suspense>
                        <Scores user="me" own={false} />
                    </Suspense>
                </div>
            </div>
        </>
    );
}

function MyGroup({ membership }: { membership: Belonging }) {
    const texts = useTexts();
    const { realm, groupId, groupName, isLeader, status, posts } = membership;
    return (
        <li className="linked">
            <Avatar kind="group" id={groupId} name={groupName} />
            <div className="grow">
                <Link className="title" to="/realms/$realm/groups/$groupId" params={{ realm, groupId }}>
                    {groupName}
                </Link>
                <div className="badges">
                    {isLeader && <Badge tone="accent">{texts.leader}</Badge>}
                    {status === 'NEWBIE' && <StatusBadge status={status} />}
                    {posts.map((post) => (
                        <Badge key={post.kind + post.postTypeId}>
                            {post.name || texts.postKinds[post.kind as keyof typeof texts.postKinds]}
                        </Badge>
                    ))}
                </div>
            </div>
            <RealmBadge realm={realm} />
        </li>
    );
}

/** Applicants to what I lead, and my own applications. */
function Waiting({ led, applied, ready }: { led: Belonging[]; applied: Belonging[]; ready: boolean }) {
    const texts = useTexts();
    const asked = led.slice(0, leadMax);
    const counts = useQueries({
        queries: asked.map(({ realm, groupId }) => ({
            queryKey: ['waiting', realm, groupId],
            queryFn: ({ signal }: { signal: AbortSignal }) =>
                answer(
                    pek.GET('/api/v1/realms/{realm}/groups/{groupId}/members', {
                        params: { path: { realm, groupId }, query: { statuses: ['APPLIED'], pageSize: 50, readMask: 'userId' } },
                        signal,
                    }),
                ),
        })),
    });
    const waiting = asked.flatMap((membership, i) => {
        const page = counts[i]?.data;
        return page && page.members.length > 0 ? [{ membership, count: page.members.length, more: page.nextPageToken !== '' }] : [];
    });
    if (!ready || (waiting.length === 0 && applied.length === 0)) {
        const settled = ready && counts.every(({ isSuccess }) => isSuccess);
        return settled && led.length > 0 && led.length <= leadMax ? (
            <section className="card padded all-done">
                <CircleCheckBig size={20} aria-hidden="true" />
                <span>{texts.home.nothingWaits}</span>
            </section>
        ) : null;
    }
    return (
        <Card title={texts.home.waiting}>
            <ul className="rows">
                {waiting.map(({ membership: { realm, groupId, groupName }, count, more }) => (
                    <li key={`${realm}/${groupId}`} className="linked">
                        <Avatar kind="group" id={groupId} name={groupName} />
                        <div className="grow">
                            <Link className="title" to="/realms/$realm/groups/$groupId" params={{ realm, groupId }} hash="applicants">
                                {groupName}
                            </Link>
                            <div className="muted small">{texts.home.applicants(count, more)}</div>
                        </div>
                        <Badge tone="warn">{more ? `${count}+` : count}</Badge>
                    </li>
                ))}
                {applied.map(({ realm, groupId, groupName }) => (
                    <li key={`${realm}/${groupId}/mine`} className="linked">
                        <Avatar kind="group" id={groupId} name={groupName} />
                        <div className="grow">
                            <Link className="title" to="/realms/$realm/groups/$groupId" params={{ realm, groupId }}>
                                {groupName}
                            </Link>
                            <div className="muted small">{texts.home.applied}</div>
                        </div>
                        <StatusBadge status="APPLIED" />
                    </li>
                ))}
            </ul>
        </Card>
    );
}

function Latest() {
    const texts = useTexts();
    const query = useInfiniteQuery(notificationsQuery());
    const latest = query.data?.pages[0]?.notifications.slice(0, 7) ?? [];
    return (
        <Card
            title={texts.notifications.title}
            action={
                <Link className="button quiet small" to="/notifications">
                    {texts.all}
                </Link>
            }
        >
            {query.isError && (
                <div className="card-text">
                    <Problem error={query.error} retry={() => void query.refetch()} />
                </div>
            )}
            {query.isPending ? (
                <Bones count={3} />
            ) : query.isLoadingError ? null : latest.length === 0 ? (
                <Empty icon={BellOff} title={texts.notifications.none} />
            ) : (
                <ul className="rows">
                    {latest.map((notification) => (
                        <NotificationRow key={notification.id} notification={notification} />
                    ))}
                </ul>
            )}
        </Card>
    );
}
