#include "git/transport_process.h"

#include "git/jail.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum {
        BUFFER_BYTES_MAX = 1 << 20, /* read ahead while we write */
        CHUNK_BYTES = 64 << 10,
        ENV_MAX = 16,
        EXIT_WAIT_MSEC = 500,
};

struct process_link {
        struct rv_link link;
        pid_t pid; /* 0: reaped */
        int io, errors;
        bool ended;   /* it closed its output */
        char *buffer; /* read, not yet taken */
        size_t start, end, size;
        char said[RV_REMOTE_MESSAGE_BYTES_MAX];
        size_t n_said;
        char *name;
};

static struct process_link *process(struct rv_link *link) {
        return (struct process_link *)link;
}

static void read_errors(struct process_link *link) {
        char dropped[512];

        while (link->errors >= 0) {
                bool full = link->n_said == sizeof link->said - 1;
                ssize_t n = full ? read(link->errors, dropped, sizeof dropped)
                                 : read(link->errors, link->said + link->n_said, sizeof link->said - 1 - link->n_said);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        return;
                if (n <= 0) {
                        close(RV_TAKE_FD(link->errors));
                        return;
                }
                if (!full)
                        link->n_said += (size_t)n;
        }
}

/* ssh explains at length; what matters comes last. */
static const char *last_lines(char *text, size_t n, unsigned wanted) {
        while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
                text[--n] = 0;
        for (const char *p = text + n; p > text; p--)
                if (p[-1] == '\n' && --wanted == 0)
                        return p;
        return text;
}

/* The child closed its output: wait a moment for its last words and how it ended. */
static int gone(struct process_link *link, struct rv_error *err) {
        _cleanup_free_ char *said = NULL;
        int status = 0;

        if (link->errors >= 0) {
                struct pollfd wait = {.fd = link->errors, .events = POLLIN};
                for (unsigned i = 0; i < 8 && wait.fd >= 0 && poll(&wait, 1, EXIT_WAIT_MSEC) > 0; i++) {
                        read_errors(link);
                        wait.fd = link->errors;
                }
        }
        if (link->pid > 0 && waitpid(link->pid, &status, WNOHANG) == link->pid)
                link->pid = 0;
        link->said[link->n_said] = 0;
        said = rv_text_line(last_lines(link->said, link->n_said, 3), 512);
        if (said && said[strspn(said, " ")])
                return rv_error_set(err, -EREMOTEIO, "%s: %s", link->name, said);
        if (link->pid == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 127)
                return rv_error_set(err, -EREMOTEIO, "%s could not be run", link->name);
        return rv_error_set(err, -EREMOTEIO, "%s ended before the remote had answered", link->name);
}

static int wait_for(struct process_link *link, short events, short *ret, struct rv_error *err) {
        struct pollfd fds[2] = {{.fd = link->io, .events = events}, {.fd = link->errors, .events = POLLIN}};

        for (;;) {
                int timeout = rv_link_wait_msec(&link->link);
                int n = timeout > 0 ? poll(fds, 2, timeout) : 0;
                if (n < 0 && errno != EINTR)
                        return rv_error_set(err, -errno, "wait for %s: %s", link->name, strerror(errno));
                if (n == 0)
                        return rv_error_set(err, -ETIMEDOUT, "the remote did not answer in time (%s)", link->name);
                if (n > 0 && fds[1].revents) {
                        read_errors(link);
                        fds[1].fd = link->errors;
                }
                if (n > 0 && fds[0].revents) {
                        *ret = fds[0].revents;
                        return 0;
                }
        }
}

static int fill(struct process_link *link, struct rv_error *err) {
        if (link->start == link->end)
                link->start = link->end = 0;
        if (link->size - link->end < CHUNK_BYTES) {
                char *p = realloc(link->buffer, link->end + 2 * CHUNK_BYTES);
                if (!p)
                        return rv_error_oom(err);
                link->buffer = p;
                link->size = link->end + 2 * CHUNK_BYTES;
        }
        ssize_t n = recv(link->io, link->buffer + link->end, link->size - link->end, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n <= 0)
                link->ended = true;
        else
                link->end += (size_t)n;
        return 0;
}

static int process_read(struct rv_link *base, void *data, size_t n, size_t *ret, struct rv_error *err) {
        struct process_link *link = process(base);

        while (link->start == link->end && !link->ended) {
                short events;
                int r = wait_for(link, POLLIN, &events, err);
                if (r == 0)
                        r = fill(link, err);
                if (r < 0)
                        return r;
        }
        size_t have = link->end - link->start;
        if (have == 0)
                return gone(link, err);
        if (n > have)
                n = have;
        memcpy(data, link->buffer + link->start, n);
        link->start += n;
        *ret = n;
        return 0;
}

