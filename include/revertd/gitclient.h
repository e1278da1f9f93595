/* The daemon's and revertctl's side of a worker: spawn or connect, ask, get answers; one worker a repository, one
 * request at a time, the others queued (bounded). A worker that dies or is silent past its deadline loses the request
 * that it had; the next one gets a new worker. */
#pragma once

#include "revertd/config.h"
#include "revertd/gitwire.h"

#include <systemd/sd-event.h>

struct rv_gitclient;

/* reply NULL: lost; err says why. Called exactly once, from the loop. */
typedef void (*rv_git_callback)(const struct rv_git_reply *reply, const struct rv_error *err, void *userdata);

struct rv_gitclient_options {
        const char *program;         /* revertd-git; NULL: beside our own executable, else from $PATH */
        const char *config_file;     /* handed to the worker: it reads its own policy */
        const char *config_text;     /* handed to it in place of what stands in the file; NULL: it reads the file */
        const char *repository;      /* name */
        const char *state_directory; /* the mirror is at <it>/git/<name>.git */
        const char *socket;          /* the worker's socket unit; NULL: spawn */
        bool is_read_only;           /* a push is refused here, and by a worker that we spawn */
        int64_t timeout_usec;        /* one attempt at the remote; our own deadline is a little later */
        int64_t end_usec;            /* an idle worker has so long to tidy up when it is freed, which waits; 0: none */
        void (*on_progress)(void *userdata); /* what rv_gitclient_progress() says has changed; NULL: nobody asks */
        void *userdata;                      /* on_progress's */
};
enum { RV_GITCLIENT_QUEUE_MAX = 256 };

int rv_gitclient_new(struct rv_gitclient **ret, sd_event *event, const struct rv_gitclient_options *options,
                     struct rv_error *err) RV_MUST_CHECK;
struct rv_gitclient *rv_gitclient_free(struct rv_gitclient *client); /* ends the worker; no more callbacks */

/* Takes request. -EBUSY: the queue is full. `urgent` ones go before polls. */
int rv_gitclient_ask(struct rv_gitclient *client, struct rv_git_request *request, bool urgent, rv_git_callback callback,
                     void *userdata, struct rv_error *err) RV_MUST_CHECK;

/* How far the request under way is, where that takes long (a first clone): one line, made safe, lent until the loop
 * runs. NULL: there is nothing to tell. */
const char *rv_gitclient_progress(const struct rv_gitclient *client);

struct rv_gitclient_metrics {
        uint64_t requests[RV_GIT_OP_MAX];
        uint64_t lost;
        uint64_t starts;
        size_t queued;
};
const struct rv_gitclient_metrics *rv_gitclient_get_metrics(const struct rv_gitclient *client);
