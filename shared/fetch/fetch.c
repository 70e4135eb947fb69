#include "shared/fetch/fetch.h"

#include <assert.h>
#include <stdlib.h>

#include <curl/curl.h>
#include <uv.h>

#include "shared/base/buffer.h"
#include "shared/base/clock.h"

#define USER_AGENT "pek"

/* libcurl tells which sockets to watch and when to call it; the loop does; libcurl calls back with bytes and,
 * through its message queue, with the ends. Fibers only add and remove transfers, and sleep in between. */
struct fetcher {
    struct fibers *fibers;
    const char *ca_path;
    CURLM *multi;
    uv_timer_t timer;
    unsigned running;
    bool closing;
};

/* One socket of libcurl's; freed when the loop lets go of it. */
struct watch {
    struct fetcher *fetcher;
    curl_socket_t socket;
    uv_poll_t poll;
};

/* On the stack of the fiber, which takes it out of libcurl before it returns. */
struct transfer {
    CURL *curl;
    struct curl_slist *headers;
    struct buffer body;
    size_t header_bytes;
    CURLcode result;
    bool finished;
    bool too_long;
    struct fiber_event ended;
};

/* ---- loop and libcurl -------------------------------------------------------------------------- */

static void take_ends(struct fetcher *fetcher)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(fetcher->multi, &left))) {
        struct transfer *transfer = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        transfer->result = message->data.result;
        transfer->finished = true;
        fiber_event_signal(&transfer->ended);
    }
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data;
    int running, flags = 0;

    if (status < 0)
        flags = CURL_CSELECT_ERR;
    if (events & UV_READABLE)
        flags |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        flags |= CURL_CSELECT_OUT;
    /* The watch may be gone after this. */
    struct fetcher *fetcher = watch->fetcher;
    curl_multi_socket_action(fetcher->multi, watch->socket, flags, &running);
    take_ends(fetcher);
}

static void on_timer(uv_timer_t *timer)
{
    struct fetcher *fetcher = timer->data;
    int running;

    curl_multi_socket_action(fetcher->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    take_ends(fetcher);
}

static int set_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct fetcher *fetcher = arg;
    (void)multi;

    if (fetcher->closing)
        return 0;
    if (timeout_ms < 0)
        uv_timer_stop(&fetcher->timer);
    else
        uv_timer_start(&fetcher->timer, on_timer, (uint64_t)timeout_ms, 0);
    return 0;
}

static void watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static struct watch *watch_new(struct fetcher *fetcher, curl_socket_t socket)
{
    struct watch *watch = calloc(1, sizeof(*watch));

    if (!watch)
        return NULL;
    *watch = (struct watch){.fetcher = fetcher, .socket = socket};
    watch->poll.data = watch;
    if (uv_poll_init_socket(fibers_loop(fetcher->fibers), &watch->poll, socket)) {
        free(watch);
        return NULL;
    }
    return watch;
}

static int watch_socket(CURL *curl, curl_socket_t socket, int what, void *arg, void *socket_arg)
{
    struct fetcher *fetcher = arg;
    struct watch *watch = socket_arg;
    int events = 0;
    (void)curl;

    if (what == CURL_POLL_REMOVE) {
        if (watch) {
            curl_multi_assign(fetcher->multi, socket, NULL);
            uv_close((uv_handle_t *)&watch->poll, watch_closed);
        }
        return 0;
    }
    if (!watch) {
        watch = watch_new(fetcher, socket);
        /* Without it the transfer would wait for its timeout: let libcurl fail it now. */
        if (!watch)
            return -1;
        curl_multi_assign(fetcher->multi, socket, watch);
    }
    if (what & CURL_POLL_IN)
        events |= UV_READABLE;
    if (what & CURL_POLL_OUT)
        events |= UV_WRITABLE;
    return uv_poll_start(&watch->poll, events, on_poll) ? -1 : 0;
}

/* ---- life cycle -------------------------------------------------------------------------------- */

static void timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

