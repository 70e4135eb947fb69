/* Memberships over gRPC, on a real database. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "shared/crypto/encode.h"
#include "shared/service/change.h"
#include "shared/text/name.h"
#include "worker/membership/membership.h"
#include "worker/testing/member_world.h"

/* ---- the life of a member ---- */

static void life_of_a_member(struct world *w)
{
    membership_v1_membership *got;
    make_members(w);
    assert_int_equal(call(w, "dan", "ApplyForMembership", "O@A", "", "", NULL, &got), STATUS_OK);
    assert_string_equal(got->group_id, "o@a");
    assert_string_equal(got->group_name, "Árok Part");
    assert_string_equal(got->user_id, "dan");
    assert_string_equal(got->display_name, "dan");
    assert_int_equal(got->status, MEMBERSHIP_V1_MEMBER_STATUS_APPLIED);
    assert_non_null(got->status_time);
    assert_int_equal(step(w, "dan", "ApplyForMembership", ""), STATUS_ALREADY_EXISTS);
    assert_string_equal(w->fault.reason, MEMBERSHIP_REASON_MEMBER);
    assert_int_equal(step(w, "ann", "AcceptMember", "dan"), STATUS_OK);
    assert_int_equal(step(w, "ann", "AcceptMember", "dan"), STATUS_ABORTED);
    assert_string_equal(w->fault.reason, MEMBERSHIP_REASON_STATUS);
    assert_string_equal(state(w, "o@a", "dan"), "N");
    assert_int_equal(step(w, "ann", "PromoteMember", "dan"), STATUS_OK);
    assert_int_equal(step(w, "ann", "InactivateMember", "dan"), STATUS_OK);
    assert_string_equal(state(w, "o@a", "dan"), "F");
    assert_int_equal(step(w, "dan", "ApplyForMembership", ""), STATUS_ALREADY_EXISTS);
    assert_int_equal(step(w, "ann", "ArchiveMember", "dan"), STATUS_OK);
    assert_int_equal(step(w, "ann", "ArchiveMember", "dan"), STATUS_ABORTED);
    assert_int_equal(step(w, "ann", "UnarchiveMember", "dan"), STATUS_OK);
    assert_string_equal(state(w, "o@a", "dan"), "F");
    assert_int_equal(step(w, "ann", "UnarchiveMember", "dan"), STATUS_ABORTED);
    assert_int_equal(step(w, "ann", "ReactivateMember", "dan"), STATUS_OK);
    assert_int_equal(step(w, "dan", "LeaveGroup", ""), STATUS_OK);
    assert_string_equal(state(w, "o@a", "dan"), "X");
    assert_int_equal(step(w, "dan", "ApplyForMembership", ""), STATUS_OK);
    assert_string_equal(state(w, "o@a", "dan"), "A");
    assert_string_equal(world_value(w,
                                    "SELECT string_agg(substr('ANCFX', status, 1), '' ORDER BY seq)"
                                    " FROM pek.membership_period"),
                        "ANCFXFCXA");
    assert_string_equal(world_value(w, "SELECT string_agg(DISTINCT changed_by, ' ')"
                                       " FROM pek.membership_period"),
                        "ann dan");
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.audit_log"
                                       " WHERE target_kind = 'membership'"),
                        "9");
    assert_all_holds(w);
}

static void rejected_or_withdrawn_is_as_if_it_had_not_been(struct world *w)
{
    membership_v1_membership *got;
    make_members(w);
    assert_int_equal(step(w, "dan", "WithdrawApplication", ""), STATUS_ABORTED);
    assert_int_equal(step(w, "dan", "ApplyForMembership", ""), STATUS_OK);
    assert_int_equal(call(w, "dan", "WithdrawApplication", "o@a", "", "", NULL, &got), STATUS_OK);
    assert_int_equal(got->status, MEMBERSHIP_V1_MEMBER_STATUS_UNSPECIFIED);
    assert_string_equal(state(w, "o@a", "dan"), "-");
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.membership_period"), "0");
    assert_int_equal(step(w, "dan", "ApplyForMembership", ""), STATUS_OK);
    assert_int_equal(step(w, "ann", "RejectMember", "dan"), STATUS_OK);
    assert_int_equal(step(w, "ann", "RejectMember", "dan"), STATUS_ABORTED);
    /* Of somebody who was here before, what was before is left, and what they then were. */
    assert_int_equal(step(w, "ann", "AddMember", "dan"), STATUS_OK);
    assert_int_equal(step(w, "ann", "ArchiveMember", "dan"), STATUS_OK);
    assert_int_equal(step(w, "dan", "ApplyForMembership", ""), STATUS_OK);
    assert_int_equal(step(w, "ann", "RejectMember", "dan"), STATUS_OK);
    assert_string_equal(state(w, "o@a", "dan"), "X");
    assert_int_equal(step(w, "ann", "UnarchiveMember", "dan"), STATUS_OK);
    assert_string_equal(state(w, "o@a", "dan"), "C");
    assert_int_equal(step(w, "dan", "WithdrawApplication", ""), STATUS_ABORTED);
    /* The log tells the two apart. */
    assert_string_equal(world_value(w, "SELECT string_agg(action || ' by ' || actor, ', ' ORDER BY"
                                       " id) FROM pek.audit_log WHERE action IN"
                                       " ('membership.reject', 'membership.withdraw')"),
                        "membership.withdraw by dan, membership.reject by ann,"
                        " membership.reject by ann");
    assert_all_holds(w);
}

