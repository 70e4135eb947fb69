/* A whole connection, of either protocol: whatever comes, in two packets, the server lives, every request ends, and nothing of the
 * connection stays. A real server behind a real socket; the input's first byte says where it is cut.
 */
#include <stdlib.h>
#include <sys/socket.h>

#include "bazel/fuzz/fuzz.h"
#include "hub/http/fixture.h"

#define TURNS_MAX 100000

static void begin(void)
{
    static bool begun;
    if (!begun && setup(NULL) == 0)
        start((struct http_options){0});
    begun = true;
}

static void send_bytes(struct client *client, struct slice bytes)
{
    if (bytes.len > 0)
        client_send(client, bytes);
    for (size_t turn = 0; turn < 2; turn++)
        uv_run(&loop, UV_RUN_NOWAIT);
    (void)client_take(client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > HTTP_LINE_BYTES_MAX)
        return 0;
    begin();
    seen.release = true; /* nothing waits for a test */
    struct slice bytes = slice_make(data + 1, size - 1);
    size_t cut = bytes.len * data[0] / 256;
    struct client client = client_open();
    send_bytes(&client, slice_make(bytes.ptr, cut));
    send_bytes(&client, slice_make(bytes.ptr + cut, bytes.len - cut));
    client_close(&client);
    for (size_t turn = 0; http_server_connections(server) + http_server_requests(server) > 0;
         turn++) {
        if (turn == TURNS_MAX)
            abort();
        uv_run(&loop, UV_RUN_ONCE);
    }
    if (seen.started != seen.ended)
        abort();
    return 0;
}
