/* Few users with many requests to one realm, more than there are places and as many as may wait, and one with a request at a time,
 * who must not stand behind them: a place that is free goes to the users in turn. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "shared/base/clock.h"
#include "tests/simulation/browser.h"

#define REQUESTS_PER_USER (INSTANCE_IN_FLIGHT_PER_USER_MAX + INSTANCE_WAITING_PER_USER_MAX)
#define MODEST_REQUESTS 4
/* Its own answer, and the wait for a place: all of them come free at once, each time that as much has passed. */
#define MODEST_MS_MAX (2 * CROWD_ANSWER_MS + 100)

struct asking {
    struct world *world;
    struct user *user;
};

static int ask(struct asking *asking, int64_t leaves_after_ms, int64_t *ret_took_ms)
{
    struct world *world = asking->world;
    struct http_request *request = malloc(sizeof(*request));
    char path[96];

    if (!request)
        abort();
    browser_init(request, world, asking->user);
    snprintf(path, sizeof(path), "/api/v1/realms/%s/groups/nowhere", world->realms[0].name);
    request->path = path;
    request->leaves_after_ms = leaves_after_ms;
    browser_ask(request);
    int code = request->code;
    *ret_took_ms = (request->ended_us - request->started_us) / 1000;
    browser_done(request);
    free(request);
    return code;
}

static void ask_once(void *arg)
{
    struct asking *asking = arg;
    struct random *random = &asking->world->random;
    int64_t took_ms,
        leaves_after_ms = random_chance(random, 20) ? random_between(random, 1, 1000) : 0;
    int code = ask(asking, leaves_after_ms, &took_ms);

    /* There is no such group; above its share a user is told to come again. */
    if (code != 404 && code != 429 && leaves_after_ms == 0)
        world_blame(asking->world, "one of a crowd is answered %d", code);
}

void crowd_run(struct world *world)
{
    struct asking askings[USERS_MAX];
    int64_t took_ms = 0;

    for (size_t i = 0; i < world->user_count; i++)
        askings[i] = (struct asking){world, &world->users[i]};
    /* The realm's watches have begun, and no word of theirs makes the hub ask for tokens anew. */
    fiber_sleep_ms(4 * CROWD_ANSWER_MS);
    for (size_t i = 1; i < world->user_count; i++)
        for (size_t j = 0; j < REQUESTS_PER_USER; j++)
            world_go(world, ask_once, &askings[i]);
    fiber_sleep_ms(10);
    for (size_t i = 0; i < MODEST_REQUESTS; i++) {
        int code = ask(&askings[0], 0, &took_ms);
        /* The first has to get a token, too. */
        int64_t most_ms = MODEST_MS_MAX + (i == 0 ? CROWD_ANSWER_MS : 0);
        if (code != 404 || took_ms > most_ms)
            world_blame(world, "who asks for little is answered %d after %" PRId64 " ms", code,
                        took_ms);
    }
    while (world->tasks > 1)
        fiber_sleep_ms(10);
}
