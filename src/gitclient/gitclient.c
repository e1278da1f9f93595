#include "revertd/gitclient.h"

#include "gitclient/channel.h"
#include "gitclient/process.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/log.h"
#include "revertd/text.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <utlist.h>

enum {
        BACKOFF_DOUBLINGS_MAX = 6, /* 1 s to 64 s */
        DEATH_TEXT_MAX = 160,
        PROGRESS_BYTES_MAX = 160,
};

#define HELLO_TIMEOUT_USEC (10 * RV_USEC_PER_SEC)
#define GRACE_USEC (5 * RV_USEC_PER_SEC)
/* A worker that lived so long, or answered, did not die at its start. */
#define FAST_DEATH_USEC (5 * RV_USEC_PER_SEC)

/* X(NAME): what the client's worker is doing. */
#define STATES(X)                                                                                                      \
        X(NONE)                                                                                                        \
        X(STARTING)                                                                                                    \
        X(IDLE)                                                                                                        \
        X(BUSY)                                                                                                        \
        X(DYING)
enum state {
#define X(name) STATE_##name,
        STATES(X)
#undef X
};

struct item {
        struct rv_git_request *request;
        bool urgent;
        rv_git_callback callback;
        void *userdata;
        struct item *prev, *next;
};

struct rv_gitclient {
        sd_event *event;
        struct rv_gitclient_options options; /* strings are our own copies */
        struct rv_gitclient_metrics metrics;
        enum state state;
        struct process process;
        struct channel channel;
        sd_event_source *io, *ended; /* of the process */
        sd_event_source *timer;      /* of hello, and of the request under way */
        sd_event_source *retry;      /* of the backoff */
        sd_event_source *pump;       /* deferred: look at the queue */
        struct item *queue;          /* urgent ones first, each kind in order */
        struct item *current;
        uint64_t last_id;
        unsigned fast_deaths; /* in a row */
        int64_t started_usec;
        bool answered;  /* the present worker has */
        char *progress; /* of the request under way; NULL: none was told */
        char *why;      /* of a dying worker, where we know better than its exit status; NULL: we do not */
};

static int pump(sd_event_source *source, void *userdata);

static void free_item(struct item *item) {
        if (!item)
                return;
        rv_git_request_free(item->request);
        free(item);
}

static void schedule_pump(struct rv_gitclient *client) {
        sd_event_source_set_enabled(client->pump, SD_EVENT_ONESHOT);
}

static void set_timer(struct rv_gitclient *client, int64_t timeout_usec) {
        sd_event_source_set_time_relative(client->timer, (uint64_t)timeout_usec);
        sd_event_source_set_enabled(client->timer, SD_EVENT_ONESHOT);
}

static void clear_timer(struct rv_gitclient *client) {
        sd_event_source_set_enabled(client->timer, SD_EVENT_OFF);
}

static void set_progress(struct rv_gitclient *client, const char *text) {
        if (!text && !client->progress)
                return;
        free(client->progress);
        client->progress = text ? rv_text_line(text, PROGRESS_BYTES_MAX) : NULL;
        if (client->options.on_progress)
                client->options.on_progress(client->options.userdata);
}

const char *rv_gitclient_progress(const struct rv_gitclient *client) {
        return client->progress;
}

/* The request under way ends. Last thing that a handler does: the callback may ask again, or free the client. */
static void finish(struct rv_gitclient *client, const struct rv_git_reply *reply, const struct rv_error *err) {
        struct item *item = RV_TAKE(client->current);

        if (!item)
                return;
        if (!reply)
                client->metrics.lost++;
        set_progress(client, NULL);
        schedule_pump(client);
        item->callback(reply, err, item->userdata);
        free_item(item);
}

static void note_death(struct rv_gitclient *client) {
        bool fast = !client->answered && rv_clock_monotonic_usec() - client->started_usec < FAST_DEATH_USEC;

        client->fast_deaths = fast ? client->fast_deaths + 1 : 0;
        if (fast) {
                unsigned doublings = client->fast_deaths - 1;

                if (doublings > BACKOFF_DOUBLINGS_MAX)
                        doublings = BACKOFF_DOUBLINGS_MAX;
                sd_event_source_set_time_relative(client->retry, (uint64_t)RV_USEC_PER_SEC << doublings);
                sd_event_source_set_enabled(client->retry, SD_EVENT_ONESHOT);
        }
}

