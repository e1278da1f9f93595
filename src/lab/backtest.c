/* The real engine over the past. The data show what happened without a revert. So each breach is followed twice: as it
 * was, by rv_series_advance() on the real values, which says how long it really lasted; and as the engine sees it, for
 * which the values of a label set are taken as well from the assumed effect of its revert to the real end of that
 * breach. So one breach is one incident, and its cooldown and budget count as they would have. */
#include "lab/alerts.h"
#include "lab/past.h"

#include "revertd/cleanup.h"
#include "revertd/number.h"

#define HASH_NONFATAL_OOM 1
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

enum { STEPS_FIRST = 240, STEPS_MAX = 11000, RING = 60, POINTS_MAX = 600, AFTER = 30, BREACHES_MAX = 5000 };
#define ALERTS_EVERY_USEC (15 * RV_USEC_PER_SEC)

struct point {
        int64_t at_usec;
        double value;
};

/* A label set of a rule, as it really was. */
struct track {
        uint64_t fingerprint;
        struct rv_series s;
        struct point ring[RING];
        size_t n_ring, after, stride, skip;
        json_t *breach;           /* the newest; lent; NULL: none */
        int64_t starts_usec;      /* of an alert: the newest episode */
        bool is_present, is_told; /* of an alert: it fires; and that was delivered */
        int64_t cured_usec;       /* from then on it would have been well; 0: no revert */
        UT_hash_handle hh;
};

struct asked {
        struct rv_range expr, require;
        struct track **track; /* of each row */
        char *alerts_expr;    /* of a rule that is fed by alerts; NULL: polled */
        size_t n_steps;       /* asked for at once */
        struct track *tracks;
        int64_t n_evaluations, n_breaches;
};

struct run {
        const struct rv_backtest *b;
        struct past *past;
        struct asked *asked; /* by rule */
        bool *evaluated;     /* by rule */
        json_t *breaches;
        int64_t told_usec;
};

static const struct rv_rule_config *rule_of(const struct run *run, size_t rule) {
        return &run->b->config->rules[rule];
}

/* -- the data -- */

static int find_track(struct asked *a, struct rv_labels *labels, struct track **ret, struct rv_error *err) {
        struct track *track;

        HASH_FIND(hh, a->tracks, &labels->fingerprint, sizeof(labels->fingerprint), track);
        if (!track) {
                track = calloc(1, sizeof(*track));
                if (!track)
                        return rv_error_oom(err);
                track->fingerprint = labels->fingerprint;
                track->s.labels = rv_labels_ref(labels);
                HASH_ADD(hh, a->tracks, fingerprint, sizeof(track->fingerprint), track);
                if (!track->hh.tbl) {
                        rv_labels_unref(labels);
                        free(track);
                        return rv_error_oom(err);
                }
        }
        *ret = track;
        return 0;
}

static int64_t delay_of(const struct run *run, size_t rule) {
        if (!rule_of(run, rule)->expr) /* alerts were delivered at once */
                return 0;
        return run->b->config->prometheus[rule_of(run, rule)->prometheus].delay_usec;
}

static int fetch(struct run *run, size_t rule, int64_t now_usec, struct rv_error *err) {
        const struct rv_rule_config *config = rule_of(run, rule);
        struct asked *a = &run->asked[rule];
        size_t server = (size_t)rv_lab_alerts_server(run->b->config, rule);
        int64_t left = (run->b->to_usec - now_usec) / config->interval_usec + 1,
                from_usec = now_usec - delay_of(run, rule);
        int r;

        for (;;) {
                if ((int64_t)a->n_steps > left)
                        a->n_steps = (size_t)left;
                rv_range_done(&a->expr);
                rv_range_done(&a->require);
                r = run->b->range(run->b->userdata, server, a->alerts_expr ? a->alerts_expr : config->expr, from_usec,
                                  config->interval_usec, a->n_steps, &a->expr, err);
                if (r == 0 && config->require)
                        r = run->b->range(run->b->userdata, server, config->require, from_usec, config->interval_usec,
                                          a->n_steps, &a->require, err);
                if (r != -E2BIG || a->n_steps == 1)
                        break;
                a->n_steps = a->n_steps / 2;
        }
        if (r < 0)
                return rv_error_prefix(err, r, "rule %s", config->name);
        free(a->track);
        a->track = calloc(a->expr.n + 1, sizeof(struct track *));
        if (!a->track)
                return rv_error_oom(err);
        for (size_t i = 0; r == 0 && i < a->expr.n; i++)
                r = find_track(a, a->expr.labels[i], &a->track[i], err);
        if (r == 0 && a->expr.n * a->n_steps < RV_RANGE_VALUES_MAX / 20 && a->n_steps * 2 <= STEPS_MAX)
                a->n_steps *= 2;
        return r;
}

