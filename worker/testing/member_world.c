#include "worker/testing/member_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shared/service/change.h"
#include "tests/support/pg_cluster.h"
#include "worker/realm/invariants.h"

char *text(const char *constant)
{
    return (char *)(uintptr_t)constant;
}

void make_members(struct world *w)
{
    world_god(w, &w->a, "alice");
    assert_int_equal(world_create(w, "alice", "", "o", "Szervezet"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "o@o", "a", "Árok Part"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "o@a", "b", "Bulis"), STATUS_OK);
    /* Alice made them, and neither leads them nor is a member: tests begin with empty groups. */
    world_sql(w, "DELETE FROM pek.membership; DELETE FROM pek.person;"
                 "DELETE FROM pek.audit_log WHERE target_kind = 'membership';"
                 "DELETE FROM pek.policy WHERE name LIKE 'Members of %%';"
                 "DELETE FROM pek.policy_assignment WHERE policy_id IN"
                 " (SELECT policy_id FROM pek.group_policy)");
    world_grant(w, &w->a, "manages o", "ann", "o@o", VIEW_MEMBERS | EDIT_MEMBERS);
    world_grant(w, &w->a, "manages a", "ann", "o@a", VIEW_MEMBERS | EDIT_MEMBERS);
    world_grant(w, &w->a, "views", "vic", NULL, VIEW_MEMBERS);
}

enum status call(struct world *w, const char *as, const char *method, const char *group,
                 const char *user, const char *etag, const char *key,
                 membership_v1_membership **ret_membership)
{
    membership_v1_accept_member_request req = MEMBERSHIP_V1_ACCEPT_MEMBER_REQUEST_INIT;
    const char *path = arena_printf(w->arena, MEMBERS("%s"), method);
    const struct rpc_method *found = rpc_host_method(realm_host(w->a.realm), slice_str(path));
    ProtobufCMessage *res = NULL;
    assert_non_null(found);
    req.group_id = text(group);
    req.user_id = text(user);
    req.etag = text(etag);
    w->fault = (struct fault){0};
    struct rpc_pair *metadata = world_metadata(w, &w->a, as, key ? CHANGE_KEY_METADATA : NULL, key);
    enum status status = rpc_call_unary(w->a.channel, found, &req.base, metadata, key ? 2 : 1,
                                        &w->cancel, w->arena, &res, &w->fault);
    if (ret_membership)
        *ret_membership = (membership_v1_membership *)(void *)res;
    return status;
}

enum status step(struct world *w, const char *as, const char *method, const char *user)
{
    return call(w, as, method, "o@a", user, "", NULL, NULL);
}

const char *state(struct world *w, const char *group, const char *user)
{
    return world_value(w,
                       "SELECT coalesce((SELECT substr('ANCFX', status, 1) FROM pek.member"
                       " WHERE group_id = '%s' AND user_id = '%s'), '-')",
                       group, user);
}

const char *members(struct world *w, const char *as, const char *group,
                    membership_v1_member_status status, const char *field)
{
    membership_v1_list_members_request req = MEMBERSHIP_V1_LIST_MEMBERS_REQUEST_INIT;
    req.group_id = text(group);
    req.statuses = &status;
    req.n_statuses = status ? 1 : 0;
    return world_items(w, as, MEMBERS("ListMembers"), &req.base, field);
}

const char *seen(struct world *w, const char *as, const char *group)
{
    return members(w, as, group, MEMBERSHIP_V1_MEMBER_STATUS_UNSPECIFIED, "user_id");
}

static void holds(void *arg, const char *name, int64_t broken, const char *example)
{
    (void)arg;
    if (broken > 0)
        print_error("%s: %lld, as %s\n", name, (long long)broken, example);
}

size_t broken_invariants(struct world *w)
{
    size_t broken;
    assert_int_equal(invariants_verify(pg_cluster_conninfo(w->cluster), w->a.name, holds, NULL,
                                       &broken, &w->fault),
                     STATUS_OK);
    return broken;
}

void assert_all_holds(struct world *w)
{
    assert_int_equal(broken_invariants(w), 0);
}
