#include "git/worker.h"

#include "git/deadline.h"
#include "git/ops.h"
#include "git/statuses.h"
#include "revertd/build.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/log.h"

#include <errno.h>
#include <string.h>

enum { LOCK_WAIT_SEC = 5 };

#define TIMEOUT_DEFAULT_USEC (60 * RV_USEC_PER_SEC)
#define TIMEOUT_MAX_USEC (10 * RV_USEC_PER_MINUTE)
/* Calls with a deadline of their own end this much before the watchdog (or a third of the time), so that what was
 * started for them can be ended, and they be answered. */
#define MARGIN_MAX_USEC (2 * RV_USEC_PER_SEC)
#define PROGRESS_EVERY_USEC RV_USEC_PER_SEC
/* A mirror that is damaged again at once is not helped by fetching it again. */
#define REBUILD_EVERY_USEC (10 * RV_USEC_PER_MINUTE)

typedef int (*op_function)(struct rv_worker *, const struct rv_git_request *, struct rv_git_reply *, struct rv_error *);

static const op_function ops[RV_GIT_OP_MAX] = {
        [RV_GIT_SYNC] = rv_op_sync,       [RV_GIT_HISTORY] = rv_op_history,   [RV_GIT_PLAN] = rv_op_plan,
        [RV_GIT_PUSH] = rv_op_push,       [RV_GIT_CHECK] = rv_op_check,       [RV_GIT_SHOW] = rv_op_show,
        [RV_GIT_PROPOSE] = rv_op_propose, [RV_GIT_PROPOSAL] = rv_op_proposal,
};

static int64_t timeout_of(const struct rv_git_request *request) {
        if (request->timeout_usec <= 0)
                return TIMEOUT_DEFAULT_USEC;
        return request->timeout_usec < TIMEOUT_MAX_USEC ? request->timeout_usec : TIMEOUT_MAX_USEC;
}

static int send_reply(struct rv_worker *worker, struct rv_git_reply *reply, struct rv_error *err) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = rv_git_reply_encode(reply, &text);
        /* Too many commits for one message: the older half is left out, and said to be. */
        while (r == -E2BIG && reply->n_commits > 1) {
                for (size_t keep = reply->n_commits / 2; reply->n_commits > keep;)
                        rv_commit_done(&reply->commits[--reply->n_commits]);
                reply->truncated = true;
                r = rv_git_reply_encode(reply, &text);
        }
        if (r < 0)
                return rv_error_set(err, r, "encode the reply: %s", strerror(-r));
        return rv_line_write(&worker->line, text, err);
}

/* A long fetch that moves is let go on: both watchdogs start anew. */
static void note_progress(const char *text, void *userdata) {
        struct rv_worker *worker = userdata;
        struct rv_git_reply progress = {.progress = true, .message = (char *)text};
        struct rv_error err = {};

        int64_t now_usec = rv_clock_monotonic_usec();

        if (!worker->request)
                return;
        progress.id = worker->request->id;
        rv_deadline_set(timeout_of(worker->request));
        if (now_usec < worker->told_usec + PROGRESS_EVERY_USEC)
                return;
        worker->told_usec = now_usec;
        rv_log(RV_LOG_INFO, RV_EV_NONE, text, "repository", worker->config->name, NULL);
        if (send_reply(worker, &progress, &err) < 0)
                rv_log(RV_LOG_WARN, RV_EV_NONE, "progress could not be told", "error", err.text, NULL);
}

static int attempt(struct rv_worker *worker, struct rv_git_reply *reply, struct rv_error *err) {
        int r;

        r = rv_history_use(worker->history, rv_mirror_repository(worker->mirror), rv_mirror_generation(worker->mirror),
                           err);
        if (r == 0)
                r = ops[worker->request->op](worker, worker->request, reply, err);
        /* Files that could not be made or found for want of a folder: damage like any other. */
        return r < 0 && r != -ENOMEM && !rv_mirror_is_complete(worker->mirror) ? -EBADMSG : r;
}

static bool may_rebuild(const struct rv_worker *worker) {
        return worker->rebuilt_usec == 0 || rv_clock_monotonic_usec() - worker->rebuilt_usec > REBUILD_EVERY_USEC;
}

static int rebuild(struct rv_worker *worker, struct rv_error *err) {
        int r;

        rv_log(RV_LOG_WARN, RV_EV_NONE, "the mirror is damaged and is fetched anew", "repository", worker->config->name,
               "error", err->text, NULL);
        r = rv_history_use(worker->history, NULL, 0, err);
        if (r == 0)
                r = rv_mirror_rebuild(worker->mirror, err);
        worker->rebuilt_usec = rv_clock_monotonic_usec();
        return r;
}

static struct rv_git_reply *new_reply(const struct rv_git_request *request) {
        struct rv_git_reply *reply = calloc(1, sizeof(*reply));

        if (reply)
                reply->id = request->id;
        return reply;
}

/* What failed becomes an outcome with the words of the error. */
static int say_error(struct rv_git_reply *reply, int r, const struct rv_error *err) {
        bool unavailable = r == -EREMOTEIO || r == -ETIMEDOUT || r == -EBUSY;

        return rv_op_say(reply, unavailable ? RV_GIT_UNAVAILABLE : RV_GIT_FAILED, "%s",
                         err->text[0] ? err->text : strerror(-r));
}

