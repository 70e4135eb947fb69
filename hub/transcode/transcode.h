/* transcode: HTTP and JSON on one side, protobuf on the other, for any service of a descriptor set.
 *
 * No generated code: upb reads the descriptors at start, and everything that can be known of a method then
 * is kept in `struct transcode_method`. A transcode is read-only after transcode_new and may be used by
 * several threads; requests and items belong to whoever made them.
 *
 * In: strict JSON (no duplicate or unknown field, bounded depth) → message. Names are accepted as
 * lowerCamelCase and as in the proto; errors name the field or parameter as the client spelled it.
 * Values of enums are accepted by the name that (pek.json_name) gives them, by the proto's and by number; the
 * first is what goes out.
 * Out: lowerCamelCase, scalars, enums and lists also when they have their default value, unset messages
 * left out, 64-bit numbers as strings, times as RFC 3339, fields with (pek.field).internal never.
 */
#ifndef PEK_HUB_TRANSCODE_TRANSCODE_H
#define PEK_HUB_TRANSCODE_TRANSCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/route/route.h"
#include "shared/base/arena.h"
#include "shared/base/buffer.h"
#include "shared/base/fault.h"
#include "shared/base/slice.h"

struct upb_DefPool;
struct upb_EnumDef;
struct upb_FieldDef;
struct upb_MessageDef;
struct upb_MethodDef;

#define TRANSCODE_DEPTH_MAX 32
/* A table of points has 5 000 cells of three keys. */
#define TRANSCODE_JSON_KEYS_MAX 20000
#define TRANSCODE_QUERY_PARAMETERS_MAX 100
#define TRANSCODE_IDENTITY_MAX 4
#define TRANSCODE_MEDIA_TYPES_MAX 4
#define TRANSCODE_MESSAGE_BYTES_MAX (4u * 1024 * 1024)
/* Of a method that says nothing else: as a realm takes. The body is counted as the client sent it; as a message it is shorter. */
#define TRANSCODE_BODY_BYTES_MAX (64u * 1024)

/* pek.Routing.Realms, by number. */
enum transcode_realms {
    TRANSCODE_REALMS_UNSPECIFIED = 0,
    TRANSCODE_HUB = 1,
    TRANSCODE_ONE = 2,
    TRANSCODE_ANY = 3,
    TRANSCODE_ALL = 4,
    TRANSCODE_EVERY = 5,
    TRANSCODE_INTERNAL = 6,
};

/* google.protobuf.MethodOptions.IdempotencyLevel, by number. */
enum transcode_idempotency {
    TRANSCODE_IDEMPOTENCY_UNKNOWN = 0,
    TRANSCODE_NO_SIDE_EFFECTS = 1,
    TRANSCODE_IDEMPOTENT = 2,
};

/* A field of type pek.Media, its fields, and the media types that it may have. */
struct transcode_media {
    const struct upb_FieldDef *field, *content_type, *data; /* NULL: there is none */
    const char *types[TRANSCODE_MEDIA_TYPES_MAX];
    size_t type_count;
};

/* A method and all that is known of it at start. Absent fields are NULL. */
struct transcode_method {
    struct slice path;    /* "/pek.group.v1.GroupService/GetGroup", NUL-terminated */
    struct slice service; /* "pek.group.v1.GroupService", NUL-terminated */
    struct slice name;    /* "GetGroup", NUL-terminated */
    const struct upb_MethodDef *def;
    const struct upb_MessageDef *request, *response;
    bool server_streaming;
    bool is_public;    /* pek.access says public: no session needed */
    bool needs_rights; /* pek.access asks for more than a session, and refuses who has it not */
    enum transcode_idempotency idempotency;
    enum transcode_realms realms;
    bool is_document; /* the hub's own part and that of every realm, not in pages */
    bool is_csv;      /* its list is given as CSV, too */
    bool
        is_whole; /* a document, or a number of all its items is told: not in pages, nor gone on with */
    size_t request_bytes_max; /* 0: TRANSCODE_BODY_BYTES_MAX */
    /* Of the response item: */
    struct slice collection; /* name of the list in a page; empty when not given */
    const struct upb_FieldDef *sort_key;
    const struct upb_FieldDef *identity[TRANSCODE_IDENTITY_MAX];
    size_t identity_count;
    const struct upb_FieldDef
        *combined;              /* int32, of which all items' are combined into one number */
    struct slice combined_name; /* what it is called in the answer */
    uint32_t combined_max;      /* it is this at most */
    uint32_t items_max;         /* of a list without identity; 0: not bounded */
    const struct upb_FieldDef *item_realm;       /* string `realm` of the response */
    const struct upb_FieldDef *item_id;          /* string `id` */
    const struct upb_FieldDef *item_etag;        /* string `etag` */
    const struct upb_FieldDef *item_unreachable; /* repeated string `unreachable`, of one answer */
    /* Of the request: */
    const struct upb_FieldDef *realm;           /* string */
    const struct upb_FieldDef *page_size;       /* int32 */
    const struct upb_FieldDef *page_token;      /* string */
    const struct upb_FieldDef *after;           /* pek.Cursor */
    const struct upb_FieldDef *byte_order_mark; /* bool: CSV begins with one, for spreadsheets */
    const struct upb_FieldDef *live; /* bool: as an event stream it goes on with what is new */
    const struct upb_FieldDef *update_mask; /* google.protobuf.FieldMask */
    const struct upb_FieldDef *read_mask;   /* likewise: which fields of the answer are wanted */
    const struct upb_FieldDef *told;        /* pek.instance.v1.PeopleTold: of whom `users` names */
    const struct upb_FieldDef *users;       /* string `user_id`, or strings `user_ids` */
    /* pek.Media of the request, and of the response. */
    struct transcode_media media, item_media;
};