/* The worker has ended (or, of a socket unit, is let go): what it had is lost. */
static void bury(struct rv_gitclient *client) {
        _cleanup_free_ char *why = RV_TAKE(client->why);
        char text[DEATH_TEXT_MAX];
        struct rv_error err;

        client->ended = sd_event_source_disable_unref(client->ended);
        process_reap(&client->process, text, sizeof(text));
        client->state = STATE_NONE;
        note_death(client);
        rv_error_set(&err, -EPIPE, "%s", why ? why : text);
        rv_log(RV_LOG_WARN, RV_EV_WORKER_LOST, "the Git worker was lost", "repository", client->options.repository,
               "error", err.text, NULL);
        schedule_pump(client);
        finish(client, NULL, &err);
}

/* End the worker; the rest follows when it has ended. why NULL: its exit status tells. */
static void end_worker(struct rv_gitclient *client, const char *why) {
        client->io = sd_event_source_disable_unref(client->io);
        clear_timer(client);
        channel_done(&client->channel);
        if (why && !client->why)
                client->why = strdup(why);
        client->state = STATE_DYING;
        if (client->process.pid > 0 && !why) {
                /* It closed the socket itself: give it the time to say by its status why. */
                set_timer(client, RV_USEC_PER_SEC);
                return;
        }
        process_kill(&client->process);
        if (client->process.pid == 0)
                bury(client);
}

static int on_ended(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        struct rv_gitclient *client = userdata;

        (void)source, (void)fd, (void)events;
        client->io = sd_event_source_disable_unref(client->io);
        clear_timer(client);
        channel_done(&client->channel);
        process_kill(&client->process); /* its children may live on */
        bury(client);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        struct rv_gitclient *client = userdata;

        (void)source, (void)usec;
        if (client->state == STATE_DYING)
                process_kill(&client->process);
        else
                end_worker(client, client->state == STATE_STARTING ? "the worker did not say hello in time"
                                                                   : "the worker did not answer in time");
        return 0;
}

static void update_io(struct rv_gitclient *client) {
        sd_event_source_set_io_events(client->io, EPOLLIN | (channel_wants_write(&client->channel) ? EPOLLOUT : 0));
}

/* Hand the request under way to the idle worker. */
static void send_current(struct rv_gitclient *client) {
        struct rv_git_request *request = client->current->request;
        char *text = NULL;
        int r;

        request->id = ++client->last_id;
        if (request->timeout_usec <= 0)
                request->timeout_usec = client->options.timeout_usec;
        r = rv_git_request_encode(request, &text);
        if (r == 0)
                r = channel_queue(&client->channel, text);
        if (r < 0) {
                struct rv_error err;

                rv_error_set(&err, r, "request: %s", strerror(-r));
                finish(client, NULL, &err);
                return;
        }
        client->state = STATE_BUSY;
        client->metrics.requests[request->op]++;
        set_timer(client, request->timeout_usec + GRACE_USEC);
        r = channel_write(&client->channel, client->process.fd);
        if (r < 0 && r != -EPIPE) /* a closed socket is seen when it is read */
                end_worker(client, "the request could not be written");
        else
                update_io(client);
}

static void take_hello(struct rv_gitclient *client, const char *line, size_t n) {
        struct rv_git_hello hello = {};
        struct rv_error err;

        clear_timer(client);
        if (rv_git_hello_decode(&hello, line, n, &err) < 0)
                end_worker(client, err.text);
        else if (hello.version != RV_GITWIRE_VERSION)
                end_worker(client, "the worker speaks another version of the protocol");
        else if (hello.error)
                end_worker(client, hello.error);
        else if (!hello.repository || strcmp(hello.repository, client->options.repository) != 0)
                end_worker(client, "the worker serves another repository");
        else {
                client->state = STATE_IDLE;
                if (client->current)
                        send_current(client);
                else
                        schedule_pump(client);
        }
        rv_git_hello_done(&hello);
}

