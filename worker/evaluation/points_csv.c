#include "worker/evaluation/points_csv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "shared/text/csv.h"
#include "shared/text/text.h"

/* Also empty columns, which spreadsheets leave behind what was used once. */
#define CELLS_MAX 256
#define SHOWN_BYTES_MAX 100

/* ---- what a spreadsheet has in it -------------------------------------------------------------- */

/* A file, a row at a time. */
struct table {
    struct csv csv;
    const char *field;
    struct arena *arena;
    struct fault *fault;
    struct slice *cells; /* of the row that was read last, without white space around them */
    size_t count;        /* 0 at the end of the file */
};

static enum status refuse(const struct table *table, struct slice cell, const char *why)
{
    size_t shown = cell.len < SHOWN_BYTES_MAX ? cell.len : SHOWN_BYTES_MAX;
    return fault_set(table->fault, STATUS_INVALID_ARGUMENT, table->field, "line %zu: '%.*s': %s",
                     table->csv.line, (int)shown, cell.ptr, why);
}

/* The next row that says something: rows of empty cells are none. */
static enum status read_row(struct table *table)
{
    bool says = false;

    do {
        PEK_TRY(csv_read(&table->csv, table->field, table->arena, table->cells, CELLS_MAX,
                         &table->count, table->fault));
        for (size_t i = 0; i < table->count; i++) {
            table->cells[i] = text_trim(table->cells[i]);
            says |= table->cells[i].len > 0;
        }
    } while (table->count > 0 && !says);
    return STATUS_OK;
}

/* With its first row. */
static enum status open_table(struct slice text, const char *field, struct arena *arena,
                              struct table *ret_table, struct fault *fault)
{
    *ret_table = (struct table){
        .field = field,
        .arena = arena,
        .fault = fault,
        .cells = arena_zalloc(arena, CELLS_MAX, sizeof(struct slice)),
    };
    if (!ret_table->cells)
        return STATUS_RESOURCE_EXHAUSTED;
    csv_init(&ret_table->csv, text);
    return read_row(ret_table);
}

/* A name as it is stored, and what it is the same by. */
struct name {
    struct slice text, key;
};

static enum status take_name(const struct table *table, struct slice cell, struct name *ret_name)
{
    struct fault why = {0};
    struct name name;
    enum status status = text_normalise_name(cell, table->field, table->arena, &name.text, &why);

    if (status == STATUS_INVALID_ARGUMENT)
        return refuse(table, cell, why.text);
    if (status != STATUS_OK)
        return fault_set(table->fault, status, table->field, "%s", why.text);
    PEK_TRY(text_unique_key(name.text, table->arena, &name.key));
    *ret_name = name;
    return STATUS_OK;
}

/* A word of ours. */
static bool is_word(struct slice cell, const char *word)
{
    return cell.len == strlen(word) && strncasecmp(cell.ptr, word, cell.len) == 0;
}

/* A whole number of up to nine digits, as spreadsheets write it. */
static bool read_number(struct slice cell, int32_t *ret_value)
{
    bool negative = cell.len > 0 && cell.ptr[0] == '-';
    int32_t value = 0;

    if (cell.len - negative == 0 || cell.len - negative > 9)
        return false;
    for (size_t i = negative; i < cell.len; i++) {
        if (cell.ptr[i] < '0' || cell.ptr[i] > '9')
            return false;
        value = value * 10 + (cell.ptr[i] - '0');
    }
    *ret_value = negative ? -value : value;
    return true;
}

/* ---- guidelines by their names ----------------------------------------------------------------- */

struct known {
    struct slice key;
    evaluation_v1_guideline *guideline;
    size_t line; /* that says it; 0 for none */
};
struct all_known {
    struct known list[SCOREBOARD_GUIDELINES_MAX];
    size_t count;
};

static enum status know(struct all_known *known, struct slice key,
                        evaluation_v1_guideline *guideline)
{
    if (known->count == SCOREBOARD_GUIDELINES_MAX)
        return STATUS_RESOURCE_EXHAUSTED;
    known->list[known->count++] = (struct known){.key = key, .guideline = guideline};
    return STATUS_OK;
}

static enum status know_all(const evaluation_v1_scoreboard *scoreboard, struct arena *arena,
                            struct all_known **ret_known)
{
    struct all_known *known = arena_zalloc(arena, 1, sizeof(*known));
    struct slice key;

    if (!known)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < scoreboard->n_guidelines; i++) {
        PEK_TRY(text_unique_key(slice_str(scoreboard->guidelines[i]->name), arena, &key));
        PEK_TRY(know(known, key, scoreboard->guidelines[i]));
    }
    *ret_known = known;
    return STATUS_OK;
}

