#include "tests/simulation/reading.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "shared/base/clock.h"

#define BIT(index) (UINT64_C(1) << (index))

void reading_init(struct reading *reading, struct world *world, struct user *user)
{
    *reading = (struct reading){.world = world, .user = user};
    reading->form = random_chance(&world->random, 50)   ? PAGES
                    : random_chance(&world->random, 50) ? LINES
                                                        : EVENTS;
    reading->size =
        random_chance(&world->random, 20)
            ? 0
            : (int)random_between(&world->random, 1, random_chance(&world->random, 30) ? 120 : 12);
}

/* ---- what a part says ---------------------------------------------------------------------------- */

struct part {
    struct {
        struct item item;
        size_t realm;
    } * items;
    size_t count;
    uint64_t listed, unreachable, denied, fine; /* a bit a realm of `instances` */
    bool has_end, has_error;
    char next[PAGE_TOKEN_BYTES_MAX + 1];
};

static bool take_text(const char **at, char *to, size_t bytes)
{
    size_t len = strcspn(*at, "\"\n");

    if (len >= bytes)
        return false;
    memcpy(to, *at, len);
    to[len] = '\0';
    *at += len;
    return true;
}

static size_t realm_of(const struct world *world, const char *name)
{
    for (size_t i = 0; i < world->realm_count; i++)
        if (strcmp(world->realms[i].name, name) == 0)
            return i;
    return SIZE_MAX;
}

static void take_outcome(struct part *part, size_t realm, const char *outcome)
{
    part->listed |= BIT(realm);
    if (strcmp(outcome, "DENIED") == 0 || strcmp(outcome, "NOT_FOUND") == 0)
        part->denied |= BIT(realm);
    if (strcmp(outcome, "OK") == 0 || strcmp(outcome, "STOPPED") == 0)
        part->fine |= BIT(realm);
}

static bool take_object(struct world *world, struct part *part, const char *at)
{
    char name[64], value[64];

    if (!take_text(&at, name, sizeof(name)))
        return false;
    size_t realm = realm_of(world, name);
    bool is_item = strncmp(at, "\",\"id\":\"", 8) == 0;
    bool is_outcome = strncmp(at, "\",\"outcome\":\"", 13) == 0;
    at += is_item ? 8 : 13;
    if (realm == SIZE_MAX || !(is_item || is_outcome) || !take_text(&at, value, sizeof(value)))
        return false;
    if (is_outcome) {
        take_outcome(part, realm, value);
        return true;
    }
    part->items[part->count].realm = realm;
    snprintf(part->items[part->count].item.id, ITEM_TEXT_BYTES, "%.*s", ITEM_TEXT_BYTES - 1, value);
    part->count++;
    return true;
}

static bool take_unreachable(struct world *world, struct part *part, const char *at)
{
    char name[64];
    const char *end = strchr(at, ']');

    while ((at = strstr(at, "realms/")) && at < end) {
        at += strlen("realms/");
        if (!take_text(&at, name, sizeof(name)) || realm_of(world, name) == SIZE_MAX)
            return false;
        part->unreachable |= BIT(realm_of(world, name));
    }
    return true;
}

static const char *behind_last(const char *at, const char *mark)
{
    const char *last = NULL;

    for (; (at = strstr(at, mark)); at += strlen(mark))
        last = at + strlen(mark);
    return last;
}

/* Where it leads on. */
static const char *position_of(const struct part *part, const char *all)
{
    const char *cursor = behind_last(all, "\"cursor\":\"");

    if (part->has_end)
        return behind_last(all, "\"nextPageToken\":\"");
    return cursor ? cursor : behind_last(all, "\nid: ");
}

/* Lines behind the last one with a cursor come again. */
static void forget_behind_cursor(struct http_request *request)
{
    char *all = request->text.ptr;
    const char *cursor = behind_last(all, "\"cursor\":\"");

    all[cursor ? (size_t)(cursor - all) + strcspn(cursor, "\n") : 0] = '\0';
}

/* False when it is not as the API has it. */
static bool read_part(struct world *world, const struct http_request *request, struct part *part)
{
    static const char object[] = "{\"realm\":\"", unreachable[] = "\"unreachable\":[";
    const char *all = request->text.ptr, *at = all;
    size_t objects = 0;

    for (; (at = strstr(at, object)); at++)
        objects++;
    part->items = calloc(objects + 1, sizeof(*part->items));
    if (!part->items)
        abort();
    for (at = all; (at = strstr(at, object)); at++)
        if (!take_object(world, part, at + strlen(object)))
            return false;
    at = strstr(all, unreachable);
    if (at && !take_unreachable(world, part, at + strlen(unreachable)))
        return false;
    part->has_end = at != NULL;
    part->has_error = strstr(all, "{\"error\":") != NULL;
    const char *position = position_of(part, all);
    return !position || take_text(&position, part->next, sizeof(part->next));
}