enum status fetcher_new(struct fibers *fibers, const char *ca_path, struct fetcher **ret_fetcher,
                        struct fault *fault)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT))
        return fault_set(fault, STATUS_UNAVAILABLE, NULL, "libcurl cannot be started");
    const curl_version_info_data *version = curl_version_info(CURLVERSION_NOW);
    struct fetcher *fetcher = calloc(1, sizeof(*fetcher));
    CURLM *multi = curl_multi_init();
    /* Without this feature a slow name server would stop the whole process. */
    if (!(version->features & CURL_VERSION_ASYNCHDNS) || !(version->features & CURL_VERSION_SSL) ||
        !fetcher || !multi) {
        free(fetcher);
        curl_multi_cleanup(multi);
        curl_global_cleanup();
        return fault_set(fault, STATUS_UNAVAILABLE, NULL,
                         "libcurl lacks TLS or an asynchronous resolver");
    }
    *fetcher = (struct fetcher){.fibers = fibers, .ca_path = ca_path, .multi = multi};
    uv_timer_init(fibers_loop(fibers), &fetcher->timer);
    fetcher->timer.data = fetcher;
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, fetcher);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, fetcher);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)FETCH_CONNECTIONS_KEPT_MAX);
    *ret_fetcher = fetcher;
    return STATUS_OK;
}

struct fetcher *fetcher_free(struct fetcher *fetcher)
{
    if (!fetcher)
        return NULL;
    assert(fetcher->running == 0);
    fetcher->closing = true;
    curl_multi_cleanup(fetcher->multi);
    curl_global_cleanup();
    uv_close((uv_handle_t *)&fetcher->timer, timer_closed);
    return NULL;
}

/* ---- one transfer ------------------------------------------------------------------------------ */

static size_t take_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct transfer *transfer = arg;
    size_t len = size * count;

    buffer_append(&transfer->body, bytes, len);
    if (!transfer->body.failed)
        return len;
    transfer->too_long = true;
    return CURL_WRITEFUNC_ERROR;
}

/* libcurl 7.88 bounds each header line but not their number. */
static size_t take_header(char *bytes, size_t size, size_t count, void *arg)
{
    struct transfer *transfer = arg;
    (void)bytes;

    transfer->header_bytes += size * count;
    if (transfer->header_bytes <= FETCH_HEADER_BYTES_MAX)
        return size * count;
    transfer->too_long = true;
    return CURL_WRITEFUNC_ERROR;
}

static bool add_header(struct transfer *transfer, const char *line)
{
    struct curl_slist *longer = line ? curl_slist_append(transfer->headers, line) : NULL;

    if (longer)
        transfer->headers = longer;
    return longer != NULL;
}

static bool set_body(struct transfer *transfer, const struct fetch_request *request)
{
    CURL *curl = transfer->curl;
    struct slice body = request->form.ptr ? request->form : request->json;

    if (!body.ptr)
        return true;
    return !curl_easy_setopt(curl, CURLOPT_POST, 1L) &&
           !curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len) &&
           !curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.ptr) &&
           (request->form.ptr || add_header(transfer, "Content-Type: application/json")) &&
           /* No round trip for "Expect: 100-continue". */
           add_header(transfer, "Expect:");
}

static bool set_authorization(struct transfer *transfer, const struct fetch_request *request,
                              struct arena *arena)
{
    CURL *curl = transfer->curl;

    if (request->bearer &&
        !add_header(transfer, arena_printf(arena, "Authorization: Bearer %s", request->bearer)))
        return false;
    if (!request->user)
        return true;
    return !curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC) &&
           !curl_easy_setopt(curl, CURLOPT_USERNAME, request->user) &&
           !curl_easy_setopt(curl, CURLOPT_PASSWORD, request->password);
}

