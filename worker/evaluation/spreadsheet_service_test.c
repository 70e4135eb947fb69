/* Evaluations as files: what is taken, what is refused as a whole, and what lists give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pek/evaluation/v1/entry.rpc.h"
#include "pek/evaluation/v1/spreadsheet.rpc.h"
#include "shared/text/text.h"
#include "worker/evaluation/scoreboard.h"
#include "worker/evaluation/spreadsheet_store.h"
#include "worker/testing/evaluation_world.h"

static enum status import(struct world *w, const char *as, const evaluation_v1_scoreboard *board,
                          const char *guidelines, const char *points, const char *etag,
                          evaluation_v1_import_scoreboard_response **ret_res)
{
    evaluation_v1_import_scoreboard_request req = EVALUATION_V1_IMPORT_SCOREBOARD_REQUEST_INIT;
    req.group_id = board->group_id;
    req.id = board->id;
    req.guidelines_csv = text(guidelines);
    req.points_csv = text(points);
    req.etag = text(etag);
    return WORLD_RPC(w, evaluation_v1, import_scoreboard, as, req, *ret_res);
}

static const char *points(struct world *w)
{
    return world_value(
        w, "SELECT coalesce(string_agg(concat_ws(' ', p.user_id, u.name, p.points), ', '"
           "   ORDER BY p.user_id, u.position), '')"
           "  FROM pek.point AS p JOIN pek.guideline AS u ON u.id = p.guideline_id");
}

static void files_change_guidelines_and_write_points(struct world *w)
{
    evaluation_v1_import_scoreboard_response *res;
    make_evaluation(w);
    evaluation_v1_scoreboard *board = opened(w);
    assert_int_equal(
        import(w, "lea", board,
               "name,category,maxPerMember\r\nMunka,WORK,25\r\n=Új,RESPONSIBILITY,9\r\n",
               "tag,=Új,Munka\r\ndan,9,\r\neve,,25\r\nnobody,1,1\r\n", board->etag, &res),
        STATUS_OK);
    assert_int_equal(res->scoreboard->n_guidelines, 3);
    assert_string_equal(res->scoreboard->guidelines[0]->id, board->guidelines[0]->id);
    assert_int_equal(res->scoreboard->guidelines[0]->max_per_member, 25);
    assert_string_equal(res->scoreboard->report, "Beszámoló");
    assert_string_not_equal(res->scoreboard->etag, board->etag);
    assert_int_equal(res->points_count, 2);
    assert_int_equal(res->n_unmatched, 1);
    assert_int_equal(res->unmatched[0]->line, 4);
    assert_string_equal(res->unmatched[0]->member, "nobody");
    assert_int_equal(res->unmatched[0]->matches, 0);
    assert_string_equal(points(w), "dan =Új 9, eve Munka 25");
    assert_string_equal(world_value(w, "SELECT string_agg(action, ' ') FROM pek.audit_log"
                                       " WHERE action = 'scoreboard.import'"),
                        "scoreboard.import");
}

static void call_them(struct world *w, const char *name, const char *user)
{
    struct slice folded;
    assert_int_equal(text_fold(slice_str(name), w->arena, &folded), STATUS_OK);
    world_sql(w, "UPDATE pek.person SET display_name = '%s', folded = '%.*s' WHERE id = '%s'", name,
              SLICE_ARG(folded), user);
}

/* Names are compared, and nobody is looked up but who is in the file. */
static void members_are_found_without_looking_each_up(struct world *w)
{
    enum { MEMBERS = 2000 };
    int pages = 0;
    make_evaluation(w);
    evaluation_v1_scoreboard *board = opened(w);
    world_sql(w,
              "SET pek.realm = 'a';"
              "INSERT INTO pek.person (id, display_name, folded, sort_key)"
              " SELECT 'n' || n, 'N' || n, 'n' || n, '' FROM generate_series(1, %d) n;"
              "INSERT INTO pek.membership (group_id, user_id, sort_key)"
              " SELECT 'o@a', 'n' || n, '\\x01' FROM generate_series(1, %d) n;"
              "INSERT INTO pek.membership_period (group_id, user_id, seq, status, begin_time,"
              " changed_by) SELECT 'o@a', 'n' || n, 1, 3, now(), 'x' FROM generate_series(1, %d) n;"
              "ANALYZE",
              MEMBERS, MEMBERS, MEMBERS);
    const char *hit = strstr(
        world_value(w,
                    "SET ROLE pek_app; SET pek.realm = 'a'; SET plan_cache_mode ="
                    " force_generic_plan; PREPARE asked AS %s; EXPLAIN (ANALYZE, BUFFERS, TIMING"
                    " OFF, FORMAT JSON) EXECUTE asked ('o@a', %s, '{n1}', '{n2}')",
                    spreadsheet_store_candidates.sql, board->id),
        "\"Shared Hit Blocks\": ");
    assert_non_null(hit);
    assert_int_equal(sscanf(hit, "\"Shared Hit Blocks\": %d", &pages), 1);
    print_message("pages: %d\n", pages);
    assert_in_range(pages, 1, MEMBERS);
}

