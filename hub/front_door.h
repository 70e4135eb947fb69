/* front_door: the HTTP server, as the configuration has it. */
#ifndef PEK_HUB_FRONT_DOOR_H
#define PEK_HUB_FRONT_DOOR_H

#include "hub/api/shares.h"
#include "hub/config.h"
#include "hub/http/http.h"
#include "hub/login/oauth.h"

/* As http_server_new, and says in the log where it listens. */
PEK_MUST_CHECK enum status front_door_open(struct fibers *fibers, const struct hub_config *config,
                                           void (*handler)(void *arg, struct http_request *request),
                                           void *arg, struct http_server **ret_server,
                                           struct fault *fault);

/* What the configuration says of the shares of users, and of the provider of logins. */
struct api_limits front_door_limits(const struct hub_config *config);
struct oauth_options front_door_oauth(const struct hub_config *config, const char *client_secret);

#endif
