#include "process.h"

#include "metrics_text.h"

#include "revertd/cleanup.h"

#include <dirent.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* Of /proc/self/stat, by their numbers in proc(5). Read so that the service may hide the rest of /proc
 * (ProcSubset=pid). */
enum { USER_TICKS = 14, SYSTEM_TICKS = 15, START_TICKS = 22, VIRTUAL_BYTES = 23, RESIDENT_PAGES = 24, FIELDS = 25 };

static bool read_stat(double field[static FIELDS]) {
        char line[2048];
        _cleanup_fclose_ FILE *f = fopen("/proc/self/stat", "re");

        if (!f || !fgets(line, sizeof(line), f))
                return false;
        /* The second, the program's name, may hold anything: begin behind its bracket. */
        char *rest = strrchr(line, ')'), *next = NULL;
        if (!rest)
                return false;
        int n = 3;
        for (char *word = strtok_r(rest + 1, " ", &next); word && n < FIELDS; word = strtok_r(NULL, " ", &next))
                field[n++] = strtod(word, NULL);
        return n == FIELDS;
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
        double field[FIELDS] = {}, ticks = (double)sysconf(_SC_CLK_TCK);
        struct rlimit limit = {};

        if (read_stat(field)) {
                rv_metric_single(f, "process_cpu_seconds_total", RV_METRIC_COUNTER,
                                 "Total user and system CPU time spent in seconds.",
                                 (field[USER_TICKS] + field[SYSTEM_TICKS]) / ticks);
                rv_metric_single(f, "process_resident_memory_bytes", RV_METRIC_GAUGE, "Resident memory size in bytes.",
                                 field[RESIDENT_PAGES] * (double)sysconf(_SC_PAGESIZE));
                rv_metric_single(f, "process_virtual_memory_bytes", RV_METRIC_GAUGE, "Virtual memory size in bytes.",
                                 field[VIRTUAL_BYTES]);
                rv_metric_single(f, "process_start_time_seconds", RV_METRIC_GAUGE,
                                 "Start time of the process since the Unix epoch in seconds.",
                                 seconds_of(CLOCK_REALTIME) - seconds_of(CLOCK_BOOTTIME) + field[START_TICKS] / ticks);
        }
        rv_metric_single(f, "process_open_fds", RV_METRIC_GAUGE, "Number of open file descriptors.",
                         (double)count_fds());
        if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
                rv_metric_single(f, "process_max_fds", RV_METRIC_GAUGE, "Maximum number of open file descriptors.",
                                 (double)limit.rlim_cur);
}
