/* entry: what a group asks for its members, as rules. No database. Source: the entry requests of the predecessor. */
#ifndef PEK_WORKER_EVALUATION_ENTRY_H
#define PEK_WORKER_EVALUATION_ENTRY_H

#include "pek/evaluation/v1/entry.rpc.h"
#include "shared/base/arena.h"
#include "shared/base/fault.h"

#define ENTRY_MEMBERS_MAX 500 /* in one change */
#define ENTRY_JUSTIFICATION_CHARS_MAX 5000

#define ENTRY_REASON_JUSTIFICATION "NO_JUSTIFICATION"
#define ENTRY_REASON_FINALIZED "FINALIZED"
#define ENTRY_REASON_KDO "KDO"

/* In the order of entry_review_fields. */
enum entry_field {
    ENTRY_TYPE = 1 << 0,
    ENTRY_JUSTIFICATION = 1 << 1,
    ENTRY_FINALIZED = 1 << 2,
    ENTRY_RECOMMENDATION = 1 << 3,
};
#define ENTRY_FIELDS 4
extern const char *const entry_review_fields[ENTRY_FIELDS];

/* What of `fields` is the reviewer's to set; the rest is left as it is. */
unsigned entry_fields_of(unsigned fields, bool accepts, bool judges_by_parent);
/* Entries as they are stored: INVALID_ARGUMENT names the first that cannot be, or whose member is named twice, by its place. */
PEK_MUST_CHECK enum status entry_take_batch(const evaluation_v1_batch_set_entries_request *req,
                                            struct arena *arena, struct fault *fault);
/* The fields of a review of what was a `had`, as they are stored: INVALID_ARGUMENT on "entry.type" and so on. A KB or AB keeps
 * a justification. */
PEK_MUST_CHECK enum status entry_take_review(evaluation_v1_entry *entry, unsigned fields,
                                             evaluation_v1_entry_type had, struct arena *arena,
                                             struct fault *fault);
/* Of what entry_take_review took, for entries that were accepted: FAILED_PRECONDITION when a card becomes another one than it
 * `had` been, which takes a version of its own. */
PEK_MUST_CHECK enum status entry_check_accepted(const evaluation_v1_entry *entry, unsigned fields,
                                                const evaluation_v1_entry *had,
                                                struct fault *fault);

#endif
