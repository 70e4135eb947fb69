import { Link } from '@tanstack/react-router';
import { groupOfLink, type Notification } from '../api';
import { shownName } from '../names';
import { useDates, useTexts, type Texts } from '../texts';
import { Avatar } from './basics';

/** What a post is called; of an evaluation its semester and parts, in brackets. */
function detailOf(texts: Texts, { kind, detail }: Notification): string {
    const named = { ...texts.postKinds, ...texts.evaluationParts } as Record<string, string>;
    if (!kind.startsWith('EVALUATION')) return named[detail] ?? detail;
    const words = detail.split(/[ ,]/).map((word) => named[word] ?? word);
    return detail === '' ? '' : ` (${words.join(', ')})`;
}

/** One sentence: who did what, where. */
export function sentenceOf(texts: Texts, notification: Notification): string {
    const say = texts.kinds[notification.kind as keyof Texts['kinds']] ?? texts.kinds.UNKNOWN;
    return say({
        actor: shownName(texts, notification.actorName) || texts.somebody,
        subject: shownName(texts, notification.subjectName) || texts.somebody,
        title: notification.title,
        detail: detailOf(texts, notification),
    });
}

export function NotificationRow({ notification }: { notification: Notification }) {
    const texts = useTexts();
    const dates = useDates();
    const ref = groupOfLink(notification.link);
    const of = notification.kind.startsWith('EVALUATION') ? notification.detail.split(' ')[0] : undefined;
    const about = of === undefined ? '/realms/$realm/groups/$groupId' : '/realms/$realm/groups/$groupId/scoreboards';
    const sentence = sentenceOf(texts, notification);
    return (
        <li className={ref ? 'linked' : ''}>
            <Avatar
                id={notification.actorId || notification.id}
                name={shownName(texts, notification.actorName)}
                version={notification.actorAvatarVersion}
            />
            <div className="grow">
                {ref ? (
                    <Link className={notification.seen ? 'title seen' : 'title'} to={about} params={ref} search={{ of }}>
                        {sentence}
                    </Link>
                ) : (
                    <span className="title">{sentence}</span>
                )}
                <div className="muted small">
                    {notification.createTime && dates.ago(notification.createTime)} · {notification.realm}
                </div>
            </div>
            {!notification.seen && <span className="dot unseen" role="img" aria-label={texts.notifications.unseen} />}
        </li>
    );
}
