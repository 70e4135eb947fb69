// Texts of policies, as those of evaluations (scores.ts).
import { useLanguage, type Language } from '.';
import { en } from './en.policies';
import { hu } from './hu.policies';

export type PolicyTexts = typeof en;

const all: Record<Language, PolicyTexts> = { en, hu };

export const usePolicyTexts = (): PolicyTexts => all[useLanguage().language];
