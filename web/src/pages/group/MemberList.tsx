import { Menu } from '@base-ui/react/menu';
import { answer } from '@pek/client';
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Ellipsis, UserPlus, UsersRound } from 'lucide-react';
import { useDeferredValue, useState } from 'react';
import { membersQuery, pek, sessionQuery, type Group, type GroupRef, type Membership, type MemberStatus } from '../../api';
import { shownName } from '../../names';
import { Avatar, Badge, Bones, Card, Empty, More, Problem } from '../../parts/basics';
import { FormDialog } from '../../parts/dialogs';
import { StatusBadge } from '../../parts/member';
import { useMessage } from '../../parts/problems';
import { tell, tellProblem } from '../../parts/toasts';
import { useDates, useTexts } from '../../texts';
import { useGroupTexts } from '../../texts/group';
import { AddMember } from './AddMember';
import { leadersPosts, stepsOf, useMemberStep, type Step } from './steps';

interface Props {
    group: Group;
    groupRef: GroupRef;
    mayEdit: boolean;
    mayHandOver: boolean;
}

const views = { members: ['NEWBIE', 'ACTIVE'], former: ['FORMER'], archived: ['ARCHIVED'] } as const satisfies Record<
    string,
    MemberStatus[]
>;
type View = keyof typeof views;

export function MemberList({ group, groupRef, mayEdit, mayHandOver }: Props) {
    const texts = useTexts();
    const [view, setView] = useState<View>('members');
    const [q, setQ] = useState('');
    const [adding, setAdding] = useState(false);
    const asked = useDeferredValue(q.trim());
    const query = useInfiniteQuery({ ...membersQuery(groupRef, [...views[view]], asked), placeholderData: (before) => before });
    const members = query.data?.pages.flatMap((page) => page.members) ?? [];
    const shownViews = (Object.keys(views) as View[]).filter((one) => one !== 'archived' || mayEdit || group.archivedMembersVisible);
    return (
        <Card
            title={texts.group.members}
            action={
                mayEdit &&
                !group.isArchived && (
                    <button type="button" className="button small" onClick={() => setAdding(true)}>
                        <UserPlus size={16} aria-hidden="true" />
                        {texts.steps.add}
                    </button>
                )
            }
        >
            <div className="list-tools">
                <div className="chips" role="group" aria-label={texts.group.status}>
                    {shownViews.map((one) => (
                        <button key={one} type="button" aria-pressed={view === one} onClick={() => setView(one)}>
                            {texts.group.views[one]}
                        </button>
                    ))}
                </div>
                <input
                    className="input small-input"
                    type="search"
                    maxLength={200}
                    value={q}
                    placeholder={texts.group.filter}
                    aria-label={texts.group.filter}
                    onChange={(event) => setQ(event.target.value)}
                />
            </div>
            {query.isError && (
                <div className="card-text">
                    <Problem error={query.error} retry={() => void query.refetch()} />
                </div>
            )}
            {query.isPending ? (
                <Bones />
            ) : query.isLoadingError ? null : members.length === 0 ? (
                <Empty icon={UsersRound} title={asked ? texts.search.none : texts.group.nobody[view]} />
            ) : (
                <ul className="rows">
                    {members.map((member) => (
                        <MemberRow
                            key={`${member.userId} ${member.via}`}
                            member={member}
                            groupRef={groupRef}
                            isOrganisation={group.parentId === ''}
                            isArchived={group.isArchived}
                            mayEdit={mayEdit}
                            mayHandOver={mayHandOver}
                        />
                    ))}
                </ul>
            )}
            <More query={query} />
            {adding && <AddMember groupRef={groupRef} onClose={() => setAdding(false)} />}
        </Card>
    );
}

type RowProps = Omit<Props, 'group'> & { member: Membership; isOrganisation: boolean; isArchived: boolean };

function MemberRow(props: RowProps) {
    const { member, mayEdit, mayHandOver } = props;
    const texts = useTexts();
    const dates = useDates();
    return (
        <li>
            <Avatar id={member.userId} name={shownName(texts, member.displayName)} version={member.avatarVersion} />
            <div className="grow">
                <Link className="title" to="/people/$user" params={{ user: member.userId }}>
                    {shownName(texts, member.displayName)}
                </Link>
                <div className="badges">
                    {member.isLeader && <Badge tone="accent">{texts.leader}</Badge>}
                    {member.status !== 'ACTIVE' && <StatusBadge status={member.status} />}
                    {member.posts.map((post) => (
                        <Badge key={post.kind + post.postTypeId}>
                            {post.name || texts.postKinds[post.kind as keyof typeof texts.postKinds]}
                        </Badge>
                    ))}
                    {member.flairs.map((flair) => (
                        <Badge key={flair} tone="info">
                            <span className="name">{flair}</span>
                        </Badge>
                    ))}
                    {member.via && <span className="muted small">{texts.group.via(member.via)}</span>}
                    {member.endTime && <span className="muted small">{texts.group.until(dates.day(member.endTime))}</span>}
                </div>
            </div>
            {(mayEdit || mayHandOver) && !member.via && <MemberMenu {...props} />}
        </li>
    );
}

