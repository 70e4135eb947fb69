/* Profiles through the host that the API speaks to: alice and bob meet in realm a, carol is alone in realm b. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hub/profile/profile.h"
#include "hub/profile/testing/profile_world.h"
#include "shared/row/row.h"
#include "shared/service/change.h"

struct desk {
    struct hub_world *h;
    struct profile_world p;
    struct rpc_pair as[2]; /* whoever asks; and the idempotency key */
    size_t as_count;
    hub_v1_profile *res;
};

static void as(struct desk *desk, const char *user)
{
    struct slice token = hub_login(desk->h, &desk->h->one, user);
    char *bearer = arena_printf(desk->h->w->arena, "Bearer %.*s", SLICE_ARG(token));
    desk->as[0] = (struct rpc_pair){SLICE_LIT("authorization"), slice_str(bearer)};
}

/* Of what is asked from now on; NULL: none. */
static void with_key(struct desk *desk, const char *key)
{
    desk->as[1] = (struct rpc_pair){SLICE_LIT(CHANGE_KEY_METADATA), slice_str(key)};
    desk->as_count = key ? 2 : 1;
}

static void desk_open(struct hub_world *h, struct desk *desk, const char *user)
{
    desk->h = h;
    world_sql(h->w, "TRUNCATE hub.instance; INSERT INTO hub.instance (realm, name, target) VALUES"
                    " ('a', 'A', '127.0.0.1:1'), ('b', 'B', '127.0.0.1:2');"
                    " INSERT INTO hub.user_realm (user_id, realm) VALUES"
                    " ('alice', 'a'), ('bob', 'a'), ('carol', 'b')");
    /* The realms say so as well. */
    world_grant(h->w, &h->w->a, "People", "alice", NULL, 1u << 2);
    world_grant(h->w, &h->w->a, "More", "bob", NULL, 1u << 2);
    world_grant(h->w, &h->w->b, "People", "carol", NULL, 1u << 2);
    profile_world_open(&desk->p, h);
    as(desk, user);
    with_key(desk, NULL);
}

static void desk_close(struct desk *desk)
{
    profile_world_close(&desk->p);
}

static enum status get(struct desk *desk, const char *user)
{
    hub_v1_get_profile_request req = HUB_V1_GET_PROFILE_REQUEST_INIT;
    req.user = row_string(user);
    desk->h->fault = (struct fault){0};
    return hub_v1_get_profile_call(desk->p.channel, &req, desk->as, desk->as_count,
                                   WORLD_REST(desk->h->w), &desk->res, &desk->h->fault);
}

static enum status update(struct desk *desk, const char *user, hub_v1_profile *profile,
                          const char *path)
{
    hub_v1_update_profile_request req = HUB_V1_UPDATE_PROFILE_REQUEST_INIT;
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    char *paths[] = {row_string(path ? path : "")};
    mask.paths = paths;
    mask.n_paths = 1;
    req.user = row_string(user);
    req.profile = profile;
    if (path)
        req.update_mask = &mask;
    desk->h->fault = (struct fault){0};
    return hub_v1_update_profile_call(desk->p.channel, &req, desk->as, desk->as_count,
                                      WORLD_REST(desk->h->w), &desk->res, &desk->h->fault);
}

static enum status rename_to(struct desk *desk, const char *username)
{
    hub_v1_profile profile = HUB_V1_PROFILE_INIT;
    profile.username = row_string(username);
    return update(desk, "me", &profile, NULL);
}