/* ---- the whole --------------------------------------------------------------------------------- */

struct transcode;

/* `descriptor_set` is a FileDescriptorSet with imports in order (protoc --include_imports); not kept. Refuses
 * with a fault that names the method: client streaming, conflicting routes, a path variable, body, sort key
 * or identity that names no fitting field, an ALL method without sort key, collection and identity. */
PEK_MUST_CHECK enum status transcode_new(struct slice descriptor_set,
                                         struct transcode **ret_transcode, struct fault *fault);
/* Takes NULL, returns NULL. */
struct transcode *transcode_free(struct transcode *transcode);
size_t transcode_method_count(const struct transcode *transcode);
const struct transcode_method *transcode_method(const struct transcode *transcode, size_t index);
/* By full gRPC path; NULL when unknown. */
const struct transcode_method *transcode_find(const struct transcode *transcode, struct slice path);
/* All google.api.http rules but those of INTERNAL methods; the target of a rule is its struct
 * transcode_method. */
const struct route_table *transcode_routes(const struct transcode *transcode);
const struct upb_DefPool *transcode_pool(const struct transcode *transcode);
/* (pek.field).internal */
bool transcode_field_is_internal(const struct transcode *transcode,
                                 const struct upb_FieldDef *field);
/* What (pek.field) says of a field that clients see. */
struct transcode_field_rule {
    bool output_only, immutable, required;
    uint32_t chars_min, chars_max, items_max; /* 0: not bounded */
    int64_t min, max;                         /* of a number; not bounded when max is 0 */
    const char *pattern, *example;            /* "" for none; in the arena */
};
/* RESOURCE_EXHAUSTED when the arena is full. */
PEK_MUST_CHECK enum status transcode_field_rule(const struct transcode *transcode,
                                                const struct upb_FieldDef *field,
                                                struct arena *arena,
                                                struct transcode_field_rule *ret_rule);
/* What JSON calls the value of an enum that a request or an answer has: (pek.json_name), or the proto's name.
 * Empty for a number that is not in it. */
struct slice transcode_enum_name(const struct transcode *transcode, const struct upb_EnumDef *def,
                                 int32_t number);
/* By path of names in either spelling, from the request message of a method; NULL when it leads nowhere. */
const struct upb_FieldDef *transcode_request_field(const struct transcode_method *method,
                                                   struct slice path);

/* ---- requests ---------------------------------------------------------------------------------- */

struct transcode_request;
struct transcode_item;

/* The request message of a matched route, from path variables, query and body. INVALID_ARGUMENT with the
 * field or parameter in the client's spelling; RESOURCE_EXHAUSTED when it is too large. A body where the rule
 * takes none, and a missing body where it takes one, are refused ("" counts as {} for body "*"). When the
 * method has an update_mask that the client left out, it becomes the paths of the body's fields. */
PEK_MUST_CHECK enum status transcode_request_new(const struct transcode *transcode,
                                                 const struct route_match *match,
                                                 struct slice query, struct slice body,
                                                 struct transcode_request **ret_request,
                                                 struct fault *fault);
/* The body of the request, or of the answer, is bytes of a media type (pek.Media), and not JSON; NULL: it is JSON. */
const struct transcode_media *transcode_takes_media(const struct route_rule *rule);
const struct transcode_media *transcode_gives_media(const struct route_rule *rule);
/* Of a rule that takes media, whose body transcode_request_new does not read: the body. `type` is of `types`. INVALID_ARGUMENT
 * when it is empty, RESOURCE_EXHAUSTED when it is too large. */
