// Texts that come with the pages of a group, as those of evaluations (scores.ts) with theirs.
import { useLanguage, type Language } from '.';
import { en } from './en.group';
import { hu } from './hu.group';

export type GroupTexts = typeof en;

const all: Record<Language, GroupTexts> = { en, hu };

export const useGroupTexts = (): GroupTexts => all[useLanguage().language];
