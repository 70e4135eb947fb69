import { useQuery } from '@tanstack/react-query';
import { mayQuery, sessionQuery, type Action, type GroupRef } from './api';

/** Whether the caller may do something to a group: what is shown for it. The realm decides each time anew. */
export function useMay({ realm, groupId }: GroupRef, action: Action): boolean {
  const { data: session } = useQuery(sessionQuery);
  const known = session?.realms.some((one) => one.realm === realm && one.known) === true;
  const { data } = useQuery({ ...mayQuery(realm, action, { groupId }), enabled: known });
  return data?.allowed === true;
}

export function useMayInRealm(realm: string | undefined, action: Action): boolean {
  const { data: session } = useQuery(sessionQuery);
  const known = session?.realms.some((one) => one.realm === realm && one.known) === true;
  const { data } = useQuery({ ...mayQuery(realm ?? '', action), enabled: known });
  return data?.allowed === true;
}