/* A profile in which everything is said. */
static void say_everything(struct desk *desk)
{
    hub_v1_profile profile = HUB_V1_PROFILE_INIT;
    hub_v1_external_account irc = HUB_V1_EXTERNAL_ACCOUNT_INIT, mail = HUB_V1_EXTERNAL_ACCOUNT_INIT;
    hub_v1_external_account *accounts[] = {&irc, &mail};
    irc.protocol = HUB_V1_EXTERNAL_ACCOUNT_PROTOCOL_IRC;
    irc.account_name = row_string("zoli");
    mail.protocol = HUB_V1_EXTERNAL_ACCOUNT_PROTOCOL_GMAIL;
    mail.account_name = row_string("bob@example.org");
    profile.first_name = row_string("Boldizsár");
    profile.last_name = row_string("Bokros");
    profile.nickname = row_string("Bobi");
    profile.cell_phone = row_string("+36201234567");
    profile.room = row_string("1103");
    profile.dormitory = HUB_V1_DORMITORY_SCH;
    profile.gender = HUB_V1_GENDER_MALE;
    profile.student_status = HUB_V1_STUDENT_STATUS_ACTIVE;
    profile.external_accounts = accounts;
    profile.n_external_accounts = 2;
    assert_int_equal(update(desk, "me", &profile, NULL), STATUS_OK);
}

static void assert_no_details(const hub_v1_profile *profile)
{
    assert_string_equal(profile->cell_phone, "");
    assert_string_equal(profile->room, "");
    assert_string_equal(profile->etag, "");
    assert_int_equal(profile->dormitory, 0);
    assert_int_equal(profile->gender, 0);
    assert_int_equal(profile->student_status, 0);
    assert_int_equal(profile->n_external_accounts, 0);
    assert_int_equal(profile->n_visible, 0);
    assert_null(profile->create_time);
    assert_null(profile->update_time);
}

/* ---- who sees what ---- */

static void own_profile_is_whole_under_each_name_of_its_owner(struct hub_world *h)
{
    static const char *const names[] = {"me", "bob", "bob.n", "BOB.N"};
    struct desk desk;
    desk_open(h, &desk, "bob");
    say_everything(&desk);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(get(&desk, names[i]), STATUS_OK);
        const hub_v1_profile *bob = desk.res;
        assert_int_equal(bob->view, HUB_V1_PROFILE_VIEW_OWN);
        assert_string_equal(bob->id, "bob");
        assert_string_equal(bob->username, "bob.n");
        assert_string_equal(bob->first_name, "Boldizsár");
        assert_string_equal(bob->last_name, "Bokros");
        assert_string_equal(bob->nickname, "Bobi");
        assert_string_equal(bob->cell_phone, "+36201234567");
        assert_string_equal(bob->room, "1103");
        assert_int_equal(bob->dormitory, HUB_V1_DORMITORY_SCH);
        assert_int_equal(bob->gender, HUB_V1_GENDER_MALE);
        assert_int_equal(bob->student_status, HUB_V1_STUDENT_STATUS_ACTIVE);
        assert_int_equal(bob->n_external_accounts, 2);
        assert_string_equal(bob->external_accounts[0]->account_name, "zoli");
        assert_string_equal(bob->external_accounts[1]->account_name, "bob@example.org");
        assert_int_equal(bob->n_visible, 0);
        assert_string_equal(bob->etag, "v2");
        assert_non_null(bob->update_time);
    }
    desk_close(&desk);
}

/* Whatever the owner made visible: that is for the full view. */
static void who_shares_a_realm_sees_names_and_nothing_else(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "bob");
    say_everything(&desk);
    world_sql(h->w, "UPDATE hub.profile SET visible = 31");
    as(&desk, "alice");
    assert_int_equal(get(&desk, "bob.n"), STATUS_OK);
    assert_int_equal(desk.res->view, HUB_V1_PROFILE_VIEW_BASIC);
    assert_string_equal(desk.res->id, "bob");
    assert_string_equal(desk.res->username, "bob.n");
    assert_string_equal(desk.res->first_name, "Boldizsár");
    assert_string_equal(desk.res->last_name, "Bokros");
    assert_string_equal(desk.res->nickname, "Bobi");
    assert_no_details(desk.res);
    desk_close(&desk);
}

