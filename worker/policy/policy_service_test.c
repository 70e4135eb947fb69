/* PolicyService as its callers see it: who may, what is refused, what stays behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "shared/base/number.h"
#include "worker/policy/delegation.h"
#include "worker/testing/policy_world.h"

#define VIEW_MEMBERS (1u << 0)
#define EDIT_MEMBERS (1u << 1)
#define VIEW_GROUP (1u << 2)
#define NOTHING ((struct given){NULL, NULL, 0})
#define ON_O(bits) ((struct given){"o@o", NULL, bits})

static enum status get_group(struct world *w, const char *user)
{
    group_v1_group *res;
    return world_get(w, user, "o@o", &res);
}

static int64_t audited(struct world *w, const char *action)
{
    int64_t count = -1;
    const char *text = world_value(w,
                                   "SELECT count(*) FROM pek.audit_log"
                                   " WHERE actor <> 'operator' AND action = '%s'",
                                   action);
    assert_true(number_parse(slice_str(text), &count));
    return count;
}

/* ---- what works ---- */

static void rights_reach_their_users_by_way_of_the_policies(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    assert_int_equal(get_group(w, "carl"), STATUS_OK);
    assert_int_equal(get_group(w, "dora"), STATUS_OK);
    assert_int_equal(get_group(w, "eve"), STATUS_PERMISSION_DENIED);
    assert_int_equal(policy_world_revoke(w, "dora", tree.clerk, "carl"), STATUS_OK);
    assert_int_equal(get_group(w, "carl"), STATUS_PERMISSION_DENIED);
    assert_string_equal(world_value(w, "SELECT string_agg(actor || ' ' || action, ', ' ORDER BY id)"
                                       " FROM pek.audit_log WHERE target_kind = 'policy'"
                                       " AND actor <> 'operator'"),
                        "alice policy.create, alice policy.assign, dora policy.create, "
                        "dora policy.assign, dora policy.revoke");
    assert_string_equal(policy_world_wrongs(w), "");
}

static void policy_is_answered_whole(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    policy_v1_get_policy_request req = POLICY_V1_GET_POLICY_REQUEST_INIT;
    policy_v1_policy *res;
    req.id = policy_world_text(tree.clerk);
    assert_int_equal(POLICY_CALL(w, get_policy, "carl", req, res), STATUS_OK);
    assert_string_equal(res->realm, "a");
    assert_string_equal(res->name, "Clerk");
    assert_string_equal(res->parent_id, tree.dean);
    assert_false(res->can_issue);
    assert_int_equal(res->n_statements, 1);
    assert_string_equal(res->statements[0]->group_id, "o@o");
    assert_string_equal(res->statements[0]->user_id, "");
    assert_string_equal(res->statements[0]->resource, "GROUP");
    assert_int_equal(res->statements[0]->n_actions, 2);
    assert_int_equal(res->statements[0]->actions[0], PEK_ACTION_VIEW_MEMBERS);
    assert_int_equal(res->statements[0]->actions[1], PEK_ACTION_VIEW_GROUP);
    assert_int_equal(strncmp(res->etag, "v1.", 3), 0); /* and what is told beside its row */
    assert_false(res->statements_cut);
}

static void assigning_twice_is_assigning_once(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    assert_int_equal(policy_world_assign(w, "alice", tree.clerk, "carl"), STATUS_OK);
    assert_int_equal(policy_world_assign(w, "alice", tree.clerk, "me"), STATUS_INVALID_ARGUMENT);
    assert_int_equal(audited(w, "policy.assign"), 2);
    /* From the token of whoever did it first, whoever asks again. */
    assert_string_equal(world_value(w, "SELECT assigned_by FROM pek.policy_assignment"
                                       " WHERE user_id = 'carl'"),
                        "dora");
}