/* NULL when none of them has the name of the cell. */
static enum status find_known(const struct table *table, struct slice cell, struct all_known *known,
                              struct name *ret_name, struct known **ret_found)
{
    struct known *found = NULL;

    PEK_TRY(take_name(table, cell, ret_name));
    for (size_t i = 0; i < known->count; i++) {
        if (!slice_equal(ret_name->key, known->list[i].key))
            continue;
        if (found)
            return refuse(table, cell, "two guidelines have this name");
        found = &known->list[i];
    }
    *ret_found = found;
    return STATUS_OK;
}

/* ---- guidelines -------------------------------------------------------------------------------- */

enum {
    NAME,
    CATEGORY,
    MAX_PER_MEMBER,
    REQUIRED,
    DESCRIPTION = REQUIRED,
    MAX_PER_GUIDELINE,
    COLUMNS
};
static const char *const column_names[COLUMNS] = {"name", "category", "maxPerMember", "description",
                                                  "maxPerGuideline"};

/* Which cell has which column. */
struct columns {
    size_t at[COLUMNS];
};
#define NO_COLUMN SIZE_MAX

static enum status take_column(const struct table *table, size_t at, struct columns *columns)
{
    struct slice cell = table->cells[at];
    size_t column = 0;

    while (column < COLUMNS && !is_word(cell, column_names[column]))
        column++;
    if (column == COLUMNS)
        return refuse(table, cell,
                      "columns are name, category, maxPerMember, description and maxPerGuideline,"
                      " with commas, semicolons or tabs between them");
    if (columns->at[column] != NO_COLUMN)
        return refuse(table, cell, "this column is there twice");
    columns->at[column] = at;
    return STATUS_OK;
}

static enum status take_columns(const struct table *table, struct columns *columns)
{
    for (size_t c = 0; c < COLUMNS; c++)
        columns->at[c] = NO_COLUMN;
    for (size_t i = 0; i < table->count; i++)
        if (table->cells[i].len > 0)
            PEK_TRY(take_column(table, i, columns));
    for (size_t c = 0; c < REQUIRED; c++)
        if (columns->at[c] == NO_COLUMN)
            return fault_set(table->fault, STATUS_INVALID_ARGUMENT, GUIDELINES_CSV_FIELD,
                             "line %zu: there is no column %s", table->csv.line, column_names[c]);
    return STATUS_OK;
}

static struct slice cell_of(const struct table *table, const struct columns *columns, size_t column)
{
    return columns->at[column] < table->count ? table->cells[columns->at[column]]
                                              : slice_make("", 0);
}

static enum status check_columns(const struct table *table, const struct columns *columns)
{
    for (size_t i = 0; i < table->count; i++) {
        size_t column = 0;
        while (column < COLUMNS && columns->at[column] != i)
            column++;
        if (column == COLUMNS && table->cells[i].len > 0)
            return refuse(table, table->cells[i], "there is no column for this cell");
    }
    return STATUS_OK;
}

/* As when it is written without a file. */
static enum status check_guideline(const struct table *table, evaluation_v1_guideline *guideline)
{
    evaluation_v1_update_scoreboard_request one = EVALUATION_V1_UPDATE_SCOREBOARD_REQUEST_INIT;
    struct fault why = {0};

    one.guidelines = &guideline;
    one.n_guidelines = 1;
    enum status status = scoreboard_take_written(&one, table->arena, &why);
    if (status == STATUS_OK)
        return STATUS_OK;
    const char *member = strrchr(why.field, '.');
    return fault_set(table->fault, status, table->field, "line %zu: %s: %s", table->csv.line,
                     member ? member + 1 : "guideline", why.text);
}

/* A cell that is empty says so: no description, no maximum of all. A column that is not there says nothing. */
static enum status take_guideline(const struct table *table, const struct columns *columns,
                                  evaluation_v1_guideline *guideline)
{
    struct slice category = cell_of(table, columns, CATEGORY),
                 most = cell_of(table, columns, MAX_PER_MEMBER),
                 all = cell_of(table, columns, MAX_PER_GUIDELINE),
                 description = cell_of(table, columns, DESCRIPTION);

    if (!is_word(category, "WORK") && !is_word(category, "RESPONSIBILITY"))
        return refuse(table, category, "a category is WORK or RESPONSIBILITY");
    guideline->category = is_word(category, "WORK") ? EVALUATION_V1_POINT_CATEGORY_WORK
                                                    : EVALUATION_V1_POINT_CATEGORY_RESPONSIBILITY;
    if (!read_number(most, &guideline->max_per_member))
        return refuse(table, most, "maxPerMember is a number");
    if (columns->at[MAX_PER_GUIDELINE] != NO_COLUMN && all.len == 0)
        guideline->max_per_guideline = 0;
    if (all.len > 0 && !read_number(all, &guideline->max_per_guideline))
        return refuse(table, all, "maxPerGuideline is a number");
    if (columns->at[DESCRIPTION] != NO_COLUMN)
        guideline->description = arena_strndup(table->arena, description.ptr, description.len);
    return table->arena->failed ? STATUS_RESOURCE_EXHAUSTED : check_guideline(table, guideline);
}