static void who_is_not_seen_is_as_who_is_not_there(struct hub_world *h)
{
    static const char *const nobody[] = {"carol", "carol.n", "nobody.n", "' OR true --", "Carol"};
    struct desk desk;
    struct fault expected;
    desk_open(h, &desk, "alice");
    assert_int_equal(get(&desk, "nobody"), STATUS_NOT_FOUND);
    expected = h->fault;
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(get(&desk, nobody[i]), STATUS_NOT_FOUND);
        assert_string_equal(h->fault.text, expected.text);
        assert_string_equal(h->fault.field, expected.field);
        assert_string_equal(h->fault.reason, expected.reason);
    }
    hub_v1_profile profile = HUB_V1_PROFILE_INIT;
    profile.nickname = row_string("x");
    assert_int_equal(update(&desk, "carol", &profile, NULL), STATUS_NOT_FOUND);
    assert_string_equal(h->fault.text, expected.text);
    desk_close(&desk);
}

static void a_realm_that_was_removed_brings_nobody_together(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "alice");
    assert_int_equal(get(&desk, "bob"), STATUS_OK);
    world_sql(h->w, "UPDATE hub.instance SET status = 'REMOVED' WHERE realm = 'a'");
    assert_int_equal(get(&desk, "bob"), STATUS_NOT_FOUND);
    assert_int_equal(get(&desk, "me"), STATUS_OK);
    desk_close(&desk);
}

/* ---- who changes what ---- */

static void nobody_changes_another(struct hub_world *h)
{
    struct desk desk;
    hub_v1_external_account irc = HUB_V1_EXTERNAL_ACCOUNT_INIT;
    hub_v1_external_account *accounts[] = {&irc};
    hub_v1_profile profile = HUB_V1_PROFILE_INIT;
    hub_v1_profile_detail visible[] = {HUB_V1_PROFILE_DETAIL_CELL_PHONE};
    desk_open(h, &desk, "bob");
    say_everything(&desk);
    as(&desk, "alice");
    irc.protocol = HUB_V1_EXTERNAL_ACCOUNT_PROTOCOL_IRC;
    irc.account_name = row_string("alice");
    profile.external_accounts = accounts;
    profile.n_external_accounts = 1;
    assert_int_equal(update(&desk, "bob", &profile, NULL), STATUS_PERMISSION_DENIED);
    profile = (hub_v1_profile)HUB_V1_PROFILE_INIT;
    profile.visible = visible;
    profile.n_visible = 1;
    assert_int_equal(update(&desk, "bob.n", &profile, NULL), STATUS_PERMISSION_DENIED);
    world_sql(h->w, "UPDATE hub.user_account SET is_admin = true WHERE id = 'alice'");
    assert_int_equal(update(&desk, "bob", &profile, NULL), STATUS_PERMISSION_DENIED);
    /* The id in the body is nobody's way in. */
    profile.id = row_string("bob");
    assert_int_equal(update(&desk, "me", &profile, "visible"), STATUS_OK);
    assert_string_equal(desk.res->id, "alice");
    assert_string_equal(world_value(h->w, "SELECT visible::text FROM hub.profile"
                                          " WHERE user_id = 'bob'"),
                        "0");
    assert_string_equal(world_value(h->w, "SELECT string_agg(account_name, ' ' ORDER BY position)"
                                          " FROM hub.external_account"),
                        "zoli bob@example.org");
    desk_close(&desk);
}

static void lists_are_replaced_as_a_whole(struct hub_world *h)
{
    struct desk desk;
    hub_v1_external_account jabber = HUB_V1_EXTERNAL_ACCOUNT_INIT;
    hub_v1_external_account *accounts[] = {&jabber};
    hub_v1_profile_detail visible[] = {HUB_V1_PROFILE_DETAIL_GENDER, HUB_V1_PROFILE_DETAIL_ROOM,
                                       HUB_V1_PROFILE_DETAIL_ROOM};
    hub_v1_profile profile = HUB_V1_PROFILE_INIT;
    desk_open(h, &desk, "bob");
    say_everything(&desk);
    jabber.protocol = HUB_V1_EXTERNAL_ACCOUNT_PROTOCOL_JABBER;
    jabber.account_name = row_string("bob@jabber.example");
    profile.external_accounts = accounts;
    profile.n_external_accounts = 1;
    profile.visible = visible;
    profile.n_visible = 3;
    assert_int_equal(update(&desk, "me", &profile, NULL), STATUS_OK);
    assert_int_equal(desk.res->n_external_accounts, 1);
    assert_string_equal(desk.res->external_accounts[0]->account_name, "bob@jabber.example");
    assert_int_equal(desk.res->n_visible, 2);
    assert_string_equal(desk.res->cell_phone, "+36201234567");
    profile = (hub_v1_profile)HUB_V1_PROFILE_INIT;
    assert_int_equal(update(&desk, "me", &profile, "external_accounts"), STATUS_OK);
    assert_int_equal(desk.res->n_external_accounts, 0);
    assert_int_equal(desk.res->n_visible, 2);
    assert_int_equal(update(&desk, "me", &profile, "visible"), STATUS_OK);
    assert_int_equal(desk.res->n_visible, 0);
    desk_close(&desk);
}