static void statement_changes_by_its_mask(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    const char *statement;
    assert_int_equal(policy_world_add(w, "dora", tree.clerk,
                                      (struct given){"o@o", "bob", VIEW_MEMBERS}, &statement),
                     STATUS_OK);
    policy_v1_update_statement_request req = POLICY_V1_UPDATE_STATEMENT_REQUEST_INIT;
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    char *paths[] = {policy_world_text("user_id")};
    policy_v1_statement *res;
    req.policy_id = policy_world_text(tree.clerk);
    req.statement = policy_world_statement(w, (struct given){NULL, NULL, EDIT_MEMBERS});
    req.statement->id = policy_world_text(statement);
    req.update_mask = &mask;
    mask.paths = paths;
    mask.n_paths = 1;
    assert_int_equal(POLICY_CALL(w, update_statement, "dora", req, res), STATUS_ALREADY_EXISTS);
    paths[0] = policy_world_text("actions");
    assert_int_equal(POLICY_CALL(w, update_statement, "dora", req, res), STATUS_OK);
    assert_string_equal(policy_world_statements(w, tree.clerk), "5@o@o/ 2@o@o/bob");
    paths[0] = policy_world_text("policy");
    assert_int_equal(POLICY_CALL(w, update_statement, "dora", req, res), STATUS_INVALID_ARGUMENT);
    assert_string_equal(w->fault.field, "update_mask");
}

/* ---- who may not ---- */

static void holder_administers_nothing_that_they_merely_hold(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    const char *id,
        *statement =
            world_value(w, "SELECT id FROM pek.policy_statement WHERE policy_id = %s", tree.dean);
    assert_int_equal(policy_world_assign(w, "dora", tree.dean, "eve"), STATUS_PERMISSION_DENIED);
    assert_int_equal(policy_world_revoke(w, "carl", tree.dean, "dora"), STATUS_PERMISSION_DENIED);
    assert_int_equal(policy_world_set(w, "dora", tree.dean, statement, VIEW_GROUP, false),
                     STATUS_PERMISSION_DENIED);
    assert_int_equal(policy_world_drop(w, "dora", tree.dean, statement, false),
                     STATUS_PERMISSION_DENIED);
    assert_int_equal(policy_world_add(w, "dora", tree.dean, ON_O(VIEW_GROUP), &id),
                     STATUS_PERMISSION_DENIED);
    assert_int_equal(policy_world_delete(w, "dora", tree.dean, true), STATUS_PERMISSION_DENIED);
    assert_int_equal(policy_world_child(w, "carl", tree.clerk, "Sub", false, NOTHING, &id),
                     STATUS_PERMISSION_DENIED);
    assert_int_equal(policy_world_child(w, "dora", tree.god, "Up", false, NOTHING, &id),
                     STATUS_PERMISSION_DENIED);
    /* The one above creates below what it holds only. */
    assert_int_equal(policy_world_child(w, "dora", tree.clerk, "Sub", false, NOTHING, &id),
                     STATUS_PERMISSION_DENIED);
    assert_int_equal(audited(w, "policy.create"), 2);
}

static void nobody_assigns_to_themselves(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    assert_int_equal(policy_world_assign(w, "dora", tree.clerk, "dora"), STATUS_PERMISSION_DENIED);
    assert_string_equal(w->fault.reason, "SELF_ASSIGNMENT");
    assert_int_equal(policy_world_assign(w, "alice", tree.dean, "alice"), STATUS_PERMISSION_DENIED);
}

static void policy_that_is_not_there_looks_like_one_that_is_hidden(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    const char *ids[] = {tree.god, "999999"};
    for (size_t i = 0; i < 2; i++) {
        policy_v1_get_policy_request req = POLICY_V1_GET_POLICY_REQUEST_INIT;
        policy_v1_policy *res;
        req.id = policy_world_text(ids[i]);
        assert_int_equal(POLICY_CALL(w, get_policy, "carl", req, res), STATUS_PERMISSION_DENIED);
        assert_string_equal(w->fault.text, "you may not do this here");
        assert_int_equal(policy_world_revoke(w, "eve", ids[i], "eve"), STATUS_NOT_FOUND);
    }
    assert_int_equal(policy_world_assign(w, "alice", "999999", "bob"), STATUS_NOT_FOUND);
    assert_int_equal(policy_world_delete(w, "alice", "999999", false), STATUS_NOT_FOUND);
    assert_int_equal(policy_world_delete(w, "alice", "x", false), STATUS_INVALID_ARGUMENT);
    assert_int_equal(policy_world_delete(w, "alice", "", false), STATUS_INVALID_ARGUMENT);
}

