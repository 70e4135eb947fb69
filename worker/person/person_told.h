/* person_told: what the hub says of people, as the realm keeps it.
 *
 * With a request that names people (pek.instance.v1.PeopleTold) the hub says who they are: so whoever brings somebody in
 * brings their name, and an id that nobody has is refused. That it is the hub's word was looked at before the handler
 * (worker/instance/instance_service.h). A caller who asks the realm without a hub says nothing of the kind: then whoever is
 * named is taken for somebody, by their id, within PERSON_UNNAMED_MAX.
 */
#ifndef PEK_WORKER_PERSON_PERSON_TOLD_H
#define PEK_WORKER_PERSON_PERSON_TOLD_H

#include "pek/instance/v1/instance.rpc.h"
#include "shared/text/collator.h"
#include "worker/person/person_store.h"

/* A name that cannot be stored is their id: it keeps no other person from being told of. In the arena. */
PEK_MUST_CHECK enum status person_make(struct text_collator *collator,
                                       const instance_v1_person *told, struct arena *arena,
                                       struct person *ret_person);

struct person_told {
    bool given;
    struct person *people;
    size_t count;
};
/* `told` NULL: not given. In the arena. INVALID_ARGUMENT for what is no list of up to PERSON_PUT_MAX people. */
PEK_MUST_CHECK enum status person_told_take(struct text_collator *collator,
                                            const instance_v1_people_told *told,
                                            struct arena *arena, struct person_told *ret_told,
                                            struct fault *fault);
/* NULL when nothing was said of them. */
const struct person *person_told_of(const struct person_told *told, struct slice id);
/* Somebody has the id, as far as was told: INVALID_ARGUMENT, reason NO_SUCH_USER, and FAILED_PRECONDITION, USER_DELETED. */
PEK_MUST_CHECK enum status person_told_check(const struct person_told *told, struct slice id,
                                             const char *field, struct fault *fault);

#endif
