#include "hub/http/h2_peer.h"

#include <stdlib.h>

struct peer peer;

struct stream *stream_of(int32_t id)
{
    assert_true(id > 0 && id / 2 < STREAMS);
    return &peer.streams[id / 2];
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *arg)
{
    (void)session, (void)flags, (void)arg;
    if (name_len == 7 && memcmp(name, ":status", 7) == 0) {
        char text[8] = "";
        memcpy(text, value, value_len < 7 ? value_len : 7);
        stream_of(frame->hd.stream_id)->code = (int)strtol(text, NULL, 10);
    }
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
                   size_t len, void *arg)
{
    struct stream *stream = stream_of(id);
    (void)session, (void)flags, (void)arg;
    for (size_t i = 0; i < len && stream->body_len + i + 1 < sizeof(stream->body); i++)
        stream->body[stream->body_len + i] = (char)bytes[i];
    stream->body_len += len;
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *arg)
{
    (void)session, (void)arg;
    stream_of(id)->ended = true;
    stream_of(id)->error = error;
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    (void)session, (void)arg;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        peer.goaway = true;
        peer.goaways++;
        peer.goaway_error = frame->goaway.error_code;
        peer.goaway_last = frame->goaway.last_stream_id;
    }
    return 0;
}

static ssize_t on_read_body(nghttp2_session *session, int32_t id, uint8_t *bytes, size_t len,
                            uint32_t *flags, nghttp2_data_source *source, void *arg)
{
    struct stream *stream = stream_of(id);
    (void)session, (void)source, (void)arg;
    if (len >= stream->to_send) {
        len = stream->to_send;
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    memset(bytes, 'b', len);
    stream->to_send -= len;
    return (ssize_t)len;
}

void peer_open(uint32_t window)
{
    nghttp2_session_callbacks *callbacks;
    const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window}};
    memset(&peer, 0, sizeof(peer));
    peer.tcp = client_open();
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    assert_int_equal(nghttp2_session_client_new(&peer.session, callbacks, NULL), 0);
    nghttp2_session_callbacks_del(callbacks);
    assert_int_equal(nghttp2_submit_settings(peer.session, NGHTTP2_FLAG_NONE, settings, 1), 0);
}

void peer_close(void)
{
    nghttp2_session_del(peer.session);
    client_close(&peer.tcp);
}

void peer_send(void)
{
    const uint8_t *bytes;
    for (ssize_t len; (len = nghttp2_session_mem_send(peer.session, &bytes)) > 0;)
        client_send(&peer.tcp, slice_make(bytes, (size_t)len));
}

bool peer_turn(void)
{
    peer_send();
    while (client_take(&peer.tcp))
        ;
    if (peer.tcp.in.len > 0) {
        (void)nghttp2_session_mem_recv(peer.session, (const uint8_t *)peer.tcp.in.ptr,
                                       peer.tcp.in.len);
        buffer_reset(&peer.tcp.in);
    }
    return true;
}

nghttp2_nv field(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                        strlen(value), NGHTTP2_NV_FLAG_NONE};
}

struct stream *peer_get_from(const char *scheme, const char *authority)
{
    const nghttp2_nv fields[] = {field(":method", "GET"), field(":path", "/"),
                                 field(":scheme", scheme), field(":authority", authority)};
    int32_t id = nghttp2_submit_request(peer.session, NULL, fields, 4, NULL, NULL);
    assert_true(id > 0);
    return stream_of(id);
}

struct stream *peer_get_with(const char *name, size_t lines)
{
    nghttp2_nv fields[4 + HTTP_HEADERS_MAX + 1] = {field(":method", "GET"), field(":path", "/"),
                                                   field(":scheme", "http"),
                                                   field(":authority", "a")};
    for (size_t i = 0; i < lines; i++)
        fields[4 + i] = field(name, "a");
    int32_t id = nghttp2_submit_request(peer.session, NULL, fields, 4 + lines, NULL, NULL);
    assert_true(id > 0);
    return stream_of(id);
}

int32_t peer_ask(const char *method, const char *path, size_t body_len, const char *name,
                 const char *value)
{
    const nghttp2_nv fields[] = {field(":method", method), field(":path", path),
                                 field(":scheme", "http"), field(":authority", "pek.example"),
                                 field(name ? name : "x", value ? value : "y")};
    const nghttp2_data_provider provider = {.read_callback = on_read_body};
    int32_t id = nghttp2_submit_request(peer.session, NULL, fields, 5,
                                        body_len > 0 ? &provider : NULL, NULL);
    assert_true(id > 0);
    stream_of(id)->to_send = body_len;
    return id;
}

struct stream *peer_get(const char *path)
{
    return stream_of(peer_ask("GET", path, 0, NULL, NULL));
}