/* ---- what it must say ---------------------------------------------------------------------------- */

static int compare(const struct reading *reading, const struct item *item, size_t realm)
{
    int order = item_compare(&reading->last, item);

    return order ? order : reading->last_realm < realm ? -1 : reading->last_realm > realm;
}

static void take_item(struct reading *reading, const char *id, size_t index)
{
    struct world *world = reading->world;
    const struct realm *realm = &world->realms[index];
    size_t at = reading->given[index];

    if (at >= realm->item_count || strcmp(realm->items[at].id, id) != 0) {
        world_blame(world, "%s gives %s where %s is due, its item %zu of %zu", realm->name, id,
                    at < realm->item_count ? realm->items[at].id : "nothing", at,
                    realm->item_count);
        return;
    }
    if (reading->has_last && compare(reading, &realm->items[at], index) >= 0)
        world_blame(world, "%s of %s comes behind %s of %s", id, realm->name, reading->last.id,
                    world->realms[reading->last_realm].name);
    if (reading->named & BIT(index) && !reading->of_broken)
        world_blame(world, "%s gives %s though it was named as unreachable", realm->name, id);
    reading->last = realm->items[at];
    reading->last_realm = index;
    reading->has_last = true;
    reading->given[index]++;
}

/* A realm that broke is out of every later part, but where the list goes on in nobody else. */
static void take_named(struct reading *reading, const struct part *part,
                       const struct http_request *request)
{
    struct world *world = reading->world;
    uint64_t again = reading->named & part->listed & ~part->unreachable;

    if (reading->of_broken)
        reading->named &= ~again;
    else if (again && part->has_end)
        world_blame(world, "%s is back in the list that it broke",
                    world->realms[__builtin_ctzll(again)].name);
    for (size_t i = 0; i < world->realm_count; i++) {
        bool told = ((part->unreachable | part->denied) & ~reading->named) >> i & 1;
        if (told && !realm_is_to_blame(&world->realms[i], reading->began_us))
            world_blame(world, "%s did nothing wrong, and is named", world->realms[i].name);
        /* It has nothing of the list for this caller, or says so. An error, or who went away before the end, does not say who. */
        bool may_be_denied = (request->left_us || part->has_error) &&
                             realm_is_to_blame(&world->realms[i], reading->began_us);
        if ((part->denied >> i & 1 || may_be_denied) && reading->given[i] == 0)
            reading->denied |= BIT(i);
    }
    uint64_t gone = reading->named & ~part->unreachable & ~again;
    if (part->has_end && gone && !reading->of_broken)
        world_blame(world, "%s was named as unreachable, and is no more",
                    world->realms[__builtin_ctzll(gone)].name);
    reading->named |= part->unreachable;
}

/* A page may be short, and the next one empty, where the only realm broke: nobody knows whether it has more. */
static void take_size(struct reading *reading, const struct part *part, bool was_broken)
{
    struct world *world = reading->world;
    size_t size = reading->size == 0                  ? API_PAGE_SIZE_DEFAULT
                  : reading->size > API_PAGE_SIZE_MAX ? API_PAGE_SIZE_MAX
                                                      : (size_t)reading->size;

    if (reading->form != PAGES)
        return;
    if (part->count > size || (part->next[0] && !reading->of_broken && part->count < size))
        world_blame(world, "a page of %zu where %zu are wanted", part->count, size);
    if (reading->parts > 0 && part->count == 0 && !part->unreachable && !was_broken)
        world_blame(world, "a page token that leads to nothing");
}

static void take_end(struct reading *reading)
{
    struct world *world = reading->world;

    reading->ended = true;
    for (size_t i = 0; i < world->realm_count; i++) {
        const struct realm *realm = &world->realms[i];
        if (reading->given[i] < realm->item_count &&
            reading->expected & ~reading->named & ~reading->denied & BIT(i))
            world_blame(world, "the list ends with %zu of the %zu items of %s, which is not named",
                        reading->given[i], realm->item_count, realm->name);
        /* A stream goes on in who broke, for as long as there is such a realm. */
        if (reading->form != PAGES && reading->given[i] > 0 &&
            reading->given[i] < realm->item_count && realm->moved_us < reading->began_us)
            world_blame(world, "the stream ends with %zu of the %zu items of %s, which had begun",
                        reading->given[i], realm->item_count, realm->name);
    }
}

