#include "gitclient/runner.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/log.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

enum {
        BACKOFF_DOUBLINGS_MAX = 6, /* 1 s to 64 s */
        DEATH_TEXT_MAX = 160,
};

#define HELLO_TIMEOUT_USEC (10 * RV_USEC_PER_SEC)
#define GRACE_USEC (5 * RV_USEC_PER_SEC)
/* A worker that lived so long, or answered, did not die at its start. */
#define FAST_DEATH_USEC (5 * RV_USEC_PER_SEC)

static void set_timer(struct runner *runner, int64_t timeout_usec) {
        sd_event_source_set_time_relative(runner->timer, (uint64_t)timeout_usec);
        sd_event_source_set_enabled(runner->timer, SD_EVENT_ONESHOT);
}

static void clear_timer(struct runner *runner) {
        sd_event_source_set_enabled(runner->timer, SD_EVENT_OFF);
}

/* The request under way ends, if there is one. Last thing that a handler does. */
static void finish(struct runner *runner, const struct rv_git_reply *reply, const struct rv_error *err) {
        if (RV_TAKE(runner->request))
                runner->handlers.finished(reply, err, runner->handlers.userdata);
}

/* -- its death -- */

static void note_death(struct runner *runner) {
        bool fast = !runner->answered && rv_clock_monotonic_usec() - runner->started_usec < FAST_DEATH_USEC;

        runner->fast_deaths = fast ? runner->fast_deaths + 1 : 0;
        if (fast) {
                unsigned doublings = runner->fast_deaths - 1;

                if (doublings > BACKOFF_DOUBLINGS_MAX)
                        doublings = BACKOFF_DOUBLINGS_MAX;
                sd_event_source_set_time_relative(runner->retry, (uint64_t)RV_USEC_PER_SEC << doublings);
                sd_event_source_set_enabled(runner->retry, SD_EVENT_ONESHOT);
        }
}

static bool is_backing_off(struct runner *runner) {
        int enabled = SD_EVENT_OFF;

        sd_event_source_get_enabled(runner->retry, &enabled);
        return enabled != SD_EVENT_OFF;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        struct runner *runner = userdata;

        (void)source, (void)usec;
        runner->handlers.ready(runner->handlers.userdata);
        return 0;
}

/* The worker has ended (or, of a socket unit, is let go): what it had is lost. */
static void bury(struct runner *runner) {
        _cleanup_free_ char *why = RV_TAKE(runner->why);
        char text[DEATH_TEXT_MAX];
        struct rv_error err;

        runner->ended = sd_event_source_disable_unref(runner->ended);
        process_reap(&runner->process, text, sizeof(text));
        runner->state = RUNNER_NONE;
        note_death(runner);
        rv_error_set(&err, -EPIPE, "%s", why ? why : text);
        rv_log(RV_LOG_WARN, RV_EV_WORKER_LOST, "the Git worker was lost", "repository", runner->options->repository,
               "error", err.text, NULL);
        runner->handlers.ready(runner->handlers.userdata);
        finish(runner, NULL, &err);
}

/* End the worker; the rest follows when it has ended. why NULL: its exit status tells. */
static void end(struct runner *runner, const char *why) {
        runner->io = sd_event_source_disable_unref(runner->io);
        clear_timer(runner);
        channel_done(&runner->channel);
        if (why && !runner->why)
                runner->why = strdup(why);
        runner->state = RUNNER_DYING;
        if (runner->process.pid > 0 && !why) {
                /* It closed the socket itself: give it the time to say by its status why. */
                set_timer(runner, RV_USEC_PER_SEC);
                return;
        }
        process_kill(&runner->process);
        if (runner->process.pid == 0)
                bury(runner);
}

static int on_ended(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        struct runner *runner = userdata;

        (void)source, (void)fd, (void)events;
        runner->io = sd_event_source_disable_unref(runner->io);
        clear_timer(runner);
        channel_done(&runner->channel);
        process_kill(&runner->process); /* its children may live on */
        bury(runner);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        struct runner *runner = userdata;

        (void)source, (void)usec;
        if (runner->state == RUNNER_DYING)
                process_kill(&runner->process);
        else
                end(runner, runner->state == RUNNER_STARTING ? "the worker did not say hello in time"
                                                             : "the worker did not answer in time");
        return 0;
}

/* -- what is said to it, and what it says -- */

static void update_io(struct runner *runner) {
        sd_event_source_set_io_events(runner->io, EPOLLIN | (channel_wants_write(&runner->channel) ? EPOLLOUT : 0));
}

/* Hand the request under way to the idle worker. */
static void send_request(struct runner *runner) {
        struct rv_git_request *request = runner->request;
        char *text = NULL;
        int r;

        request->id = ++runner->last_id;
        r = rv_git_request_encode(request, &text);
        if (r == 0)
                r = channel_queue(&runner->channel, text);
        if (r < 0) {
                struct rv_error err;

                rv_error_set(&err, r, "request: %s", strerror(-r));
                finish(runner, NULL, &err);
                return;
        }
        runner->state = RUNNER_BUSY;
        runner->metrics->requests[request->op]++;
        set_timer(runner, request->timeout_usec + GRACE_USEC);
        r = channel_write(&runner->channel, runner->process.fd);
        if (r < 0 && r != -EPIPE) /* a closed socket is seen when it is read */
                end(runner, "the request could not be written");
        else
                update_io(runner);
}

