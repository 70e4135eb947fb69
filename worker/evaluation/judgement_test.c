/* What judges find to be judged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "worker/evaluation/scoreboard.h"
#include "worker/testing/evaluation_world.h"

/* The groups whose scoreboards `as` may judge. */
static const char *judged(struct world *w, const char *as, evaluation_v1_evaluation_status status)
{
    evaluation_v1_list_judgements_request req = EVALUATION_V1_LIST_JUDGEMENTS_REQUEST_INIT;
    req.status = status;
    return world_items(w, as, EVALUATION("ListJudgements"), &req.base, "group_id");
}

/* A letter for each right that `as` has: views, writes, leads, judges, accepts. */
static const char *rights(struct world *w, const char *as, const char *group)
{
    evaluation_v1_get_evaluation_rights_request req =
        EVALUATION_V1_GET_EVALUATION_RIGHTS_REQUEST_INIT;
    evaluation_v1_evaluation_rights *res;
    req.group_id = text(group);
    enum status status = WORLD_RPC(w, evaluation_v1, get_evaluation_rights, as, req, res);
    if (status != STATUS_OK)
        return status_name(status);
    return arena_printf(w->arena, "%s%s%s%s%s", res->views ? "v" : "", res->writes ? "w" : "",
                        res->leads ? "l" : "", res->judges ? "j" : "", res->accepts ? "a" : "");
}

static void rights_are_what_policies_on_the_group_and_above_it_say(struct world *w)
{
    make_evaluation(w);
    world_grant(w, &w->a, "judges", "jon", "o@a", EVALUATE);
    assert_string_equal(rights(w, "alice", "o@a"), "vwlja");
    assert_string_equal(rights(w, "ola", "o@a"), "ja");
    assert_string_equal(rights(w, "ola", "o@o"), "vwl");
    assert_string_equal(rights(w, "lea", "o@a"), "vwl");
    assert_string_equal(rights(w, "hal", "o@a"), "vw");
    assert_string_equal(rights(w, "sue", "o@a"), "v");
    assert_string_equal(rights(w, "lea", "o@b"), "j");
    assert_string_equal(rights(w, "ola", "o@b"), "ja");
    assert_string_equal(rights(w, "jon", "o@b"), "j");
    assert_string_equal(rights(w, "jon", "o@a"), "");
    assert_string_equal(rights(w, "zoe", "o@b"), "");
    assert_string_equal(rights(w, "zoe", "o@nope"), "");
    assert_string_equal(rights(w, "alice", "o@nope"), "NOT_FOUND");
    assert_string_equal(rights(w, "alice", "nope"), "INVALID_ARGUMENT");
    world_sql(w, "UPDATE pek.realm_group SET parent_id = NULL WHERE id = 'o@a'");
    assert_string_equal(rights(w, "ola", "o@b"), "");
    assert_string_equal(rights(w, "lea", "o@b"), "ja");
}

static void judges_list_the_scoreboards_of_their_groups(struct world *w)
{
    evaluation_v1_scoreboard *below, *of_all;
    make_evaluation(w);
    const evaluation_v1_scoreboard *board = opened(w);
    assert_int_equal(open_in(w, "bea", "o@b", &below), STATUS_OK);
    assert_int_equal(open_in(w, "ola", "o@o", &of_all), STATUS_OK);
    /* Árok Part, Bulis, Szervezet. */
    assert_string_equal(judged(w, "alice", 0), "o@a o@b o@o");
    assert_string_equal(judged(w, "ola", 0), "o@a o@b");
    assert_string_equal(judged(w, "lea", 0), "o@b");
    assert_string_equal(judged(w, "bea", 0), "");
    assert_string_equal(judged(w, "sue", 0), "");
    /* What waits: points or entries. */
    assert_string_equal(judged(w, "ola", SUBMITTED), "");
    assert_int_equal(run_on(w, "lea", "SubmitScoreboard", board, NULL), STATUS_OK);
    assert_string_equal(judged(w, "ola", SUBMITTED), "o@a");
    assert_string_equal(judged(w, "ola", OPEN), "o@b");
    set_season(w, "2024-2025/1", JUDGING);
    assert_int_equal(judge(w, "ola", board, ACCEPTED, 0), STATUS_OK);
    assert_string_equal(judged(w, "ola", SUBMITTED), "o@a");
    assert_string_equal(judged(w, "ola", ACCEPTED), "o@a");
    assert_int_equal(judge(w, "ola", board, 0, REJECTED), STATUS_OK);
    assert_string_equal(judged(w, "ola", SUBMITTED), "");
    assert_string_equal(judged(w, "ola", (evaluation_v1_evaluation_status)5), "INVALID_ARGUMENT");
    assert_string_equal(w->fault.field, "status");
}

static void each_group_is_there_once_and_of_this_semester(struct world *w)
{
    evaluation_v1_scoreboard *again;
    make_evaluation(w);
    const evaluation_v1_scoreboard *board = opened(w);
    set_status(w, board, ACCEPTED);
    assert_int_equal(run_on(w, "lea", "ReviseScoreboard", board, &again), STATUS_OK);
    assert_string_equal(judged(w, "alice", 0), "o@a");
    assert_string_equal(judged(w, "alice", ACCEPTED), "");
    evaluation_v1_list_judgements_request req = EVALUATION_V1_LIST_JUDGEMENTS_REQUEST_INIT;
    assert_string_equal(
        world_items(w, "alice", EVALUATION("ListJudgements"), &req.base, "scoreboard_id"),
        again->id);
    assert_string_equal(
        world_items(w, "alice", EVALUATION("ListJudgements"), &req.base, "group_name"),
        "Árok Part");
    world_sql(w, "UPDATE pek.realm_group SET is_archived = true WHERE id = 'o@a'");
    assert_string_equal(judged(w, "alice", 0), "");
    set_season(w, "2024-2025/2", APPLICATION);
    assert_string_equal(judged(w, "alice", 0), "");
    set_season(w, "2024-2025/1", OFF);
    assert_string_equal(judged(w, "alice", 0), "FAILED_PRECONDITION");
    assert_string_equal(w->fault.reason, SCOREBOARD_REASON_SEASON);
}

