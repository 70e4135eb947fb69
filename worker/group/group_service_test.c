#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shared/crypto/crypto.h"
#include "shared/crypto/encode.h"
#include "shared/row/row.h"
#include "worker/group/group_store.h"
#include "worker/testing/world.h"

#define VIEW_GROUP (1u << 2)
#define EDIT_GROUP_PROFILE (1u << 3)
#define MOVE_GROUP_OWNER (1u << 4)

/* org o with children o@a and o@b, o@c below o@a; all by alice, who is GOD. */
static void make_tree(struct world *w)
{
    world_god(w, &w->a, "alice");
    assert_int_equal(world_create(w, "alice", "", "o", "Szervezet"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "o@o", "a", "Árok Part"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "o@o", "b", "Bulis"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "o@a", "c", "Csocsó"), STATUS_OK);
}

/* ---- create ---- */

static void organisation_is_made_by_god_only(struct world *w)
{
    world_god(w, &w->a, "alice");
    world_grant(w, &w->a, "almost", "eve", NULL, POLICY_ACTIONS_ALL & ~1u);
    assert_int_equal(world_create(w, "eve", "", "x", "X"), STATUS_PERMISSION_DENIED);
    assert_int_equal(world_create(w, "dave", "", "x", "X"), STATUS_PERMISSION_DENIED);
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.realm_group"), "0");
    assert_int_equal(world_create(w, "alice", "", "x", "X"), STATUS_OK);
    assert_string_equal(world_value(w, "SELECT id || realm FROM pek.realm_group"), "x@xa");
}

static void created_group_is_answered_whole(struct world *w)
{
    group_v1_create_group_request req = GROUP_V1_CREATE_GROUP_REQUEST_INIT;
    Google__Protobuf__Timestamp founded = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    group_v1_group *made, *got;
    world_god(w, &w->a, "alice");
    founded.seconds = -1000000000;
    founded.nanos = 500000000;
    req.name = (char *)(uintptr_t) " Őrült  Kör ";
    req.description = (char *)(uintptr_t) "első\r\nmásodik";
    req.webpage = (char *)(uintptr_t) "https://kir-dev.hu/x?y=1";
    req.mail = (char *)(uintptr_t) "kor@sch.bme.hu";
    req.purpose = GROUP_V1_PURPOSE_SPORT;
    req.foundation_time = &founded;
    req.is_resort = true;
    assert_int_equal(WORLD_CALL(w, create_group, "alice", req, made), STATUS_OK);
    assert_int_equal(world_get(w, "alice", "ORULT-KOR@orult-kor", &got), STATUS_OK);
    assert_string_equal(got->id, "orult-kor@orult-kor");
    assert_string_equal(got->realm, "a");
    assert_string_equal(got->name, "Őrült Kör");
    assert_string_equal(got->description, "első\nmásodik");
    assert_string_equal(got->webpage, "https://kir-dev.hu/x?y=1");
    assert_string_equal(got->mail, "kor@sch.bme.hu");
    assert_string_equal(got->parent_id, "");
    assert_int_equal(got->purpose, GROUP_V1_PURPOSE_SPORT);
    assert_int_equal(got->foundation_time->seconds, -1000000000);
    assert_int_equal(got->foundation_time->nanos, 500000000);
    assert_true(got->is_resort && got->users_can_apply);
    assert_false(got->is_community || got->is_archived || got->archived_members_visible);
    assert_true(got->sort_key.len > 0);
    assert_string_equal(got->etag, made->etag);
    assert_int_equal(got->create_time->seconds, made->create_time->seconds);
}

static void subgroup_carries_the_organisation_three_levels_down(struct world *w)
{
    group_v1_group *got;
    make_tree(w);
    assert_int_equal(world_create(w, "alice", "o@c", "d", "Dé"), STATUS_OK);
    assert_int_equal(world_get(w, "alice", "o@d", &got), STATUS_OK);
    assert_string_equal(got->parent_id, "o@c");
}

