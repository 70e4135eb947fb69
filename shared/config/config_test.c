#include "shared/config/config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum mode { MODE_FAST, MODE_SAFE };
static const char *const modes[] = {"fast", "safe", NULL};

struct values {
    const char *listen;
    const char *password;
    int64_t calls_max;
    int64_t wait_ms;
    int64_t body_bytes_max;
    bool plaintext;
    enum mode mode;
    struct config_list realms;
};

static const struct config_option options[] = {
    {.name = "listen",
     CONFIG_STRING(struct values, listen),
     .fallback = "127.0.0.1:8080",
     .help = "address",
     .max = 64},
    {.name = "db_password",
     CONFIG_STRING(struct values, password),
     .secret = true,
     .reloadable = true,
     .help = "password of the database"},
    {.name = "calls_max",
     CONFIG_INT(struct values, calls_max),
     .unit = "calls",
     .min = 1,
     .max = 1000,
     .fallback = "256",
     .reloadable = true,
     .help = "calls in flight"},
    {.name = "wait_ms",
     CONFIG_DURATION_MS(struct values, wait_ms),
     .min = 10,
     .max = 60000,
     .fallback = "5s",
     .help = "longest wait"},
    {.name = "body_bytes_max",
     CONFIG_BYTES(struct values, body_bytes_max),
     .min = 1024,
     .max = 16 << 20,
     .fallback = "1MiB",
     .help = "largest body"},
    {.name = "plaintext", CONFIG_BOOL(struct values, plaintext), .help = "without TLS"},
    {.name = "mode",
     CONFIG_ENUM(struct values, mode, modes),
     .reloadable = true,
     .help = "which way | or other"},
    {.name = "realms",
     CONFIG_LIST(struct values, realms),
     .max = 3,
     .reloadable = true,
     .help = "realms to ask"},
};

static void check(struct config *config, const void *values)
{
    const struct values *v = values;
    if (v->plaintext && strcmp(v->listen, "0.0.0.0") == 0)
        config_mistake(config, "plaintext: only on loopback");
}

static const struct config_command commands[] = {
    {.name = "migrate", .help = "apply migrations"},
    {.name = "token", .help = "print a token", .args = "USER REALM", .arg_count = 2},
};

static const struct config_program program = {
    .name = "pek-test",
    .summary = "is tested",
    .values_bytes = sizeof(struct values),
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .commands = commands,
    .command_count = sizeof(commands) / sizeof(commands[0]),
    .check = check,
};

static struct config config;
static struct values values;
static char file[] = "/tmp/config_test.XXXXXX";

static int setup_file(void **state)
{
    (void)state;
    int fd = mkstemp(file);
    if (fd >= 0)
        close(fd);
    return fd >= 0 ? 0 : -1;
}

static int teardown_file(void **state)
{
    (void)state;
    return unlink(file);
}

static int teardown(void **state)
{
    (void)state;
    config_done(&config);
    return 0;
}

static void write_file(const char *text)
{
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    fputs(text, out);
    assert_int_equal(fclose(out), 0);
}

#define ARGS(...) ((char *const[]){(char[]){"pek-test"}, __VA_ARGS__ __VA_OPT__(, ) NULL})
#define ENV(...) ((char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})
#define S(literal) ((char[]){literal})

static enum status parse(char *const *argv, char *const *environment)
{
    int argc = 0;
    while (argv[argc])
        argc++;
    return config_parse(&config, &program, argc, argv, environment, &values);
}

static void assert_right(enum status status)
{
    if (status != STATUS_OK)
        fail_msg("%.*s", SLICE_ARG(config_mistakes(&config)));
}

static void assert_mistakes(enum status status, const char *text)
{
    assert_int_equal(status, STATUS_INVALID_ARGUMENT);
    struct slice mistakes = config_mistakes(&config);
    if (!slice_equal_str(mistakes, text))
        fail_msg("%.*s", SLICE_ARG(mistakes));
}

static void defaults_fill_the_struct(void **state)
{
    (void)state;
    assert_right(parse(ARGS(), ENV(S("HOME=/x"), S("PEKING=1"))));
    assert_string_equal(values.listen, "127.0.0.1:8080");
    assert_string_equal(values.password, "");
    assert_int_equal(values.calls_max, 256);
    assert_int_equal(values.wait_ms, 5000);
    assert_int_equal(values.body_bytes_max, 1048576);
    assert_false(values.plaintext);
    assert_int_equal(values.mode, MODE_FAST);
    assert_int_equal(values.realms.count, 0);
    assert_null(config.command);
}

