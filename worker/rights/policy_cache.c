#include "worker/rights/policy_cache.h"

#include <stdlib.h>
#include <string.h>

#include "shared/base/clock.h"
#include "shared/base/lru.h"
#include "worker/rights/rights_store.h"

#define TIME_BYTES 48

struct policy_cache {
    struct pg *pg;
    const char *realm;
    struct pg_listener *listener;
    struct lru users;
    struct list watchers;
    /* Counts what was forgotten: a load that saw another number began before it, and is not kept. */
    uint64_t generation;
    bool listening;
    char ended_until
        [TIME_BYTES]; /* by the database's clock: what ended before is told; "" at first */
    struct policy_cache_statistics counted;
};

/* One allocation: the entry, its statements, their strings. */
struct entry {
    struct lru_entry lru;
    int64_t until_us; /* monotonic: it is old, or an assignment ends */
    bool complete;
    bool
        too_many; /* not complete, and will not be: those on the whole realm and the first others */
    struct policy_rights rights;
    struct policy_statement statements[];
};

static void entry_free(struct lru_entry *lru)
{
    free(LIST_ENTRY(lru, struct entry, lru));
}

/* ---- life cycle, notifications ---- */

static void tell_watchers(struct policy_cache *cache, struct slice user)
{
    LIST_FOR_EACH (node, &cache->watchers) {
        struct policy_watcher *watcher = LIST_ENTRY(node, struct policy_watcher, node);
        watcher->changed(watcher, user);
    }
}

void policy_cache_forget(struct policy_cache *cache, struct slice user)
{
    cache->generation++;
    cache->counted.forgotten++;
    lru_remove(&cache->users, user);
    tell_watchers(cache, user);
}

void policy_cache_forget_all(struct policy_cache *cache)
{
    cache->generation++;
    lru_clear(&cache->users);
    tell_watchers(cache, SLICE_LIT(""));
}

static void on_notify(void *arg, struct slice channel, struct slice payload)
{
    struct policy_cache *cache = arg;
    (void)channel;
    struct slice realm = slice_cut(&payload, ' ');
    /* Realms that share a database share its channels. */
    if (slice_equal_str(realm, cache->realm) && payload.len > 0)
        policy_cache_forget(cache, payload);
}

static void on_lost(void *arg)
{
    struct policy_cache *cache = arg;
    cache->listening = false;
    policy_cache_forget_all(cache);
}

static void on_listening(void *arg)
{
    struct policy_cache *cache = arg;
    cache->listening = true;
    policy_cache_forget_all(cache);
}

enum status policy_cache_new(struct pg *pg, const char *realm, struct policy_cache **ret_cache)
{
    static const struct pg_listener_events events = {on_notify, on_lost, on_listening};
    struct policy_cache *cache = calloc(1, sizeof(*cache));
    if (!cache)
        return STATUS_RESOURCE_EXHAUSTED;
    cache->pg = pg;
    cache->realm = realm;
    list_init(&cache->watchers);
    enum status status = lru_init(&cache->users, POLICY_CACHE_USERS_MAX, entry_free);
    if (status != STATUS_OK) {
        free(cache);
        return status;
    }
    status = pg_listen(pg, POLICY_NOTIFY_CHANNEL, &events, cache, &cache->listener);
    if (status != STATUS_OK) {
        policy_cache_free(cache);
        return status;
    }
    *ret_cache = cache;
    return STATUS_OK;
}

struct policy_cache *policy_cache_free(struct policy_cache *cache)
{
    if (cache) {
        pg_listener_free(cache->listener);
        lru_done(&cache->users);
        free(cache);
    }
    return NULL;
}

enum status policy_cache_forget_ended(struct policy_cache *cache, struct cancel *cancel)
{
    struct pg_result *rows;
    const char *since = cache->ended_until[0] ? cache->ended_until : NULL;
    PEK_TRY(rights_store_ended(cache->pg, cancel, since, &rows));
    struct slice now = pg_get_slice(rows, 0, 0);
    for (size_t i = 1; i < pg_rows(rows); i++)
        policy_cache_forget(cache, pg_get_slice(rows, i, 1));
    if (now.len < TIME_BYTES) {
        memcpy(cache->ended_until, now.ptr, now.len);
        cache->ended_until[now.len] = '\0';
    }
    pg_result_free(rows);
    return STATUS_OK;
}

