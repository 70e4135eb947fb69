import type { MemberStatus } from '../api';
import { useTexts } from '../texts';
import { Badge, type Tone } from './basics';

const tones: Record<string, Tone> = { APPLIED: 'warn', NEWBIE: 'info', ACTIVE: 'ok', FORMER: 'plain', ARCHIVED: 'plain' };

export function StatusBadge({ status }: { status: MemberStatus }) {
    const texts = useTexts();
    return <Badge tone={tones[status] ?? 'plain'}>{texts.statuses[status]}</Badge>;
}
