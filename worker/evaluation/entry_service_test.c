/* Entry cards: who asks for which, who reviews them, and what is forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pek/evaluation/v1/entry.rpc.h"
#include "pek/semester/v1/semester.rpc.h"
#include "worker/evaluation/entry.h"
#include "worker/evaluation/scoreboard.h"
#include "worker/testing/evaluation_world.h"

#define KDO EVALUATION_V1_ENTRY_TYPE_KDO
#define KB EVALUATION_V1_ENTRY_TYPE_KB
#define AB EVALUATION_V1_ENTRY_TYPE_AB

static enum status set_entry(struct world *w, const char *as, const evaluation_v1_scoreboard *board,
                             const char *user, evaluation_v1_entry_type type, const char *why)
{
    evaluation_v1_batch_set_entries_request req = EVALUATION_V1_BATCH_SET_ENTRIES_REQUEST_INIT;
    evaluation_v1_entry_of_member entry = EVALUATION_V1_ENTRY_OF_MEMBER_INIT, *list[] = {&entry};
    evaluation_v1_scoreboard *res;
    entry.user_id = text(user);
    entry.type = type;
    entry.justification = text(why);
    req.group_id = board->group_id;
    req.id = board->id;
    req.entries = list;
    req.n_entries = 1;
    return WORLD_RPC(w, evaluation_v1, batch_set_entries, as, req, res);
}

/* The whole form, as everybody sends it. */
static enum status review(struct world *w, const char *as, const evaluation_v1_scoreboard *board,
                          const char *user, evaluation_v1_entry_type type, const char *why,
                          bool finalized, evaluation_v1_entry_type recommendation)
{
    evaluation_v1_review_entry_request req = EVALUATION_V1_REVIEW_ENTRY_REQUEST_INIT;
    evaluation_v1_entry entry = EVALUATION_V1_ENTRY_INIT, *res;
    entry.user_id = text(user);
    entry.type = type;
    entry.justification = text(why);
    entry.finalized = finalized;
    entry.recommendation = recommendation;
    req.group_id = board->group_id;
    req.scoreboard_id = board->id;
    req.entry = &entry;
    return WORLD_RPC(w, evaluation_v1, review_entry, as, req, res);
}

static const char *entries(struct world *w)
{
    return world_value(w, "SELECT string_agg(concat_ws(' ', user_id, type, justification,"
                          " recommendation, recommended_by, finalized), ', ' ORDER BY user_id)"
                          " FROM pek.entry_request");
}