static int fill(const struct rv_range *range, size_t step, struct rv_samples *ret, size_t *row, struct rv_error *err) {
        ret->sample = calloc(range->n + 1, sizeof(*ret->sample));
        if (!ret->sample)
                return rv_error_oom(err);
        ret->is_partial = range->is_partial;
        for (size_t i = 0; i < range->n; i++) {
                size_t at = i * range->n_steps + step;
                if (!range->is_present[at])
                        continue;
                if (row)
                        row[ret->n] = i;
                ret->sample[ret->n++] =
                        (struct rv_sample){.labels = rv_labels_ref(range->labels[i]), .value = range->value[at]};
        }
        ret->is_scalar = range->n == 1 && range->labels[0]->n == 0; /* query_range does not say which it was */
        return 0;
}

/* -- as it was -- */

/* Of a long breach every second point goes, again and again. */
static int append_point(struct track *track, int64_t at_usec, double value) {
        json_t *points = json_object_get(track->breach, "points");

        if (track->skip++ % track->stride != 0)
                return 0;
        if (json_array_size(points) >= POINTS_MAX) {
                for (size_t i = json_array_size(points) / 2; i-- > 0;)
                        json_array_remove(points, 2 * i + 1);
                track->stride *= 2;
        }
        return json_array_append_new(points, json_pack("[I, o]", (json_int_t)at_usec, rv_value_to_json(value)));
}

static int begin_breach(struct run *run, size_t rule, struct track *track, int64_t at_usec, struct rv_error *err) {
        const struct rv_rule_config *config = rule_of(run, rule);

        if (json_array_size(run->breaches) >= BREACHES_MAX)
                return rv_error_set(err, -E2BIG, "more than %d breaches; choose a shorter range or fewer rules",
                                    BREACHES_MAX);
        track->breach = json_pack("{s:s, s:o, s:f, s:I, s:I, s:I, s:[]}", "rule", config->name, "labels",
                                  rv_labels_to_json(track->s.labels), "threshold", config->breach_value, "onset_usec",
                                  (json_int_t)track->s.onset_usec, "fired_usec", (json_int_t)at_usec, "end_usec",
                                  (json_int_t)0, "points");
        if (!track->breach || json_array_append_new(run->breaches, track->breach) < 0) {
                track->breach = NULL;
                return rv_error_oom(err);
        }
        track->stride = 1;
        track->skip = track->after = 0;
        track->cured_usec = 0;
        run->asked[rule].n_breaches++;
        for (size_t i = track->n_ring > RING ? track->n_ring - RING : 0; i + 1 < track->n_ring; i++)
                if (append_point(track, track->ring[i % RING].at_usec, track->ring[i % RING].value) < 0)
                        return rv_error_oom(err);
        return 0;
}

static int follow(struct run *run, size_t rule, struct track *track, enum rv_verdict verdict, double value,
                  int64_t at_usec, struct rv_error *err) {
        bool was_latched = track->s.latched;
        enum rv_series_change change = rv_series_advance(&track->s, rule_of(run, rule), verdict, value, at_usec);
        int r = 0;

        track->ring[track->n_ring++ % RING] = (struct point){at_usec, value};
        if (change == RV_SERIES_FIRED)
                r = begin_breach(run, rule, track, at_usec, err);
        if (r < 0)
                return r;
        if (was_latched && change == RV_SERIES_OVER) {
                json_object_set_new(track->breach, "end_usec", json_integer((json_int_t)track->s.ok_usec));
                track->after = AFTER * track->stride;
        }
        if (track->breach && (track->s.latched || track->after > 0) && append_point(track, at_usec, value) < 0)
                return rv_error_oom(err);
        track->after -= track->after > 0;
        return 0;
}