static bool set_limits(CURL *curl, const struct fetcher *fetcher,
                       const struct fetch_request *request)
{
    return !curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms) &&
           !curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)FETCH_CONNECT_TIMEOUT_MS) &&
           !curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") &&
           !curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) &&
           !curl_easy_setopt(curl, CURLOPT_PROXY, "") &&
           !curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L) &&
           !curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L) &&
           !curl_easy_setopt(curl, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2) &&
           (!fetcher->ca_path[0] || !curl_easy_setopt(curl, CURLOPT_CAINFO, fetcher->ca_path)) &&
           /* A transfer given up while its name is looked up leaves the thread behind instead of waiting. */
           !curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L) &&
           !curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
}

static bool set_up(struct transfer *transfer, const struct fetcher *fetcher,
                   const struct fetch_request *request, struct arena *arena)
{
    CURL *curl = transfer->curl = curl_easy_init();

    return curl && !curl_easy_setopt(curl, CURLOPT_URL, request->url) &&
           set_limits(curl, fetcher, request) && set_body(transfer, request) &&
           set_authorization(transfer, request, arena) &&
           add_header(transfer, "Accept: application/json") &&
           !curl_easy_setopt(curl, CURLOPT_USERAGENT, USER_AGENT) &&
           !curl_easy_setopt(curl, CURLOPT_HTTPHEADER, transfer->headers) &&
           !curl_easy_setopt(curl, CURLOPT_PRIVATE, transfer) &&
           !curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body) &&
           !curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer) &&
           !curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header) &&
           !curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer);
}

static enum status outcome(const struct transfer *transfer, struct fault *fault)
{
    const char *text = curl_easy_strerror(transfer->result);

    if (transfer->too_long)
        return fault_set(fault, STATUS_OUT_OF_RANGE, NULL, "the answer is too long");
    switch (transfer->result) {
    case CURLE_OK: return STATUS_OK;
    case CURLE_OPERATION_TIMEDOUT:
        return fault_set(fault, STATUS_DEADLINE_EXCEEDED, NULL, "%s", text);
    case CURLE_OUT_OF_MEMORY: return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "%s", text);
    default: return fault_set(fault, STATUS_UNAVAILABLE, NULL, "%s", text);
    }
}

static enum status take_response(const struct transfer *transfer, struct arena *arena,
                                 struct fetch_response *ret_response, struct fault *fault)
{
    struct fetch_response response = {.body = slice_make("", 0)};
    long code = 0;

    curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &code);
    response.code = (int)code;
    if (transfer->body.len > 0)
        response.body = arena_copy(arena, buffer_slice(&transfer->body));
    if (!response.body.ptr)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "out of memory");
    *ret_response = response;
    return STATUS_OK;
}

static enum status run(struct transfer *transfer, struct fetcher *fetcher, struct cancel *cancel,
                       struct fault *fault)
{
    enum status status = cancel_status(cancel);

    if (!status && curl_multi_add_handle(fetcher->multi, transfer->curl))
        return fault_set(fault, STATUS_UNAVAILABLE, NULL, "the transfer cannot be started");
    if (!status) {
        status = fiber_event_wait_cancel(&transfer->ended, cancel);
        curl_multi_remove_handle(fetcher->multi, transfer->curl);
    }
    if (!transfer->finished)
        return fault_set(fault, status, NULL, "the transfer was given up");
    return outcome(transfer, fault);
}

enum status fetch(struct fetcher *fetcher, const struct fetch_request *request,
                  struct cancel *cancel, struct arena *arena, struct fetch_response *ret_response,
                  struct fault *fault)
{
    struct transfer transfer = {0};
    enum status status;

    if (fetcher->running >= FETCHES_MAX)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "too many transfers at once");
    fetcher->running++;
    buffer_init(&transfer.body, request->body_bytes_max);
    if (set_up(&transfer, fetcher, request, arena))
        status = run(&transfer, fetcher, cancel, fault);
    else
        status = fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "the transfer cannot be set up");
    if (!status)
        status = take_response(&transfer, arena, ret_response, fault);
    curl_easy_cleanup(transfer.curl);
    curl_slist_free_all(transfer.headers);
    buffer_done(&transfer.body);
    fetcher->running--;
    return status;
}
