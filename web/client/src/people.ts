/** What every displayName of the API is of somebody who deleted their account (docs/api.md): a site says it in its own language. */
export const deletedUser = 'deleted user';
