// What people have said, one below the other: of comments and of messages.
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { Avatar } from '../../parts/basics';
import { PersonName, usePerson } from '../../parts/person';
import { useDates, useTexts } from '../../texts';

interface SaidProps {
    by: string;
    time: string | undefined;
    text: string;
    badge?: ReactNode;
    actions?: ReactNode;
}

/** Somebody who is named in what the realm says. */
export function Named({ id }: { id: string }) {
    const { deleted } = useTexts();
    return (
        <Link className="name" to="/people/$user" params={{ user: id }}>
            <PersonName id={id} gone={deleted} />
        </Link>
    );
}

export function Said({ by, time, text, badge, actions }: SaidProps) {
    const dates = useDates();
    const { name, avatarVersion } = usePerson(by, useTexts().deleted);
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