static void policies_of_another_realm_do_not_exist(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    world_god(w, &w->b, "alice");
    const char *there = world_value(w, "SELECT id FROM pek.policy WHERE realm = 'b'");
    assert_int_equal(policy_world_delete(w, "alice", there, true), STATUS_NOT_FOUND);
    assert_int_equal(policy_world_assign(w, "alice", there, "eve"), STATUS_NOT_FOUND);
    assert_true(strcmp(there, tree.god) != 0);
    assert_string_equal(policy_world_list(w, "alice"), "GOD GOD in o@o Members of o@o Dean Clerk");
}

/* ---- the subset rule ---- */

static void child_exceeds_its_parent_by_no_right_group_or_user(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    const char *id;
    assert_int_equal(world_create(w, "alice", "", "p", "P"), STATUS_OK);
    for (uint32_t action = 1; action <= 11; action++) {
        uint32_t bits = policy_action_bit(action);
        char name[16];
        snprintf(name, sizeof(name), "C%u", action);
        enum status expected = bits & 7 ? STATUS_OK : STATUS_PERMISSION_DENIED;
        assert_int_equal(policy_world_child(w, "dora", tree.dean, name, false, ON_O(bits), &id),
                         expected);
        if (expected != STATUS_OK)
            assert_string_equal(w->fault.reason, "EXCEEDS_PARENT");
    }
    const struct given beyond[] = {
        {NULL, NULL, VIEW_GROUP}, {"p@p", NULL, VIEW_GROUP}, {NULL, "bob", VIEW_GROUP}};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(policy_world_child(w, "dora", tree.dean, "D", false, beyond[i], &id),
                         STATUS_PERMISSION_DENIED);
        assert_int_equal(policy_world_add(w, "dora", tree.clerk, beyond[i], &id),
                         STATUS_PERMISSION_DENIED);
    }
    assert_int_equal(policy_world_set(w, "dora", tree.clerk,
                                      world_value(w,
                                                  "SELECT id FROM pek.policy_statement"
                                                  " WHERE policy_id = %s",
                                                  tree.clerk),
                                      15, false),
                     STATUS_PERMISSION_DENIED);
    assert_string_equal(policy_world_wrongs(w), "");
}

static void narrowing_is_refused_with_the_children_or_takes_from_them(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    const char *sub;
    const char *statement =
        world_value(w, "SELECT id FROM pek.policy_statement WHERE policy_id = %s", tree.dean);
    assert_int_equal(
        policy_world_child(w, "alice", tree.clerk, "Sub", false, ON_O(VIEW_MEMBERS), &sub),
        STATUS_OK);
    assert_int_equal(policy_world_set(w, "alice", tree.dean, statement, VIEW_GROUP, false),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, "CHILDREN_EXCEED");
    assert_non_null(strstr(w->fault.text, "(Clerk)"));
    assert_int_equal(get_group(w, "carl"), STATUS_OK);
    assert_int_equal(policy_world_drop(w, "alice", tree.dean, statement, false),
                     STATUS_FAILED_PRECONDITION);
    assert_int_equal(policy_world_set(w, "alice", tree.dean, statement, VIEW_GROUP, true),
                     STATUS_OK);
    assert_string_equal(policy_world_statements(w, tree.dean), "4@o@o/");
    assert_string_equal(policy_world_statements(w, tree.clerk), "");
    assert_string_equal(policy_world_statements(w, sub), "");
    assert_int_equal(get_group(w, "carl"), STATUS_PERMISSION_DENIED);
    assert_int_equal(audited(w, "policy.shrink"), 2);
    assert_string_equal(policy_world_wrongs(w), "");
}

static void only_what_can_issue_has_children_that_can(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    const char *id;
    assert_int_equal(policy_world_child(w, "alice", tree.clerk, "Sub", true, NOTHING, &id),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, "PARENT_CANNOT_ISSUE");
    assert_int_equal(policy_world_child(w, "alice", tree.clerk, "Sub", false, NOTHING, &id),
                     STATUS_OK);
}

/* ---- names ---- */

