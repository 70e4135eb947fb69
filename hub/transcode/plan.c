/* What is done with the fields of each message type; which never leave, and how they are cleared. */
#include <stdlib.h>

#include "hub/transcode/internal.h"

static int by_address(const void *a, const void *b)
{
    uintptr_t left = (uintptr_t) * (const upb_FieldDef *const *)a;
    uintptr_t right = (uintptr_t) * (const upb_FieldDef *const *)b;
    return (left > right) - (left < right);
}

bool transcode_is_internal(const struct transcode *transcode, const upb_FieldDef *field)
{
    return transcode->internal_count > 0 &&
           bsearch(&field, transcode->internal_fields, transcode->internal_count,
                   sizeof(transcode->internal_fields[0]), by_address) != NULL;
}

bool plans_init(struct transcode *transcode)
{
    transcode->internal_fields = arena_zalloc(&transcode->arena, TRANSCODE_INTERNAL_FIELDS_MAX,
                                              sizeof(transcode->internal_fields[0]));
    transcode->plans =
        arena_zalloc(&transcode->arena, TRANSCODE_PLANS_MAX, sizeof(transcode->plans[0]));
    transcode->enums =
        arena_zalloc(&transcode->arena, TRANSCODE_ENUMS_MAX, sizeof(transcode->enums[0]));
    return transcode->internal_fields && transcode->plans && transcode->enums;
}

static bool plan_add_field(struct transcode *transcode, struct plan *plan,
                           const upb_FieldDef *field)
{
    if (field_is_internal(transcode->pool, field)) {
        if (transcode->internal_count == TRANSCODE_INTERNAL_FIELDS_MAX)
            return false;
        transcode->internal_fields[transcode->internal_count++] = field;
        plan->internal[plan->internal_count++] = field;
        plan->has_map |= upb_FieldDef_IsSubMessage(field); /* nobody looks into it */
        return true;
    }
    const upb_MessageDef *below =
        upb_FieldDef_IsSubMessage(field) ? upb_FieldDef_MessageSubDef(field) : NULL;
    if (below && upb_FieldDef_IsMap(field)) {
        const upb_FieldDef *value =
            upb_MessageDef_FindFieldByNumber(below, kUpb_MapEntry_ValueFieldNumber);
        below = upb_FieldDef_IsSubMessage(value) ? upb_FieldDef_MessageSubDef(value) : NULL;
        plan->has_map = true;
    }
    /* A Struct is one. */
    plan->has_map |= below && upb_MessageDef_WellKnownType(below) >= kUpb_WellKnown_Value;
    if (!below || upb_MessageDef_WellKnownType(below) != kUpb_WellKnown_Unspecified)
        return json_plan_field(transcode, plan, field, NULL);
    struct plan *child = plan_for(transcode, below);
    if (!child || !json_plan_field(transcode, plan, field, child))
        return false;
    plan->children[plan->child_count++] = (struct plan_child){field, child};
    return true;
}

struct plan *plan_for(struct transcode *transcode, const upb_MessageDef *def)
{
    for (size_t i = 0; i < transcode->plan_count; i++) {
        if (transcode->plans[i]->def == def)
            return transcode->plans[i];
    }
    size_t field_count = (size_t)upb_MessageDef_FieldCount(def);
    struct plan *plan = arena_zalloc(&transcode->arena, 1, sizeof(*plan));
    if (!plan || transcode->plan_count == TRANSCODE_PLANS_MAX)
        return NULL;
    plan->def = def;
    plan->internal = arena_zalloc(&transcode->arena, field_count + 1, sizeof(plan->internal[0]));
    plan->children = arena_zalloc(&transcode->arena, field_count + 1, sizeof(plan->children[0]));
    plan->json = arena_zalloc(&transcode->arena, field_count + 1, sizeof(plan->json[0]));
    if (!plan->internal || !plan->children || !plan->json)
        return NULL;
    transcode->plans[transcode->plan_count++] = plan;
    for (size_t i = 0; i < field_count; i++) {
        if (!plan_add_field(transcode, plan, upb_MessageDef_Field(def, (int)i)))
            return NULL;
    }
    return plan;
}

void plans_prune(struct transcode *transcode)
{
    qsort(transcode->internal_fields, transcode->internal_count,
          sizeof(transcode->internal_fields[0]), by_address);
    /* Types may refer to each other in circles: repeat until nothing changes. */
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < transcode->plan_count; i++) {
            struct plan *plan = transcode->plans[i];
            bool needed = plan->internal_count > 0;
            bool has_map = plan->has_map;
            for (size_t j = 0; j < plan->child_count; j++) {
                needed |= plan->children[j].plan->needed;
                has_map |= plan->children[j].plan->has_map;
            }
            changed |= needed != plan->needed || has_map != plan->has_map;
            plan->needed = needed;
            plan->has_map = has_map;
        }
    }
    for (size_t i = 0; i < transcode->plan_count; i++) {
        struct plan *plan = transcode->plans[i];
        size_t kept = 0;
        for (size_t j = 0; j < plan->child_count; j++) {
            if (plan->children[j].plan->needed)
                plan->children[kept++] = plan->children[j];
        }
        plan->child_count = kept;
    }
}

/* A value got from a message of ours is writable; upb's getters say const. */
static upb_Message *writable(const upb_Message *message)
{
    return (upb_Message *)(uintptr_t)message;
}

static void clear_child(const struct plan_child *child, upb_Message *message)
{
    /* upb asserts when an unset message is asked for. */
    if (upb_FieldDef_HasPresence(child->field) && !upb_Message_Has(message, child->field))
        return;
    upb_MessageValue value = upb_Message_Get(message, child->field);
    if (upb_FieldDef_IsMap(child->field)) {
        size_t at = kUpb_Map_Begin;
        while (value.map_val && upb_MapIterator_Next(value.map_val, &at))
            plan_clear(child->plan, writable(upb_MapIterator_Value(value.map_val, at).msg_val));
    } else if (upb_FieldDef_IsRepeated(child->field)) {
        size_t count = value.array_val ? upb_Array_Size(value.array_val) : 0;
        for (size_t i = 0; i < count; i++)
            plan_clear(child->plan, writable(upb_Array_Get(value.array_val, i).msg_val));
    } else {
        plan_clear(child->plan, writable(value.msg_val));
    }
}

void plan_clear(const struct plan *plan, upb_Message *message)
{
    for (size_t i = 0; i < plan->internal_count; i++)
        upb_Message_ClearField(message, plan->internal[i]);
    for (size_t i = 0; i < plan->child_count; i++)
        clear_child(&plan->children[i], message);
}