static enum status add(const struct table *table, const struct name *name, struct all_known *known,
                       struct known **ret_added)
{
    evaluation_v1_guideline *guideline = arena_alloc(table->arena, sizeof(*guideline));

    if (!guideline)
        return STATUS_RESOURCE_EXHAUSTED;
    if (known->count == SCOREBOARD_GUIDELINES_MAX)
        return refuse(table, name->text, "there are too many guidelines");
    *guideline = (evaluation_v1_guideline)EVALUATION_V1_GUIDELINE_INIT;
    guideline->name = arena_strndup(table->arena, name->text.ptr, name->text.len);
    PEK_TRY(know(known, name->key, guideline));
    *ret_added = &known->list[known->count - 1];
    return table->arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

/* The guideline of the row: one that is there already, or one more. */
static enum status find_or_add(const struct table *table, struct slice cell,
                               struct all_known *known, evaluation_v1_guideline **ret_guideline)
{
    struct known *found = NULL;
    struct name name;

    PEK_TRY(find_known(table, cell, known, &name, &found));
    if (found && found->line > 0)
        return fault_set(table->fault, STATUS_INVALID_ARGUMENT, table->field,
                         "line %zu: the same guideline as in line %zu", table->csv.line,
                         found->line);
    if (!found)
        PEK_TRY(add(table, &name, known, &found));
    found->line = table->csv.line;
    *ret_guideline = found->guideline;
    return STATUS_OK;
}

enum status points_csv_read_guidelines(struct slice text,
                                       const evaluation_v1_scoreboard *scoreboard,
                                       struct arena *arena,
                                       evaluation_v1_guideline ***ret_guidelines, size_t *ret_count,
                                       struct fault *fault)
{
    evaluation_v1_guideline **guidelines =
        arena_zalloc(arena, SCOREBOARD_GUIDELINES_MAX, sizeof(*guidelines));
    struct all_known *known;
    struct columns columns;
    struct table table;

    if (!guidelines)
        return STATUS_RESOURCE_EXHAUSTED;
    PEK_TRY(know_all(scoreboard, arena, &known));
    PEK_TRY(open_table(text, GUIDELINES_CSV_FIELD, arena, &table, fault));
    PEK_TRY(take_columns(&table, &columns));
    PEK_TRY(read_row(&table));
    while (table.count > 0) {
        evaluation_v1_guideline *guideline = NULL;
        PEK_TRY(check_columns(&table, &columns));
        PEK_TRY(find_or_add(&table, cell_of(&table, &columns, NAME), known, &guideline));
        PEK_TRY(take_guideline(&table, &columns, guideline));
        PEK_TRY(read_row(&table));
    }
    for (size_t i = 0; i < known->count; i++)
        guidelines[i] = known->list[i].guideline;
    *ret_guidelines = guidelines;
    *ret_count = known->count;
    return STATUS_OK;
}

/* ---- points ------------------------------------------------------------------------------------ */

/* The guideline of each cell behind the first; NULL for a column without a name. */
static enum status take_names(const struct table *table, struct all_known *known,
                              const evaluation_v1_guideline **ret_of)
{
    size_t guidelines = 0;

    for (size_t i = 1; i < table->count; i++) {
        struct slice cell = table->cells[i];
        struct known *found = NULL;
        struct name name;
        if (cell.len == 0)
            continue;
        PEK_TRY(find_known(table, cell, known, &name, &found));
        if (!found)
            return refuse(table, cell, "no guideline has this name");
        if (found->line > 0)
            return refuse(table, cell, "this column is there twice");
        found->line = table->csv.line;
        ret_of[i] = found->guideline;
        guidelines++;
    }
    if (guidelines == 0)
        return refuse(table, table->count > 0 ? table->cells[0] : slice_make("", 0),
                      "behind the first cell are guidelines' names, with commas, semicolons or "
                      "tabs between them");
    return STATUS_OK;
}

static enum status take_cell(const struct table *table, struct slice cell,
                             const evaluation_v1_guideline *guideline, struct points_csv_row *row)
{
    evaluation_v1_point_of_member *point = arena_alloc(table->arena, sizeof(*point));
    int32_t points;

    if (!point)
        return STATUS_RESOURCE_EXHAUSTED;
    if (!guideline)
        return refuse(table, cell, "there is no guideline for this cell");
    if (!read_number(cell, &points))
        return refuse(table, cell, "points are a whole number");
    if (points < 0 || points > guideline->max_per_member)
        return fault_set_reason(table->fault, STATUS_INVALID_ARGUMENT, SCOREBOARD_REASON_POINTS,
                                table->field, "line %zu: %s gives 0 to %d points, not %d",
                                table->csv.line, guideline->name, guideline->max_per_member,
                                points);
    *point = (evaluation_v1_point_of_member)EVALUATION_V1_POINT_OF_MEMBER_INIT;
    point->guideline_id = guideline->id;
    point->points = points;
    row->cells[row->cell_count++] = point;
    return STATUS_OK;
}

static enum status take_row(const struct table *table, const evaluation_v1_guideline *const *of,
                            struct points_csv_row *row)
{
    size_t count = 0;
    struct name name;