static void names_are_unique_however_they_are_written(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    const char *id;
    assert_int_equal(policy_world_child(w, "dora", tree.dean, "  clerk ", false, NOTHING, &id),
                     STATUS_ALREADY_EXISTS);
    assert_string_equal(w->fault.reason, "POLICY_NAME_TAKEN");
    assert_int_equal(policy_world_child(w, "dora", tree.dean, "O\xcc\x8brs", false, NOTHING, &id),
                     STATUS_OK);
    assert_int_equal(policy_world_child(w, "dora", tree.dean, "\xc5\x91RS", false, NOTHING, &id),
                     STATUS_ALREADY_EXISTS);
    assert_int_equal(policy_world_child(w, "alice", tree.god, "god in z@z", false, NOTHING, &id),
                     STATUS_INVALID_ARGUMENT);
    assert_int_equal(policy_world_child(w, "alice", tree.god, "", false, NOTHING, &id),
                     STATUS_INVALID_ARGUMENT);
}

static void statement_of_no_group_is_refused(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    const char *id;
    assert_int_equal(policy_world_add(w, "alice", tree.dean, (struct given){"no@no", NULL, 1}, &id),
                     STATUS_NOT_FOUND);
    assert_int_equal(policy_world_add(w, "alice", tree.dean, ON_O(1), &id), STATUS_ALREADY_EXISTS);
}

static void policy_with_children_goes_only_when_told(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    assert_int_equal(policy_world_delete(w, "alice", tree.dean, false), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, "HAS_CHILDREN");
    assert_non_null(strstr(w->fault.text, "(Clerk)"));
    /* Remembered, so that it has to be forgotten. */
    assert_int_equal(get_group(w, "carl"), STATUS_OK);
    assert_int_equal(get_group(w, "dora"), STATUS_OK);
    assert_int_equal(policy_world_delete(w, "alice", tree.dean, true), STATUS_OK);
    assert_int_equal(get_group(w, "carl"), STATUS_PERMISSION_DENIED);
    assert_int_equal(get_group(w, "dora"), STATUS_PERMISSION_DENIED);
    assert_int_equal(audited(w, "policy.delete"), 2);
}

static void stale_etag_aborts(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    const char *id;
    assert_int_equal(policy_world_add(w, "dora", tree.clerk, (struct given){"o@o", "x", 1}, &id),
                     STATUS_OK);
    policy_v1_delete_policy_request req = POLICY_V1_DELETE_POLICY_REQUEST_INIT;
    Google__Protobuf__Empty *res;
    req.id = policy_world_text(tree.clerk);
    req.etag = policy_world_text("v1");
    assert_int_equal(POLICY_CALL(w, delete_policy, "dora", req, res), STATUS_ABORTED);
    req.etag = policy_world_text("v2");
    assert_int_equal(POLICY_CALL(w, delete_policy, "dora", req, res), STATUS_OK);
}

static const char *etag_for(struct world *w, const char *user, const char *id)
{
    policy_v1_get_policy_request req = POLICY_V1_GET_POLICY_REQUEST_INIT;
    policy_v1_policy *res;
    req.id = policy_world_text(id);
    assert_int_equal(POLICY_CALL(w, get_policy, user, req, res), STATUS_OK);
    return res->etag;
}

static const char *etag_of(struct world *w, const char *id)
{
    return etag_for(w, "alice", id);
}

static void etag_tells_of_what_the_reader_may_do(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    const char *alice = etag_of(w, tree.dean), *dora = etag_for(w, "dora", tree.dean);
    assert_string_not_equal(alice, dora); /* who administers it, and who holds it */
    world_god(w, &w->a, "dora");
    assert_string_equal(etag_for(w, "dora", tree.dean), alice);
}