static void name_that_differs_only_in_case_or_form_is_taken(struct world *w)
{
    world_god(w, &w->a, "alice");
    assert_int_equal(world_create(w, "alice", "", "x", "Őrség"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "", "y", "o\xcc\x8brs\xc3\x89g"),
                     STATUS_ALREADY_EXISTS);
    assert_string_equal(w->fault.field, "name");
    assert_int_equal(world_create(w, "alice", "", "x", "Más"), STATUS_ALREADY_EXISTS);
    assert_string_equal(w->fault.field, "slug");
    assert_int_equal(world_create(w, "alice", "", "z", "Orseg"), STATUS_OK);
    assert_string_equal(
        world_value(w, "SELECT count(*) FROM pek.policy WHERE name LIKE 'GOD in %%'"), "2");
}

static void id_of_the_parent_or_above_is_taken(struct world *w)
{
    static const char *const parents[] = {"o@o", "o@b", "o@b", "o@b"};
    static const char *const slugs[] = {"o", "o", "a", "b"};
    make_tree(w);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(world_create(w, "alice", parents[i], slugs[i], "Új"),
                         STATUS_ALREADY_EXISTS);
        assert_string_equal(w->fault.reason, GROUP_REASON_ID_TAKEN);
        assert_string_equal(w->fault.field, "slug");
    }
}

static void parent_must_be_there_and_active_up_to_the_top(struct world *w)
{
    group_v1_archive_group_request archive = GROUP_V1_ARCHIVE_GROUP_REQUEST_INIT;
    group_v1_group *res;
    make_tree(w);
    assert_int_equal(world_create(w, "alice", "o@nope", "d", "D"), STATUS_NOT_FOUND);
    assert_int_equal(world_create(w, "alice", "nope@nope", "d", "D"), STATUS_NOT_FOUND);
    assert_string_equal(w->fault.field, "parent_id");
    archive.id = (char *)(uintptr_t) "o@a";
    archive.cascade = true;
    assert_int_equal(WORLD_CALL(w, archive_group, "alice", archive, res), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "o@c", "d", "D"), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, GROUP_REASON_ARCHIVED);
    /* Also when only the grandparent is. */
    world_sql(w,
              "UPDATE pek.realm_group SET is_archived = false, archive_id = NULL WHERE id = 'o@c'");
    assert_int_equal(world_create(w, "alice", "o@c", "d", "D"), STATUS_FAILED_PRECONDITION);
}

static void tree_ends_at_ten_levels(struct world *w)
{
    char parent[32] = "o@o", slug[24];
    world_god(w, &w->a, "alice");
    assert_int_equal(world_create(w, "alice", "", "o", "O"), STATUS_OK);
    for (int level = 2; level <= GROUP_DEPTH_MAX + 1; level++) {
        snprintf(slug, sizeof(slug), "l%d", level);
        assert_int_equal(world_create(w, "alice", parent, slug, slug),
                         level <= GROUP_DEPTH_MAX ? STATUS_OK : STATUS_FAILED_PRECONDITION);
        snprintf(parent, sizeof(parent), "o@%s", slug);
    }
    assert_string_equal(w->fault.reason, GROUP_REASON_DEPTH);
}

static void same_name_made_at_once_exists_once_part(struct fiber_run *run, size_t index);
static struct world *shared_world;
static enum status outcomes[8];

static void same_name_made_at_once_exists_once(struct world *w)
{
    size_t made = 0, taken = 0;
    world_god(w, &w->a, "alice");
    assert_int_equal(world_create(w, "alice", "", "o", "O"), STATUS_OK);
    shared_world = w;
    fiber_run_parallel(w->run, 8, same_name_made_at_once_exists_once_part);
    for (size_t i = 0; i < 8; i++) {
        made += outcomes[i] == STATUS_OK;
        taken += outcomes[i] == STATUS_ALREADY_EXISTS;
    }
    assert_int_equal(made, 1);
    assert_int_equal(taken, 7);
}

