/* full_view: in which realms the caller may see somebody's full profile.
 *
 * Each realm that knows both is asked with the caller's own token (CheckPolicy, VIEW_FULL_PROFILE on the user), all at once
 * and for realms_wait_ms at most: the first yes ends it. What a realm answered is remembered with the session
 * (hub/session/permission.h). A realm that does not answer grants nothing, and is
 * named; so is one that is not asked, behind the FANOUT_LEGS_MAX that one request may ask.
 */
#ifndef PEK_HUB_PROFILE_FULL_VIEW_H
#define PEK_HUB_PROFILE_FULL_VIEW_H

#include "hub/profile/profile_service.h"

struct full_view {
    struct slice *granted; /* realms */
    size_t granted_count;
    char **unreachable; /* "realms/worker-acme"; none when one granted it */
    size_t unreachable_count;
};

/* In a fiber, of a call on the hub's host. `realms` is column 0: those that know both, as the hub knows. All of the answer is
 * in the call's arena. */
PEK_MUST_CHECK enum status full_view_ask(struct rpc_ctx *ctx, const char *user,
                                         const struct pg_result *realms,
                                         struct full_view *ret_view);

#endif
