#include "process.h"

#include "metrics_text.h"

#include "revertd/cleanup.h"

#include <dirent.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* Of /proc/self/stat, see proc(5). Read so that the service may hide the rest of /proc (ProcSubset=pid). */
struct stat_fields {
        unsigned long long user_ticks, system_ticks, start_ticks, virtual_bytes;
        long long resident_pages;
};

static bool read_stat(struct stat_fields *ret) {
        char line[2048];
        _cleanup_fclose_ FILE *f = fopen("/proc/self/stat", "re");

        if (!f || !fgets(line, sizeof(line), f))
                return false;
        /* The name of the program comes before and may hold anything, so begin behind its bracket. */
        const char *rest = strrchr(line, ')');
        return rest &&
               sscanf(rest + 1,
                      " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d %*d %llu %llu %lld",
                      &ret->user_ticks, &ret->system_ticks, &ret->start_ticks, &ret->virtual_bytes,
                      &ret->resident_pages) == 5;
}

static size_t count_fds(void) {
        size_t n = 0;
        DIR *dir = opendir("/proc/self/fd");

        if (!dir)
                return 0;
        while (readdir(dir))
                n++;
        closedir(dir);
        return n > 3 ? n - 3 : 0; /* ".", ".." and the folder itself */
}

static double seconds_of(clockid_t clock) {
        struct timespec t;
        clock_gettime(clock, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void rv_metrics_process(FILE *f) {
        struct stat_fields stat = {};
        struct rlimit limit = {};
        double ticks = (double)sysconf(_SC_CLK_TCK);

        if (read_stat(&stat)) {
                rv_metric_single(f, "process_cpu_seconds_total", RV_METRIC_COUNTER,
                                 "Total user and system CPU time spent in seconds.",
                                 (double)(stat.user_ticks + stat.system_ticks) / ticks);
                rv_metric_single(f, "process_resident_memory_bytes", RV_METRIC_GAUGE, "Resident memory size in bytes.",
                                 (double)stat.resident_pages * (double)sysconf(_SC_PAGESIZE));
                rv_metric_single(f, "process_virtual_memory_bytes", RV_METRIC_GAUGE, "Virtual memory size in bytes.",
                                 (double)stat.virtual_bytes);
                rv_metric_single(f, "process_start_time_seconds", RV_METRIC_GAUGE,
                                 "Start time of the process since the Unix epoch in seconds.",
                                 seconds_of(CLOCK_REALTIME) - seconds_of(CLOCK_BOOTTIME) +
                                         (double)stat.start_ticks / ticks);
        }
        rv_metric_single(f, "process_open_fds", RV_METRIC_GAUGE, "Number of open file descriptors.",
                         (double)count_fds());
        if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
                rv_metric_single(f, "process_max_fds", RV_METRIC_GAUGE, "Maximum number of open file descriptors.",
                                 (double)limit.rlim_cur);
}
