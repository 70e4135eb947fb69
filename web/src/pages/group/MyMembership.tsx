// What the caller is in a group, and what they can do about it: apply, withdraw, leave.
import { answer } from '@pek/client';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { membershipsQuery, pek, sessionQuery, type Group, type Belonging, type GroupRef } from '../../api';
import { Badge } from '../../parts/basics';
import { FormDialog } from '../../parts/dialogs';
import { StatusBadge } from '../../parts/member';
import { useMessage } from '../../parts/problems';
import { tell, tellProblem } from '../../parts/toasts';
import { useTexts } from '../../texts';
import { useGroupTexts } from '../../texts/group';

type Step = 'apply' | 'withdraw' | 'leave';
type Memberships = { memberships: Belonging[] };

const after: Record<Step, Belonging['status'] | undefined> = { apply: 'APPLIED', withdraw: undefined, leave: 'ARCHIVED' };

export function useMyMembership({ realm, groupId }: GroupRef): Belonging | undefined {
    const { data } = useQuery(membershipsQuery('me'));
    return data?.memberships.find((one) => one.realm === realm && one.groupId === groupId);
}

export function MyMembership({ groupRef, group }: { groupRef: GroupRef; group?: Group }) {
    const texts = useTexts();
    const { endsBelow } = useGroupTexts();
    const message = useMessage();
    const client = useQueryClient();
    const mine = useMyMembership(groupRef);
    const [leaving, setLeaving] = useState(false);
    const { data: session } = useQuery(sessionQuery);
    const key = membershipsQuery('me').queryKey;

    const step = useMutation({
        mutationFn: (what: Step) =>
            answer(
                pek.POST(`/api/v1/realms/{realm}/groups/{groupId}/members:${what}`, {
                    params: { path: groupRef },
                    body: {},
                }),
            ),
        // Shown at once, and taken back when the realm says no.
        onMutate: async (what) => {
            await client.cancelQueries({ queryKey: key });
            const before = client.getQueryData(key);
            const status = after[what];
            client.setQueryData(key, (data: typeof before) => data && changed(data, groupRef, status));
            return { before };
        },
        onError: (error, _, context) => {
            if (context) client.setQueryData(key, context.before);
            tellProblem(message(error));
        },
        onSuccess: (_, what) => tell(texts.mine.done[what]),
        onSettled: () =>
            Promise.all([
                client.invalidateQueries({ queryKey: key }),
                client.invalidateQueries({ queryKey: ['group', groupRef.realm, groupRef.groupId] }),
                client.invalidateQueries(sessionQuery),
            ]),
    });

    if (!session) return null;
    const status = mine?.status;
    const isMember = status === 'NEWBIE' || status === 'ACTIVE';
    const mayApply = !group || (group.usersCanApply && !group.isArchived);
    return (
        <div className="my-membership">
            {isMember && mine && (mine.isLeader ? <Badge tone="accent">{texts.mine.leader}</Badge> : <StatusBadge status={mine.status} />)}
            {status === 'APPLIED' ? (
                <>
                    <StatusBadge status="APPLIED" />
                    <button type="button" className="button" disabled={step.isPending} onClick={() => step.mutate('withdraw')}>
                        {texts.mine.withdraw}
                    </button>
                </>
            ) : isMember ? (
                (!mine?.isLeader || group?.isArchived) && (
                    <button type="button" className="button" onClick={() => setLeaving(true)}>
                        {texts.mine.leave}
                    </button>
                )
            ) : (
                mayApply &&
                status !== 'FORMER' && (
                    <button type="button" className="button primary" disabled={step.isPending} onClick={() => step.mutate('apply')}>
                        {texts.mine.apply}
                    </button>
                )
            )}
            {status === 'FORMER' && <StatusBadge status="FORMER" />}
            {!mayApply && !mine && <span className="muted small">{texts.mine.closed}</span>}
            <FormDialog
                open={leaving}
                onClose={() => setLeaving(false)}
                title={texts.mine.leaveTitle(group?.name ?? groupRef.groupId)}
                text={group?.parentId === '' ? `${texts.mine.leaveText} ${endsBelow}` : texts.mine.leaveText}
                action={texts.mine.leave}
                danger
                onSubmit={() => step.mutateAsync('leave')}
            />
        </div>
    );
}

/** The list as it will be. What is new in it has only what is shown. */
function changed<Data extends Memberships>(data: Data, { realm, groupId }: GroupRef, status: Belonging['status'] | undefined): Data {
    const others = data.memberships.filter((one) => one.realm !== realm || one.groupId !== groupId);
    const mine = data.memberships.find((one) => one.realm === realm && one.groupId === groupId);
    if (!status) return { ...data, memberships: others };
    const next = { ...(mine ?? { realm, groupId, groupName: groupId, isLeader: false, posts: [] }), status };
    return { ...data, memberships: [...others, next] };
}