    if (table->cells[0].len == 0)
        return refuse(table, table->cells[0], "a row begins with the member");
    PEK_TRY(take_name(table, table->cells[0], &name));
    for (size_t i = 1; i < table->count; i++)
        count += table->cells[i].len > 0;
    *row = (struct points_csv_row){
        .line = table->csv.line,
        .member = name.text,
        .key = name.key,
        .cells = arena_zalloc(table->arena, count + 1, sizeof(*row->cells)),
    };
    if (!row->cells)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 1; i < table->count; i++)
        if (table->cells[i].len > 0)
            PEK_TRY(take_cell(table, table->cells[i], of[i], row));
    return STATUS_OK;
}

enum status points_csv_read(struct slice text, const evaluation_v1_scoreboard *scoreboard,
                            struct arena *arena, struct points_csv_row **ret_rows,
                            size_t *ret_count, struct fault *fault)
{
    struct points_csv_row *rows = arena_zalloc(arena, POINTS_CSV_ROWS_MAX, sizeof(*rows));
    const evaluation_v1_guideline **of = arena_zalloc(arena, CELLS_MAX, sizeof(*of));
    struct all_known *known;
    struct table table;
    size_t count = 0;

    if (!rows || !of)
        return STATUS_RESOURCE_EXHAUSTED;
    PEK_TRY(know_all(scoreboard, arena, &known));
    PEK_TRY(open_table(text, POINTS_CSV_FIELD, arena, &table, fault));
    PEK_TRY(take_names(&table, known, of));
    PEK_TRY(read_row(&table));
    while (table.count > 0) {
        if (count == POINTS_CSV_ROWS_MAX)
            return refuse(&table, table.cells[0], "there are too many rows");
        PEK_TRY(take_row(&table, of, &rows[count++]));
        PEK_TRY(read_row(&table));
    }
    *ret_rows = rows;
    *ret_count = count;
    return STATUS_OK;
}

/* The row that has the same user before this one; `at` when there is none. */
static size_t row_before(char *const *users, size_t at)
{
    for (size_t i = 0; users[at] && i < at; i++)
        if (users[i] && strcmp(users[i], users[at]) == 0)
            return i;
    return at;
}

enum status points_csv_take(const struct points_csv_row *rows, size_t count, char *const *users,
                            struct arena *arena, evaluation_v1_batch_set_points_request *ret_points,
                            struct fault *fault)
{
    size_t point_count = 0;

    for (size_t i = 0; i < count; i++) {
        size_t before = row_before(users, i);
        if (before < i)
            return fault_set(fault, STATUS_INVALID_ARGUMENT, POINTS_CSV_FIELD,
                             "line %zu: the same member as in line %zu", rows[i].line,
                             rows[before].line);
        point_count += users[i] ? rows[i].cell_count : 0;
    }
    if (point_count > SCOREBOARD_CELLS_MAX)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, POINTS_CSV_FIELD,
                         "there are more than %d points", SCOREBOARD_CELLS_MAX);
    ret_points->points = arena_zalloc(arena, point_count + 1, sizeof(*ret_points->points));
    if (!ret_points->points)
        return STATUS_RESOURCE_EXHAUSTED;
    ret_points->n_points = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; users[i] && j < rows[i].cell_count; j++) {
            rows[i].cells[j]->user_id = users[i];
            ret_points->points[ret_points->n_points++] = rows[i].cells[j];
        }
    }
    return STATUS_OK;
}
