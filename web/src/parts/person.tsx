import { useQuery } from '@tanstack/react-query';
import { PekError } from '@pek/client';
import { fullName, profileQuery } from '../pages/Person';

/** Of somebody of whom only the id is known; the id until the name is there, and `gone` when there is nobody to be seen any more. */
export function usePerson(id: string, gone = id) {
    const { data, error } = useQuery({ ...profileQuery(id), staleTime: 10 * 60_000, retry: false, enabled: id !== '' });
    const isGone = error instanceof PekError && error.kind === 'notFound';
    return { name: data ? fullName(data) : isGone ? gone : id, avatarVersion: data?.avatarVersion };
}

export function PersonName({ id, gone }: { id: string; gone?: string }) {
    return <span className="name">{usePerson(id, gone).name}</span>;
}