static void take_part(struct reading *reading, struct http_request *request)
{
    struct world *world = reading->world;
    struct part part = {0};

    if (request->left_us && reading->form == LINES && !strstr(request->text.ptr, "{\"end\":") &&
        !strstr(request->text.ptr, "{\"error\":"))
        forget_behind_cursor(request);
    if (!read_part(world, request, &part) ||
        (part.has_end == part.has_error && !request->left_us)) {
        world_blame(world, "request %" PRIu64 ": the answer cannot be read", request->number);
        free(part.items);
        return;
    }
    if (!part.next[0] && request->left_us) { /* before anything came */
        free(part.items);
        return;
    }
    if (!reading->begun) { /* whom the registry did not have all the while need not be there */
        for (size_t i = 0; i < world->realm_count; i++)
            if (world->realms[i].moved_us >= reading->began_us)
                reading->expected &= ~BIT(i);
    }
    reading->begun = true;
    bool was_broken = reading->of_broken;
    bool is_alone = (part.listed & (part.listed - 1)) == 0;
    if (reading->form != PAGES || reading->of_broken)
        reading->has_last = false;
    for (size_t i = 0; i < part.count; i++)
        take_item(reading, part.items[i].item.id, part.items[i].realm);
    take_named(reading, &part, request);
    /* Everything else was given: a line says so by an error, a page by naming the only realm there is. */
    if (part.has_end || part.has_error)
        reading->of_broken = part.has_error || (is_alone && part.unreachable);
    take_size(reading, &part, was_broken);
    world->items_given += part.count;
    reading->parts++;
    snprintf(reading->token, sizeof(reading->token), "%s", part.next);
    if (part.has_error && !part.next[0])
        world_blame(world, "a stream breaks off, and nothing leads on");
    if (!part.next[0])
        take_end(reading);
    free(part.items);
}

/* Nothing at all was given. */
static void take_refusal(struct reading *reading, const struct http_request *request)
{
    struct world *world = reading->world;
    int64_t since_us = reading->began_us;
    bool could = false, any = world->store_failed_us >= since_us - BLAME_US;

    for (size_t i = 0; i < world->realm_count; i++) {
        bool to_blame = realm_is_to_blame(&world->realms[i], since_us);
        could |= !to_blame && !reading->of_broken &&
                 reading->expected & ~reading->named & ~reading->denied & BIT(i);
        any |= to_blame;
    }
    bool is_invalid = request->code == 400 || request->code == 409;
    if (!any || (could && !is_invalid && world->store_failed_us < since_us - BLAME_US))
        world_blame(world, "request %" PRIu64 " is refused with %d for nothing", request->number,
                    request->code);
}

void reading_go_on(struct reading *reading)
{
    static const char *const accepts[] = {
        [PAGES] = "application/json",
        [LINES] = "application/x-ndjson",
        [EVENTS] = "text/event-stream",
    };
    struct world *world = reading->world;
    struct http_request *request = malloc(sizeof(*request));

    if (!request)
        abort();
    browser_init(request, world, reading->user);
    request->path = "/api/v1/groups";
    request->accept = accepts[reading->form];
    request->reads_slowly = !world->calm && random_chance(&world->random, 10);
    unsigned leaves_percent = reading->form == PAGES ? 8 : 30;
    if (!world->calm && !world->healed && random_chance(&world->random, leaves_percent))
        request->leaves_after_ms = random_between(&world->random, 1, 2000);
    /* What is needed here of an item. */
    size_t len = (size_t)snprintf(request->query, sizeof(request->query), "readMask=realm,id");
    if (reading->size && reading->form == PAGES)
        len += (size_t)snprintf(request->query + len, sizeof(request->query) - len, "&pageSize=%d",
                                reading->size);
    if (reading->token[0] && reading->form == EVENTS)
        request->last_event = reading->token;
    else if (reading->token[0])
        snprintf(request->query + len, sizeof(request->query) - len, "&pageToken=%s",
                 reading->token);
    if (!reading->begun) {
        reading->began_us = clock_monotonic_us();
        size_t user = (size_t)(reading->user - world->users);
        reading->expected = 0;
        for (size_t i = 0; i < world->realm_count; i++)
            if (world->realms[i].knows >> user & 1 &&
                registry_find(&world->registry, slice_str(world->realms[i].name)))
                reading->expected |= BIT(i);
    }
    browser_ask(request);
    bool heard = !request->left_us || (reading->form != PAGES && request->streams);
    if (heard && request->code == 204 && reading->form == EVENTS)
        take_end(reading);
    else if (heard && request->code == 200)
        take_part(reading, request);
    else if (!heard)
        world_log(world, "request %" PRIu64 " was for nobody", request->number);
    else
        take_refusal(reading, request);
    browser_done(request);
    free(request);
}

