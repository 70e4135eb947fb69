#include "hub/api/any.h"

#include "shared/base/clock.h"

#define INCOMPLETE_BYTES_MAX 4096 /* of Federation-Incomplete, about */

bool any_has_it(const struct leg *leg)
{
    return leg->item || (leg->state == LEG_DONE && !leg->fault.status);
}

bool any_else_has_it(const struct api_call *call, const struct leg *leg)
{
    for (size_t i = 0; i < call->fanout.count; i++) {
        const struct leg *other = &call->fanout.legs[i];
        if (other != leg && any_has_it(other))
            return true;
    }
    return false;
}

/* The first that has it; `ret_sure`: all before it have said that they have not. */
static struct leg *first_of(struct fanout *fanout, bool *ret_sure)
{
    *ret_sure = true;
    for (size_t i = 0; i < fanout->count; i++) {
        struct leg *leg = &fanout->legs[i];
        if (any_has_it(leg))
            return leg;
        if (leg->state < LEG_DONE)
            *ret_sure = false;
    }
    return NULL;
}

/* The others' time is up. */
static void give_up(struct fanout *fanout)
{
    for (size_t i = 0; i < fanout->count; i++) {
        struct leg *leg = &fanout->legs[i];
        if (!any_has_it(leg) && leg->state < LEG_DONE)
            leg_fail(leg, STATUS_DEADLINE_EXCEEDED, "the realm did not answer in time");
    }
}

enum status any_await(struct api_call *call, struct leg **ret_leg, struct fault *fault)
{
    struct fanout *fanout = &call->fanout;
    int64_t until_us = DEADLINE_NONE;
    bool sure;

    fanout_advance(fanout);
    for (;;) {
        struct leg *first = first_of(fanout, &sure);
        if (first && sure) {
            *ret_leg = first;
            return STATUS_OK;
        }
        if (sure) {
            call_most_useful(call, fault);
            return fault->status;
        }
        if (first && until_us == DEADLINE_NONE)
            until_us = deadline_after_ms(call->api->options.straggler_ms);
        enum status status = fanout_wait(fanout, until_us);
        if (status == STATUS_CANCELLED)
            return fault_set(fault, status, NULL, "the client went away");
        fanout_advance(fanout);
        if (status == STATUS_DEADLINE_EXCEEDED)
            give_up(fanout);
    }
}

/* ---- where it was last -------------------------------------------------------------------------- */

/* What is looked for: an id, and of which service's, since two may have the same ids for different things. */
static struct slice kind_of(const struct api_call *call)
{
    struct slice path = call->method->path;
    while (path.len > 0 && path.ptr[path.len - 1] != '/')
        path.len--;
    return path;
}

static bool can_be_found(const struct api_call *call)
{
    return call->session && call->fanout.count > 1 && call->match.rule->variable_count > 0;
}

static struct leg *where_it_was(struct api_call *call)
{
    struct fanout *fanout = &call->fanout;
    uint64_t generation;

    if (!can_be_found(call) ||
        !found_get(call->session->found, kind_of(call), call->match.values[0], &generation))
        return NULL;
    for (size_t i = 0; i < fanout->count; i++) {
        if (fanout->legs[i].instance && fanout->legs[i].instance->generation == generation)
            return &fanout->legs[i];
    }
    return NULL;
}

/* Only when those before it have said that they have not. */
static void remember(struct api_call *call, const struct leg *leg)
{
    struct session *session = call->session;

    if (!can_be_found(call) || !leg->instance)
        return;
    for (size_t i = 0; &call->fanout.legs[i] != leg; i++) {
        const struct leg *before = &call->fanout.legs[i];
        if (before->state == LEG_DONE && outcome_unreachable(outcome_of(before->fault.status)))
            return;
    }
    if (!session->found)
        session->found = found_new();
    if (session->found)
        found_put(session->found, kind_of(call), call->match.values[0], leg->instance->generation);
}

static void hold_others(struct fanout *fanout, const struct leg *leg, bool held)
{
    for (size_t i = 0; i < fanout->count; i++)
        fanout->legs[i].held = held && &fanout->legs[i] != leg;
}

/* OK also when it has not; CANCELLED when the client went away. */
static enum status ask_first(struct api_call *call, struct leg *leg)
{
    struct fanout *fanout = &call->fanout;
    int64_t until_us = deadline_after_ms(call->api->options.straggler_ms);
    enum status status = STATUS_OK;

    hold_others(fanout, leg, true);
    fanout_advance(fanout);
    while (!status && !leg_answered(leg)) {
        status = fanout_wait(fanout, until_us);
        fanout_advance(fanout);
    }
    hold_others(fanout, leg, false);
    return status == STATUS_CANCELLED ? status : STATUS_OK;
}

