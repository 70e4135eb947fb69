// What editors of members do to one. Shown at once, and taken back when the realm says no.
import { answer } from '@pek/client';
import { useMutation, useQueryClient, type InfiniteData } from '@tanstack/react-query';
import { pek, type GroupRef, type Membership, type MemberStatus } from '../../api';
import { shownName } from '../../names';
import { useMessage } from '../../parts/problems';
import { tell, tellProblem } from '../../parts/toasts';
import { useTexts } from '../../texts';

export type Step = 'accept' | 'reject' | 'promote' | 'inactivate' | 'reactivate' | 'archive' | 'unarchive' | 'handOver';

/** From what to what; '': it goes. What is not here changes something else. */
const leadsTo: Partial<Record<Step, MemberStatus | ''>> = {
  accept: 'NEWBIE',
  reject: '',
  promote: 'ACTIVE',
  inactivate: 'FORMER',
  reactivate: 'ACTIVE',
  archive: 'ARCHIVED',
  unarchive: 'ACTIVE',
};

const stepsFrom: Record<string, Step[]> = {
  APPLIED: ['accept', 'reject'],
  NEWBIE: ['promote', 'archive'],
  ACTIVE: ['inactivate', 'archive'],
  FORMER: ['reactivate', 'archive'],
  ARCHIVED: ['unarchive'],
};

/** Posts that every group has, which its leader alone gives and takes. */
export const leadersPosts = ['LEADER_ASSISTANT', 'EVALUATION_HELPER', 'FINANCIAL_OFFICER'] as const;

/** One leaves by oneself, and who has a post that only the leader takes is let go by them. */
const mayEnd = ({ userId, posts }: Membership, me: string | undefined, mayHandOver: boolean) =>
  userId !== me && (mayHandOver || !posts.some(({ kind }) => leadersPosts.some((one) => one === kind)));

/** What an editor of members may do to one. In an archived group memberships only end, and that of who leads it by who may replace them. */
export const stepsOf = (member: Membership, me: string | undefined, isArchived: boolean, mayHandOver: boolean): Step[] =>
  member.isLeader && !(isArchived && mayHandOver)
    ? []
    : (stepsFrom[member.status] ?? []).filter((step) =>
        step === 'archive' || step === 'inactivate'
          ? mayEnd(member, me, mayHandOver) && !(isArchived && step === 'inactivate')
          : !isArchived || step === 'reject',
      );

type Lists = InfiniteData<{ members: Membership[] }>;

function withStep(data: Lists | undefined, statuses: MemberStatus[], userId: string, status: MemberStatus | ''): Lists | undefined {
  if (!data) return data;
  const stays = status !== '' && (statuses.length === 0 || statuses.includes(status));
  const page = (members: Membership[]) =>
    members.flatMap((member) => (member.userId !== userId ? [member] : stays ? [{ ...member, status: status as MemberStatus }] : []));
  return { ...data, pages: data.pages.map((one) => ({ ...one, members: page(one.members) })) };
}

export interface MemberStep {
  step: Step;
  member: Membership;
}

/** `asks`: a refusal that leads to a question, which says why, is not told in the corner. */
export function useMemberStep(ref: GroupRef, asks?: (error: unknown, refused: MemberStep) => boolean) {
  const client = useQueryClient();
  const texts = useTexts();
  const message = useMessage();
  const lists = { queryKey: ['group', ref.realm, ref.groupId, 'members'] };
  return useMutation({
    mutationFn: ({ step, member }: MemberStep) =>
      answer(
        pek.POST(`/api/v1/realms/{realm}/groups/{groupId}/members/{userId}:${step}`, {
          params: { path: { ...ref, userId: member.userId } },
          body: { etag: member.etag },
        }),
      ),
    onMutate: async ({ step, member }) => {
      await client.cancelQueries(lists);
      const before = client.getQueriesData<Lists>(lists);
      const status = leadsTo[step];
      if (status === undefined) return { before };
      for (const [key, data] of before) client.setQueryData(key, withStep(data, key[4] as MemberStatus[], member.userId, status));
      return { before };
    },
    onError: (error, refused, context) => {
      context?.before.forEach(([key, data]) => client.setQueryData(key, data));
      if (!asks?.(error, refused)) tellProblem(message(error));
    },
    onSuccess: (_, { step, member }) => tell(texts.steps.done[step](shownName(texts, member.displayName))),
    onSettled: () =>
      Promise.all([
        client.invalidateQueries(lists),
        client.invalidateQueries({ queryKey: ['memberships'] }),
        client.invalidateQueries({ queryKey: ['waiting', ref.realm, ref.groupId] }),
        client.invalidateQueries({ queryKey: ['may', ref.realm] }),
      ]),
  });
}
