import { deletedUser } from '@pek/client';
import type { Texts } from './texts';

/** A displayName of the API, as the site shows it: of who deleted their account it is no name, but the same English words each time. */
export function shownName(texts: Texts, displayName: string): string {
  return displayName === deletedUser ? texts.deleted : displayName;
}
