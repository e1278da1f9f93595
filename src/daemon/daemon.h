/* The daemon: the parts, wired. Everything runs on one thread, from one event loop.
 *
 * shell.c is the middle: every source hands its event to rv_daemon_handle(), and nothing else talks to the engine. */
#pragma once

#include "revertd/api.h"

#include <systemd/sd-event.h>

struct rv_daemon;

struct rv_options {
        const char *config_file;
        const char *storage_path;
        char **listen_addresses; /* NULL: as configured. NULL-terminated, lent */
        const char *git_program; /* NULL: found by gitclient */
};

/* -- repository.c: a branch that is looked at, and the worker that does so -- */

struct rv_repository {
        struct rv_daemon *daemon;
        size_t index; /* in the configuration of now */
        struct rv_gitclient *client;
        int config_fd; /* what the worker reads */
        sd_event_source *timer;
        int64_t poll_usec;
        bool is_syncing;
        int64_t synced_usec;
        char *error; /* of the newest look; NULL: it was well */
};
int rv_repository_new(struct rv_repository **ret, struct rv_daemon *daemon, const struct rv_config *config,
                      size_t index, struct rv_error *err) RV_MUST_CHECK;
struct rv_repository *rv_repository_free(struct rv_repository *repository);
/* Repository i of a is as repository k of b: its worker can stay. */
bool rv_repository_is_unchanged(const struct rv_config *a, size_t i, const struct rv_config *b, size_t k);

/* -- parts.c: what a configuration makes, replaced whole by a reload -- */

struct rv_parts {
        struct rv_config *config;
        struct rv_prometheus *prometheus;
        struct rv_alertmanagers *alertmanagers;
        struct rv_operators *operators;
        struct rv_schedule *schedule;
        struct rv_outbox *outbox;
        struct rv_signatures *signatures;
        struct rv_repository **repositories; /* config->n_repositories */
        struct rv_api_repository *shown;     /* the same, for the API */
        bool *rule_failing;                  /* as last told; config->n_rules */
        bool *borrowed;                      /* the repository is that of the parts before, until the swap */
};
/* before: whose unchanged repositories stay; NULL: none. */
int rv_parts_new(struct rv_parts **ret, struct rv_daemon *daemon, struct rv_config *config,
                 const struct rv_parts *before, struct rv_error *err) RV_MUST_CHECK;
/* Those borrowed from before are now parts' own. */
void rv_parts_adopt(struct rv_parts *parts, struct rv_parts *before);
struct rv_parts *rv_parts_free(struct rv_parts *parts);

/* -- daemon.c -- */

struct rv_pending;

struct rv_daemon {
        struct rv_options options;
        sd_event *event;
        struct rv_store *store;
        struct rv_http_client *client;
        struct rv_http_server *server;
        struct rv_parts *parts;

        struct rv_engine *engine; /* NULL: the store is failing, or not loaded yet */
        uint64_t generation;      /* of the engine: answers to the one before are dropped */
        struct rv_pending *pending;
        char not_ready[RV_ERROR_TEXT_MAX + 64]; /* "": ready */
        char *status;                           /* as last said to systemd */

        sd_event_source *tick, *retry, *answer_lost, *retention;
        int64_t retry_delay_usec;

        char boot_id[RV_BOOT_ID_MAX];
        struct rv_counters counters;
        struct rv_api_context api;
};

int rv_daemon_new(struct rv_daemon **ret, const struct rv_options *options, struct rv_error *err) RV_MUST_CHECK;
int rv_daemon_run(struct rv_daemon *daemon);
struct rv_daemon *rv_daemon_free(struct rv_daemon *daemon);
/* What the API shows follows the parts and the engine. */
void rv_daemon_publish(struct rv_daemon *daemon);

/* -- shell.c -- */

/* 0: what the event led to is durable and under way. -EAGAIN: the store cannot take it now. ret may be NULL. */
int rv_daemon_handle(struct rv_daemon *daemon, const struct rv_event *event, struct rv_api_outcome *ret,
                     struct rv_error *err) RV_MUST_CHECK;
/* For events that nobody waits for: what cannot be handled is logged. */
void rv_daemon_feed(struct rv_daemon *daemon, const struct rv_event *event);

/* -- effects.c -- */

void rv_effects_start(struct rv_daemon *daemon, struct rv_step *step);
/* Those that can have no answer any more (queries, and requests to workers that are not among the parts) are
 * answered as lost, from the loop. */
void rv_effects_abandon(struct rv_daemon *daemon);
void rv_effects_done(struct rv_daemon *daemon);

/* -- report.c: transitions, told to the log and counted -- */

void rv_report_step(struct rv_daemon *daemon, const struct rv_event *event, const struct rv_step *step);
/* err NULL: it took it. */
void rv_report_nudge(size_t index, const char *application, const struct rv_error *err, void *daemon);
/* err NULL: it was evaluated. */
void rv_report_evaluation(struct rv_daemon *daemon, size_t rule, const struct rv_error *err);

/* -- recovery.c: the engine from the store, at the start and after the store failed -- */

int rv_engine_from_store(struct rv_engine **ret, struct rv_store *store, struct rv_config *config,
                         struct rv_error *err) RV_MUST_CHECK;
/* Not ready from now on; tried again with backoff, with what the store holds. */
void rv_daemon_drop_engine(struct rv_daemon *daemon, const char *why);

/* -- reload.c: returns -EINVAL with all errors, which the caller frees, if everything stays as it was -- */

int rv_daemon_reload(struct rv_daemon *daemon, char **ret_errors);

/* -- retention.c: ended incidents are forgotten after a while -- */

int rv_retention_start(struct rv_daemon *daemon) RV_MUST_CHECK;
/* Forget what ended before. *ret_more: there may be more than was forgotten now. */
int rv_retention_sweep(struct rv_store *store, int64_t before_usec, bool *ret_more, struct rv_error *err) RV_MUST_CHECK;

/* -- supervisor.c: the service manager, and signals -- */

int rv_supervisor_start(struct rv_daemon *daemon, struct rv_error *err) RV_MUST_CHECK;
/* Sockets it handed over; caller frees *ret. */
int rv_supervisor_sockets(int **ret, size_t *ret_n, struct rv_error *err) RV_MUST_CHECK;
void rv_supervisor_ready(struct rv_daemon *daemon);
void rv_supervisor_reloading(void);
void rv_supervisor_stopping(void);
/* Say how things are, if that has changed. error: of a failed reload; NULL: none. */
void rv_supervisor_status(struct rv_daemon *daemon, const char *error);