PEK_MUST_CHECK enum status transcode_request_set_media(struct transcode_request *request,
                                                       const char *type, struct slice data,
                                                       struct fault *fault);
/* The longest body that the method takes, counted as the client sends it. */
size_t transcode_body_bytes_max(const struct transcode_method *method);
/* A body that is too long; hub/api answers 413. */
#define TRANSCODE_REQUEST_TOO_LARGE "REQUEST_TOO_LARGE"
/* From message bytes (a hub service in the process, tests). */
PEK_MUST_CHECK enum status transcode_request_decode(const struct transcode *transcode,
                                                    const struct transcode_method *method,
                                                    struct slice bytes,
                                                    struct transcode_request **ret_request,
                                                    struct fault *fault);
/* Takes NULL, returns NULL. */
struct transcode_request *transcode_request_free(struct transcode_request *request);
const struct transcode_method *transcode_request_method(const struct transcode_request *request);

/* Empty or 0 when the method has no such field, or it is not set. Valid until the next set. */
struct slice transcode_request_realm(const struct transcode_request *request);
int32_t transcode_request_page_size(const struct transcode_request *request);
bool transcode_request_byte_order_mark(const struct transcode_request *request);
struct slice transcode_request_page_token(const struct transcode_request *request);
/* Ignored when the method has no such field. Values are copied. */
PEK_MUST_CHECK enum status transcode_request_set_realm(struct transcode_request *request,
                                                       struct slice realm);
PEK_MUST_CHECK enum status transcode_request_set_page_size(struct transcode_request *request,
                                                           int32_t page_size);
PEK_MUST_CHECK enum status transcode_request_set_page_token(struct transcode_request *request,
                                                            struct slice page_token);
PEK_MUST_CHECK enum status transcode_request_set_after(struct transcode_request *request,
                                                       struct slice sort_key, struct slice id,
                                                       bool inclusive);
/* The fields of the answer that its read mask names, for transcode_item_json; all without one. A mask is of top-level fields, of
 * which a message has TRANSCODE_SHOWN_MAX at most; "*" is as if there were none. */
#define TRANSCODE_SHOWN_MAX 64
#define TRANSCODE_SHOWN_ALL 0
uint64_t transcode_request_shown(const struct transcode_request *request);
/* From now on it asks for a list that goes on, whose page tokens are not those of one that does not. */
PEK_MUST_CHECK enum status transcode_request_set_live(struct transcode_request *request);
/* Whether the update mask, made of the body's fields, names one that only the realm sets, or that is said once
 * ((pek.field).output_only, .immutable): the client sends back what a GET gave. A mask that the client wrote may not name such a field. */
bool transcode_request_gives_back(struct transcode_request *request, const struct route_rule *rule);
/* Takes out of such a mask what is as it was in `current`, an answer of the body's type or one with a list of those, where the
 * path's last variable says which (NULL: it is not known). INVALID_ARGUMENT names such a field that is not as it was. `ret_changes`: something is left. */
PEK_MUST_CHECK enum status transcode_request_drop_equal(struct transcode_request *request,
                                                        const struct route_rule *rule,
                                                        const struct transcode_item *current,
                                                        bool *ret_changes, struct fault *fault);
/* That message alone; NOT_FOUND when it is not there, and as transcode_item_json. */
PEK_MUST_CHECK enum status transcode_request_current_json(const struct transcode_request *request,
                                                          const struct route_rule *rule,
                                                          const struct transcode_item *item,
                                                          struct buffer *out);
/* The field `etag` of the request, or of the message that is its body: what must be there for the change to happen. */
bool transcode_request_takes_etag(struct transcode_request *request, const struct route_rule *rule);
struct slice transcode_request_etag(struct transcode_request *request,
                                    const struct route_rule *rule);
PEK_MUST_CHECK enum status transcode_request_set_etag(struct transcode_request *request,
                                                      const struct route_rule *rule,
                                                      struct slice etag);
/* Whom the request names by `users`: the n-th, empty when there are no more. */
struct slice transcode_request_user(const struct transcode_request *request, size_t n);
/* Instead of the one that was given; of a method whose user_id is one. The value is copied. */
PEK_MUST_CHECK enum status transcode_request_set_user(struct transcode_request *request,
                                                      struct slice user);
/* Its field `told` from now on: a message in bytes. */
PEK_MUST_CHECK enum status transcode_request_set_told(struct transcode_request *request,
                                                      struct slice bytes);
/* The message as bytes, as often as wanted (set realm, serialise, set the next …); deterministic. Valid
 * until transcode_request_free. */
