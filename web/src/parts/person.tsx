import { useQuery } from '@tanstack/react-query';
import { fullName, profileQuery } from '../pages/Person';

/** Of somebody of whom only the id is known; the id until the name is there. */
export function usePersonName(id: string): string {
    const { data } = useQuery({ ...profileQuery(id), staleTime: 10 * 60_000, retry: false, enabled: id !== '' });
    return data ? fullName(data) : id;
}

export function PersonName({ id }: { id: string }) {
    return <span className="name">{usePersonName(id)}</span>;
}
