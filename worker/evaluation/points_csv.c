#include "worker/evaluation/points_csv.h"

#include <stdlib.h>
#include <string.h>

#include "shared/text/csv.h"

#define CELLS_MAX (SCOREBOARD_GUIDELINES_MAX + 1)

static enum status refuse(const struct csv *csv, const char *field, struct slice cell,
                          const char *why, struct fault *fault)
{
    return fault_set(fault, STATUS_INVALID_ARGUMENT, field, "line %zu: '%.*s': %s", csv->line,
                     (int)(cell.len < 100 ? cell.len : 100), cell.ptr, why);
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

static enum status take_header(const struct csv *csv, const struct slice *cells, size_t count,
                               struct columns *columns, struct fault *fault)
{
    for (size_t i = 0; i < count; i++) {
        size_t c = 0;
        while (c < COLUMNS && !slice_equal_str(cells[i], column_names[c]))
            c++;
        if (c == COLUMNS)
            return refuse(csv, GUIDELINES_CSV_FIELD, cells[i],
                          "columns are name, category, maxPerMember, description and "
                          "maxPerGuideline, with commas or semicolons between them",
                          fault);
    }
    for (size_t c = 0; c < COLUMNS; c++) {
        columns->at[c] = NO_COLUMN;
        for (size_t i = 0; i < count; i++) {
            if (!slice_equal_str(cells[i], column_names[c]))
                continue;
            if (columns->at[c] != NO_COLUMN)
                return refuse(csv, GUIDELINES_CSV_FIELD, cells[i], "this column is there twice",
                              fault);
            columns->at[c] = i;
        }
        if (c < REQUIRED && columns->at[c] == NO_COLUMN)
            return fault_set(fault, STATUS_INVALID_ARGUMENT, GUIDELINES_CSV_FIELD,
                             "there is no column %s", column_names[c]);
    }
    return STATUS_OK;
}

static struct slice cell_of(const struct columns *columns, const struct slice *cells, size_t count,
                            size_t column)
{
    return columns->at[column] < count ? cells[columns->at[column]] : slice_make("", 0);
}

static enum status take_category(const struct csv *csv, struct slice cell,
                                 evaluation_v1_guideline *guideline, struct fault *fault)
{
    if (slice_equal_str(cell, "WORK"))
        guideline->category = EVALUATION_V1_POINT_CATEGORY_WORK;
    else if (slice_equal_str(cell, "RESPONSIBILITY"))
        guideline->category = EVALUATION_V1_POINT_CATEGORY_RESPONSIBILITY;
    else
        return refuse(csv, GUIDELINES_CSV_FIELD, cell, "a category is WORK or RESPONSIBILITY",
                      fault);
    return STATUS_OK;
}

static enum status take_guideline(const struct csv *csv, const struct columns *columns,
                                  const struct slice *cells, size_t count, struct arena *arena,
                                  evaluation_v1_guideline *guideline, struct fault *fault)
{
    struct slice most = cell_of(columns, cells, count, MAX_PER_MEMBER),
                 all = cell_of(columns, cells, count, MAX_PER_GUIDELINE),
                 description = cell_of(columns, cells, count, DESCRIPTION);

    PEK_TRY(take_category(csv, cell_of(columns, cells, count, CATEGORY), guideline, fault));
    if (!read_number(most, &guideline->max_per_member))
        return refuse(csv, GUIDELINES_CSV_FIELD, most, "maxPerMember is a number", fault);
    if (all.len > 0 && !read_number(all, &guideline->max_per_guideline))
        return refuse(csv, GUIDELINES_CSV_FIELD, all, "maxPerGuideline is a number", fault);
    if (columns->at[DESCRIPTION] != NO_COLUMN)
        guideline->description = arena_strndup(arena, description.ptr, description.len);
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

/* NULL when none of them has the name; `ret_twice` when two have it. */
static evaluation_v1_guideline *named(evaluation_v1_guideline *const *guidelines, size_t count,
                                      struct slice name, bool *ret_twice)
{
    evaluation_v1_guideline *found = NULL;

    *ret_twice = false;
    for (size_t i = 0; i < count; i++) {
        if (!slice_equal_str(name, guidelines[i]->name))
            continue;
        *ret_twice |= found != NULL;
        found = guidelines[i];
    }
    return found;
}

/* The guideline of the row: one that is there already, or one more. */
static enum status find_or_add(const struct csv *csv, struct slice name, struct arena *arena,
                               evaluation_v1_guideline **guidelines, size_t *count,
                               evaluation_v1_guideline **ret_guideline, struct fault *fault)
{
    bool twice;
    evaluation_v1_guideline *guideline = named(guidelines, *count, name, &twice);

    if (twice)
        return refuse(csv, GUIDELINES_CSV_FIELD, name, "two guidelines have this name", fault);
    if (!guideline && *count == SCOREBOARD_GUIDELINES_MAX)
        return refuse(csv, GUIDELINES_CSV_FIELD, name, "there are too many guidelines", fault);
    if (!guideline) {
        guideline = arena_alloc(arena, sizeof(*guideline));
        if (!guideline)
            return STATUS_RESOURCE_EXHAUSTED;
        *guideline = (evaluation_v1_guideline)EVALUATION_V1_GUIDELINE_INIT;
        guideline->name = arena_strndup(arena, name.ptr, name.len);
        guidelines[(*count)++] = guideline;
    }
    *ret_guideline = guideline;
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

enum status points_csv_read_guidelines(struct slice text,
                                       const evaluation_v1_scoreboard *scoreboard,
                                       struct arena *arena,
                                       evaluation_v1_guideline ***ret_guidelines, size_t *ret_count,
                                       struct fault *fault)
{
    evaluation_v1_guideline **guidelines =
        arena_zalloc(arena, SCOREBOARD_GUIDELINES_MAX, sizeof(*guidelines));
    size_t count = scoreboard->n_guidelines, cell_count;
    struct slice cells[CELLS_MAX];
    struct columns columns;
    size_t column_count;
    struct csv csv;

    if (!guidelines)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 0; i < count; i++)
        guidelines[i] = scoreboard->guidelines[i];
    csv_init(&csv, text);
    PEK_TRY(csv_read(&csv, GUIDELINES_CSV_FIELD, arena, cells, CELLS_MAX, &column_count, fault));
    PEK_TRY(take_header(&csv, cells, column_count, &columns, fault));
    while (true) {
        evaluation_v1_guideline *guideline = NULL;
        PEK_TRY(csv_read(&csv, GUIDELINES_CSV_FIELD, arena, cells, CELLS_MAX, &cell_count, fault));
        if (cell_count == 0)
            break;
        if (cell_count > column_count)
            return refuse(&csv, GUIDELINES_CSV_FIELD, cells[column_count],
                          "there is no column for this cell", fault);
        PEK_TRY(find_or_add(&csv, cell_of(&columns, cells, cell_count, NAME), arena, guidelines,
                            &count, &guideline, fault));
        PEK_TRY(take_guideline(&csv, &columns, cells, cell_count, arena, guideline, fault));
    }
    *ret_guidelines = guidelines;
    *ret_count = count;
    return STATUS_OK;
}

/* ---- points ------------------------------------------------------------------------------------ */

/* The guideline of each cell behind the first. */
static enum status take_names(const struct csv *csv, const struct slice *cells, size_t count,
                              const evaluation_v1_scoreboard *scoreboard,
                              const evaluation_v1_guideline **ret_of, struct fault *fault)
{
    for (size_t i = 1; i < count; i++) {
        bool twice;
        ret_of[i] = named(scoreboard->guidelines, scoreboard->n_guidelines, cells[i], &twice);
        if (!ret_of[i])
            return refuse(csv, POINTS_CSV_FIELD, cells[i], "no guideline has this name", fault);
        if (twice)
            return refuse(csv, POINTS_CSV_FIELD, cells[i], "two guidelines have this name", fault);
        for (size_t j = 1; j < i; j++)
            if (ret_of[j] == ret_of[i])
                return refuse(csv, POINTS_CSV_FIELD, cells[i], "this column is there twice", fault);
    }
    return STATUS_OK;
}

static enum status take_cell(const struct csv *csv, struct slice cell,
                             const evaluation_v1_guideline *guideline, struct arena *arena,
                             struct points_csv_row *row, struct fault *fault)
{
    evaluation_v1_point_of_member *point = arena_alloc(arena, sizeof(*point));
    int32_t points;

    if (!point)
        return STATUS_RESOURCE_EXHAUSTED;
    if (!read_number(cell, &points))
        return refuse(csv, POINTS_CSV_FIELD, cell, "points are a whole number", fault);
    if (points < 0 || points > guideline->max_per_member)
        return fault_set_reason(fault, STATUS_INVALID_ARGUMENT, SCOREBOARD_REASON_POINTS,
                                POINTS_CSV_FIELD, "line %zu: %s gives 0 to %d points, not %d",
                                csv->line, guideline->name, guideline->max_per_member, points);
    *point = (evaluation_v1_point_of_member)EVALUATION_V1_POINT_OF_MEMBER_INIT;
    point->guideline_id = guideline->id;
    point->points = points;
    row->cells[row->cell_count++] = point;
    return STATUS_OK;
}

static enum status take_row(const struct csv *csv, const struct slice *cells, size_t count,
                            size_t column_count, const evaluation_v1_guideline *const *of,
                            struct arena *arena, struct points_csv_row *row, struct fault *fault)
{
    if (count > column_count)
        return refuse(csv, POINTS_CSV_FIELD, cells[column_count],
                      "there is no guideline for this cell", fault);
    if (cells[0].len == 0)
        return refuse(csv, POINTS_CSV_FIELD, cells[0], "a row begins with the member", fault);
    *row = (struct points_csv_row){
        .line = csv->line,
        .member = cells[0],
        .cells = arena_zalloc(arena, count, sizeof(*row->cells)),
    };
    if (!row->cells)
        return STATUS_RESOURCE_EXHAUSTED;
    for (size_t i = 1; i < count; i++)
        if (cells[i].len > 0)
            PEK_TRY(take_cell(csv, cells[i], of[i], arena, row, fault));
    return STATUS_OK;
}

enum status points_csv_read(struct slice text, const evaluation_v1_scoreboard *scoreboard,
                            struct arena *arena, struct points_csv_row **ret_rows,
                            size_t *ret_count, struct fault *fault)
{
    struct points_csv_row *rows = arena_zalloc(arena, POINTS_CSV_ROWS_MAX, sizeof(*rows));
    const evaluation_v1_guideline *of[CELLS_MAX];
    struct slice cells[CELLS_MAX];
    size_t count = 0, column_count, cell_count;
    struct csv csv;

    if (!rows)
        return STATUS_RESOURCE_EXHAUSTED;
    csv_init(&csv, text);
    PEK_TRY(csv_read(&csv, POINTS_CSV_FIELD, arena, cells, CELLS_MAX, &column_count, fault));
    PEK_TRY(take_names(&csv, cells, column_count, scoreboard, of, fault));
    while (true) {
        PEK_TRY(csv_read(&csv, POINTS_CSV_FIELD, arena, cells, CELLS_MAX, &cell_count, fault));
        if (cell_count == 0)
            break;
        if (count == POINTS_CSV_ROWS_MAX)
            return refuse(&csv, POINTS_CSV_FIELD, cells[0], "there are too many rows", fault);
        PEK_TRY(take_row(&csv, cells, cell_count, column_count, of, arena, &rows[count++], fault));
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