/* As the hub asks for them: one by one behind the last. */
static void pages_are_in_the_order_of_names(struct world *w)
{
    evaluation_v1_list_judgements_request req = EVALUATION_V1_LIST_JUDGEMENTS_REQUEST_INIT;
    Pek__Cursor after = PEK__CURSOR__INIT;
    const struct rpc_method *method =
        rpc_host_method(realm_host(w->a.realm), SLICE_LIT(EVALUATION("ListJudgements")));
    char found[64] = "";
    make_evaluation(w);
    opened(w);
    world_sql(w, "SET pek.realm = 'a'; UPDATE pek.realm_group SET sort_key = '\\x01'");
    static const char *const groups[] = {"o@b", "o@o"};
    for (size_t i = 0; i < 2; i++) {
        evaluation_v1_scoreboard *board;
        assert_int_equal(open_in(w, "alice", groups[i], &board), STATUS_OK);
    }
    req.page_size = 1;
    for (size_t i = 0; i < 3; i++) {
        ProtobufCMessage *items[2];
        size_t count;
        assert_int_equal(
            world_stream(w, w->a.channel, method, &req.base, WORLD_AS(w, "alice"), items, &count),
            STATUS_OK);
        assert_int_equal(count, 1);
        const evaluation_v1_judged_scoreboard *item = (const void *)items[0];
        snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s%s", i ? " " : "",
                 item->group_id);
        after.sort_key = item->sort_key;
        after.id = item->group_id;
        req.after = &after;
    }
    assert_string_equal(found, "o@a o@b o@o");
}

/* o@a was moved to the top level: o@b below it is its own to judge, and nothing of o@o's any more. */
static void organisation_that_was_moved_out_judges_its_groups(struct world *w)
{
    evaluation_v1_scoreboard *below, *of_all;
    make_evaluation(w);
    const evaluation_v1_scoreboard *board = opened(w);
    assert_int_equal(open_in(w, "bea", "o@b", &below), STATUS_OK);
    assert_int_equal(open_in(w, "ola", "o@o", &of_all), STATUS_OK);
    assert_int_equal(run_on(w, "bea", "SubmitScoreboard", below, NULL), STATUS_OK);
    assert_int_equal(run_on(w, "lea", "SubmitScoreboard", board, NULL), STATUS_OK);
    world_sql(w, "UPDATE pek.realm_group SET parent_id = NULL WHERE id = 'o@a'");
    set_season(w, "2024-2025/1", JUDGING);
    assert_string_equal(judged(w, "alice", 0), "o@a o@b o@o");
    assert_string_equal(judged(w, "ola", 0), "");
    assert_string_equal(judged(w, "lea", 0), "o@b");
    assert_int_equal(judge(w, "ola", below, ACCEPTED, ACCEPTED), STATUS_PERMISSION_DENIED);
    assert_int_equal(judge(w, "ola", board, ACCEPTED, ACCEPTED), STATUS_PERMISSION_DENIED);
    assert_int_equal(judge(w, "lea", below, ACCEPTED, ACCEPTED), STATUS_OK);
    assert_int_equal(judge(w, "lea", board, ACCEPTED, ACCEPTED), STATUS_PERMISSION_DENIED);
    assert_int_equal(judge(w, "alice", board, ACCEPTED, ACCEPTED), STATUS_OK);
}

/* Of each as many as there may be, whoever else has sent theirs. */
static void messages_of_one_author_have_a_bound(struct world *w)
{
    evaluation_v1_send_message_request say = EVALUATION_V1_SEND_MESSAGE_REQUEST_INIT;
    evaluation_v1_message *said;
    make_evaluation(w);
    const evaluation_v1_scoreboard *board = opened(w);
    world_sql(w,
              "SET pek.realm = 'a'; INSERT INTO pek.scoreboard_message (scoreboard_id, user_id,"
              " text) SELECT b.id, who, n FROM pek.scoreboard AS b, unnest('{lea,\"\"}'::text[]) AS"
              " who, generate_series(2, %d) AS n",
              SCOREBOARD_MESSAGES_AUTHOR_MAX);
    say.group_id = board->group_id;
    say.scoreboard_id = board->id;
    say.text = text("Javítottuk.");
    assert_int_equal(WORLD_RPC(w, evaluation_v1, send_message, "lea", say, said), STATUS_OK);
    assert_int_equal(WORLD_RPC(w, evaluation_v1, send_message, "lea", say, said),
                     STATUS_FAILED_PRECONDITION);
    assert_int_equal(WORLD_RPC(w, evaluation_v1, send_message, "alice", say, said), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(rights_are_what_policies_on_the_group_and_above_it_say),
        WORLD_TEST(judges_list_the_scoreboards_of_their_groups),
        WORLD_TEST(each_group_is_there_once_and_of_this_semester),
        WORLD_TEST(pages_are_in_the_order_of_names),
        WORLD_TEST(organisation_that_was_moved_out_judges_its_groups),
        WORLD_TEST(messages_of_one_author_have_a_bound),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