static int perform(struct rv_worker *worker, struct rv_git_reply **reply) {
        int64_t lock_until_usec = rv_clock_monotonic_usec() + LOCK_WAIT_SEC * RV_USEC_PER_SEC;
        struct rv_error err = {};
        int r;

        if (lock_until_usec > worker->deadline_usec)
                lock_until_usec = worker->deadline_usec;
        r = rv_mirror_acquire(worker->mirror, lock_until_usec, &err);
        if (r == 0) {
                r = attempt(worker, *reply, &err);
                if (rv_libgit2_is_damage(r) && may_rebuild(worker)) {
                        rv_git_reply_free(*reply);
                        *reply = new_reply(worker->request);
                        if (!*reply)
                                return -ENOMEM;
                        r = rebuild(worker, &err);
                        if (r == 0)
                                r = attempt(worker, *reply, &err);
                }
                rv_mirror_release(worker->mirror);
        }
        return r < 0 ? say_error(*reply, r, &err) : 0;
}

static int serve(struct rv_worker *worker, const struct rv_git_request *request, struct rv_error *err) {
        int64_t timeout_usec = timeout_of(request);
        bool is_refused = worker->is_read_only && (request->op == RV_GIT_PUSH || request->op == RV_GIT_PROPOSE);
        int64_t margin_usec = timeout_usec / 3 < MARGIN_MAX_USEC ? timeout_usec / 3 : MARGIN_MAX_USEC;
        struct rv_git_reply *reply;
        int r;

        reply = new_reply(request);
        if (!reply)
                return rv_error_oom(err);
        worker->request = request;
        worker->deadline_usec = rv_clock_monotonic_usec() + timeout_usec - margin_usec;
        rv_deadline_set(timeout_usec);
        r = is_refused ? rv_op_say(reply, RV_GIT_POLICY, "the worker was started to read only")
                       : perform(worker, &reply);
        if (r == 0)
                r = send_reply(worker, reply, err);
        else
                rv_error_oom(err);
        rv_deadline_set(0);
        worker->request = NULL;
        if (r == 0)
                rv_statuses_tell(worker, request, reply);
        rv_git_reply_free(reply);
        return r;
}

static int serve_all(struct rv_worker *worker, struct rv_error *err) {
        for (;;) {
                struct rv_git_request *request = NULL;
                char *text;
                size_t n;
                int r;

                r = rv_line_read(&worker->line, &text, &n, err);
                if (r <= 0)
                        return r == -E2BIG ? -EBADMSG : r;
                r = rv_git_request_decode(&request, text, n, err);
                if (r < 0)
                        return r == -ENOMEM ? r : -EBADMSG;
                r = serve(worker, request, err);
                rv_git_request_free(request);
                if (r < 0)
                        return r == -EPIPE ? 0 : r;
        }
}

static int say_hello(const struct rv_worker *worker, const char *error, struct rv_error *err) {
        _cleanup_free_ char *libgit2 = NULL;
        _cleanup_free_ char *text = NULL;
        struct rv_git_hello hello = {
                .version = RV_GITWIRE_VERSION,
                .worker = (char *)RV_VERSION,
                .repository = worker->config->name,
                .error = (char *)error,
        };
        int major, minor, patch;

        git_libgit2_version(&major, &minor, &patch);
        if (asprintf(&libgit2, "%d.%d.%d", major, minor, patch) < 0)
                return rv_error_oom(err);
        hello.libgit2 = libgit2;
        if (rv_git_hello_encode(&hello, &text) < 0)
                return rv_error_oom(err);
        return rv_line_write(&worker->line, text, err);
}

static int prepare(struct rv_worker *worker, const struct rv_worker_options *options, struct rv_error *err) {
        struct rv_mirror_options mirror = {
                .config = options->repository,
                .credentials_directory = options->config->credentials_directory,
                .storage_path = options->storage_path,
                .progress = note_progress,
                .userdata = worker,
        };
        int r;

        if (asprintf(&worker->ledger_path, "%s/git/%s.pushes", options->storage_path, options->repository->name) < 0)
                return rv_error_oom(err);
        if (asprintf(&worker->state_directory, "%s/git/%s.run", options->storage_path, options->repository->name) < 0)
                return rv_error_oom(err);
        if (rv_history_new(&worker->history) < 0)
                return rv_error_oom(err);
        r = rv_deadline_init(err);
        if (r == 0)
                r = rv_mirror_new(&worker->mirror, &mirror, err);
        return r;
}

int rv_worker_run(const struct rv_worker_options *options, struct rv_error *err) {
        struct rv_worker worker = {.config = options->repository,
                                   .credentials_directory = options->config->credentials_directory,
                                   .is_read_only = options->is_read_only,
                                   .line = {.fd = options->fd}};
        int r;

        r = prepare(&worker, options, err);
        if (r < 0) {
                struct rv_error ignored;

                if (say_hello(&worker, err->text, &ignored) < 0)
                        rv_log(RV_LOG_WARN, RV_EV_NONE, "hello could not be said", "error", ignored.text, NULL);
        } else {
                r = say_hello(&worker, NULL, err);
                if (r == 0)
                        r = serve_all(&worker, err);
        }
        rv_history_free(worker.history);
        rv_mirror_free(worker.mirror);
        rv_line_done(&worker.line);
        free(worker.ledger_path);
        free(worker.state_directory);
        return r;
}