/* What is read changes, and what a change is compared with does not. */
static void etag_tells_of_statements_that_follow(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    policy_v1_delete_policy_request req = POLICY_V1_DELETE_POLICY_REQUEST_INIT;
    Google__Protobuf__Empty *res;
    const char *id, *dean = etag_of(w, tree.dean);
    assert_int_equal(policy_world_child(w, "alice", tree.god, "Lead", false,
                                        (struct given){"o@o", NULL, POLICY_ACTIONS_ESCALATION},
                                        &id),
                     STATUS_OK);
    const char *alone = etag_of(w, id);
    assert_int_equal(world_create(w, "alice", "o@o", "a", "A"), STATUS_OK);
    const char *one = etag_of(w, id);
    assert_string_not_equal(one, alone);
    assert_string_equal(etag_of(w, id), one);
    assert_int_equal(world_create(w, "alice", "o@o", "b", "B"), STATUS_OK);
    const char *two = etag_of(w, id);
    assert_string_not_equal(two, one);
    /* Another one in its place, as a move makes it. */
    world_sql(w,
              "UPDATE pek.policy_statement SET group_id = 'o@o' WHERE policy_id = %s AND"
              " group_id = 'o@a'; DELETE FROM pek.policy_statement WHERE policy_id = %s AND"
              " group_id = 'o@o' AND resource = 'GROUP_ESCALATION'; INSERT INTO"
              " pek.policy_statement (realm, policy_id, group_id, resource, actions) VALUES"
              " ('a', %s, 'o@a', 'GROUP_ESCALATION', 21)",
              id, id, id);
    assert_string_not_equal(etag_of(w, id), two);
    assert_string_equal(etag_of(w, tree.dean), dean);
    req.id = policy_world_text(id);
    req.etag = policy_world_text("v2");
    assert_int_equal(POLICY_CALL(w, delete_policy, "alice", req, res), STATUS_ABORTED);
    req.etag = policy_world_text(one); /* somebody made a group since */
    assert_int_equal(POLICY_CALL(w, delete_policy, "alice", req, res), STATUS_OK);
}

static void policy_that_lost_statements_by_cascade_has_another_etag(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    const char *before = etag_of(w, tree.clerk);
    const char *statement = world_value(w,
                                        "SELECT id FROM pek.policy_statement WHERE policy_id = %s"
                                        " AND resource = 'GROUP'",
                                        tree.dean);
    assert_int_equal(policy_world_drop(w, "alice", tree.dean, statement, true), STATUS_OK);
    assert_string_equal(policy_world_statements(w, tree.clerk), "");
    assert_string_not_equal(etag_of(w, tree.clerk), before);
}

static void key_that_is_used_again_changes_nothing_again(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    policy_v1_create_child_request req = POLICY_V1_CREATE_CHILD_REQUEST_INIT;
    const char *ids[2];
    req.parent_id = policy_world_text(tree.dean);
    req.name = policy_world_text("Once");
    for (int i = 0; i < 2; i++) {
        policy_v1_policy *res;
        assert_int_equal(
            policy_v1_create_child_call(w->a.channel, &req,
                                        world_metadata(w, &w->a, "dora", "idempotency-key", "k1"),
                                        2, WORLD_REST(w), &res, &w->fault),
            STATUS_OK);
        ids[i] = res->id;
    }
    assert_string_equal(ids[0], ids[1]);
    assert_int_equal(audited(w, "policy.create"), 3);
}

/* ---- the last GOD ---- */

static void been_here(struct world *w, const char *user)
{
    world_sql(w, "INSERT INTO pek.realm_user (realm, user_id) VALUES ('a', '%s')", user);
}

static void realm_keeps_a_god(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    assert_int_equal(policy_world_revoke(w, "alice", tree.god, "alice"),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, "LAST_GOD");
    assert_int_equal(policy_world_assign(w, "alice", tree.god, "bob"), STATUS_OK);
    assert_int_equal(policy_world_revoke(w, "bob", tree.god, "alice"), STATUS_OK);
    assert_int_equal(policy_world_revoke(w, "bob", tree.god, "bob"), STATUS_FAILED_PRECONDITION);
    assert_int_equal(policy_world_delete(w, "bob", tree.god, true), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, "REALM_POLICY");
}

/* A name that nobody has, and one that nobody could have: neither is somebody who could take over. */
static void made_up_god_is_nobody(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    assert_int_equal(policy_world_assign(w, "alice", tree.god, "no one"), STATUS_INVALID_ARGUMENT);
    assert_string_equal(w->fault.field, "user_id");
    assert_int_equal(policy_world_assign(w, "alice", tree.god, "bob@example.org"),
                     STATUS_INVALID_ARGUMENT);
    assert_int_equal(policy_world_assign(w, "alice", tree.god, "nobody"), STATUS_OK);
    assert_int_equal(policy_world_revoke(w, "alice", tree.god, "alice"),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, "LAST_GOD");
    been_here(w, "nobody");
    assert_int_equal(policy_world_revoke(w, "alice", tree.god, "alice"), STATUS_OK);
}