static void closed_or_archived_group_takes_no_applications(struct world *w)
{
    make_members(w);
    world_grant(w, &w->a, "sees", "sue", "o@a", VIEW_GROUP);
    world_sql(w, "UPDATE pek.realm_group SET users_can_apply = false WHERE id = 'o@a'");
    assert_int_equal(step(w, "sue", "ApplyForMembership", ""), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, MEMBERSHIP_REASON_CLOSED);
    /* Who may not even see it learns nothing. */
    assert_int_equal(step(w, "dan", "ApplyForMembership", ""), STATUS_NOT_FOUND);
    assert_int_equal(call(w, "dan", "ApplyForMembership", "o@x", "", "", NULL, NULL),
                     STATUS_NOT_FOUND);
    assert_int_equal(step(w, "dan", "WithdrawApplication", ""), STATUS_NOT_FOUND);
    assert_int_equal(step(w, "dan", "LeaveGroup", ""), STATUS_NOT_FOUND);
    assert_string_equal(w->fault.field, "group_id");
    world_sql(w, "UPDATE pek.realm_group SET users_can_apply = true, is_archived = true"
                 " WHERE id = 'o@a'");
    assert_int_equal(step(w, "sue", "ApplyForMembership", ""), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, MEMBERSHIP_REASON_GROUP_ARCHIVED);
    assert_int_equal(step(w, "ann", "AddMember", "dan"), STATUS_FAILED_PRECONDITION);
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.membership"), "0");
}

static void nobody_ends_their_own_membership_but_by_leaving(struct world *w)
{
    make_members(w);
    assert_int_equal(step(w, "ann", "AddMember", "ann"), STATUS_OK);
    assert_int_equal(step(w, "ann", "ArchiveMember", "ann"), STATUS_PERMISSION_DENIED);
    assert_int_equal(step(w, "ann", "InactivateMember", "ann"), STATUS_PERMISSION_DENIED);
    assert_int_equal(step(w, "ann", "LeaveGroup", ""), STATUS_OK);
}

/* Whatever somebody did with it today, tomorrow it can begin again. */
static void membership_begins_ten_times_a_day(struct world *w)
{
    make_members(w);
    assert_int_equal(step(w, "ann", "AddMember", "dan"), STATUS_OK);
    for (int i = 1; i < MEMBERSHIP_STEPS_A_DAY; i++) {
        assert_int_equal(step(w, "ann", "InactivateMember", "dan"), STATUS_OK);
        assert_int_equal(step(w, "ann", "ReactivateMember", "dan"), STATUS_OK);
    }
    assert_int_equal(step(w, "ann", "InactivateMember", "dan"), STATUS_OK);
    assert_int_equal(step(w, "alice", "ReactivateMember", "dan"), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, MEMBERSHIP_REASON_OFTEN);
    assert_int_equal(step(w, "ann", "ArchiveMember", "dan"), STATUS_OK);
    assert_int_equal(step(w, "ann", "AddMember", "dan"), STATUS_FAILED_PRECONDITION);
    assert_int_equal(step(w, "dan", "ApplyForMembership", ""), STATUS_FAILED_PRECONDITION);
    /* Nor does a day in the past hide it. Others are not concerned. */
    assert_int_equal(step(w, "ann", "UnarchiveMember", "dan"), STATUS_FAILED_PRECONDITION);
    assert_int_equal(step(w, "ann", "AddMember", "sue"), STATUS_OK);
    world_sql(w, "UPDATE pek.membership SET paced_until = paced_until - interval '1 day' / 9");
    assert_int_equal(step(w, "dan", "ApplyForMembership", ""), STATUS_OK);
    assert_int_equal(step(w, "ann", "AcceptMember", "dan"), STATUS_FAILED_PRECONDITION);
    world_sql(w, "UPDATE pek.membership SET paced_until = paced_until - interval '1 day'");
    assert_int_equal(step(w, "ann", "AcceptMember", "dan"), STATUS_OK);
    assert_int_equal(step(w, "ann", "PromoteMember", "dan"), STATUS_OK);
}

