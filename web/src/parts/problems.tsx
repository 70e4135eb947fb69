// Errors in words that say what to do.
import { PekError } from '@pek/client';
import { useParams } from '@tanstack/react-router';
import { useCallback } from 'react';
import { useLanguage, type Texts } from '../texts';

/** What a page is of: whoever has its rights to give. */
type Place = keyof Texts['problems']['forbidden'];

function messageOf(texts: Texts, reasons: Partial<Record<string, string>>, place: Place, error: unknown): string {
    if (!(error instanceof PekError)) return texts.problems.unexpected('');
    const known = reasons[error.reason];
    if (known) return known;
    switch (error.problem.kind) {
        case 'tooMany':
            return texts.problems.tooMany(error.problem.retryAfterSeconds);
        case 'refused':
        case 'invalid':
            return texts.problems[error.problem.kind](error.message);
        case 'forbidden':
            return texts.problems.forbidden[place];
        case 'unexpected':
            return texts.problems.unexpected(error.requestId);
        default:
            return texts.problems[error.problem.kind];
    }
}

export function useMessage(): (error: unknown) => string {
    const { texts, reasons } = useLanguage();
    const { groupId, realm } = useParams({ strict: false });
    const place = groupId !== undefined ? 'group' : realm !== undefined ? 'realm' : 'elsewhere';
    return useCallback((error: unknown) => messageOf(texts, reasons, place, error), [texts, reasons, place]);
}

export interface Problems {
    /** What to say at a field of that name. */
    at: (field: string) => string | undefined;
    /** What belongs to none of the fields. */
    rest: unknown;
}

/** Where a form says what was wrong: at the field that the API names, as `statement.group_id`, or else below. */
export function useProblems(error: unknown, fields: readonly string[]): Problems {
    const message = useMessage();
    const named = error instanceof PekError ? (error.field.split('.').at(-1) ?? '') : '';
    const field = named.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
    return fields.includes(field)
        ? { at: (name) => (name === field ? message(error) : undefined), rest: undefined }
        : { at: () => undefined, rest: error ?? undefined };
}
