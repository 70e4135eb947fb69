#include "hub/import/user_import.h"

#include "hub/import/user_sql.h"
#include "hub/login/username.h"
#include "shared/text/text.h"

static enum status make_username(void *arg, struct slice text, struct arena *arena,
                                 struct staged_text *ret_text)
{
    struct slice username;
    struct fault unused;
    (void)arg;
    PEK_TRY(username_check(text, arena, &username, &unused));
    *ret_text = (struct staged_text){.text = username};
    return STATUS_OK;
}

static enum status make_slug(void *arg, struct slice text, struct arena *arena,
                             struct staged_text *ret_text)
{
    struct slice slug;
    (void)arg;
    PEK_TRY(text_slug(text, NULL, arena, &slug, NULL));
    *ret_text = (struct staged_text){.text = slug};
    return STATUS_OK;
}

static const struct staging_file file = {
    .name = "users",
    .required = "id auth_sch_id screen_name firstname lastname",
    .optional = "nickname cell_phone room dormitory gender student_status",
};

static const struct {
    const char *table, *select;
    staging_make make;
} texts[] = {
    {"clean_last_name", "SELECT line_no, lastname FROM in_users", staging_make_line},
    {"clean_first_name", "SELECT line_no, firstname FROM in_users", staging_make_line},
    {"clean_nickname", "SELECT line_no, nickname FROM in_users", staging_make_line},
    {"clean_room", "SELECT line_no, room FROM in_users", staging_make_line},
    {"clean_screen_name", "SELECT line_no, screen_name FROM in_users", make_username},
    {"clean_slug",
     "SELECT line_no, concat_ws(' ', left(lastname, 200), left(firstname, 200)) FROM in_users",
     make_slug},
};

enum status user_import(struct staging *staging, const char *realm)
{
    PEK_TRY(staging_begin(staging));
    PEK_TRY(staging_apply(staging, "SELECT set_config('pek.realm', $1, true)", &realm, 1));
    PEK_TRY(staging_load(staging, &file));
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        PEK_TRY(staging_texts(staging, texts[i].table, texts[i].select, texts[i].make, NULL));
    PEK_TRY(staging_run(staging, (const char *)user_sql));
    return staging_add_up(staging);
}

const char user_import_out[] =
    "COPY (SELECT k.source_id, o.id, left(coalesce(nullif(trim(p.last_name || ' ' || "
    "p.first_name), ''),"
    "       o.name), 200)"
    "  FROM hub.user_import AS k JOIN hub.user_account AS a ON a.id = k.user_id"
    "  JOIN hub.user_account AS o ON o.id = coalesce(a.merged_into, a.id)"
    "  LEFT JOIN hub.profile AS p ON p.user_id = o.id"
    " WHERE k.realm = current_setting('pek.realm') AND o.deleted_at IS NULL) TO STDOUT";
