#include "revertd/gitclient.h"

#include "gitclient/runner.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/text.h"

#include <errno.h>
#include <string.h>
#include <utlist.h>

enum { PROGRESS_BYTES_MAX = 160 };

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
        struct runner runner;
        sd_event_source *pump; /* deferred: look at the queue */
        struct item *queue;    /* urgent ones first, each kind in order */
        struct item *current;
        char *progress; /* of the request under way; NULL: none was told */
};

static void free_item(struct item *item) {
        if (!item)
                return;
        rv_git_request_free(item->request);
        free(item);
}

/* -- the queue, and the worker that it is for -- */

static void schedule_pump(void *userdata) {
        struct rv_gitclient *client = userdata;

        sd_event_source_set_enabled(client->pump, SD_EVENT_ONESHOT);
}

static void set_progress(const char *text, void *userdata) {
        struct rv_gitclient *client = userdata;

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

/* The request under way ends; its callback may ask again, or free the client. */
static void finish(const struct rv_git_reply *reply, const struct rv_error *err, void *userdata) {
        struct rv_gitclient *client = userdata;
        struct item *item = RV_TAKE(client->current);

        if (!reply)
                client->metrics.lost++;
        set_progress(NULL, client);
        schedule_pump(client);
        item->callback(reply, err, item->userdata);
        free_item(item);
}

/* Take the next request, if there is one and the worker is free for it. */
static int pump(sd_event_source *source, void *userdata) {
        struct rv_gitclient *client = userdata;

        (void)source;
        if (!client->queue || !runner_is_free(&client->runner, client->queue->urgent))
                return 0;
        client->current = client->queue;
        DL_DELETE(client->queue, client->current);
        client->metrics.queued--;
        runner_ask(&client->runner, client->current->request);
        return 0;
}

/* -- asking -- */

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
        if (request->timeout_usec <= 0)
                request->timeout_usec = client->options.timeout_usec;
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

/* -- the client -- */

static int copy_string(const char **ret, const char *s) {
        *ret = s ? strdup(s) : NULL;
        return s && !*ret ? -ENOMEM : 0;
}

static int copy_options(struct rv_gitclient_options *copy, const struct rv_gitclient_options *options) {
        int r = 0;

        copy->is_read_only = options->is_read_only;
        copy->timeout_usec = options->timeout_usec > 0 ? options->timeout_usec : RV_USEC_PER_MINUTE;
        copy->end_usec = options->end_usec;
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

int rv_gitclient_new(struct rv_gitclient **ret, sd_event *event, const struct rv_gitclient_options *options,
                     struct rv_error *err) {
        struct rv_gitclient *client = calloc(1, sizeof(*client));
        struct runner_handlers handlers = {
                .ready = schedule_pump, .progress = set_progress, .finished = finish, .userdata = client};
        int r;

        if (!client)
                return rv_error_oom(err);
        client->event = sd_event_ref(event);
        r = runner_init(&client->runner, event, &client->options, &client->metrics, &handlers);
        if (r >= 0)
                r = copy_options(&client->options, options);
        if (r >= 0)
                r = sd_event_add_defer(event, &client->pump, pump, client);
        if (r >= 0)
                r = sd_event_source_set_enabled(client->pump, SD_EVENT_OFF);
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
        runner_done(&client->runner);
        sd_event_source_disable_unref(client->pump);
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
        sd_event_unref(client->event);
        free(client);
        return NULL;
}

const struct rv_gitclient_metrics *rv_gitclient_get_metrics(const struct rv_gitclient *client) {
        return &client->metrics;
}
