// What a judge says of one card: sent at once, and taken back when the realm says no.
import { answer, idempotencyKey } from '@pek/client';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { pek } from '../../api';
import { SwitchRow } from '../../parts/fields';
import { useMessage } from '../../parts/problems';
import { tellProblem } from '../../parts/toasts';
import { useScoreTexts } from '../../texts/scores';
import { Choice } from './Choice';
import { entryTypes, type Entry, type EntryType } from './queries';

type Change = { recommendation: EntryType } | { type: EntryType } | { finalized: boolean };

export function useReview(entry: Entry) {
    const message = useMessage();
    const client = useQueryClient();
    const { realm, groupId, scoreboardId, userId } = entry;
    const review = useMutation({
        mutationFn: (change: Change) =>
            answer(
                pek.PATCH('/api/v1/realms/{realm}/groups/{groupId}/scoreboards/{scoreboardId}/entries/{userId}', {
                    params: { path: { realm, groupId, scoreboardId, userId }, header: idempotencyKey() },
                    body: { ...change, etag: entry.etag },
                }),
            ),
        onError: (error) => tellProblem(message(error)),
        onSettled: () =>
            Promise.all([
                client.invalidateQueries({ queryKey: ['scoreboard', realm, scoreboardId] }),
                client.invalidateQueries({ queryKey: ['entry-reviews', realm] }),
            ]),
    });
    return { shown: review.isPending ? { ...entry, ...review.variables } : entry, review };
}

/** The recommendation is of whoever judges by a right on the group above; that it is final, of whoever accepts. */
export function Review({ entry, seen }: { entry: Entry; seen: { rights: { accepts: boolean }; group: { parentId: string } } }) {
    const scores = useScoreTexts();
    const { shown, review } = useReview(entry);
    return (
        <div className="review">
            {seen.group.parentId !== '' && (
                <Choice
                    legend={scores.entry.recommend}
                    value={entryTypes.find((type) => type === shown.recommendation)}
                    disabled={review.isPending}
                    onChange={(recommendation) => review.mutate({ recommendation })}
                    options={entryTypes.map((type) => ({ value: type, label: type }))}
                />
            )}
            {seen.rights.accepts && (
                <SwitchRow
                    label={scores.entry.final}
                    hint={scores.entry.finalHint}
                    checked={shown.finalized}
                    disabled={review.isPending}
                    onChange={(finalized) => review.mutate({ finalized })}
                />
            )}
        </div>
    );
}
