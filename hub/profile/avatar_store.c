#include "hub/profile/avatar_store.h"

#include "pek/hub/v1/profile.row.h"

/* Behind the row's own columns. */
#define COLUMN_DATA HUB_V1_AVATAR_COLUMN_COUNT

static enum status read_avatar(const struct pg_result *rows, size_t row, struct arena *arena,
                               void *ret_message, struct fault *fault)
{
    return hub_v1_avatar_from_row(rows, row, arena, ret_message, fault);
}

static enum status read_picture(const struct pg_result *rows, size_t row, struct arena *arena,
                                void *ret_message, struct fault *fault)
{
    hub_v1_avatar avatar;
    PEK_TRY(hub_v1_avatar_from_row(rows, row, arena, &avatar, fault));
    struct slice data = pg_get_bytea(rows, row, COLUMN_DATA, arena);
    avatar.media = arena_alloc(arena, sizeof(*avatar.media));
    if (!avatar.media || arena->failed)
        return STATUS_RESOURCE_EXHAUSTED;
    pek__media__init(avatar.media);
    avatar.media->content_type = avatar.content_type;
    avatar.media->data = (ProtobufCBinaryData){data.len, (uint8_t *)(uintptr_t)data.ptr};
    *(hub_v1_avatar *)ret_message = avatar;
    return STATUS_OK;
}

static const char *etag_of(const void *message)
{
    return ((const hub_v1_avatar *)message)->etag;
}

const struct row_type avatar_store_row = {"avatar", &pek__hub__v1__avatar__descriptor, read_avatar,
                                          etag_of};
const struct row_type avatar_store_picture_row = {"avatar", &pek__hub__v1__avatar__descriptor,
                                                  read_picture, etag_of};

const struct pg_statement avatar_store_get = {
    "avatar_get",
    "SELECT " HUB_V1_AVATAR_COLUMNS(a) ", CASE WHEN 'v' || a.version = $3 THEN NULL ELSE a.data END"
                                       "  FROM hub.avatar AS a"
                                       " WHERE a.user_id = hub.user_named($1)"
                                       "   AND (a.user_id = $2 OR hub.share_realm($2, a.user_id))",
};

enum status avatar_store_put(struct change *change, const char *content_type,
                             const struct image *image, hub_v1_avatar *ret_avatar)
{
    static const struct pg_statement put = {
        "avatar_put",
        "INSERT INTO hub.avatar AS a (user_id, content_type, width, height, data, version)"
        " VALUES ($1, $2, $3::integer, $4::integer, $5::bytea, nextval('hub.avatar_version_seq'))"
        " ON CONFLICT (user_id) DO UPDATE SET content_type = EXCLUDED.content_type,"
        "     width = EXCLUDED.width, height = EXCLUDED.height, data = EXCLUDED.data,"
        "     version = EXCLUDED.version, update_time = now()"
        " RETURNING " HUB_V1_AVATAR_COLUMNS(a),
    };
    struct arena *arena = change->arena;
    return change_row(change, &avatar_store_row, &put,
                      PG_PARAMS(pg_str(change->actor), pg_str(content_type),
                                pg_int(arena, (int64_t)image->width),
                                pg_int(arena, (int64_t)image->height), pg_bytea(image->bytes)),
                      ret_avatar);
}

enum status avatar_store_delete(struct change *change, bool *ret_was_there)
{
    static const struct pg_statement delete = {
        "avatar_delete",
        "DELETE FROM hub.avatar WHERE user_id = $1 RETURNING 1",
    };
    const struct pg_result *rows;
    PEK_TRY(change_execute(change, &delete, PG_PARAMS(pg_str(change->actor)), &rows));
    *ret_was_there = pg_rows(rows) > 0;
    return STATUS_OK;
}
