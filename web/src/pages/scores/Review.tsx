// What a judge says of one card: sent at once, and taken back when the realm says no.
import { answer } from '@pek/client';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
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
    // Shown from the click on: a mutation tells of itself only a moment later, and the field would jump back meanwhile.
    const [asked, setAsked] = useState<Change>();
    const review = useMutation({
        mutationFn: (change: Change) =>
            answer(
                pek.PATCH('/api/v1/realms/{realm}/groups/{groupId}/scoreboards/{scoreboardId}/entries/{userId}', {
                    params: { path: { realm, groupId, scoreboardId, userId } },
                    body: { ...change, etag: entry.etag },
                }),
            ),
        onError: (error) => tellProblem(message(error)),
        onSettled: async () => {
            await Promise.all([
                client.invalidateQueries({ queryKey: ['scoreboard', realm, scoreboardId] }),
                client.invalidateQueries({ queryKey: ['entry-reviews', realm] }),
            ]);
            setAsked(undefined);
        },
    });
    const change = (wanted: Change) => {
        setAsked(wanted);
        review.mutate(wanted);
    };
    return { shown: { ...entry, ...asked }, busy: asked !== undefined, change };
}

/** The recommendation is of whoever judges by a right on the group above; that it is final, of whoever accepts. */
export function Review({ entry, seen }: { entry: Entry; seen: { rights: { accepts: boolean }; group: { parentId: string } } }) {
    const scores = useScoreTexts();
    const { shown, busy, change } = useReview(entry);
    return (
        <div className="review">
            {seen.group.parentId !== '' && (
                <Choice
                    legend={scores.entry.recommend}
                    value={entryTypes.find((type) => type === shown.recommendation)}
                    disabled={busy}
                    onChange={(recommendation) => change({ recommendation })}
                    options={entryTypes.map((type) => ({ value: type, label: type }))}
                />
            )}
            {seen.rights.accepts && (
                <SwitchRow
                    label={scores.entry.final}
                    hint={scores.entry.finalHint}
                    checked={shown.finalized}
                    disabled={busy}
                    onChange={(finalized) => change({ finalized })}
                />
            )}
        </div>
    );
}
