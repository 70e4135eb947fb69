/* credential: one realm's token and hints within a session. Internal to hub/session. */
#ifndef PEK_HUB_SESSION_CREDENTIAL_H
#define PEK_HUB_SESSION_CREDENTIAL_H

#include "hub/session/session.h"

/* No count of an instance's changes of policies. */
#define CREDENTIAL_OUTDATED UINT64_MAX

/* The session's credential for the instance, made when there is none; NULL without memory. */
struct credential *credential_make(struct session *session, const struct instance *instance);
/* All of the session's. */
void credentials_free(struct session *session);
/* Forgets token and hints; the realm will be asked again. */
void credential_drop(struct credential *credential);

/* Before and after a fiber that works on a session in the background. */
void session_background_begin(struct session *session);
void session_background_end(struct session *session);

#endif
