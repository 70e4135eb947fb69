/* Comments on cells: who writes them, on what, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pek/evaluation/v1/comment.rpc.h"
#include "worker/evaluation/comment_store.h"
#include "worker/evaluation/scoreboard.h"
#include "worker/testing/evaluation_world.h"

static enum status comment(struct world *w, const char *as, const evaluation_v1_scoreboard *board,
                           const char *user, const char *said, bool closes,
                           evaluation_v1_comment **ret_comment)
{
    evaluation_v1_create_comment_request req = EVALUATION_V1_CREATE_COMMENT_REQUEST_INIT;
    evaluation_v1_comment *res;
    req.group_id = board->group_id;
    req.scoreboard_id = board->id;
    req.user_id = text(user);
    req.guideline_id = board->guidelines[0]->id;
    req.text = text(said);
    req.closes = closes;
    enum status status = WORLD_RPC(w, evaluation_v1, create_comment, as, req, res);
    if (status == STATUS_OK && ret_comment)
        *ret_comment = res;
    return status;
}

static enum status rewrite(struct world *w, const char *as, const evaluation_v1_scoreboard *board,
                           const evaluation_v1_comment *written, const char *said)
{
    evaluation_v1_update_comment_request req = EVALUATION_V1_UPDATE_COMMENT_REQUEST_INIT;
    evaluation_v1_comment *res;
    req.group_id = board->group_id;
    req.scoreboard_id = board->id;
    req.id = written->id;
    req.text = text(said);
    req.etag = written->etag;
    return WORLD_RPC(w, evaluation_v1, update_comment, as, req, res);
}

static enum status forget(struct world *w, const char *as, const evaluation_v1_scoreboard *board,
                          const evaluation_v1_comment *written)
{
    evaluation_v1_delete_comment_request req = EVALUATION_V1_DELETE_COMMENT_REQUEST_INIT;
    Google__Protobuf__Empty *res;
    req.group_id = board->group_id;
    req.scoreboard_id = board->id;
    req.id = written->id;
    return WORLD_RPC(w, evaluation_v1, delete_comment, as, req, res);
}

static const char *said_of(struct world *w, const char *as, const evaluation_v1_scoreboard *board,
                           const char *user, const char *guideline)
{
    evaluation_v1_list_comments_request req = EVALUATION_V1_LIST_COMMENTS_REQUEST_INIT;
    req.group_id = board->group_id;
    req.scoreboard_id = board->id;
    req.user_id = text(user);
    req.guideline_id = text(guideline);
    return world_items(w, as, "/pek.evaluation.v1.CommentService/ListComments", &req.base, "text");
}

static const char *said(struct world *w, const char *as, const evaluation_v1_scoreboard *board,
                        const char *user)
{
    return said_of(w, as, board, user, "");
}

static void whoever_sees_it_comments_and_changes_their_own(struct world *w)
{
    evaluation_v1_comment *first, *second;
    make_evaluation(w);
    const evaluation_v1_scoreboard *board = opened(w);
    assert_int_equal(comment(w, "sue", board, "dan", "miért?", false, &first), STATUS_OK);
    /* The cell that nobody wrote to is 0 now. */
    assert_string_equal(world_value(w, "SELECT string_agg(user_id || points, ' ') FROM pek.point"),
                        "dan0");
    assert_int_equal(comment(w, "ola", board, "dan", "mert", false, &second), STATUS_OK);
    for (const char *const *user = (const char *const[]){"", "dan", NULL}; *user; user++) {
        assert_string_equal(said_of(w, "sue", board, *user, board->guidelines[0]->id),
                            "miért? mert");
        assert_string_equal(said_of(w, "sue", board, *user, board->guidelines[1]->id), "");
        assert_string_equal(said_of(w, "sue", board, *user, "0x"), "");
    }
    assert_int_equal(comment(w, "zoe", board, "dan", "x", false, NULL), STATUS_PERMISSION_DENIED);
    assert_int_equal(comment(w, "sue", board, "dan", "", false, NULL), STATUS_INVALID_ARGUMENT);
    assert_int_equal(comment(w, "sue", board, "zoe", "x", false, NULL), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, SCOREBOARD_REASON_NO_MEMBER);
    assert_string_equal(w->fault.field, "user_id");
    assert_int_equal(comment(w, "sue", board, "", "x", false, NULL), STATUS_INVALID_ARGUMENT);
    assert_string_equal(w->fault.field, "user_id");
    assert_int_equal(rewrite(w, "ola", board, first, "x"), STATUS_PERMISSION_DENIED);
    assert_int_equal(forget(w, "ola", board, first), STATUS_PERMISSION_DENIED);
    assert_int_equal(rewrite(w, "sue", board, first, "miért is?"), STATUS_OK);
    assert_int_equal(rewrite(w, "sue", board, first, "x"), STATUS_ABORTED);
    assert_string_equal(said(w, "sue", board, ""), "miért is? mert");
    assert_string_equal(said(w, "sue", board, "eve"), "");
    assert_int_equal(forget(w, "ola", board, second), STATUS_OK);
    assert_int_equal(forget(w, "ola", board, second), STATUS_NOT_FOUND);
    assert_string_equal(said(w, "sue", board, "dan"), "miért is?");
    /* Of another scoreboard's there is none of that id. */
    evaluation_v1_scoreboard *other;
    assert_int_equal(open_in(w, "bea", "o@b", &other), STATUS_OK);
    world_grant(w, &w->a, "sees b", "sue", "o@b", VIEW_SCORES);
    assert_int_equal(forget(w, "sue", other, first), STATUS_NOT_FOUND);
    set_season(w, "2024-2025/1", OFF);
    assert_int_equal(comment(w, "sue", board, "dan", "x", false, NULL), STATUS_FAILED_PRECONDITION);
    assert_int_equal(forget(w, "sue", board, first), STATUS_FAILED_PRECONDITION);
    assert_string_equal(said(w, "sue", board, "dan"), "miért is?");
    set_season(w, "2024-2025/2", APPLICATION);
    assert_int_equal(forget(w, "sue", board, first), STATUS_FAILED_PRECONDITION);
}

