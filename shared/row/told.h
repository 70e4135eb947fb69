/* told: the etag of an answer that tells more than its row.
 *
 * The etag of a row counts the changes of that row. What is told together with it from elsewhere (names, members, what is open
 * just now) may change while the row does not, and whoever has the old answer would be told that nothing changed. Such an answer
 * has a hash of all that it tells behind a dot: "v3.6fe0…". A change is compared with what is before the dot alone
 * (row_check_etag), so that nobody is refused because somebody changed something else.
 */
#ifndef PEK_SHARED_ROW_TOLD_H
#define PEK_SHARED_ROW_TOLD_H

#include <protobuf-c/protobuf-c.h>

#include "shared/base/arena.h"
#include "shared/base/status.h"

/* Stands before the hash; in no etag of a row. */
#define TOLD_ETAG_DOT '.'

/* Of a message with a text `etag`, once all the rest of it is there: the etag covers it. The message and the etag are of the
 * arena. RESOURCE_EXHAUSTED. */
PEK_MUST_CHECK enum status told_set_etag(ProtobufCMessage *message, struct arena *arena);

#endif