static void same_name_made_at_once_exists_once_part(struct fiber_run *run, size_t index)
{
    char slug[24];
    (void)run;
    snprintf(slug, sizeof(slug), "s%zu", index);
    outcomes[index] = world_create(shared_world, "alice", "o@o", slug, "Ugyanaz");
}

/* ---- lists ---- */

static void list_is_in_hungarian_order_and_continues_behind_a_position(struct world *w)
{
    group_v1_list_groups_request req = GROUP_V1_LIST_GROUPS_REQUEST_INIT;
    Pek__Cursor after = PEK__CURSOR__INIT;
    group_v1_group *at;
    make_tree(w);
    assert_string_equal(world_list(w, "alice", &req), "o@a o@b o@c o@o");
    req.page_size = 3;
    assert_string_equal(world_list(w, "alice", &req), "o@a o@b o@c");
    assert_int_equal(world_get(w, "alice", "o@b", &at), STATUS_OK);
    after.sort_key = at->sort_key;
    after.id = at->id;
    req.after = &after;
    assert_string_equal(world_list(w, "alice", &req), "o@c o@o");
    after.inclusive = true;
    assert_string_equal(world_list(w, "alice", &req), "o@b o@c o@o");
}

static void list_gives_only_what_the_caller_may_see(struct world *w)
{
    group_v1_list_groups_request req = GROUP_V1_LIST_GROUPS_REQUEST_INIT;
    make_tree(w);
    world_grant(w, &w->a, "sees b and c", "bob", "o@b", VIEW_GROUP);
    world_grant(w, &w->a, "sees c", "bob", "o@c", VIEW_GROUP);
    world_grant(w, &w->a, "edits a", "bob", "o@a", EDIT_GROUP_PROFILE);
    assert_string_equal(world_list(w, "bob", &req), "o@b o@c");
    req.parent_id = (char *)(uintptr_t) "O@a";
    assert_string_equal(world_list(w, "bob", &req), "o@c");
    req.parent_id = (char *)(uintptr_t) "";
    req.q = (char *)(uintptr_t) "bulis";
    assert_string_equal(world_list(w, "bob", &req), "o@b");
    assert_string_equal(world_list(w, "dave", &req), "");
}

