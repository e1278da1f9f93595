#include "git/jail.h"

#include "git/sanitizer.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Address space, which counts mapped packs as well as memory: what a worker of a large repository needs (its windows
 * and indexes are bounded, see libgit2.c), and no more. */
enum { MEMORY_BYTES_MAX = 512 << 20 };

static struct rlimit memory_before = {RLIM_INFINITY, RLIM_INFINITY};
static mode_t umask_before = 022;

/* Only the soft limit: children get the old one back. The sanitizer maps terabytes of shadow. */
static int limit_memory(void) {
        if (getrlimit(RLIMIT_AS, &memory_before) < 0)
                return -errno;
#ifndef HAVE_ADDRESS_SANITIZER
        struct rlimit limit = memory_before;

        if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > MEMORY_BYTES_MAX)
                limit.rlim_cur = MEMORY_BYTES_MAX;
        if (setrlimit(RLIMIT_AS, &limit) < 0 && errno != EPERM) /* a service manager's filter has limits of its own */
                return -errno;
#endif
        return 0;
}

int rv_jail_enter(struct rv_error *err) {
        int r;

        umask_before = umask(077);
        signal(SIGPIPE, SIG_IGN);
        /* A group of its own, so that a deadline ends its children with it; a session's leader has one already. */
        if (getpgrp() != getpid() && setpgid(0, 0) < 0)
                return rv_error_set(err, -errno, "process group: %s", strerror(errno));
        if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return rv_error_set(err, -errno, "prctl: %s", strerror(errno));
        r = limit_memory();
        if (r < 0)
                return rv_error_set(err, r, "limit on memory: %s", strerror(-r));
        return 0;
}

void rv_jail_leave_in_child(int parent, bool outlives) {
        if (!outlives && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent))
                _exit(1);
        umask(umask_before);
        signal(SIGPIPE, SIG_DFL);
        setrlimit(RLIMIT_AS, &memory_before);
}