/* All rights are not GOD: who has them by another policy does not keep the realm. */
static void deputy_is_no_god(struct world *w)
{
    struct policy_tree tree = policy_world_tree(w);
    const char *deputy, *id;
    const struct given all = {NULL, NULL, POLICY_ACTIONS_ALL};
    assert_int_equal(policy_world_child(w, "alice", tree.god, "Deputy", true, all, &deputy),
                     STATUS_OK);
    assert_int_equal(policy_world_assign(w, "alice", deputy, "bob"), STATUS_OK);
    been_here(w, "bob");
    assert_int_equal(policy_world_revoke(w, "alice", tree.god, "alice"),
                     STATUS_FAILED_PRECONDITION);
    assert_int_equal(policy_world_child(w, "bob", deputy, "All of it", true, all, &id), STATUS_OK);
    assert_int_equal(policy_world_child(w, "bob", tree.god, "More", true, NOTHING, &id),
                     STATUS_PERMISSION_DENIED);
    assert_int_equal(policy_world_assign(w, "bob", tree.god, "carl"), STATUS_PERMISSION_DENIED);
    assert_int_equal(world_create(w, "bob", "", "p", "P"), STATUS_PERMISSION_DENIED);
    assert_int_equal(policy_world_delete(w, "alice", deputy, true), STATUS_OK);
}

static struct world *shared_world;
static struct policy_tree shared_tree;
static enum status outcomes[16];

static void revoke_one_another(struct fiber_run *run, size_t index)
{
    (void)run;
    outcomes[index] = index ? policy_world_revoke(shared_world, "alice", shared_tree.god, "bob")
                            : policy_world_revoke(shared_world, "bob", shared_tree.god, "alice");
}

static void two_gods_who_revoke_one_another_leave_one(struct world *w)
{
    shared_world = w;
    shared_tree = policy_world_tree(w);
    assert_int_equal(policy_world_assign(w, "alice", shared_tree.god, "bob"), STATUS_OK);
    fiber_run_parallel(w->run, 2, revoke_one_another);
    assert_int_equal((outcomes[0] == STATUS_OK) + (outcomes[1] == STATUS_OK), 1);
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.policy_assignment a JOIN"
                                       " pek.policy p ON p.id = a.policy_id WHERE p.name = 'GOD'"),
                        "1");
}

/* Cleo stays GOD: it is not for the last GOD's sake that one of the two is refused. */
static void who_was_just_revoked_revokes_nobody(struct world *w)
{
    shared_world = w;
    for (int round = 0; round < 5; round++) {
        shared_tree = round ? shared_tree : policy_world_tree(w);
        const char *gods = world_value(w, "SELECT string_agg(a.user_id, ' ' ORDER BY 1) FROM"
                                          " pek.policy_assignment a JOIN pek.policy p"
                                          " ON p.id = a.policy_id WHERE p.name = 'GOD'");
        const char *god = strstr(gods, "alice") ? "alice" : "bob";
        assert_int_equal(policy_world_assign(w, god, shared_tree.god, "cleo"), STATUS_OK);
        assert_int_equal(policy_world_assign(w, "cleo", shared_tree.god, "alice"), STATUS_OK);
        assert_int_equal(policy_world_assign(w, "cleo", shared_tree.god, "bob"), STATUS_OK);
        fiber_run_parallel(w->run, 2, revoke_one_another);
        assert_int_equal((outcomes[0] == STATUS_OK) + (outcomes[1] == STATUS_OK), 1);
        assert_int_equal((outcomes[0] == STATUS_PERMISSION_DENIED) +
                             (outcomes[1] == STATUS_PERMISSION_DENIED),
                         1);
    }
}

static void leave(struct fiber_run *run, size_t index)
{
    static const char *const gods[] = {"alice", "bob", "cleo", "dan"};
    (void)run;
    outcomes[index] = policy_world_revoke(shared_world, gods[index], shared_tree.god, gods[index]);
}

