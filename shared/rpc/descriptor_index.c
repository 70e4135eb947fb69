#include "shared/rpc/descriptor_index.h"

#include <stdlib.h>

#include "google/protobuf/descriptor.pb-c.h"
#include "shared/base/arena.h"
#include "shared/rpc/rpc.h"

#define INDEX_BYTES_MAX (64u * 1024 * 1024)
/* Messages in messages; deeper ones are not found by name. */
#define INDEX_NESTING_MAX 16

enum entry_kind { ENTRY_FILE, ENTRY_SYMBOL, ENTRY_EXTENSION };

/* `number` only for extensions, whose `name` is the type that they extend. */
struct entry {
    enum entry_kind kind;
    const char *name;
    int32_t number;
    struct slice file;
};

struct descriptor_index {
    struct arena arena; /* names and files */
    struct entry *entries;
    size_t count;
    size_t capacity;
    bool failed; /* out of memory */
};

typedef Google__Protobuf__DescriptorProto message_type;
typedef Google__Protobuf__FieldDescriptorProto field_type;

static int entry_compare(const void *a, const void *b)
{
    const struct entry *left = a;
    const struct entry *right = b;
    if (left->kind != right->kind)
        return left->kind < right->kind ? -1 : 1;
    int order = strcmp(left->name, right->name);
    if (order != 0)
        return order;
    return left->number < right->number ? -1 : left->number > right->number;
}

static void index_add(struct descriptor_index *index, enum entry_kind kind, const char *name,
                      int32_t number, struct slice file)
{
    if (index->count == index->capacity) {
        size_t capacity = index->capacity ? index->capacity * 2 : 256;
        struct entry *entries = realloc(index->entries, capacity * sizeof(*entries));
        if (!entries) {
            index->failed = true;
            return;
        }
        index->entries = entries;
        index->capacity = capacity;
    }
    char *copy = arena_strndup(&index->arena, name, strlen(name));
    if (!copy)
        index->failed = true;
    else
        index->entries[index->count++] = (struct entry){kind, copy, number, file};
}

/* Adds `scope.name` and gives it back for what is inside. */
static const char *index_symbol(struct descriptor_index *index, const char *scope, const char *name,
                                struct slice file)
{
    const char *symbol =
        arena_printf(&index->arena, "%s%s%s", scope, scope[0] ? "." : "", name ? name : "");
    if (!symbol) {
        index->failed = true;
        return "";
    }
    index_add(index, ENTRY_SYMBOL, symbol, 0, file);
    return symbol;
}

static void index_extensions(struct descriptor_index *index, const char *scope,
                             field_type *const *fields, size_t count, struct slice file)
{
    for (size_t i = 0; i < count; i++) {
        const char *type = fields[i]->extendee ? fields[i]->extendee : "";
        index_symbol(index, scope, fields[i]->name, file);
        index_add(index, ENTRY_EXTENSION, type + (type[0] == '.'), fields[i]->number, file);
    }
}

static void index_message(struct descriptor_index *index, const char *scope,
                          const message_type *message, struct slice file, size_t depth)
{
    const char *symbol = index_symbol(index, scope, message->name, file);
    index_extensions(index, symbol, message->extension, message->n_extension, file);
    for (size_t i = 0; i < message->n_enum_type; i++)
        index_symbol(index, symbol, message->enum_type[i]->name, file);
    for (size_t i = 0; i < message->n_nested_type && depth < INDEX_NESTING_MAX; i++)
        index_message(index, symbol, message->nested_type[i], file, depth + 1);
}

static void index_file(struct descriptor_index *index,
                       const Google__Protobuf__FileDescriptorProto *proto)
{
    size_t bytes = protobuf_c_message_get_packed_size(&proto->base);
    uint8_t *packed = arena_alloc(&index->arena, bytes);
    if (!packed) {
        index->failed = true;
        return;
    }
    protobuf_c_message_pack(&proto->base, packed);
    struct slice file = slice_make(packed, bytes);
    const char *package = proto->package ? proto->package : "";
    index_add(index, ENTRY_FILE, proto->name ? proto->name : "", 0, file);
    index_extensions(index, package, proto->extension, proto->n_extension, file);
    for (size_t i = 0; i < proto->n_message_type; i++)
        index_message(index, package, proto->message_type[i], file, 0);
    for (size_t i = 0; i < proto->n_enum_type; i++)
        index_symbol(index, package, proto->enum_type[i]->name, file);
    for (size_t i = 0; i < proto->n_service; i++) {
        const Google__Protobuf__ServiceDescriptorProto *service = proto->service[i];
        const char *symbol = index_symbol(index, package, service->name, file);
        for (size_t j = 0; j < service->n_method; j++)
            index_symbol(index, symbol, service->method[j]->name, file);
    }
}

