// Texts about the system itself, as those of evaluations (scores.ts).
import { useLanguage, type Language } from '.';
import { en } from './en.system';
import { hu } from './hu.system';

export type SystemTexts = typeof en;

const all: Record<Language, SystemTexts> = { en, hu };

export const useSystemTexts = (): SystemTexts => all[useLanguage().language];
