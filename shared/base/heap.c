#include "shared/base/heap.h"

#include <malloc.h>

void heap_return_large(void)
{
    mallopt(M_MMAP_THRESHOLD, HEAP_LARGE_BYTES);
    mallopt(M_TRIM_THRESHOLD, HEAP_KEEP_BYTES);
}
