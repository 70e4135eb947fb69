/* A small dump that has every trap, into a hub and a realm on a real PostgreSQL: said first, done then, and once more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub/pekctl/pekctl.h"
#include "hub/schema/testing/hub_cluster.h"
#include "worker/realm/bootstrap.h"
#include "worker/realm/invariants.h"
#include "worker/realm/migrations.h"

#define REALM "worker-acme"
#define FOLDER "hub/pekctl/testdata/pek-next"
#define OUT_BYTES_MAX 32768

static struct pg_cluster *cluster;
static char realm_database[256];

struct said {
    enum pekctl_exit exit_code;
    char out[OUT_BYTES_MAX], err[OUT_BYTES_MAX];
};

static void import(struct said *said, const char *folder, const char *option)
{
    char database[300], realm[300];
    const char *words[] = {"pekctl", "import", folder, "--realm", REALM,
                           database, realm,    option, NULL};
    char *argv[9], *environment[] = {NULL};
    int argc = 0;
    snprintf(database, sizeof(database), "--database=%s", pg_cluster_conninfo(cluster));
    snprintf(realm, sizeof(realm), "--realm-database=%s", realm_database);
    for (; words[argc]; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc];
    argv[argc] = NULL;
    memset(said, 0, sizeof(*said));
    FILE *out = fmemopen(said->out, sizeof(said->out), "w");
    FILE *err = fmemopen(said->err, sizeof(said->err), "w");
    said->exit_code = pekctl_run(argc, argv, environment, out, err);
    fclose(out);
    fclose(err);
}

static const char *value(const char *database, const char *sql)
{
    static char text[OUT_BYTES_MAX];
    pg_cluster_query_in(cluster, database, sql, text, sizeof(text));
    return text;
}

/* Every row of every table of the schema, as one text. */
static const char *digest(const char *database, const char *schema)
{
    static char texts[2][64];
    static int turn;
    char sql[600];
    snprintf(
        sql, sizeof(sql),
        "SELECT md5(string_agg(query_to_xml(format('SELECT md5(string_agg(r::text, ''|'' ORDER BY"
        " r::text)) FROM %%s r', c.oid::regclass), false, true, '')::text, '|' ORDER BY c.relname))"
        " FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = '%s'::regnamespace",
        schema);
    turn = !turn;
    snprintf(texts[turn], sizeof(texts[0]), "%s", value(database, sql));
    return texts[turn];
}

static void tell_broken(void *arg, const char *name, int64_t broken, const char *example)
{
    (void)arg;
    if (broken > 0)
        fprintf(stderr, "broken: %s: %s\n", name, example);
}

static void assert_all_holds(void)
{
    struct fault fault = {0};
    size_t broken = 1;
    assert_int_equal(invariants_verify(realm_database, REALM, tell_broken, NULL, &broken, &fault),
                     STATUS_OK);
    assert_int_equal(broken, 0);
}

static const char *const names[] = {"users.csv",
                                    "groups.csv",
                                    "memberships.csv",
                                    "post_types.csv",
                                    "posts.csv",
                                    "evaluations.csv",
                                    "principles.csv",
                                    "point_requests.csv",
                                    "point_details.csv",
                                    "entry_requests.csv",
                                    "point_detail_comments.csv",
                                    "evaluation_messages.csv"};
#define NAMES (sizeof(names) / sizeof(names[0]))

static void copy_file(const char *from, const char *to)
{
    char block[4096];
    size_t len;
    FILE *in = fopen(from, "r"), *out = fopen(to, "w");
    assert_true(in && out);
    while ((len = fread(block, 1, sizeof(block), in)) > 0)
        assert_int_equal(fwrite(block, 1, len, out), len);
    fclose(in);
    fclose(out);
}

/* A dump of its own, of the test's files with one of them otherwise; NULL: without it. */
static void copy_but(char *folder, const char *name, const char *contents)
{
    char from[256], to[256];
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < NAMES; i++) {
        snprintf(from, sizeof(from), FOLDER "/%s", names[i]);
        snprintf(to, sizeof(to), "%s/%s", folder, names[i]);
        if (strcmp(names[i], name) != 0)
            copy_file(from, to);
    }
    snprintf(to, sizeof(to), "%s/%s", folder, name);
    FILE *file = contents ? fopen(to, "w") : NULL;
    if (!file)
        return;
    fputs(contents, file);
    fclose(file);
}

