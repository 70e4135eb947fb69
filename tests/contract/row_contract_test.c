/* Messages that are read from rows (pek.row) against the tables that the migrations make: each column is there, in a
 * type that its field can hold. A field without its migration fails here, and so does a migration that takes a
 * column from under a field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "upb/def.h"

#include "bazel/generator/rows.h"
#include "hub/schema/schema.h"
#include "protos/descriptor_set.h"
#include "shared/base/buffer.h"
#include "tests/support/pg_cluster.h"
#include "worker/realm/migrations.h"

static struct pg_cluster *cluster;
static upb_DefPool *pool;
static upb_Arena *memory;
static struct arena arena;
static struct buffer complaints;
static size_t columns_seen;

/* As format_type names them. A NULL reads as the field's default, whatever the column says of NULL. */
static const char *const types_of_kind[][4] = {
    [ROW_TEXT] = {"text", "bigint", "uuid"},
    [ROW_BYTES] = {"bytea"},
    [ROW_BOOL] = {"boolean"},
    [ROW_INT32] = {"smallint", "integer"},
    [ROW_INT64] = {"smallint", "integer", "bigint"},
    [ROW_ENUM] = {"smallint", "integer"},
    [ROW_BITS] = {"smallint", "integer", "bigint"},
    [ROW_TIME] = {"timestamp with time zone"},
    [ROW_ETAG] = {"bigint"},
};

static const char *type_of_column(const char *schema, const char *table, const char *column)
{
    static char type[64];
    char sql[512];
    int len = snprintf(sql, sizeof(sql),
                       "SELECT format_type(atttypid, NULL) FROM pg_attribute"
                       " WHERE attrelid = to_regclass('%s.%s') AND attname = '%s'"
                       "   AND attnum > 0 AND NOT attisdropped",
                       schema, table, column);
    assert_in_range(len, 1, sizeof(sql) - 1);
    pg_cluster_query(cluster, sql, type, sizeof(type));
    return type;
}

static void check_column(const upb_MessageDef *message, const char *schema, const char *table,
                         const struct row_field *field)
{
    const char *type = type_of_column(schema, table, field->column);
    columns_seen++;
    for (size_t i = 0; i < 4 && types_of_kind[field->kind][i]; i++)
        if (strcmp(type, types_of_kind[field->kind][i]) == 0)
            return;
    buffer_printf(&complaints, "  %s.%s: %s.%s.%s is %s\n", upb_MessageDef_FullName(message),
                  upb_FieldDef_Name(field->field), schema, table, field->column,
                  type[0] ? type : "not there");
}

static void check_file(const upb_FileDef *file)
{
    for (int i = 0; i < upb_FileDef_TopLevelMessageCount(file); i++) {
        const upb_MessageDef *message = upb_FileDef_TopLevelMessage(file, i);
        struct row_fields row;
        assert_int_equal(rows_read(message, &arena, &row), STATUS_OK);
        for (size_t f = 0; f < row.count; f++)
            if (row.fields[f].column)
                check_column(message, row.schema, row.table, &row.fields[f]);
    }
}

static int load(void **state)
{
    struct fault fault = {0};
    size_t applied, count;
    (void)state;
    arena_init(&arena, 16u << 20);
    buffer_init(&complaints, 1u << 20);
    pool = upb_DefPool_New();
    memory = upb_Arena_New();
    cluster = pg_cluster_start();
    if (!cluster)
        return -1;
    assert_int_equal(realm_migrate(pg_cluster_conninfo(cluster), &applied, &fault), STATUS_OK);
    assert_int_equal(
        migrate_apply(pg_cluster_conninfo(cluster), hub_migrations(), &applied, &fault), STATUS_OK);
    const google_protobuf_FileDescriptorProto *const *files =
        google_protobuf_FileDescriptorSet_file(
            google_protobuf_FileDescriptorSet_parse((const char *)pek_descriptor_set,
                                                    pek_descriptor_set_len, memory),
            &count);
    for (size_t i = 0; i < count; i++) {
        upb_Status status;
        upb_Status_Clear(&status);
        if (!upb_DefPool_AddFile(pool, files[i], &status))
            fail_msg("%s", upb_Status_ErrorMessage(&status));
    }
    return 0;
}

static int unload(void **state)
{
    (void)state;
    cluster = pg_cluster_stop(cluster);
    buffer_done(&complaints);
    arena_done(&arena);
    upb_Arena_Free(memory);
    upb_DefPool_Free(pool);
    return 0;
}

static void columns_are_those_of_the_tables(void **state)
{
    (void)state;
    size_t count;
    const google_protobuf_FileDescriptorProto *const *files =
        google_protobuf_FileDescriptorSet_file(
            google_protobuf_FileDescriptorSet_parse((const char *)pek_descriptor_set,
                                                    pek_descriptor_set_len, memory),
            &count);
    for (size_t i = 0; i < count; i++) {
        upb_StringView name = google_protobuf_FileDescriptorProto_name(files[i]);
        check_file(upb_DefPool_FindFileByNameWithSize(pool, name.data, name.size));
    }
    if (complaints.len > 0)
        fail_msg("\n%.*s", (int)complaints.len, complaints.ptr);
    /* Those of a group at least. */
    assert_true(columns_seen >= 20);
}

static void missing_column_is_told(void **state)
{
    (void)state;
    const upb_MessageDef *group = upb_DefPool_FindMessageByName(pool, "pek.group.v1.Group");
    struct row_fields row;
    assert_non_null(group);
    assert_int_equal(rows_read(group, &arena, &row), STATUS_OK);
    struct row_field field = row.fields[1];
    buffer_reset(&complaints);
    field.column = "no_such_column";
    check_column(group, row.schema, row.table, &field);
    field.column = "version";
    field.kind = ROW_TIME;
    check_column(group, row.schema, row.table, &field);
    check_column(group, row.schema, "no_such_table", &field);
    buffer_append_char(&complaints, '\0');
    assert_string_equal(complaints.ptr,
                        "  pek.group.v1.Group.id: pek.realm_group.no_such_column is not there\n"
                        "  pek.group.v1.Group.id: pek.realm_group.version is bigint\n"
                        "  pek.group.v1.Group.id: pek.no_such_table.version is not there\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_those_of_the_tables),
        cmocka_unit_test(missing_column_is_told),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
