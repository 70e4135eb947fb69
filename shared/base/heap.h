/* heap: that the memory of large buffers goes back to the system. */
#ifndef PEK_SHARED_BASE_HEAP_H
#define PEK_SHARED_BASE_HEAP_H

#define HEAP_LARGE_BYTES (64 * 1024) /* what a connection's buffers have when its client is slow */
/* Free at the heap's end: kept for the next, so that it does not shrink and grow with each request. */
#define HEAP_KEEP_BYTES (1024 * 1024)

/* Once, at the program's start. Buffers from HEAP_LARGE_BYTES on are a mapping each, which ends with them. glibc does so too, until it
 * frees the first of them: from then on it takes what is shorter than that one was, up to 32 MiB, from the heap, whose end cannot go
 * back while anything small behind it lives. */
void heap_return_large(void);

#endif
