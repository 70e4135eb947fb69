// What is typed into a form over what is there: fields that nobody typed in follow what is there, the others keep what was typed.

/** `base` is what was there when it was begun. */
interface Edit {
  text: string;
  base: string;
}

export type Edits<Name extends string> = Partial<Record<Name, Edit>>;
export type Texts<Name extends string> = Partial<Record<Name, string>>;

const entries = <Name extends string, Value>(of: Partial<Record<Name, Value>>) => Object.entries(of) as [Name, Value][];

export function withEdit<Name extends string>(edits: Edits<Name>, there: Record<Name, string>, name: Name, text: string): Edits<Name> {
  return { ...edits, [name]: { text, base: edits[name]?.base ?? there[name] } };
}

/** What a save has to send. */
export function changeOf<Name extends string>(edits: Edits<Name>, there: Record<Name, string>): Texts<Name> {
  const changed = entries<Name, Edit>(edits).filter(([name, { text }]) => text !== there[name]);
  return Object.fromEntries(changed.map(([name, { text }]) => [name, text])) as Texts<Name>;
}

/** Fields that were changed elsewhere as well, to something else. */
export function conflictsIn<Name extends string>(edits: Edits<Name>, there: Record<Name, string>): Name[] {
  return entries<Name, Edit>(edits).flatMap(([name, { text, base }]) => (there[name] !== base && there[name] !== text ? [name] : []));
}

/** What was sent is there; what was typed since stays typed. */
export function withSaved<Name extends string>(edits: Edits<Name>, sent: Texts<Name>): Edits<Name> {
  const kept = entries<Name, Edit>(edits).flatMap(([name, { text, base }]): [Name, Edit][] => {
    const saved = sent[name];
    return saved === text ? [] : [[name, { text, base: saved ?? base }]];
  });
  return Object.fromEntries(kept) as Edits<Name>;
}
