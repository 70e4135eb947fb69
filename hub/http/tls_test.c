/* HTTP over TLS: what is negotiated, and certificates that change under a running server. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <uv.h>

#include "hub/http/http.h"
#include "shared/base/clock.h"

#define WAIT_MS 20000

static uv_loop_t loop;
static uv_timer_t tick;
static struct fibers *fibers;
static struct http_server *server;
static char folder[] = "/tmp/pek-tls-XXXXXX";
static char certificate_path[64], key_path[64];
static size_t reloads, problems;

#define WAIT_FOR(condition)                                                                        \
    for (int64_t until_us = deadline_after_ms(WAIT_MS); !(condition);) {                           \
        if (clock_monotonic_us() > until_us)                                                       \
            fail_msg("not within %d ms: %s", WAIT_MS, #condition);                                 \
        uv_run(&loop, UV_RUN_ONCE);                                                                \
    }

static void write_file(const char *path, void (*write)(FILE *file, void *what), void *what)
{
    char fresh[80];
    snprintf(fresh, sizeof(fresh), "%s.new", path);
    FILE *file = fopen(fresh, "w");
    assert_non_null(file);
    write(file, what);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(fresh, path), 0);
}

static void write_key(FILE *file, void *key)
{
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
}

static void write_certificate(FILE *file, void *certificate)
{
    assert_int_equal(PEM_write_X509(file, certificate), 1);
}

static void write_garbage(FILE *file, void *text)
{
    fputs(text, file);
}

/* A self-signed certificate with this serial number, and its key, in the two files. */
static void make_certificate(long serial)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    assert_non_null(key);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1,
                               0);
    X509_set_issuer_name(certificate, name);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    write_file(key_path, write_key, key);
    write_file(certificate_path, write_certificate, certificate);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void handle(void *arg, struct http_request *request)
{
    (void)arg;
    http_reply(request, 200, NULL, 0,
               http_is_secure(request) ? SLICE_LIT("secure") : SLICE_LIT("plain"));
}

static void on_reload(void *arg, const struct fault *problem)
{
    (void)arg;
    reloads += problem == NULL;
    problems += problem != NULL;
}

static void on_tick(uv_timer_t *timer)
{
    (void)timer;
}

static int setup(void **state)
{
    (void)state;
    reloads = problems = 0;
    memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
    assert_non_null(mkdtemp(folder));
    snprintf(certificate_path, sizeof(certificate_path), "%s/certificate.pem", folder);
    snprintf(key_path, sizeof(key_path), "%s/key.pem", folder);
    make_certificate(1);
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(fibers_new(&loop, NULL, &fibers), STATUS_OK);
    uv_timer_init(&loop, &tick);
    uv_timer_start(&tick, on_tick, 2, 2);
    const struct http_tls tls = {certificate_path, key_path, on_reload, NULL};
    struct fault fault = {0};
    const struct http_options options = {
        .listen = "127.0.0.1:0", .tls = &tls, .strict_transport = true};
    if (http_server_new(fibers, &options, handle, NULL, &server, &fault) != STATUS_OK)
        fail_msg("%s", fault.text);
    return 0;
}

static bool drained;

static void run_drain(void *arg)
{
    (void)arg;
    (void)http_server_drain(server, deadline_after_ms(WAIT_MS));
    drained = true;
}

