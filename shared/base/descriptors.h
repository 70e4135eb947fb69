/* descriptors: that a process may open as many files as its connections need (RLIMIT_NOFILE). */
#ifndef PEK_SHARED_BASE_DESCRIPTORS_H
#define PEK_SHARED_BASE_DESCRIPTORS_H

#include <stddef.h>

#include "shared/base/fault.h"
#include "shared/base/status.h"

/* Raises the soft limit to `connections_max` + `kept` where it is lower. FAILED_PRECONDITION, with a fault that names
 * "connections_max", where the hard limit is: better no start than one that runs dry under its first crowd. */
PEK_MUST_CHECK enum status descriptors_reserve(size_t connections_max, size_t kept,
                                               struct fault *fault);

#endif