static void a_refused_change_changes_nothing(struct hub_world *h)
{
    struct desk desk;
    hub_v1_profile profile = HUB_V1_PROFILE_INIT;
    desk_open(h, &desk, "bob");
    say_everything(&desk);
    profile.etag = row_string("v1");
    profile.nickname = row_string("Late");
    assert_int_equal(update(&desk, "me", &profile, NULL), STATUS_ABORTED);
    assert_string_equal(h->fault.reason, ROW_REASON_CHANGED);
    profile.etag = row_string("v2");
    profile.username = row_string("alice.n");
    assert_int_equal(update(&desk, "me", &profile, NULL), STATUS_ALREADY_EXISTS);
    profile.username = row_string("");
    assert_int_equal(update(&desk, "me", &profile, "id"), STATUS_INVALID_ARGUMENT);
    assert_int_equal(update(&desk, "me", &profile, "view"), STATUS_INVALID_ARGUMENT);
    assert_int_equal(update(&desk, "me", &profile, "username"), STATUS_INVALID_ARGUMENT);
    assert_int_equal(update(&desk, "me", NULL, "nickname"), STATUS_INVALID_ARGUMENT);
    assert_int_equal(update(&desk, "", &profile, "nickname"), STATUS_INVALID_ARGUMENT);
    assert_int_equal(update(&desk, "me", &profile, "first_name"), STATUS_OK);
    profile.etag = row_string("");
    assert_int_equal(update(&desk, "me", &profile, "last_name"), STATUS_INVALID_ARGUMENT);
    assert_int_equal(get(&desk, "me"), STATUS_OK);
    assert_string_equal(desk.res->nickname, "Bobi");
    assert_string_equal(desk.res->username, "bob.n");
    assert_string_equal(desk.res->first_name, "");
    assert_string_equal(desk.res->last_name, "Bokros");
    assert_string_equal(desk.res->etag, "v3");
    desk_close(&desk);
}

/* ---- what people are called ---- */

static void names_follow_the_provider_until_the_person_writes_them(struct hub_world *h)
{
    struct desk desk;
    hub_v1_profile profile = HUB_V1_PROFILE_INIT;
    desk_open(h, &desk, "bob");
    world_sql(h->w, "UPDATE hub.user_account SET name = 'Nagy Bob Béla' WHERE id = 'bob'");
    assert_int_equal(get(&desk, "me"), STATUS_OK);
    assert_string_equal(desk.res->last_name, "Nagy");
    assert_string_equal(desk.res->first_name, "Bob Béla");
    profile.first_name = row_string("Róbert");
    assert_int_equal(update(&desk, "me", &profile, NULL), STATUS_OK);
    assert_string_equal(world_value(h->w, "SELECT name FROM hub.user_account WHERE id = 'bob'"),
                        "Nagy Róbert");
    world_sql(h->w, "UPDATE hub.user_account SET name = 'Nagy Bob' WHERE id = 'bob'");
    assert_int_equal(get(&desk, "me"), STATUS_OK);
    assert_string_equal(desk.res->first_name, "Róbert");
    desk_close(&desk);
}

static bool is_forgotten(struct hub_world *h)
{
    return h->one.cache.lru.count == 0 && h->other.cache.lru.count == 0;
}

