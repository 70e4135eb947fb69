/* What a program says and how it exits: config_start with its output caught in files. */
#include "shared/base/version.h"
#include "shared/config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct values {
    const char *listen;
    const char *password;
    const char *empty;
    int64_t wait_ms;
    bool plaintext;
    int mode;
    struct config_list realms;
};

static const char *const modes[] = {"fast", "safe", NULL};

static const struct config_option options[] = {
    {.name = "listen", CONFIG_STRING(struct values, listen), .required = true, .help = "address"},
    {.name = "db_password",
     CONFIG_STRING(struct values, password),
     .secret = true,
     .help = "password of the database"},
    {.name = "other_password",
     CONFIG_STRING(struct values, empty),
     .secret = true,
     .help = "not given"},
    {.name = "wait_ms",
     CONFIG_DURATION_MS(struct values, wait_ms),
     .min = 10,
     .max = 60000,
     .fallback = "5000",
     .reloadable = true,
     .help = "longest wait"},
    {.name = "plaintext", CONFIG_BOOL(struct values, plaintext), .help = "without TLS"},
    {.name = "mode", CONFIG_ENUM(struct values, mode, modes), .help = "one way | or another"},
    {.name = "realms_to_ask_before_all_others",
     CONFIG_LIST(struct values, realms),
     .max = 3,
     .help = "realms"},
};

static const struct config_command commands[] = {{.name = "migrate", .help = "apply migrations"}};

static const struct config_program program = {
    .name = "pek-test",
    .summary = "is tested",
    .values_bytes = sizeof(struct values),
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .commands = commands,
    .command_count = 1,
};

static char out[16384], err[16384];

static void read_back(FILE *file, char *text, size_t text_bytes)
{
    rewind(file);
    text[fread(text, 1, text_bytes - 1, file)] = '\0';
    fclose(file);
}

/* Runs config_start on a command line of words; its exit code, or -1 when the program would run. */
static int start(const char *line)
{
    static char words[512];
    char *argv[16] = {NULL};
    int argc = 0;
    snprintf(words, sizeof(words), "pek-test %s", line);
    for (char *rest = words, *word; (word = strsep(&rest, " ")) && argc < 15;) {
        if (*word)
            argv[argc++] = word;
    }
    FILE *files[2] = {tmpfile(), tmpfile()};
    assert_true(files[0] && files[1]);
    fflush(NULL);
    int kept[2] = {dup(1), dup(2)};
    dup2(fileno(files[0]), 1);
    dup2(fileno(files[1]), 2);

    struct config config;
    struct values values;
    int exit_code = -1;
    bool runs = config_start(&config, &program, argc, argv, NULL, &values, &exit_code);
    if (runs)
        config_done(&config);

    fflush(NULL);
    for (int i = 0; i < 2; i++) {
        dup2(kept[i], i + 1);
        close(kept[i]);
    }
    read_back(files[0], out, sizeof(out));
    read_back(files[1], err, sizeof(err));
    assert_true(runs == (exit_code == -1));
    return exit_code;
}

static void a_right_configuration_runs_and_says_nothing(void **state)
{
    (void)state;
    assert_int_equal(start("--listen=x"), -1);
    assert_int_equal(start("--listen=x migrate"), -1);
    assert_string_equal(out, "");
    assert_string_equal(err, "");
}

static void mistakes_go_to_stderr_with_exit_code_2(void **state)
{
    (void)state;
    static const char *const lines[] = {"--wait-ms=1", "check-config --wait-ms=1",
                                        "--print-config --wait-ms=1"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        assert_int_equal(start(lines[i]), CONFIG_EXIT_MISTAKE);
        assert_string_equal(out, "");
        assert_string_equal(err,
                            "pek-test: listen: must be given (--listen, PEK_LISTEN, or the file)\n"
                            "pek-test: wait_ms: \"1\" must be 10ms … 1m (flag --wait-ms)\n"
                            "pek-test: --help shows the options\n");
    }
}

static void one_mistake_is_one_line(void **state)
{
    (void)state;
    static const char *const lines[] = {"--listen=x migarte", "migarte", "migarte --wait-ms=1 now"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        assert_int_equal(start(lines[i]), CONFIG_EXIT_MISTAKE);
        assert_string_equal(err, "pek-test: migarte: no such command; did you mean migrate?"
                                 " (--help shows the options)\n");
    }
}

static void version_is_told_also_to_those_who_made_mistakes(void **state)
{
    (void)state;
    assert_int_equal(start("--version"), 0);
    assert_string_equal(out, "pek-test " PEK_VERSION "\n");
    assert_string_equal(err, "");
}

