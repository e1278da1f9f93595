#include "gitclient/process.h"

#include "revertd/build.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/gitwire.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

enum {
        WORKER_FD = 3,
        CONFIG_FD = 4,
        INHERITED_MAX = 5, /* descriptors of the worker when it starts */
        EXIT_EXEC = 127,
        END_WAIT_MSEC = 1000,
        ARGUMENTS_MAX = 8,
};

static bool is_program(const char *path) {
        return access(path, X_OK) == 0;
}

/* Beside our own executable (a build folder), in the libexec folder next to it (any prefix), or where it was
 * configured to be installed. */
static int find_program(char **ret, struct rv_error *err) {
        static const char *const beside[] = {"revertd-git", "../libexec/revertd/revertd-git"};
        _cleanup_free_ char *installed = NULL;
        char self[PATH_MAX];
        ssize_t n;

        n = readlink("/proc/self/exe", self, sizeof(self) - 1);
        self[n > 0 ? n : 0] = '\0';
        for (size_t i = 0; n > 0 && i < RV_ARRAY_SIZE(beside); i++) {
                _cleanup_free_ char *path = NULL;
                const char *slash = strrchr(self, '/');

                if (!slash || asprintf(&path, "%.*s/%s", (int)(slash - self), self, beside[i]) < 0)
                        return rv_error_oom(err);
                if (is_program(path)) {
                        *ret = RV_TAKE(path);
                        return 0;
                }
        }
        if (asprintf(&installed, "%s/revertd/revertd-git", RV_LIBEXECDIR) < 0)
                return rv_error_oom(err);
        if (!is_program(installed))
                return rv_error_set(err, -ENOENT, "revertd-git is neither beside revertd nor at %s", installed);
        *ret = RV_TAKE(installed);
        return 0;
}

static int connect_socket(struct process *ret, const char *path, struct rv_error *err) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        _cleanup_close_ int fd = -1;

        if (strlen(path) >= sizeof(address.sun_path))
                return rv_error_set(err, -ENAMETOOLONG, "socket %s: the path is too long", path);
        memcpy(address.sun_path, path, strlen(path) + 1);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
                return rv_error_set(err, -errno, "socket %s: %s", path, strerror(errno));
        *ret = (struct process){.fd = RV_TAKE_FD(fd), .pidfd = -1};
        return 0;
}

/* A file that holds the configuration's text; its number is none that the child gives away. */
static int make_config_file(const char *text, int *ret, struct rv_error *err) {
        _cleanup_close_ int small = memfd_create("revertd.conf", MFD_CLOEXEC);
        _cleanup_close_ int fd = small < 0 ? -1 : fcntl(small, F_DUPFD_CLOEXEC, INHERITED_MAX);
        size_t n = strlen(text);

        if (fd < 0)
                return rv_error_set(err, -errno, "configuration: %s", strerror(errno));
        for (size_t done = 0; done < n;) {
                ssize_t k = pwrite(fd, text + done, n - done, (off_t)done);
                if (k < 0)
                        return rv_error_set(err, -errno, "configuration: %s", strerror(errno));
                done += (size_t)k;
        }
        *ret = RV_TAKE_FD(fd);
        return 0;
}

/* In the child. Only async-signal-safe calls. */
static _Noreturn void run(char **arguments, int fd, int config_fd) {
        sigset_t none;

        sigemptyset(&none);
        setpgid(0, 0);
        for (int i = 1; i < NSIG; i++)
                signal(i, SIG_DFL);
        sigprocmask(SIG_SETMASK, &none, NULL);
        if (fd == WORKER_FD)
                fcntl(fd, F_SETFD, 0);
        else if (dup2(fd, WORKER_FD) < 0)
                _exit(EXIT_EXEC);
        if (config_fd >= 0 && dup2(config_fd, CONFIG_FD) < 0)
                _exit(EXIT_EXEC);
        /* Libraries of ours may have opened descriptors that the worker must not have. */
        close_range(config_fd >= 0 ? CONFIG_FD + 1 : WORKER_FD + 1, ~0U, 0);
        execv(arguments[0], arguments);
        _exit(EXIT_EXEC);
}