/* It has as many periods as are told: from then on it begins once a day. */
static void membership_that_changed_often_can_still_end(struct world *w)
{
    make_members(w);
    assert_int_equal(step(w, "ann", "AddMember", "dan"), STATUS_OK);
    world_sql(w,
              "BEGIN; DELETE FROM pek.membership_period; INSERT INTO pek.membership_period"
              " (realm, group_id, user_id, seq, status, begin_time, end_time, changed_by)"
              " SELECT 'a', 'o@a', 'dan', n, 3, now(), CASE WHEN n < %d THEN now() END, 'ann'"
              " FROM generate_series(1, %d) n; COMMIT",
              MEMBERSHIP_PERIODS_MANY, MEMBERSHIP_PERIODS_MANY);
    world_sql(w, "UPDATE pek.membership SET paced_until = now()");
    assert_int_equal(step(w, "ann", "InactivateMember", "dan"), STATUS_OK);
    assert_int_equal(step(w, "ann", "ReactivateMember", "dan"), STATUS_OK);
    assert_int_equal(step(w, "ann", "InactivateMember", "dan"), STATUS_OK);
    assert_int_equal(step(w, "ann", "ReactivateMember", "dan"), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, MEMBERSHIP_REASON_OFTEN);
    assert_int_equal(step(w, "ann", "ArchiveMember", "dan"), STATUS_OK);
    assert_int_equal(step(w, "ann", "AddMember", "dan"), STATUS_FAILED_PRECONDITION);
    /* Another day. */
    world_sql(w, "UPDATE pek.membership SET paced_until = now()");
    assert_int_equal(step(w, "ann", "AddMember", "dan"), STATUS_OK);
    assert_int_equal(step(w, "ann", "InactivateMember", "dan"), STATUS_OK);
    assert_int_equal(step(w, "ann", "ReactivateMember", "dan"), STATUS_FAILED_PRECONDITION);
}

static void people_of_whom_the_hub_knows_nothing_are_bounded_by_who_adds_them(struct world *w)
{
    make_members(w);
    world_sql(w, "INSERT INTO pek.person (realm, id, display_name, folded, sort_key, met_by)"
                 " SELECT 'a', 'p' || n, 'p', 'p', '', 'ann' FROM generate_series(1, 1000) n");
    assert_int_equal(step(w, "ann", "AddMember", "dan"), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, "TOO_MANY_UNNAMED");
    /* Not those who are known, and nobody else's. */
    assert_int_equal(step(w, "ann", "AddMember", "p7"), STATUS_OK);
    assert_int_equal(step(w, "alice", "AddMember", "dan"), STATUS_OK);
    assert_int_equal(step(w, "ann", "AddMember", "me"), STATUS_INVALID_ARGUMENT);
}

static void strangers_change_nobody(struct world *w)
{
    static const char *const methods[] = {"AcceptMember",     "RejectMember",  "PromoteMember",
                                          "InactivateMember", "ArchiveMember", "ReactivateMember",
                                          "UnarchiveMember",  "AddMember",     "SetMemberDates"};
    make_members(w);
    assert_int_equal(step(w, "dan", "ApplyForMembership", ""), STATUS_OK);
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        assert_int_equal(step(w, "vic", methods[i], "dan"), STATUS_PERMISSION_DENIED);
        assert_int_equal(step(w, "dan", methods[i], "dan"), STATUS_PERMISSION_DENIED);
        /* A manager of another group. */
        assert_int_equal(call(w, "ann", methods[i], "o@b", "dan", "", NULL, NULL),
                         STATUS_PERMISSION_DENIED);
    }
    assert_string_equal(state(w, "o@a", "dan"), "A");
}

/* ---- etags, keys ---- */