static void search_wants_every_word_and_no_accents(struct world *w)
{
    group_v1_list_groups_request req = GROUP_V1_LIST_GROUPS_REQUEST_INIT;
    world_god(w, &w->a, "alice");
    assert_int_equal(world_create(w, "alice", "", "x", "Árvíztűrő Tükörfúró"), STATUS_OK);
    assert_int_equal(world_create(w, "alice", "", "y", "Fúró 100%_os"), STATUS_OK);
    static const char *const cases[][2] = {
        {"ARVIZTURO", "x@x"}, {"fúró tukor", "x@x"}, {"furo", "x@x y@y"}, {"furo nincs", ""},
        {"", "x@x y@y"},      {"%", "y@y"},          {"_", "y@y"},        {"\\", ""},
        {"0%_O", "y@y"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        req.q = (char *)(uintptr_t)cases[i][0];
        const char *list = world_list(w, "alice", &req);
        /* Á before F. */
        assert_string_equal(list, cases[i][1]);
    }
}

static void list_filters_by_purpose_and_archive(struct world *w)
{
    group_v1_list_groups_request req = GROUP_V1_LIST_GROUPS_REQUEST_INIT;
    make_tree(w);
    world_sql(w, "UPDATE pek.realm_group SET purpose = 13 WHERE id IN ('o@b', 'o@c')");
    world_sql(w, "UPDATE pek.realm_group SET is_archived = true WHERE id = 'o@c'");
    req.purpose = GROUP_V1_PURPOSE_SPORT;
    assert_string_equal(world_list(w, "alice", &req), "o@b");
    req.include_archived = true;
    assert_string_equal(world_list(w, "alice", &req), "o@b o@c");
}

static void list_refuses_what_it_does_not_take(struct world *w)
{
    group_v1_list_groups_request req = GROUP_V1_LIST_GROUPS_REQUEST_INIT;
    make_tree(w);
    req.page_size = -1;
    assert_string_equal(world_list(w, "alice", &req), "INVALID_ARGUMENT");
    assert_string_equal(w->fault.field, "page_size");
    req.page_size = 0;
    req.page_token = (char *)(uintptr_t) "x";
    assert_string_equal(world_list(w, "alice", &req), "INVALID_ARGUMENT");
    assert_string_equal(w->fault.field, "page_token");
    req.page_token = (char *)(uintptr_t) "";
    req.parent_id = (char *)(uintptr_t) "x";
    assert_string_equal(world_list(w, "alice", &req), "INVALID_ARGUMENT");
}

static void list_of_many_batches_neither_skips_nor_repeats(struct world *w)
{
    group_v1_list_groups_request req = GROUP_V1_LIST_GROUPS_REQUEST_INIT;
    world_god(w, &w->a, "alice");
    /* Equal sort keys across the border of a batch: the id decides. */
    world_sql(w,
              "INSERT INTO pek.realm_group"
              " (realm, id, name, unique_key, folded, sort_key, purpose)"
              " SELECT 'a', 'x@g' || n, 'G ' || n, 'g' || n, 'g ' || n,"
              " decode(lpad(to_hex(n / 900), 8, '0'), 'hex'), 0 FROM generate_series(1, 2100) n");
    struct sha256 digest = sha256(slice_str(world_list(w, "alice", &req)));
    char hex[2 * SHA256_BYTES + 1];
    hex_encode(slice_make(digest.bytes, sizeof(digest.bytes)), hex);
    assert_string_equal(
        world_value(w, "SELECT encode(sha256(string_agg(id, ' ' ORDER BY sort_key, id)::bytea),"
                       " 'hex') FROM pek.realm_group"),
        hex);
}

#define LIST "/pek.group.v1.GroupService/ListGroups"
#define DESCENDANTS "/pek.group.v1.GroupService/ListDescendants"
#define ANCESTORS "/pek.group.v1.GroupService/ListAncestors"

static void tree_is_listed_up_and_down(struct world *w)
{
    ProtobufCMessage *items[16];
    size_t count;
    group_v1_list_ancestors_request up = GROUP_V1_LIST_ANCESTORS_REQUEST_INIT;
    group_v1_list_descendants_request down = GROUP_V1_LIST_DESCENDANTS_REQUEST_INIT;
    struct rpc_host *host = realm_host(w->a.realm);
    const struct rpc_method *ancestors =
        rpc_host_method(host, SLICE_LIT("/pek.group.v1.GroupService/ListAncestors"));
    make_tree(w);
    up.id = (char *)(uintptr_t) "o@c";
    assert_int_equal(
        world_stream(w, w->a.channel, ancestors, &up.base, WORLD_AS(w, "alice"), items, &count),
        STATUS_OK);
    assert_int_equal(count, 2);
    assert_string_equal(((group_v1_group *)(void *)items[0])->id, "o@o");
    assert_string_equal(((group_v1_group *)(void *)items[1])->id, "o@a");
    down.id = (char *)(uintptr_t) "o@o";
    assert_string_equal(world_items(w, "alice", DESCENDANTS, &down.base, "id"), "o@a o@b o@c");
    /* Only as far as one may see. */
    world_grant(w, &w->a, "sees c", "bob", "o@c", VIEW_GROUP);
    world_grant(w, &w->a, "sees o", "bob", "o@o", VIEW_GROUP);
    assert_int_equal(
        world_stream(w, w->a.channel, ancestors, &up.base, WORLD_AS(w, "bob"), items, &count),
        STATUS_OK);
    assert_int_equal(count, 1);
    assert_string_equal(world_items(w, "bob", DESCENDANTS, &down.base, "id"), "o@c");
    down.id = (char *)(uintptr_t) "o@none";
    assert_string_equal(world_items(w, "alice", DESCENDANTS, &down.base, "id"), "NOT_FOUND");
}

/* Every list, with a mask: what it names, and what a group is told by, in whichever way the list is found. */
static void list_of_names_reads_and_gives_names(struct world *w)
{
    char name[] = "name", description[] = "description";
    char *paths[] = {name, description};
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    group_v1_list_groups_request req = GROUP_V1_LIST_GROUPS_REQUEST_INIT;
    group_v1_list_descendants_request down = GROUP_V1_LIST_DESCENDANTS_REQUEST_INIT;
    group_v1_list_ancestors_request up = GROUP_V1_LIST_ANCESTORS_REQUEST_INIT;
    make_tree(w);
    world_grant(w, &w->a, "sees b", "bob", "o@b", VIEW_GROUP);
    world_sql(w, "UPDATE pek.realm_group SET description = 'Long', mail = 'a@b'");
    mask.paths = paths;
    mask.n_paths = 1;
    req.read_mask = down.read_mask = up.read_mask = &mask;
    down.id = up.id = (char *)(uintptr_t) "o@a";
    const struct {
        const char *user, *path, *ids, *description;
        const ProtobufCMessage *request;
        const char *q, *parent;
    } lists[] = {
        {"alice", LIST, "o@a o@b o@c o@o", "   ", &req.base, "", ""},
        {"bob", LIST, "o@b", "", &req.base, "", ""},
        {"alice", LIST, "o@b", "", &req.base, "bulis", ""},
        {"bob", LIST, "o@b", "", &req.base, "bulis", ""},
        {"alice", LIST, "o@a o@b", " ", &req.base, "", "o@o"},
        {"alice", DESCENDANTS, "o@c", "", &down.base, "", ""},
        {"alice", ANCESTORS, "o@o", "", &up.base, "", ""},
    };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        req.q = (char *)(uintptr_t)lists[i].q;
        req.parent_id = (char *)(uintptr_t)lists[i].parent;
#define FIELD(field) world_items(w, lists[i].user, lists[i].path, lists[i].request, field)
        mask.n_paths = 1;
        const char *names = FIELD("name");
        assert_string_equal(FIELD("id"), lists[i].ids);
        assert_string_equal(FIELD("description"), lists[i].description);
        assert_string_equal(FIELD("mail"), lists[i].description);
        mask.n_paths = 2; /* with what is not read for names */
        assert_string_equal(FIELD("name"), names);
        assert_non_null(strstr(FIELD("description"), "Long"));
        assert_string_equal(FIELD("mail"), lists[i].description);
        mask.n_paths = 0;
        assert_string_equal(FIELD("name"), names);
        assert_non_null(strstr(FIELD("mail"), "a@b"));
    }
    assert_null(strstr(group_list_found[0].brief.sql, "description"));
    assert_non_null(strstr(group_list_found[0].whole.sql, "g.description"));
    paths[0] = (char *)(uintptr_t) "title";
    mask.n_paths = 1;
    assert_string_equal(world_list(w, "alice", &req), "INVALID_ARGUMENT");
    assert_string_equal(w->fault.field, "read_mask");
}

