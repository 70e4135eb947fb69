// A person, as far as the caller may see them: who they are, how to reach them, where they belong.
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { answer, PekError } from '@pek/client';
import { Pencil, UserRoundX, UsersRound } from 'lucide-react';
import { membershipsQuery, missingRealms, pek, type Belonging, type Profile } from '../api';
import { Avatar, Badge, Bones, Card, Empty, MissingRealms, PageTitle, Problem, RealmBadge, WayOn } from '../parts/basics';
import { PageProblem } from '../parts/PageProblem';
import { StatusBadge } from '../parts/member';
import { useDates, useTexts } from '../texts';
import { PersonScores } from './scores/PersonScores';

export const profileQuery = (user: string) => ({
    queryKey: ['profile', user],
    queryFn: ({ signal }: { signal: AbortSignal }) =>
        answer(pek.GET('/api/v1/users/{user}/profile', { params: { path: { user } }, signal })),
});

export function fullName(profile: Pick<Profile, 'lastName' | 'firstName' | 'username'>): string {
    return [profile.lastName, profile.firstName].filter(Boolean).join(' ') || profile.username;
}

export function PersonPage() {
    const texts = useTexts();
    const { user } = useParams({ from: '/people/$user' });
    const query = useQuery(profileQuery(user));
    if (query.isPending) {
        return (
            <section className="card">
                <Bones count={5} />
            </section>
        );
    }
    if (query.error instanceof PekError && query.error.kind === 'notFound') {
        return (
            <section className="card">
                <Empty page icon={UserRoundX} title={texts.person.hidden.title} actions={<WayOn people />}>
                    {texts.person.hidden.text}
                </Empty>
            </section>
        );
    }
    if (query.isLoadingError) return <PageProblem error={query.error} retry={() => void query.refetch()} />;
    const profile = query.data;
    const own = profile.view === 'OWN';
    return (
        <>
            {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
            <div className="group-title">
                <Avatar size="large" id={profile.id} name={fullName(profile)} version={profile.avatarVersion} />
                <div className="grow">
                    <PageTitle className="name">{fullName(profile)}</PageTitle>
                    <p className="muted">
                        {profile.nickname && <span className="name">„{profile.nickname}” · </span>}
                        <span className="name">@{profile.username}</span>
                    </p>
                </div>
                {own && (
                    <Link className="button" to="/profile">
                        <Pencil size={16} aria-hidden="true" />
                        {texts.person.edit}
                    </Link>
                )}
            </div>
            <MissingRealms realms={missingRealms([{ unreachable: profile.unreachable }])} retry={() => void query.refetch()} />
            <div className="split">
                <Belongs user={profile.id} own={own} />
                <div className="stack">
                    <Details profile={profile} />
                    {(own || profile.view === 'FULL') && <PersonScores user={profile.id} own={own} />}
                </div>
            </div>
        </>
    );
}

function Details({ profile }: { profile: Profile }) {
    const texts = useTexts();
    const { person } = texts;
    const rows: [string, React.ReactNode][] = [
        [person.cellPhone, profile.cellPhone && <a href={`tel:${profile.cellPhone}`}>{profile.cellPhone}</a>],
        [person.dormitory, profile.dormitory !== 'UNKNOWN' && person.dormitories[profile.dormitory]],
        [person.room, profile.room],
        [person.gender, profile.gender !== 'UNKNOWN' && person.genders[profile.gender]],
        [person.studentStatus, profile.studentStatus !== 'UNKNOWN' && person.studentStatuses[profile.studentStatus]],
        ...profile.externalAccounts.map(({ protocol, accountName }): [string, React.ReactNode] => [
            person.protocols[protocol as keyof typeof person.protocols] ?? protocol,
            accountName,
        ]),
    ];
    const filled = rows.filter(([, value]) => Boolean(value));
    return (
        <Card title={person.details}>
            {filled.length > 0 ? (
                <dl className="details">
                    {filled.map(([label, value], i) => (
                        <div key={`${label} ${i}`}>
                            <dt>{label}</dt>
                            <dd className="name">{value}</dd>
                        </div>
                    ))}
                </dl>
            ) : (
                <p className="muted card-text">{profile.view === 'OWN' ? person.emptyOwn : person.empty}</p>
            )}
        </Card>
    );
}

const order = ['APPLIED', 'NEWBIE', 'ACTIVE', 'FORMER', 'ARCHIVED'];

function Belongs({ user, own }: { user: string; own: boolean }) {
    const texts = useTexts();
    const dates = useDates();
    const query = useQuery(membershipsQuery(own ? 'me' : user));
    const all = [...(query.data?.memberships ?? [])].sort((a, b) => rank(a) - rank(b));
    return (
        <div className="stack">
            <MissingRealms realms={missingRealms(query.data && [query.data])} retry={() => void query.refetch()} />
            <Card title={texts.person.memberships}>
                {query.isError && (
                    <div className="card-text">
                        <Problem error={query.error} retry={() => void query.refetch()} />
                    </div>
                )}
                {query.isPending ? (
                    <Bones />
                ) : query.isLoadingError ? null : all.length === 0 ? (
                    <Empty icon={UsersRound} title={texts.person.noMemberships} />
                ) : (
                    <ul className="rows">
                        {all.map(({ realm, groupId, groupName, status, statusTime, isLeader, posts }) => (
                            <li key={`${realm}/${groupId}`} className="linked">
                                <Avatar kind="group" id={groupId} name={groupName} />
                                <div className="grow">
                                    <Link className="title" to="/realms/$realm/groups/$groupId" params={{ realm, groupId }}>
                                        {groupName}
                                    </Link>
                                    <div className="badges">
                                        {isLeader && <Badge tone="accent">{texts.leader}</Badge>}
                                        <StatusBadge status={status} />
                                        {posts.map((post) => (
                                            <Badge key={post.kind + post.postTypeId}>
                                                {post.name || texts.postKinds[post.kind as keyof typeof texts.postKinds]}
                                            </Badge>
                                        ))}
                                        <span className="muted small">{texts.person.since(dates.day(statusTime))}</span>
                                    </div>
                                </div>
                                <RealmBadge realm={realm} />
                            </li>
                        ))}
                    </ul>
                )}
            </Card>
        </div>
    );
}

const rank = (membership: Belonging) => order.indexOf(membership.status) - (membership.isLeader ? 10 : 0);