/* True: the answer is still to come. */
static bool take_reply(struct rv_gitclient *client, const char *line, size_t n) {
        struct rv_git_reply *reply = NULL;
        bool progress = false;
        struct rv_error err;

        if (rv_git_reply_decode(&reply, line, n, &err) < 0) {
                end_worker(client, err.text);
                return false;
        }
        if (client->state != STATE_BUSY || reply->id != client->current->request->id)
                end_worker(client, "the worker answered what it was not asked");
        else if (reply->progress) {
                progress = true;
                set_progress(client, reply->message);
                set_timer(client, client->current->request->timeout_usec + GRACE_USEC);
        } else {
                clear_timer(client);
                client->state = STATE_IDLE;
                client->answered = true;
                client->fast_deaths = 0;
                finish(client, reply, NULL);
        }
        rv_git_reply_free(reply);
        return progress;
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        struct rv_gitclient *client = userdata;
        size_t n;
        char *line;
        int r = 0;

        (void)source;
        if (events & EPOLLOUT)
                r = channel_write(&client->channel, fd);
        if (r >= 0)
                r = channel_read(&client->channel, fd);
        if (r < 0) {
                end_worker(client, r == -E2BIG ? "the worker's answer is too long" : strerror(-r));
                return 0;
        }
        update_io(client);
        line = channel_line(&client->channel, &n);
        if (r == 0 && !line)
                end_worker(client, client->process.pid > 0 ? NULL : "the worker closed the connection");
        else if (line && client->state == STATE_STARTING)
                take_hello(client, line, n);
        else
                /* The answer is the last line that is looked at: its callback may end the worker, or the client. */
                while (line && take_reply(client, line, n))
                        line = channel_line(&client->channel, &n);
        return 0;
}

static int watch(struct rv_gitclient *client) {
        int r;

        r = sd_event_add_io(client->event, &client->io, client->process.fd, EPOLLIN, on_io, client);
        if (r >= 0 && client->process.pidfd >= 0)
                r = sd_event_add_io(client->event, &client->ended, client->process.pidfd, EPOLLIN, on_ended, client);
        /* What it wrote before it ended comes first. */
        if (r >= 0 && client->ended)
                r = sd_event_source_set_priority(client->ended, SD_EVENT_PRIORITY_NORMAL + 1);
        return r;
}

static void start_worker(struct rv_gitclient *client) {
        struct rv_error err;
        int r;

        client->answered = false;
        client->started_usec = rv_clock_monotonic_usec();
        client->metrics.starts++;
        r = process_start(&client->process, &client->options, &err);
        if (r == 0) {
                r = watch(client);
                if (r < 0) {
                        client->io = sd_event_source_disable_unref(client->io);
                        client->ended = sd_event_source_disable_unref(client->ended);
                        process_end(&client->process);
                        rv_error_set(&err, r, "worker: %s", strerror(-r));
                }
        }
        if (r < 0) {
                note_death(client);
                finish(client, NULL, &err);
                return;
        }
        client->state = STATE_STARTING;
        set_timer(client, HELLO_TIMEOUT_USEC);
}

static bool is_backing_off(struct rv_gitclient *client) {
        int enabled = SD_EVENT_OFF;

        sd_event_source_get_enabled(client->retry, &enabled);
        return enabled != SD_EVENT_OFF;
}

/* Take the next request, if there is one and the worker is free for it. */
static int pump(sd_event_source *source, void *userdata) {
        struct rv_gitclient *client = userdata;

        (void)source;
        if (client->current || !client->queue || (client->state != STATE_NONE && client->state != STATE_IDLE))
                return 0;
        /* A worker that dies at its start is tried again after a while; but an urgent request has one try at once. */
        if (client->state == STATE_NONE && is_backing_off(client) && !client->queue->urgent)
                return 0;
        client->current = client->queue;
        DL_DELETE(client->queue, client->current);
        client->metrics.queued--;
        if (client->state == STATE_IDLE)
                send_current(client);
        else
                start_worker(client);
        return 0;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        (void)source, (void)usec;
        schedule_pump(userdata);
        return 0;
}