static void stale_etag_and_repeated_key(struct world *w)
{
    membership_v1_membership *first, *second;
    make_members(w);
    assert_int_equal(call(w, "dan", "ApplyForMembership", "o@a", "", "", "k", &first), STATUS_OK);
    assert_int_equal(call(w, "dan", "ApplyForMembership", "o@a", "", "", "k", &second), STATUS_OK);
    assert_string_equal(first->etag, second->etag);
    assert_int_equal(call(w, "ann", "AcceptMember", "o@a", "dan", "v99", NULL, NULL),
                     STATUS_ABORTED);
    assert_string_equal(w->fault.reason, "CHANGED_MEANWHILE");
    assert_int_equal(call(w, "ann", "AcceptMember", "o@a", "dan", first->etag, "a", &first),
                     STATUS_OK);
    assert_int_equal(call(w, "ann", "AcceptMember", "o@a", "dan", second->etag, "a", &second),
                     STATUS_OK);
    assert_string_equal(first->etag, second->etag);
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.membership_period"), "2");
}

/* ---- lists ---- */

static void name(struct world *w, const char *user, const char *name)
{
    struct text_collator *collator;
    struct text_name made;
    assert_int_equal(text_collator_new(&collator), STATUS_OK);
    assert_int_equal(text_name_make(collator, name, NULL, w->arena, &made, NULL), STATUS_OK);
    char *hex = arena_alloc(w->arena, 2 * made.sort_key.len + 1);
    hex_encode(made.sort_key, hex);
    world_sql(w,
              "UPDATE pek.person SET display_name = '%s', folded = '%.*s',"
              " sort_key = decode('%s', 'hex') WHERE id = '%s'",
              name, SLICE_ARG(made.folded), hex, user);
    text_collator_free(collator);
}

static void lists_show_to_each_what_is_theirs(struct world *w)
{
    make_members(w);
    assert_int_equal(step(w, "ann", "AddMember", "u1"), STATUS_OK);
    assert_int_equal(step(w, "ann", "AddMember", "u2"), STATUS_OK);
    assert_int_equal(step(w, "ann", "AddMember", "u3"), STATUS_OK);
    assert_int_equal(step(w, "u4", "ApplyForMembership", ""), STATUS_OK);
    name(w, "u1", "Csík Ági");
    name(w, "u2", "Cukor Béla");
    name(w, "u3", "Ábel Éva");
    name(w, "u4", "Zsolt Zoé");
    assert_string_equal(members(w, "ann", "o@a", 0, "display_name"),
                        "Zsolt Zoé Ábel Éva Cukor Béla Csík Ági");
    assert_string_equal(seen(w, "ann", "o@a"), "u4 u3 u2 u1");
    assert_string_equal(seen(w, "vic", "o@a"), "u3 u2 u1");
    assert_string_equal(seen(w, "dan", "o@a"), "PERMISSION_DENIED");
    assert_string_equal(members(w, "vic", "o@a", MEMBERSHIP_V1_MEMBER_STATUS_APPLIED, "user_id"),
                        "");
    /* An archived member is in no list, and in the editors' only when they ask. */
    assert_int_equal(step(w, "ann", "ArchiveMember", "u2"), STATUS_OK);
    assert_string_equal(seen(w, "ann", "o@a"), "u4 u3 u1");
    assert_string_equal(members(w, "ann", "o@a", MEMBERSHIP_V1_MEMBER_STATUS_ARCHIVED, "user_id"),
                        "u2");
    assert_string_equal(members(w, "vic", "o@a", MEMBERSHIP_V1_MEMBER_STATUS_ARCHIVED, "user_id"),
                        "");
    world_sql(w, "UPDATE pek.realm_group SET archived_members_visible = true WHERE id = 'o@a'");
    assert_string_equal(seen(w, "vic", "o@a"), "u3 u2 u1");
    /* The name that changes takes its place in the list along. */
    name(w, "u1", "Aba");
    assert_string_equal(seen(w, "vic", "o@a"), "u1 u3 u2");
}