static void flags_are_stronger_than_environment_and_that_than_the_file(void **state)
{
    (void)state;
    write_file("calls_max = 1\nwait_ms = 11ms\nbody_bytes_max = 2KiB\n");
    assert_right(parse(ARGS(S("--calls-max=3"), S("--config"), file),
                       ENV(S("PEK_CALLS_MAX=2"), S("PEK_WAIT_MS=12ms"))));
    assert_int_equal(values.calls_max, 3);
    assert_int_equal(values.wait_ms, 12);
    assert_int_equal(values.body_bytes_max, 2048);
}

static void the_environment_can_name_the_file_and_a_flag_another(void **state)
{
    (void)state;
    write_file("calls_max = 9\n");
    char variable[64];
    snprintf(variable, sizeof(variable), "PEK_CONFIG=%s", file);
    assert_right(parse(ARGS(), ENV(variable)));
    assert_int_equal(values.calls_max, 9);
    config_done(&config);
    assert_mistakes(parse(ARGS(S("--config=/nonexistent")), ENV(variable)),
                    "/nonexistent: cannot be read: No such file or directory\n");
}

static void a_flag_given_twice_has_the_last_value(void **state)
{
    (void)state;
    assert_right(parse(ARGS(S("--calls-max=7"), S("--calls_max"), S("8")), NULL));
    assert_int_equal(values.calls_max, 8);
}

static void every_type_is_read(void **state)
{
    (void)state;
    assert_right(
        parse(ARGS(S("--calls-max"), S("7"), S("--wait_ms=1m"), S("--plaintext=off"), S("--mode"),
                   S("safe"), S("--realms=a, b ,c"), S("--body-bytes-max=2MiB")),
              NULL));
    assert_int_equal(values.calls_max, 7);
    assert_int_equal(values.wait_ms, 60000);
    assert_int_equal(values.body_bytes_max, 2097152);
    assert_false(values.plaintext);
    assert_int_equal(values.mode, MODE_SAFE);
    assert_int_equal(values.realms.count, 3);
    assert_string_equal(values.realms.items[0], "a");
    assert_string_equal(values.realms.items[1], "b");
    assert_string_equal(values.realms.items[2], "c");
}

static void a_bool_flag_takes_no_separate_value(void **state)
{
    (void)state;
    assert_right(parse(ARGS(S("--plaintext"), S("migrate")), NULL));
    assert_true(values.plaintext);
    assert_string_equal(config.command, "migrate");
}

static void a_command_has_its_arguments(void **state)
{
    (void)state;
    assert_right(
        parse(ARGS(S("--calls-max=2"), S("token"), S("alice"), S("hub"), S("--plaintext")), NULL));
    assert_string_equal(config.command, "token");
    assert_int_equal(config.arg_count, 2);
    assert_string_equal(config.args[0], "alice");
    assert_string_equal(config.args[1], "hub");
    assert_true(values.plaintext);
    config_done(&config);
    assert_mistakes(parse(ARGS(S("token"), S("alice")), NULL), "token needs USER REALM\n");
}

static void lines_of_the_file_may_have_blanks_quotes_and_comments(void **state)
{
    (void)state;
    write_file(
        "# comment\n\n  listen=a#b   # comment\r\n\tdb_password = \" x # \\\" \\\\ \" # comment\n"
        "realms = # none\ncalls_max = 4");
    assert_right(parse(ARGS(S("--config"), file), NULL));
    assert_string_equal(values.listen, "a#b");
    assert_string_equal(values.password, " x # \" \\ ");
    assert_int_equal(values.realms.count, 0);
    assert_int_equal(values.calls_max, 4);
}

static void every_mistake_is_told_at_once(void **state)
{
    (void)state;
    char want[2048];
    write_file("body_bytes_max = 900MiB\nnonsense\ncalls_mx = 3\nmode = slow\nmode = fast\n"
               "listen = \"open\n");
    snprintf(want, sizeof(want),
             "%s:2: not of the form name = value\n"
             "%s:3: no option calls_mx; did you mean calls_max?\n"
             "%s:5: mode was given in line 4 already\n"
             "%s:6: listen: the quotes are wrong\n"
             "calls_max: \"1001\" must be 1 … 1000 calls (flag --calls-max)\n"
             "wait_ms: \"5\" must be 10ms … 1m (flag --wait-ms)\n"
             "body_bytes_max: \"900MiB\" must be 1KiB … 16MiB (file %s:1)\n"
             "plaintext: \"maybe\" is neither true nor false (environment PEK_PLAINTEXT)\n"
             "mode: \"slow\" is none of fast, safe (file %s:4)\n"
             "realms: \"a,b,c,d\" must have a number of items of 0 … 3 (flag --realms)\n",
             file, file, file, file, file, file);
    assert_mistakes(parse(ARGS(S("--calls-max=1001"), S("--wait-ms=5"), S("--config"), file,
                               S("--realms=a,b,c,d")),
                          ENV(S("PEK_PLAINTEXT=maybe"))),
                    want);
    assert_int_equal(config.mistake_count, 10);
}

