#include "ctl/worker.h"

#include "ctl/paint.h"

#include "revertd/build.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/path.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATHS_TOLD_MAX = 10 };
#define PATIENCE_USEC (2 * RV_USEC_PER_SEC)

struct worker {
        sd_event *event;
        struct rv_gitclient *client;
        const struct args *args;
        int64_t timeout_usec;

        /* Of the request under way. */
        struct rv_git_reply *reply;
        struct rv_error err;
        bool is_done;
};

/* $XDG_CACHE_HOME/revertctl or ~/.cache/revertctl: the daemon's mirrors belong to its own user. */
static int find_storage(const struct args *args, char **ret, struct rv_error *err) {
        const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
        _cleanup_free_ char *parent = NULL;
        _cleanup_free_ char *path = NULL;
        int n;

        if (args->storage_path)
                return rv_path_absolute(args->storage_path, ret, err);
        if (!(cache && cache[0] == '/') && !(home && home[0] == '/'))
                return rv_error_set(err, -ENOENT, "neither $XDG_CACHE_HOME nor $HOME is set; say --storage.path");
        n = cache && cache[0] == '/' ? asprintf(&parent, "%s", cache) : asprintf(&parent, "%s/.cache", home);
        if (n < 0 || asprintf(&path, "%s/revertctl", parent) < 0)
                return rv_error_oom(err);
        mkdir(parent, 0700);
        *ret = RV_TAKE(path);
        return 0;
}

int worker_new(struct worker **ret, const struct args *args, const struct rv_repository_config *repository,
               bool is_read_only, struct rv_error *err) {
        _cleanup_free_ char *storage = NULL, *config_file = NULL;
        struct worker *worker;
        sigset_t signals;
        int r = find_storage(args, &storage, err);

        if (r == 0)
                r = rv_path_absolute(args->config_file ? args->config_file : RV_SYSCONFDIR "/revertd.conf",
                                     &config_file, err);
        if (r < 0)
                return r;
        if (mkdir(storage, 0700) < 0 && errno != EEXIST)
                return rv_error_set(err, -errno, "%s: %s", storage, strerror(errno));
        worker = calloc(1, sizeof(*worker));
        if (!worker)
                return rv_error_oom(err);
        signal(SIGPIPE, SIG_IGN);
        sigemptyset(&signals);
        sigaddset(&signals, SIGCHLD);
        sigprocmask(SIG_BLOCK, &signals, NULL);
        worker->args = args;
        worker->timeout_usec = repository->timeout_usec;
        struct rv_gitclient_options options = {
                .program = args->git_program,
                .config_file = config_file,
                .repository = repository->name,
                .state_directory = storage,
                .socket = repository->socket,
                .is_read_only = is_read_only,
                .timeout_usec = repository->timeout_usec,
                .end_usec = RV_USEC_PER_SEC, /* it takes back the copy of the key, and ends the SSH connection */
        };
        r = sd_event_new(&worker->event);
        if (r < 0)
                rv_error_set(err, r, "event loop: %s", strerror(-r));
        else
                r = rv_gitclient_new(&worker->client, worker->event, &options, err);
        if (r < 0) {
                worker_free(worker);
                return r;
        }
        *ret = worker;
        return 0;
}

struct worker *worker_free(struct worker *worker) {
        if (worker) {
                rv_gitclient_free(worker->client);
                sd_event_unref(worker->event);
                rv_git_reply_free(worker->reply);
                free(worker);
        }
        return NULL;
}

/* The reply is lent; a copy is what its text form gives back. */
static int copy_reply(struct rv_git_reply **ret, const struct rv_git_reply *reply, struct rv_error *err) {
        _cleanup_free_ char *text = NULL;
        int r = rv_git_reply_encode(reply, &text);

        return r < 0 ? rv_error_oom(err) : rv_git_reply_decode(ret, text, strlen(text), err);
}

static void on_reply(const struct rv_git_reply *reply, const struct rv_error *err, void *userdata) {
        struct worker *worker = userdata;

        worker->is_done = true;
        if (!reply)
                worker->err = *err;
        else if (copy_reply(&worker->reply, reply, &worker->err) < 0)
                worker->reply = NULL;
}

