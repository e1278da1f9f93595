/* Effects: what the engine wants done, done; and the answers, handed back with the token. */
#include "daemon.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/log.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

struct rv_pending {
        struct rv_daemon *daemon;
        uint64_t generation, token;
        enum rv_effect_kind kind;
        const struct rv_repository *repository; /* GIT */
        bool is_lost;                           /* to be answered by answer_lost() */
        struct rv_pending *prev, *next;
};

static void finish(struct rv_pending *pending) {
        DL_DELETE(pending->daemon->pending, pending);
        free(pending);
}

/* An answer to an engine that was thrown away means nothing to the one that came after. */
static bool is_current(const struct rv_pending *pending) {
        return pending->daemon->engine && pending->generation == pending->daemon->generation;
}

static void on_queried(const struct rv_samples *samples, const struct rv_error *err, void *userdata) {
        struct rv_pending *pending = userdata;
        struct rv_daemon *daemon = pending->daemon;
        struct rv_event event = {.kind = RV_EVENT_QUERIED, .queried = {pending->token, samples}};
        bool wanted = is_current(pending);

        if (!samples)
                rv_log(RV_LOG_WARN, RV_EV_QUERY_FAILED, "a query for an incident failed", "error", err->text, NULL);
        finish(pending);
        if (wanted)
                rv_daemon_feed(daemon, &event);
}

static void on_looked_up(enum rv_alert_state state, const char *words, const struct rv_error *err, void *userdata) {
        struct rv_pending *pending = userdata;
        struct rv_daemon *daemon = pending->daemon;
        struct rv_event event = {.kind = RV_EVENT_LOOKED_UP, .looked_up = {pending->token, state, words}};
        bool wanted = is_current(pending);

        if (err)
                rv_log(RV_LOG_WARN, RV_EV_QUERY_FAILED, "Alertmanager did not say whether an alert is silenced",
                       "error", err->text, NULL);
        finish(pending);
        if (wanted)
                rv_daemon_feed(daemon, &event);
}

static void on_applied(const struct rv_applied *applied, const struct rv_error *err, void *userdata) {
        struct rv_pending *pending = userdata;
        struct rv_daemon *daemon = pending->daemon;
        struct rv_event event = {.kind = RV_EVENT_APPLIED,
                                 .applied = {pending->token, applied, err ? err->text : NULL}};
        bool wanted = is_current(pending);

        if (!applied)
                rv_log(RV_LOG_WARN, RV_EV_OPERATOR_FAILED, "an operator did not say what it has applied", "error",
                       err->text, NULL);
        finish(pending);
        if (wanted)
                rv_daemon_feed(daemon, &event);
}

static void on_git(const struct rv_git_reply *reply, const struct rv_error *err, void *userdata) {
        struct rv_pending *pending = userdata;
        struct rv_daemon *daemon = pending->daemon;
        struct rv_event event = {.kind = RV_EVENT_GIT, .git = {pending->token, reply}};
        bool wanted = is_current(pending);

        if (!reply)
                rv_log(RV_LOG_WARN, RV_EV_WORKER_LOST, "a request to a Git worker was lost", "repository",
                       daemon->parts->config->repositories[pending->repository->index].name, "error", err->text, NULL);
        finish(pending);
        if (wanted)
                rv_daemon_feed(daemon, &event);
}