uint64_t policy_cache_generation(const struct policy_cache *cache)
{
    return cache->generation;
}

void policy_cache_watch(struct policy_cache *cache, struct policy_watcher *watcher)
{
    list_append(&cache->watchers, &watcher->node);
}

void policy_cache_unwatch(struct policy_watcher *watcher)
{
    list_remove(&watcher->node);
}

void policy_cache_statistics(const struct policy_cache *cache,
                             struct policy_cache_statistics *ret_statistics)
{
    *ret_statistics = cache->counted;
    ret_statistics->users = cache->users.count;
    ret_statistics->listening = cache->listening;
}

/* ---- loading ---- */

static const char *put_string(char **at, const struct pg_result *rows, size_t row, int column)
{
    if (pg_is_null(rows, row, column))
        return NULL;
    struct slice value = pg_get_slice(rows, row, column);
    char *copy = *at;
    memcpy(copy, value.ptr, value.len);
    copy[value.len] = '\0';
    *at += value.len + 1;
    return copy;
}

/* NULL when memory is short. */
static struct entry *entry_from_rows(const struct pg_result *rows)
{
    size_t count = pg_rows(rows), string_bytes = 0;
    bool too_many = count > 0 && pg_get_bool(rows, 0, 4);
    if (count > POLICY_STATEMENTS_MAX)
        count = POLICY_STATEMENTS_MAX;
    for (size_t i = 0; i < count; i++)
        string_bytes += pg_get_slice(rows, i, 0).len + pg_get_slice(rows, i, 1).len + 2;
    struct entry *entry =
        calloc(1, sizeof(*entry) + count * sizeof(entry->statements[0]) + string_bytes);
    if (!entry)
        return NULL;
    char *strings = (char *)&entry->statements[count];
    for (size_t i = 0; i < count; i++) {
        entry->statements[i].group = put_string(&strings, rows, i, 0);
        entry->statements[i].user = put_string(&strings, rows, i, 1);
        entry->statements[i].actions = (uint32_t)pg_get_int(rows, i, 2);
    }
    entry->rights = (struct policy_rights){entry->statements, count};
    entry->too_many = too_many;
    return entry;
}

/* Reads the asker's rights: of the hinted policies only when `hinted`. */
static enum status load(struct policy_cache *cache, struct cancel *cancel,
                        const struct policy_asker *asker, bool hinted, struct arena *arena,
                        struct entry **ret_entry)
{
    struct pg_result *rows;
    int64_t began_us = clock_monotonic_us();
    PEK_TRY(rights_store_load(cache->pg, cancel, asker->user, hinted ? asker->hints : NULL,
                              asker->hint_count, arena, &rows));
    struct entry *entry = entry_from_rows(rows);
    int64_t left_ms = POLICY_CACHE_AGE_MAX_MS;
    if (pg_rows(rows) > 0 && !pg_is_null(rows, 0, 3) && pg_get_int(rows, 0, 3) < left_ms)
        left_ms = pg_get_int(rows, 0, 3);
    pg_result_free(rows);
    if (!entry)
        return STATUS_RESOURCE_EXHAUSTED;
    entry->until_us = began_us + left_ms * 1000;
    entry->complete = !hinted && !entry->too_many;
    *ret_entry = entry;
    return STATUS_OK;
}

/* Takes the entry: remembers it when it is known to be still true, else frees it. */
static void keep(struct policy_cache *cache, struct slice user, uint64_t generation,
                 struct entry *entry)
{
    if (!cache->listening || generation != cache->generation) {
        free(entry);
        return;
    }
    /* A failure has freed it, and costs only a load. */
    (void)!lru_insert(&cache->users, user, entry->until_us, &entry->lru);
}

/* ---- asking ---- */

/* What is asked of rights: answers whether they settle it without any others. */
struct question {
    struct slice user;
    uint32_t bit;
    const struct policy_target *target; /* NULL: a scope is wanted */
    struct arena *arena;
    bool allowed;
    struct policy_scope scope;
    enum status status;
};

