// The way out: for good, so that it asks for a word that one does not type by accident.
import { answer } from '@pek/client';
import { UserX } from 'lucide-react';
import { useState } from 'react';
import { pek, type Profile } from '../../api';
import { FormDialog } from '../../parts/dialogs';
import { TextField } from '../../parts/fields';
import { useProfileTexts } from '../../texts/profile';

export function DeleteAccount({ profile }: { profile: Profile }) {
    const own = useProfileTexts();
    const [open, setOpen] = useState(false);
    const [typed, setTyped] = useState('');
    const remove = async (form: FormData) => {
        await answer(
            pek.DELETE('/api/v1/users/{user}', {
                params: { path: { user: 'me' }, query: { abandonRealms: form.get('overrule') === 'on' } },
            }),
        );
        // Nothing of what was seen stays in memory.
        location.assign('/');
    };
    return (
        <section className="card padded stack tight">
            <h2>{own.deleteTitle}</h2>
            <p className="muted small">{own.deleteHint}</p>
            <div className="actions">
                <button type="button" className="button danger" onClick={() => setOpen(true)}>
                    <UserX size={17} aria-hidden="true" />
                    {own.deleteAction}
                </button>
            </div>
            <FormDialog
                open={open}
                onClose={() => {
                    setTyped('');
                    setOpen(false);
                }}
                title={own.deleteAsk}
                text={own.deleteText}
                action={own.deleteAction}
                danger
                disabled={typed.trim() !== profile.username}
                overrule={{ REALM_ADMINISTRATOR: own.deleteOverrule }}
                onSubmit={remove}
            >
                <TextField
                    label={own.deleteConfirm(profile.username)}
                    value={typed}
                    autoCapitalize="none"
                    onChange={({ target }) => setTyped(target.value)}
                />
            </FormDialog>
        </section>
    );
}
