import { answer } from '@pek/client';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { pek, type GroupRef } from '../../api';
import { shownName } from '../../names';
import { FormDialog } from '../../parts/dialogs';
import { SelectField } from '../../parts/fields';
import { PickField, type Picked } from '../../parts/PickField';
import { tell } from '../../parts/toasts';
import { useTexts } from '../../texts';

/** A member without an application: somebody whom one finds, by name. */
export function AddMember({ groupRef, onClose }: { groupRef: GroupRef; onClose: () => void }) {
    const texts = useTexts();
    const client = useQueryClient();
    const [person, setPerson] = useState<Picked | null>(null);

    const submit = async (form: FormData) => {
        const member = await answer(
            pek.POST('/api/v1/realms/{realm}/groups/{groupId}/members:add', {
                params: { path: groupRef },
                body: { userId: person?.id ?? '', status: form.get('status') === 'NEWBIE' ? 'NEWBIE' : 'ACTIVE' },
            }),
        );
        tell(texts.steps.added(shownName(texts, member.displayName)));
        await client.invalidateQueries({ queryKey: ['group', groupRef.realm, groupRef.groupId] });
    };

    return (
        <FormDialog
            open
            onClose={onClose}
            title={texts.steps.add}
            action={texts.steps.addAction}
            disabled={!person}
            fields={['userId']}
            onSubmit={submit}
        >
            {(at) => (
                <>
                    <PickField
                        of={{ kind: 'person' }}
                        label={texts.steps.who}
                        value={person}
                        onPick={setPerson}
                        problem={at('userId')}
                        required
                    />
                    <SelectField label={texts.group.status} name="status" defaultValue="ACTIVE">
                        <option value="ACTIVE">{texts.statuses.ACTIVE}</option>
                        <option value="NEWBIE">{texts.statuses.NEWBIE}</option>
                    </SelectField>
                </>
            )}
        </FormDialog>
    );
}
