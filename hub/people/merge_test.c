/* Two accounts of one person become one in the hub's own tables: hub.merge_user, as pekctl calls it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hub/schema/testing/hub_cluster.h"

static struct pg_cluster *cluster;

static const char *value(const char *sql)
{
    static char text[1024];
    pg_cluster_query(cluster, sql, text, sizeof(text));
    return text;
}

/* ann and bea are one person, cleo another. */
static int reset(void **state)
{
    (void)state;
    pg_cluster_execute(
        cluster,
        "TRUNCATE hub.instance; TRUNCATE hub.user_account CASCADE; TRUNCATE hub.username;"
        "INSERT INTO hub.instance (realm, name, target) VALUES ('a', 'A', 'h:1'), ('b', 'B', "
        "'h:2');"
        "INSERT INTO hub.user_account (id, authsch_id, username, name) VALUES"
        " ('ann', 's1', 'anna', 'Kis Anna'), ('bea', 's2', 'beata', 'Kis Beáta'),"
        " ('cleo', 's3', 'cleo', 'Cleo');"
        "UPDATE hub.user_account SET username = 'annus' WHERE id = 'ann';"
        "UPDATE hub.profile SET nickname = 'Anci', cell_phone = '+36201234567', room = '101', "
        "visible = 3"
        " WHERE user_id = 'ann';"
        "UPDATE hub.profile SET room = '202', visible = 5 WHERE user_id = 'bea';"
        "INSERT INTO hub.external_account VALUES ('ann', 1, 4, 'anna'), ('ann', 2, 6, 'same'),"
        " ('bea', 1, 6, 'same');"
        "INSERT INTO hub.user_realm (user_id, realm) VALUES ('ann', 'a'), ('ann', 'b'), ('bea', "
        "'b');"
        "DELETE FROM hub.person_news;"
        "INSERT INTO hub.avatar (user_id, content_type, width, height, data, version)"
        " VALUES ('ann', 'image/png', 1, 1, 'x', 7);"
        "INSERT INTO hub.notification_inbox VALUES ('ann', 1);"
        "INSERT INTO hub.notification (user_id, seq, realm, event_id, event_order, kind, actor,"
        "  subject, link, title, detail, event_time) VALUES ('ann', 1, 'a', gen_random_uuid(), 1, "
        "1,"
        "  'cleo', 'ann', '', '', '', now());"
        "INSERT INTO hub.session (id, user_id, expires_at) VALUES"
        " ('0123456789abcdef', 'ann', now() + interval '1 h'),"
        " ('0123456789abcdeg', 'bea', now() + interval '1 h')");
    return 0;
}

#define MERGE(from, into) "SELECT hub.merge_user('" from "', '" into "', false)"
#define OPEN_SESSIONS                                                                              \
    "SELECT string_agg(user_id, ' ' ORDER BY user_id) FROM hub.session WHERE revoked_at IS NULL"

static void everything_of_one_is_the_others(void **state)
{
    char merge[32];
    (void)state;
    snprintf(merge, sizeof(merge), "%s", value(MERGE("annus", "beata")));
    assert_string_equal(value("SELECT string_agg(username || '=' || user_id, ' ' ORDER BY username)"
                              " FROM hub.username"),
                        "anna=bea annus=bea beata=bea cleo=cleo");
    assert_string_equal(value("SELECT string_agg(hub.user_named(w), ' ') FROM"
                              " unnest('{ann,anna,annus,bea,beata}'::text[]) w"),
                        "bea bea bea bea bea");
    assert_string_equal(value("SELECT string_agg(protocol || account_name, ' ' ORDER BY position)"
                              " FROM hub.external_account WHERE user_id = 'bea'"),
                        "6same 4anna");
    /* Its own words first; of what it had none the other's. What either hid is hidden. */
    assert_string_equal(value("SELECT concat_ws(' ', nickname, cell_phone, room, visible)"
                              " FROM hub.profile WHERE user_id = 'bea'"),
                        "Anci +36201234567 202 1");
    assert_string_equal(value("SELECT former->>'room' FROM hub.user_merge"), "101");
    assert_string_equal(value("SELECT string_agg(realm, ' ' ORDER BY realm) FROM hub.user_realm"
                              " WHERE user_id = 'bea'"),
                        "a b");
    assert_string_equal(value("SELECT count(*) FROM hub.profile WHERE user_id = 'ann'"), "0");
    assert_string_equal(value(OPEN_SESSIONS), "bea");
    assert_string_equal(
        value("SELECT concat_ws(' ', user_id, actor, subject) FROM hub.notification"),
        "bea cleo bea");
    assert_string_equal(value("SELECT string_agg(user_id, ' ') FROM hub.avatar"), "bea");
    assert_string_equal(value("SELECT count(*) FROM hub.user_gram WHERE user_id = 'ann'"), "0");
    /* Nobody is told that somebody was deleted. */
    assert_string_equal(value("SELECT string_agg(DISTINCT user_id, ' ') FROM hub.person_news"),
                        "bea");
    assert_string_equal(value("SELECT string_agg(realm || from_user || into_user, ' ' ORDER BY"
                              " realm) FROM hub.user_merge_pending"),
                        "aannbea bannbea");
    /* Again is nothing new. */
    assert_string_equal(value(MERGE("ann", "bea")), merge);
    assert_string_equal(value("SELECT count(*) FROM hub.user_merge"), "1");
}