type PostKind = (typeof leadersPosts)[number];
const asksFirst = new Set<Step>(['archive', 'inactivate', 'handOver']);

function MemberMenu({ member, groupRef, isOrganisation, isArchived, mayEdit, mayHandOver }: RowProps) {
    const texts = useTexts();
    const group = useGroupTexts();
    const step = useMemberStep(groupRef);
    const post = usePost(groupRef, member);
    const [asking, setAsking] = useState<Step>();
    const isMember = shownName(texts, member.displayName) !== texts.deleted && (member.status === 'NEWBIE' || member.status === 'ACTIVE');
    const { data: session } = useQuery(sessionQuery);
    const me = session?.user?.id;
    const steps = mayEdit ? stepsOf(member, me, isArchived, mayHandOver) : [];
    // Nobody takes it for themselves.
    if (mayHandOver && !isArchived && isMember && !member.isLeader && member.userId !== me) steps.push('handOver');
    const offered = isMember && mayEdit && mayHandOver && !isArchived ? leadersPosts : [];
    if (steps.length === 0 && offered.length === 0) return null;
    const choose = (chosen: Step) => (asksFirst.has(chosen) ? setAsking(chosen) : step.mutate({ step: chosen, member }));
    return (
        <>
            <Menu.Root modal={false}>
                <Menu.Trigger className="button quiet icon small" aria-label={texts.steps.menu(shownName(texts, member.displayName))}>
                    <Ellipsis size={18} aria-hidden="true" />
                </Menu.Trigger>
                <Menu.Portal>
                    <Menu.Positioner className="positioner" align="end" sideOffset={6}>
                        <Menu.Popup className="menu">
                            {steps.map((one) => (
                                <Menu.Item key={one} className={one === 'archive' ? 'item danger' : 'item'} onClick={() => choose(one)}>
                                    {texts.steps[one]}
                                </Menu.Item>
                            ))}
                            {steps.length > 0 && offered.length > 0 && <div className="rule" />}
                            {offered.length > 0 && <div className="head">{texts.steps.posts}</div>}
                            {offered.map((kind) => {
                                const has = member.posts.some((one) => one.kind === kind);
                                return (
                                    <Menu.CheckboxItem
                                        key={kind}
                                        className="item"
                                        checked={has}
                                        onCheckedChange={() => post.mutate({ kind, give: !has })}
                                    >
                                        {texts.postKinds[kind]}
                                    </Menu.CheckboxItem>
                                );
                            })}
                        </Menu.Popup>
                    </Menu.Positioner>
                </Menu.Portal>
            </Menu.Root>
            {asking && (
                <FormDialog
                    open
                    onClose={() => setAsking(undefined)}
                    title={group.ask[asking as 'archive'](shownName(texts, member.displayName))}
                    text={[group.why[asking as 'archive'], isOrganisation && asking === 'archive' && group.endsBelow]
                        .filter(Boolean)
                        .join(' ')}
                    action={texts.steps[asking]}
                    danger={asking === 'archive'}
                    onSubmit={() => step.mutateAsync({ step: asking, member })}
                />
            )}
        </>
    );
}

function usePost(groupRef: GroupRef, member: Membership) {
    const texts = useTexts();
    const message = useMessage();
    const client = useQueryClient();
    return useMutation({
        mutationFn: ({ kind, give }: { kind: PostKind; give: boolean }) =>
            answer(
                pek.POST(`/api/v1/realms/{realm}/groups/{groupId}/members/{userId}:${give ? 'givePost' : 'takePost'}`, {
                    params: { path: { ...groupRef, userId: member.userId } },
                    body: { kind, etag: member.etag },
                }),
            ),
        onSuccess: (_, { give }) =>
            tell(
                give
                    ? texts.steps.postGiven(shownName(texts, member.displayName))
                    : texts.steps.postTaken(shownName(texts, member.displayName)),
            ),
        onError: (error) => tellProblem(message(error)),
        onSettled: () => client.invalidateQueries({ queryKey: ['group', groupRef.realm, groupRef.groupId, 'members'] }),
    });
}