/* A value that is neither in breach nor short of clear. */
static double well(const struct rv_rule_config *rule) {
        enum rv_breach_op op = rule->has_clear ? rule->clear_op : rule->breach_op;
        double v = rule->has_clear ? rule->clear_value : rule->breach_value;
        bool is_wanted = rule->has_clear; /* the comparison is to hold, or not to */

        switch (op) {
        case RV_BREACH_GT:
                return is_wanted ? nextafter(v, INFINITY) : v;
        case RV_BREACH_GE:
                return is_wanted ? v : nextafter(v, -INFINITY);
        case RV_BREACH_LT:
                return is_wanted ? nextafter(v, -INFINITY) : v;
        case RV_BREACH_LE:
                return is_wanted ? v : nextafter(v, INFINITY);
        case RV_BREACH_EQ:
                return is_wanted ? v : v + 1;
        default:
                return is_wanted ? v + 1 : v;
        }
}

static bool is_cured(const struct track *track, int64_t now_usec) {
        return track->s.latched && track->cured_usec > 0 && now_usec >= track->cured_usec;
}

static int look(struct run *run, size_t rule, size_t step, int64_t now_usec, struct rv_samples *ret,
                struct rv_error *err) {
        const struct rv_rule_config *config = rule_of(run, rule);
        struct asked *a = &run->asked[rule];
        struct rv_samples require = {0};
        _cleanup_free_ size_t *row = calloc(a->expr.n + 1, sizeof(*row));
        _cleanup_free_ enum rv_verdict *verdict = calloc(a->expr.n + 1, sizeof(*verdict));
        int r = row && verdict ? fill(&a->expr, step, ret, row, err) : rv_error_oom(err);

        if (r == 0 && config->require)
                r = fill(&a->require, step, &require, NULL, err);
        if (r == 0)
                rv_rule_judge_all(config, ret, config->require ? &require : NULL, verdict);
        rv_samples_done(&require);
        for (size_t i = 0; r == 0 && i < ret->n; i++) {
                struct track *track = a->track[row[i]];
                double value = ret->sample[i].value;
                enum rv_verdict v = rv_rule_settle(config, verdict[i], value, track->s.latched);

                r = follow(run, rule, track, v, value, now_usec - delay_of(run, rule), err);
                if (is_cured(track, now_usec) && !isnan(value))
                        ret->sample[i].value = well(config);
        }
        a->n_evaluations++;
        return r;
}

/* -- what the engine asks -- */

/* The step of the rule's data that is due, read if need be. */
static int find_step(struct run *run, size_t rule, int64_t now_usec, size_t *ret, struct rv_error *err) {
        struct asked *a = &run->asked[rule];
        int64_t step =
                a->track ? (now_usec - delay_of(run, rule) - a->expr.from_usec) / rule_of(run, rule)->interval_usec
                         : -1;
        int r = 0;

        if (run->b->progress && now_usec != run->told_usec)
                run->b->progress(run->b->userdata, now_usec);
        run->told_usec = now_usec;
        if (step < 0 || step >= (int64_t)a->expr.n_steps) {
                r = fetch(run, rule, now_usec, err);
                step = 0;
        }
        *ret = (size_t)step;
        return r;
}

static int on_query(void *userdata, size_t rule, enum lab_query query, int64_t now_usec, struct rv_samples *ret,
                    struct rv_error *err) {
        struct run *run = userdata;
        size_t step;
        int r = find_step(run, rule, now_usec, &step, err);

        if (r < 0)
                return r;
        return query == LAB_REQUIRE ? fill(&run->asked[rule].require, step, ret, NULL, err)
                                    : look(run, rule, step, now_usec, ret, err);
}

