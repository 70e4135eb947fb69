#include "hub/registry/directory.h"

#include <assert.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hub/registry/instance_rules.h"
#include "shared/base/clock.h"

/* Rows with a CA of 64 KiB each; most have none, or one of 1 KiB. */
#define DIRECTORY_ARENA_BYTES_MAX (REGISTRY_INSTANCES_MAX * 68u * 1024)
#define DIRECTORY_TIMEOUT_MS 5000

static void tell(struct directory *directory, const char *realm, const struct fault *fault)
{
    if (directory->options.on_problem)
        directory->options.on_problem(directory->options.arg, realm, fault);
}

/* ---- one row ------------------------------------------------------------------------------------ */

static struct sha256 endpoint_of(const struct instance_row *row)
{
    const struct slice parts[] = {
        slice_str(row->target),
        slice_str(row->tls_name ? row->tls_name : ""),
        slice_str(row->ca_pem ? row->ca_pem : ""),
    };
    return sha256_of_parts(parts, sizeof(parts) / sizeof(parts[0]));
}

/* gRPC reads a CA from a file; this one is memory with a path. -1 when there is none to be had. */
static int ca_file(const char *pem)
{
    size_t len = strlen(pem);
    int fd = memfd_create("pek-ca", MFD_CLOEXEC);

    if (fd >= 0 && write(fd, pem, len) != (ssize_t)len) {
        close(fd);
        fd = -1;
    }
    return fd;
}

enum status directory_add(struct registry *registry, const struct rpc_tls *own,
                          const struct instance_row *row, struct fault *fault)
{
    struct rpc_tls tls = {0};
    char path[32];
    uint32_t uid;
    const char *peer_path;
    struct instance_spec spec = {row->realm, row->name, row->target, NULL, endpoint_of(row), -1};

    if (row->ca_pem && !own)
        return fault_set(
            fault, STATUS_FAILED_PRECONDITION, "ca_pem",
            "it has a CA, but this hub has no certificate of its own (tls_certificate)");
    if (own && !target_is_peer(row->target, &uid, &peer_path)) {
        tls = *own;
        /* A worker's certificate must name its realm: one realm cannot pose as another. */
        tls.server_name = row->tls_name ? row->tls_name : row->realm;
        spec.tls = &tls;
    }
    if (row->ca_pem) {
        spec.ca_fd = ca_file(row->ca_pem);
        if (spec.ca_fd < 0)
            return fault_set(fault, STATUS_RESOURCE_EXHAUSTED, NULL, "no memory for its CA");
        snprintf(path, sizeof(path), "/proc/self/fd/%d", spec.ca_fd);
        tls.ca_path = path;
    }
    return registry_add(registry, &spec, fault);
}

static enum status check(const struct directory *directory, const struct instance_row *row,
                         struct fault *fault)
{
    enum status status = instance_row_check(row, fault);

    if (!status && target_is_listen(row->target, directory->options.listen))
        status = fault_set(fault, STATUS_INVALID_ARGUMENT, "target", "that is this hub itself");
    return status;
}

static void follow_row(struct instance *instance, const struct instance_row *row)
{
    instance_set_name(instance, row->name);
    if (row->draining)
        instance_drain(instance);
    else
        instance_undrain(instance);
}

static enum status apply_row(struct directory *directory, const struct instance_row *row,
                             struct fault *fault)
{
    struct registry *registry = directory->options.registry;
    struct instance *instance = registry_find(registry, slice_str(row->realm));

    struct sha256 endpoint = endpoint_of(row);
    enum status status = check(directory, row, fault);
    if (instance &&
        (status || !instance->channel || !sha256_equal(&endpoint, &instance->endpoint))) {
        instance_remove(instance);
        instance = NULL;
    }
    if (!status && !instance)
        status = directory_add(registry, directory->options.tls, row, fault);
    if (status)
        return status;
    follow_row(registry_find(registry, slice_str(row->realm)), row);
    return STATUS_OK;
}

/* Of a realm in the hubs; another one than ours is another hub's. */
static enum status apply_local(struct directory *directory, const struct instance_row *row,
                               struct fault *fault)
{
    const struct directory_options *options = &directory->options;
    struct slice realm = slice_str(row->realm);

    if (!slice_equal_str(realm, options->local_realm))
        return STATUS_OK;
    directory->seeded = true;
    if (!registry_find(options->registry, realm))
        PEK_TRY(registry_add_local(options->registry, row->realm, options->local_host, fault));
    follow_row(registry_find(options->registry, realm), row);
    return STATUS_OK;
}

