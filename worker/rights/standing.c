#include "worker/rights/standing.h"

bool standing_allows(const struct policy_standing *standing, uint32_t right)
{
    switch (right) {
    case STANDING_VIEW: return standing->god || standing->sees;
    case STANDING_ISSUE: return standing->god || standing->issues;
    case STANDING_ADMINISTER: return standing->god || standing->administers;
    default: return false;
    }
}
