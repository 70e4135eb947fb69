/* Files that people keep, read into a scoreboard; the first byte chooses: 'g' guidelines, else points. What is taken is what a
 * scoreboard may have, and what is refused says the line, in text. */
#include <string.h>

#include "bazel/fuzz/fuzz.h"
#include "shared/base/utf8.h"
#include "shared/text/text.h"
#include "worker/evaluation/points_csv.h"

#define INPUT_BYTES_MAX 4096

static evaluation_v1_scoreboard *board(void)
{
    static evaluation_v1_guideline guidelines[2];
    static evaluation_v1_guideline *list[2] = {&guidelines[0], &guidelines[1]};
    static evaluation_v1_scoreboard scoreboard;
    static char ids[2][3] = {"11", "12"}, names[2][16] = {"Munka", "Felelősség"};
    scoreboard = (evaluation_v1_scoreboard)EVALUATION_V1_SCOREBOARD_INIT;
    for (int i = 0; i < 2; i++) {
        guidelines[i] = (evaluation_v1_guideline)EVALUATION_V1_GUIDELINE_INIT;
        guidelines[i].id = ids[i];
        guidelines[i].name = names[i];
        guidelines[i].category = (evaluation_v1_point_category)(i + 1);
        guidelines[i].max_per_member = 30;
    }
    scoreboard.guidelines = list;
    scoreboard.n_guidelines = 2;
    return &scoreboard;
}

static void must_refuse_well(enum status status, const struct fault *fault, const char *field)
{
    if (status == STATUS_RESOURCE_EXHAUSTED)
        return;
    must(status == STATUS_INVALID_ARGUMENT && strcmp(fault->field, field) == 0);
    must(strncmp(fault->text, "line ", 5) == 0 && utf8_valid(slice_str(fault->text)));
}

static void must_be_apart(evaluation_v1_guideline *const *guidelines, size_t count,
                          struct arena *arena)
{
    struct slice keys[SCOREBOARD_GUIDELINES_MAX];
    must(count <= SCOREBOARD_GUIDELINES_MAX);
    for (size_t i = 0; i < count; i++) {
        must(text_unique_key(slice_str(guidelines[i]->name), arena, &keys[i]) == STATUS_OK);
        must(keys[i].len > 0);
        for (size_t j = 0; j < i; j++)
            must(!slice_equal(keys[i], keys[j]));
    }
}

static void try_guidelines(struct slice text, struct arena *arena)
{
    evaluation_v1_guideline **guidelines;
    struct fault fault = {0};
    size_t count;
    enum status status =
        points_csv_read_guidelines(text, board(), arena, &guidelines, &count, &fault);
    if (status != STATUS_OK) {
        must_refuse_well(status, &fault, GUIDELINES_CSV_FIELD);
        return;
    }
    must(count >= 2);
    must_be_apart(guidelines, count, arena);
    for (size_t i = 0; i < count; i++) {
        const evaluation_v1_guideline *one = guidelines[i];
        must(one->max_per_member >= 0 && one->max_per_member <= SCOREBOARD_MEMBER_POINTS_MAX);
        must(one->max_per_guideline >= 0 &&
             one->max_per_guideline <= SCOREBOARD_GUIDELINE_POINTS_MAX);
        must(text_chars(slice_str(one->name)) <= SCOREBOARD_NAME_CHARS_MAX);
        must(utf8_valid(slice_str(one->name)) && utf8_valid(slice_str(one->description)));
        must((one->id[0] != '\0') == (i < 2));
    }
}

static void try_points(struct slice text, struct arena *arena)
{
    struct points_csv_row *rows;
    evaluation_v1_batch_set_points_request set = EVALUATION_V1_BATCH_SET_POINTS_REQUEST_INIT;
    static char user[] = "u";
    struct fault fault = {0};
    size_t count, cells = 0;
    enum status status = points_csv_read(text, board(), arena, &rows, &count, &fault);
    if (status != STATUS_OK) {
        must_refuse_well(status, &fault, POINTS_CSV_FIELD);
        return;
    }
    must(count <= POINTS_CSV_ROWS_MAX);
    char **users = arena_zalloc(arena, count + 1, sizeof(*users));
    must(users != NULL);
    for (size_t i = 0; i < count; i++) {
        must(rows[i].member.len > 0 && rows[i].key.len > 0 && rows[i].cell_count <= 2);
        must(i == 0 || rows[i].line > rows[i - 1].line);
        for (size_t j = 0; j < rows[i].cell_count; j++)
            must(rows[i].cells[j]->points >= 0 && rows[i].cells[j]->points <= 30);
        /* One is found, and in a file with a second row of theirs twice. */
        if (i == 0 || (i == 1 && text.len % 2))
            users[i] = user;
        cells += users[i] ? rows[i].cell_count : 0;
    }
    status = points_csv_take(rows, count, users, arena, &set, &fault);
    if (count > 1 && users[1])
        must_refuse_well(status, &fault, POINTS_CSV_FIELD);
    else
        must(status == STATUS_OK && set.n_points == cells);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    if (size == 0 || size > INPUT_BYTES_MAX)
        return 0;
    /* As a field of a request has it: text. */
    struct slice text = slice_make(data + 1, size - 1);
    if (!utf8_valid(text) || memchr(data, '\0', size))
        return 0;
    arena_init(&arena, 8u << 20);
    if (data[0] == 'g')
        try_guidelines(text, &arena);
    else
        try_points(text, &arena);
    arena_done(&arena);
    return 0;
}
