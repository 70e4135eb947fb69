#include "hub/transcode/transcode.h"

#include <stdlib.h>

#include "hub/transcode/internal.h"

enum status transcode_new(struct slice descriptor_set, struct transcode **ret_transcode,
                          struct fault *fault)
{
    struct transcode *transcode = calloc(1, sizeof(*transcode));
    if (!transcode)
        return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "no memory for descriptors");
    arena_init(&transcode->arena, TRANSCODE_BYTES_MAX);
    enum status status = route_table_new(&transcode->routes);
    if (status == STATUS_OK && !plans_init(transcode))
        status = STATUS_RESOURCE_EXHAUSTED;
    if (status != STATUS_OK)
        fault_set(fault, status, NULL, "no memory for descriptors");
    if (status == STATUS_OK)
        status = pool_new(descriptor_set, &transcode->pool, fault);
    if (status == STATUS_OK)
        status = methods_load(transcode, descriptor_set, fault);
    if (status != STATUS_OK) {
        transcode_free(transcode);
        return status;
    }
    *ret_transcode = transcode;
    return STATUS_OK;
}

struct transcode *transcode_free(struct transcode *transcode)
{
    if (transcode) {
        route_table_free(transcode->routes);
        if (transcode->pool)
            upb_DefPool_Free(transcode->pool);
        arena_done(&transcode->arena);
        free(transcode);
    }
    return NULL;
}

size_t transcode_method_count(const struct transcode *transcode)
{
    return transcode->method_count;
}

const struct transcode_method *transcode_method(const struct transcode *transcode, size_t index)
{
    return &transcode->methods[index].method;
}

const struct transcode_method *transcode_find(const struct transcode *transcode, struct slice path)
{
    for (size_t i = 0; i < transcode->method_count; i++) {
        if (slice_equal(transcode->methods[i].method.path, path))
            return &transcode->methods[i].method;
    }
    return NULL;
}

const struct route_table *transcode_routes(const struct transcode *transcode)
{
    return transcode->routes;
}

const struct upb_DefPool *transcode_pool(const struct transcode *transcode)
{
    return transcode->pool;
}

bool transcode_field_is_internal(const struct transcode *transcode,
                                 const struct upb_FieldDef *field)
{
    return transcode_is_internal(transcode, field);
}

const struct upb_FieldDef *transcode_request_field(const struct transcode_method *method,
                                                   struct slice path)
{
    return field_resolve(method->request, path);
}
