// Texts of one’s own profile, as those of evaluations (scores.ts).
import { useLanguage, type Language } from '.';
import { en } from './en.profile';
import { hu } from './hu.profile';

export type ProfileTexts = typeof en;

const all: Record<Language, ProfileTexts> = { en, hu };

export const useProfileTexts = (): ProfileTexts => all[useLanguage().language];
