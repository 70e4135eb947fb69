/* format: how a list leaves the hub: one page of JSON, NDJSON, or an event stream. Internal to hub/api.
 *
 *     page     {"groups":[…],"nextPageToken":"…","unreachable":["realms/…"],"federation":{"instances":[…]}}
 *     NDJSON   {"result":{…}} a line, the last of each write {"result":{…},"cursor":"…"}, so that whoever is cut off goes on behind
 *              a line that they have; and last always {"end":{…}} or {"error":{…},"cursor":"…"}
 *     events   id: CURSOR, data: {…} an event, and last always "event: end" or "event: error"; 204 when nothing follows the
 *              Last-Event-ID and all realms were there: a browser then stops asking (the HTML standard, 9.2.3)
 *
 *     CSV      a row of names, and a row an item (hub/transcode): of methods that have it
 *     document like a page, without end: of a method that has no pages. Of one that combines its items into a number
 *              (pek.Combine) that is behind the list, with whether it has the part of every realm, and else of which it lacks:
 *              {"groups":[…],"score":50,"complete":false,"missing":["realms/…"], …}; also at the end of a stream
 *
 * A CSV or a document that ends early would look whole: the connection is broken off instead.
 *
 * A page is sent whole at the end. The others begin with their first item and are to be written when
 * API_FLUSH_BYTES are ready or the merge has to wait.
 */
#ifndef PEK_HUB_API_FORMAT_H
#define PEK_HUB_API_FORMAT_H

#include "hub/api/call.h"
#include "hub/federation/combine.h"
#include "hub/federation/page_token.h"

enum format_kind { FORMAT_PAGE, FORMAT_NDJSON, FORMAT_EVENTS, FORMAT_CSV, FORMAT_DOCUMENT };

struct format {
    struct api_call *call;
    enum format_kind kind;
    struct buffer buffer;
    int64_t flushed_us;         /* when something was written last */
    bool begun;                 /* the head of the answer is out: errors go into the stream */
    bool ending;                /* no item follows */
    bool leads_on;              /* an error without any item before it is a last line, too */
    size_t items, marked_items; /* in all; and when a line was told its cursor last */
    struct combine combine;     /* of a method that combines: of the items so far */
};

/* By Accept, and by what the method has. */
enum format_kind format_of(const struct api_call *call);
void format_init(struct format *format, struct api_call *call, enum format_kind kind);
void format_done(struct format *format);

/* Whether the leg's head still fits into the page; a stream has room for any, and a page for its first. */
bool format_has_room(const struct format *format, const struct leg *leg);
/* Whether the leg's head may make a stream begin, or go on, to be written. */
bool format_would_flush(const struct format *format, const struct leg *leg);
/* Forgets the items; nothing is out yet. */
void format_restart(struct format *format);
/* One item, with its position as cursor (may be empty); `same` has a bit for each leg that gave it, more than
 * one only where identity spans realms. */
PEK_MUST_CHECK enum status format_item(struct format *format, struct leg *leg, uint64_t same,
                                       struct slice cursor);
/* So much is ready that it should be written. */
bool format_is_due(const struct format *format);
/* Of NDJSON: items were added since one was told its cursor. */
bool format_wants_cursor(const struct format *format);
/* Of NDJSON: the last item is where the list goes on behind. The cursor may be empty. */
void format_add_cursor(struct format *format, struct slice cursor);
/* Writes out what is ready; sleeps while the client is slow. What could not be written is kept. */
PEK_MUST_CHECK enum status format_flush(struct format *format);
/* Of an event stream that has nothing to say yet: it leaves as one. */
PEK_MUST_CHECK enum status format_begin(struct format *format);
/* Of events: a comment, so that nobody in between takes a list that is waited for to be dead. */
PEK_MUST_CHECK enum status format_comment(struct format *format);
/* However the items used up their time, the client hears how it ended: in API_ENDING_MS more. */
void format_take_ending_time(struct format *format);
/* The end, which has API_ENDING_MS of its own to be written: nothing can follow. `next` is empty when there is no more. */
PEK_MUST_CHECK enum status format_end(struct format *format, struct slice next);
/* An end by failure: the error answer when nothing is out yet, unless it leads on; else what is ready and the last line, with the cursor
 * to resume from; also in time of its own. */
void format_fail(struct format *format, const struct fault *fault, struct slice cursor);

#endif
