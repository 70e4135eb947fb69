#include "worker/semester/semester_service.h"

#include <string.h>

#include "shared/row/told.h"
#include "shared/service/read.h"
#include "worker/semester/semester.h"
#include "worker/semester/semester_store.h"

static enum status get_semester(struct rpc_ctx *ctx, const semester_v1_get_semester_request *req,
                                semester_v1_semester *res)
{
    (void)req;
    PEK_TRY(read_row(ctx, &semester_store_row, &semester_store_get, NULL, 0, res));
    return told_set_etag(&res->base, rpc_arena(ctx)); /* the calendar is not the row's */
}

CHANGE_METHOD(update_semester, semester_v1_update_semester_request, semester_v1_semester)
{
    const char *realm = change_domain(change)->realm;
    const semester_v1_semester *given = req->semester;
    if (!given)
        return fault_set(change->fault, STATUS_INVALID_ARGUMENT, "semester",
                         "semester is required");
    if (given->realm[0] && strcmp(given->realm, realm) != 0)
        return fault_set(change->fault, STATUS_INVALID_ARGUMENT, "semester.realm",
                         "this is another realm");
    PEK_TRY(semester_check(given, change->fault));
    PEK_TRY(change_lock(change, &semester_store_row, &semester_store_lock, "realm", realm,
                        given->etag, res));
    if (given->season == res->season && strcmp(given->id, res->id) == 0)
        return STATUS_OK;
    const struct season_move move = {res->id, given->id, res->season, given->season};
    PEK_TRY(semester_store_set(change, given, res));
    PEK_TRY(change_domain(change)->season_moved(change, &move));
    const struct slice id = slice_str(realm);
    return change_audit(change, &semester_store_audit, "semester.update", &id, 1);
}

enum status semester_service_add(struct rpc_host *host, struct domain *domain, struct fault *fault)
{
    static const struct semester_v1_semester_service service = {
        .get_semester = get_semester,
        .update_semester = update_semester,
    };
    return semester_v1_semester_service_add(host, &service, domain, fault);
}
