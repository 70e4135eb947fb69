import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from 'react';
import type { en } from './en';

/** What en.reasons.ts and hu.reasons.ts hold. */
export type Reasons = typeof import('./en.reasons').en;
/** What hu.ts and en.ts hold; one of them lacks nothing that the other has, or it does not compile. */
export type Texts = typeof en;
export type Language = 'hu' | 'en';

export const languages: Record<Language, string> = { hu: 'Magyar', en: 'English' };

/** Only the one that is shown is loaded. */
export async function loadTexts(language: Language): Promise<Texts> {
    return language === 'hu' ? (await import('./hu')).hu : (await import('./en')).en;
}

export function chosenLanguage(): Language {
    return document.documentElement.lang === 'hu' ? 'hu' : 'en';
}

async function loadReasons(language: Language): Promise<Reasons> {
    return language === 'hu' ? (await import('./hu.reasons')).hu : (await import('./en.reasons')).en;
}

interface Speaking {
    texts: Texts;
    /** The language that was asked for and did not come; the other one is spoken. */
    missing: Language | undefined;
    /** Nothing until the first page is there. */
    reasons: Partial<Record<string, string>>;
    language: Language;
    speak: (language: Language) => Promise<void>;
}

const Context = createContext<Speaking | undefined>(undefined);

/** The first texts: those of the language that was chosen, or of the other one when these do not come. */
export async function loadFirstTexts(): Promise<{ texts: Texts; missing?: Language }> {
    const chosen = chosenLanguage();
    const other = chosen === 'hu' ? 'en' : 'hu';
    try {
        return { texts: await loadTexts(chosen) };
    } catch {
        const texts = await loadTexts(other);
        document.documentElement.lang = other;
        return { texts, missing: chosen };
    }
}

function remember(language: Language): void {
    try {
        localStorage.setItem('pek.language', language);
    } catch {
        // It is not remembered, then.
    }
}

interface TextsProviderProps {
    first: Awaited<ReturnType<typeof loadFirstTexts>>;
    children: ReactNode;
}

export function TextsProvider({ first, children }: TextsProviderProps) {
    const [texts, setTexts] = useState(first.texts);
    const [missing, setMissing] = useState(first.missing);
    const [language, setLanguage] = useState(chosenLanguage());
    const [reasons, setReasons] = useState<Speaking['reasons']>({});
    useEffect(() => {
        let current = true;
        // Without them, a refusal is told in the words of the API.
        void loadReasons(language).then(
            (loaded) => current && setReasons(loaded),
            () => {},
        );
        return () => void (current = false);
    }, [language]);
    const value = useMemo(() => {
        const speak = async (next: Language) => {
            remember(next);
            try {
                setTexts(await loadTexts(next));
            } catch {
                setMissing(next);
                return;
            }
            setMissing(undefined);
            setLanguage(next);
            document.documentElement.lang = next;
        };
        return { texts, missing, reasons, language, speak };
    }, [texts, missing, reasons, language]);
    return <Context value={value}>{children}</Context>;
}

export function useLanguage(): Speaking {
    const value = useContext(Context);
    if (!value) throw new Error('there is no TextsProvider');
    return value;
}

export const useTexts = (): Texts => useLanguage().texts;

/** Times and days as the language writes them. */
export function useDates() {
    const { language } = useLanguage();
    return useMemo(() => {
        const locale = language === 'hu' ? 'hu-HU' : 'en-GB';
        const dayFormat = new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeZone: 'Europe/Budapest' });
        const timeFormat = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short', timeZone: 'Europe/Budapest' });
        const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
        const numbers = new Intl.NumberFormat(locale);
        return {
            day: (time: string | undefined) => (time ? dayFormat.format(new Date(time)) : ''),
            time: (time: string | undefined) => (time ? timeFormat.format(new Date(time)) : ''),
            number: (value: number) => numbers.format(value),
            ago: (time: string) => {
                const seconds = (new Date(time).getTime() - Date.now()) / 1000;
                const steps: [Intl.RelativeTimeFormatUnit, number][] = [
                    ['day', 86_400],
                    ['hour', 3_600],
                    ['minute', 60],
                ];
                for (const [unit, length] of steps) {
                    if (unit === 'day' && Math.abs(seconds) > 14 * length) return dayFormat.format(new Date(time));
                    if (Math.abs(seconds) >= length) return relative.format(Math.round(seconds / length), unit);
                }
                return relative.format(0, 'minute');
            },
        };
    }, [language]);
}