void reading_finish(struct reading *reading, unsigned refusals_max)
{
    struct world *world = reading->world;
    unsigned refusals = 0;

    while (!reading->ended && !world->failed && refusals <= refusals_max) {
        unsigned parts = reading->parts;
        reading_go_on(reading);
        refusals += reading->parts == parts;
        if (!world->calm && !reading->ended)
            world_sleep_ms(world, 0, reading->parts == parts ? 2000 : 300);
    }
}

/* ---- one group, and a change ---------------------------------------------------------------------- */

/* It was found in `from` while this realm was not there, and a session goes on with that one for a while. */
static bool is_newer(const struct realm *realm, const struct realm *from, int64_t since_us)
{
    return realm->moved_us > from->moved_us &&
           realm->moved_us >= since_us - FOUND_MS * INT64_C(1000);
}

static void judge_group(struct world *world, const struct http_request *request, size_t user,
                        const char *id)
{
    struct part part = {0};
    size_t from = SIZE_MAX;

    if (request->code == 200 && read_part(world, request, &part) && part.count == 1)
        from = part.items[0].realm;
    if (part.items && part.count == 1 && strcmp(part.items[0].item.id, id) != 0)
        world_blame(world, "%s is given for %s", part.items[0].item.id, id);
    bool reason = world->store_failed_us >= request->started_us - BLAME_US;
    bool asked = !reason;
    for (size_t i = 0; i < world->realm_count && i != from && asked; i++) {
        const struct realm *realm = &world->realms[i];
        bool has = false, to_blame = realm_is_to_blame(realm, request->started_us);
        for (size_t j = 0; realm->knows >> user & 1 && j < realm->item_count; j++)
            has |= strcmp(realm->items[j].id, id) == 0;
        if (from < world->realm_count)
            to_blame |= is_newer(realm, &world->realms[from], request->started_us);
        if (has && !to_blame)
            world_blame(world, "request %" PRIu64 ": %s has %s, and the answer is %d of %s",
                        request->number, realm->name, id, request->code,
                        from < world->realm_count ? world->realms[from].name : "nobody");
        reason |= to_blame;
    }
    if (request->code != 200 && request->code != 404 && !reason)
        world_blame(world, "request %" PRIu64 " is refused with %d for nothing", request->number,
                    request->code);
    free(part.items);
}

void reading_get(struct world *world, struct user *user, const char *id)
{
    struct http_request *request = malloc(sizeof(*request));
    char path[64];

    if (!request)
        abort();
    snprintf(path, sizeof(path), "/api/v1/groups/%s", id);
    browser_init(request, world, user);
    request->path = path;
    browser_ask(request);
    judge_group(world, request, (size_t)(user - world->users), id);
    browser_done(request);
    free(request);
}

void reading_change(struct world *world, struct user *user)
{
    struct http_request *request = malloc(sizeof(*request));
    const struct realm *realm =
        &world->realms[random_between(&world->random, 0, (int64_t)world->realm_count - 1)];
    char path[96];

    if (!request)
        abort();
    snprintf(path, sizeof(path), "/api/v1/realms/%s/groups", realm->name);
    browser_init(request, world, user);
    request->method = "POST";
    request->path = path;
    request->body = "{\"name\":\"made\"}";
    if (!world->calm && random_chance(&world->random, 10))
        request->leaves_after_ms = random_between(&world->random, 1, 2000);
    browser_ask(request);
    if (request->code != 200 && !request->left_us &&
        !realm_is_to_blame(realm, request->started_us) &&
        world->store_failed_us < request->started_us - BLAME_US)
        world_blame(world, "request %" PRIu64 ": %s did nothing wrong, and the answer is %d",
                    request->number, realm->name, request->code);
    browser_done(request);
    free(request);
}
