/* ending: sessions that end, here or elsewhere, and rows that are no longer needed. Internal to hub/session. */
#ifndef PEK_HUB_SESSION_ENDING_H
#define PEK_HUB_SESSION_ENDING_H

#include "hub/session/session.h"

/* Listens for what ends elsewhere and starts the fiber that purges. */
PEK_MUST_CHECK enum status ending_open(struct session_cache *cache, struct fault *fault);

/* What a cookie must be. */
struct jwt_expect session_cookie(const struct session_cache *cache);
/* UNAUTHENTICATED, the same whatever was wrong. */
enum status session_refuse(struct fault *fault);
/* A fiber in the background, counted in `background`, is done. */
void session_fiber_ended(struct session_cache *cache);

#endif