static int on_confirm(void *userdata, size_t rule, const struct rv_labels *labels, const char *expr, int64_t now_usec,
                      struct rv_samples *ret, struct rv_error *err) {
        struct run *run = userdata;
        const struct rv_rule_config *config = rule_of(run, rule);
        struct rv_range range = {0};
        struct track *track;
        int r;

        HASH_FIND(hh, run->asked[rule].tracks, &labels->fingerprint, sizeof(labels->fingerprint), track);
        if (track && is_cured(track, now_usec)) {
                ret->sample = calloc(1, sizeof(*ret->sample));
                if (!ret->sample)
                        return rv_error_oom(err);
                ret->sample[ret->n++] =
                        (struct rv_sample){.labels = rv_labels_ref((struct rv_labels *)labels), .value = well(config)};
                return 0;
        }
        r = run->b->range(run->b->userdata, (size_t)config->prometheus, expr, now_usec, RV_USEC_PER_SEC, 1, &range,
                          err);
        if (r == 0)
                r = fill(&range, 0, ret, NULL, err);
        rv_range_done(&range);
        return r < 0 ? rv_error_prefix(err, r, "rule %s: confirm", config->name) : 0;
}

/* What Alertmanager would have delivered: each beginning and each end, once. */
static int on_alerts(void *userdata, size_t rule, int64_t now_usec, struct rv_alerts *ret, struct rv_error *err) {
        struct run *run = userdata;
        struct asked *a = &run->asked[rule];
        struct track *track, *next;
        size_t step;
        int r = find_step(run, rule, now_usec, &step, err);

        if (r < 0)
                return r;
        ret->alert = calloc(HASH_COUNT(a->tracks) + 1, sizeof(*ret->alert));
        if (!ret->alert)
                return rv_error_oom(err);
        for (size_t i = 0; i < a->expr.n; i++)
                a->track[i]->is_present = a->expr.is_present[i * a->expr.n_steps + step];
        a->n_evaluations++;
        HASH_ITER (hh, a->tracks, track, next) {
                bool is_firing = track->is_present;

                track->is_present = false;
                r = follow(run, rule, track, is_firing ? RV_VERDICT_BREACH : RV_VERDICT_OK, is_firing, now_usec, err);
                if (r < 0)
                        return r;
                is_firing = is_firing && !is_cured(track, now_usec);
                if (is_firing == track->is_told)
                        continue;
                track->is_told = is_firing;
                if (is_firing)
                        track->starts_usec = now_usec;
                ret->alert[ret->n++] = (struct rv_alert){.labels = track->s.labels,
                                                         .firing = is_firing,
                                                         .starts_usec = track->starts_usec,
                                                         .ends_usec = is_firing ? 0 : now_usec};
        }
        return 0;
}

static int on_git(void *userdata, size_t repository, const struct rv_git_request *request, int64_t now_usec,
                  struct rv_git_reply **ret, struct rv_error *err) {
        struct run *run = userdata;

        return past_answer(run->past, repository, request, now_usec, ret, err);
}

static const char *outcome_of(const char *state, int64_t pushed_usec) {
        if (pushed_usec > 0)
                return "reverted";
        return strcmp(state, "declined") == 0 || strcmp(state, "cleared") == 0 || strcmp(state, "failed") == 0 ? state
                                                                                                               : "open";
}

static int on_stored(void *userdata, const json_t *incident, struct rv_error *err) {
        struct run *run = userdata;
        const char *name = rv_json_string(incident, "rule", "");
        int rule = rv_config_find_rule(run->b->config, name);
        int64_t pushed_usec = rv_json_int(json_object_get(incident, "times"), "pushed_usec", 0);
        _cleanup_labels_ struct rv_labels *labels = NULL;
        struct track *track;
        json_t *known;

        if (rule < 0 || rv_labels_from_json(&labels, json_object_get(incident, "labels"), NULL, err) < 0)
                return 0;
        HASH_FIND(hh, run->asked[rule].tracks, &labels->fingerprint, sizeof(labels->fingerprint), track);
        if (!track || !track->breach)
                return 0;
        known = json_object_get(track->breach, "incident");
        if (known && strcmp(rv_json_string(known, "id", ""), rv_json_string(incident, "id", "")) != 0)
                return 0; /* only the first incident of a breach is its own */
        if (pushed_usec > 0)
                track->cured_usec = pushed_usec + run->b->apply_usec;
        json_t *copy = json_deep_copy(incident);
        return copy && json_object_set_new(track->breach, "incident", copy) == 0 ? 0 : rv_error_oom(err);
}

/* -- the report -- */

