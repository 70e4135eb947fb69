// Texts of evaluations: they come with their pages, both languages together, so that the first page need not carry them.
import { useLanguage, type Language } from '.';
import { en } from './en.scores';
import { hu } from './hu.scores';

/** What both files hold, as of the others. */
export type ScoreTexts = typeof en;

const all: Record<Language, ScoreTexts> = { en, hu };

export const useScoreTexts = (): ScoreTexts => all[useLanguage().language];
