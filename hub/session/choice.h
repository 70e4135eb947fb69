/* choice: which realms a request that names none is put to.
 *
 * A registry may have many more realms than one request may ask (FANOUT_LEGS_MAX, and what their names may take of a page token).
 * There is room first for the realms that know the user, by hub.user_realm or their own word, in the order of names; those for
 * which there is none are told to the caller (`rest`), who is never left without a word of them. Then, while there is room:
 * those that have said since that something of the user changed, and the first of the others in the order of names, each of
 * them until it has said in this session that it does not know the user. So in a federation that fits every realm is asked
 * once, and what a session costs follows its user's realms and not the registry. A realm further behind that comes to know
 * the user says so: by the feed of people (hub/people) it gets into hub.user_realm, by its watch into the session.
 */
#ifndef PEK_HUB_SESSION_CHOICE_H
#define PEK_HUB_SESSION_CHOICE_H

#include "hub/session/session.h"

struct choice_limits {
    size_t realms;
    size_t name_bytes; /* of their names together */
    bool all; /* also those that do not know the user: all that have no room are the rest */
};

/* In the arena, in the order of names. Not references: good until the next wait. */
struct choice {
    struct instance **realms;
    size_t count;
    struct instance **rest;
    size_t rest_count;
};

/* RESOURCE_EXHAUSTED without memory. */
PEK_MUST_CHECK enum status session_choose(struct session *session,
                                          const struct choice_limits *limits, struct arena *arena,
                                          struct choice *ret_choice);
/* The names of those of the user's realms that are `first` or behind it, in the arena. */
PEK_MUST_CHECK enum status session_members_from(struct session *session, struct slice first,
                                                struct arena *arena, struct slice **ret_names,
                                                size_t *ret_count);

#endif