static void unknown_names_are_refused_with_the_nearest(void **state)
{
    (void)state;
    assert_mistakes(
        parse(ARGS(), ENV(S("PEK_CALL_MAX=1"), S("PEK_calls_max=1"), S("PEK_ENTIRELY_ELSE=1"))),
        "PEK_CALL_MAX: no such variable; did you mean PEK_CALLS_MAX?\n"
        "PEK_calls_max: no such variable; did you mean PEK_CALLS_MAX?\n"
        "PEK_ENTIRELY_ELSE: no such variable\n");
}

static void a_wrong_command_line_is_one_mistake(void **state)
{
    (void)state;
    static const struct {
        const char *line, *mistake;
    } cases[] = {
        {"--bdoy-bytes-max=1", "--bdoy-bytes-max: no such flag; did you mean --body-bytes-max?\n"},
        {"--wait 5 migrate", "--wait: no such flag; did you mean --wait-ms?\n"},
        {"--hlep", "--hlep: no such flag; did you mean --help?\n"},
        {"--entirely-else=1 migrat", "--entirely-else: no such flag\n"},
        {"-x", "-x: no such command\n"},
        {"tokn alice hub", "tokn: no such command; did you mean token?\n"},
        {"migrate now", "now: one argument too many\n"},
        {"--config", "--config needs a file\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char words[64], *rest = words, *argv[5] = {S("pek-test")};
        int argc = 1;
        snprintf(words, sizeof(words), "%s", cases[i].line);
        while (rest && argc < 4)
            argv[argc++] = strsep(&rest, " ");
        /* Nor is told what else is wrong. */
        assert_mistakes(parse(argv, ENV(S("PEK_CALL_MAX=1"))), cases[i].mistake);
        config_done(&config);
    }
    assert_right(parse(ARGS(), NULL));
}

static void numbers_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "--calls-max=",
        "--calls-max=1s",
        "--calls-max=1.5",
        "--calls-max=x",
        "--calls-max=-1",
        "--calls-max=99999999999999999999",
        "--wait-ms=5 s",
        "--wait-ms=5sec",
        "--wait-ms=s",
        "--body-bytes-max=1MB",
        "--body-bytes-max=9999999999GiB",
        "--listen=a\nb",
        "--realms=a,,b",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char flag[64];
        snprintf(flag, sizeof(flag), "%s", wrong[i]);
        if (parse(ARGS(flag), NULL) == STATUS_OK)
            fail_msg("%s taken", wrong[i]);
        assert_int_equal(config.mistake_count, 1);
        config_done(&config);
    }
    assert_right(parse(ARGS(), NULL));
}

static void a_secret_is_not_shown_in_a_mistake(void **state)
{
    (void)state;
    assert_mistakes(parse(ARGS(S("--db-password=hunter\x01two")), NULL),
                    "db_password: the value has a control character (flag --db-password)\n");
}

static void rules_over_several_options_are_checked(void **state)
{
    (void)state;
    assert_mistakes(parse(ARGS(S("--plaintext"), S("--listen=0.0.0.0")), NULL),
                    "plaintext: only on loopback\n");
}

static void required_options_must_be_given(void **state)
{
    (void)state;
    static const struct config_option required[] = {{.name = "listen",
                                                     CONFIG_STRING(struct values, listen),
                                                     .required = true,
                                                     .help = "address"}};
    static const struct config_program strict = {.name = "pek-test",
                                                 .summary = "is tested",
                                                 .values_bytes = sizeof(struct values),
                                                 .options = required,
                                                 .option_count = 1};
    const char *mistake = "listen: must be given (--listen, PEK_LISTEN, or the file)\n";
    assert_mistakes(config_parse(&config, &strict, 1, ARGS(), NULL, &values), mistake);
    config_done(&config);
    assert_mistakes(config_parse(&config, &strict, 2, ARGS(S("--listen=")), NULL, &values),
                    mistake);
    config_done(&config);
    assert_mistakes(config_parse(&config, &strict, 1, ARGS(), ENV(S("PEK_LISTN=x")), &values),
                    "PEK_LISTN: no such variable; did you mean PEK_LISTEN?\n");
    config_done(&config);
    assert_right(config_parse(&config, &strict, 2, ARGS(S("--listen=x")), NULL, &values));
}

