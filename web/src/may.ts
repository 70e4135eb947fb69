import { useQueries, useQuery } from '@tanstack/react-query';
import { evaluationRightsQuery, mayQuery, sessionQuery, type Action, type GroupRef } from './api';

/** A realm that does not know the caller gives them nothing. */
function useKnown(realm: string | undefined): boolean {
  const { data: session } = useQuery(sessionQuery);
  return session?.realms.some((one) => one.realm === realm && one.known) === true;
}

/** Whether the caller may do something to a group: what is shown for it. The realm decides each time anew. */
export function useMay({ realm, groupId }: GroupRef, action: Action): boolean {
  const { data } = useQuery({ ...mayQuery(realm, action, { groupId }), enabled: useKnown(realm) });
  return data?.allowed === true;
}

const noRights = { views: false, writes: false, leads: false, judges: false, accepts: false };

/** The same of a group's evaluation; nothing until it is known. */
export function useEvaluationRights(ref: GroupRef): typeof noRights {
  return useQuery({ ...evaluationRightsQuery(ref), enabled: useKnown(ref.realm) }).data ?? noRights;
}

/** The realms in which the caller may found an organisation, as far as they have answered. */
export function useRealmsToFoundIn(): { realms: string[]; asking: boolean; missing: string[]; again: () => void } {
  const { data: session } = useQuery(sessionQuery);
  const known = session?.realms.filter((one) => one.known).map(({ realm }) => realm) ?? [];
  const answers = useQueries({ queries: known.map((realm) => mayQuery(realm, 'GOD')) });
  return {
    realms: known.filter((_, i) => answers[i]?.data?.allowed),
    asking: session === undefined || answers.some(({ isPending }) => isPending),
    missing: known.filter((_, i) => answers[i]?.isError),
    again: () => answers.forEach((one) => void (one.isError && one.refetch())),
  };
}

export function useMayInRealm(realm: string | undefined, action: Action): boolean {
  const { data } = useQuery({ ...mayQuery(realm ?? '', action), enabled: useKnown(realm) });
  return data?.allowed === true;
}
