#include "git/deadline.h"

#include "revertd/clock.h"
#include "revertd/gitwire.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

/* Children are in our process group and have their parent's death as their own signal; this is for those that left
 * neither. */
static void end(int signal) {
        static const char text[] = "revertd-git: the deadline of the request has passed\n";

        (void)signal;
        (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
        kill(0, SIGTERM);
        _exit(RV_GITWIRE_EXIT_DEADLINE);
}

int rv_deadline_init(struct rv_error *err) {
        struct sigaction action = {.sa_handler = end};
        sigset_t unblock;

        /* The handler's own SIGTERM must not end us before it is done. */
        sigaddset(&action.sa_mask, SIGTERM);
        sigemptyset(&unblock);
        sigaddset(&unblock, SIGALRM);
        if (sigaction(SIGALRM, &action, NULL) < 0 || sigprocmask(SIG_UNBLOCK, &unblock, NULL) < 0)
                return rv_error_set(err, -errno, "signal handler: %s", strerror(errno));
        return 0;
}

void rv_deadline_set(int64_t timeout_usec) {
        struct itimerval timer = {
                .it_value = {.tv_sec = timeout_usec / RV_USEC_PER_SEC, .tv_usec = timeout_usec % RV_USEC_PER_SEC}};

        setitimer(ITIMER_REAL, &timer, NULL);
}