int rv_gitclient_ask(struct rv_gitclient *client, struct rv_git_request *request, bool urgent, rv_git_callback callback,
                     void *userdata, struct rv_error *err) {
        struct item *item, *before = NULL;

        if (client->metrics.queued >= RV_GITCLIENT_QUEUE_MAX) {
                rv_git_request_free(request);
                return rv_error_set(err, -EBUSY, "%d requests wait for the Git worker of \"%s\"",
                                    RV_GITCLIENT_QUEUE_MAX, client->options.repository);
        }
        if (client->options.is_read_only && request->op == RV_GIT_PUSH) {
                rv_git_request_free(request);
                return rv_error_set(err, -EPERM, "nothing may be pushed from here");
        }
        item = calloc(1, sizeof(*item));
        if (!item) {
                rv_git_request_free(request);
                return rv_error_oom(err);
        }
        *item = (struct item){.request = request, .urgent = urgent, .callback = callback, .userdata = userdata};
        if (urgent)
                for (before = client->queue; before && before->urgent;)
                        before = before->next;
        if (before)
                DL_PREPEND_ELEM(client->queue, before, item);
        else
                DL_APPEND(client->queue, item);
        client->metrics.queued++;
        schedule_pump(client);
        return 0;
}

static int copy_string(const char **ret, const char *s) {
        *ret = s ? strdup(s) : NULL;
        return s && !*ret ? -ENOMEM : 0;
}

static int copy_options(struct rv_gitclient_options *copy, const struct rv_gitclient_options *options) {
        int r = 0;

        copy->is_read_only = options->is_read_only;
        copy->timeout_usec = options->timeout_usec > 0 ? options->timeout_usec : RV_USEC_PER_MINUTE;
        copy->on_progress = options->on_progress;
        copy->userdata = options->userdata;
        r |= copy_string(&copy->program, options->program);
        r |= copy_string(&copy->config_file, options->config_file);
        r |= copy_string(&copy->config_text, options->config_text);
        r |= copy_string(&copy->repository, options->repository);
        r |= copy_string(&copy->state_directory, options->state_directory);
        r |= copy_string(&copy->socket, options->socket);
        return r < 0 ? -ENOMEM : 0;
}

static int add_sources(struct rv_gitclient *client) {
        int r;

        r = sd_event_add_time_relative(client->event, &client->timer, CLOCK_MONOTONIC, 0, 0, on_timer, client);
        if (r >= 0)
                r = sd_event_source_set_enabled(client->timer, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time_relative(client->event, &client->retry, CLOCK_MONOTONIC, 0, 0, on_retry, client);
        if (r >= 0)
                r = sd_event_source_set_enabled(client->retry, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_defer(client->event, &client->pump, pump, client);
        if (r >= 0)
                r = sd_event_source_set_enabled(client->pump, SD_EVENT_OFF);
        return r;
}

int rv_gitclient_new(struct rv_gitclient **ret, sd_event *event, const struct rv_gitclient_options *options,
                     struct rv_error *err) {
        struct rv_gitclient *client = calloc(1, sizeof(*client));
        int r;

        if (!client)
                return rv_error_oom(err);
        client->event = sd_event_ref(event);
        client->process = (struct process){.fd = -1, .pidfd = -1};
        r = copy_options(&client->options, options);
        if (r >= 0)
                r = add_sources(client);
        if (r < 0) {
                rv_gitclient_free(client);
                return rv_error_set(err, r, "Git worker's client: %s", strerror(-r));
        }
        *ret = client;
        return 0;
}

struct rv_gitclient *rv_gitclient_free(struct rv_gitclient *client) {
        struct item *item, *next;

        if (!client)
                return NULL;
        sd_event_source_disable_unref(client->io);
        sd_event_source_disable_unref(client->ended);
        sd_event_source_disable_unref(client->timer);
        sd_event_source_disable_unref(client->retry);
        sd_event_source_disable_unref(client->pump);
        process_end(&client->process);
        channel_done(&client->channel);
        DL_FOREACH_SAFE(client->queue, item, next) {
                free_item(item);
        }
        free_item(client->current);
        free((char *)client->options.program);
        free((char *)client->options.config_file);
        free((char *)client->options.config_text);
        free((char *)client->options.repository);
        free((char *)client->options.state_directory);
        free((char *)client->options.socket);
        free(client->progress);
        free(client->why);
        sd_event_unref(client->event);
        free(client);
        return NULL;
}

const struct rv_gitclient_metrics *rv_gitclient_get_metrics(const struct rv_gitclient *client) {
        return &client->metrics;
}