static void remove_folder(const char *folder)
{
    char path[256];
    for (size_t i = 0; i < NAMES; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

/* The line of the table, whatever its columns' widths. */
static void assert_says(const char *out, const char *line)
{
    static char squeezed[OUT_BYTES_MAX];
    size_t len = 0;
    for (const char *c = out; *c; c++)
        if (*c != ' ' || (len > 0 && squeezed[len - 1] != ' '))
            squeezed[len++] = *c;
    squeezed[len] = '\0';
    if (!strstr(squeezed, line))
        fail_msg("'%s' is not in\n%s", line, squeezed);
}

#define ALICE "aaaaaaaa-0000-4000-8000-000000000003"

static int reset(void **state)
{
    struct fault fault = {0};
    size_t applied;
    (void)state;
    pg_cluster_execute(cluster, "DROP DATABASE IF EXISTS realm");
    pg_cluster_execute(cluster, "CREATE DATABASE realm");
    pg_cluster_execute(cluster, "SET client_min_messages = warning; TRUNCATE hub.user_account, "
                                "hub.username, hub.audit_log CASCADE;"
                                " INSERT INTO hub.user_account (id, username, name, authsch_id)"
                                " VALUES ('alice', 'alice', 'Wonder Alice', '" ALICE "')");
    assert_int_equal(realm_migrate(realm_database, &applied, &fault), STATUS_OK);
    assert_int_equal(realm_bootstrap(realm_database, REALM, "alice", &fault), STATUS_OK);
    return 0;
}

static struct said said, again;

static void it_says_what_it_would_do_and_does_just_that(void **state)
{
    (void)state;
    char *hub = strdup(digest("postgres", "hub")), *realm = strdup(digest("realm", "pek"));
    import(&said, FOLDER, NULL);
    assert_string_equal(said.err, "");
    assert_int_equal(said.exit_code, PEKCTL_DONE);
    assert_non_null(strstr(said.out, "nothing was done"));
    /* Sequences do not go back, and nothing else is otherwise. */
    assert_string_equal(digest("postgres", "hub"), hub);
    assert_string_equal(digest("realm", "pek"), realm);
    import(&again, FOLDER, "--apply");
    assert_int_equal(again.exit_code, PEKCTL_DONE);
    assert_memory_equal(said.out, again.out, (size_t)(strstr(said.out, "\nnothing") - said.out));
    assert_string_not_equal(digest("postgres", "hub"), hub);
    assert_string_not_equal(digest("realm", "pek"), realm);
    free(hub);
    free(realm);
    assert_all_holds();
}

static void each_row_is_accounted_for_with_a_reason(void **state)
{
    static const char *const lines[] = {
        /* read, made, there, not taken */
        "users 15 8 1 6\n",
        "groups 25 18 0 7\n",
        "memberships 18 10 0 8\n",
        "post_types 14 2 9 3\n",
        "posts 20 8 1 11\n",
        "users 1 not taken: another row has its auth_sch_id 4\n",
        "users 1 not taken: another row has its id 1\n",
        "users 1 not taken: auth_sch_id is no UUID 8\n",
        "users 1 not taken: its id is no number row 6\n",
        "users 2 not taken: its name cannot be stored 5, 6\n",
        "users 4 taken, but its screen_name cannot be its username: it has another one 2, 7, 9\n",
        "groups 1 not taken: it is more than 10 levels deep 30\n",
        "groups 2 not taken: it is under itself 5, 6\n",
        "groups 1 not taken: its parent is not in the file 4\n",
        "groups 2 not taken: its parent was not taken 9, 31\n",
        "groups 1 not taken: its state is neither akt nor old 12\n",
        "groups 1 taken, but a group above it is archived: it is as well 8\n",
        "groups 1 taken, but another group has its name: its number is behind it 3\n",
        "memberships 1 not taken: another row has its group and user 10\n",
        "memberships 1 not taken: it ends before it begins 12\n",
        "memberships 1 not taken: it is archived before it ends 15\n",
        "memberships 1 not taken: its group was not taken 8\n",
        "memberships 1 not taken: its user was not taken 9\n",
        "memberships 1 not taken: one of its days is none of the years 1900 to 2199 2\n",
        "memberships 1 not taken: one of its days is to come 11\n",
        "posts 2 not taken: its member is neither a newcomer nor active 6, 18\n",
        "posts 1 not taken: its type is another group's 9\n",
        "posts 1 not taken: somebody else has this post 10\n",
        "posts 1 not taken: somebody else leads the group 1\n",
        "posts 1 not taken: who leads the group has not led it before 17\n",
        "evaluations 8 4 0 4\n",
        "evaluations 1 not taken: another version replaced it, and it was not accepted 8\n",
        "principles 7 4 0 3\n",
        "point_requests 9 5 0 4\n",
        "point_details 13 6 0 7\n",
        "point_detail_comments 5 2 0 3\n",
        "entry_requests 5 2 0 3\n",
        "evaluation_messages 8 3 0 5\n",
        "evaluation_messages 1 not taken: its evaluation was not made now 6\n",
        "evaluation_messages 1 not taken: its user was not taken 5\n",
        "evaluations 1 not taken: its semester is none, as 201620171 4\n",
        "evaluations 1 not taken: one of its statuses is unknown 5\n",
        "principles 1 not taken: its maximum is no number from 1 5\n",
        "principles 1 taken, but its maximum is 100, which is the most 3\n",
        "point_requests 1 not taken: its points are none that a member can have 6\n",
        "point_requests 1 not taken: its user has no membership in the group 3\n",
        "point_requests 1 taken, but its points are not what its principles add up to",
        "point_details 1 not taken: another row has its principle and user 9\n",
        "point_details 1 not taken: its points are more than its principle gives 5\n",
        "point_details 2 not taken: its points are no number from 0 6, 13\n",
        "point_details 1 not taken: its principle is another evaluation's 8\n",
        "entry_requests 1 not taken: its entry_type is none of KDO, KB and AB 3\n",
    };
    (void)state;
    import(&said, FOLDER, "--apply");
    assert_int_equal(said.exit_code, PEKCTL_DONE);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        assert_says(said.out, lines[i]);
}

static void what_is_there_is_what_was_in_the_files(void **state)
{
    (void)state;
    import(&said, FOLDER, "--apply");
    assert_int_equal(said.exit_code, PEKCTL_DONE);
    assert_string_equal(
        value("postgres",
              "SELECT string_agg(concat_ws(' ', u.username, p.last_name, p.first_name, p.nickname,"
              " p.cell_phone, p.room, p.dormitory, p.gender, p.student_status, p.visible), E'\\n'"
              " ORDER BY u.username) FROM hub.user_account u JOIN hub.profile p ON p.user_id = u.id"
              " WHERE u.id <> 'alice'"),
        "fontos-reka-7 Fontos Réka    0 0 0 0\n"
        "kovacs-bella-9 Kovács Bella    7 3 2 0\n"
        "kovacsb Nagy Kovács Béla Beci +36201234567 1101 3 1 1 0\n"
        "masik-alice-13 Másik Alice    0 0 0 0\n"
        "nagy-anna-2 Nagy Anna    0 0 0 0\n"
        "odon Ödön Öreg    0 0 0 0\n"
        "tobbsor Több Sor    0 0 0 0\n"
        "ubul Ubul Újonc    0 0 0 0");
    assert_string_equal(
        value("realm",
              "SELECT string_agg(concat_ws(' ', i.source_id, m.group_id, (SELECT string_agg("
              " substr('ANCFX', p.status, 1) || ':' || to_char(p.begin_time AT TIME ZONE"
              " 'Europe/Budapest', 'YYYY-MM-DD'), ' ' ORDER BY p.seq) FROM pek.membership_period p"
              " WHERE p.group_id = m.group_id AND p.user_id = m.user_id)), E'\\n' ORDER BY "
              "i.source_id)"
              " FROM (VALUES (1, 'Nagy Kovács Béla'), (3, 'Wonder Alice'), (7, 'Fontos Réka'), (9,"
              " 'Kovács Bella'), (10, 'Több Sor'), (11, 'Ubul Újonc')) AS i (source_id, name)"
              " JOIN pek.membership m ON m.display_name = i.name"
              " WHERE m.group_id = 'kollegiumi-bizottsag@kor-a'"),
        "1 kollegiumi-bizottsag@kor-a C:2015-09-01\n"
        "3 kollegiumi-bizottsag@kor-a C:2016-02-29\n"
        "7 kollegiumi-bizottsag@kor-a C:2014-09-01 F:2016-01-01\n"
        "9 kollegiumi-bizottsag@kor-a C:2013-09-01 F:2015-12-31 X:2015-12-31\n"
        "10 kollegiumi-bizottsag@kor-a A:2024-10-01\n"
        "11 kollegiumi-bizottsag@kor-a N:2024-10-02");
    /* The later of two leaders leads; posts with their policies. */
    assert_string_equal(value("realm",
                              "SELECT string_agg(concat_ws(' ', g.group_id, a.user_id), ',') FROM"
                              " pek.group_policy g JOIN pek.policy_assignment a USING (policy_id)"
                              " WHERE g.kind = 2"),
                        "kollegiumi-bizottsag@kor-a alice");
    assert_string_equal(
        value("realm",
              "SELECT string_agg(concat_ws(' ', n.display_name, t.kind, t.name,"
              " EXISTS (SELECT FROM pek.policy_assignment a WHERE a.policy_id = t.policy_id"
              "   AND a.user_id = o.user_id)), ',' ORDER BY t.kind, n.display_name)"
              " FROM pek.post o JOIN pek.post_type t ON t.id = o.type_id"
              " JOIN pek.person n ON n.id = o.user_id"),
        "Ödön Öreg 1  t,Ubul Újonc 2  t,Nagy Kovács Béla 3  f,Fontos Réka 4  f,Nagy Kovács Béla 5 "
        "Csapos f");
    assert_string_equal(value("realm",
                              "SELECT string_agg(id, ' ' ORDER BY id) FROM pek.realm_group WHERE"
                              " is_archived"),
                        "kollegiumi-bizottsag@regi kollegiumi-bizottsag@regi-alatt");
    /* Who manages the group above may see those below and replace who leads them. */
    assert_string_equal(value("realm",
                              "SELECT count(*) FROM pek.policy_statement s JOIN pek.policy p ON"
                              " p.id = s.policy_id WHERE s.resource = 'GROUP_ESCALATION' AND"
                              " p.name = 'GOD in kollegiumi-bizottsag@kollegiumi-bizottsag'"),
                        "14");
}

/* Versions, guidelines and cells; what only had a total adds up to it. */
static void evaluations_are_scoreboards(void **state)
{
    (void)state;
    import(&said, FOLDER, "--apply");
    assert_int_equal(said.exit_code, PEKCTL_DONE);
    assert_string_equal(
        value("realm",
              "SELECT string_agg(concat_ws(' ', b.semester, b.version, b.point_status,"
              " b.entry_status, to_char(b.create_time AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'),"
              " length(b.report), b.submit_time IS NOT NULL, b.total_max), E'\\n'"
              " ORDER BY b.semester, b.version) FROM pek.scoreboard b"),
        "2012-2013/1 1 3 1 2012-12-24 18:00 0 t 50\n"
        "2016-2017/1 1 3 3 2016-12-01 10:00 21 t 50\n"
        "2016-2017/2 1 3 1 2017-05-01 10:00 0 t 50\n"
        "2016-2017/2 2 4 1 2017-05-02 10:00 0 t 50");
    assert_string_equal(
        value("realm",
              "SELECT string_agg(concat_ws(' ', b.semester, p.display_name, g.position, g.name,"
              " g.category, g.max_per_member, c.points), E'\\n' ORDER BY b.semester,"
              " p.display_name, g.position) FROM pek.point c JOIN pek.guideline g ON g.id ="
              " c.guideline_id JOIN pek.scoreboard b ON b.id = c.scoreboard_id"
              " JOIN pek.person p ON p.id = c.user_id"),
        "2012-2013/1 Nagy Kovács Béla 1 Munka 1 100 30\n"
        "2012-2013/1 Nagy Kovács Béla 2 Felelősség 2 100 15\n"
        "2016-2017/1 Nagy Kovács Béla 1 Pultozás 1 20 20\n"
        "2016-2017/1 Nagy Kovács Béla 2 Szervezés 1 20 15\n"
        "2016-2017/1 Nagy Kovács Béla 3 Vezetés 2 100 10\n"
        "2016-2017/1 Wonder Alice 1 Pultozás 1 20 3\n"
        "2016-2017/1 Wonder Alice 3 Vezetés 2 100 0\n"
        "2016-2017/2 Nagy Kovács Béla 1 Pultozás 1 20 20");
    assert_string_equal(
        value("realm", "SELECT string_agg(concat_ws('|', w.display_name, c.text, c.closes,"
                       " to_char(c.create_time AT TIME ZONE 'UTC', 'HH24:MI')), ' ' ORDER BY c.id)"
                       " FROM pek.point_comment c JOIN pek.person w ON w.id = c.written_by"),
        "Wonder Alice|why\n20?|f|10:00 Nagy Kovács Béla|because|t|11:00");
    assert_string_equal(
        value("realm", "SELECT string_agg(concat_ws('|', b.version, m.user_id = '', m.text), ' '"
                       " ORDER BY m.id) FROM pek.scoreboard_message m JOIN pek.scoreboard b"
                       " ON b.id = m.scoreboard_id"),
        "1|f|Miért\nennyi? 1|t|ELBIRALATLAN -> ELFOGADVA, rendben 2|f|to the last version");
    /* Counted anew: 30 + 15; the same one semester later; 30 of 35 and 10; and those 40 with the 20 that were accepted. */
    assert_string_equal(
        value("realm", "SELECT string_agg(concat_ws(' ', h.semester, p.display_name, h.score), ', '"
                       " ORDER BY h.semester, p.display_name) FROM pek.point_history h"
                       " JOIN pek.person p ON p.id = h.user_id"),
        "2012-2013/1 Nagy Kovács Béla 45, 2012-2013/2 Nagy Kovács Béla 45, "
        "2016-2017/1 Nagy Kovács Béla 40, 2016-2017/1 Wonder Alice 5, "
        "2016-2017/2 Nagy Kovács Béla 60, 2016-2017/2 Wonder Alice 5");
    /* Of the recommendations that of the group above, whose number is 1. */
    assert_string_equal(
        value("realm", "SELECT string_agg(concat_ws('|', p.display_name, e.type, e.justification,"
                       " e.recommendation, e.finalized), ' ' ORDER BY e.type DESC)"
                       " FROM pek.entry_request e JOIN pek.person p ON p.id = e.user_id"),
        "Nagy Kovács Béla|2|Sokat \"tett\"|3|t Wonder Alice|1||0|f");
    assert_all_holds();
}

/* What is of evaluations may be missing, and the account says so. */
static void files_of_evaluations_may_be_missing(void **state)
{
    char folder[] = "/tmp/pek-import-XXXXXX";
    (void)state;
    copy_but(folder, "point_details.csv", NULL);
    import(&said, folder, "--apply");
    assert_int_equal(said.exit_code, PEKCTL_DONE);
    assert_says(said.out, "point_details 0 0 0 0\n");
    assert_says(said.out, "point_details 1 there is no such file in the folder");
    assert_says(said.out, "point_detail_comments 5 0 0 5\n");
    assert_all_holds();
    remove_folder(folder);
}

/* What the realm has written itself is not written over. */
static void evaluation_of_the_realm_stays(void **state)
{
    (void)state;
    import(&said, FOLDER, "--apply");
    assert_int_equal(said.exit_code, PEKCTL_DONE);
    (void)value(
        "realm",
        "WITH gone AS (DELETE FROM pek.import_key WHERE kind NOT IN ('groups', 'post_types')"
        " RETURNING 1) SELECT count(*) FROM gone");
    import(&again, FOLDER, "--apply");
    assert_string_equal(again.err, "");
    assert_says(again.out, "memberships 18 0 10 8\n");
    assert_says(again.out, "evaluations 8 0 0 8\n");
    assert_says(again.out,
                "not taken: its group has an evaluation of that semester here 1, 2, 3\n");
    assert_says(again.out, "point_details 13 0 0 13\n");
    assert_all_holds();
}

static void the_same_dump_again_changes_nothing(void **state)
{
    (void)state;
    import(&said, FOLDER, "--apply");
    assert_int_equal(said.exit_code, PEKCTL_DONE);
    char *hub = strdup(digest("postgres", "hub")), *realm = strdup(digest("realm", "pek"));
    import(&again, FOLDER, "--apply");
    assert_int_equal(again.exit_code, PEKCTL_DONE);
    assert_says(again.out, "users 15 0 9 6\n");
    assert_says(again.out, "groups 25 0 18 7\n");
    assert_says(again.out, "memberships 18 0 10 8\n");
    assert_says(again.out, "posts 20 0 9 11\n");
    assert_says(again.out, "evaluations 8 0 4 4\n");
    assert_says(again.out, "point_details 13 0 6 7\n");
    assert_says(again.out, "evaluation_messages 8 0 3 5\n");
    assert_string_equal(digest("postgres", "hub"), hub);
    assert_string_equal(digest("realm", "pek"), realm);
    free(hub);
    free(realm);
}

/* What people changed since stays; what is new comes, also below what was there. */
static void later_dump_adds_what_is_new(void **state)
{
    char folder[] = "/tmp/pek-import-XXXXXX";
    (void)state;
    import(&said, FOLDER, "--apply");
    assert_int_equal(said.exit_code, PEKCTL_DONE);
    (void)value("realm",
                "WITH gone AS (DELETE FROM pek.post WHERE EXISTS (SELECT FROM pek.post_type t "
                "WHERE t.id = type_id AND t.kind = 5) RETURNING 1) SELECT count(*) FROM gone");
    copy_but(folder, "groups.csv",
             "id,name,parent_id,state\r\n2,Kör A más néven,,akt\r\n40,Új kör,2,akt\r\n41,\"Új, "
             "alatta\",40,\r\n");
    import(&again, folder, "--apply");
    assert_string_equal(again.err, "");
    assert_says(again.out, "groups 3 2 1 0\n");
    assert_says(again.out, "posts 20 0 9 11\n");
    assert_string_equal(value("realm", "SELECT count(*) FROM pek.post"), "4");
    assert_string_equal(value("realm",
                              "SELECT string_agg(concat_ws(' ', id, parent_id, name), ', ' ORDER BY"
                              " id) FROM pek.realm_group WHERE parent_id LIKE '%kor-a' OR parent_id"
                              " LIKE '%uj-kor'"),
                        "kollegiumi-bizottsag@uj-alatta kollegiumi-bizottsag@uj-kor Új, alatta, "
                        "kollegiumi-bizottsag@uj-kor kollegiumi-bizottsag@kor-a Új kör");
    assert_all_holds();
    remove_folder(folder);
}

/* Two sources have the same numbers, and people of both. */
static void another_realm_has_numbers_of_its_own(void **state)
{
    (void)state;
    import(&said, FOLDER, "--apply");
    assert_int_equal(said.exit_code, PEKCTL_DONE);
    pg_cluster_execute(cluster, "UPDATE hub.user_import SET realm = 'worker-other'");
    import(&again, FOLDER, NULL);
    /* Those with an auth_sch_id are known by it; Anna has none. */
    assert_says(again.out, "users 15 1 8 6\n");
    assert_says(again.out, "groups 25 0 18 7\n");
}

static void name_that_the_realm_has_is_not_taken_twice(void **state)
{
    (void)state;
    (void)value("realm",
                "SET pek.realm = '" REALM "'; INSERT INTO pek.realm_group (id, name, unique_key,"
                " folded, sort_key, purpose) VALUES ('itt-van-mar@itt-van-mar', 'Itt van már',"
                " 'itt van már', 'itt van mar', '\\x01', 0); SELECT 1");
    import(&said, FOLDER, "--apply");
    assert_int_equal(said.exit_code, PEKCTL_DONE);
    assert_says(said.out, "its number is behind it 3, 32\n");
    assert_string_equal(
        value("realm", "SELECT string_agg(id || ' ' || name, ', ' ORDER BY id) FROM"
                       " pek.realm_group WHERE id LIKE 'itt%'"),
        "itt-van-mar-32@itt-van-mar-32 Itt van már (32), itt-van-mar@itt-van-mar Itt "
        "van már");
    assert_all_holds();
}

/* Somebody who deleted themself is not brought back by a dump that has them. */
static void who_deleted_themself_stays_deleted(void **state)
{
    (void)state;
    import(&said, FOLDER, "--apply");
    assert_int_equal(said.exit_code, PEKCTL_DONE);
    (void)value("postgres",
                "SELECT hub.delete_user(id)::text FROM hub.user_account WHERE username = 'ubul'");
    import(&again, FOLDER, "--apply");
    assert_says(again.out, "users 15 0 9 6\n");
    assert_string_equal(
        value("postgres", "SELECT count(*) FROM hub.user_account WHERE name LIKE 'Ubul%'"), "0");
}

struct bad {
    const char *file, *contents, *says;
};

static void file_that_cannot_be_read_is_named_and_nothing_is_done(void **state)
{
    static const struct bad all[] = {
        {"groups.csv", NULL, "groups.csv: it cannot be opened: No such file"},
        {"groups.csv", "", "groups.csv: the first line is no header"},
        {"groups.csv", "id;name;parent_id;state\n", "groups.csv: the first line is no header"},
        {"groups.csv", "id,name,state\n", "groups.csv: there is no column parent_id"},
        {"groups.csv", "id,name,parent_id,state,name\n1,a,,,b\n", "groups.csv: column \"name\""},
        {"groups.csv", "id,name,parent_id,state\n1,a,,akt,5\n",
         "extra data after last expected column (COPY in_groups, line 2"},
        {"groups.csv", "id,name,parent_id,state\n1,a,,akt\n2,\"b,,akt\n",
         "unterminated CSV quoted field"},
        {"groups.csv", "id,name,parent_id,state\n1,\xff\xfe,,akt\n", "invalid byte sequence"},
        {"users.csv", "id,firstname,lastname,auth_sch_id\n",
         "users.csv: there is no column screen_name"},
        {"posts.csv", "id,membership_id\n", "posts.csv: there is no column post_type_id"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        char folder[] = "/tmp/pek-import-XXXXXX";
        copy_but(folder, all[i].file, all[i].contents);
        import(&said, folder, "--apply");
        if (said.exit_code != PEKCTL_USAGE || !strstr(said.err, all[i].says))
            fail_msg("%d, and not '%s': %s", said.exit_code, all[i].says, said.err);
        remove_folder(folder);
    }
    assert_string_equal(value("postgres", "SELECT count(*) FROM hub.user_account"), "1");
    assert_string_equal(value("realm", "SELECT count(*) FROM pek.realm_group"), "0");
}

static void realm_that_has_no_administrator_is_refused(void **state)
{
    (void)state;
    (void)value("realm",
                "WITH gone AS (DELETE FROM pek.policy RETURNING 1) SELECT count(*) FROM gone");
    import(&said, FOLDER, "--apply");
    assert_int_equal(said.exit_code, PEKCTL_REFUSED);
    assert_non_null(strstr(said.err, "has no administrator yet"));
    (void)value("realm",
                "WITH gone AS (DELETE FROM pek.realm_state RETURNING 1) SELECT count(*) FROM gone");
    import(&said, FOLDER, "--apply");
    assert_int_equal(said.exit_code, PEKCTL_REFUSED);
    assert_non_null(strstr(said.err, "is not in this database"));
    assert_string_equal(value("postgres", "SELECT count(*) FROM hub.user_account"), "1");
}

static int setup(void **state)
{
    (void)state;
    cluster = hub_cluster_start();
    if (!cluster)
        return -1;
    pg_cluster_conninfo_for(cluster, NULL, "realm", realm_database, sizeof(realm_database));
    return 0;
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
        cmocka_unit_test_setup(it_says_what_it_would_do_and_does_just_that, reset),
        cmocka_unit_test_setup(each_row_is_accounted_for_with_a_reason, reset),
        cmocka_unit_test_setup(what_is_there_is_what_was_in_the_files, reset),
        cmocka_unit_test_setup(evaluations_are_scoreboards, reset),
        cmocka_unit_test_setup(files_of_evaluations_may_be_missing, reset),
        cmocka_unit_test_setup(evaluation_of_the_realm_stays, reset),
        cmocka_unit_test_setup(the_same_dump_again_changes_nothing, reset),
        cmocka_unit_test_setup(later_dump_adds_what_is_new, reset),
        cmocka_unit_test_setup(another_realm_has_numbers_of_its_own, reset),
        cmocka_unit_test_setup(name_that_the_realm_has_is_not_taken_twice, reset),
        cmocka_unit_test_setup(who_deleted_themself_stays_deleted, reset),
        cmocka_unit_test_setup(file_that_cannot_be_read_is_named_and_nothing_is_done, reset),
        cmocka_unit_test_setup(realm_that_has_no_administrator_is_refused, reset),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
