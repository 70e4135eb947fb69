/* shown: what of a call's answers is sent. Private to shared/rpc.
 *
 * All of it, but for two cases: the request has a mask of the fields that it wants (google.aip.dev/157), or the caller has the
 * object already and named its etag (RPC_IF_NONE_MATCH). The fields that a method calls `kept` are sent in any case, so that whoever
 * asked can check, merge and compare the answer as always. Messages are not changed: what is sent is a copy without the others.
 */
#ifndef PEK_SHARED_RPC_SHOWN_H
#define PEK_SHARED_RPC_SHOWN_H

#include "shared/rpc/rpc.h"

struct shown {
    const ProtobufCFieldDescriptor **hidden; /* these are not sent */
    size_t hidden_count;
    ProtobufCMessage *empty, *copy; /* when something is hidden: of the answer's type */
};

/* By the request's read mask: an absent or empty one, and "*", hide nothing. INVALID_ARGUMENT on read_mask for a path that is
 * no field of the answer. */
PEK_MUST_CHECK enum status shown_by_mask(struct shown *shown, const struct rpc_method *method,
                                         const void *request, struct arena *arena,
                                         struct fault *fault);
/* The answer's field `etag`; NULL when it has none. */
const char *shown_etag(const ProtobufCMessage *answer);
/* Hides all but what is kept. */
PEK_MUST_CHECK enum status shown_kept(struct shown *shown, const struct rpc_method *method,
                                      struct arena *arena);
/* The message without what is hidden; valid until the next one. */
const ProtobufCMessage *shown_of(const struct shown *shown, const ProtobufCMessage *message);

#endif
