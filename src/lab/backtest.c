/* The real engine over the past. The data show what happened without a revert. So each breach is followed twice: as it
 * was, by rv_series_advance() on the real values, which says how long it really lasted; and as the engine sees it, for
 * which the values of a label set are taken as well from the assumed effect of its revert to the real end of that
 * breach. So one breach is one incident, and its cooldown and budget count as they would have. */
#include "lab/backtest.h"
#include "lab/alerts.h"
#include "lab/past.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { POLLS_MAX = 2000000 };
#define ALERTS_EVERY_USEC (15 * RV_USEC_PER_SEC)

static int on_git(void *userdata, size_t repository, const struct rv_git_request *request, int64_t now_usec,
                  struct rv_git_reply **ret, struct rv_error *err) {
        struct run *run = userdata;

        return past_answer(run->past, repository, request, now_usec, ret, err);
}

static int on_stored(void *userdata, const json_t *incident, struct rv_error *err) {
        struct run *run = userdata;
        const char *name = rv_json_string(incident, "rule", "");
        int rule = rv_config_find_rule(run->b->config, name);
        const json_t *times = json_object_get(incident, "times");
        int64_t pushed_usec = rv_json_int(times, "pushed_usec", 0);
        enum rv_incident_state state;
        _cleanup_labels_ struct rv_labels *labels = NULL;
        struct track *track;
        json_t *known;

        if (rule < 0 || rv_labels_from_json(&labels, json_object_get(incident, "labels"), NULL, err) < 0)
                return 0;
        track = track_find(&run->asked[rule], labels);
        if (!track || !track->breach)
                return 0;
        known = json_object_get(track->breach, "incident");
        if (known && strcmp(rv_json_string(known, "id", ""), rv_json_string(incident, "id", "")) != 0)
                return 0; /* only the first incident of a breach is its own */
        if (pushed_usec > 0)
                track->cured_usec = pushed_usec + run->b->apply_usec;
        if (rv_incident_state_from_string(rv_json_string(incident, "state", ""), &state) == 0)
                track->over_usec =
                        rv_incident_state_is_end(state) ? rv_json_int(times, "ended_usec", 0) : RV_USEC_INFINITY;
        if (!known && json_object_set_new(track->breach, "incident", known = json_object()) < 0)
                return rv_error_oom(err);
        _cleanup_json_ json_t *copy = json_deep_copy(incident);
        /* In place: several breaches may have it. */
        return copy && json_object_clear(known) == 0 && json_object_update(known, copy) == 0 ? 0 : rv_error_oom(err);
}

static void run_done(struct run *run) {
        for (size_t i = 0; run->asked && i < run->b->config->n_rules; i++) {
                struct asked *a = &run->asked[i];

                tracks_done(a);
                rv_range_done(&a->expr);
                rv_range_done(&a->require);
                free(a->track);
                free(a->alerts_expr);
                free(a->failure);
        }
        free(run->asked);
        free(run->evaluated);
        past_free(run->past);
        json_decref(run->breaches);
}

/* -- the run -- */

static int run_init(struct run *run, struct rv_error *err) {
        size_t n = run->b->config->n_rules;

        run->asked = calloc(n + 1, sizeof(*run->asked));
        run->evaluated = calloc(n + 1, sizeof(*run->evaluated));
        if (!run->asked || !run->evaluated || !run->breaches)
                return rv_error_oom(err);
        for (size_t i = 0; i < run->b->config->n_repositories; i++) {
                int64_t *poll_usec = &run->b->config->repositories[i].poll_usec;
                int64_t least_usec = (run->b->to_usec - run->b->from_usec) / POLLS_MAX;

                *poll_usec = *poll_usec > least_usec ? *poll_usec : least_usec;
        }
        for (size_t i = 0; i < n; i++) {
                const struct rv_rule_config *rule = rule_of(run, i);

                run->asked[i].n_steps = STEPS_FIRST;
                run->asked[i].most = STEPS_MAX;
                run->evaluated[i] = run->b->rules[i] && rv_lab_alerts_server(run->b->config, i) >= 0;
                if (run->evaluated[i] && !rule->expr && !(run->asked[i].alerts_expr = alerts_expr(rule)))
                        return rv_error_oom(err);
                if (rule->interval_usec <= 0)
                        run->b->config->rules[i].interval_usec = ALERTS_EVERY_USEC;
        }
        return past_new(&run->past, run->b, err);
}

