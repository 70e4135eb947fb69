/* PointRulesService: its rule, its SQL, its methods and its table: settings of the realm. */
#include "worker/evaluation/point_rules_service.h"

#include <string.h>

#include "pek/evaluation/v1/point_rules.row.h"
#include "shared/row/told.h"
#include "shared/service/read.h"
#include "worker/evaluation/point_rules.h"
#include "worker/evaluation/season.h"

#define COLUMNS EVALUATION_V1_POINT_RULES_COLUMNS(r)

static enum status get_point_rules(struct rpc_ctx *ctx,
                                   const evaluation_v1_get_point_rules_request *req,
                                   evaluation_v1_point_rules *res)
{
    static const struct pg_statement get = {
        "point_rules_get",
        "SELECT " COLUMNS " FROM pek.realm_state AS r",
    };
    (void)req;
    PEK_TRY(read_row(ctx, &evaluation_v1_point_rules_row, &get, NULL, 0, res));
    return told_set_etag(&res->base, rpc_arena(ctx)); /* the semester moves by itself */
}

static enum status set(struct change *change, const evaluation_v1_point_rules *rules,
                       evaluation_v1_point_rules *ret_rules)
{
    static const struct pg_statement set_them = {
        "point_rules_set",
        "UPDATE pek.realm_state AS r SET points_work_max = $1::integer,"
        " points_responsibility_max = $2::integer, points_max = $3::integer,"
        " points_least = $4::integer, points_score_max = $5::integer,"
        " points_version = r.points_version + 1, points_time = now() RETURNING " COLUMNS,
    };
    /* An earlier semester's stay as they were counted. */
    static const struct pg_statement apply = {
        "point_rules_apply",
        "UPDATE pek.scoreboard AS b SET work_max = r.points_work_max,"
        " responsibility_max = r.points_responsibility_max, total_max = r.points_max,"
        " least = r.points_least FROM pek.realm_state AS r WHERE b.semester = r.semester",
    };
    struct arena *arena = change->arena;
    PEK_TRY(change_row(change, &evaluation_v1_point_rules_row, &set_them,
                       PG_PARAMS(pg_int(arena, rules->work_max),
                                 pg_int(arena, rules->responsibility_max),
                                 pg_int(arena, rules->total_max), pg_int(arena, rules->least),
                                 pg_int(arena, rules->score_max)),
                       ret_rules));
    PEK_TRY(change_execute(change, &apply, NULL, 0, NULL));
    return season_recount(change, ret_rules->semester_id);
}

CHANGE_METHOD(update_point_rules, evaluation_v1_update_point_rules_request,
              evaluation_v1_point_rules)
{
    static const struct pg_statement lock = {
        "point_rules_lock",
        "SELECT " COLUMNS " FROM pek.realm_state AS r WHERE r.realm = $1 FOR NO KEY UPDATE",
    };
    static const struct pg_statement log = {
        "point_rules_audit",
        "INSERT INTO pek.audit_log (actor, action, target_kind, target_id, trace_id, detail) "
        "SELECT $1, $2, 'pointRules', r.realm, $3,"
        " jsonb_build_object('work_max', r.points_work_max, 'responsibility_max',"
        "   r.points_responsibility_max, 'total_max', r.points_max, 'least', r.points_least,"
        "   'score_max', r.points_score_max, 'semester', r.semester) "
        "FROM pek.realm_state AS r WHERE r.realm = ANY ($4::text[])",
    };
    const char *realm = change_domain(change)->realm;
    const evaluation_v1_point_rules *given = req->rules;
    if (!given)
        return fault_set(change->fault, STATUS_INVALID_ARGUMENT, "rules", "rules are required");
    if (given->realm[0] && strcmp(given->realm, realm) != 0)
        return fault_set(change->fault, STATUS_INVALID_ARGUMENT, "rules.realm",
                         "this is another realm");
    PEK_TRY(point_rules_check(given, change->fault));
    PEK_TRY(change_lock(change, &evaluation_v1_point_rules_row, &lock, "realm", realm, given->etag,
                        res));
    if (point_rules_equal(given, res))
        return STATUS_OK;
    PEK_TRY(set(change, given, res));
    const struct slice id = slice_str(realm);
    return change_audit(change, &log, "pointRules.update", &id, 1);
}

enum status point_rules_service_add(struct rpc_host *host, struct domain *domain,
                                    struct fault *fault)
{
    static const struct evaluation_v1_point_rules_service service = {
        .get_point_rules = get_point_rules,
        .update_point_rules = update_point_rules,
    };
    return evaluation_v1_point_rules_service_add(host, &service, domain, fault);
}
