#include "hub/federation/outcome.h"

static const char *const names[] = {
#define OUTCOME_NAME(name, rank) [OUTCOME_##name] = #name,
    OUTCOME_TABLE(OUTCOME_NAME)
#undef OUTCOME_NAME
};

static const int ranks[] = {
#define OUTCOME_RANK(name, rank) [OUTCOME_##name] = rank,
    OUTCOME_TABLE(OUTCOME_RANK)
#undef OUTCOME_RANK
};

const char *outcome_name(enum outcome outcome)
{
    return names[outcome];
}

enum outcome outcome_of(enum status status)
{
    switch (status) {
    case STATUS_OK: return OUTCOME_OK;
    case STATUS_PERMISSION_DENIED: return OUTCOME_DENIED;
    case STATUS_NOT_FOUND: return OUTCOME_NOT_FOUND;
    case STATUS_INVALID_ARGUMENT:
    case STATUS_FAILED_PRECONDITION:
    case STATUS_OUT_OF_RANGE:
    case STATUS_ALREADY_EXISTS:
    case STATUS_ABORTED: return OUTCOME_INVALID;
    case STATUS_DEADLINE_EXCEEDED: return OUTCOME_TIMEOUT;
    case STATUS_UNAVAILABLE:
    case STATUS_CANCELLED:
    case STATUS_RESOURCE_EXHAUSTED: return OUTCOME_UNAVAILABLE;
    default:
        /* UNAUTHENTICATED too: the hub's own token was refused, which is not the caller's doing. */
        return OUTCOME_ERROR;
    }
}

bool outcome_unreachable(enum outcome outcome)
{
    return outcome == OUTCOME_TIMEOUT || outcome == OUTCOME_UNAVAILABLE || outcome == OUTCOME_ERROR;
}

size_t outcome_most_useful(const struct fault *const *faults, size_t count)
{
    size_t best = 0;
    for (size_t i = 1; i < count; i++) {
        if (ranks[outcome_of(faults[i]->status)] > ranks[outcome_of(faults[best]->status)])
            best = i;
    }
    return best;
}

const struct fault *outcome_all_refusal(const struct fault *const *faults, size_t count)
{
    size_t unreachable = 0, denied = 0, invalid = 0, answered = 0;

    for (size_t i = 0; i < count; i++) {
        enum outcome outcome = outcome_of(faults[i]->status);
        answered += outcome == OUTCOME_OK;
        invalid += outcome == OUTCOME_INVALID;
        unreachable += outcome_unreachable(outcome);
        denied += outcome == OUTCOME_DENIED || outcome == OUTCOME_NOT_FOUND;
    }
    if (answered > 0 && invalid <= answered)
        return NULL;
    /* Beside unreachable realms: those that were reached have answered, with nothing. */
    if (count > 0 && (invalid > 0 || unreachable == count || denied == count))
        return faults[outcome_most_useful(faults, count)];
    return NULL;
}