static void a_dry_run_changes_nothing_and_asks_the_realms(void **state)
{
    (void)state;
    pg_cluster_execute(cluster, "SELECT hub.merge_user('ann', 'bea', true)");
    assert_string_equal(value("SELECT moved FROM hub.user_merge"),
                        "2 usernames, 2 external accounts, 2 realms, 1 sessions end");
    assert_string_equal(value("SELECT former IS NULL FROM hub.user_merge"), "t");
    assert_string_equal(value("SELECT count(*) FROM hub.user_merge_pending WHERE dry_run"), "2");
    assert_string_equal(value(OPEN_SESSIONS), "ann bea");
    assert_string_equal(
        value("SELECT count(*) FROM hub.user_account WHERE merged_into IS NOT NULL"), "0");
    /* They are not asked for ever. */
    pg_cluster_execute(cluster, "UPDATE hub.user_merge SET begin_time = now() - interval '61 s'");
    assert_string_equal(value("SELECT count(*) FROM hub.user_merge_pending"), "0");
}

/* What the statement says when it is refused. */
static const char *refusal(const char *from, const char *into)
{
    char sql[512];
    snprintf(sql, sizeof(sql),
             "DROP TABLE IF EXISTS said; CREATE TABLE said (text text); DO $$ BEGIN"
             " PERFORM hub.merge_user('%s', '%s', false); INSERT INTO said VALUES ('merged');"
             " EXCEPTION WHEN check_violation THEN INSERT INTO said VALUES (SQLERRM); END $$",
             from, into);
    pg_cluster_execute(cluster, sql);
    return value("SELECT text FROM said");
}

static void what_cannot_be_merged_is_refused(void **state)
{
    (void)state;
    assert_string_equal(refusal("nobody", "bea"), "nobody is no user");
    assert_string_equal(refusal("ann", "nobody"), "nobody is no user");
    assert_string_equal(refusal("ann", "annus"), "ann and annus are one account");
    pg_cluster_execute(cluster, "SELECT hub.set_user_disabled('cleo', true)");
    assert_string_equal(refusal("cleo", "bea"),
                        "cleo is disabled: merging would undo that, or spread it");
    assert_string_equal(refusal("bea", "cleo"),
                        "cleo is disabled: merging would undo that, or spread it");
    pg_cluster_execute(cluster, "INSERT INTO hub.external_account SELECT 'cleo', n, 1, 'x' || n"
                                " FROM generate_series(1, 19) n;"
                                "SELECT hub.set_user_disabled('cleo', false)");
    assert_string_equal(refusal("ann", "cleo"), "together they have more than 20 external accounts:"
                                                " one of them removes some first");
    pg_cluster_execute(cluster, "SELECT hub.delete_user('cleo')");
    assert_string_equal(refusal("cleo", "bea"), "cleo is no user");
    pg_cluster_execute(cluster, MERGE("ann", "bea"));
    assert_string_equal(refusal("bea", "ann"), "bea and ann are one account");
    pg_cluster_execute(cluster, "INSERT INTO hub.user_account (id, username, name)"
                                " VALUES ('dora', 'dora', 'Dóra')");
    assert_string_equal(refusal("ann", "dora"), "ann was merged into bea before");
}