/* One at a time: each is a step with a commit of its own, and others on the loop have their turn in between. */
static int answer_lost(sd_event_source *source, void *userdata) {
        struct rv_daemon *daemon = userdata;
        struct rv_pending *pending;

        DL_SEARCH_SCALAR(daemon->pending, pending, is_lost, true);
        if (!pending)
                return 0;
        struct rv_event event = {.kind = RV_EVENT_QUERIED, .queried = {.token = pending->token}};
        if (pending->kind == RV_EFFECT_GIT)
                event = (struct rv_event){.kind = RV_EVENT_GIT, .git = {.token = pending->token}};
        else if (pending->kind == RV_EFFECT_LOOK_UP)
                event = (struct rv_event){.kind = RV_EVENT_LOOKED_UP,
                                          .looked_up = {.token = pending->token, .state = RV_ALERT_UNKNOWN}};
        else if (pending->kind == RV_EFFECT_APPLIED)
                event = (struct rv_event){.kind = RV_EVENT_APPLIED, .applied = {.token = pending->token}};
        bool wanted = is_current(pending);
        finish(pending);
        (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        if (wanted)
                rv_daemon_feed(daemon, &event);
        return 0;
}

/* Answered from the loop: the engine is in the middle of a step. */
static void lose(struct rv_pending *pending) {
        struct rv_daemon *daemon = pending->daemon;

        pending->is_lost = true;
        int r = daemon->answer_lost ? sd_event_source_set_enabled(daemon->answer_lost, SD_EVENT_ONESHOT)
                                    : sd_event_add_defer(daemon->event, &daemon->answer_lost, answer_lost, daemon);
        if (r >= 0)
                r = sd_event_source_set_priority(daemon->answer_lost, SD_EVENT_PRIORITY_IDLE);
        if (r < 0)
                rv_log(RV_LOG_ERROR, RV_EV_NONE, "a lost effect cannot be answered until the next restart", NULL);
}

static int start_query(struct rv_daemon *daemon, const struct rv_effect *effect, struct rv_pending *pending,
                       struct rv_error *err) {
        int64_t at_usec = rv_clock_realtime_usec() - daemon->parts->config->prometheus[effect->prometheus].delay_usec;
        return rv_prometheus_query(daemon->parts->prometheus, effect->prometheus, effect->expr, at_usec, on_queried,
                                   pending, err);
}

static int start_git(struct rv_daemon *daemon, struct rv_effect *effect, struct rv_pending *pending,
                     struct rv_error *err) {
        struct rv_repository *repository = daemon->parts->repositories[effect->repository];

        pending->repository = repository;
        return rv_gitclient_ask(repository->client, RV_TAKE(effect->request), true, on_git, pending, err);
}

static int start_one(struct rv_daemon *daemon, struct rv_effect *effect, struct rv_pending *pending,
                     struct rv_error *err) {
        switch (effect->kind) {
        case RV_EFFECT_QUERY:
                return start_query(daemon, effect, pending, err);
        case RV_EFFECT_LOOK_UP:
                return rv_alert_lookup(daemon->parts->alertmanagers, effect->alertmanager, effect->labels, on_looked_up,
                                       pending, err);
        case RV_EFFECT_APPLIED:
                return rv_operator_ask(daemon->parts->operators, effect->applied_by, effect->space, effect->application,
                                       effect->nudge, on_applied, pending, err);
        case RV_EFFECT_GIT:
                break;
        }
        return start_git(daemon, effect, pending, err);
}

static void start(struct rv_daemon *daemon, struct rv_effect *effect) {
        struct rv_error err = {};
        struct rv_pending *pending = calloc(1, sizeof(*pending));

        if (!pending) {
                rv_daemon_drop_engine(daemon, "out of memory");
                return;
        }
        *pending = (struct rv_pending){
                .daemon = daemon, .generation = daemon->generation, .kind = effect->kind, .token = effect->token};
        DL_APPEND(daemon->pending, pending);

        int r = start_one(daemon, effect, pending, &err);
        if (r < 0) {
                rv_log(RV_LOG_WARN, RV_EV_NONE, "a request could not be made", "incident", effect->incident, "error",
                       err.text, NULL);
                lose(pending);
        }
}

void rv_effects_start(struct rv_daemon *daemon, struct rv_step *step) {
        for (size_t i = 0; i < step->n_effects && daemon->engine; i++)
                start(daemon, &step->effect[i]);
}

static bool is_among_parts(const struct rv_daemon *daemon, const struct rv_repository *repository) {
        for (size_t i = 0; i < daemon->parts->config->n_repositories; i++)
                if (daemon->parts->repositories[i] == repository)
                        return true;
        return false;
}

void rv_effects_abandon(struct rv_daemon *daemon) {
        struct rv_pending *pending;

        DL_FOREACH (daemon->pending, pending)
                if (!pending->repository || !is_among_parts(daemon, pending->repository))
                        lose(pending);
}

void rv_effects_done(struct rv_daemon *daemon) {
        struct rv_pending *pending, *next;

        DL_FOREACH_SAFE(daemon->pending, pending, next)
        finish(pending);
        daemon->answer_lost = sd_event_source_disable_unref(daemon->answer_lost);
}
