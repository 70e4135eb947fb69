/* reading: a list that a client reads to its end, part by part, and the ledger that says what must be in it.
 *
 * The model knows what each realm has and whether it, or the registry's word of it, did anything wrong of late; it knows nothing of
 * how the hub works. It holds the answers to this:
 *
 * - What is given of a realm is what it has, from the first item on, in order: none twice, none missing, nothing else.
 * - A part is in the order (sort key, id, realm), and behind the part before it.
 * - A realm that did nothing wrong is not named as unreachable, and a list is not refused while one such realm could answer.
 * - One that was named gives nothing more and is named on every later page.
 * - At the end each realm that knows the user has given all, or was named; of a stream, one that had begun has given all.
 * - A page that leads on is full, and the next one is not empty.
 * - Who went away in the middle of a stream goes on behind the last event, or the last line with a cursor, that came.
 */
#ifndef PEK_TESTS_SIMULATION_READING_H
#define PEK_TESTS_SIMULATION_READING_H

#include "hub/federation/page_token.h"
#include "tests/simulation/browser.h"

enum form { PAGES, LINES, EVENTS };

struct reading {
    struct world *world;
    struct user *user;
    enum form form;
    int size; /* of a page; 0: not said */
    bool begun, ended;
    bool of_broken; /* what was given last leads on in the realms that broke, and in no other */
    char token[PAGE_TOKEN_BYTES_MAX + 1]; /* empty: from the beginning */
    int64_t began_us;
    uint64_t expected, named, denied;
    size_t given[REALMS_MAX];
    struct item last;
    size_t last_realm;
    bool has_last;
    unsigned parts;
};

void reading_init(struct reading *reading, struct world *world, struct user *user);
/* In a fiber: one part more. */
void reading_go_on(struct reading *reading);
/* In a fiber: to the end, if it comes within so many parts that were refused. */
void reading_finish(struct reading *reading, unsigned refusals_max);

/* In a fiber: one group by its id, of whichever realm; and a change in one realm. */
void reading_get(struct world *world, struct user *user, const char *id);
void reading_change(struct world *world, struct user *user);

#endif
