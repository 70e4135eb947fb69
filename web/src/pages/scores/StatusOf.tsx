import { Badge, type Tone } from '../../parts/basics';
import type { Status } from '../../standing';
import { useScoreTexts } from '../../texts/scores';

const tones: Partial<Record<Status, Tone>> = { SUBMITTED: 'warn', ACCEPTED: 'ok', REJECTED: 'bad' };

/** Of points, or of entry cards: each has a status of its own. */
export function StatusOf({ label, status }: { label: string; status: Status }) {
    const scores = useScoreTexts();
    return (
        <Badge tone={tones[status] ?? 'plain'}>
            {label}: {scores.statuses[status]}
        </Badge>
    );
}