enum status any_await_one(struct api_call *call, struct leg **ret_leg, struct fault *fault)
{
    struct fanout *fanout = &call->fanout;
    struct leg *first = where_it_was(call);

    if (first && ask_first(call, first))
        return fault_set(fault, STATUS_CANCELLED, NULL, "the client went away");
    if (first && any_has_it(first)) {
        for (size_t i = 0; i < fanout->count; i++) {
            if (&fanout->legs[i] != first)
                leg_skip(&fanout->legs[i]);
        }
        *ret_leg = first;
        return STATUS_OK;
    }
    enum status status = any_await(call, ret_leg, fault);
    if (!status)
        remember(call, *ret_leg);
    return status;
}

/* ---- headers ----------------------------------------------------------------------------------- */

static size_t variable_at(const struct route_rule *rule, const char *name)
{
    size_t i = 0;
    while (i < rule->variable_count && strcmp(rule->variables[i], name) != 0)
        i++;
    return i;
}

/* The path of the same method and verb that takes what this one takes, and the realm. */
static bool add_realm(struct api_call *call, const struct route_rule *rule, struct slice realm,
                      struct slice *ret_path)
{
    const struct route_match *match = &call->match;
    struct slice values[ROUTE_VARIABLES_MAX];

    if (rule->target != call->method || strcmp(rule->verb, match->rule->verb) != 0 ||
        rule->variable_count != match->rule->variable_count + 1)
        return false;
    for (size_t i = 0; i < rule->variable_count; i++) {
        size_t at = variable_at(match->rule, rule->variables[i]);
        if (at < match->rule->variable_count)
            values[i] = match->values[at];
        else if (strcmp(rule->variables[i], "realm") == 0)
            values[i] = realm;
        else
            return false;
    }
    return route_path(rule, values, call->arena, ret_path) == STATUS_OK;
}

static void add_location(struct api_call *call, const struct leg *leg)
{
    const struct route_table *routes = transcode_routes(call->api->options.transcode);
    struct slice path, query = http_query(call->http);

    for (size_t i = 0; i < route_table_count(routes); i++) {
        if (!add_realm(call, route_table_rule(routes, i), leg->realm, &path))
            continue;
        const char *location = arena_printf(call->arena, "%.*s%s%.*s", SLICE_ARG(path),
                                            query.len ? "?" : "", SLICE_ARG(query));
        if (location)
            http_add_header(call->http, "content-location", slice_str(location));
        return;
    }
}

/* As many names as the header may have; "..." says that there are more. */
static void add_name(struct buffer *names, struct slice realm)
{
    if (names->len < INCOMPLETE_BYTES_MAX)
        buffer_printf(names, "%s%.*s", names->len ? ", " : "", SLICE_ARG(realm));
    else if (names->ptr[names->len - 1] != '.')
        buffer_append_str(names, ", ...");
}

static void add_names(struct api_call *call, struct buffer *names)
{
    if (names->len && !names->failed)
        http_add_header(call->http, "federation-incomplete", buffer_slice(names));
    buffer_done(names);
}

/* Where the answer is from a realm, those behind it had no part in it. */
static void add_incomplete(struct api_call *call, const struct leg *before)
{
    const struct fanout *fanout = &call->fanout;
    struct buffer names;

    buffer_init(&names, 2 * INCOMPLETE_BYTES_MAX);
    for (size_t i = 0; i < fanout->count && &fanout->legs[i] != before; i++) {
        const struct leg *leg = &fanout->legs[i];
        if (leg->state == LEG_DONE && !leg->stopped &&
            outcome_unreachable(outcome_of(leg->fault.status)))
            add_name(&names, leg->realm);
    }
    for (size_t i = 0; i < call->rest_count; i++)
        if (!before || slice_compare(call->rest[i], before->realm) < 0)
            add_name(&names, call->rest[i]);
    add_names(call, &names);
}

void any_add_unheard(struct api_call *call, const struct leg *leg)
{
    static const struct slice prefix = SLICE_LIT("realms/");
    struct buffer names;
    struct slice name;

    buffer_init(&names, 2 * INCOMPLETE_BYTES_MAX);
    for (size_t i = 0; (name = transcode_item_unreachable(leg->item, i)).len > 0; i++) {
        if (slice_starts_with(name, prefix))
            name = slice_make(name.ptr + prefix.len, name.len - prefix.len);
        add_name(&names, name);
    }
    add_names(call, &names);
}

void any_add_headers(struct api_call *call, const struct leg *leg)
{
    if (call->method->realms != TRANSCODE_ANY || transcode_request_realm(call->request).len)
        return;
    if (leg)
        add_location(call, leg);
    add_incomplete(call, leg);
}