/* A level of some hundreds below each of a few, and what is beside them. */
static void subtree_is_read_in_pages(struct world *w)
{
    group_v1_list_descendants_request req = GROUP_V1_LIST_DESCENDANTS_REQUEST_INIT;
    Pek__Cursor after = PEK__CURSOR__INIT;
    make_tree(w);
    world_sql(w,
              "INSERT INTO pek.realm_group (realm, id, parent_id, name, unique_key, folded,"
              " sort_key, purpose, is_archived)"
              " SELECT 'a', 'o@g' || n, CASE n %% 3 WHEN 0 THEN 'o@o' WHEN 1 THEN 'o@a' ELSE 'o@c'"
              " END, 'G ' || n, 'g' || n, 'g ' || n, decode(lpad(to_hex(n / 7), 8, '0'), 'hex'), 0,"
              " n %% 11 = 0 FROM generate_series(1, 1300) n");
    req.id = (char *)(uintptr_t) "o@a";
    req.page_size = 3;
    assert_string_equal(world_items(w, "alice", DESCENDANTS, &req.base, "id"), "o@g1 o@g2 o@g4");
    after.id = (char *)(uintptr_t) "o@g4";
    after.sort_key = (ProtobufCBinaryData){4, (uint8_t[]){0, 0, 0, 0}};
    req.after = &after;
    assert_string_equal(world_items(w, "alice", DESCENDANTS, &req.base, "id"), "o@g5 o@g10 o@g13");
    after.inclusive = true;
    assert_string_equal(world_items(w, "alice", DESCENDANTS, &req.base, "id"), "o@g4 o@g5 o@g10");
    req.page_size = -1;
    assert_string_equal(world_items(w, "alice", DESCENDANTS, &req.base, "id"), "INVALID_ARGUMENT");
    assert_string_equal(w->fault.field, "page_size");
    /* All of it: more than one batch. */
    req.page_size = 0;
    req.after = NULL;
    assert_string_equal(
        world_items(w, "alice", DESCENDANTS, &req.base, "id"),
        world_value(w, "SELECT string_agg(id, ' ' ORDER BY sort_key, id) FROM pek.realm_group"
                       " WHERE parent_id IN ('o@a', 'o@c') AND NOT is_archived"));
    req.include_archived = true;
    req.id = (char *)(uintptr_t) "o@o";
    assert_string_equal(
        world_items(w, "alice", DESCENDANTS, &req.base, "id"),
        world_value(w, "SELECT string_agg(id, ' ' ORDER BY sort_key, id) FROM pek.realm_group"
                       " WHERE id <> 'o@o'"));
}

