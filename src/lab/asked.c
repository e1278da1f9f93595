/* Answers of Prometheus, read in pieces ahead of the clock. The engine is shown them as they were, but for label sets
 * that the would-be revert has cured. */
#include "lab/backtest.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FAILED_MAX = 2000 };

static int64_t delay_of(const struct run *run, size_t rule) {
        if (!rule_of(run, rule)->expr) /* alerts were delivered at once */
                return 0;
        return run->b->config->prometheus[rule_of(run, rule)->prometheus].delay_usec;
}

static int note_failure(struct asked *a, const char *text, struct rv_error *err) {
        a->n_failed++;
        return a->failure || (a->failure = strdup(text)) ? 0 : rv_error_oom(err);
}

/* What the server cannot evaluate at one time is a failed evaluation, as it is to the daemon. */
static int take_failure(struct asked *a, int64_t from_usec, struct rv_error *err) {
        int r = a->n_failed >= FAILED_MAX ? -EDOM : note_failure(a, err->text, err);

        if (r < 0)
                return r;
        rv_range_done(&a->expr);
        rv_range_done(&a->require);
        a->expr = (struct rv_range){.from_usec = from_usec, .n_steps = 1};
        return 0;
}

/* A scalar is met for all, a vector only for its own labels; over a range both look alike. */
static int find_type(struct run *run, size_t rule, size_t server, int64_t from_usec, struct rv_error *err) {
        const struct rv_rule_config *config = rule_of(run, rule);
        struct asked *a = &run->asked[rule];
        _cleanup_free_ char *expr = NULL;
        struct rv_range range = {0};
        struct rv_error no;

        if (a->is_vector || a->require.n != 1 || a->require.labels[0]->n > 0)
                return 0;
        if (asprintf(&expr, "vector(%s\n)", config->require) < 0) {
                expr = NULL;
                return rv_error_oom(err);
        }
        a->is_vector = run->b->range(run->b->userdata, server, expr, from_usec, config->interval_usec, 1, &range,
                                     &no) == -EINVAL;
        rv_range_done(&range);
        return 0;
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
                if ((r != -E2BIG && r != -EDOM) || a->n_steps == 1)
                        break;
                a->n_steps = a->n_steps / 2;
                if (r == -E2BIG)
                        a->most = a->n_steps;
        }
        a->has_failed = r == -EDOM;
        if (r == -EDOM)
                r = take_failure(a, from_usec, err);
        else if (r == 0 && config->require)
                r = find_type(run, rule, server, from_usec, err);
        if (r < 0)
                return rv_error_prefix(err, r, "rule %s", config->name);
        free(a->track);
        a->track = calloc(a->expr.n + 1, sizeof(struct track *));
        if (!a->track)
                return rv_error_oom(err);
        for (size_t i = 0; r == 0 && i < a->expr.n; i++)
                r = track_get(a, a->expr.labels[i], &a->track[i], err);
        if (r == 0 && a->expr.n * a->n_steps < RV_RANGE_VALUES_MAX / 20 && a->n_steps * 2 <= a->most)
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
        return 0;
}

static int fill_require(const struct asked *a, size_t step, struct rv_samples *ret, struct rv_error *err) {
        int r = fill(&a->require, step, ret, NULL, err);

        ret->is_scalar = !a->is_vector && a->require.n == 1 && a->require.labels[0]->n == 0;
        return r;
}

/* Names of metrics are dropped: what only they told apart is no answer, to the daemon too. */
static bool has_twice(struct asked *a, const size_t *row, size_t n) {
        for (size_t i = 0; i < n; i++) {
                if (a->track[row[i]]->evaluation == a->n_evaluations)
                        return true;
                a->track[row[i]]->evaluation = a->n_evaluations;
        }
        return false;
}

/* 1: the evaluation failed. */
static int look(struct run *run, size_t rule, size_t step, int64_t now_usec, struct rv_samples *ret,
                struct rv_error *err) {
        const struct rv_rule_config *config = rule_of(run, rule);
        struct asked *a = &run->asked[rule];
        struct rv_samples require = {0};
        bool has_failed = a->has_failed;
        _cleanup_free_ size_t *row = calloc(a->expr.n + 1, sizeof(*row));
        _cleanup_free_ enum rv_verdict *verdict = calloc(a->expr.n + 1, sizeof(*verdict));
        int r = row && verdict ? fill(&a->expr, step, ret, row, err) : rv_error_oom(err);

        if (r == 0 && config->require)
                r = fill_require(a, step, &require, err);
        a->n_evaluations++;
        if (r == 0 && has_twice(a, row, ret->n)) {
                r = note_failure(a, "two series differ only in their metric name", err);
                has_failed = true;
        }
        if (r == 0 && has_failed) {
                rv_samples_done(&require);
                return 1;
        }
        if (r == 0)
                rv_rule_judge_all(config, ret, config->require ? &require : NULL, verdict);
        rv_samples_done(&require);
        for (size_t i = 0; r == 0 && i < ret->n; i++) {
                struct track *track = a->track[row[i]];
                double value = ret->sample[i].value;
                enum rv_verdict v = rv_rule_settle(config, verdict[i], value, track->s.latched);

                r = track_follow(run, rule, track, v, value, now_usec - delay_of(run, rule), err);
                if (track_is_cured(track, now_usec) && !isnan(value))
                        ret->sample[i].value = track_well(config);
        }
        if (ret->n > 0) {
                a->last_usec = now_usec - delay_of(run, rule);
                if (a->n_answered++ == 0)
                        a->first_usec = a->last_usec;
        }
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

int asked_query(void *userdata, size_t rule, enum lab_query query, int64_t now_usec, struct rv_samples *ret,
                struct rv_error *err) {
        struct run *run = userdata;
        size_t step;
        int r = find_step(run, rule, now_usec, &step, err);

        if (r < 0)
                return r;
        return query == LAB_REQUIRE ? fill_require(&run->asked[rule], step, ret, err)
                                    : look(run, rule, step, now_usec, ret, err);
}

int asked_confirm(void *userdata, size_t rule, const struct rv_labels *labels, const char *expr, int64_t now_usec,
                  struct rv_samples *ret, struct rv_error *err) {
        struct run *run = userdata;
        const struct rv_rule_config *config = rule_of(run, rule);
        struct rv_range range = {0};
        struct track *track = track_find(&run->asked[rule], labels);
        int r;

        if (track && track_is_cured(track, now_usec)) {
                ret->sample = calloc(1, sizeof(*ret->sample));
                if (!ret->sample)
                        return rv_error_oom(err);
                ret->sample[ret->n++] = (struct rv_sample){.labels = rv_labels_ref((struct rv_labels *)labels),
                                                           .value = track_well(config)};
                return 0;
        }
        r = run->b->range(run->b->userdata, (size_t)config->prometheus, expr, now_usec, RV_USEC_PER_SEC, 1, &range,
                          err);
        if (r == 0)
                r = fill(&range, 0, ret, NULL, err);
        rv_range_done(&range);
        if (r == -EDOM)
                return 1;
        return r < 0 ? rv_error_prefix(err, r, "rule %s: confirm", config->name) : 0;
}

/* What Alertmanager would have delivered: each beginning and each end, once. */
int asked_alerts(void *userdata, size_t rule, int64_t now_usec, struct rv_alerts *ret, struct rv_error *err) {
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
                r = track_follow(run, rule, track, is_firing ? RV_VERDICT_BREACH : RV_VERDICT_OK, is_firing, now_usec,
                                 err);
                if (r < 0)
                        return r;
                is_firing = is_firing && !track_is_cured(track, now_usec);
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
