#include "worker/person/person_told.h"

enum status person_make(struct text_collator *collator, const instance_v1_person *told,
                        struct arena *arena, struct person *ret_person)
{
    struct person person = {.id = slice_str(told->user_id),
                            .avatar_version = told->avatar_version,
                            .version = told->version,
                            .is_deleted = told->is_deleted};
    enum status status =
        text_name_make(collator, told->display_name, NULL, arena, &person.name, NULL);
    if (status == STATUS_INVALID_ARGUMENT)
        status = text_name_make(collator, told->user_id, NULL, arena, &person.name, NULL);
    if (told->is_deleted)
        person.name.folded = SLICE_LIT("");
    *ret_person = person;
    return status;
}

enum status person_told_take(struct text_collator *collator, const instance_v1_people_told *told,
                             struct arena *arena, struct person_told *ret_told, struct fault *fault)
{
    struct person_told taken = {.given = told != NULL};
    ProtobufCMessage *message;
    if (!told) {
        *ret_told = taken;
        return STATUS_OK;
    }
    PEK_TRY(rpc_decode(&pek__instance__v1__people__descriptor,
                       slice_make(told->people.data, told->people.len), arena, &message, fault));
    const instance_v1_people *people = (const instance_v1_people *)(const void *)message;
    if (people->n_people > PERSON_PUT_MAX)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "told", "people are %d at most",
                         PERSON_PUT_MAX);
    taken.people = arena_zalloc(arena, people->n_people + 1, sizeof(*taken.people));
    if (!taken.people)
        return STATUS_RESOURCE_EXHAUSTED;
    for (; taken.count < people->n_people; taken.count++)
        PEK_TRY(
            person_make(collator, people->people[taken.count], arena, &taken.people[taken.count]));
    *ret_told = taken;
    return STATUS_OK;
}

const struct person *person_told_of(const struct person_told *told, struct slice id)
{
    for (size_t i = 0; i < told->count; i++)
        if (slice_equal(told->people[i].id, id))
            return &told->people[i];
    return NULL;
}

enum status person_told_check(const struct person_told *told, struct slice id, const char *field,
                              struct fault *fault)
{
    const struct person *person = person_told_of(told, id);
    if (told->given && !person)
        return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, "NO_SUCH_USER", field,
                                "nobody has the id '%.*s' (a username is none)", SLICE_ARG(id));
    if (person && person->is_deleted)
        return person_gone(id, field, fault);
    return STATUS_OK;
}
