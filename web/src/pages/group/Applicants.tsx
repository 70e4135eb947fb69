import { PekError, answer } from '@pek/client';
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Check, X } from 'lucide-react';
import { useState } from 'react';
import { membersQuery, pek, type GroupRef, type Membership } from '../../api';
import { shownName } from '../../names';
import { Avatar, Card, More } from '../../parts/basics';
import { FormDialog } from '../../parts/dialogs';
import { useMessage } from '../../parts/problems';
import { tell, tellProblem } from '../../parts/toasts';
import { useDates, useTexts } from '../../texts';
import { useGroupTexts } from '../../texts/group';
import { useMemberStep } from './steps';

/** Who waits for an answer, which of an archived group can only be no. Not there when nobody does. */
export function Applicants({ groupRef, isArchived }: { groupRef: GroupRef; isArchived: boolean }) {
    const texts = useTexts();
    const { ask } = useGroupTexts();
    const dates = useDates();
    const message = useMessage();
    const client = useQueryClient();
    const query = useInfiniteQuery(membersQuery(groupRef, ['APPLIED']));
    const [kept, setKept] = useState<{ member: Membership; why: string }>();
    const step = useMemberStep(groupRef, (error, { step, member }) => {
        if (step !== 'reject' || !(error instanceof PekError) || error.reason !== 'MEMBER_HAS_POINTS') return false;
        setKept({ member, why: message(error) });
        return true;
    });
    const applicants = query.data?.pages.flatMap((page) => page.members) ?? [];
    const acceptAll = useMutation({
        mutationFn: () =>
            answer(
                pek.POST('/api/v1/realms/{realm}/groups/{groupId}/members:batchAccept', {
                    params: { path: groupRef },
                    body: { userIds: applicants.slice(0, 100).map(({ userId }) => userId) },
                }),
            ),
        onSuccess: ({ members }) => tell(texts.steps.acceptedAll(members.length)),
        onError: (error) => tellProblem(message(error)),
        onSettled: () =>
            Promise.all([
                client.invalidateQueries({ queryKey: ['group', groupRef.realm, groupRef.groupId] }),
                client.invalidateQueries({ queryKey: ['waiting', groupRef.realm, groupRef.groupId] }),
            ]),
    });

    // Who is turned down is out of the list until the realm says no.
    if (applicants.length === 0 && !kept) return null;
    return (
        <Card
            id="applicants"
            title={texts.group.applicants}
            action={
                applicants.length > 1 &&
                !isArchived && (
                    <button type="button" className="button small" disabled={acceptAll.isPending} onClick={() => acceptAll.mutate()}>
                        {texts.steps.acceptAll}
                    </button>
                )
            }
        >
            <ul className="rows">
                {applicants.map((member) => (
                    <li key={member.userId}>
                        <Avatar id={member.userId} name={shownName(texts, member.displayName)} version={member.avatarVersion} />
                        <div className="grow">
                            <Link className="title" to="/people/$user" params={{ user: member.userId }}>
                                {shownName(texts, member.displayName)}
                            </Link>
                            <div className="muted small">{member.statusTime && dates.ago(member.statusTime)}</div>
                        </div>
                        <button
                            type="button"
                            className="button small icon-on-phone"
                            onClick={() => step.mutate({ step: 'reject', member })}
                            aria-label={texts.steps.label.reject(shownName(texts, member.displayName))}
                        >
                            <X size={16} aria-hidden="true" />
                            <span className="long">{texts.steps.reject}</span>
                        </button>
                        {!isArchived && (
                            <button
                                type="button"
                                className="button small primary icon-on-phone"
                                onClick={() => step.mutate({ step: 'accept', member })}
                                aria-label={texts.steps.label.accept(shownName(texts, member.displayName))}
                            >
                                <Check size={16} aria-hidden="true" />
                                <span className="long">{texts.steps.accept}</span>
                            </button>
                        )}
                    </li>
                ))}
            </ul>
            <More query={query} />
            {kept && (
                <FormDialog
                    open
                    onClose={() => setKept(undefined)}
                    title={ask.application(shownName(texts, kept.member.displayName))}
                    text={kept.why}
                    action={texts.steps.archive}
                    danger
                    onSubmit={() => step.mutateAsync({ step: 'archive', member: kept.member })}
                />
            )}
        </Card>
    );
}
