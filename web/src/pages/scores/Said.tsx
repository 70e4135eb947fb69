// What people have said, one below the other: of comments and of messages.
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { Avatar } from '../../parts/basics';
import { useDates } from '../../texts';
import { fullName, profileQuery } from '../Person';

interface SaidProps {
    by: string;
    time: string | undefined;
    text: string;
    badge?: ReactNode;
    actions?: ReactNode;
}

/** Who is called what, as far as one may know; else their id. */
function usePerson(id: string) {
    const { data: person } = useQuery({ ...profileQuery(id), staleTime: 10 * 60_000, retry: false, enabled: id !== '' });
    return { name: person ? fullName(person) : id, avatarVersion: person?.avatarVersion };
}

/** Somebody who is named in what the realm says. */
export function Named({ id }: { id: string }) {
    return (
        <Link className="name" to="/people/$user" params={{ user: id }}>
            {usePerson(id).name}
        </Link>
    );
}

export function Said({ by, time, text, badge, actions }: SaidProps) {
    const dates = useDates();
    const { name, avatarVersion } = usePerson(by);
    return (
        <li className="said">
            <Avatar id={by} name={name} size="small" version={avatarVersion} />
            <div className="grow">
                <p className="said-head">
                    <Link className="title name" to="/people/$user" params={{ user: by }}>
                        {name}
                    </Link>
                    {time && (
                        <time className="muted small" dateTime={time} title={dates.time(time)}>
                            {dates.ago(time)}
                        </time>
                    )}
                    {badge}
                    {actions}
                </p>
                <p className="text">{text}</p>
            </div>
        </li>
    );
}