static void list_goes_on_behind_a_position_and_searches(struct world *w)
{
    membership_v1_list_members_request req = MEMBERSHIP_V1_LIST_MEMBERS_REQUEST_INIT;
    make_members(w);
    world_sql(w,
              "INSERT INTO pek.person (realm, id, display_name, folded, sort_key) SELECT 'a',"
              " 'p' || lpad(n::text, 4, '0'), 'P ' || n, 'p ' || n, decode(lpad(to_hex(n / 7), 4,"
              " '0'), 'hex') FROM generate_series(1, 1200) n");
    world_sql(w, "INSERT INTO pek.membership (realm, group_id, user_id, sort_key) SELECT 'a',"
                 " 'o@a', id, '\\x01'::bytea || sort_key FROM pek.person");
    world_sql(w, "INSERT INTO pek.membership_period (realm, group_id, user_id, seq, status,"
                 " begin_time, changed_by) SELECT 'a', 'o@a', id, 1, 3, now(), 'x'"
                 " FROM pek.person");
    req.group_id = text("o@a");
    const char *all = world_items(w, "vic", MEMBERS("ListMembers"), &req.base, "user_id");
    assert_int_equal(strlen(all), 1200 * 6 - 1);
    for (int i = 0; i < 1200; i++)
        assert_memory_equal(all + i * 6, arena_printf(w->arena, "p%04d", i + 1), 5);
    req.page_size = 2;
    req.q = text("p 119");
    assert_string_equal(world_items(w, "vic", MEMBERS("ListMembers"), &req.base, "user_id"),
                        "p0119 p1119");
    Pek__Cursor after = PEK__CURSOR__INIT;
    uint8_t key[3] = {1, 0, 119 / 7};
    after.sort_key.data = key;
    after.sort_key.len = sizeof(key);
    after.id = text("p0119");
    req.after = &after;
    assert_string_equal(world_items(w, "vic", MEMBERS("ListMembers"), &req.base, "user_id"),
                        "p1119 p1190");
}

static void transitive_group_has_those_below_it_once(struct world *w)
{
    make_members(w);
    world_grant(w, &w->a, "manages b", "ann", "o@b", VIEW_MEMBERS | EDIT_MEMBERS);
    assert_int_equal(call(w, "ann", "AddMember", "o@o", "u1", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "ann", "AddMember", "o@a", "u1", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "ann", "AddMember", "o@a", "u2", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "ann", "AddMember", "o@b", "u2", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "ann", "AddMember", "o@b", "u3", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "ann", "AddMember", "o@b", "u4", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "ann", "InactivateMember", "o@b", "u4", "", NULL, NULL), STATUS_OK);
    assert_string_equal(seen(w, "vic", "o@o"), "u1");
    world_sql(w, "UPDATE pek.realm_group SET has_transitive_membership = true WHERE id = 'o@o'");
    assert_string_equal(seen(w, "vic", "o@o"), "u1 u2 u3");
    assert_string_equal(members(w, "alice", "o@o", 0, "via"), " o@a o@b");
    /* Who may not see the group is not told which it is. */
    assert_string_equal(members(w, "vic", "o@o", 0, "via"), "  ");
    assert_string_equal(members(w, "vic", "o@o", 0, "group_id"), "o@o o@o o@o");
    /* Whom their own membership hides is still one of those below. */
    assert_int_equal(call(w, "ann", "ArchiveMember", "o@o", "u1", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "ann", "AddMember", "o@a", "u1", "", NULL, NULL), STATUS_OK);
    assert_string_equal(members(w, "alice", "o@o", 0, "via"), "o@a o@a o@b");
    world_sql(w, "UPDATE pek.realm_group SET is_archived = true WHERE id IN ('o@b')");
    assert_string_equal(seen(w, "vic", "o@o"), "u1 u2");
    /* The flag of the group itself counts, not that of those below. */
    assert_string_equal(seen(w, "vic", "o@a"), "u1 u2");
}

static const char *memberships(struct world *w, const char *as, const char *user, const char *field)
{
    membership_v1_list_memberships_request req = MEMBERSHIP_V1_LIST_MEMBERSHIPS_REQUEST_INIT;
    req.user_id = text(user);
    return world_items(w, as, MEMBERS("ListMemberships"), &req.base, field);
}