static void discussion_is_closed_by_who_accepts(struct world *w)
{
    evaluation_v1_comment *first, *last;
    make_evaluation(w);
    set_season(w, "2024-2025/1", APPLICATION);
    evaluation_v1_scoreboard *board;
    assert_int_equal(open_in(w, "bea", "o@b", &board), STATUS_OK);
    assert_int_equal(write_to(w, "bea", board, 0, &board), STATUS_OK);
    assert_int_equal(call(w, "alice", "AddMember", "o@b", "dan", "", NULL, NULL), STATUS_OK);
    assert_int_equal(comment(w, "lea", board, "dan", "elég", true, NULL), STATUS_PERMISSION_DENIED);
    assert_string_equal(w->fault.field, "closes");
    assert_int_equal(comment(w, "lea", board, "dan", "hogyhogy", false, &first), STATUS_OK);
    assert_int_equal(comment(w, "ola", board, "dan", "elég", true, &last), STATUS_OK);
    /* Nor does anybody change what it was closed upon. */
    assert_int_equal(rewrite(w, "lea", board, first, "semmi"), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, "CLOSED");
    assert_int_equal(forget(w, "lea", board, first), STATUS_FAILED_PRECONDITION);
    assert_int_equal(rewrite(w, "ola", board, last, "elég!"), STATUS_OK);
    assert_int_equal(comment(w, "lea", board, "dan", "de", false, NULL),
                     STATUS_FAILED_PRECONDITION);
    assert_int_equal(comment(w, "ola", board, "dan", "nem", false, NULL), STATUS_OK);
    assert_int_equal(forget(w, "ola", board, last), STATUS_OK);
    assert_int_equal(comment(w, "lea", board, "dan", "de", false, NULL), STATUS_OK);
    assert_int_equal(rewrite(w, "lea", board, first, "hogy"), STATUS_OK);
    assert_string_equal(said(w, "lea", board, ""), "hogy nem de");
}

static void nobody_takes_the_word_from_others(struct world *w)
{
    make_evaluation(w);
    set_season(w, "2024-2025/1", APPLICATION);
    evaluation_v1_scoreboard *board;
    assert_int_equal(open_in(w, "bea", "o@b", &board), STATUS_OK);
    assert_int_equal(write_to(w, "bea", board, 0, &board), STATUS_OK);
    assert_int_equal(call(w, "alice", "AddMember", "o@b", "dan", "", NULL, NULL), STATUS_OK);
    assert_int_equal(comment(w, "lea", board, "dan", "1", false, NULL), STATUS_OK);
    world_sql(w,
              "SET pek.realm = 'a'; INSERT INTO pek.point_comment"
              " (scoreboard_id, user_id, guideline_id, written_by, text, closes)"
              " SELECT c.scoreboard_id, c.user_id, c.guideline_id, who, n, false"
              "  FROM pek.point_comment AS c, unnest('{lea,ola}'::text[]) AS who,"
              "   generate_series(2, %d) AS n",
              COMMENT_AUTHOR_MAX);
    assert_int_equal(comment(w, "lea", board, "dan", "még", false, NULL),
                     STATUS_FAILED_PRECONDITION);
    assert_int_equal(comment(w, "ola", board, "dan", "50", false, NULL), STATUS_OK);
    assert_int_equal(comment(w, "ola", board, "dan", "még", false, NULL),
                     STATUS_FAILED_PRECONDITION);
    /* Who may end it always can. */
    assert_int_equal(comment(w, "ola", board, "dan", "elég", true, NULL), STATUS_OK);
    assert_int_equal(comment(w, "ola", board, "dan", "elég", true, NULL),
                     STATUS_FAILED_PRECONDITION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(whoever_sees_it_comments_and_changes_their_own),
        WORLD_TEST(discussion_is_closed_by_who_accepts),
        WORLD_TEST(nobody_takes_the_word_from_others),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
