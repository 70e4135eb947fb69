/* credential: one realm's token and hints within a session. Internal to hub/session. */
#ifndef PEK_HUB_SESSION_CREDENTIAL_H
#define PEK_HUB_SESSION_CREDENTIAL_H

#include "hub/session/session.h"

void credential_init(struct credential *credential);
void credential_done(struct credential *credential);
/* Forgets token and hints; the realm will be asked again. */
void credential_drop(struct credential *credential);

/* Before and after a fiber that works on a session in the background. */
void session_background_begin(struct session *session);
void session_background_end(struct session *session);

#endif