static int run_all(struct run *run, const struct lab_expectation *last,
                   int (*check)(struct lab_world *world, const struct lab_expectation *e, void *userdata),
                   void *userdata, struct rv_error *err) {
        struct lab_sources sources = {asked_query, asked_confirm, asked_alerts, on_git, on_stored, run->evaluated, run};
        struct lab_script script = {.sources = &sources,
                                    .name = "backtest",
                                    .config = run->b->config,
                                    .start_usec = run->b->from_usec,
                                    .end_usec = run->b->to_usec,
                                    .expectation = (struct lab_expectation *)last,
                                    .n_expectations = last != NULL};

        return lab_world_run(&script, NULL, NULL, check, userdata, err);
}

/* Those that take part have the one mode; the others, which alerts may reach too, act on nothing. Nobody merges requests
 * in the past: what would be proposed after a conflict is taken for pushed, as with mode "propose". */
static enum rv_mode *set_modes(const struct rv_backtest *b, enum rv_mode mode) {
        enum rv_mode *modes = calloc(b->config->n_rules + 1, sizeof(*modes));

        for (size_t i = 0; modes && i < b->config->n_rules; i++) {
                modes[i] = b->config->rules[i].mode;
                b->config->rules[i].mode = b->rules[i] ? mode : RV_MODE_OBSERVE;
                if (b->config->rules[i].fallback == RV_FALLBACK_PROPOSE)
                        b->config->rules[i].fallback = RV_FALLBACK_RESTORE;
        }
        return modes;
}

int rv_lab_backtest(const struct rv_backtest *b, json_t **ret, struct rv_error *err) {
        __attribute__((cleanup(run_done))) struct run run = {.b = b, .breaches = json_array()};
        _cleanup_free_ enum rv_mode *modes = set_modes(b, RV_MODE_ENFORCE);
        int r = modes ? run_init(&run, err) : rv_error_oom(err);

        if (r == 0)
                r = run_all(&run, NULL, NULL, NULL, err);
        if (r == 0 && backtest_report(&run, modes, ret) < 0)
                r = rv_error_oom(err);
        return r;
}

/* -- a look at the end -- */

struct looking {
        const struct rv_backtest *b;
        size_t rule;
        json_t *labels;
        rv_lab_complete complete;
        enum rv_mode mode;
        json_t *found;
};

static int complete_labels(const struct looking *looking, struct lab_world *world, struct rv_labels **ret) {
        _cleanup_json_ json_t *rules = rv_engine_rules_json(world->engine, world->now_usec);
        int r;

        if (!rules)
                return rv_error_oom(world->err);
        r = looking->complete(json_array_get(rules, looking->rule), looking->labels, looking->b->userdata);
        return r < 0 ? r : rv_labels_from_json(ret, looking->labels, NULL, world->err);
}

static int look_at_end(struct lab_world *world, const struct lab_expectation *e, void *userdata) {
        struct looking *looking = userdata;
        struct rv_rule_config *rule = &looking->b->config->rules[looking->rule];
        _cleanup_labels_ struct rv_labels *labels = NULL;
        int r = complete_labels(looking, world, &labels);

        (void)e;
        if (r < 0)
                return r;
        rule->mode = looking->mode;
        r = lab_world_handle(world, &(struct rv_event){.kind = RV_EVENT_REVERT,
                                                       .revert = {.repository = (size_t)rule->repository,
                                                                  .rule = (int)looking->rule,
                                                                  .labels = labels,
                                                                  .actor = "revertctl",
                                                                  .is_look = true}});
        if (r < 0)
                return r;
        looking->found = rv_engine_explain_json(world->engine, world->incident, world->now_usec);
        return looking->found ? 0 : rv_error_oom(world->err);
}

int rv_lab_explain(const struct rv_backtest *b, size_t rule, json_t *labels, rv_lab_complete complete, json_t **ret,
                   struct rv_error *err) {
        __attribute__((cleanup(run_done))) struct run run = {.b = b, .breaches = json_array()};
        struct looking looking = {b, rule, labels, complete, b->config->rules[rule].mode, NULL};
        struct lab_expectation last = {.at_usec = b->to_usec};
        _cleanup_free_ enum rv_mode *modes = set_modes(b, RV_MODE_OBSERVE);
        int r = modes ? run_init(&run, err) : rv_error_oom(err);

        if (r == 0)
                r = run_all(&run, &last, look_at_end, &looking, err);
        if (r < 0) {
                json_decref(looking.found);
                return r;
        }
        *ret = looking.found;
        return 0;
}