static void take_hello(struct runner *runner, const char *line, size_t n) {
        struct rv_git_hello hello = {};
        struct rv_error err;

        clear_timer(runner);
        if (rv_git_hello_decode(&hello, line, n, &err) < 0)
                end(runner, err.text);
        else if (hello.version != RV_GITWIRE_VERSION)
                end(runner, "the worker speaks another version of the protocol");
        else if (hello.error)
                end(runner, hello.error);
        else if (!hello.repository || strcmp(hello.repository, runner->options->repository) != 0)
                end(runner, "the worker serves another repository");
        else {
                runner->state = RUNNER_IDLE;
                send_request(runner);
        }
        rv_git_hello_done(&hello);
}

/* True: the answer is still to come. */
static bool take_reply(struct runner *runner, const char *line, size_t n) {
        struct rv_git_reply *reply = NULL;
        bool progress = false;
        struct rv_error err;

        if (rv_git_reply_decode(&reply, line, n, &err) < 0) {
                end(runner, err.text);
                return false;
        }
        if (runner->state != RUNNER_BUSY || reply->id != runner->request->id)
                end(runner, "the worker answered what it was not asked");
        else if (reply->progress) {
                progress = true;
                runner->handlers.progress(reply->message, runner->handlers.userdata);
                set_timer(runner, runner->request->timeout_usec + GRACE_USEC);
        } else {
                clear_timer(runner);
                runner->state = RUNNER_IDLE;
                runner->answered = true;
                runner->fast_deaths = 0;
                finish(runner, reply, NULL);
        }
        rv_git_reply_free(reply);
        return progress;
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        struct runner *runner = userdata;
        size_t n;
        char *line;
        int r = 0;

        (void)source;
        if (events & EPOLLOUT)
                r = channel_write(&runner->channel, fd);
        if (r >= 0)
                r = channel_read(&runner->channel, fd);
        if (r < 0) {
                end(runner, r == -E2BIG ? "the worker's answer is too long" : strerror(-r));
                return 0;
        }
        update_io(runner);
        line = channel_line(&runner->channel, &n);
        if (r == 0 && !line)
                end(runner, runner->process.pid > 0 ? NULL : "the worker closed the connection");
        else if (line && runner->state == RUNNER_STARTING)
                take_hello(runner, line, n);
        else
                /* The answer is the last line that is looked at: who gets it may ask again, or free everything. */
                while (line && take_reply(runner, line, n))
                        line = channel_line(&runner->channel, &n);
        return 0;
}

/* -- its start -- */

static int watch(struct runner *runner) {
        int r;

        r = sd_event_add_io(runner->event, &runner->io, runner->process.fd, EPOLLIN, on_io, runner);
        if (r >= 0 && runner->process.pidfd >= 0)
                r = sd_event_add_io(runner->event, &runner->ended, runner->process.pidfd, EPOLLIN, on_ended, runner);
        /* What it wrote before it ended comes first. */
        if (r >= 0 && runner->ended)
                r = sd_event_source_set_priority(runner->ended, SD_EVENT_PRIORITY_NORMAL + 1);
        return r;
}

static void start(struct runner *runner) {
        struct rv_error err;
        int r;

        runner->answered = false;
        runner->started_usec = rv_clock_monotonic_usec();
        runner->metrics->starts++;
        r = process_start(&runner->process, runner->options, &err);
        if (r == 0) {
                r = watch(runner);
                if (r < 0) {
                        runner->io = sd_event_source_disable_unref(runner->io);
                        runner->ended = sd_event_source_disable_unref(runner->ended);
                        process_end(&runner->process, 0);
                        rv_error_set(&err, r, "worker: %s", strerror(-r));
                }
        }
        if (r < 0) {
                note_death(runner);
                finish(runner, NULL, &err);
                return;
        }
        runner->state = RUNNER_STARTING;
        set_timer(runner, HELLO_TIMEOUT_USEC);
}

bool runner_is_free(struct runner *runner, bool is_urgent) {
        if (runner->request)
                return false;
        return runner->state == RUNNER_IDLE || (runner->state == RUNNER_NONE && (is_urgent || !is_backing_off(runner)));
}

void runner_ask(struct runner *runner, struct rv_git_request *request) {
        runner->request = request;
        if (runner->state == RUNNER_IDLE)
                send_request(runner);
        else
                start(runner);
}

static int add_timer(struct runner *runner, sd_event_source **ret, sd_event_time_handler_t handler) {
        int r = sd_event_add_time_relative(runner->event, ret, CLOCK_MONOTONIC, 0, 0, handler, runner);

        return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

int runner_init(struct runner *runner, sd_event *event, const struct rv_gitclient_options *options,
                struct rv_gitclient_metrics *metrics, const struct runner_handlers *handlers) {
        int r;

        *runner = (struct runner){.event = event,
                                  .options = options,
                                  .metrics = metrics,
                                  .handlers = *handlers,
                                  .process = {.fd = -1, .pidfd = -1}};
        r = add_timer(runner, &runner->timer, on_timer);
        return r < 0 ? r : add_timer(runner, &runner->retry, on_retry);
}

void runner_done(struct runner *runner) {
        sd_event_source_disable_unref(runner->io);
        sd_event_source_disable_unref(runner->ended);
        sd_event_source_disable_unref(runner->timer);
        sd_event_source_disable_unref(runner->retry);
        process_end(&runner->process, runner->state == RUNNER_IDLE ? runner->options->end_usec : 0);
        channel_done(&runner->channel);
        free(runner->why);
}
