export { deletedUser } from './people.js';
export { answer, createPekClient, idempotencyKey, readMask, type Masked, type PekClient, type Schema } from './client.js';
export { events, type EventsOptions } from './events.js';
export { pages, stream, type ListEnd, type StreamOptions } from './lists.js';
export { PekError, problemFromThrown, problemOfAnswer, type Problem, type ProblemKind } from './problem.js';
export type { components, operations, paths } from './schema.js';