/* ---- update, configure, archive ---- */

static void update_changes_the_fields_of_the_mask(struct world *w)
{
    group_v1_update_group_request req = GROUP_V1_UPDATE_GROUP_REQUEST_INIT;
    group_v1_group body = GROUP_V1_GROUP_INIT, *res;
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    char name[] = "name", description[] = "description", parent[] = "parent_id";
    char *both[] = {name, description}, *wrong[] = {parent};
    make_tree(w);
    world_sql(w, "UPDATE pek.realm_group SET description = 'régi', mail = 'x@sch.hu'");
    body.id = (char *)(uintptr_t) "o@B";
    body.name = (char *)(uintptr_t) "Zsolt";
    body.mail = (char *)(uintptr_t) "y@sch.hu";
    req.group = &body;
    req.update_mask = &mask;
    mask.paths = both;
    mask.n_paths = 2;
    assert_int_equal(WORLD_CALL(w, update_group, "alice", req, res), STATUS_OK);
    assert_string_equal(res->name, "Zsolt");
    assert_string_equal(res->description, "");
    assert_string_equal(res->mail, "x@sch.hu");
    assert_string_equal(res->etag, "v2");
    mask.paths = wrong;
    mask.n_paths = 1;
    assert_int_equal(WORLD_CALL(w, update_group, "alice", req, res), STATUS_INVALID_ARGUMENT);
    assert_string_equal(w->fault.field, "update_mask");
    /* Without mask: what is there. */
    req.update_mask = NULL;
    assert_int_equal(WORLD_CALL(w, update_group, "alice", req, res), STATUS_OK);
    assert_string_equal(res->mail, "y@sch.hu");
    assert_string_equal(res->description, "");
    body.name = (char *)(uintptr_t) "ÁROK part";
    assert_int_equal(WORLD_CALL(w, update_group, "alice", req, res), STATUS_ALREADY_EXISTS);
    assert_string_equal(w->fault.field, "group.name");
    /* The new name is searched and ordered by. */
    group_v1_list_groups_request list = GROUP_V1_LIST_GROUPS_REQUEST_INIT;
    assert_string_equal(world_list(w, "alice", &list), "o@a o@c o@o o@b");
}

