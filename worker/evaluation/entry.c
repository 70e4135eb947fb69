#include "worker/evaluation/entry.h"

#include <stdio.h>
#include <string.h>

#include "worker/evaluation/scoreboard.h"

const char *const entry_review_fields[ENTRY_FIELDS] = {"type", "justification", "finalized",
                                                       "recommendation"};

unsigned entry_fields_of(unsigned fields, bool accepts, bool judges_by_parent)
{
    unsigned own = 0;
    if (accepts)
        own |= ENTRY_TYPE | ENTRY_JUSTIFICATION | ENTRY_FINALIZED;
    if (judges_by_parent)
        own |= ENTRY_RECOMMENDATION;
    return fields & own;
}

static bool is_type(evaluation_v1_entry_type type)
{
    return type >= EVALUATION_V1_ENTRY_TYPE_KDO && type <= EVALUATION_V1_ENTRY_TYPE_AB;
}

static enum status bad_type(const char *field, struct fault *fault)
{
    return fault_set(fault, STATUS_INVALID_ARGUMENT, field, "an entry is KDO, KB or AB");
}

static enum status take_justification(char **text, const char *field, struct arena *arena,
                                      struct fault *fault)
{
    return scoreboard_take_text(*text, false, ENTRY_JUSTIFICATION_CHARS_MAX, field, arena, text,
                                fault);
}

static enum status check_members(const evaluation_v1_batch_set_entries_request *req,
                                 struct arena *arena, struct fault *fault)
{
    struct scoreboard_named *named = arena_zalloc(arena, req->n_entries, sizeof(*named));
    if (!named)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < req->n_entries; i++)
        named[i] = (struct scoreboard_named){req->entries[i]->user_id, NULL};
    return scoreboard_check_named(named, req->n_entries, "entries", arena, fault);
}

enum status entry_take_batch(const evaluation_v1_batch_set_entries_request *req,
                             struct arena *arena, struct fault *fault)
{
    char field[64];
    if (req->n_entries < 1 || req->n_entries > ENTRY_MEMBERS_MAX)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "entries", "1 to %d entries in one change",
                         ENTRY_MEMBERS_MAX);
    PEK_TRY(check_members(req, arena, fault));
    for (size_t i = 0; i < req->n_entries; i++) {
        snprintf(field, sizeof(field), "entries[%zu].type", i);
        if (!is_type(req->entries[i]->type))
            return bad_type(field, fault);
        snprintf(field, sizeof(field), "entries[%zu].justification", i);
        PEK_TRY(take_justification(&req->entries[i]->justification, field, arena, fault));
    }
    return STATUS_OK;
}

enum status entry_take_review(evaluation_v1_entry *entry, unsigned fields,
                              evaluation_v1_entry_type had, struct arena *arena,
                              struct fault *fault)
{
    evaluation_v1_entry_type type = fields & ENTRY_TYPE ? entry->type : had;
    if (!is_type(type))
        return bad_type("entry.type", fault);
    if ((fields & ENTRY_RECOMMENDATION) && !is_type(entry->recommendation))
        return bad_type("entry.recommendation", fault);
    if (!(fields & ENTRY_JUSTIFICATION))
        return STATUS_OK;
    PEK_TRY(take_justification(&entry->justification, "entry.justification", arena, fault));
    if (type != EVALUATION_V1_ENTRY_TYPE_KDO && !entry->justification[0])
        return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, ENTRY_REASON_JUSTIFICATION,
                                "entry.justification", "a KB or AB has a justification");
    return STATUS_OK;
}

enum status entry_check_accepted(const evaluation_v1_entry *entry, unsigned fields,
                                 const evaluation_v1_entry *had, struct fault *fault)
{
    bool other_type = fields & ENTRY_TYPE && entry->type != had->type;
    bool other_text =
        fields & ENTRY_JUSTIFICATION && strcmp(entry->justification, had->justification) != 0;
    if (!other_type && !other_text)
        return STATUS_OK;
    return fault_set_reason(fault, STATUS_FAILED_PRECONDITION, SCOREBOARD_REASON_STATUS,
                            other_type ? "entry.type" : "entry.justification",
                            "it was accepted, and is changed in a version of its own");
}