static void sessions_learn_what_their_user_is_called_now(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "bob");
    struct slice token = hub_login(h, &h->one, "bob");
    session_release(hub_session(h, &h->other, token));
    assert_int_equal(rename_to(&desk, "robert"), STATUS_OK);
    assert_true(hub_until(h, is_forgotten));
    struct session *session = hub_session(h, &h->other, token);
    assert_true(slice_equal_str(session->username, "robert"));
    session_release(session);
    desk_close(&desk);
}

static void username_changes_once_in_thirty_days(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "bob");
    assert_int_equal(rename_to(&desk, "Robert"), STATUS_OK);
    assert_string_equal(desk.res->username, "robert");
    assert_int_equal(rename_to(&desk, "robert"), STATUS_OK);
    assert_int_equal(rename_to(&desk, "bob.n"), STATUS_FAILED_PRECONDITION);
    assert_string_equal(h->fault.reason, PROFILE_REASON_USERNAME_RECENT);
    world_sql(h->w, "UPDATE hub.user_account SET username_changed_at ="
                    " now() - interval '30 days' + interval '1 minute'");
    assert_int_equal(rename_to(&desk, "bob.n"), STATUS_FAILED_PRECONDITION);
    world_sql(h->w, "UPDATE hub.user_account SET username_changed_at = now() - interval '30 days'");
    assert_int_equal(rename_to(&desk, "bob.n"), STATUS_OK);
    desk_close(&desk);
}

static void a_former_username_leads_to_its_owner_and_is_nobody_elses(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "bob");
    assert_int_equal(rename_to(&desk, "robert"), STATUS_OK);
    as(&desk, "alice");
    assert_int_equal(get(&desk, "bob.n"), STATUS_OK);
    assert_string_equal(desk.res->username, "robert");
    assert_int_equal(get(&desk, "robert"), STATUS_OK);
    assert_string_equal(desk.res->id, "bob");
    assert_int_equal(rename_to(&desk, "bob.n"), STATUS_ALREADY_EXISTS);
    assert_string_equal(h->fault.reason, PROFILE_REASON_USERNAME_TAKEN);
    assert_int_equal(rename_to(&desk, "robert"), STATUS_ALREADY_EXISTS);
    /* Nor may it be somebody's id. */
    assert_int_equal(rename_to(&desk, "carol"), STATUS_ALREADY_EXISTS);
    assert_int_equal(rename_to(&desk, "alice"), STATUS_OK);
    /* Also when nobody is left who had it. */
    world_sql(h->w, "DELETE FROM hub.user_account WHERE id = 'bob'");
    as(&desk, "carol");
    assert_int_equal(rename_to(&desk, "bob.n"), STATUS_ALREADY_EXISTS);
    assert_int_equal(rename_to(&desk, "alice.n"), STATUS_ALREADY_EXISTS);
    desk_close(&desk);
}

/* ---- deletion ---- */

static enum status delete_user(struct desk *desk, const char *user)
{
    hub_v1_delete_user_request req = HUB_V1_DELETE_USER_REQUEST_INIT;
    hub_v1_delete_user_response *res;
    req.user = row_string(user);
    desk->h->fault = (struct fault){0};
    return hub_v1_delete_user_call(desk->p.channel, &req, desk->as, desk->as_count,
                                   WORLD_REST(desk->h->w), &res, &desk->h->fault);
}

static void nobody_deletes_another(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "alice");
    world_sql(h->w, "UPDATE hub.user_account SET is_admin = true WHERE id = 'alice'");
    assert_int_equal(delete_user(&desk, "bob"), STATUS_PERMISSION_DENIED);
    assert_int_equal(delete_user(&desk, "carol"), STATUS_NOT_FOUND);
    assert_int_equal(delete_user(&desk, ""), STATUS_INVALID_ARGUMENT);
    assert_string_equal(world_value(h->w, "SELECT count(*)::text FROM hub.profile"), "3");
    desk_close(&desk);
}

static struct desk *of_the_deleted;

/* The hub hears of ended sessions by NOTIFY, a moment after the answer. */
static bool is_logged_out(struct hub_world *h)
{
    (void)h;
    return get(of_the_deleted, "me") == STATUS_UNAUTHENTICATED;
}

