/* Source of the names: https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics;
 * of the numbers: proc(5). */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/metrics/metrics.h"

enum { BUILD, CPU, RESIDENT, VIRTUAL, FDS, FDS_MAX, THREADS, STARTED, PROCESS_METRICS };

static const struct metric_def defs[PROCESS_METRICS] = {
    [BUILD] = {METRIC_GAUGE, "pek_build_info", "1; the labels say what runs.",
               .labels = {"program", "version"}, .series_max = 1},
    [CPU] = {METRIC_COUNTER_SET, "process_cpu_seconds_total", "User and system CPU time spent."},
    [RESIDENT] = {METRIC_GAUGE, "process_resident_memory_bytes", "Resident memory."},
    [VIRTUAL] = {METRIC_GAUGE, "process_virtual_memory_bytes", "Virtual memory."},
    [FDS] = {METRIC_GAUGE, "process_open_fds", "Open file descriptors."},
    [FDS_MAX] = {METRIC_GAUGE, "process_max_fds", "Most file descriptors that may be open."},
    [THREADS] = {METRIC_GAUGE, "process_threads", "Threads."},
    [STARTED] = {METRIC_GAUGE, "process_start_time_seconds", "Start of the process, since 1970."},
};

struct process_metrics {
    struct metrics_collector collector;
    struct metric *metrics[PROCESS_METRICS];
};

/* The text of a small file of /proc; false when it cannot be read. */
static bool proc_read(const char *path, char *text, size_t text_bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t len = read(fd, text, text_bytes - 1);
    close(fd);
    text[len > 0 ? len : 0] = '\0';
    return len > 0;
}

static void collect_stat(struct process_metrics *process)
{
    char text[1024];
    if (!proc_read("/proc/self/stat", text, sizeof(text)))
        return;
    /* The second field is the program's name in parentheses, which may contain anything. */
    const char *rest = strrchr(text, ')');
    long threads;
    unsigned long started_ticks, virtual_bytes;
    long resident_pages;
    if (!rest || sscanf(rest + 1,
                        " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %ld "
                        "%*d %lu %lu %ld",
                        &threads, &started_ticks, &virtual_bytes, &resident_pages) != 4)
        return;
    metric_set(METRIC(process->metrics[THREADS]), (double)threads);
    metric_set(METRIC(process->metrics[VIRTUAL]), (double)virtual_bytes);
    metric_set(METRIC(process->metrics[RESIDENT]),
               (double)resident_pages * (double)sysconf(_SC_PAGESIZE));

    /* Told once: counted anew it would differ by microseconds, and look like a restart. */
    struct timespec since_boot;
    if (metric_value(METRIC(process->metrics[STARTED])) == 0 &&
        clock_gettime(CLOCK_BOOTTIME, &since_boot) == 0) {
        double booted = (double)clock_wall_us() / 1e6 - (double)since_boot.tv_sec -
                        (double)since_boot.tv_nsec / 1e9;
        metric_set(METRIC(process->metrics[STARTED]),
                   booted + (double)started_ticks / (double)sysconf(_SC_CLK_TCK));
    }
}

static void collect_fds(struct process_metrics *process)
{
    DIR *fds = opendir("/proc/self/fd");
    if (fds) {
        size_t count = 0;
        for (const struct dirent *entry; (entry = readdir(fds));)
            count += entry->d_name[0] != '.';
        closedir(fds);
        metric_set(METRIC(process->metrics[FDS]),
                   (double)(count - 1)); /* not the directory's own */
    }
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        metric_set(METRIC(process->metrics[FDS_MAX]), (double)limit.rlim_cur);
}

static void collect(struct metrics_collector *collector)
{
    struct process_metrics *process = LIST_ENTRY(collector, struct process_metrics, collector);
    struct timespec cpu;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0)
        metric_set(METRIC(process->metrics[CPU]), (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
    collect_stat(process);
    collect_fds(process);
}

static void finish(struct metrics_collector *collector)
{
    free(LIST_ENTRY(collector, struct process_metrics, collector));
}

enum status metrics_add_process(struct metrics *metrics, const char *program, const char *version)
{
    struct process_metrics *process = calloc(1, sizeof(*process));
    if (!process)
        return STATUS_RESOURCE_EXHAUSTED;
    enum status status = metrics_add(metrics, defs, PROCESS_METRICS, process->metrics);
    if (status != STATUS_OK) {
        free(process);
        return status;
    }
    metric_set(METRIC(process->metrics[BUILD], program, version), 1);
    process->collector = (struct metrics_collector){.collect = collect, .done = finish};
    metrics_collector_add(metrics, &process->collector);
    return STATUS_OK;
}