static void stale_etag_aborts_and_changes_nothing(struct world *w)
{
    group_v1_update_group_request req = GROUP_V1_UPDATE_GROUP_REQUEST_INIT;
    group_v1_group body = GROUP_V1_GROUP_INIT, *res;
    make_tree(w);
    body.id = (char *)(uintptr_t) "o@b";
    body.name = (char *)(uintptr_t) "Első";
    body.etag = (char *)(uintptr_t) "v1";
    req.group = &body;
    assert_int_equal(WORLD_CALL(w, update_group, "alice", req, res), STATUS_OK);
    body.name = (char *)(uintptr_t) "Második";
    assert_int_equal(WORLD_CALL(w, update_group, "alice", req, res), STATUS_ABORTED);
    assert_string_equal(w->fault.reason, ROW_REASON_CHANGED);
    assert_string_equal(world_value(w, "SELECT name FROM pek.realm_group WHERE id = 'o@b'"),
                        "Első");
}

static void update_needs_the_right_on_that_very_group(struct world *w)
{
    group_v1_update_group_request req = GROUP_V1_UPDATE_GROUP_REQUEST_INIT;
    group_v1_group body = GROUP_V1_GROUP_INIT, *res;
    make_tree(w);
    world_grant(w, &w->a, "edits b", "bob", "o@b", EDIT_GROUP_PROFILE);
    body.id = (char *)(uintptr_t) "o@b";
    body.description = (char *)(uintptr_t) "új";
    req.group = &body;
    assert_int_equal(WORLD_CALL(w, update_group, "bob", req, res), STATUS_OK);
    body.id = (char *)(uintptr_t) "o@a";
    assert_int_equal(WORLD_CALL(w, update_group, "bob", req, res), STATUS_PERMISSION_DENIED);
    body.id = (char *)(uintptr_t) "o@nope";
    assert_int_equal(WORLD_CALL(w, update_group, "bob", req, res), STATUS_PERMISSION_DENIED);
    body.id = (char *)(uintptr_t) "o@b";
    body.realm = (char *)(uintptr_t) "b";
    assert_int_equal(WORLD_CALL(w, update_group, "bob", req, res), STATUS_INVALID_ARGUMENT);
    req.group = NULL;
    assert_int_equal(WORLD_CALL(w, update_group, "bob", req, res), STATUS_INVALID_ARGUMENT);
}

static void configure_sets_only_the_flags_it_names(struct world *w)
{
    group_v1_configure_group_request req = GROUP_V1_CONFIGURE_GROUP_REQUEST_INIT;
    group_v1_group *res;
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    char resort[] = "is_resort", apply[] = "users_can_apply";
    char *paths[] = {resort, apply};
    make_tree(w);
    req.id = (char *)(uintptr_t) "o@b";
    req.is_resort = true;
    req.is_community = true;
    assert_int_equal(WORLD_CALL(w, configure_group, "alice", req, res), STATUS_INVALID_ARGUMENT);
    req.update_mask = &mask;
    mask.paths = paths;
    mask.n_paths = 2;
    assert_int_equal(WORLD_CALL(w, configure_group, "alice", req, res), STATUS_OK);
    assert_true(res->is_resort);
    assert_false(res->users_can_apply || res->is_community);
}

