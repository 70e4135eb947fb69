/* semester_store: the SQL of a realm's semester. Row security limits every statement to the realm of the connection. Statuses
 * are pg's.
 */
#ifndef PEK_WORKER_SEMESTER_SEMESTER_STORE_H
#define PEK_WORKER_SEMESTER_SEMESTER_STORE_H

#include "pek/semester/v1/semester.row.h"
#include "shared/service/change.h"

/* Of the rows of the statements below, with the fields that no column has. */
extern const struct row_type semester_store_row;
extern const struct pg_statement semester_store_get;  /* no parameters */
extern const struct pg_statement semester_store_lock; /* $1 the realm: as change_lock wants it */

PEK_MUST_CHECK enum status semester_store_set(struct change *change,
                                              const semester_v1_semester *semester,
                                              semester_v1_semester *ret_semester);

extern const struct pg_statement semester_store_audit; /* for change_audit; the id is the realm */

#endif
