#include "worker/evaluation/point_rules.h"

#include "worker/evaluation/scoreboard.h"

enum status point_rules_check(const evaluation_v1_point_rules *rules, struct fault *fault)
{
    const struct {
        const char *field;
        int32_t value;
    } fields[] = {
        {"rules.work_max", rules->work_max},
        {"rules.responsibility_max", rules->responsibility_max},
        {"rules.total_max", rules->total_max},
        {"rules.least", rules->least},
        {"rules.score_max", rules->score_max},
    };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (fields[i].value < 1 || fields[i].value > POINT_RULES_MAX)
            return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, SCOREBOARD_REASON_RANGE,
                                    fields[i].field, "it is 1 to %d, and all five are needed",
                                    POINT_RULES_MAX);
    if (rules->least > rules->total_max)
        return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, SCOREBOARD_REASON_RANGE,
                                "rules.least", "the least is the total at most");
    return STATUS_OK;
}

bool point_rules_equal(const evaluation_v1_point_rules *one, const evaluation_v1_point_rules *other)
{
    return one->work_max == other->work_max &&
           one->responsibility_max == other->responsibility_max &&
           one->total_max == other->total_max && one->least == other->least &&
           one->score_max == other->score_max;
}