static void a_file_that_is_too_long_or_no_text_is_refused(void **state)
{
    (void)state;
    char want[128];
    assert_int_equal(truncate(file, (off_t)CONFIG_FILE_BYTES_MAX * 2), 0);
    snprintf(want, sizeof(want), "%s: longer than 1048576 bytes\n", file);
    assert_mistakes(parse(ARGS(S("--config"), file), NULL), want);
    config_done(&config);
    assert_int_equal(truncate(file, 0), 0);
    assert_int_equal(truncate(file, 10), 0);
    snprintf(want, sizeof(want), "%s: not a text file\n", file);
    assert_mistakes(parse(ARGS(S("--config"), file), NULL), want);
}

static void reload_changes_what_is_reloadable(void **state)
{
    (void)state;
    write_file("calls_max = 10\nlisten = x\nrealms = a,b\n");
    assert_right(parse(ARGS(S("--config"), file), NULL));
    const char *listen = values.listen;
    write_file("calls_max = 20\n\nlisten = x\nmode = safe\n");
    assert_right(config_reload(&config, &values));
    assert_int_equal(values.calls_max, 20);
    assert_int_equal(values.mode, MODE_SAFE);
    assert_int_equal(values.realms.count, 0);
    assert_ptr_equal(values.listen, listen);
    assert_int_equal(config.settings[0].line, 3);
    assert_string_equal(config.settings[0].text, "x");
}

static void reload_changes_nothing_on_a_mistake(void **state)
{
    (void)state;
    char want[256];
    write_file("calls_max = 10\nlisten = x\n");
    assert_right(parse(ARGS(S("--config"), file), NULL));
    write_file("calls_max = 20\nlisten = y\nwait_ms = 1s\n");
    assert_mistakes(config_reload(&config, &values),
                    "listen: cannot change while running; restart for it\n"
                    "wait_ms: cannot change while running; restart for it\n");
    write_file("calls_max = 0\n");
    snprintf(want, sizeof(want),
             "listen: cannot change while running; restart for it\n"
             "calls_max: \"0\" must be 1 … 1000 calls (file %s:1)\n",
             file);
    assert_mistakes(config_reload(&config, &values), want);
    assert_int_equal(values.calls_max, 10);
    assert_string_equal(values.listen, "x");
    write_file("calls_max = 10\nlisten = x\n");
    assert_right(config_reload(&config, &values));
}

static void reload_leaves_flags_and_environment_alone(void **state)
{
    (void)state;
    write_file("calls_max = 10\n");
    assert_right(parse(ARGS(S("--config"), file, S("--calls-max=5")), NULL));
    write_file("calls_max = 20\n");
    assert_right(config_reload(&config, &values));
    assert_int_equal(values.calls_max, 5);
}

static void reload_without_file_is_refused(void **state)
{
    (void)state;
    assert_right(parse(ARGS(), NULL));
    assert_int_equal(config_reload(&config, &values), STATUS_FAILED_PRECONDITION);
}

static void reload_again_and_again_takes_no_more_memory(void **state)
{
    (void)state;
    write_file("calls_max = 10\nlisten = x\nrealms = a,b\n");
    assert_right(parse(ARGS(S("--config"), file), NULL));
    size_t used = config.arena.used_bytes;
    for (int i = 0; i < 100; i++)
        assert_right(config_reload(&config, &values));
    assert_int_equal(config.arena.used_bytes, used);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_teardown(function, teardown)
    const struct CMUnitTest tests[] = {
        TEST(defaults_fill_the_struct),
        TEST(flags_are_stronger_than_environment_and_that_than_the_file),
        TEST(the_environment_can_name_the_file_and_a_flag_another),
        TEST(every_type_is_read),
        TEST(a_flag_given_twice_has_the_last_value),
        TEST(a_bool_flag_takes_no_separate_value),
        TEST(a_command_has_its_arguments),
        TEST(lines_of_the_file_may_have_blanks_quotes_and_comments),
        TEST(every_mistake_is_told_at_once),
        TEST(a_wrong_command_line_is_one_mistake),
        TEST(unknown_names_are_refused_with_the_nearest),
        TEST(numbers_that_are_none_are_refused),
        TEST(a_secret_is_not_shown_in_a_mistake),
        TEST(rules_over_several_options_are_checked),
        TEST(required_options_must_be_given),
        TEST(a_file_that_is_too_long_or_no_text_is_refused),
        TEST(reload_changes_what_is_reloadable),
        TEST(reload_changes_nothing_on_a_mistake),
        TEST(reload_leaves_flags_and_environment_alone),
        TEST(reload_without_file_is_refused),
        TEST(reload_again_and_again_takes_no_more_memory),
    };
    return cmocka_run_group_tests(tests, setup_file, teardown_file);
}