static int conclude(const struct run *run, json_t *breach) {
        json_t *incident = json_object_get(breach, "incident");
        int64_t end_usec = rv_json_int(breach, "end_usec", 0), until_usec = end_usec ? end_usec : run->b->to_usec;
        int64_t pushed_usec = rv_json_int(json_object_get(incident, "times"), "pushed_usec", 0);
        int64_t would_usec = pushed_usec > 0 ? pushed_usec + run->b->apply_usec : 0;
        int rule = rv_config_find_rule(run->b->config, rv_json_string(breach, "rule", ""));
        size_t repository = (size_t)run->b->config->rules[rule].repository;
        const struct rv_commit *undone = NULL;
        const json_t *commit, *suspects = json_object_get(incident, "suspects");
        size_t i;

        json_array_foreach (json_object_get(json_object_get(json_object_get(incident, "plan"), "spec"), "commits"), i,
                            commit)
                if (!undone)
                        undone = past_undone(run->past, repository, json_string_value(commit));
        if (!undone && json_array_size(suspects) > 0)
                undone = past_undone(run->past, repository,
                                     rv_json_string(json_object_get(json_array_get(suspects, 0), "commit"), "id", ""));
        _cleanup_json_ json_t *more = json_pack(
                "{s:s, s:I, s:I, s:I, s:s, s:I, s:s, s:s}", "outcome",
                outcome_of(rv_json_string(incident, "state", ""), pushed_usec), "pushed_usec", (json_int_t)pushed_usec,
                "would_end_usec", (json_int_t)would_usec, "saved_usec",
                (json_int_t)(would_usec > 0 && would_usec < until_usec ? until_usec - would_usec : 0), "undone_by",
                undone ? undone->id.hex : "", "undone_usec", (json_int_t)(undone ? undone->commit_usec : 0),
                "repository", run->b->config->repositories[repository].name, "breach",
                rv_breach_op_to_string(run->b->config->rules[rule].breach_op));
        return more ? json_object_update(breach, more) : -1;
}

static json_t *summarise(const struct run *run) {
        json_int_t n[3] = {0}, breach_usec = 0, saved_usec = 0;
        _cleanup_json_ json_t *reasons = json_object();
        json_t *breach;
        size_t i;

        json_array_foreach (run->breaches, i, breach) {
                const char *outcome = rv_json_string(breach, "outcome", "");
                const char *reason = rv_json_string(json_object_get(breach, "incident"), "reason", "none");
                int64_t end_usec = rv_json_int(breach, "end_usec", 0);

                n[0]++;
                n[1] += strcmp(outcome, "reverted") == 0;
                n[2] += strcmp(outcome, "declined") == 0;
                if (strcmp(outcome, "declined") == 0 &&
                    json_object_set_new(reasons, reason, json_integer(rv_json_int(reasons, reason, 0) + 1)) < 0)
                        return NULL;
                breach_usec += (end_usec ? end_usec : run->b->to_usec) - rv_json_int(breach, "onset_usec", 0);
                saved_usec += rv_json_int(breach, "saved_usec", 0);
        }
        return json_pack("{s:I, s:I, s:I, s:O, s:I, s:I}", "breaches", n[0], "reverted", n[1], "declined", n[2],
                         "reasons", reasons, "breach_usec", breach_usec, "saved_usec", saved_usec);
}

static int report(const struct run *run, const enum rv_mode *modes, json_t **ret) {
        _cleanup_json_ json_t *rules = json_array();
        json_t *breach;
        size_t i;

        json_array_foreach (run->breaches, i, breach)
                if (conclude(run, breach) < 0 ||
                    json_object_set_new(
                            breach, "mode",
                            json_string(rv_mode_to_string(
                                    modes[rv_config_find_rule(run->b->config, rv_json_string(breach, "rule", ""))]))) <
                            0)
                        return -ENOMEM;
        for (size_t k = 0; rules && k < run->b->config->n_rules; k++)
                if (run->b->rules[k] &&
                    json_array_append_new(rules, json_pack("{s:s, s:s, s:I, s:I, s:I}", "name", rule_of(run, k)->name,
                                                           "mode", rv_mode_to_string(modes[k]), "step_usec",
                                                           (json_int_t)rule_of(run, k)->interval_usec, "evaluations",
                                                           (json_int_t)run->asked[k].n_evaluations, "breaches",
                                                           (json_int_t)run->asked[k].n_breaches)) < 0)
                        return -ENOMEM;
        *ret = json_pack("{s:I, s:I, s:I, s:O, s:O, s:o}", "from_usec", (json_int_t)run->b->from_usec, "to_usec",
                         (json_int_t)run->b->to_usec, "apply_usec", (json_int_t)run->b->apply_usec, "rules", rules,
                         "breaches", run->breaches, "summary", summarise(run));
        return *ret ? 0 : -ENOMEM;
}