/* A first clone takes its time. */
static void tell_wait(enum rv_git_op op, int64_t waited_usec, bool *has_told) {
        static const char *const what[RV_GIT_OP_MAX] = {
                [RV_GIT_SYNC] = "Fetching the branch",       [RV_GIT_HISTORY] = "Reading the history",
                [RV_GIT_PLAN] = "Computing the revert",      [RV_GIT_PUSH] = "Pushing",
                [RV_GIT_CHECK] = "Reading the branch again", [RV_GIT_SHOW] = "Fetching the branch",
                [RV_GIT_PROPOSE] = "Proposing the revert",   [RV_GIT_PROPOSAL] = "Asking the forge",
        };
        char buf[RV_DURATION_TEXT_MAX];

        if (waited_usec < PATIENCE_USEC)
                return;
        if (paint_is_on(stderr))
                fprintf(stderr, "\r\x1B[K%s, %s so far", what[op], rv_duration_humanize(waited_usec, buf));
        else if (!*has_told)
                fprintf(stderr, "%s…\n", what[op]);
        *has_told = true;
}

int worker_ask(struct worker *worker, struct rv_git_request *request, struct rv_git_reply **ret, struct rv_error *err) {
        int64_t start_usec = rv_clock_monotonic_usec();
        enum rv_git_op op = request->op;
        bool has_told = false;

        worker->is_done = false;
        worker->err = (struct rv_error){0};
        worker->reply = rv_git_reply_free(worker->reply);
        request->timeout_usec = worker->timeout_usec;
        int r = rv_gitclient_ask(worker->client, request, true, on_reply, worker, err);
        while (r >= 0 && !worker->is_done) {
                r = sd_event_run(worker->event, (uint64_t)RV_USEC_PER_SEC);
                tell_wait(op, rv_clock_monotonic_usec() - start_usec, &has_told);
        }
        if (has_told && paint_is_on(stderr))
                fputs("\r\x1B[K", stderr);
        if (r < 0)
                return r;
        if (!worker->reply) {
                *err = worker->err;
                return -EIO;
        }
        *ret = RV_TAKE(worker->reply);
        return 0;
}

int worker_explain(const struct rv_git_reply *reply, struct rv_error *err) {
        static const char *const meanings[RV_GIT_OUTCOME_MAX] = {
                [RV_GIT_OK] = "done",
                [RV_GIT_ALREADY] = "the revert is on the branch already",
                [RV_GIT_MOVED] = "the branch kept moving while the revert was pushed",
                [RV_GIT_CONFLICT] = "later changes touch the same lines",
                [RV_GIT_EMPTY] = "the branch already is as the revert would make it",
                [RV_GIT_REFUSED] = "the server refused the push",
                [RV_GIT_POLICY] = "the Git worker's own policy forbids it",
                [RV_GIT_NOT_FOUND] = "there is no such commit on the branch",
                [RV_GIT_UNAVAILABLE] = "the remote could not be reached",
                [RV_GIT_FAILED] = "the Git worker failed",
        };

        rv_error_set(err, -EREMOTEIO, "%s%s%s", meanings[reply->outcome], reply->message ? ": " : "",
                     reply->message ? reply->message : "");
        for (size_t i = 0; reply->outcome == RV_GIT_CONFLICT && i < reply->n_paths && i < PATHS_TOLD_MAX; i++)
                rv_error_set(err, -EREMOTEIO, "%s\n  %s", err->text, reply->paths[i]);
        return -EREMOTEIO;
}

int worker_ask_ok(struct worker *worker, struct rv_git_request *request, struct rv_git_reply **ret,
                  struct rv_error *err) {
        struct rv_git_reply *reply;
        int r = worker_ask(worker, request, &reply, err);

        if (r < 0)
                return r;
        if (reply->outcome != RV_GIT_OK) {
                r = worker_explain(reply, err);
                rv_git_reply_free(reply);
                return r;
        }
        *ret = reply;
        return 0;
}
