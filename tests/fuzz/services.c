#include "tests/fuzz/services.h"

#include "pek/evaluation/v1/comment.rpc.h"
#include "pek/evaluation/v1/draft.rpc.h"
#include "pek/evaluation/v1/entry.rpc.h"
#include "pek/evaluation/v1/point_rules.rpc.h"
#include "pek/evaluation/v1/score.rpc.h"
#include "pek/evaluation/v1/scoreboard.rpc.h"
#include "pek/evaluation/v1/spreadsheet.rpc.h"
#include "pek/export/v1/export.rpc.h"
#include "pek/group/v1/group.rpc.h"
#include "pek/hub/v1/notification.rpc.h"
#include "pek/hub/v1/profile.rpc.h"
#include "pek/hub/v1/session.rpc.h"
#include "pek/instance/v1/instance.rpc.h"
#include "pek/membership/v1/membership.rpc.h"
#include "pek/membership/v1/post.rpc.h"
#include "pek/notification/v1/notification.rpc.h"
#include "pek/policy/v1/policy.rpc.h"
#include "pek/semester/v1/semester.rpc.h"

static const struct rpc_service *const services[] = {
    &evaluation_v1_comment_service_table,
    &evaluation_v1_draft_service_table,
    &evaluation_v1_entry_service_table,
    &evaluation_v1_point_rules_service_table,
    &evaluation_v1_score_service_table,
    &evaluation_v1_scoreboard_service_table,
    &evaluation_v1_spreadsheet_service_table,
    &export_v1_export_service_table,
    &group_v1_group_service_table,
    &hub_v1_instance_registry_service_table,
    &hub_v1_notification_service_table,
    &hub_v1_profile_service_table,
    &hub_v1_session_service_table,
    &instance_v1_instance_service_table,
    &membership_v1_membership_service_table,
    &membership_v1_post_service_table,
    &notification_v1_notification_service_table,
    &policy_v1_policy_service_table,
    &semester_v1_semester_service_table,
};

const struct rpc_method *fuzz_method(struct slice path)
{
    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
        for (size_t j = 0; j < services[i]->method_count; j++)
            if (slice_equal_str(path, services[i]->methods[j].path))
                return &services[i]->methods[j];
    return NULL;
}
