#include "shared/base/descriptors.h"

#include <sys/resource.h>

enum status descriptors_reserve(size_t connections_max, size_t kept, struct fault *fault)
{
    struct rlimit limit;
    const size_t needed = connections_max + kept;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return fault_set(fault, STATUS_INTERNAL, NULL, "the limit of descriptors is not known");
    if (limit.rlim_max < needed)
        return fault_set(fault, STATUS_FAILED_PRECONDITION, "connections_max",
                         "connections_max = %zu needs %zu open files, this process may have %llu "
                         "(LimitNOFILE, ulimit -n)",
                         connections_max, needed, (unsigned long long)limit.rlim_max);
    if (limit.rlim_cur >= needed)
        return STATUS_OK;
    limit.rlim_cur = needed;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return fault_set(fault, STATUS_INTERNAL, "connections_max",
                         "the limit of open files cannot be raised to %zu", needed);
    return STATUS_OK;
}