static void entries_are_the_leaders_and_the_judges(struct world *w)
{
    evaluation_v1_list_entries_request req = EVALUATION_V1_LIST_ENTRIES_REQUEST_INIT;
    make_evaluation(w);
    const evaluation_v1_scoreboard *board = opened(w);
    static const struct {
        const char *as;
        int season;
        evaluation_v1_evaluation_status status;
        bool may;
    } rows[] = {
        {"lea", OFF, OPEN, false},
        {"lea", APPLICATION, OPEN, true},
        {"hal", APPLICATION, OPEN, false},
        {"sue", APPLICATION, OPEN, false},
        {"zoe", APPLICATION, OPEN, false},
        {"ola", APPLICATION, OPEN, false},
        {"lea", APPLICATION, SUBMITTED, false},
        {"lea", JUDGING, REJECTED, true},
        {"ola", JUDGING, SUBMITTED, true},
        {"ola", JUDGING, ACCEPTED, false},
        {"alice", JUDGING, SUBMITTED, true},
        {"bea", JUDGING, SUBMITTED, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        set_season(w, "2024-2025/1", rows[i].season);
        /* The status of points has nothing to say about entries. */
        world_sql(w, "UPDATE pek.scoreboard SET point_status = 3, entry_status = %d",
                  (int)rows[i].status);
        enum status did = set_entry(w, rows[i].as, board, "dan", KB, "sokat dolgozik");
        if ((did == STATUS_OK) != rows[i].may)
            fail_msg("%zu: %s: %s", i, rows[i].as, w->fault.text);
    }
    set_season(w, "2024-2025/1", APPLICATION);
    set_status(w, board, OPEN);
    assert_int_equal(set_entry(w, "lea", board, "zoe", KB, "x"), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, SCOREBOARD_REASON_NO_MEMBER);
    assert_string_equal(w->fault.field, "entries[0].user_id");
    assert_int_equal(set_entry(w, "lea", board, "", KB, "x"), STATUS_INVALID_ARGUMENT);
    assert_string_equal(w->fault.field, "entries[0].user_id");
    /* Who is both is told what the group is told: it was submitted, and could be taken back. */
    set_status(w, board, SUBMITTED);
    assert_int_equal(set_entry(w, "alice", board, "dan", KB, "x"), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, SCOREBOARD_REASON_STATUS);
    set_status(w, board, OPEN);
    assert_int_equal(set_entry(w, "lea", board, "eve", 0, "x"), STATUS_INVALID_ARGUMENT);
    assert_string_equal(w->fault.field, "entries[0].type");
    assert_int_equal(set_entry(w, "lea", board, "eve", 4, "x"), STATUS_INVALID_ARGUMENT);
    /* Everybody is listed, a KDO when nothing was said. */
    req.group_id = board->group_id;
    req.scoreboard_id = board->id;
    assert_string_equal(
        world_items(w, "sue", "/pek.evaluation.v1.EntryService/ListEntries", &req.base, "user_id"),
        "dan eve");
    assert_string_equal(world_items(w, "sue", "/pek.evaluation.v1.EntryService/ListEntries",
                                    &req.base, "justification"),
                        "sokat dolgozik ");
}

static void card_without_a_reason_is_not_submitted(struct world *w)
{
    make_evaluation(w);
    const evaluation_v1_scoreboard *board = opened(w);
    assert_int_equal(set_entry(w, "lea", board, "dan", AB, " \n\t"), STATUS_OK);
    assert_int_equal(run_on(w, "lea", "SubmitScoreboard", board, NULL), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, ENTRY_REASON_JUSTIFICATION);
    assert_non_null(strstr(w->fault.text, "dan"));
    assert_string_equal(world_value(w, "SELECT point_status FROM pek.scoreboard"), "1");
    assert_int_equal(set_entry(w, "lea", board, "dan", AB, "kell"), STATUS_OK);
    assert_int_equal(run_on(w, "lea", "SubmitScoreboard", board, NULL), STATUS_OK);
    /* Points alone, sent back: entries are not looked at again. */
    world_sql(w, "UPDATE pek.scoreboard SET point_status = 4; UPDATE pek.entry_request"
                 " SET justification = ''");
    assert_int_equal(run_on(w, "lea", "SubmitScoreboard", board, NULL), STATUS_OK);
}

/* Who has left keeps nobody from submitting: their card becomes a KDO again, and nothing else. */
static void card_of_who_left_is_taken_back(struct world *w)
{
    make_evaluation(w);
    const evaluation_v1_scoreboard *board = opened(w);
    assert_int_equal(set_entry(w, "lea", board, "dan", AB, ""), STATUS_OK);
    assert_int_equal(set_entry(w, "lea", board, "eve", KB, ""), STATUS_OK);
    assert_int_equal(step(w, "ann", "ArchiveMember", "eve"), STATUS_OK);
    world_sql(w, "UPDATE pek.person SET is_deleted = true WHERE id = 'dan'");
    assert_int_equal(run_on(w, "lea", "SubmitScoreboard", board, NULL), STATUS_FAILED_PRECONDITION);
    static const char *const users[] = {"dan", "eve"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(set_entry(w, "lea", board, users[i], KB, "x"), STATUS_FAILED_PRECONDITION);
        assert_string_equal(w->fault.reason, SCOREBOARD_REASON_NO_MEMBER);
        assert_int_equal(set_entry(w, "lea", board, users[i], KDO, ""), STATUS_OK);
    }
    assert_int_equal(set_entry(w, "lea", board, "zoe", KDO, ""), STATUS_FAILED_PRECONDITION);
    assert_int_equal(run_on(w, "lea", "SubmitScoreboard", board, NULL), STATUS_OK);
}

/* Everybody sends everything: the parent's judge sets a recommendation, who accepts sets the rest. */
static void each_field_of_a_review_is_somebodys(struct world *w)
{
    make_evaluation(w);
    set_season(w, "2024-2025/1", APPLICATION);
    evaluation_v1_scoreboard *board;
    assert_int_equal(open_in(w, "bea", "o@b", &board), STATUS_OK);
    assert_int_equal(call(w, "alice", "AddMember", "o@b", "dan", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "alice", "AddMember", "o@b", "eve", "", NULL, NULL), STATUS_OK);
    assert_int_equal(set_entry(w, "bea", board, "dan", AB, "ok"), STATUS_OK);
    assert_int_equal(set_entry(w, "bea", board, "eve", KDO, ""), STATUS_OK);
    /* lea leads the group above o@b, ola the organisation; bea is whose request it is. */
    assert_int_equal(review(w, "bea", board, "dan", KB, "x", true, KB), STATUS_PERMISSION_DENIED);
    assert_int_equal(review(w, "lea", board, "dan", KB, "x", true, KB), STATUS_OK);
    assert_string_equal(entries(w), "dan 3 ok 2 lea f, eve 1  0  f");
    world_grant(w, &w->a, "evaluates all", "eva", NULL, EVALUATE);
    assert_int_equal(review(w, "eva", board, "dan", KB, "miért ne", true, 0), STATUS_OK);
    assert_string_equal(entries(w), "dan 2 miért ne 2 lea t, eve 1  0  f");
    /* Who only judges leaves the rest, whatever it is. */
    assert_int_equal(review(w, "lea", board, "dan", 9, "y", false, AB), STATUS_OK);
    assert_string_equal(entries(w), "dan 2 miért ne 3 lea t, eve 1  0  f");
    assert_int_equal(review(w, "lea", board, "dan", 0, "", false, 9), STATUS_INVALID_ARGUMENT);
    assert_string_equal(w->fault.field, "entry.recommendation");
    /* A KDO is nobody's to review, and neither is who is not there. */
    assert_int_equal(review(w, "eva", board, "eve", KB, "x", true, 0), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, ENTRY_REASON_KDO);
    assert_int_equal(review(w, "eva", board, "zoe", KB, "x", true, 0), STATUS_NOT_FOUND);
    /* What is finalized is changed by who accepts. */
    assert_int_equal(set_entry(w, "bea", board, "dan", AB, "z"), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, ENTRY_REASON_FINALIZED);
    assert_string_equal(w->fault.field, "entries[0]");
    set_season(w, "2024-2025/1", OFF);
    assert_int_equal(review(w, "eva", board, "dan", KB, "x", true, 0), STATUS_FAILED_PRECONDITION);
}

/* As everything that was accepted; what is said of it besides may still be. */
static void card_that_was_accepted_is_changed_in_the_next_version(struct world *w)
{
    make_evaluation(w);
    evaluation_v1_scoreboard *board = opened(w), *next;
    assert_int_equal(set_entry(w, "lea", board, "dan", KB, "ok"), STATUS_OK);
    set_status(w, board, ACCEPTED);
    assert_int_equal(review(w, "ola", board, "dan", AB, "ok", false, KB),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, SCOREBOARD_REASON_STATUS);
    assert_string_equal(w->fault.field, "entry.type");
    assert_int_equal(review(w, "ola", board, "dan", KB, "no", false, KB),
                     STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.field, "entry.justification");
    assert_string_equal(entries(w), "dan 2 ok 0  f");
    assert_int_equal(review(w, "ola", board, "dan", KB, "ok", true, KB), STATUS_OK);
    assert_string_equal(entries(w), "dan 2 ok 2 ola t");
    assert_int_equal(run_on(w, "lea", "ReviseScoreboard", board, &next), STATUS_OK);
    assert_int_equal(review(w, "ola", next, "dan", AB, "no", false, KB), STATUS_OK);
}

/* A judge who has read another request has not recommended this one. */
static void recommendation_goes_with_what_it_was_for(struct world *w)
{
    make_evaluation(w);
    set_season(w, "2024-2025/1", APPLICATION);
    evaluation_v1_scoreboard *board;
    assert_int_equal(open_in(w, "bea", "o@b", &board), STATUS_OK);
    assert_int_equal(call(w, "alice", "AddMember", "o@b", "dan", "", NULL, NULL), STATUS_OK);
    assert_int_equal(set_entry(w, "bea", board, "dan", KB, "ok"), STATUS_OK);
    assert_int_equal(review(w, "lea", board, "dan", KB, "", false, KB), STATUS_OK);
    assert_int_equal(set_entry(w, "bea", board, "dan", KB, "ok"), STATUS_OK);
    assert_string_equal(entries(w), "dan 2 ok 2 lea f");
    assert_int_equal(set_entry(w, "bea", board, "dan", AB, "ok"), STATUS_OK);
    assert_string_equal(entries(w), "dan 3 ok 0  f");
    assert_int_equal(review(w, "lea", board, "dan", KB, "", false, KB), STATUS_OK);
    assert_int_equal(set_entry(w, "bea", board, "dan", AB, "mert"), STATUS_OK);
    assert_string_equal(entries(w), "dan 3 mert 0  f");
}

static const char *reviews(struct world *w, const char *as)
{
    evaluation_v1_list_entry_reviews_request req = EVALUATION_V1_LIST_ENTRY_REVIEWS_REQUEST_INIT;
    return arena_printf(w->arena, "%s|%s",
                        world_items(w, as, "/pek.evaluation.v1.EntryService/ListEntryReviews",
                                    &req.base, "group_id"),
                        world_items(w, as, "/pek.evaluation.v1.EntryService/ListEntryReviews",
                                    &req.base, "user_id"));
}

/* Two reviewers have read the same: the second is told, and nothing of theirs is taken. */
static void second_of_two_reviewers_is_told(struct world *w)
{
    evaluation_v1_review_entry_request req = EVALUATION_V1_REVIEW_ENTRY_REQUEST_INIT;
    evaluation_v1_get_entry_request get = EVALUATION_V1_GET_ENTRY_REQUEST_INIT;
    evaluation_v1_entry entry = EVALUATION_V1_ENTRY_INIT, *first, *res;
    make_evaluation(w);
    const evaluation_v1_scoreboard *board = opened(w);
    assert_int_equal(set_entry(w, "lea", board, "dan", AB, "ok"), STATUS_OK);
    get.group_id = board->group_id;
    get.scoreboard_id = board->id;
    get.user_id = text("dan");
    assert_int_equal(WORLD_RPC(w, evaluation_v1, get_entry, "sue", get, res), STATUS_OK);
    assert_string_equal(res->justification, "ok");
    get.user_id = text("zoe");
    assert_int_equal(WORLD_RPC(w, evaluation_v1, get_entry, "sue", get, res), STATUS_NOT_FOUND);
    assert_int_equal(WORLD_RPC(w, evaluation_v1, get_entry, "zoe", get, res),
                     STATUS_PERMISSION_DENIED);
    entry.user_id = text("dan");
    entry.type = KB;
    entry.justification = text("egyik");
    req.group_id = board->group_id;
    req.scoreboard_id = board->id;
    req.entry = &entry;
    assert_int_equal(WORLD_RPC(w, evaluation_v1, review_entry, "alice", req, first), STATUS_OK);
    entry.etag = first->etag;
    entry.justification = text("másik");
    assert_int_equal(WORLD_RPC(w, evaluation_v1, review_entry, "alice", req, res), STATUS_OK);
    assert_string_not_equal(res->etag, first->etag);
    entry.justification = text("harmadik");
    assert_int_equal(WORLD_RPC(w, evaluation_v1, review_entry, "alice", req, res), STATUS_ABORTED);
    assert_string_equal(w->fault.field, "etag");
    assert_string_equal(entries(w), "dan 2 másik 0  f");
    /* The group has written it meanwhile. */
    entry.etag = text("v3");
    assert_int_equal(set_entry(w, "lea", board, "dan", AB, "mi"), STATUS_OK);
    assert_int_equal(WORLD_RPC(w, evaluation_v1, review_entry, "alice", req, res), STATUS_ABORTED);
    assert_string_equal(entries(w), "dan 3 mi 0  f");
}

static void card_that_was_submitted_keeps_its_reason(struct world *w)
{
    make_evaluation(w);
    const evaluation_v1_scoreboard *board = opened(w);
    assert_int_equal(set_entry(w, "lea", board, "dan", AB, "ok"), STATUS_OK);
    assert_int_equal(run_on(w, "lea", "SubmitScoreboard", board, NULL), STATUS_OK);
    assert_int_equal(review(w, "alice", board, "dan", KB, " \n", true, 0), STATUS_INVALID_ARGUMENT);
    assert_string_equal(w->fault.field, "entry.justification");
    set_season(w, "2024-2025/1", JUDGING);
    assert_int_equal(set_entry(w, "ola", board, "dan", KB, ""), STATUS_FAILED_PRECONDITION);
    assert_string_equal(w->fault.reason, ENTRY_REASON_JUSTIFICATION);
    assert_int_equal(set_entry(w, "ola", board, "eve", AB, " "), STATUS_FAILED_PRECONDITION);
    assert_string_equal(entries(w), "dan 3 ok 0  f");
    assert_int_equal(set_entry(w, "ola", board, "dan", KDO, ""), STATUS_OK);
}

static void judges_list_the_cards_of_their_groups(struct world *w)
{
    evaluation_v1_scoreboard *below, *of_all;
    make_evaluation(w);
    const evaluation_v1_scoreboard *board = opened(w);
    assert_int_equal(open_in(w, "bea", "o@b", &below), STATUS_OK);
    assert_int_equal(open_in(w, "ola", "o@o", &of_all), STATUS_OK);
    assert_int_equal(call(w, "alice", "AddMember", "o@b", "dan", "", NULL, NULL), STATUS_OK);
    assert_int_equal(call(w, "alice", "AddMember", "o@o", "eve", "", NULL, NULL), STATUS_OK);
    assert_int_equal(set_entry(w, "lea", board, "dan", KB, "a"), STATUS_OK);
    assert_int_equal(set_entry(w, "lea", board, "eve", KDO, "b"), STATUS_OK);
    assert_int_equal(set_entry(w, "bea", below, "dan", AB, "c"), STATUS_OK);
    assert_int_equal(set_entry(w, "ola", of_all, "eve", AB, "d"), STATUS_OK);
    assert_string_equal(reviews(w, "alice"), "o@a o@b o@o|dan dan eve");
    /* Of the organisation, the groups below it; of o@a, what is below that; of o@b nothing. */
    assert_string_equal(reviews(w, "ola"), "o@a o@b|dan dan");
    assert_string_equal(reviews(w, "lea"), "o@b|dan");
    assert_string_equal(reviews(w, "bea"), "|");
    assert_string_equal(reviews(w, "dan"), "|");
    /* The organisation is the top of the tree as it is, and not of the id. */
    world_sql(w, "UPDATE pek.realm_group SET parent_id = NULL WHERE id = 'o@a'");
    assert_string_equal(reviews(w, "ola"), "|");
    assert_string_equal(reviews(w, "lea"), "o@b|dan");
    world_sql(w, "UPDATE pek.realm_group SET parent_id = 'o@o' WHERE id = 'o@a'");
    /* Another version is the one that counts. */
    set_status(w, board, ACCEPTED);
    assert_int_equal(run_on(w, "lea", "ReviseScoreboard", board, NULL), STATUS_OK);
    assert_string_equal(reviews(w, "alice"), "o@a o@b o@o|dan dan eve");
    assert_string_equal(world_value(w, "SELECT count(*) FROM pek.entry_request"), "6");
    /* Of an archived group nothing can be reviewed. */
    world_sql(w, "UPDATE pek.realm_group SET is_archived = true WHERE id = 'o@b'");
    assert_string_equal(reviews(w, "alice"), "o@a o@o|dan eve");
    set_season(w, "2024-2025/1", OFF);
    assert_string_equal(reviews(w, "alice"), "FAILED_PRECONDITION|FAILED_PRECONDITION");
    set_season(w, "2024-2025/2", JUDGING);
    assert_string_equal(reviews(w, "alice"), "|");
}

static enum status move(struct world *w, const char *semester, int season)
{
    semester_v1_update_semester_request req = SEMESTER_V1_UPDATE_SEMESTER_REQUEST_INIT;
    semester_v1_semester given = SEMESTER_V1_SEMESTER_INIT, *res;
    given.id = text(semester);
    given.season = (semester_v1_season)season;
    req.semester = &given;
    return WORLD_RPC(w, semester_v1, update_semester, "alice", req, res);
}

static void what_was_said_of_a_kdo_goes_with_the_season(struct world *w)
{
    make_evaluation(w);
    const evaluation_v1_scoreboard *board = opened(w);
    assert_int_equal(set_entry(w, "lea", board, "dan", KDO, "dan"), STATUS_OK);
    assert_int_equal(set_entry(w, "lea", board, "eve", KB, "eve"), STATUS_OK);
    assert_string_equal(entries(w), "dan 1 dan 0  f, eve 2 eve 0  f");
    /* Another semester, and groups still write. */
    assert_int_equal(move(w, "2024-2025/2", APPLICATION), STATUS_OK);
    assert_string_equal(entries(w), "dan 1 dan 0  f, eve 2 eve 0  f");
    assert_int_equal(move(w, "2024-2025/1", JUDGING), STATUS_OK);
    assert_string_equal(entries(w), "dan 1  0  f, eve 2 eve 0  f");
    /* Nor is it written any more. */
    assert_int_equal(set_entry(w, "lea", board, "dan", KDO, "dan"), STATUS_OK);
    assert_string_equal(entries(w), "dan 1  0  f, eve 2 eve 0  f");
    assert_int_equal(review(w, "alice", board, "eve", KDO, "", true, 0), STATUS_OK);
    assert_string_equal(entries(w), "dan 1  0  f, eve 1  0  t");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(entries_are_the_leaders_and_the_judges),
        WORLD_TEST(card_without_a_reason_is_not_submitted),
        WORLD_TEST(card_of_who_left_is_taken_back),
        WORLD_TEST(each_field_of_a_review_is_somebodys),
        WORLD_TEST(card_that_was_accepted_is_changed_in_the_next_version),
        WORLD_TEST(recommendation_goes_with_what_it_was_for),
        WORLD_TEST(second_of_two_reviewers_is_told),
        WORLD_TEST(card_that_was_submitted_keeps_its_reason),
        WORLD_TEST(judges_list_the_cards_of_their_groups),
        WORLD_TEST(what_was_said_of_a_kdo_goes_with_the_season),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
