#include "worker/commands.h"

#include <stdio.h>

#include "shared/base/clock.h"
#include "shared/log/log.h"
#include "worker/instance/instance.h"
#include "worker/program.h"
#include "worker/realm/audit_prune.h"
#include "worker/realm/bootstrap.h"
#include "worker/realm/invariants.h"
#include "worker/realm/migrations.h"

#define COMMAND_ARENA_BYTES_MAX 65536

int command_migrate(const struct settings *settings)
{
    struct fault fault = {0};
    size_t applied = 0;
    enum status status = realm_migrate(settings->database_owner, &applied, &fault);
    if (status != STATUS_OK)
        return program_failed("worker.migrate_failed", status, &fault);
    log_event(LOG_INFO, "worker.migrated", log_int("applied", (int64_t)applied));
    return 0;
}

int command_keygen(const struct settings *settings)
{
    struct es256_key *key;
    struct fault fault = {0};
    enum status status = es256_key_generate(&key);
    if (status != STATUS_OK)
        return program_failed("worker.keygen_failed", status, NULL);
    status = es256_key_save_private(key, settings->instance_key, &fault);
    es256_key_free(key);
    /* A key that is there is kept. */
    if (status != STATUS_OK && status != STATUS_ALREADY_EXISTS)
        return program_failed("worker.keygen_failed", status, &fault);
    return 0;
}

int command_token(const struct settings *settings)
{
    struct fault fault = {0};
    struct arena arena;
    struct instance instance = {.realm = settings->realm};
    struct jwt_keys keys;
    struct slice token;
    int64_t expires_s = 0;
    enum status status = program_load_keys(settings, &keys, &fault);
    if (status != STATUS_OK)
        return program_failed("worker.token_refused", status, &fault);
    arena_init(&arena, COMMAND_ARENA_BYTES_MAX);
    instance.keys = &keys;
    status = instance_issue_token(&instance, slice_str(settings->user), slice_make("", 0), &arena,
                                  clock_wall_s(), &token, &expires_s);
    if (status == STATUS_OK)
        printf("%.*s\n", SLICE_ARG(token));
    arena_done(&arena);
    jwt_keys_done(&keys);
    return status == STATUS_OK ? 0 : program_failed("worker.token_refused", status, NULL);
}

static void print_invariant(void *arg, const char *name, int64_t broken, const char *example)
{
    (void)arg;
    if (broken > 0)
        printf("broken  %s: %lld, as %s\n", name, (long long)broken, example);
    else
        printf("holds   %s\n", name);
}

int command_verify(const struct settings *settings)
{
    struct fault fault = {0};
    size_t broken = 0;
    enum status status = migrate_check(settings->database_owner, realm_migrations(), &fault);
    if (status == STATUS_OK)
        status = invariants_verify(settings->database_owner, settings->realm, print_invariant, NULL,
                                   &broken, &fault);
    if (status != STATUS_OK)
        return program_failed("worker.verify_failed", status, &fault);
    return broken > 0;
}

static void print_month(void *arg, const char *month, int64_t rows)
{
    (void)arg;
    printf("%s %10lld\n", month, (long long)rows);
}

int command_prune_audit(const struct settings *settings)
{
    struct fault fault = {0};
    int64_t rows = 0;
    enum status status = migrate_check(settings->database_owner, realm_migrations(), &fault);
    if (status == STATUS_OK)
        status = audit_prune(settings->database_owner, settings->realm, settings->before,
                             settings->confirm, print_month, NULL, &rows, &fault);
    if (status != STATUS_OK)
        return program_failed("worker.prune_failed", status, &fault);
    printf(settings->confirm ? "%lld rows of before %s are gone, and the log says so\n"
                             : "%lld rows of before %s would go; with --confirm they do\n",
           (long long)rows, settings->before);
    if (settings->confirm && rows > 0)
        log_event(LOG_INFO, "worker.audit_pruned", log_str("before", settings->before),
                  log_int("rows", rows));
    return 0;
}

int command_bootstrap(const struct settings *settings)
{
    struct fault fault = {0};
    enum status status = migrate_check(settings->database_owner, realm_migrations(), &fault);
    if (status == STATUS_OK)
        status = realm_bootstrap(settings->database_owner, settings->realm, settings->god, &fault);
    return status == STATUS_OK ? 0 : program_failed("worker.bootstrap_failed", status, &fault);
}