PEK_MUST_CHECK enum status transcode_request_bytes(struct transcode_request *request,
                                                   struct slice *ret_bytes);
/* Hash of the query as it decides what a list contains: the message without realm, page_size, page_token,
 * after and read_mask. Two requests with the same fingerprint may share page tokens. Raw SHA-256. */
#define TRANSCODE_FINGERPRINT_BYTES 32
PEK_MUST_CHECK enum status
transcode_request_fingerprint(struct transcode_request *request,
                              unsigned char ret_hash[TRANSCODE_FINGERPRINT_BYTES]);

/* ---- items: response messages ------------------------------------------------------------------- */

/* Decodes once; for unary answers and streamed items. Copies `bytes`. DATA_LOSS for what is no such message
 * (also invalid UTF-8). */
PEK_MUST_CHECK enum status transcode_item_new(const struct transcode *transcode,
                                              const struct transcode_method *method,
                                              struct slice bytes, struct transcode_item **ret_item);
/* Takes NULL, returns NULL. */
struct transcode_item *transcode_item_free(struct transcode_item *item);
/* Valid until transcode_item_free; empty when the method has none. */
struct slice transcode_item_sort_key(const struct transcode_item *item);
struct slice transcode_item_identity(const struct transcode_item *item, size_t index);
struct slice transcode_item_realm(const struct transcode_item *item);
struct slice transcode_item_id(const struct transcode_item *item);
struct slice transcode_item_etag(const struct transcode_item *item);
/* 0 when the method combines nothing. */
int32_t transcode_item_combined(const struct transcode_item *item);
/* The n-th of `unreachable`, realms that were not heard for it; empty when there are no more. */
struct slice transcode_item_unreachable(const struct transcode_item *item, size_t index);
/* The message as it came. */
struct slice transcode_item_bytes(const struct transcode_item *item);
/* What an answer must be of: the values of the path's variables, each under its last part (`id` of `{group.id}`), and of the
 * request's own fields whose names end in _id. "me" as a user_id is `caller`. Request and match outlive it. */
#define TRANSCODE_ASKED_MAX 16
struct transcode_name {
    const struct upb_FieldDef *field; /* of the answer; NULL: of the elements of its lists */
    const char *name;
    struct slice value;
};
struct transcode_asked {
    size_t count;
    struct transcode_name names[TRANSCODE_ASKED_MAX];
};
void transcode_asked_init(const struct transcode_request *request, const struct route_match *match,
                          struct slice caller, struct transcode_asked *ret_asked);
/* Whether each string field that is called so has that value, in lower case where it may be. `id` of an item of a list is
 * its own, and anything. */
bool transcode_item_is_asked(const struct transcode_item *item,
                             const struct transcode_asked *asked);
/* Whether its id, and each of the fields that tell the items of its list apart, has 1 to TRANSCODE_ID_BYTES_MAX bytes. */
#define TRANSCODE_ID_BYTES_MAX 512
bool transcode_item_has_identity(const struct transcode_item *item);
/* The media type of an item of a rule that gives media; one of its `types`, or NULL: it is something else. */
const char *transcode_item_media_type(const struct transcode_item *item);
/* Appends one JSON value without a newline: of the message what is `shown`, or its field `rule->response_body` (rule may be
 * NULL); of media their bytes, as they are. DATA_LOSS for what has no JSON (a time out of range, an Any of an unknown type) or does not fit into `out`;
 * then nothing was appended, and `fault` (may be NULL) says why. */
PEK_MUST_CHECK enum status transcode_item_json(struct transcode_item *item,
                                               const struct route_rule *rule, uint64_t shown,
                                               struct buffer *out, struct fault *fault);

/* ---- CSV (shared/text/csv.h), of methods that are is_csv ---- */

/* The names of the columns, as in JSON, and CRLF. */
void transcode_csv_header(const struct transcode_method *method, struct buffer *out);
/* A row: text as it is, other values as JSON has them but for quotes, an empty cell for a message that is not set.
 * DATA_LOSS for what has no JSON; RESOURCE_EXHAUSTED when `out` is full. */
PEK_MUST_CHECK enum status transcode_item_csv(const struct transcode_item *item,
                                              struct buffer *out);

/* ---- errors ------------------------------------------------------------------------------------- */

/* The body of an error answer: {"error":{"code","status","message","details":[ErrorInfo]}}, or with `problem`
 * RFC 9457 application/problem+json of the same content. `http_code` 0 takes the status's; field paths are
 * given in lowerCamelCase. */
void transcode_error_json(const struct fault *fault, int http_code, bool problem,
                          struct buffer *out);
#define TRANSCODE_ERROR_DOMAIN "pek"

#endif
