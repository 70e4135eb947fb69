import { useQueries, useQuery } from '@tanstack/react-query';
import { deletedUser, PekError } from '@pek/client';
import { fullName, profileQuery } from '../pages/Person';

const personQuery = (id: string) => ({ ...profileQuery(id), staleTime: 10 * 60_000, retry: false });

/** Of somebody of whom only the id is known; the id until the name is there, and `gone` when there is nobody to be seen any more. */
export function usePerson(id: string, gone = id) {
    const { data, error } = useQuery({ ...personQuery(id), enabled: id !== '' });
    const isGone = error instanceof PekError && error.kind === 'notFound';
    return { name: data ? fullName(data) : isGone ? gone : id, avatarVersion: data?.avatarVersion };
}

export function PersonName({ id, gone }: { id: string; gone?: string }) {
    return <span className="name">{usePerson(id, gone).name}</span>;
}

/** The people of a list, with the username behind a name that several of them have. */
export function useToldApart<Row extends { userId: string; displayName: string }>(people: readonly Row[]): readonly Row[] {
    const counts = new Map<string, number>();
    for (const { displayName } of people) counts.set(displayName, (counts.get(displayName) ?? 0) + 1);
    counts.delete(deletedUser);
    const same = people.filter(({ displayName }) => (counts.get(displayName) ?? 0) > 1);
    const answers = useQueries({ queries: same.map(({ userId }) => personQuery(userId)) });
    if (same.length === 0) return people;
    const usernames = new Map(same.map(({ userId }, i) => [userId, answers[i]?.data?.username ?? userId]));
    return people.map((row) => {
        const username = usernames.get(row.userId);
        return username === undefined ? row : { ...row, displayName: `${row.displayName} @${username}` };
    });
}
