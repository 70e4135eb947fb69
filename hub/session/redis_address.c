#include "hub/session/redis_address.h"

#include "shared/base/number.h"

#define FIELD "redis_url"

static enum status refuse(struct fault *fault, const char *why)
{
    return fault_set(fault, STATUS_INVALID_ARGUMENT, FIELD, "%s", why);
}

/* False when it is empty or too long. */
static bool put(char *to, struct slice from)
{
    if (from.len == 0 || from.len > REDIS_NAME_BYTES_MAX || memchr(from.ptr, '\0', from.len))
        return false;
    memcpy(to, from.ptr, from.len);
    to[from.len] = '\0';
    return true;
}

static bool number_within(struct slice text, int64_t min, int64_t max, int64_t *ret_number)
{
    return number_parse(text, ret_number) && *ret_number >= min && *ret_number <= max;
}

bool redis_host_parse(struct slice name, struct slice port, struct redis_host *ret_host)
{
    int64_t number;
    if (!number_within(port, 1, UINT16_MAX, &number) || !put(ret_host->name, name))
        return false;
    ret_host->port = (uint16_t)number;
    return true;
}

/* host, host:port, [::1] or [::1]:port */
static enum status parse_host(struct slice text, const char *usual_port, struct redis_host *host,
                              struct fault *fault)
{
    struct slice rest = text, name;
    bool has_port;
    if (text.len > 0 && text.ptr[0] == '[') {
        rest = slice_make(text.ptr + 1, text.len - 1);
        name = slice_cut(&rest, ']');
        has_port = rest.len > 0;
        if (rest.ptr == name.ptr + name.len || (has_port && rest.ptr[0] != ':'))
            return refuse(fault, "an IPv6 address is in [ and ], and behind it comes : and a port");
        rest = slice_make(rest.ptr + has_port, rest.len - has_port);
    } else {
        name = slice_cut(&rest, ':');
        has_port = name.len < text.len;
    }
    if (name.len == 0 || name.len > REDIS_NAME_BYTES_MAX)
        return refuse(fault, name.len ? "a host is too long" : "a host is missing");
    if (!redis_host_parse(name, has_port ? rest : slice_str(usual_port), host))
        return refuse(fault, "a port is a number from 1 to 65535; an IPv6 address is in brackets");
    return STATUS_OK;
}

static enum status parse_hosts(struct slice text, const char *usual_port, size_t count_max,
                               struct redis_address *address, struct fault *fault)
{
    do {
        if (address->host_count == count_max)
            return refuse(fault, count_max == 1 ? "only redis-sentinel:// has several hosts"
                                                : "more than eight sentinels");
        enum status status = parse_host(slice_cut(&text, ','), usual_port,
                                        &address->hosts[address->host_count++], fault);
        if (status)
            return status;
    } while (text.len > 0);
    return STATUS_OK;
}

static enum status parse_user(struct slice text, struct redis_address *address, struct fault *fault)
{
    struct slice password = text, user = slice_cut(&password, ':');
    if ((user.len > 0 && !put(address->user, user)) || !put(address->password, password))
        return refuse(fault, "before the @ is user:password or :password, each of at most 255 "
                             "bytes, and the password is not empty");
    return STATUS_OK;
}

/* What is behind the scheme. */
static enum status parse_server(struct slice text, bool has_master, struct redis_address *address,
                                struct fault *fault)
{
    const char *at = text.len ? memrchr(text.ptr, '@', text.len) : NULL;
    enum status status = STATUS_OK;
    if (at) {
        size_t len = (size_t)(at - text.ptr);
        status = parse_user(slice_make(text.ptr, len), address, fault);
        text = slice_make(at + 1, text.len - len - 1);
    }
    struct slice hosts = slice_cut(&text, '/');
    if (status == STATUS_OK)
        status = has_master ? parse_hosts(hosts, "26379", REDIS_SENTINELS_MAX, address, fault)
                            : parse_hosts(hosts, "6379", 1, address, fault);
    if (status)
        return status;
    if (has_master && !put(address->master, slice_cut(&text, '/')))
        return refuse(fault, "after the sentinels comes the name that they know the master by: "
                             "redis-sentinel://host1,host2/name");
    int64_t database = 0;
    if (text.len > 0 && !number_within(text, 0, REDIS_DATABASE_MAX, &database))
        return refuse(fault, "the database at the end is a number from 0 to 1000");
    address->database = (int)database;
    return STATUS_OK;
}

enum status redis_address_parse(struct slice url, struct redis_address *ret_address,
                                struct fault *fault)
{
    static const struct {
        struct slice prefix;
        bool tls, has_master;
    } schemes[] = {
        {SLICE_LIT("redis://"), false, false},
        {SLICE_LIT("rediss://"), true, false},
        {SLICE_LIT("redis-sentinel://"), false, true},
        {SLICE_LIT("rediss-sentinel://"), true, true},
    };
    static const struct slice local = SLICE_LIT("unix:");

    *ret_address = (struct redis_address){0};
    if (slice_starts_with(url, local)) {
        struct slice path = slice_make(url.ptr + local.len, url.len - local.len);
        ret_address->host_count = 1;
        if (path.len > REDIS_PATH_BYTES_MAX)
            return refuse(fault, "the path of a socket has more than 107 bytes");
        return path.len > 0 && path.ptr[0] == '/' && put(ret_address->hosts[0].name, path)
                   ? STATUS_OK
                   : refuse(fault, "behind unix: is the whole path of a socket, from / on");
    }
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        struct slice prefix = schemes[i].prefix;
        if (!slice_starts_with(url, prefix))
            continue;
        ret_address->tls = schemes[i].tls;
        return parse_server(slice_make(url.ptr + prefix.len, url.len - prefix.len),
                            schemes[i].has_master, ret_address, fault);
    }
    return refuse(fault, "it begins with redis://, rediss://, redis-sentinel://, "
                         "rediss-sentinel:// or unix:/");
}
