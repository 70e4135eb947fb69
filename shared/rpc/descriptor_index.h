/* descriptor_index: FileDescriptorSets, by file name, by symbol and by extension. Private to shared/rpc.
 *
 * Built once; read by any thread. What it gives lives as long as it does. */
#ifndef PEK_SHARED_RPC_DESCRIPTOR_INDEX_H
#define PEK_SHARED_RPC_DESCRIPTOR_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/slice.h"
#include "shared/base/status.h"

struct descriptor_index;

/* A file that is in several sets counts once. INVALID_ARGUMENT when one is not a
 * google.protobuf.FileDescriptorSet. */
PEK_MUST_CHECK enum status descriptor_index_new(const struct slice *sets, size_t set_count,
                                                struct descriptor_index **ret_index);
/* Takes NULL, returns NULL. */
struct descriptor_index *descriptor_index_free(struct descriptor_index *index);

/* Each gives a serialised FileDescriptorProto, or false. Symbols are full names without a leading dot:
 * messages, enums, services, methods, extensions. */
bool descriptor_index_file(const struct descriptor_index *index, const char *name,
                           struct slice *ret_file);
bool descriptor_index_symbol(const struct descriptor_index *index, const char *symbol,
                             struct slice *ret_file);
bool descriptor_index_extension(const struct descriptor_index *index, const char *type,
                                int32_t number, struct slice *ret_file);
/* The n-th known extension number of a message type; false when there are no more. */
bool descriptor_index_extension_number(const struct descriptor_index *index, const char *type,
                                       size_t n, int32_t *ret_number);

#endif