static int spawn(struct process *ret, char **arguments, int config_fd, struct rv_error *err) {
        _cleanup_close_ int ours = -1;
        _cleanup_close_ int theirs = -1;
        int pair[2], pidfd;
        pid_t pid;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return rv_error_set(err, -errno, "socket pair: %s", strerror(errno));
        ours = pair[0];
        theirs = pair[1];
        if (fcntl(ours, F_SETFL, O_NONBLOCK) < 0)
                return rv_error_set(err, -errno, "socket pair: %s", strerror(errno));
        pid = fork();
        if (pid < 0)
                return rv_error_set(err, -errno, "fork: %s", strerror(errno));
        if (pid == 0)
                run(arguments, theirs, config_fd);
        setpgid(pid, pid); /* whoever is first */
        pidfd = pidfd_open(pid, 0);
        if (pidfd < 0) {
                int code = -errno;

                kill(pid, SIGKILL);
                waitpid(pid, NULL, 0);
                return rv_error_set(err, code, "pidfd: %s", strerror(-code));
        }
        *ret = (struct process){.fd = RV_TAKE_FD(ours), .pid = pid, .pidfd = pidfd};
        return 0;
}

static int start_program(struct process *ret, const struct rv_gitclient_options *options, struct rv_error *err) {
        _cleanup_free_ char *program = NULL;
        _cleanup_free_ char *config = NULL;
        _cleanup_free_ char *repository = NULL;
        _cleanup_free_ char *storage = NULL;
        _cleanup_free_ char *socket_fd = NULL;
        _cleanup_free_ char *config_argument = NULL;
        _cleanup_close_ int config_fd = -1;
        char *arguments[ARGUMENTS_MAX] = {};
        char read_only[] = "--read-only";
        int r;

        if (options->program)
                program = strdup(options->program);
        else if ((r = find_program(&program, err)) < 0)
                return r;
        if (!program || asprintf(&config, "--config.file=%s", options->config_file) < 0 ||
            asprintf(&repository, "--repository=%s", options->repository) < 0 ||
            asprintf(&storage, "--storage.path=%s", options->state_directory) < 0 ||
            asprintf(&socket_fd, "--socket-fd=%d", WORKER_FD) < 0 ||
            asprintf(&config_argument, "--config.fd=%d", CONFIG_FD) < 0)
                return rv_error_oom(err);
        if (!is_program(program))
                return rv_error_set(err, -errno, "%s: %s", program, strerror(errno));
        arguments[0] = program;
        arguments[1] = config;
        arguments[2] = repository;
        arguments[3] = storage;
        arguments[4] = socket_fd;
        if (options->config_text) {
                r = make_config_file(options->config_text, &config_fd, err);
                if (r < 0)
                        return r;
                arguments[5] = config_argument;
        }
        if (options->is_read_only)
                arguments[options->config_text ? 6 : 5] = read_only;
        return spawn(ret, arguments, config_fd, err);
}

int process_start(struct process *ret, const struct rv_gitclient_options *options, struct rv_error *err) {
        int r;

        r = options->socket ? connect_socket(ret, options->socket, err) : start_program(ret, options, err);
        return r < 0 ? rv_error_prefix(err, r, "worker") : 0;
}

void process_kill(struct process *process) {
        /* Its children are only asked to end: a receive-pack that is killed leaves its locks in the repository. */
        if (process->pid > 0) {
                kill(-process->pid, SIGTERM);
                kill(-process->pid, SIGCONT);
                kill(process->pid, SIGKILL);
        }
        if (process->fd >= 0)
                close(RV_TAKE_FD(process->fd));
}

static void describe(const siginfo_t *info, char *text, size_t size) {
        if (info->si_code != CLD_EXITED)
                snprintf(text, size, "the worker was killed by signal %d", info->si_status);
        else if (info->si_status == RV_GITWIRE_EXIT_DEADLINE)
                snprintf(text, size, "the worker did not answer by its deadline");
        else if (info->si_status == EXIT_EXEC)
                snprintf(text, size, "the worker could not be executed");
        else
                snprintf(text, size, "the worker ended with status %d", info->si_status);
}

void process_reap(struct process *process, char *text, size_t size) {
        siginfo_t info = {};

        if (process->pid > 0 && waitid(P_PID, (id_t)process->pid, &info, WEXITED) == 0)
                describe(&info, text, size);
        else
                snprintf(text, size, "the worker went away");
        if (process->pidfd >= 0)
                close(process->pidfd);
        *process = (struct process){.fd = -1, .pidfd = -1};
}

void process_end(struct process *process, int64_t wait_usec) {
        struct pollfd ended = {.fd = process->pidfd, .events = POLLIN};
        char text[128];

        if (process->pid > 0 && process->fd >= 0 && wait_usec > 0) {
                close(RV_TAKE_FD(process->fd));
                (void)!poll(&ended, 1, (int)(wait_usec / RV_USEC_PER_MSEC));
        }
        process_kill(process);
        if (process->pid > 0 && poll(&ended, 1, END_WAIT_MSEC) > 0)
                process_reap(process, text, sizeof(text));
        else if (process->pidfd >= 0)
                close(process->pidfd);
        *process = (struct process){.fd = -1, .pidfd = -1};
}
