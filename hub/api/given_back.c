#include "hub/api/given_back.h"

#include "hub/api/any.h"
#include "shared/row/told.h"
#include "shared/service/change.h"

/* "/policies/1/statements/2" to "/policies/1". */
static struct slice path_above(struct slice path)
{
    for (int i = 0; i < 2; i++) {
        const char *slash = path.len ? memrchr(path.ptr, '/', path.len) : NULL;
        path.len = slash ? (size_t)(slash - path.ptr) : 0;
    }
    return path;
}

static bool match_read(const struct api_call *call, struct slice path,
                       struct route_match *ret_match)
{
    return path.len > 0 &&
           route_match(transcode_routes(call->api->options.transcode), SLICE_LIT("GET"), path,
                       call->arena, ret_match, NULL) == ROUTE_FOUND;
}

/* A call of its own for the GET of the same path, or else of the one above, whose answer may have it in a list; NULL when
 * there is none that gives one object. */
static struct api_call *read_of(struct api_call *call, bool *ret_part, struct fault *fault)
{
    const struct transcode *transcode = call->api->options.transcode;
    struct api_call *read = arena_zalloc(call->arena, 1, sizeof(*read));

    if (!read)
        return NULL;
    *ret_part = !match_read(call, http_raw_path(call->http), &read->match);
    if (*ret_part && !match_read(call, path_above(http_raw_path(call->http)), &read->match))
        return NULL;
    read->api = call->api;
    read->http = call->http;
    read->arena = call->arena;
    read->method = read->match.rule->target;
    read->session_token = call->session_token;
    read->session = call->session;
    read->fanout.trace = call->fanout.trace;
    if (read->method->server_streaming ||
        transcode_request_new(transcode, &read->match, slice_make("", 0), slice_make("", 0),
                              &read->request, fault))
        return NULL;
    return read;
}

static enum status ask(struct api_call *read, struct leg **ret_leg, struct fault *fault)
{
    call_begin_fanout(read);
    enum status status = call_add_legs(read, fault);
    if (!status)
        status = call_set_requests(read, fault);
    return status ? status : any_await(read, ret_leg, fault);
}

/* The etag of the row: what is behind the dot is of what is told beside it, and no change is compared with that. */
static struct slice of_row(struct slice etag)
{
    const char *dot = etag.len > 0 ? memchr(etag.ptr, TOLD_ETAG_DOT, etag.len) : NULL;
    return dot ? slice_make(etag.ptr, (size_t)(dot - etag.ptr)) : etag;
}

static bool condition_is_met(const struct condition *condition, struct slice etag)
{
    bool is_met = condition->count == 0;
    for (size_t i = 0; i < condition->count && !is_met; i++)
        is_met = slice_equal(of_row(condition->etags[i]), of_row(etag));
    return is_met;
}

/* Before the fields: of what was changed meanwhile, those that only the realm sets differ as well. */
static enum status check_etag(struct api_call *call, const struct condition *condition,
                              const struct leg *current, struct fault *fault)
{
    struct slice given = transcode_request_etag(call->request, call->match.rule);
    struct slice etag = transcode_item_etag(current->item);

    if (given.len > 0 ? slice_equal(of_row(given), of_row(etag))
                      : condition_is_met(condition, etag))
        return STATUS_OK;
    return fault_set_reason(fault, STATUS_ABORTED, "CHANGED_MEANWHILE", "etag",
                            "it was changed meanwhile: its etag is another one");
}

enum status given_back_reduce(struct api_call *call, const struct condition *condition,
                              struct given_back *ret_back, struct fault *fault)
{
    const struct route_rule *rule = call->match.rule;
    struct given_back back = {0};
    struct leg *leg = NULL;
    enum status status = STATUS_OK;
    bool changes = true;

    *ret_back = back;
    if (!transcode_request_gives_back(call->request, rule))
        return STATUS_OK;
    /* With a key it may be sent again, and would be compared with what it did itself. */
    if (http_header(call->http, CHANGE_KEY_METADATA, 0).len == 0)
        back.read = read_of(call, &back.is_part, fault);
    if (back.read)
        status = ask(back.read, &leg, fault);
    if (!status && leg)
        status = check_etag(call, condition, leg, fault);
    if (!status)
        status = transcode_request_drop_equal(call->request, rule, leg ? leg->item : NULL, &changes,
                                              fault);
    if (!status && !changes && back.is_part) {
        buffer_reset(&leg->json);
        status = transcode_request_current_json(call->request, rule, leg->item, &leg->json);
    }
    back.current = changes ? NULL : leg;
    if (status)
        given_back_done(&back);
    else
        *ret_back = back;
    return status;
}

void given_back_done(struct given_back *back)
{
    if (back->read && back->read->fanout.cancel)
        fanout_done(&back->read->fanout);
    if (back->read)
        transcode_request_free(back->read->request);
    *back = (struct given_back){0};
}
