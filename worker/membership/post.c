#include "worker/membership/post.h"

#include "pek/options.rpc.h"
#include "shared/text/text.h"
#include "worker/rights/policy.h"

#define BIT(action) (1u << (PEK_ACTION_##action - 1))
#define HELPS                                                                                      \
    (BIT(VIEW_MEMBERS) | BIT(EDIT_MEMBERS) | BIT(VIEW_GROUP) | BIT(VIEW_SCORES) | BIT(EDIT_SCORES))
/* Not MOVE_GROUP_OWNER, which is the leader's alone, and nothing about people's profiles. */
#define GIVEN (HELPS | BIT(EDIT_GROUP_PROFILE) | BIT(EVALUATE_SCORES))

const struct post_kind post_kinds[] = {
    [MEMBERSHIP_V1_POST_KIND_LEADER_ASSISTANT] = {"Leader assistants",
                                                  HELPS | BIT(EDIT_GROUP_PROFILE), false},
    [MEMBERSHIP_V1_POST_KIND_EVALUATION_HELPER] = {"Evaluation helpers", HELPS, false},
    [MEMBERSHIP_V1_POST_KIND_FINANCIAL_OFFICER] = {NULL, 0, true},
    [MEMBERSHIP_V1_POST_KIND_PAST_LEADER] = {NULL, 0, false},
};

enum status post_check_choice(membership_v1_post_kind kind, const char *type_id,
                              struct fault *fault)
{
    bool own = type_id[0] != '\0';
    if (own && !policy_is_id(type_id))
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "post_type_id",
                         "post_type_id is no post type's id");
    if (own ? kind == MEMBERSHIP_V1_POST_KIND_UNSPECIFIED
            : (int)kind > 0 && kind < MEMBERSHIP_V1_POST_KIND_OWN)
        return STATUS_OK;
    return fault_set(fault, STATUS_INVALID_ARGUMENT, "kind",
                     "either kind says one that every group has, or post_type_id one of its own");
}

static enum status take_actions(const membership_v1_create_post_type_request *written,
                                uint32_t *ret_actions, struct fault *fault)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < written->n_actions; i++) {
        uint32_t bit = policy_action_bit((uint32_t)written->actions[i]);
        if (!bit || bit & ~GIVEN)
            return fault_set(fault, STATUS_INVALID_ARGUMENT, "actions",
                             "actions has one that no post brings");
        bits |= bit;
    }
    *ret_actions = bits;
    return STATUS_OK;
}

enum status post_make_type(const membership_v1_create_post_type_request *written,
                           struct text_collator *collator, struct arena *arena,
                           struct text_name *ret_name, uint32_t *ret_actions, struct fault *fault)
{
    struct text_name name;
    PEK_TRY(text_name_make(collator, written->name, "name", arena, &name, fault));
    if (text_chars(name.name) > POST_NAME_CHARS_MAX)
        return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, TEXT_REASON_LONG, "name",
                                "name has more than %d characters", POST_NAME_CHARS_MAX);
    PEK_TRY(take_actions(written, ret_actions, fault));
    *ret_name = name;
    return STATUS_OK;
}

enum status post_make_flairs(char *const *flairs, size_t count, struct arena *arena,
                             const struct slice **ret_flairs, struct fault *fault)
{
    struct slice *made = arena_zalloc(arena, count + 1, sizeof(*made));
    if (!made)
        return STATUS_RESOURCE_EXHAUSTED;
    if (count > POST_FLAIRS_MAX)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, "flairs", "flairs has more than %d",
                         POST_FLAIRS_MAX);
    for (size_t i = 0; i < count; i++) {
        PEK_TRY(text_normalise_name(slice_str(flairs[i]), "flairs", arena, &made[i], fault));
        if (text_chars(made[i]) > POST_FLAIR_CHARS_MAX)
            return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, TEXT_REASON_LONG, "flairs",
                                    "flairs has one of more than %d characters",
                                    POST_FLAIR_CHARS_MAX);
        for (size_t j = 0; j < i; j++)
            if (slice_equal(made[i], made[j]))
                return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, TEXT_REASON_TWICE, "flairs",
                                        "flairs has %.*s twice", SLICE_ARG(made[i]));
    }
    *ret_flairs = made;
    return STATUS_OK;
}
