// Texts of the history of a group, as those of evaluations (scores.ts).
import { useLanguage, type Language } from '.';
import { en } from './en.history';
import { hu } from './hu.history';

export type HistoryTexts = typeof en;

const all: Record<Language, HistoryTexts> = { en, hu };

export const useHistoryTexts = (): HistoryTexts => all[useLanguage().language];