/* Why the realm hosted here is not registered. */
static void tell_local(struct directory *directory, const struct instance_row *rows, size_t count)
{
    const char *realm = directory->options.local_realm;
    struct fault fault;

    (void)fault_set(&fault, STATUS_FAILED_PRECONDITION, "local_realm",
                    "realm %s is not served: it cannot be registered", realm);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].removed)
            continue;
        if (strcmp(rows[i].realm, realm) == 0)
            (void)fault_set(&fault, STATUS_FAILED_PRECONDITION, "local_realm",
                            "realm %s is not served here: a worker has it, at %s; correct "
                            "local_realm, or pekctl instance remove %s",
                            realm, rows[i].target, realm);
        else if (!rows[i].target)
            (void)fault_set(&fault, STATUS_FAILED_PRECONDITION, "local_realm",
                            "realm %s is not served: that of the hubs is %s; correct local_realm, "
                            "or pekctl instance remove %s",
                            realm, rows[i].realm, rows[i].realm);
    }
    tell(directory, realm, &fault);
}

/* ---- the table ---------------------------------------------------------------------------------- */

/* They are in the order of their realms. */
static const struct instance_row *row_of(const struct instance_row *rows, size_t count,
                                         struct slice realm)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = slice_compare(slice_str(rows[middle].realm), realm);
        if (order == 0)
            return &rows[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static bool is_wanted(const struct instance_row *row, const struct instance *instance)
{
    return row && !row->removed && !row->target == !instance->target;
}

/* Somebody changed it since, and the configuration does not undo that; whoever wrote the configuration thinks otherwise. */
static void tell_seeds(struct directory *directory, const struct instance_row *rows, size_t count)
{
    const struct directory_options *options = &directory->options;

    for (size_t i = 0; i < options->seed_count; i++) {
        const char *target = strchr(options->seeds[i], '=') + 1;
        const struct instance_row *row = row_of(
            rows, count, slice_make(options->seeds[i], (size_t)(target - 1 - options->seeds[i])));
        struct fault fault;
        if (!row || (!row->removed && row->target && strcmp(row->target, target) == 0))
            continue;
        (void)fault_set(&fault, STATUS_FAILED_PRECONDITION, "instances",
                        "'%s' is not used: the registry has it %s%s, by %s", options->seeds[i],
                        row->removed  ? "removed"
                        : row->target ? "at "
                                      : "hosted in the hubs",
                        row->removed || !row->target ? "" : row->target, row->by);
        tell(directory, row->realm, &fault);
    }
}

static bool is_draining(const struct instance *instance)
{
    return instance && instance->status == INSTANCE_IS_DRAINING;
}

/* One that was there before: only when it is another now. */
static void tell_follow(const struct directory *directory, const struct instance_row *row,
                        const struct instance *is, bool was_there, bool was_draining,
                        const struct sha256 *was)
{
    const struct directory_options *options = &directory->options;

    if (is && options->on_follow &&
        (!was_there || was_draining != is_draining(is) || !sha256_equal(was, &is->endpoint)))
        options->on_follow(options->arg, row);
}

static void apply_one(struct directory *directory, const struct instance_row *row)
{
    struct registry *registry = directory->options.registry;
    const struct instance *instance = registry_find(registry, slice_str(row->realm));
    const struct sha256 was = instance ? instance->endpoint : (struct sha256){0};
    bool was_there = instance != NULL, was_draining = is_draining(instance);
    struct fault fault = {0};

    if (row->target ? apply_row(directory, row, &fault) : apply_local(directory, row, &fault))
        tell(directory, row->realm, &fault);
    tell_follow(directory, row, registry_find(registry, slice_str(row->realm)), was_there,
                was_draining, &was);
}

static void apply(struct directory *directory, const struct instance_row *rows, size_t count)
{
    struct registry *registry = directory->options.registry;

    for (size_t i = registry->count; i-- > 0;) {
        struct instance *instance = registry->instances[i];
        const struct instance_row gone = {.realm = instance->realm, .removed = true, .by = ""};
        const struct instance_row *row = row_of(rows, count, slice_str(instance->realm));
        if (is_wanted(row, instance))
            continue;
        if (directory->options.on_follow && (!row || row->removed))
            directory->options.on_follow(directory->options.arg, row ? row : &gone);
        instance_remove(instance);
    }
    for (size_t i = 0; i < count; i++) {
        if (!rows[i].removed)
            apply_one(directory, &rows[i]);
    }
    if (!registry->loaded)
        tell_seeds(directory, rows, count);
    if (!directory->seeded)
        tell_local(directory, rows, count);
    registry->loaded = true;
}

static enum status follow_once(struct directory *directory, struct cancel *cancel)
{
    const struct directory_options *options = &directory->options;
    struct instance_row *rows;
    struct arena arena;
    size_t count;

    if (!directory->seeded) {
        const struct instance_seeds seeds = {options->local_realm, options->seeds,
                                             options->seed_count, directory->by};
        enum status status = instance_store_seed(options->pg, cancel, &seeds);
        if (status == STATUS_UNAVAILABLE || status == STATUS_DEADLINE_EXCEEDED)
            return status;
        struct fault fault;
        if (status && fault_set(&fault, status, "instances",
                                "the instances of the configuration cannot be registered"))
            tell(directory, "", &fault);
        directory->seeded = !options->local_realm[0];
    }
    arena_init(&arena, DIRECTORY_ARENA_BYTES_MAX);
    enum status status = instance_store_load(options->pg, cancel, &arena, &rows, &count);
    if (!status && !directory->cancel.cancelled)
        apply(directory, rows, count);
    arena_done(&arena);
    return status;
}

/* What workers said of themselves since; a failure is tried again at the next look. */
static void tell_infos(struct directory *directory, struct cancel *cancel)
{
    struct registry *registry = directory->options.registry;

    for (size_t i = 0; i < registry->count; i++) {
        struct instance *instance = registry->instances[i];
        if (!instance->info_is_new)
            continue;
        instance->info_is_new = false;
        instance_ref(instance);
        if (instance_store_tell(directory->options.pg, cancel, instance) != STATUS_OK)
            instance->info_is_new = true;
        instance_unref(instance);
    }
}

/* ---- following ---------------------------------------------------------------------------------- */

static int64_t follow(struct directory *directory)
{
    struct cancel cancel;
    struct cancel_link link;
    int64_t pause_ms = DIRECTORY_POLL_MS;

    cancel_link(&link, &directory->cancel, &cancel, deadline_after_ms(DIRECTORY_TIMEOUT_MS));
    enum status status = pg_wait_ready(directory->options.pg, &cancel);
    if (!status)
        status = follow_once(directory, &cancel);
    if (!status)
        tell_infos(directory, &cancel);
    cancel_unlink(&link);
    if (status && !directory->cancel.cancelled) {
        struct fault fault;
        (void)fault_set(&fault, status, NULL, "the registry cannot be read");
        tell(directory, "", &fault);
        pause_ms = DIRECTORY_RETRY_MS;
    }
    return pause_ms;
}

static void run(void *arg)
{
    struct directory *directory = arg;

    while (!directory->cancel.cancelled) {
        int64_t pause_ms = follow(directory);
        if (!directory->cancel.cancelled)
            (void)!fiber_event_wait(&directory->wanted, deadline_after_ms(pause_ms));
    }
    directory->running = false;
    if (directory->stopping)
        fiber_event_signal(directory->stopping);
}

static void want(void *arg)
{
    struct directory *directory = arg;
    fiber_event_signal(&directory->wanted);
}

static void on_notify(void *arg, struct slice channel, struct slice payload)
{
    (void)channel, (void)payload;
    want(arg);
}

static void on_lost(void *arg)
{
    (void)arg; /* on_listening reads what was missed */
}

static void on_info(void *arg, struct instance *instance)
{
    (void)instance;
    want(arg);
}

static void on_cancel(struct cancel_hook *hook)
{
    want(LIST_ENTRY(hook, struct directory, cancel_hook));
}

/* Of several hubs an operator asks which one it was. */
static void name_configuration(struct directory *directory)
{
    char host[128];

    if (gethostname(host, sizeof(host)) != 0)
        snprintf(host, sizeof(host), "unknown host");
    host[sizeof(host) - 1] = '\0';
    snprintf(directory->by, sizeof(directory->by), "configuration of the hub at %.*s, %.*s", 60,
             host, 60, directory->options.listen);
}

enum status directory_open(struct directory *directory, const struct directory_options *options,
                           struct fault *fault)
{
    static const struct pg_listener_events events = {on_notify, on_lost, want};
    struct registry *registry = options->registry;

    *directory = (struct directory){.options = *options, .cancel_hook = {.run = on_cancel}};
    name_configuration(directory);
    cancel_init(&directory->cancel, DEADLINE_NONE);
    cancel_hook_add(&directory->cancel, &directory->cancel_hook);
    registry->on_freed = want;
    registry->on_info = on_info;
    registry->arg = directory;
    enum status status =
        pg_listen(options->pg, INSTANCE_CHANNEL, &events, directory, &directory->listener);
    if (!status) {
        directory->running = true;
        status = fiber_go(registry->fibers, run, directory);
        directory->running = !status;
    }
    return status ? fault_set(fault, status, NULL, "the registry cannot be followed") : STATUS_OK;
}

void directory_stop(struct directory *directory)
{
    struct fiber_event ended = {0};

    if (!directory->options.registry)
        return;
    directory->stopping = &ended;
    cancel_fire(&directory->cancel);
    while (directory->running) {
        enum status status = fiber_event_wait(&ended, DEADLINE_NONE);
        assert(status == STATUS_OK);
        (void)status;
    }
    directory->stopping = NULL;
    directory->listener = pg_listener_free(directory->listener);
    directory->options.registry->on_freed = NULL;
    directory->options.registry->on_info = NULL;
}