static void of_who_deletes_themself_a_row_without_name_is_left(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "bob");
    say_everything(&desk);
    world_sql(h->w, "UPDATE hub.user_account SET authsch_id = 'sub-bob', is_admin = true"
                    " WHERE id = 'bob'");
    assert_int_equal(rename_to(&desk, "robert"), STATUS_OK);
    assert_int_equal(delete_user(&desk, "me"), STATUS_OK);
    of_the_deleted = &desk;
    assert_true(hub_until(h, is_logged_out));
    assert_string_equal(
        world_value(h->w, "SELECT concat_ws(' ', id, name, username, authsch_id, is_admin)"
                          " FROM hub.user_account WHERE id = 'bob'"),
        "bob deleted user f");
    assert_string_equal(world_value(h->w, "SELECT (SELECT count(*) FROM hub.external_account) + "
                                          "(SELECT count(*) FROM hub.profile WHERE user_id = "
                                          "'bob')::text::int"),
                        "0");
    as(&desk, "alice");
    assert_int_equal(get(&desk, "nobody"), STATUS_NOT_FOUND);
    struct fault nobody = h->fault;
    static const char *const names[] = {"bob", "bob.n", "robert"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(get(&desk, names[i]), STATUS_NOT_FOUND);
        assert_string_equal(h->fault.text, nobody.text);
        assert_int_equal(rename_to(&desk, names[i]), STATUS_ALREADY_EXISTS);
    }
    /* Who logs in next with the same identity is somebody else. */
    world_sql(h->w, "INSERT INTO hub.user_account (id, authsch_id, username, name)"
                    " VALUES ('dan', 'sub-bob', 'dan', 'Dan')");
    desk_close(&desk);
}

static void who_is_deleted_stays_so(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "bob");
    assert_int_equal(delete_user(&desk, "bob.n"), STATUS_OK);
    assert_string_equal(
        world_value(h->w, "WITH try AS (SELECT hub.delete_user('bob'))"
                          " SELECT (disabled_at IS NOT NULL)::text FROM hub.user_account, try"
                          " WHERE id = 'bob'"),
        "true");
    /* No name comes back by a way that does not know of deletion. */
    world_sql(h->w, "DO $$ BEGIN"
                    " UPDATE hub.user_account SET disabled_at = NULL WHERE id = 'bob';"
                    " RAISE 'enabled'; EXCEPTION WHEN check_violation THEN NULL; END $$");
    world_sql(h->w, "DO $$ BEGIN"
                    " UPDATE hub.user_account SET username = 'bob.n' WHERE id = 'bob';"
                    " RAISE 'named'; EXCEPTION WHEN check_violation THEN NULL; END $$");
    world_sql(h->w, "UPDATE hub.user_account SET name = 'Bob' WHERE id = 'bob'");
    assert_string_equal(
        world_value(h->w, "SELECT count(*)::text FROM hub.profile WHERE user_id = 'bob'"), "0");
    desk_close(&desk);
}

/* ---- repeated, and written down ---- */

static void repeated_key_gives_the_first_answer_and_one_effect(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "bob");
    with_key(&desk, "k1");
    assert_int_equal(rename_to(&desk, "robert"), STATUS_OK);
    assert_string_equal(desk.res->etag, "v2");
    world_sql(h->w, "UPDATE hub.profile SET nickname = 'meanwhile', version = 9"
                    " WHERE user_id = 'bob'");
    /* The second time a username would be refused: it changes once in a month. */
    assert_int_equal(rename_to(&desk, "robert"), STATUS_OK);
    assert_string_equal(desk.res->etag, "v2");
    assert_string_equal(desk.res->username, "robert");
    assert_string_equal(desk.res->nickname, "");
    assert_string_equal(world_value(h->w, "SELECT count(*) FROM hub.audit_log"), "1");
    assert_int_equal(rename_to(&desk, "bobby"), STATUS_FAILED_PRECONDITION);
    assert_string_equal(h->fault.reason, "IDEMPOTENCY_KEY_REUSED");
    /* Of another user it is another key. */
    as(&desk, "alice");
    assert_int_equal(rename_to(&desk, "alicia"), STATUS_OK);
    assert_string_equal(desk.res->id, "alice");
    desk_close(&desk);
}