static void memberships_of_a_user_with_their_history(struct world *w)
{
    membership_v1_list_memberships_request req = MEMBERSHIP_V1_LIST_MEMBERSHIPS_REQUEST_INIT;
    ProtobufCMessage *items[8];
    size_t count;
    make_members(w);
    world_grant(w, &w->a, "views a", "val", "o@a", VIEW_MEMBERS);
    assert_int_equal(step(w, "dan", "ApplyForMembership", ""), STATUS_OK);
    assert_int_equal(step(w, "ann", "AcceptMember", "dan"), STATUS_OK);
    assert_int_equal(call(w, "dan", "ApplyForMembership", "o@b", "", "", NULL, NULL), STATUS_OK);
    /* Hungarian order of the groups' names, and all of one's own, whatever one may see. */
    assert_string_equal(memberships(w, "dan", "dan", "group_id"), "o@a o@b");
    assert_string_equal(memberships(w, "dan", "me", "group_id"), "o@a o@b");
    assert_string_equal(memberships(w, "dan", "", "group_name"), "Árok Part Bulis");
    /* An application is between applicant and group; and only what one may view. */
    assert_string_equal(memberships(w, "vic", "dan", "group_id"), "o@a");
    assert_string_equal(memberships(w, "val", "dan", "group_id"), "o@a");
    /* Who shares the realm sees that there is nothing to see; of nobody, or from outside of it, not even that. */
    world_grant(w, &w->a, "views b", "ed", "o@b", VIEW_GROUP);
    assert_string_equal(memberships(w, "ed", "dan", "group_id"), "");
    assert_string_equal(memberships(w, "ed", "nobody", "group_id"), "NOT_FOUND");
    assert_string_equal(w->fault.field, "user_id");
    assert_string_equal(memberships(w, "eve", "dan", "group_id"), "NOT_FOUND");
    assert_string_equal(memberships(w, "eve", "me", "group_id"), "");
    /* That somebody was archived is theirs to see, of who edits members, and of others where the group says so. */
    assert_int_equal(call(w, "ann", "AddMember", "o@o", "dan", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "alice", "AcceptMember", "o@b", "dan", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "alice", "ArchiveMember", "o@b", "dan", "", NULL, NULL), STATUS_OK);
    assert_string_equal(memberships(w, "vic", "dan", "group_id"), "o@a o@o");
    assert_string_equal(memberships(w, "dan", "dan", "group_id"), "o@a o@b o@o");
    assert_string_equal(memberships(w, "alice", "dan", "group_id"), "o@a o@b o@o");
    world_sql(w, "UPDATE pek.realm_group SET archived_members_visible = true WHERE id = 'o@b'");
    assert_string_equal(memberships(w, "vic", "dan", "group_id"), "o@a o@b o@o");
    req.user_id = text("dan");
    const struct rpc_method *method =
        rpc_host_method(realm_host(w->a.realm), SLICE_LIT(MEMBERS("ListMemberships")));
    assert_int_equal(
        world_stream(w, w->a.channel, method, &req.base, WORLD_AS(w, "dan"), items, &count),
        STATUS_OK);
    const membership_v1_membership *first = (const void *)items[0];
    assert_int_equal(first->n_history, 2);
    assert_int_equal(first->history[0]->status, MEMBERSHIP_V1_MEMBER_STATUS_APPLIED);
    assert_string_equal(first->history[0]->changed_by, "dan");
    assert_int_equal(first->history[0]->end_time->nanos, first->history[1]->begin_time->nanos);
    assert_int_equal(first->history[0]->end_time->seconds, first->history[1]->begin_time->seconds);
    assert_int_equal(first->history[1]->status, MEMBERSHIP_V1_MEMBER_STATUS_NEWBIE);
    assert_string_equal(first->history[1]->changed_by, "ann");
    assert_null(first->history[1]->end_time);
    assert_int_equal(first->status_time->seconds, first->history[1]->begin_time->seconds);
}

/* ---- batches ---- */

static void batch_is_all_or_nobody(struct world *w)
{
    membership_v1_batch_add_members_request add = MEMBERSHIP_V1_BATCH_ADD_MEMBERS_REQUEST_INIT;
    membership_v1_batch_archive_members_request archive =
        MEMBERSHIP_V1_BATCH_ARCHIVE_MEMBERS_REQUEST_INIT;
    membership_v1_batch_add_members_response *added;
    membership_v1_batch_archive_members_response *archived;
    char *users[101];
    make_members(w);
    for (int i = 0; i < 101; i++)
        users[i] = arena_printf(w->arena, "u%03d", i);
    add.group_id = archive.group_id = text("o@a");
    add.user_ids = archive.user_ids = users;
    add.n_user_ids = 101;
    assert_int_equal(WORLD_RPC(w, membership_v1, batch_add_members, "ann", add, added),
                     STATUS_INVALID_ARGUMENT);
    assert_string_equal(w->fault.field, "user_ids");
    add.n_user_ids = 100;
    add.status = MEMBERSHIP_V1_MEMBER_STATUS_NEWBIE;
    assert_int_equal(WORLD_RPC(w, membership_v1, batch_add_members, "ann", add, added), STATUS_OK);
    assert_int_equal(added->n_members, 100);
    assert_string_equal(added->members[99]->user_id, "u099");
    assert_int_equal(added->members[99]->status, MEMBERSHIP_V1_MEMBER_STATUS_NEWBIE);
    /* One who is no member takes it from all. */
    users[50] = text("nobody");
    archive.n_user_ids = 100;
    assert_int_equal(WORLD_RPC(w, membership_v1, batch_archive_members, "ann", archive, archived),
                     STATUS_ABORTED);
    assert_non_null(strstr(w->fault.text, "nobody"));
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.member WHERE status = 5"), "0");
    users[50] = users[51];
    assert_int_equal(WORLD_RPC(w, membership_v1, batch_archive_members, "ann", archive, archived),
                     STATUS_INVALID_ARGUMENT);
    users[50] = text("ann");
    assert_int_equal(WORLD_RPC(w, membership_v1, batch_archive_members, "ann", archive, archived),
                     STATUS_PERMISSION_DENIED);
    users[50] = text("u050");
    assert_int_equal(WORLD_RPC(w, membership_v1, batch_archive_members, "ann", archive, archived),
                     STATUS_OK);
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.member WHERE status = 5"), "100");
    assert_all_holds(w);
}