static int teardown(void **state)
{
    (void)state;
    drained = false;
    assert_int_equal(fiber_go(fibers, run_drain, NULL), STATUS_OK);
    WAIT_FOR(drained);
    server = http_server_free(server);
    fibers = fibers_free(fibers);
    uv_close((uv_handle_t *)&tick, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    unlink(certificate_path);
    unlink(key_path);
    rmdir(folder);
    return 0;
}

/* ---- client -------------------------------------------------------------------------------------- */

struct answer {
    bool connected;
    long serial;
    char protocol[16];
    char text[2048];
};

static bool again(SSL *ssl, int result)
{
    int error = SSL_get_error(ssl, result);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static const char usual[] = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
static struct slice question;
static unsigned key_updates; /* before it is sent */
static const char *enough;   /* of HTTP/2, whose connection stays: when this was read */

static void converse(SSL *ssl, struct answer *answer)
{
    int result;
    WAIT_FOR((result = SSL_connect(ssl)) == 1 || !again(ssl, result));
    if (result != 1)
        return;
    answer->connected = true;
    X509 *certificate = SSL_get1_peer_certificate(ssl);
    answer->serial = ASN1_INTEGER_get(X509_get0_serialNumber(certificate));
    X509_free(certificate);
    const unsigned char *protocol;
    unsigned protocol_len;
    SSL_get0_alpn_selected(ssl, &protocol, &protocol_len);
    snprintf(answer->protocol, sizeof(answer->protocol), "%.*s", (int)protocol_len, protocol);
    for (unsigned i = 0; i < key_updates; i++) {
        assert_int_equal(SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(ssl), 1);
    }
    WAIT_FOR((result = SSL_write(ssl, question.ptr, (int)question.len)) > 0 || !again(ssl, result));
    size_t len = 0;
    do {
        WAIT_FOR((result = SSL_read(ssl, answer->text + len,
                                    (int)(sizeof(answer->text) - 1 - len))) > 0 ||
                 !again(ssl, result));
        len += result > 0 ? (size_t)result : 0;
    } while (result > 0 && !(enough && memmem(answer->text, len, enough, strlen(enough))));
    answer->text[len] = '\0';
}

static int dial(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)http_server_port(server))};
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static struct answer ask_for(int version_max, const char *alpn, struct slice asked)
{
    question = asked;
    struct answer answer = {0};
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(context, 0); /* so that the server, not we, refuses what is old */
    SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context, version_max);
    SSL_CTX_set_alpn_protos(context, (const unsigned char *)alpn, (unsigned)strlen(alpn));
    SSL *ssl = SSL_new(context);
    int fd = dial();
    SSL_set_fd(ssl, fd);
    converse(ssl, &answer);
    SSL_free(ssl);
    SSL_CTX_free(context);
    close(fd);
    return answer;
}

static struct answer ask(int version_max, const char *alpn)
{
    return ask_for(version_max, alpn, slice_str(usual));
}

/* ---- tests --------------------------------------------------------------------------------------- */

static void request_over_tls_is_served_as_http_1(void **state)
{
    (void)state;
    struct answer answer = ask(TLS1_3_VERSION, "\x08http/1.1");
    assert_true(answer.connected);
    assert_string_equal(answer.protocol, "http/1.1");
    assert_non_null(strstr(answer.text, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(answer.text, "\r\n\r\nsecure"));
    answer = ask(TLS1_2_VERSION, "");
    assert_true(answer.connected);
    assert_string_equal(answer.protocol, "");
    assert_non_null(strstr(answer.text, "HTTP/1.1 200 OK\r\n"));
}

static void clients_of_other_protocols_are_refused(void **state)
{
    static const char *const others[] = {"\x05spdy1", "\x02h3", "\x03h2c",
                                         "\x03"
                                         "ftp"
                                         "\x04imap"};
    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_false(ask(TLS1_2_VERSION, others[i]).connected);
        assert_false(ask(TLS1_3_VERSION, others[i]).connected);
    }
    assert_string_equal(ask(TLS1_3_VERSION, "\x02h3\x08http/1.1").protocol, "http/1.1");
}

static void address_without_tls_is_another_servers(void **state)
{
    /* Preface, SETTINGS, and HEADERS that end the stream: GET, /, the scheme, and `localhost`. */
#define STREAM(scheme)                                                                             \
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"                                           \
    "\0\0\x0e\1\5\0\0\0\1\x82\x84" scheme "\x41\x09localhost"
    static const char http[] = STREAM("\x86"), https[] = STREAM("\x87"),
                      uri[] = "GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
                      secure[] = "GET https://localhost/ HTTP/1.1\r\nHost: localhost\r\n"
                                 "Connection: close\r\n\r\n";
    (void)state;
    assert_non_null(strstr(ask_for(TLS1_3_VERSION, "\x08http/1.1", slice_str(uri)).text,
                           "HTTP/1.1 421 Misdirected Request\r\n"));
    assert_non_null(
        strstr(ask_for(TLS1_3_VERSION, "\x08http/1.1", slice_str(secure)).text, "\r\n\r\nsecure"));
    enough = "an http address over TLS";
    struct answer answer = ask_for(TLS1_3_VERSION, "\x02h2", slice_make(http, sizeof(http) - 1));
    assert_non_null(memmem(answer.text, sizeof(answer.text), enough, strlen(enough)));
    enough = "secure";
    answer = ask_for(TLS1_3_VERSION, "\x02h2", slice_make(https, sizeof(https) - 1));
    assert_non_null(memmem(answer.text, sizeof(answer.text), enough, strlen(enough)));
    enough = NULL;
}

