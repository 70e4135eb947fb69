/* gzip: whole bodies compressed, by zlib. One state for a server, since nothing waits in between. On the loop thread. */
#ifndef PEK_HUB_HTTP_GZIP_H
#define PEK_HUB_HTTP_GZIP_H

#include "shared/base/arena.h"

/* 256 KiB that are used anew each time. NULL without memory. */
struct gzip *gzip_new(int level);
/* Takes NULL, returns NULL. */
struct gzip *gzip_free(struct gzip *gzip);
/* Into the arena; false when it has no room, or the result is no shorter. */
bool gzip_body(struct gzip *gzip, struct slice body, struct arena *arena, struct slice *ret_body);

#endif