static void gods_who_all_leave_at_once_leave_one(struct world *w)
{
    shared_world = w;
    shared_tree = policy_world_tree(w);
    assert_int_equal(policy_world_assign(w, "alice", shared_tree.god, "bob"), STATUS_OK);
    assert_int_equal(policy_world_assign(w, "alice", shared_tree.god, "cleo"), STATUS_OK);
    assert_int_equal(policy_world_assign(w, "alice", shared_tree.god, "dan"), STATUS_OK);
    /* Dan never was. */
    been_here(w, "alice");
    been_here(w, "bob");
    been_here(w, "cleo");
    fiber_run_parallel(w->run, 4, leave);
    int left = 0;
    for (size_t i = 0; i < 4; i++)
        left += outcomes[i] == STATUS_OK;
    assert_int_equal(left, 3);
}

/* Widens the child and narrows the parent at once, again and again. */
static void widen_or_narrow(struct fiber_run *run, size_t index)
{
    const char *dean = shared_tree.dean, *clerk = shared_tree.clerk, *id;
    struct world *w = shared_world;
    char user[8];
    (void)run;
    snprintf(user, sizeof(user), "u%zu", index);
    outcomes[index] = index % 2
                          ? policy_world_add(w, "alice", clerk, (struct given){"o@o", user, 2}, &id)
                          : policy_world_set(w, "alice", dean,
                                             world_value(w,
                                                         "SELECT min(id) FROM pek.policy_statement"
                                                         " WHERE policy_id = %s",
                                                         dean),
                                             index % 4 ? 7 : 5, index % 8 == 0);
}

static void widening_and_narrowing_at_once_keep_the_rule(struct world *w)
{
    shared_world = w;
    shared_tree = policy_world_tree(w);
    for (int round = 0; round < 5; round++) {
        fiber_run_parallel(w->run, 16, widen_or_narrow);
        for (size_t i = 0; i < 16; i++)
            assert_true(outcomes[i] == STATUS_OK || outcomes[i] == STATUS_PERMISSION_DENIED ||
                        outcomes[i] == STATUS_FAILED_PRECONDITION ||
                        outcomes[i] == STATUS_ALREADY_EXISTS);
        assert_string_equal(policy_world_wrongs(w), "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(rights_reach_their_users_by_way_of_the_policies),
        WORLD_TEST(policy_is_answered_whole),
        WORLD_TEST(assigning_twice_is_assigning_once),
        WORLD_TEST(statement_changes_by_its_mask),
        WORLD_TEST(holder_administers_nothing_that_they_merely_hold),
        WORLD_TEST(nobody_assigns_to_themselves),
        WORLD_TEST(policy_that_is_not_there_looks_like_one_that_is_hidden),
        WORLD_TEST(policies_of_another_realm_do_not_exist),
        WORLD_TEST(child_exceeds_its_parent_by_no_right_group_or_user),
        WORLD_TEST(narrowing_is_refused_with_the_children_or_takes_from_them),
        WORLD_TEST(only_what_can_issue_has_children_that_can),
        WORLD_TEST(names_are_unique_however_they_are_written),
        WORLD_TEST(statement_of_no_group_is_refused),
        WORLD_TEST(policy_with_children_goes_only_when_told),
        WORLD_TEST(stale_etag_aborts),
        WORLD_TEST(etag_tells_of_what_the_reader_may_do),
        WORLD_TEST(etag_tells_of_statements_that_follow),
        WORLD_TEST(policy_that_lost_statements_by_cascade_has_another_etag),
        WORLD_TEST(key_that_is_used_again_changes_nothing_again),
        WORLD_TEST(realm_keeps_a_god),
        WORLD_TEST(made_up_god_is_nobody),
        WORLD_TEST(deputy_is_no_god),
        WORLD_TEST(two_gods_who_revoke_one_another_leave_one),
        WORLD_TEST(who_was_just_revoked_revokes_nobody),
        WORLD_TEST(gods_who_all_leave_at_once_leave_one),
        WORLD_TEST(widening_and_narrowing_at_once_keep_the_rule),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
