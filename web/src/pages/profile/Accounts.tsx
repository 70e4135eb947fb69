// Accounts elsewhere: a short list, which is sent as a whole.
import { answer } from '@pek/client';
import { useMutation } from '@tanstack/react-query';
import { Plus, X } from 'lucide-react';
import { useState, type FormEvent } from 'react';
import { pek, type Profile } from '../../api';
import { Card, Note } from '../../parts/basics';
import { Leaving } from '../../parts/dialogs';
import { Meanwhile } from '../../parts/edits';
import { SelectField, TextField } from '../../parts/fields';
import { useMessage } from '../../parts/problems';
import { tell } from '../../parts/toasts';
import { useTexts, type Texts } from '../../texts';
import { useProfileTexts } from '../../texts/profile';
import { refreshProfile } from './queries';

type Account = Profile['externalAccounts'][number];

type Known = keyof Texts['person']['protocols'];
// What people use first, what is gone last.
const protocols = [
    'TELEGRAM',
    'FACEBOOK',
    'TWITTER',
    'GMAIL',
    'SCH_MAIL',
    'JABBER',
    'IRC',
    'CALL_SIGN',
    'EGGPLANT',
    'SKYPE',
    'GTALK',
    'HIMZEK',
] as const satisfies Known[];

const accountsMax = 20; // docs/people.md
const nameMax = 100;

/** With a number of its own, so that a row stays itself when one above it goes. */
interface Row extends Account {
    key: number;
}

/** `base` is what was there when it was begun. */
interface Written {
    rows: Row[];
    base: Account[];
}

const accountsOf = (rows: Row[]): Account[] => rows.map(({ protocol, accountName }) => ({ protocol, accountName: accountName.trim() }));
const same = (a: Account[], b: Account[]) => JSON.stringify(a) === JSON.stringify(b);

export function Accounts({ profile }: { profile: Profile }) {
    const texts = useTexts();
    const own = useProfileTexts();
    const message = useMessage();
    const { externalAccounts: there } = profile;
    // While nothing is written it is what is there.
    const [written, setWritten] = useState<Written>();
    const rows = written?.rows ?? there.map((account, key) => ({ ...account, key }));
    const setRows = (next: Row[]) => setWritten((before) => ({ rows: next, base: before?.base ?? there }));
    const next = Math.max(-1, ...rows.map(({ key }) => key)) + 1;
    const accounts = accountsOf(rows);
    const changed = !same(accounts, there);
    const isConflict = written !== undefined && !same(written.base, there) && changed;
    const save = useMutation({
        mutationFn: (externalAccounts: Account[]) =>
            answer(
                pek.PATCH('/api/v1/users/{user}/profile', {
                    params: { path: { user: 'me' } },
                    body: { externalAccounts, etag: profile.etag },
                }),
            ),
        onSuccess: async (_, sent) => {
            await refreshProfile();
            setWritten((now) => (now && !same(accountsOf(now.rows), sent) ? { ...now, base: sent } : undefined));
            tell(texts.saved);
        },
        onError: refreshProfile,
    });
    const submit = (event: FormEvent) => {
        event.preventDefault();
        save.mutate(accounts);
    };
    const say = ({ protocol, accountName }: Account) => `${texts.person.protocols[protocol as Known] ?? protocol} ${accountName}`;
    const set = (key: number, change: Partial<Account>) => setRows(rows.map((row) => (row.key === key ? { ...row, ...change } : row)));
    const add = () => {
        const used = new Set(rows.map(({ protocol }) => protocol));
        const free = protocols.find((protocol) => !used.has(protocol)) ?? 'TELEGRAM';
        setRows([...rows, { protocol: free, accountName: '', key: next }]);
    };
    return (
        <Card title={own.accounts}>
            <form className="form card-form" onSubmit={submit}>
                {rows.length === 0 && <p className="muted">{own.noAccounts}</p>}
                {rows.map(({ key, protocol, accountName }) => (
                    <div key={key} className="account-row">
                        <SelectField
                            label={own.place}
                            value={protocol}
                            onChange={({ target }) => set(key, { protocol: target.value as Account['protocol'] })}
                        >
                            {protocols.map((one) => (
                                <option key={one} value={one}>
                                    {texts.person.protocols[one]}
                                </option>
                            ))}
                        </SelectField>
                        <TextField
                            label={own.account}
                            value={accountName}
                            required
                            maxLength={nameMax}
                            autoFocus={accountName === '' && key === next - 1}
                            onChange={({ target }) => set(key, { accountName: target.value })}
                        />
                        <button
                            type="button"
                            className="button quiet icon"
                            aria-label={own.accountRemove(say({ protocol, accountName }))}
                            onClick={() => setRows(rows.filter((row) => row.key !== key))}
                        >
                            <X size={18} aria-hidden="true" />
                        </button>
                    </div>
                ))}
                <Leaving dirty={changed} />
                {!save.isPending && isConflict && <Meanwhile now={[[own.accounts, there.map(say).join(', ')]]} />}
                {save.isError && <Note tone="bad">{message(save.error)}</Note>}
                <div className="actions">
                    <button type="button" className="button" onClick={add} disabled={rows.length >= accountsMax}>
                        <Plus size={17} aria-hidden="true" />
                        {own.accountAdd}
                    </button>
                    {changed && (
                        <button type="submit" className="button primary" disabled={save.isPending}>
                            {texts.save}
                        </button>
                    )}
                </div>
                {rows.length >= accountsMax && <p className="muted small">{own.accountsMax}</p>}
            </form>
        </Card>
    );
}