static void archive_takes_the_tree_along_only_when_told(struct world *w)
{
    group_v1_archive_group_request req = GROUP_V1_ARCHIVE_GROUP_REQUEST_INIT;
    group_v1_group *res;
    make_tree(w);
    req.id = (char *)(uintptr_t) "o@a";
    assert_int_equal(WORLD_CALL(w, archive_group, "alice", req, res), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, GROUP_REASON_ACTIVE_SUBGROUPS);
    req.cascade = true;
    assert_int_equal(WORLD_CALL(w, archive_group, "alice", req, res), STATUS_OK);
    assert_true(res->is_archived);
    assert_string_equal(world_value(w, "SELECT string_agg(id, ' ' ORDER BY id)"
                                       " FROM pek.realm_group WHERE is_archived"),
                        "o@a o@c");
    /* Twice is once. */
    assert_int_equal(WORLD_CALL(w, archive_group, "alice", req, res), STATUS_OK);
    assert_string_equal(res->etag, "v2");
    assert_string_equal(
        world_value(w, "SELECT count(*) FROM pek.audit_log WHERE action = 'group.archive'"), "2");
}

static void archived_group_takes_no_edit_until_it_is_back(struct world *w)
{
    group_v1_archive_group_request archive = GROUP_V1_ARCHIVE_GROUP_REQUEST_INIT;
    group_v1_unarchive_group_request back = GROUP_V1_UNARCHIVE_GROUP_REQUEST_INIT;
    group_v1_update_group_request update = GROUP_V1_UPDATE_GROUP_REQUEST_INIT;
    group_v1_group body = GROUP_V1_GROUP_INIT, *res;
    make_tree(w);
    archive.id = (char *)(uintptr_t) "o@a";
    archive.cascade = true;
    assert_int_equal(WORLD_CALL(w, archive_group, "alice", archive, res), STATUS_OK);
    body.id = (char *)(uintptr_t) "o@c";
    body.name = (char *)(uintptr_t) "Új";
    update.group = &body;
    assert_int_equal(WORLD_CALL(w, update_group, "alice", update, res), STATUS_FAILED_PRECONDITION);
    back.id = (char *)(uintptr_t) "o@c";
    assert_int_equal(WORLD_CALL(w, unarchive_group, "alice", back, res),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, GROUP_REASON_ARCHIVED);
    back.id = (char *)(uintptr_t) "o@a";
    assert_int_equal(WORLD_CALL(w, unarchive_group, "alice", back, res), STATUS_OK);
    back.id = (char *)(uintptr_t) "o@c";
    assert_int_equal(WORLD_CALL(w, unarchive_group, "alice", back, res), STATUS_OK);
    assert_int_equal(WORLD_CALL(w, update_group, "alice", update, res), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(organisation_is_made_by_god_only),
        WORLD_TEST(created_group_is_answered_whole),
        WORLD_TEST(subgroup_carries_the_organisation_three_levels_down),
        WORLD_TEST(name_that_differs_only_in_case_or_form_is_taken),
        WORLD_TEST(id_of_the_parent_or_above_is_taken),
        WORLD_TEST(parent_must_be_there_and_active_up_to_the_top),
        WORLD_TEST(tree_ends_at_ten_levels),
        WORLD_TEST(same_name_made_at_once_exists_once),
        WORLD_TEST(list_is_in_hungarian_order_and_continues_behind_a_position),
        WORLD_TEST(list_gives_only_what_the_caller_may_see),
        WORLD_TEST(search_wants_every_word_and_no_accents),
        WORLD_TEST(list_filters_by_purpose_and_archive),
        WORLD_TEST(list_refuses_what_it_does_not_take),
        WORLD_TEST(list_of_many_batches_neither_skips_nor_repeats),
        WORLD_TEST(tree_is_listed_up_and_down),
        WORLD_TEST(list_of_names_reads_and_gives_names),
        WORLD_TEST(subtree_is_read_in_pages),
        WORLD_TEST(update_changes_the_fields_of_the_mask),
        WORLD_TEST(stale_etag_aborts_and_changes_nothing),
        WORLD_TEST(update_needs_the_right_on_that_very_group),
        WORLD_TEST(configure_sets_only_the_flags_it_names),
        WORLD_TEST(archive_takes_the_tree_along_only_when_told),
        WORLD_TEST(archived_group_takes_no_edit_until_it_is_back),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
