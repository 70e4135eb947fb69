/* simulation: runs seeds, and says which do not hold. README.md has what a seed is. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protos/descriptor_set.h"
#include "tests/simulation/world.h"

#define JOBS_MAX 64

struct plan {
    uint64_t seeds, from;
    unsigned jobs;
    bool verbose;
};

static int usage(void)
{
    fputs("usage: simulation [--seeds N] [--from SEED] [--seed SEED] [--jobs N] [--verbose]\n",
          stderr);
    return 2;
}

static void make_keys(struct jwt_keys *keys)
{
    struct es256_key *key;

    jwt_keys_init(keys);
    if (es256_key_generate(&key) || jwt_keys_set_signer(keys, key))
        abort();
    es256_key_free(key);
}

/* Every `jobs`-th seed. */
static void run_job(const struct plan *plan, unsigned job, struct counts *counts)
{
    struct transcode *transcode;
    struct jwt_keys keys;
    struct fault fault;

    make_keys(&keys);
    if (transcode_new(slice_make(pek_descriptor_set, pek_descriptor_set_len), &transcode, &fault))
        abort();
    for (uint64_t i = job; i < plan->seeds; i += plan->jobs)
        world_run(plan->from + i, plan->verbose, transcode, &keys, counts);
    transcode_free(transcode);
    jwt_keys_done(&keys);
}

/* False when one did not end by itself: what it had printed says where. */
static bool run_jobs(const struct plan *plan, struct counts *counts)
{
    bool ended = true;

    for (unsigned job = 0; job < plan->jobs; job++) {
        pid_t child = fork();
        if (child < 0)
            abort();
        if (child > 0)
            continue;
        run_job(plan, job, &counts[job]);
        exit(0);
    }
    for (unsigned job = 0; job < plan->jobs; job++) {
        int status;
        ended &= wait(&status) > 0 && status == 0;
    }
    return ended;
}

static bool report(const struct plan *plan, const struct counts *counts, double took_s)
{
    struct counts all = {0};

    for (unsigned job = 0; job < plan->jobs; job++) {
        all.seeds += counts[job].seeds;
        all.failures += counts[job].failures;
        all.answers += counts[job].answers;
        all.items += counts[job].items;
        all.calls += counts[job].calls;
        all.passed_s += counts[job].passed_s;
    }
    printf("%" PRIu64 " seeds, %" PRIu64 " failed; %" PRIu64 " answers, %" PRIu64 " items, %" PRIu64
           " calls, %.0f h of the hub's time; %.1f s, %.0f seeds a minute\n",
           all.seeds, all.failures, all.answers, all.items, all.calls, all.passed_s / 3600, took_s,
           (double)all.seeds / took_s * 60);
    return all.failures == 0 && all.seeds == plan->seeds;
}

static bool read_plan(int argc, char **argv, struct plan *plan)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--verbose") == 0) {
            plan->verbose = true;
            continue;
        }
        uint64_t number = i + 1 < argc ? strtoull(argv[i + 1], NULL, 10) : 0;
        if (strcmp(argv[i], "--seeds") == 0)
            plan->seeds = number;
        else if (strcmp(argv[i], "--from") == 0)
            plan->from = number;
        else if (strcmp(argv[i], "--jobs") == 0)
            plan->jobs = (unsigned)number;
        else if (strcmp(argv[i], "--seed") == 0)
            plan->from = number, plan->seeds = 1;
        else
            return false;
        i++;
    }
    return plan->seeds > 0 && plan->jobs > 0 && plan->jobs <= JOBS_MAX;
}

int main(int argc, char **argv)
{
    struct plan plan = {.seeds = 100, .from = 1, .jobs = 1};

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!read_plan(argc, argv, &plan))
        return usage();
    struct counts *counts = mmap(NULL, plan.jobs * sizeof(*counts), PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (counts == MAP_FAILED)
        abort();
    double began_s = clock_real_s();
    bool ended = true;
    if (plan.jobs == 1)
        run_job(&plan, 0, counts);
    else
        ended = run_jobs(&plan, counts);
    bool held = report(&plan, counts, clock_real_s() - began_s);
    munmap(counts, plan.jobs * sizeof(*counts));
    return held && ended ? 0 : 1;
}
