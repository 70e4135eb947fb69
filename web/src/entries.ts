// Entry cards while one writes them: what is not sent yet, and what somebody else wrote since.
import type { Schema } from '@pek/client';

export type Entry = Schema<'Entry'>;
export type EntryType = 'KDO' | 'KB' | 'AB';

/** What a group says of one member. */
export interface Card {
  type: EntryType;
  justification: string;
}

/** `base` is what was there when it was begun. */
export interface CardDraft extends Card {
  base: Card;
}

export type CardDrafts = ReadonlyMap<string, CardDraft>;

export const cardOf = ({ type, justification }: Entry): Card => ({ type: type as EntryType, justification });

const same = (a: Card, b: Card) => a.type === b.type && a.justification === b.justification;

/** What is as it was before is no draft. */
export function writeCard(drafts: CardDrafts, entry: Entry, part: Partial<Card>): CardDrafts {
  const next = new Map(drafts);
  const now = cardOf(entry);
  const before = drafts.get(entry.userId);
  const { type, justification } = { ...(before ?? now), ...part };
  if (same({ type, justification }, now)) next.delete(entry.userId);
  else next.set(entry.userId, { type, justification, base: before?.base ?? now });
  return next;
}

/** Whose card somebody else wrote as well, otherwise. */
export function cardConflicts(entries: readonly Entry[], drafts: CardDrafts): Set<string> {
  const conflicts = entries.filter((entry) => {
    const draft = drafts.get(entry.userId);
    return draft && !same(cardOf(entry), draft.base) && !same(cardOf(entry), draft);
  });
  return new Set(conflicts.map(({ userId }) => userId));
}

/** Cards as they are when what is on its way has arrived: what is written meanwhile is compared with that. */
export const withSent = (entries: readonly Entry[], sent: CardDrafts): readonly Entry[] =>
  entries.map((entry) => {
    const { type, justification } = sent.get(entry.userId) ?? entry;
    return { ...entry, type, justification };
  });

/** What was sent was not taken: it is written and not sent again, below what was written since. */
export function withReturned(drafts: CardDrafts, sent: CardDrafts): CardDrafts {
  const all = new Map(sent);
  for (const [userId, draft] of drafts) {
    const base = sent.get(userId)?.base ?? draft.base;
    if (same(draft, base)) all.delete(userId);
    else all.set(userId, { ...draft, base });
  }
  return all;
}

/** A KB or AB that says not why cannot be submitted. */
export const lacksJustification = ({ type, justification }: Card) => type !== 'KDO' && justification.trim() === '';