/* Both logins lead to the one, also when that one is merged or deleted later. */
static void logins_follow(void **state)
{
    static const char who[] = "SELECT string_agg(coalesce(i.id, '-'), ' ' ORDER BY u.authsch_id)"
                              " FROM hub.user_account AS u JOIN hub.user_account AS i"
                              "   ON i.id = coalesce(u.merged_into, u.id) WHERE u.authsch_id <> ''";
    (void)state;
    pg_cluster_execute(cluster, MERGE("ann", "bea"));
    assert_string_equal(value(who), "bea bea cleo");
    pg_cluster_execute(cluster, MERGE("bea", "cleo"));
    assert_string_equal(value(who), "cleo cleo cleo");
    assert_string_equal(value("SELECT hub.user_named('annus')"), "cleo");
    pg_cluster_execute(cluster, "SELECT hub.delete_user('cleo')");
    assert_string_equal(value(who), "");
    assert_string_equal(value("SELECT count(*) FROM hub.user_account WHERE deleted_at IS NOT NULL"
                              "  AND name = 'deleted user'"),
                        "3");
    assert_string_equal(value("SELECT count(*) FROM hub.user_merge WHERE former IS NOT NULL"), "0");
}

static void a_realm_is_told_until_it_has_answered_also_one_that_comes_later(void **state)
{
    (void)state;
    pg_cluster_execute(cluster, MERGE("ann", "bea"));
    pg_cluster_execute(cluster,
                       "INSERT INTO hub.user_merge_realm (merge_id, realm, problem)"
                       " SELECT id, 'a', 'away' FROM hub.user_merge;"
                       "INSERT INTO hub.user_merge_realm (merge_id, realm, done_time)"
                       " SELECT id, 'b', now() FROM hub.user_merge;"
                       "INSERT INTO hub.instance (realm, name, target) VALUES ('c', 'C', 'h:3')");
    assert_string_equal(value("SELECT string_agg(realm, ' ' ORDER BY realm) FROM"
                              " hub.user_merge_pending"),
                        "a c");
}

/* Where a user's id stands in the hub's tables, and what a merge does with it. */
static void every_column_with_a_user_is_moved_or_named(void **state)
{
    static const char columns[] =
        "audit_log.actor "          /* stays: who acted; the id leads to whom it became */
        "avatar.user_id "           /* moves where the other has none */
        "external_account.user_id " /* moves */
        "idempotency.user_id "      /* goes: the answers are of the former one */
        "instance.updated_by "      /* stays, as the log */
        "notification.actor notification.subject notification.user_id " /* move */
        "notification_inbox.user_id notification_shown.user_id "        /* move */
        "person_news.user_id " /* goes: the other one's is told */
        "profile.user_id "   /* moves where the other has nothing; all of it is kept in `former` */
        "session.user_id "   /* ends */
        "user_gram.user_id " /* goes: the other one's names are found */
        "user_import.user_id " /* stays: whoever asks is led to whom it became */
        "user_merge.from_user user_merge.into_user "
        "user_merge_pending.from_user user_merge_pending.into_user "
        "user_realm.user_id " /* moves */
        "username.user_id";   /* moves */
    (void)state;
    assert_string_equal(
        value("SELECT string_agg(table_name || '.' || column_name, ' '"
              "   ORDER BY (table_name || '.' || column_name) COLLATE \"C\")"
              " FROM information_schema.columns WHERE table_schema = 'hub'"
              "  AND column_name ~ '(^|_)(user|user_id|actor|by|owner|recipient|subject)$'"),
        columns);
}

static int setup(void **state)
{
    (void)state;
    cluster = hub_cluster_start();
    return cluster ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    cluster = pg_cluster_stop(cluster);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(everything_of_one_is_the_others, reset),
        cmocka_unit_test_setup(a_dry_run_changes_nothing_and_asks_the_realms, reset),
        cmocka_unit_test_setup(what_cannot_be_merged_is_refused, reset),
        cmocka_unit_test_setup(logins_follow, reset),
        cmocka_unit_test_setup(a_realm_is_told_until_it_has_answered_also_one_that_comes_later,
                               reset),
        cmocka_unit_test_setup(every_column_with_a_user_is_moved_or_named, reset),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