static void keys_may_change_a_few_times(void **state)
{
    (void)state;
    key_updates = HTTP_TLS_MESSAGES_MAX;
    assert_non_null(strstr(ask(TLS1_3_VERSION, "\x08http/1.1").text, "200 OK"));
    key_updates++;
    assert_string_equal(ask(TLS1_3_VERSION, "\x08http/1.1").text, "");
    key_updates = 0;
}

static void answers_ask_for_strict_transport(void **state)
{
    (void)state;
    assert_non_null(strstr(ask(TLS1_3_VERSION, "\x08http/1.1").text,
                           "\r\nstrict-transport-security: " HTTP_STRICT_TRANSPORT "\r\n"));
}

static void old_versions_are_refused(void **state)
{
    (void)state;
    assert_false(ask(TLS1_1_VERSION, "\x08http/1.1").connected);
}

static void new_certificate_is_taken_up_and_a_bad_one_is_not(void **state)
{
    (void)state;
    assert_int_equal(ask(TLS1_3_VERSION, "\x08http/1.1").serial, 1);
    write_file(certificate_path, write_garbage, (char *)(uintptr_t) "no certificate");
    WAIT_FOR(problems > 0);
    assert_int_equal(ask(TLS1_3_VERSION, "\x08http/1.1").serial, 1);
    make_certificate(2);
    WAIT_FOR(reloads > 0);
    WAIT_FOR(ask(TLS1_3_VERSION, "\x08http/1.1").serial == 2);
}

/* The drain in teardown closes what never finished its handshake. */
static void clients_that_do_not_shake_hands_are_closed(void **state)
{
    (void)state;
    int silent = dial(), rude = dial(), half = dial();
    char byte;
    assert_int_equal(send(rude, "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL), 18);
    assert_int_equal(send(half, "\x16\x03\x01\x02", 4, MSG_NOSIGNAL), 4);
    WAIT_FOR(recv(rude, &byte, 1, MSG_DONTWAIT) >= 0 || errno != EAGAIN);
    WAIT_FOR(http_server_connections(server) == 2);
    drained = false;
    assert_int_equal(fiber_go(fibers, run_drain, NULL), STATUS_OK);
    WAIT_FOR(recv(silent, &byte, 1, MSG_DONTWAIT) == 0);
    WAIT_FOR(recv(half, &byte, 1, MSG_DONTWAIT) >= 0 || errno != EAGAIN);
    WAIT_FOR(drained);
    close(silent);
    close(rude);
    close(half);
}

static void missing_files_are_refused_at_start(void **state)
{
    (void)state;
    const struct http_tls tls = {"/nonexistent", key_path, NULL, NULL};
    struct http_server *none = NULL;
    struct fault fault = {0};
    assert_int_equal(http_server_new(fibers,
                                     &(struct http_options){.listen = "127.0.0.1:0", .tls = &tls},
                                     handle, NULL, &none, &fault),
                     STATUS_INVALID_ARGUMENT);
    assert_null(none);
    assert_string_equal(fault.field, "tls");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(request_over_tls_is_served_as_http_1, setup, teardown),
        cmocka_unit_test_setup_teardown(clients_of_other_protocols_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(address_without_tls_is_another_servers, setup, teardown),
        cmocka_unit_test_setup_teardown(keys_may_change_a_few_times, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_ask_for_strict_transport, setup, teardown),
        cmocka_unit_test_setup_teardown(old_versions_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(new_certificate_is_taken_up_and_a_bad_one_is_not, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(clients_that_do_not_shake_hands_are_closed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(missing_files_are_refused_at_start, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