static void run_done(struct run *run) {
        for (size_t i = 0; run->asked && i < run->b->config->n_rules; i++) {
                struct asked *a = &run->asked[i];
                struct track *track, *next;

                HASH_ITER (hh, a->tracks, track, next) {
                        HASH_DEL(a->tracks, track);
                        rv_labels_unref(track->s.labels);
                        free(track);
                }
                rv_range_done(&a->expr);
                rv_range_done(&a->require);
                free(a->track);
                free(a->alerts_expr);
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
        for (size_t i = 0; i < n; i++) {
                const struct rv_rule_config *rule = rule_of(run, i);

                run->asked[i].n_steps = STEPS_FIRST;
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
        struct lab_sources sources = {on_query, on_confirm, on_alerts, on_git, on_stored, run->evaluated, run};
        struct lab_script script = {.sources = &sources,
                                    .name = "backtest",
                                    .config = run->b->config,
                                    .start_usec = run->b->from_usec,
                                    .end_usec = run->b->to_usec,
                                    .expectation = (struct lab_expectation *)last,
                                    .n_expectations = last != NULL};

        return lab_world_run(&script, NULL, check, userdata, err);
}

/* Those that take part have the one mode; the others, which alerts may reach too, act on nothing. */
static enum rv_mode *set_modes(const struct rv_backtest *b, enum rv_mode mode) {
        enum rv_mode *modes = calloc(b->config->n_rules + 1, sizeof(*modes));

        for (size_t i = 0; modes && i < b->config->n_rules; i++) {
                modes[i] = b->config->rules[i].mode;
                b->config->rules[i].mode = b->rules[i] ? mode : RV_MODE_OBSERVE;
        }
        return modes;
}

int rv_lab_backtest(const struct rv_backtest *b, json_t **ret, struct rv_error *err) {
        __attribute__((cleanup(run_done))) struct run run = {.b = b, .breaches = json_array()};
        _cleanup_free_ enum rv_mode *modes = set_modes(b, RV_MODE_ENFORCE);
        int r = modes ? run_init(&run, err) : rv_error_oom(err);

        if (r == 0)
                r = run_all(&run, NULL, NULL, NULL, err);
        if (r == 0 && report(&run, modes, ret) < 0)
                r = rv_error_oom(err);
        return r;
}

/* -- a look at the end -- */

struct looking {
        const struct rv_backtest *b;
        size_t rule;
        const struct rv_labels *labels;
        enum rv_mode mode;
        json_t *found;
};

static int look_at_end(struct lab_world *world, const struct lab_expectation *e, void *userdata) {
        struct looking *looking = userdata;
        struct rv_rule_config *rule = &looking->b->config->rules[looking->rule];
        int r;

        (void)e;
        rule->mode = looking->mode;
        r = lab_world_handle(world, &(struct rv_event){.kind = RV_EVENT_REVERT,
                                                       .revert = {.repository = (size_t)rule->repository,
                                                                  .rule = (int)looking->rule,
                                                                  .labels = looking->labels,
                                                                  .actor = "revertctl",
                                                                  .is_look = true}});
        if (r < 0)
                return r;
        looking->found = rv_engine_explain_json(world->engine, world->incident, world->now_usec);
        return looking->found ? 0 : rv_error_oom(world->err);
}

int rv_lab_explain(const struct rv_backtest *b, size_t rule, const struct rv_labels *labels, json_t **ret,
                   struct rv_error *err) {
        __attribute__((cleanup(run_done))) struct run run = {.b = b, .breaches = json_array()};
        struct looking looking = {b, rule, labels, b->config->rules[rule].mode, NULL};
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
