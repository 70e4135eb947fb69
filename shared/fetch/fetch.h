/* fetch: one HTTP request from a fiber, by libcurl's multi interface on the fibers' loop.
 *
 * For a few calls to a service that is known by configuration, not for a browser's work: no redirect is followed,
 * no cookie kept, no proxy or .netrc of the environment used, nothing decompressed; only http and https; with https the
 * certificate is verified against `ca_path` or the system's authorities. Names are resolved on libcurl's threads.
 * The loop thread never blocks; it reads the authorities' file once a day.
 *
 * Bounded: FETCHES_MAX at once, time and bytes of each, FETCH_HEADER_BYTES_MAX of headers. Loop thread, in fibers.
 */
#ifndef PEK_SHARED_FETCH_FETCH_H
#define PEK_SHARED_FETCH_FETCH_H

#include "shared/base/arena.h"
#include "shared/base/fault.h"
#include "shared/base/slice.h"
#include "shared/fiber/fiber.h"

#define FETCHES_MAX 64
#define FETCH_CONNECT_TIMEOUT_MS 3000
#define FETCH_HEADER_BYTES_MAX 32768
#define FETCH_CONNECTIONS_KEPT_MAX 4

struct fetcher;

/* `ca_path`: PEM file of authorities, "" for the system's; not copied. UNAVAILABLE when this libcurl cannot do
 * what is promised above. */
PEK_MUST_CHECK enum status fetcher_new(struct fibers *fibers, const char *ca_path,
                                       struct fetcher **ret_fetcher, struct fault *fault);
/* No fiber may be inside. Run the loop once more afterwards. Takes NULL, returns NULL. */
struct fetcher *fetcher_free(struct fetcher *fetcher);

struct fetch_request {
    const char *url;
    struct slice form;           /* POSTed as application/x-www-form-urlencoded; ptr NULL: a GET */
    struct slice json;           /* or POSTed as application/json */
    const char *user, *password; /* HTTP Basic; NULL: none */
    const char *bearer;          /* NULL: none; printable ASCII */
    int64_t timeout_ms;          /* of the whole */
    size_t body_bytes_max;
};

struct fetch_response {
    int code;          /* whatever it is: 200, 302, 500 */
    struct slice body; /* in the arena */
};

/* OK when there is an answer. DEADLINE_EXCEEDED: not within timeout_ms or the deadline of `cancel`; CANCELLED;
 * OUT_OF_RANGE: longer than allowed; RESOURCE_EXHAUSTED: FETCHES_MAX run, or no memory; UNAVAILABLE: no
 * connection, no trust, a broken answer. The fault's text says which, for the log; it quotes nothing. */
PEK_MUST_CHECK enum status fetch(struct fetcher *fetcher, const struct fetch_request *request,
                                 struct cancel *cancel, struct arena *arena,
                                 struct fetch_response *ret_response, struct fault *fault);

#endif