static void group_that_is_full_takes_nobody(struct world *w)
{
    make_members(w);
    world_sql(w,
              "INSERT INTO pek.person (realm, id, display_name, folded, sort_key)"
              " SELECT 'a', 'p' || n, 'p', 'p', '' FROM generate_series(1, %d) n",
              MEMBERSHIP_GROUP_MAX);
    world_sql(w, "INSERT INTO pek.membership (realm, group_id, user_id, sort_key)"
                 " SELECT 'a', 'o@a', id, '\\x01' FROM pek.person");
    assert_int_equal(step(w, "ann", "AddMember", "dan"), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, MEMBERSHIP_REASON_FULL);
    assert_int_equal(step(w, "dan", "ApplyForMembership", ""), STATUS_FAILED_PRECONDITION);
    world_sql(w, "DELETE FROM pek.membership WHERE user_id = 'p1'");
    assert_int_equal(step(w, "ann", "AddMember", "dan"), STATUS_OK);
}

/* Each may bring a person into so many groups, whatever others do to them; leaving one makes room. */
static void person_is_brought_into_so_many_groups(struct world *w)
{
    make_members(w);
    assert_int_equal(step(w, "dan", "ApplyForMembership", ""), STATUS_OK);
    assert_int_equal(step(w, "dan", "WithdrawApplication", ""), STATUS_OK);
    world_sql(w,
              "INSERT INTO pek.realm_group (realm, id, name, unique_key, folded, sort_key, purpose)"
              " SELECT 'a', 'g' || n || '@o', 'G' || n, 'g' || n, 'g' || n, int4send(n), 0"
              " FROM generate_series(1, %d) n",
              2 * MEMBERSHIP_GIVEN_MAX + 1);
    world_sql(w, "INSERT INTO pek.membership (realm, group_id, user_id, sort_key)"
                 " SELECT 'a', id, 'dan', '\\x01' FROM pek.realm_group WHERE id LIKE 'g%%'");
    /* Half by ann, of which one is over; half by rob. */
    world_sql(
        w,
        "INSERT INTO pek.membership_period (realm, group_id, user_id, seq, status, begin_time,"
        " changed_by) SELECT m.realm, m.group_id, m.user_id, 1, CASE m.group_id WHEN 'g1@o'"
        " THEN 4 ELSE 2 END, now(), CASE WHEN g.sort_key <= int4send(%d) THEN 'ann' ELSE 'rob'"
        " END FROM pek.membership m JOIN pek.realm_group g ON g.realm = m.realm AND g.id ="
        " m.group_id",
        MEMBERSHIP_GIVEN_MAX + 1);
    assert_int_equal(step(w, "ann", "AddMember", "dan"), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, MEMBERSHIP_REASON_USER_FULL);
    assert_string_equal(w->fault.field, "user_id");
    assert_non_null(strstr(w->fault.text, " dan "));
    /* Neither they themselves nor somebody else is kept from it. */
    assert_int_equal(step(w, "dan", "ApplyForMembership", ""), STATUS_OK);
    assert_int_equal(step(w, "alice", "AcceptMember", "dan"), STATUS_OK);
    assert_int_equal(step(w, "alice", "ArchiveMember", "dan"), STATUS_OK);
    assert_int_equal(call(w, "dan", "LeaveGroup", "g2@o", "", "", NULL, NULL), STATUS_OK);
    assert_int_equal(step(w, "ann", "AddMember", "dan"), STATUS_OK);
}

/* ---- days ---- */

static enum status set_dates(struct world *w, const char *user, const char *begin, const char *end,
                             membership_v1_membership **ret_membership)
{
    membership_v1_set_member_dates_request req = MEMBERSHIP_V1_SET_MEMBER_DATES_REQUEST_INIT;
    req.group_id = text("o@a");
    req.user_id = text(user);
    req.begin_date = text(begin);
    req.end_date = text(end);
    return WORLD_RPC(w, membership_v1, set_member_dates, "ann", req, *ret_membership);
}

