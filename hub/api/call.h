/* call: one API request while it runs. Internal to hub/api. */
#ifndef PEK_HUB_API_CALL_H
#define PEK_HUB_API_CALL_H

#include "hub/api/api.h"

struct api_call {
    struct api *api;
    struct http_request *http;
    struct arena *arena;
    struct route_match match;
    const struct transcode_method *method;
    struct slice session_token;
    struct session *session;  /* NULL for a public method */
    struct fair_ticket place; /* among the user's requests */
    struct fair_ticket live_place;
    struct transcode_request *request;
    struct transcode_asked asked;
    struct subject {         /* of a number that is combined: whose it is */
        bool other;          /* than the caller */
        bool known;          /* in which realms they are; else the number may lack any */
        struct slice realms; /* joined by a space */
    } subject;
    bool is_export; /* a stream without page size */
    bool is_live;   /* and one that goes on: an event stream of a method with `live` */
    struct list in_streams;
    struct span span; /* of the request, where it is recorded */
    struct rpc_pair pairs[FANOUT_PAIRS_MAX];
    struct fanout fanout;
    struct slice *
        rest; /* realms of the caller's that are not asked, for lack of room: named, never silently missing */
    size_t rest_count;
};

/* The fan-out of the call's method, without legs: it is zeroed, but for its trace. */
void call_begin_fanout(struct api_call *call);
/* Of one without streaming: the same for every leg. Of a method that names people: with what the hub says of them. */
PEK_MUST_CHECK enum status call_set_requests(struct api_call *call, struct fault *fault);

/* Both answer; what they return is the fault for the log, OK when there was none. */
enum status call_unary(struct api_call *call, struct fault *fault);
enum status call_stream(struct api_call *call, struct fault *fault);

/* Legs for the realms that the method and the request name; NOT_FOUND for an unknown realm. Their request is
 * empty. Of a request that names none: those of hub/session/choice.h; for whom there is no room is in `rest`. */
PEK_MUST_CHECK enum status call_add_legs(struct api_call *call, struct fault *fault);

/* How long one realm may keep the others of a list waiting: of one page the straggler limit is the measure, of an export
 * a whole call's. */
int64_t call_patience_us(const struct api_call *call);

/* "worker-acme;dur=3.1;desc="OK"" and so on, as a header of the answer to come. */
void call_add_server_timing(struct api_call *call);
/* What a leg came to, for the client. */
enum outcome leg_outcome(const struct leg *leg);
/* It ended with a fault, and no head of it waits to be given. */
bool leg_has_broken(const struct leg *leg);
/* It has answered: there is nothing of this list in it, or nothing for the caller. */
bool leg_has_nothing(const struct leg *leg);
/* It has not given what it has, and is named. A realm that refuses what it has begun to give is none that has nothing. */
bool leg_is_unreachable(const struct leg *leg);
/* The fault that stands for the realms that are not asked; false when there are none. */
bool call_not_asked(const struct api_call *call, struct fault *ret_fault);
/* The fault of a fan-out that nobody answered, with realm unreachable texts made useful. */
void call_most_useful(const struct api_call *call, struct fault *ret_fault);

#endif