/* Composed or not, in any case and with any white space; an accent makes another name. */
static void members_are_found_by_names_as_people_write_them(struct world *w)
{
    evaluation_v1_import_scoreboard_response *res;
    make_evaluation(w);
    evaluation_v1_scoreboard *board = opened(w);
    call_them(w, "Tóth Éva", "eve");
    call_them(w, "Kis Dani", "dan");
    assert_int_equal(import(w, "lea", board, "",
                            "Név; munka \r\n to\u0301th  E\u0301VA; 5;\r\n Dan ;7;\r\n"
                            "Toth Éva;1;\r\n;;\r\n",
                            "", &res),
                     STATUS_OK);
    assert_string_equal(points(w), "dan Munka 7, eve Munka 5");
    assert_int_equal(res->n_unmatched, 1);
    assert_int_equal(res->unmatched[0]->line, 4);
    assert_string_equal(res->unmatched[0]->member, "Toth Éva");
}

static void members_are_found_by_their_names_where_these_are_theirs_alone(struct world *w)
{
    evaluation_v1_import_scoreboard_response *res;
    make_evaluation(w);
    evaluation_v1_scoreboard *board = opened(w);
    assert_int_equal(step(w, "ann", "AddMember", "fay"), STATUS_OK);
    call_them(w, "Kis \"Dani\", ifj.", "dan");
    call_them(w, "Tóth Éva", "eve");
    call_them(w, "Tóth Éva", "fay");
    assert_int_equal(import(w, "lea", board, "",
                            "Név,Munka\n\"Kis \"\"Dani\"\", ifj.\",7\nTóth Éva,8\nfay,3\n", "",
                            &res),
                     STATUS_OK);
    assert_int_equal(res->n_unmatched, 1);
    assert_int_equal(res->unmatched[0]->line, 3);
    assert_int_equal(res->unmatched[0]->matches, 2);
    assert_string_equal(points(w), "dan Munka 7, fay Munka 3");
    /* Who deleted their account is nobody's member. */
    world_sql(w, "UPDATE pek.person SET is_deleted = true WHERE id = 'fay'");
    assert_int_equal(import(w, "lea", board, "", "Név,Munka\nfay,9\n", "", &res), STATUS_OK);
    assert_int_equal(res->unmatched[0]->matches, 0);
    assert_int_equal(set_points(w, "lea", board, "fay", res->scoreboard->guidelines[0]->id, 9, ""),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(points(w), "dan Munka 7, fay Munka 3");
    /* But theirs is taken back, by their id or a name that no member has. */
    assert_int_equal(step(w, "ann", "ArchiveMember", "dan"), STATUS_OK);
    assert_int_equal(import(w, "lea", board, "",
                            "Név,Munka,Felelősség\n\"Kis \"\"Dani\"\", ifj.\",0,\nfay,0,1\n", "",
                            &res),
                     STATUS_OK);
    assert_int_equal(res->n_unmatched, 1);
    assert_string_equal(res->unmatched[0]->member, "fay");
    assert_string_equal(points(w), "dan Munka 0, fay Munka 3");
    assert_int_equal(import(w, "lea", board, "", "Név,Munka\nTóth Éva,4\nfay,0\n", "", &res),
                     STATUS_OK);
    assert_int_equal(res->n_unmatched, 0);
    assert_string_equal(points(w), "dan Munka 0, eve Munka 4, fay Munka 0");
}

/* What the tries before it found is not told. */
static void what_is_tried_again_tells_of_its_last_try(struct world *w)
{
    evaluation_v1_import_scoreboard_response *res;
    make_evaluation(w);
    evaluation_v1_scoreboard *board = opened(w);
    world_sql(w, "CREATE SEQUENCE pek.tries;"
                 "CREATE FUNCTION pek.met() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$"
                 " BEGIN IF nextval('pek.tries') < 3 THEN"
                 "  RAISE EXCEPTION USING ERRCODE = 'serialization_failure'; END IF;"
                 " RETURN NULL; END $$;"
                 "CREATE TRIGGER met AFTER INSERT ON pek.point"
                 " FOR EACH STATEMENT EXECUTE FUNCTION pek.met()");
    enum status status =
        import(w, "lea", board, "", "Név,Munka\ndan,7\nnobody,3\nno one,3\n", "", &res);
    assert_string_equal(world_value(w, "SELECT last_value FROM pek.tries"), "3");
    world_sql(w, "DROP TRIGGER met ON pek.point; DROP FUNCTION pek.met(); DROP SEQUENCE pek.tries");
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(res->n_unmatched, 2);
    assert_string_equal(res->unmatched[0]->member, "nobody");
    assert_string_equal(res->unmatched[1]->member, "no one");
    assert_int_equal(res->points_count, 1);
}

static void refused(struct world *w, const char *as, const evaluation_v1_scoreboard *board,
                    const char *guidelines, const char *file, const char *etag, enum status status,
                    const char *field)
{
    evaluation_v1_import_scoreboard_response *res;
    assert_int_equal(import(w, as, board, guidelines, file, etag, &res), status);
    assert_string_equal(w->fault.field, field);
    assert_string_equal(points(w), "");
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.guideline"), "2");
}

static void one_mistake_and_nothing_is_taken(struct world *w)
{
    static const char more[] = "name,category,maxPerMember\nÚj,WORK,5\n";
    make_evaluation(w);
    evaluation_v1_scoreboard *board = opened(w);
    refused(w, "lea", board, "", "", "", STATUS_INVALID_ARGUMENT, "points_csv");
    refused(w, "lea", board, more, "tag,Új\ndan,5\neve,6\n", "", STATUS_INVALID_ARGUMENT,
            "points_csv");
    refused(w, "lea", board, more, "tag,Nincs\n", "", STATUS_INVALID_ARGUMENT, "points_csv");
    refused(w, "lea", board, "name,category,maxPerMember\nÚj,WORK,500\n", "", "",
            STATUS_INVALID_ARGUMENT, "guidelines_csv");
    refused(w, "lea", board, more, "tag,Új\ndan,5\n", "v1", STATUS_ABORTED, "etag");
    refused(w, "hal", board, more, "", "", STATUS_PERMISSION_DENIED, "");
    refused(w, "sue", board, "", "tag,Munka\ndan,5\n", "", STATUS_PERMISSION_DENIED, "");
    set_status(w, board, SUBMITTED);
    refused(w, "lea", board, "", "tag,Munka\ndan,5\n", "", STATUS_FAILED_PRECONDITION, "id");
}

/* Who may write points writes them in a file as well: a helper, and a judge who corrects. */
static void points_of_a_file_take_the_right_that_points_take(struct world *w)
{
    evaluation_v1_import_scoreboard_response *res;
    make_evaluation(w);
    evaluation_v1_scoreboard *board = opened(w);
    assert_int_equal(import(w, "hal", board, "", "Név;Munka\r\ndan;5\r\n", "", &res), STATUS_OK);
    assert_string_equal(points(w), "dan Munka 5");
    assert_int_equal(import(w, "ola", board, "", "Név,Munka\ndan,6\n", "", &res),
                     STATUS_FAILED_PRECONDITION);
    set_season(w, "2024-2025/1", JUDGING);
    set_status(w, board, SUBMITTED);
    assert_int_equal(import(w, "hal", board, "", "Név,Munka\ndan,7\n", "", &res),
                     STATUS_FAILED_PRECONDITION);
    assert_int_equal(import(w, "ola", board, "", "Név,Munka\ndan,8\n", "", &res), STATUS_OK);
    assert_string_equal(points(w), "dan Munka 8");
}

/* ---- lists ---- */

static const char *accepted(struct world *w, const char *as)
{
    evaluation_v1_list_accepted_entries_request req =
        EVALUATION_V1_LIST_ACCEPTED_ENTRIES_REQUEST_INIT;
    return world_items(w, as, "/pek.evaluation.v1.SpreadsheetService/ListAcceptedEntries",
                       &req.base, "user_id");
}

static void accepted_cards_are_listed_by_group_type_and_name(struct world *w)
{
    make_evaluation(w);
    evaluation_v1_scoreboard *board = opened(w);
    world_god(w, &w->a, "god");
    assert_int_equal(step(w, "ann", "AddMember", "fay"), STATUS_OK);
    world_sql(w,
              "INSERT INTO pek.entry_request (realm, group_id, scoreboard_id, user_id, type, "
              "justification)"
              " VALUES ('a', 'o@a', %s, 'dan', 3, 'always'), ('a', 'o@a', %s, 'eve', 2, 'helps'),"
              "        ('a', 'o@a', %s, 'fay', 1, 'no card')",
              board->id, board->id, board->id);
    assert_string_equal(accepted(w, "god"), "");
    set_status(w, board, ACCEPTED);
    assert_string_equal(accepted(w, "god"), "eve dan");
    /* The next version is being written: what was accepted counts. */
    world_sql(
        w, "INSERT INTO pek.scoreboard (realm, group_id, semester, version, created_by, work_max,"
           "  responsibility_max, total_max, least)"
           " VALUES ('a', 'o@a', '2024-2025/1', 2, 'lea', 30, 20, 50, 5)");
    assert_string_equal(accepted(w, "god"), "eve dan");
    set_season(w, "2024-2025/2", JUDGING);
    assert_string_equal(accepted(w, "god"), "");
    set_season(w, "2024-2025/1", JUDGING);
    /* Who deleted their account has no name to be listed by. */
    world_sql(w, "UPDATE pek.person SET is_deleted = true WHERE id = 'dan'");
    assert_string_equal(accepted(w, "god"), "eve");
}

#define S1 "2023-2024/2"
#define S2 "2024-2025/1"
#define S3 "2024-2025/2"

/* "user score groups" of each line; behind them the status when the list failed. */
static const char *scored(struct world *w, const char *as, const char *semester)
{
    evaluation_v1_list_scored_users_request req = EVALUATION_V1_LIST_SCORED_USERS_REQUEST_INIT;
    const struct rpc_method *method = rpc_host_method(
        realm_host(w->a.realm), SLICE_LIT("/pek.evaluation.v1.SpreadsheetService/ListScoredUsers"));
    ProtobufCMessage *items[8];
    const char *line = "";
    size_t count = 0;
    req.semester = text(semester);
    enum status status =
        world_stream(w, w->a.channel, method, &req.base, WORLD_AS(w, as), items, &count);
    for (size_t i = 0; i < count; i++) {
        const evaluation_v1_scored_user *user = (const void *)items[i];
        line = arena_printf(w->arena, "%s%s %d (%s) ", line, user->user_id, (int)user->score,
                            user->groups);
    }
    return status == STATUS_OK ? line : arena_printf(w->arena, "%s%s", line, status_name(status));
}

static const char *active(struct world *w, const char *as, const char *semester)
{
    evaluation_v1_list_active_users_request req = EVALUATION_V1_LIST_ACTIVE_USERS_REQUEST_INIT;
    req.semester = text(semester);
    return world_items(w, as, "/pek.evaluation.v1.SpreadsheetService/ListActiveUsers", &req.base,
                       "user_id");
}

static void scores_are_listed_with_their_groups_when_they_are_counted(struct world *w)
{
    make_evaluation(w);
    for (const char *const *group = (const char *const[]){"o@o", "o@b", NULL}; *group; group++)
        assert_int_equal(call(w, "alice", "AddMember", *group, "dan", "", NULL, NULL), STATUS_OK);
    assert_int_equal(step(w, "ann", "AddMember", "fay"), STATUS_OK);
    world_sql(w, "UPDATE pek.person SET display_name = 'Á', sort_key = '\\x02' WHERE id = 'eve';"
                 "UPDATE pek.person SET display_name = 'B', sort_key = '\\x03' WHERE id = 'dan'");
    give(w, "o@a", S2, 1, ACCEPTED, "dan", 30);
    give(w, "o@b", S2, 1, ACCEPTED, "dan", 40);
    give(w, "o@o", S1, 1, ACCEPTED, "dan", 20); /* in the score, and no group of the semester */
    give(w, "o@a", S1, 1, ACCEPTED, "eve", 7);
    give(w, "o@a", S2, 1, ACCEPTED, "eve", 0);
    give(w, "o@a", S2, 1, ACCEPTED, "fay", 2); /* rounded to 0 */
    set_season(w, S2, JUDGING);
    assert_string_equal(scored(w, "alice", ""), "FAILED_PRECONDITION");
    assert_string_equal(w->fault.reason, SCOREBOARD_REASON_SEASON);
    assert_string_equal(active(w, "alice", ""), "FAILED_PRECONDITION");
    assert_int_equal(move_season(w, S2, OFF), STATUS_OK);
    assert_string_equal(
        scored(w, "alice", ""),
        arena_printf(w->arena, "eve 7 () dan 53 (%s) ",
                     world_value(w, "SELECT string_agg(name, ', ' ORDER BY sort_key)"
                                    " FROM pek.realm_group WHERE id IN ('o@a', 'o@b')")));
    assert_string_equal(active(w, "alice", ""), "eve dan");
    assert_string_equal(scored(w, "lea", ""), "PERMISSION_DENIED");
    assert_string_equal(active(w, "ola", ""), "PERMISSION_DENIED");
    /* In the semester behind it eve has no score, and was active. */
    assert_int_equal(move_season(w, S3, OFF), STATUS_OK);
    assert_string_equal(active(w, "alice", S3), "eve dan");
    assert_true(strstr(scored(w, "alice", S3), "eve") == NULL);
    assert_true(strstr(scored(w, "alice", S2), "eve 7 ()") != NULL);
    /* What was never closed has no scores; and what is no semester is named. */
    assert_string_equal(scored(w, "alice", S1), "");
    assert_string_equal(active(w, "alice", "2030-2031/1"), "");
    assert_string_equal(active(w, "alice", "2024-2026/1"), "INVALID_ARGUMENT");
    assert_string_equal(w->fault.field, "semester");
    /* Who deleted their account has no name to be listed by. */
    world_sql(w, "UPDATE pek.person SET is_deleted = true WHERE id = 'dan'");
    assert_string_equal(scored(w, "alice", S2), "eve 7 () ");
    assert_string_equal(active(w, "alice", S3), "eve");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(files_change_guidelines_and_write_points),
        WORLD_TEST(members_are_found_without_looking_each_up),
        WORLD_TEST(members_are_found_by_names_as_people_write_them),
        WORLD_TEST(what_is_tried_again_tells_of_its_last_try),
        WORLD_TEST(members_are_found_by_their_names_where_these_are_theirs_alone),
        WORLD_TEST(one_mistake_and_nothing_is_taken),
        WORLD_TEST(points_of_a_file_take_the_right_that_points_take),
        WORLD_TEST(accepted_cards_are_listed_by_group_type_and_name),
        WORLD_TEST(scores_are_listed_with_their_groups_when_they_are_counted),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
