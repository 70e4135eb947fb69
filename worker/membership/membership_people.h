/* membership_people: what every change of memberships begins and ends with. */
#ifndef PEK_WORKER_MEMBERSHIP_MEMBERSHIP_PEOPLE_H
#define PEK_WORKER_MEMBERSHIP_MEMBERSHIP_PEOPLE_H

#include "worker/membership/membership_store.h"
#include "worker/person/person_told.h"

/* The status, and for NOT_FOUND a fault that says which group. */
PEK_MUST_CHECK enum status membership_people_no_group(enum status status, const char *id,
                                                      struct fault *fault);
/* INVALID_ARGUMENT for what is nobody's id; "me" is none. */
PEK_MUST_CHECK enum status membership_people_check_user(const char *user, const char *field,
                                                        struct fault *fault);
/* The people of a request, 1 to MEMBERSHIP_BATCH_MAX, each once; `field` is "user_id" or "user_ids". */
PEK_MUST_CHECK enum status membership_people_take(struct change *change, char *const *users,
                                                  size_t count, const char *field,
                                                  struct membership_people *ret_people);
/* The group of a change, held as it is, and the people's memberships in it, locked. */
PEK_MUST_CHECK enum status membership_people_lock(struct change *change, const char *group_id,
                                                  struct membership_people *people,
                                                  struct membership_group *ret_group);
/* Both for one person who has a membership, of the version that the caller knows: NOT_FOUND, ABORTED. */
PEK_MUST_CHECK enum status membership_people_lock_one(struct change *change, const char *group_id,
                                                      const char *user, const char *etag,
                                                      struct membership_people *ret_person,
                                                      struct membership_group *ret_group);
/* Those who are not there yet come in: people whom the realm has never seen, too, by the name that was told. */
PEK_MUST_CHECK enum status membership_people_make(struct change *change,
                                                  const struct membership_people *people,
                                                  const struct person_told *told);
/* Whoever makes a group leads it, and is its first member. FAILED_PRECONDITION on parent_id while the end of their membership of
 * the organisation above it is set. */
PEK_MUST_CHECK enum status membership_people_found(struct change *change, const char *group_id);
/* What is the same after each change: rights follow, and the log says it. */
PEK_MUST_CHECK enum status membership_people_finish(struct change *change,
                                                    const struct membership_people *people,
                                                    const char *action);

#endif