static enum status copy_scope(struct policy_scope *scope, struct arena *arena)
{
    struct slice *groups = arena_zalloc(arena, scope->group_count + 1, sizeof(*groups));
    for (size_t i = 0; groups && i < scope->group_count; i++)
        groups[i] = arena_copy(arena, scope->groups[i]);
    scope->groups = groups;
    return arena->failed ? STATUS_RESOURCE_EXHAUSTED : STATUS_OK;
}

/* Of so many groups that the list is to ask the tables. */
static struct policy_scope asked_scope(const struct question *question)
{
    return (struct policy_scope){.user = question->user, .bit = question->bit};
}

static bool settled(struct question *question, const struct entry *entry)
{
    static const struct policy_target whole_realm = {NULL, NULL};
    const struct policy_target *target = question->target ? question->target : &whole_realm;
    question->status = STATUS_OK;
    question->allowed = policy_rights_allow(&entry->rights, question->bit, target);
    question->scope = (struct policy_scope){.all = question->allowed};
    if (question->allowed || !entry->complete)
        return question->allowed;
    if (!question->target) {
        question->status =
            policy_rights_scope(&entry->rights, question->bit, question->arena, &question->scope);
        if (question->status == STATUS_OK && question->scope.group_count > POLICY_SCOPE_GROUPS_MAX)
            question->scope = asked_scope(question);
        if (question->status == STATUS_OK)
            question->status = copy_scope(&question->scope, question->arena);
    }
    return true;
}

/* For a user with more statements than are kept: about one target PostgreSQL is asked each time, and so it is by a
 * list. Who may see nothing gets an empty list then. */
static enum status ask_database(struct policy_cache *cache, struct cancel *cancel,
                                const struct policy_asker *asker, struct question *question)
{
    if (!question->target) {
        question->scope = asked_scope(question);
        return STATUS_OK;
    }
    uint32_t actions = 0;
    PEK_TRY(rights_store_actions(cache->pg, cancel, asker->user, question->target, &actions));
    question->allowed = (actions & question->bit) != 0;
    return STATUS_OK;
}

static enum status ask(struct policy_cache *cache, struct cancel *cancel,
                       const struct policy_asker *asker, struct question *question)
{
    struct lru_entry *found = cache->listening ? lru_find(&cache->users, asker->user) : NULL;
    if (found && settled(question, LIST_ENTRY(found, struct entry, lru))) {
        cache->counted.hits++;
        return question->status;
    }
    if (found && LIST_ENTRY(found, struct entry, lru)->too_many)
        return ask_database(cache, cancel, asker, question);
    struct entry *entry;
    uint64_t generation = cache->generation;
    if (!found && asker->hint_count > 0) {
        PEK_TRY(load(cache, cancel, asker, true, question->arena, &entry));
        bool granted = settled(question, entry);
        if (granted) {
            cache->counted.hint_hits++;
            keep(cache, asker->user, generation, entry);
            return question->status;
        }
        cache->counted.hint_misses++;
        free(entry);
        generation = cache->generation;
    }
    PEK_TRY(load(cache, cancel, asker, false, question->arena, &entry));
    cache->counted.loads++;
    bool enough = settled(question, entry);
    keep(cache, asker->user, generation, entry);
    return enough ? question->status : ask_database(cache, cancel, asker, question);
}

enum status policy_cache_allows(struct policy_cache *cache, struct cancel *cancel,
                                const struct policy_asker *asker, uint32_t bit,
                                const struct policy_target *target, struct arena *arena,
                                bool *ret_allowed)
{
    struct question question = {.user = asker->user, .bit = bit, .target = target, .arena = arena};
    PEK_TRY(ask(cache, cancel, asker, &question));
    *ret_allowed = question.allowed;
    return STATUS_OK;
}

enum status policy_cache_scope(struct policy_cache *cache, struct cancel *cancel,
                               const struct policy_asker *asker, uint32_t bit, struct arena *arena,
                               struct policy_scope *ret_scope)
{
    struct question question = {.user = asker->user, .bit = bit, .target = NULL, .arena = arena};
    PEK_TRY(ask(cache, cancel, asker, &question));
    *ret_scope = question.scope;
    return STATUS_OK;
}

enum status policy_cache_standing(struct policy_cache *cache, struct cancel *cancel,
                                  struct slice user, const char *policy_id,
                                  struct policy_standing *ret_standing)
{
    return rights_store_standing(cache->pg, cancel, user, policy_id, ret_standing);
}
