import { deletedUser } from '@pek/client';
import type { Texts } from './texts';
import type { PolicyTexts } from './texts/policies';

/** A displayName of the API, as the site shows it: of who deleted their account it is no name, but the same English words each time. */
export function shownName(texts: Texts, displayName: string): string {
  return displayName === deletedUser ? texts.deleted : displayName;
}

/**
 * The name of a policy. Those that a realm makes itself it calls by fixed words (worker/policy, worker/membership), and they are told in the
 * language of the reader; what people called a policy stays as it is.
 */
export function shownPolicy({ made }: Pick<PolicyTexts, 'made'>, name: string): string {
  if (name === 'GOD') return made.realm;
  const [, led] = /^GOD in (\S+@\S+)$/.exec(name) ?? [];
  if (led) return made.leader(led);
  const [, whose, group] = /^(.+) of (\S+@\S+)$/.exec(name) ?? [];
  if (!whose || !group) return name;
  if (whose === 'Members') return made.members(group);
  const posts: Partial<Record<string, string>> = { 'Leader assistants': made.assistants, 'Evaluation helpers': made.helpers };
  return made.post(posts[whose] ?? whose, group);
}