static void check_config_says_that_it_is_right(void **state)
{
    (void)state;
    assert_int_equal(start("check-config --listen=x"), 0);
    assert_string_equal(out, "the configuration is right\n");
    assert_string_equal(err, "");
}

static void print_config_shows_values_and_sources_but_no_secret(void **state)
{
    (void)state;
    assert_int_equal(start("--print-config --listen=a#b --db-password=hunter2"), 0);
    assert_string_equal(out, "listen = \"a#b\"                          # flag --listen\n"
                             "db_password = [secret]                  # flag --db-password\n"
                             "other_password = \"\"                     # default\n"
                             "wait_ms = 5s                            # default\n"
                             "plaintext = false                       # default\n"
                             "mode = fast                             # default\n"
                             "realms_to_ask_before_all_others = \"\"    # default\n");
}

static void what_print_config_shows_is_a_file_for_config(void **state)
{
    (void)state;
    char path[] = "/tmp/config_start_test.XXXXXX", line[128], first[sizeof(out)];
    assert_int_equal(start("--print-config --listen=\" --realms-to-ask-before-all-others=a,b"), 0);
    memcpy(first, out, sizeof(first));
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, out, strlen(out)), (ssize_t)strlen(out));
    close(fd);
    snprintf(line, sizeof(line), "--print-config --config %s", path);
    assert_int_equal(start(line), 0);
    unlink(path);
    /* The same up to the source of each line. */
    for (char *rest = first, *again = out, *row; (row = strsep(&rest, "\n"));) {
        size_t same = strcspn(row, "#");
        assert_memory_equal(row, again, same);
        again += strcspn(again, "\n");
        again += *again == '\n';
    }
    assert_non_null(strstr(first, "listen = \"\\\"\""));
}

static void help_is_aligned_and_shown_in_spite_of_mistakes(void **state)
{
    (void)state;
    assert_int_equal(start("--help --nonsense"), 0);
    assert_string_equal(err, "");
    assert_string_equal(
        out,
        "pek-test: is tested\n"
        "\n"
        "usage: pek-test [command] [flags]\n"
        "\n"
        "commands:\n"
        "  migrate                         apply migrations\n"
        "  check-config                    say whether the configuration is right, and exit\n"
        "\n"
        "flags:\n"
        "  --help                          show this text\n"
        "  --version                       say which version this is\n"
        "  --config=FILE                   read name = value lines from FILE (PEK_CONFIG)\n"
        "  --print-config                  show the effective values and where they come from\n"
        "  --print-config-docs             show the options as a Markdown table\n"
        "  --listen=TEXT                   address\n"
        "                                  (required)\n"
        "  --db-password=TEXT              password of the database\n"
        "                                  (default empty; secret)\n"
        "  --other-password=TEXT           not given\n"
        "                                  (default empty; secret)\n"
        "  --wait-ms=TIME                  longest wait\n"
        "                                  (10ms … 1m; default 5s; reloadable)\n"
        "  --plaintext                     without TLS\n"
        "                                  (default false)\n"
        "  --mode=CHOICE                   one way | or another\n"
        "                                  (fast, safe; default fast)\n"
        "  --realms-to-ask-before-all-others=A,B,…\n"
        "                                  realms\n"
        "                                  (0 … 3 items; default empty)\n"
        "\n"
        "Each flag can also be given as an environment variable (PEK_NAME_IN_UPPER), or in the\n"
        "file; a flag is stronger than the environment, and that than the file.\n");
}

static void docs_are_a_markdown_table(void **state)
{
    (void)state;
    assert_int_equal(start("--print-config-docs"), 0);
    assert_non_null(strstr(out, "## pek-test\n"));
    assert_non_null(strstr(out,
                           "\n| --- | --- | --- | --- | --- | --- |\n"
                           "| `listen` | string |  | required | no | address |\n"
                           "| `db_password` | string, secret |  | empty | no | password of the "
                           "database |\n"));
    assert_non_null(
        strstr(out, "\n| `wait_ms` | duration | 10ms … 1m | 5s | yes | longest wait |\n"));
    assert_non_null(strstr(out, "| one way \\| or another |\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_right_configuration_runs_and_says_nothing),
        cmocka_unit_test(mistakes_go_to_stderr_with_exit_code_2),
        cmocka_unit_test(one_mistake_is_one_line),
        cmocka_unit_test(version_is_told_also_to_those_who_made_mistakes),
        cmocka_unit_test(check_config_says_that_it_is_right),
        cmocka_unit_test(print_config_shows_values_and_sources_but_no_secret),
        cmocka_unit_test(what_print_config_shows_is_a_file_for_config),
        cmocka_unit_test(help_is_aligned_and_shown_in_spite_of_mistakes),
        cmocka_unit_test(docs_are_a_markdown_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