static void refused_change_leaves_its_key_free_and_no_trace(struct hub_world *h)
{
    struct desk desk;
    hub_v1_profile profile = HUB_V1_PROFILE_INIT;
    desk_open(h, &desk, "bob");
    with_key(&desk, "k1");
    profile.nickname = row_string("B");
    assert_int_equal(update(&desk, "alice", &profile, NULL), STATUS_PERMISSION_DENIED);
    profile.etag = row_string("v7");
    assert_int_equal(update(&desk, "me", &profile, NULL), STATUS_ABORTED);
    assert_string_equal(world_value(h->w, "SELECT count(*) FROM hub.idempotency"), "0");
    assert_string_equal(world_value(h->w, "SELECT count(*) FROM hub.audit_log"), "0");
    profile.etag = row_string("v1");
    assert_int_equal(update(&desk, "me", &profile, NULL), STATUS_OK);
    desk_close(&desk);
}

static void audit_says_who_did_what_and_nothing_of_what_they_wrote(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "bob");
    say_everything(&desk);
    assert_string_equal(world_value(h->w, "SELECT concat_ws('|', actor, action, target_kind,"
                                          " target_id, length(trace_id), detail)"
                                          " FROM hub.audit_log"),
                        "bob|user.update|user|bob|32|{}");
    desk_close(&desk);
}

/* Answers that are kept for repetition are of the profile as well. */
static void deleted_user_leaves_no_answers(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "bob");
    with_key(&desk, "k1");
    say_everything(&desk);
    assert_string_equal(world_value(h->w, "SELECT count(*) FROM hub.idempotency"), "1");
    with_key(&desk, "k2");
    assert_int_equal(delete_user(&desk, "me"), STATUS_OK);
    assert_string_equal(world_value(h->w, "SELECT count(*) FROM hub.idempotency"), "0");
    assert_string_equal(
        world_value(h->w, "SELECT string_agg(action, ' ' ORDER BY id) FROM hub.audit_log"),
        "user.update user.delete");
    desk_close(&desk);
}

static void old_keys_are_forgotten(struct hub_world *h)
{
    struct desk desk;
    desk_open(h, &desk, "bob");
    with_key(&desk, "old");
    say_everything(&desk);
    world_sql(h->w, "UPDATE hub.idempotency SET create_time = now() - interval '2 days'");
    with_key(&desk, "new");
    say_everything(&desk);
    assert_int_equal(change_forget_keys(&desk.p.service.service, &h->w->cancel), STATUS_OK);
    assert_string_equal(world_value(h->w, "SELECT string_agg(key, ' ') FROM hub.idempotency"),
                        "new");
    desk_close(&desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HUB_TEST(own_profile_is_whole_under_each_name_of_its_owner),
        HUB_TEST(who_shares_a_realm_sees_names_and_nothing_else),
        HUB_TEST(who_is_not_seen_is_as_who_is_not_there),
        HUB_TEST(a_realm_that_was_removed_brings_nobody_together),
        HUB_TEST(nobody_changes_another),
        HUB_TEST(lists_are_replaced_as_a_whole),
        HUB_TEST(a_refused_change_changes_nothing),
        HUB_TEST(names_follow_the_provider_until_the_person_writes_them),
        HUB_TEST(sessions_learn_what_their_user_is_called_now),
        HUB_TEST(username_changes_once_in_thirty_days),
        HUB_TEST(nobody_deletes_another),
        HUB_TEST(of_who_deletes_themself_a_row_without_name_is_left),
        HUB_TEST(who_is_deleted_stays_so),
        HUB_TEST(a_former_username_leads_to_its_owner_and_is_nobody_elses),
        HUB_TEST(repeated_key_gives_the_first_answer_and_one_effect),
        HUB_TEST(refused_change_leaves_its_key_free_and_no_trace),
        HUB_TEST(audit_says_who_did_what_and_nothing_of_what_they_wrote),
        HUB_TEST(deleted_user_leaves_no_answers),
        HUB_TEST(old_keys_are_forgotten),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
