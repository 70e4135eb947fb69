/* point_rules: what a realm may set about how points are counted. Rules only; no database. */
#ifndef PEK_WORKER_EVALUATION_POINT_RULES_H
#define PEK_WORKER_EVALUATION_POINT_RULES_H

#include "pek/evaluation/v1/point_rules.rpc.h"
#include "shared/base/fault.h"

#define POINT_RULES_MAX 1000 /* each of them is 1 to this */

/* INVALID_ARGUMENT on "rules.work_max" and so on. */
PEK_MUST_CHECK enum status point_rules_check(const evaluation_v1_point_rules *rules,
                                             struct fault *fault);
bool point_rules_equal(const evaluation_v1_point_rules *one,
                       const evaluation_v1_point_rules *other);

#endif