/* The remote may speak before it has heard all: what it says is kept, or both would wait for each other. */
static int process_write(struct rv_link *base, const void *data, size_t n, struct rv_error *err) {
        struct process_link *link = process(base);
        const char *p = data;

        while (n > 0) {
                bool room = !link->ended && link->end - link->start < BUFFER_BYTES_MAX;
                short events;
                int r = wait_for(link, POLLOUT | (room ? POLLIN : 0), &events, err);
                if (r == 0 && room && events & (POLLIN | POLLHUP))
                        r = fill(link, err);
                if (r < 0)
                        return r;
                ssize_t sent = send(link->io, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (sent < 0 && errno != EAGAIN && errno != EINTR)
                        return gone(link, err);
                if (sent > 0) {
                        p += sent;
                        n -= (size_t)sent;
                }
        }
        return 0;
}

static int process_finish(struct rv_link *base, struct rv_error *err) {
        (void)base, (void)err;
        return 0;
}

void rv_process_end_input(struct rv_link *link) {
        (void)shutdown(process(link)->io, SHUT_WR);
}

static bool has_ended(struct process_link *link, int64_t wait_msec) {
        int64_t until_usec = rv_clock_monotonic_usec() + wait_msec * RV_USEC_PER_MSEC;

        while (link->pid > 0 && waitpid(link->pid, NULL, WNOHANG) == 0) {
                if (rv_clock_monotonic_usec() > until_usec)
                        return false;
                poll(NULL, 0, 1);
        }
        return true;
}

static struct rv_link *process_free(struct rv_link *base) {
        struct process_link *link = process(base);

        if (link->io >= 0)
                close(link->io);
        if (link->errors >= 0)
                close(link->errors);
        /* Its input is closed: one that is done ends by itself, at once. A receive-pack that is asked to end takes its
         * locks away. */
        if (!has_ended(link, EXIT_WAIT_MSEC)) {
                kill(-link->pid, SIGTERM);
                if (!has_ended(link, EXIT_WAIT_MSEC)) {
                        kill(-link->pid, SIGKILL);
                        waitpid(link->pid, NULL, 0);
                }
        }
        free(link->buffer);
        free(link->name);
        free(link);
        return NULL;
}

static const struct rv_link_ops process_ops = {
        .read = process_read, .write = process_write, .finish = process_finish, .free = process_free};

static void run_child(const struct rv_process_options *options, char **env, pid_t parent, int io, int errors) {
        sigset_t none;

        setpgid(0, 0);
        rv_jail_leave_in_child(parent, options->outlives);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        if (dup2(io, STDIN_FILENO) < 0 || dup2(io, STDOUT_FILENO) < 0 || dup2(errors, STDERR_FILENO) < 0 ||
            close_range(STDERR_FILENO + 1, ~0U, 0) < 0)
                _exit(127);
        execvpe(options->argv[0], (char *const *)options->argv, env);
        _exit(127);
}

/* Nothing of our own environment that could change what the child does. */
static size_t make_env(char *env[static ENV_MAX], char **ret_path, char **ret_home,
                       const struct rv_process_options *options) {
        const char *path = getenv("PATH"), *home = getenv("HOME");
        size_t n = 0;

        *ret_path = *ret_home = NULL;
        if (asprintf(ret_path, "PATH=%s", path ? path : "/usr/local/bin:/usr/bin:/bin") < 0)
                *ret_path = NULL;
        if (asprintf(ret_home, "HOME=%s", home ? home : "/") < 0)
                *ret_home = NULL;
        if (!*ret_path || !*ret_home)
                return 0;
        env[n++] = *ret_path;
        env[n++] = *ret_home;
        env[n++] = (char *)"LC_ALL=C";
        for (const char *const *e = options->env; e && *e && n < ENV_MAX - 1; e++)
                env[n++] = (char *)*e;
        env[n] = NULL;
        return n;
}

int rv_process_link(struct rv_link **ret, const struct rv_process_options *options, struct rv_error *err) {
        _cleanup_free_ char *path = NULL, *home = NULL;
        char *env[ENV_MAX];
        int io[2], errors[2];

        struct process_link *link = calloc(1, sizeof *link);
        if (!link || !(link->name = strdup(options->argv[0])) || make_env(env, &path, &home, options) == 0) {
                free(link ? link->name : NULL);
                free(link);
                return rv_error_oom(err);
        }
        *link = (struct process_link){
                .link = {.ops = &process_ops, .deadline_usec = options->deadline_usec, .idle_usec = options->idle_usec},
                .io = -1,
                .errors = -1,
                .name = link->name};
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, io) < 0) {
                process_free(&link->link);
                return rv_error_set(err, -EIO, "make a socket pair: %s", strerror(errno));
        }
        if (pipe2(errors, O_CLOEXEC | O_NONBLOCK) < 0) {
                close(io[0]);
                close(io[1]);
                process_free(&link->link);
                return rv_error_set(err, -EIO, "make a pipe: %s", strerror(errno));
        }
        link->io = io[0];
        link->errors = errors[0];
        pid_t parent = getpid();
        link->pid = fork();
        if (link->pid == 0)
                run_child(options, env, parent, io[1], errors[1]);
        int code = errno;
        close(io[1]);
        close(errors[1]);
        if (link->pid < 0) {
                link->pid = 0;
                process_free(&link->link);
                return rv_error_set(err, -EIO, "start %s: %s", options->argv[0], strerror(code));
        }
        *ret = &link->link;
        return 0;
}