/* Before the entries are sorted. */
static bool index_has_file(const struct descriptor_index *index, const char *name)
{
    for (size_t i = 0; name && i < index->count; i++)
        if (index->entries[i].kind == ENTRY_FILE && strcmp(index->entries[i].name, name) == 0)
            return true;
    return false;
}

static enum status index_set(struct descriptor_index *index, struct slice set)
{
    struct arena unpacked;
    arena_init(&unpacked, INDEX_BYTES_MAX);
    ProtobufCMessage *decoded = NULL;
    enum status status = rpc_decode(&google__protobuf__file_descriptor_set__descriptor, set,
                                    &unpacked, &decoded, NULL);
    if (status == STATUS_OK) {
        const Google__Protobuf__FileDescriptorSet *files =
            (const Google__Protobuf__FileDescriptorSet *)decoded;
        for (size_t i = 0; i < files->n_file; i++)
            if (!index_has_file(index, files->file[i]->name))
                index_file(index, files->file[i]);
    }
    arena_done(&unpacked);
    return status == STATUS_OK && index->failed ? STATUS_RESOURCE_EXHAUSTED : status;
}

enum status descriptor_index_new(const struct slice *sets, size_t set_count,
                                 struct descriptor_index **ret_index)
{
    struct descriptor_index *index = calloc(1, sizeof(*index));
    if (!index)
        return STATUS_RESOURCE_EXHAUSTED;
    arena_init(&index->arena, INDEX_BYTES_MAX);
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < set_count; i++)
        status = index_set(index, sets[i]);
    if (status != STATUS_OK) {
        descriptor_index_free(index);
        return status;
    }
    if (index->count > 0)
        qsort(index->entries, index->count, sizeof(*index->entries), entry_compare);
    *ret_index = index;
    return STATUS_OK;
}

struct descriptor_index *descriptor_index_free(struct descriptor_index *index)
{
    if (index) {
        free(index->entries);
        arena_done(&index->arena);
        free(index);
    }
    return NULL;
}

static const struct entry *index_find(const struct descriptor_index *index, enum entry_kind kind,
                                      const char *name, int32_t number)
{
    const struct entry wanted = {.kind = kind, .name = name, .number = number};
    if (index->count == 0)
        return NULL;
    return bsearch(&wanted, index->entries, index->count, sizeof(wanted), entry_compare);
}

static bool entry_give(const struct entry *entry, struct slice *ret_file)
{
    if (entry)
        *ret_file = entry->file;
    return entry != NULL;
}

bool descriptor_index_file(const struct descriptor_index *index, const char *name,
                           struct slice *ret_file)
{
    return entry_give(index_find(index, ENTRY_FILE, name, 0), ret_file);
}

bool descriptor_index_symbol(const struct descriptor_index *index, const char *symbol,
                             struct slice *ret_file)
{
    return entry_give(index_find(index, ENTRY_SYMBOL, symbol, 0), ret_file);
}

bool descriptor_index_extension(const struct descriptor_index *index, const char *type,
                                int32_t number, struct slice *ret_file)
{
    return entry_give(index_find(index, ENTRY_EXTENSION, type, number), ret_file);
}

bool descriptor_index_extension_number(const struct descriptor_index *index, const char *type,
                                       size_t n, int32_t *ret_number)
{
    for (size_t i = 0; i < index->count; i++) {
        const struct entry *entry = &index->entries[i];
        if (entry->kind == ENTRY_EXTENSION && strcmp(entry->name, type) == 0 && n-- == 0) {
            *ret_number = entry->number;
            return true;
        }
    }
    return false;
}
