/* Runs the workers of one repository, one after the other: hello, a request at a time, its deadline, death, backoff. */
#pragma once

#include "gitclient/channel.h"
#include "gitclient/process.h"

enum runner_state {
        RUNNER_NONE,
        RUNNER_STARTING,
        RUNNER_IDLE,
        RUNNER_BUSY,
        RUNNER_DYING,
};

/* Called from the loop; finished() as the last thing that is done: it may ask again, or free everything. */
struct runner_handlers {
        void (*ready)(void *userdata); /* it may be free where it was not before */
        void (*progress)(const char *text, void *userdata);
        /* Once for each request. reply NULL: lost; err says why. */
        void (*finished)(const struct rv_git_reply *reply, const struct rv_error *err, void *userdata);
        void *userdata;
};

struct runner {
        sd_event *event;
        const struct rv_gitclient_options *options;
        struct rv_gitclient_metrics *metrics; /* starts and requests are counted there */
        struct runner_handlers handlers;
        enum runner_state state;
        struct process process;
        struct channel channel;
        sd_event_source *io, *ended;    /* of the process */
        sd_event_source *timer;         /* of hello, and of the request under way */
        sd_event_source *retry;         /* of the backoff */
        struct rv_git_request *request; /* under way, lent; NULL: none */
        uint64_t last_id;
        unsigned fast_deaths; /* in a row */
        int64_t started_usec;
        bool answered; /* the present process has */
        char *why;     /* of its dying, where we know better than its exit status; NULL: we do not */
};

/* All is lent for its life. runner_done() may follow a failure. */
int runner_init(struct runner *runner, sd_event *event, const struct rv_gitclient_options *options,
                struct rv_gitclient_metrics *metrics, const struct runner_handlers *handlers) RV_MUST_CHECK;
void runner_done(struct runner *runner); /* nothing is called any more */

/* One that died at its start is tried again after a while; but what is urgent has one try at once. */
bool runner_is_free(struct runner *runner, bool is_urgent);
/* Hands it the request, and starts it first where there is none. Lent until finished(). */
void runner_ask(struct runner *runner, struct rv_git_request *request);
