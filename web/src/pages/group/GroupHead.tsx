// What is above every page of a group: where it is, what it is, and the ways to its pages.
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { ChevronRight } from 'lucide-react';
import { ancestorsQuery, groupQuery, type Group, type GroupRef } from '../../api';
import { useEvaluationRights, useMay } from '../../may';
import { Avatar, Badge, PageTitle, RealmBadge } from '../../parts/basics';
import { useTexts } from '../../texts';

/** `page`: which of the pages of the group it is above; the first of them has no name but the group's. */
export function GroupHead({ group, page, children }: { group: Group; page?: string; children?: React.ReactNode }) {
    const texts = useTexts();
    const ref = { realm: group.realm, groupId: group.id };
    const { data: ancestors = [] } = useQuery({ ...ancestorsQuery(ref), enabled: group.parentId !== '' });
    const { views, judges } = useEvaluationRights(ref);
    const mayEdit = useMay(ref, 'EDIT_GROUP_PROFILE');
    const mayMove = useMay(ref, 'MOVE_GROUP_OWNER');
    return (
        <div className="group-head">
            <nav className="crumbs" aria-label={texts.group.path}>
                <ol>
                    {ancestors.map((ancestor) => (
                        <li key={ancestor.id}>
                            <Link
                                className="name"
                                to="/realms/$realm/groups/$groupId"
                                params={{ realm: ancestor.realm, groupId: ancestor.id }}
                            >
                                {ancestor.name}
                            </Link>
                            <ChevronRight size={14} aria-hidden="true" />
                        </li>
                    ))}
                </ol>
            </nav>
            <div className="group-title">
                <Avatar kind="group" size="large" id={group.id} name={group.name} />
                <div className="grow">
                    <PageTitle className="name" page={page}>
                        {group.name}
                    </PageTitle>
                    <div className="badges">
                        {group.isArchived && <Badge tone="warn">{texts.group.archived}</Badge>}
                        <Badge>{texts.purposes[group.purpose]}</Badge>
                        {group.isCommunity && <Badge>{texts.group.flags.isCommunity}</Badge>}
                        {group.isResort && <Badge>{texts.group.flags.isResort}</Badge>}
                        {group.isTaskForce && <Badge>{texts.group.flags.isTaskForce}</Badge>}
                        <RealmBadge realm={group.realm} />
                    </div>
                </div>
                {children}
            </div>
            <nav className="tabs" aria-label={texts.group.pages}>
                <Link to="/realms/$realm/groups/$groupId" params={ref} activeOptions={{ exact: true }}>
                    {texts.group.members}
                </Link>
                {(views || judges) && (
                    <Link to="/realms/$realm/groups/$groupId/scoreboards" params={ref}>
                        {texts.group.evaluations}
                    </Link>
                )}
                {views && (
                    <Link to="/realms/$realm/groups/$groupId/history" params={ref}>
                        {texts.group.history}
                    </Link>
                )}
                {(mayEdit || mayMove) && (
                    <Link to="/realms/$realm/groups/$groupId/settings" params={ref}>
                        {texts.group.settings}
                    </Link>
                )}
            </nav>
        </div>
    );
}

/** The same, when the group is there. */
export function GroupHeadOf({ groupRef, page }: { groupRef: GroupRef; page: string }) {
    const texts = useTexts();
    const { data: group, isLoadingError } = useQuery(groupQuery(groupRef));
    if (isLoadingError) return <PageTitle>{texts.pageMissing}</PageTitle>;
    return group ? <GroupHead group={group} page={page} /> : null;
}