static void days_are_those_of_budapest_and_end_by_themselves(struct world *w)
{
    membership_v1_membership *got;
    make_members(w);
    assert_int_equal(step(w, "ann", "AddMember", "dan"), STATUS_OK);
    assert_int_equal(set_dates(w, "dan", "2026-01-15", "", &got), STATUS_OK);
    assert_string_equal(world_value(w, "SELECT begin_time AT TIME ZONE 'UTC'"
                                       " FROM pek.membership_period"),
                        "2026-01-14 23:00:00");
    assert_int_equal(set_dates(w, "dan", "", "2199-07-01", &got), STATUS_OK);
    assert_int_equal(got->status, MEMBERSHIP_V1_MEMBER_STATUS_ACTIVE);
    assert_int_equal(got->next_status, MEMBERSHIP_V1_MEMBER_STATUS_ARCHIVED);
    assert_string_equal(world_value(w, "SELECT max(begin_time) AT TIME ZONE 'UTC'"
                                       " FROM pek.membership_period"),
                        "2199-06-30 22:00:00");
    assert_string_equal(state(w, "o@a", "dan"), "C");
    /* The day comes: nobody does anything. */
    world_sql(w, "UPDATE pek.membership_period SET begin_time = least(begin_time, now() + '0.2 s'),"
                 " end_time = now() + '0.2 s' + (end_time - end_time); SELECT pg_sleep(0.3)");
    assert_string_equal(state(w, "o@a", "dan"), "X");
    assert_string_equal(seen(w, "vic", "o@a"), "");
    /* What is planned is replaced by the next step. */
    assert_int_equal(step(w, "ann", "UnarchiveMember", "dan"), STATUS_OK);
    assert_int_equal(set_dates(w, "dan", "", "2199-07-01", &got), STATUS_OK);
    assert_int_equal(step(w, "ann", "InactivateMember", "dan"), STATUS_OK);
    assert_string_equal(world_value(w, "SELECT string_agg(substr('ANCFX', status, 1), '' ORDER BY"
                                       " seq) FROM pek.membership_period"),
                        "CXCF");
    assert_int_equal(set_dates(w, "dan", "", "2026-13-01", &got), STATUS_INVALID_ARGUMENT);
    assert_string_equal(w->fault.field, "end_date");
    assert_int_equal(set_dates(w, "eve", "", "2026-01-01", &got), STATUS_NOT_FOUND);
    /* Neither one's own end, nor a longer one in an archived group. */
    assert_int_equal(step(w, "ann", "AddMember", "ann"), STATUS_OK);
    assert_int_equal(set_dates(w, "ann", "", "2199-01-01", &got), STATUS_PERMISSION_DENIED);
    assert_int_equal(step(w, "ann", "ReactivateMember", "dan"), STATUS_OK);
    world_sql(w, "UPDATE pek.realm_group SET is_archived = true WHERE id = 'o@a'");
    assert_int_equal(set_dates(w, "dan", "", "2199-01-01", &got), STATUS_FAILED_PRECONDITION);
    world_sql(w, "UPDATE pek.realm_group SET is_archived = false WHERE id = 'o@a'");
    assert_all_holds(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(life_of_a_member),
        WORLD_TEST(rejected_or_withdrawn_is_as_if_it_had_not_been),
        WORLD_TEST(closed_or_archived_group_takes_no_applications),
        WORLD_TEST(nobody_ends_their_own_membership_but_by_leaving),
        WORLD_TEST(membership_begins_ten_times_a_day),
        WORLD_TEST(membership_that_changed_often_can_still_end),
        WORLD_TEST(people_of_whom_the_hub_knows_nothing_are_bounded_by_who_adds_them),
        WORLD_TEST(strangers_change_nobody),
        WORLD_TEST(stale_etag_and_repeated_key),
        WORLD_TEST(lists_show_to_each_what_is_theirs),
        WORLD_TEST(list_goes_on_behind_a_position_and_searches),
        WORLD_TEST(transitive_group_has_those_below_it_once),
        WORLD_TEST(memberships_of_a_user_with_their_history),
        WORLD_TEST(batch_is_all_or_nobody),
        WORLD_TEST(group_that_is_full_takes_nobody),
        WORLD_TEST(person_is_brought_into_so_many_groups),
        WORLD_TEST(days_are_those_of_budapest_and_end_by_themselves),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
