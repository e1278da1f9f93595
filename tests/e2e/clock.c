/* For LD_PRELOAD: a wall clock that is ahead by as many seconds as the file named by $CLOCK_AHEAD says. The other clocks
 * are left alone, as they are when a machine's clock is set. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *ts) {
        int (*real)(clockid_t, struct timespec *) = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, __func__);
        const char *path = getenv("CLOCK_AHEAD");
        FILE *f = clock == CLOCK_REALTIME && path ? fopen(path, "re") : NULL;
        long ahead = 0;
        int r = real(clock, ts);

        if (f) {
                if (fscanf(f, "%ld", &ahead) == 1)
                        ts->tv_sec += ahead;
                fclose(f);
        }
        return r;
}
