// A field for a person or a group, who are found by typing a part of a name.
import { Combobox } from '@base-ui/react/combobox';
import { answer, readMask, type Masked } from '@pek/client';
import { useQuery } from '@tanstack/react-query';
import { useDeferredValue, useEffect, useRef, useState } from 'react';
import { groupNameMask, pek, type GroupName } from '../api';
import { useTexts } from '../texts';
import { Avatar } from './basics';
import { useField, type FieldProps } from './fields';

export interface Picked {
    id: string;
    name: string;
    /** Beside the name: it may be that of several. */
    note: string;
    version?: string;
}

const shown = 8;

const personMask = readMask<'User'>('id', 'displayName', 'username', 'avatarVersion');
type PersonName = Masked<'User', 'id' | 'displayName' | 'username' | 'avatarVersion'>;

async function findPeople(q: string, signal: AbortSignal): Promise<Picked[]> {
    const query = { q, pageSize: shown, readMask: personMask };
    const { users }: { users: PersonName[] } = await answer(pek.GET('/api/v1/users', { params: { query }, signal }));
    return users.map(({ id, displayName, username, avatarVersion }) => ({
        id,
        name: displayName,
        note: `@${username}`,
        version: avatarVersion,
    }));
}

async function findGroups(realm: string, q: string, signal: AbortSignal): Promise<Picked[]> {
    const query = { params: { path: { realm }, query: { q, pageSize: shown, readMask: groupNameMask } }, signal };
    const { groups }: { groups: GroupName[] } = await answer(pek.GET('/api/v1/realms/{realm}/groups', query));
    return groups.map(({ id, name }) => ({ id, name, note: id }));
}

interface PickFieldProps extends FieldProps {
    /** Groups are those of one realm. */
    of: { kind: 'person' } | { kind: 'group'; realm: string };
    value: Picked | null;
    /** With each change: what is picked now, null while there is text of which nothing was picked. */
    onPick: (picked: Picked | null) => void;
    placeholder?: string;
    required?: boolean;
}

/** What the combobox writes by itself when its list closes: it would drop what was typed. */
const ownChanges = ['none', 'input-clear'];

/** Text of which nothing was picked means nobody: it is wrong, and the form is not sent with it. */
export function PickField({ of, value, onPick, placeholder, required = false, problem, ...field }: PickFieldProps) {
    const texts = useTexts();
    const [typed, setTyped] = useState(value?.name ?? '');
    const [isLeft, setLeft] = useState(false);
    const wrong = typed !== '' && !value ? texts.search.pick : '';
    const { control, frame } = useField({ ...field, problem: (isLeft && wrong) || problem });
    const input = useRef<HTMLInputElement>(null);
    useEffect(() => input.current?.setCustomValidity(wrong), [wrong]);
    const q = useDeferredValue(typed.trim());
    const asked = q !== '' && q !== value?.name;
    const { data: found = [], isPending } = useQuery({
        queryKey: ['pick', of, q],
        queryFn: ({ signal }) => (of.kind === 'person' ? findPeople(q, signal) : findGroups(of.realm, q, signal)),
        enabled: asked,
        placeholderData: (before) => before,
    });
    return frame(
        <Combobox.Root
            items={asked ? found : []}
            filter={null}
            value={value}
            inputValue={typed}
            onInputValueChange={(text, { reason }) => {
                if (ownChanges.includes(reason)) return;
                setTyped(text);
                setLeft(false);
            }}
            onValueChange={onPick}
            itemToStringLabel={({ name }) => name}
            isItemEqualToValue={(one, other) => one.id === other.id}
            autoHighlight
        >
            <Combobox.Input
                ref={input}
                className="input"
                placeholder={placeholder}
                required={required && !value}
                onChange={({ target }) => target.value !== value?.name && onPick(null)}
                onBlur={() => setLeft(true)}
                onInvalid={() => setLeft(true)}
                // Its label is hidden from screen readers while the list is open.
                aria-label={field.label}
                {...control}
            />
            <Combobox.Portal>
                <Combobox.Positioner className="positioner" sideOffset={4}>
                    <Combobox.Popup className="menu picks">
                        <Combobox.Empty className="pick-none">{asked && !isPending && texts.search.none}</Combobox.Empty>
                        <Combobox.List className="pick-list">
                            {(one: Picked) => (
                                <Combobox.Item key={one.id} value={one} className="item">
                                    <Avatar kind={of.kind} size="small" id={one.id} name={one.name} version={one.version} />
                                    <span className="grow">
                                        <span className="name">{one.name}</span> <span className="muted small name">{one.note}</span>
                                    </span>
                                </Combobox.Item>
                            )}
                        </Combobox.List>
                    </Combobox.Popup>
                </Combobox.Positioner>
            </Combobox.Portal>
        </Combobox.Root>,
    );
}
