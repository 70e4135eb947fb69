/* output: what pekctl prints, for a person or (--json) for a program. */
#ifndef PEK_HUB_PEKCTL_OUTPUT_H
#define PEK_HUB_PEKCTL_OUTPUT_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>

#include "shared/base/fault.h"

/* Rows under their column names; with `json` an array of objects, all values texts or null. */
void output_rows(FILE *out, const PGresult *rows, bool json);
/* {"realm": …, "status": …}, or a sentence. */
void output_change(FILE *out, const char *what, const char *name, const char *status, bool json);
/* {"error": {"status", "field", "message"}}, or "pekctl: message". */
void output_fault(FILE *err, const struct fault *fault, bool json);

#endif
