// A group: what it is, who is in it, and what its leaders do about that.
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { PekError } from '@pek/client';
import { Globe, Lock, Mail, Plus } from 'lucide-react';
import { groupQuery, sessionQuery, subgroupsQuery, type Group, type GroupRef } from '../../api';
import { NotFound } from '../../app/Unfound';
import { useMay } from '../../may';
import { Avatar, Bones, Card, Empty, More, Problem, WayOn } from '../../parts/basics';
import { PageProblem } from '../../parts/PageProblem';
import { useDates, useTexts } from '../../texts';
import { Applicants } from './Applicants';
import { GroupHead } from './GroupHead';
import { MemberList } from './MemberList';
import { MyMembership, useMyMembership } from './MyMembership';

export function GroupPage() {
    const ref = useParams({ from: '/realms/$realm/groups/$groupId' });
    const { data: session } = useQuery(sessionQuery);
    // Of a realm that does not know the caller there is nothing to ask.
    const stranger = session?.realms.some(({ realm, known, error }) => realm === ref.realm && !known && error === '') === true;
    const query = useQuery({ ...groupQuery(ref), enabled: session !== undefined && !stranger });
    if (stranger) return <HiddenGroup groupRef={ref} />;
    if (query.isPending) {
        return (
            <section className="card">
                <Bones count={6} />
            </section>
        );
    }
    if (query.isError) {
        if (query.error instanceof PekError && query.error.kind === 'invalid') return <NotFound />; // no group has such an id
        const hidden = query.error instanceof PekError && (query.error.kind === 'notFound' || query.error.kind === 'forbidden');
        if (hidden) return <HiddenGroup groupRef={ref} />;
    }
    if (query.isLoadingError) return <PageProblem error={query.error} retry={() => void query.refetch()} />;
    return (
        <>
            {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
            {/* As the realm writes its id, whatever the address has in capitals. */}
            <ShownGroup group={query.data} groupRef={{ realm: query.data.realm, groupId: query.data.id }} />
        </>
    );
}

/** It is not there, or it is and the caller may not know: both look the same. Who was sent its address can apply all the same. */
function HiddenGroup({ groupRef }: { groupRef: GroupRef }) {
    const texts = useTexts();
    const applied = useMyMembership(groupRef)?.status === 'APPLIED';
    return (
        <section className="card">
            <Empty
                page
                icon={Lock}
                title={texts.group.hidden.title}
                actions={
                    <>
                        <MyMembership groupRef={groupRef} />
                        <WayOn />
                    </>
                }
            >
                {applied ? texts.home.applied : texts.group.hidden.text}
            </Empty>
        </section>
    );
}

function ShownGroup({ group, groupRef }: { group: Group; groupRef: GroupRef }) {
    const mayEditMembers = useMay(groupRef, 'EDIT_MEMBERS');
    const mayHandOver = useMay(groupRef, 'MOVE_GROUP_OWNER');
    return (
        <>
            <GroupHead group={group}>
                <MyMembership groupRef={groupRef} group={group} />
            </GroupHead>
            <div className="split">
                <div className="stack">
                    {mayEditMembers && <Applicants groupRef={groupRef} isArchived={group.isArchived} />}
                    <MemberList group={group} groupRef={groupRef} mayEdit={mayEditMembers} mayHandOver={mayHandOver} />
                </div>
                <div className="stack">
                    <About group={group} />
                    <Subgroups group={group} groupRef={groupRef} />
                </div>
            </div>
        </>
    );
}

/** Only what leads to the web: a text that begins with something else is no link. */
function safeLink(text: string): string | undefined {
    return /^https?:\/\//i.test(text) ? text : undefined;
}

function About({ group }: { group: Group }) {
    const texts = useTexts();
    const dates = useDates();
    const webpage = safeLink(group.webpage);
    return (
        <Card title={texts.group.about}>
            <div className="about">
                {group.description ? <p className="text">{group.description}</p> : <p className="muted">{texts.group.noDescription}</p>}
                <ul className="facts">
                    {webpage && (
                        <li>
                            <Globe size={17} aria-hidden="true" />
                            <a className="one-line" href={webpage} rel="noreferrer">
                                {group.webpage.replace(/^https?:\/\/(www\.)?/, '').replace(/\/$/, '')}
                            </a>
                        </li>
                    )}
                    {group.mail && (
                        <li>
                            <Mail size={17} aria-hidden="true" />
                            <a className="one-line" href={`mailto:${encodeURIComponent(group.mail).replace('%40', '@')}`}>
                                {group.mail}
                            </a>
                        </li>
                    )}
                </ul>
                <p className="muted small">
                    {texts.group.founded(dates.day(group.foundationTime))}
                    <br />
                    <span className="number">{group.id}</span>
                </p>
            </div>
        </Card>
    );
}

function Subgroups({ group, groupRef }: { group: Group; groupRef: GroupRef }) {
    const texts = useTexts();
    const query = useInfiniteQuery(subgroupsQuery(groupRef));
    const mayCreate = useMay(groupRef, 'MOVE_GROUP_OWNER') && !group.isArchived;
    const subgroups = query.data?.pages.flatMap((page) => page.groups) ?? [];
    if (subgroups.length === 0 && !mayCreate) return null;
    return (
        <Card
            title={texts.group.subgroups}
            action={
                mayCreate && (
                    <Link
                        className="button small"
                        to="/new-group"
                        search={{ realm: groupRef.realm, parent: groupRef.groupId }}
                        aria-label={texts.group.createSubgroup}
                    >
                        <Plus size={16} aria-hidden="true" />
                        {texts.group.createShort}
                    </Link>
                )
            }
        >
            {subgroups.length === 0 ? (
                <p className="muted card-text">{texts.group.noSubgroups}</p>
            ) : (
                <ul className="rows">
                    {subgroups.map((one) => (
                        <li key={one.id} className="linked">
                            <Avatar kind="group" size="small" id={one.id} name={one.name} />
                            <Link className="title grow" to="/realms/$realm/groups/$groupId" params={{ realm: one.realm, groupId: one.id }}>
                                {one.name}
                            </Link>
                        </li>
                    ))}
                </ul>
            )}
            <More query={query} />
        </Card>
    );
}
