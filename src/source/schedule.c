/* The schedule of polled rules: one timer for all of them.
 *
 * The timetable is in wall time, for replicas are to ask for the same times; the timer is on the boot clock, which
 * nobody sets. When the two drift apart by more than a step the wall clock was set, and the timetable starts anew. */

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/source.h"
#include "source/prometheus.h"
#include "source/timetable.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <utlist.h>

enum {
        CLOCK_STEP_MSEC = 1000,
        TICK_MSEC = 20, /* rules due within this of another are sent together, up to this late; their time stays */
};

/* expr, and require where the rule has it. */
struct part {
        struct evaluation *evaluation;
        struct query *query; /* NULL: not asked, or answered */
        struct rv_samples samples;
        bool has_samples;
};

struct evaluation {
        struct rv_schedule *schedule;
        struct evaluation *prev, *next;
        size_t rule;
        int64_t at_usec, started_usec;
        struct part expr, require;
        char *error; /* the first; NULL: none */
};

struct rule_state {
        bool is_running;
        int64_t evaluated_usec, duration_usec;
        char *error; /* of the newest evaluation; NULL: none */
};

struct rv_schedule {
        struct rv_config *config;
        struct rv_prometheus *prometheus;
        rv_evaluated_callback callback;
        void *userdata;
        sd_event_source *timer;
        struct timetable timetable;
        int64_t skew_usec; /* wall time − boot time */
        struct rule_state *rule;
        struct evaluation *running;
        struct rv_schedule_metrics metrics;
};

/* -- one evaluation -- */

static void evaluation_free(struct evaluation *evaluation) {
        struct part *parts[] = {&evaluation->expr, &evaluation->require};

        for (size_t i = 0; i < RV_ARRAY_SIZE(parts); i++) {
                if (parts[i]->query)
                        prometheus_cancel(parts[i]->query);
                rv_samples_done(&parts[i]->samples);
        }
        evaluation->schedule->rule[evaluation->rule].is_running = false;
        DL_DELETE(evaluation->schedule->running, evaluation);
        free(evaluation->error);
        free(evaluation);
}

static void report(struct evaluation *evaluation, const struct rv_samples *samples, const struct rv_samples *require) {
        struct rv_schedule *schedule = evaluation->schedule;
        struct rule_state *rule = &schedule->rule[evaluation->rule];
        struct rv_error err = {0};

        rule->evaluated_usec = rv_clock_realtime_usec();
        rule->duration_usec = rv_clock_monotonic_usec() - evaluation->started_usec;
        schedule->metrics.evaluations++;
        schedule->metrics.seconds_sum += (double)rule->duration_usec / (double)RV_USEC_PER_SEC;
        free(rule->error);
        rule->error = NULL;
        if (evaluation->error) {
                schedule->metrics.failures++;
                rv_error_set(&err, -EIO, "%s", evaluation->error);
                rule->error = RV_TAKE(evaluation->error);
                samples = require = NULL;
        }
        schedule->callback(evaluation->rule, evaluation->at_usec, samples, require, samples ? NULL : &err,
                           schedule->userdata);
}

/* All is answered, or nothing more is to be asked. */
static void finish(struct evaluation *evaluation) {
        report(evaluation, evaluation->expr.has_samples ? &evaluation->expr.samples : NULL,
               evaluation->require.has_samples ? &evaluation->require.samples : NULL);
        evaluation_free(evaluation);
}

static void fail(struct evaluation *evaluation, const struct part *part, const struct rv_error *err) {
        if (evaluation->error)
                return;
        if (asprintf(&evaluation->error, "%s%s", part == &evaluation->require ? "require: " : "", err->text) < 0)
                evaluation->error = NULL;
}

static int keep_samples(struct part *part, const struct rv_samples *samples) {
        struct rv_samples *kept = &part->samples;

        *kept = (struct rv_samples){.is_scalar = samples->is_scalar, .is_partial = samples->is_partial};
        kept->sample = calloc(samples->n + 1, sizeof(*kept->sample));
        kept->warning = samples->warning ? strdup(samples->warning) : NULL;
        if (!kept->sample || (samples->warning && !kept->warning)) {
                rv_samples_done(kept);
                return -ENOMEM;
        }
        for (; kept->n < samples->n; kept->n++) {
                kept->sample[kept->n] = samples->sample[kept->n];
                rv_labels_ref(kept->sample[kept->n].labels);
        }
        part->has_samples = true;
        return 0;
}

static void on_answer(const struct rv_samples *samples, const struct rv_error *err, void *userdata) {
        struct part *part = userdata;
        struct evaluation *evaluation = part->evaluation;
        bool has_require = evaluation->schedule->config->rules[evaluation->rule].require;

        part->query = NULL;
        if (!samples) {
                fail(evaluation, part, err);
                finish(evaluation); /* the other part, if under way, is called off */
        } else if (!has_require) {
                report(evaluation, samples, NULL); /* the usual case: nothing is kept */
                evaluation_free(evaluation);
        } else if (keep_samples(part, samples) < 0) {
                fail(evaluation, part, &(struct rv_error){"out of memory"});
                finish(evaluation);
        } else if (evaluation->expr.has_samples && evaluation->require.has_samples)
                finish(evaluation);
}

static int ask(struct part *part, const char *expr, struct rv_error *err) {
        struct evaluation *evaluation = part->evaluation;
        struct rv_schedule *schedule = evaluation->schedule;
        size_t index = (size_t)schedule->config->rules[evaluation->rule].prometheus;
        int64_t at_usec = evaluation->at_usec;

        return prometheus_start(schedule->prometheus, index, expr, at_usec, on_answer, part, &part->query, err);
}

static void evaluate(struct rv_schedule *schedule, size_t index, int64_t due_usec) {
        const struct rv_rule_config *rule = &schedule->config->rules[index];
        struct evaluation *evaluation = calloc(1, sizeof(*evaluation));
        struct rv_error err;
        int r;

        if (!evaluation) {
                schedule->metrics.missed++;
                return;
        }
        evaluation->schedule = schedule;
        evaluation->rule = index;
        evaluation->at_usec = due_usec - schedule->config->prometheus[rule->prometheus].delay_usec;
        evaluation->started_usec = rv_clock_monotonic_usec();
        evaluation->expr.evaluation = evaluation->require.evaluation = evaluation;
        schedule->rule[index].is_running = true;
        DL_APPEND(schedule->running, evaluation);

        struct part *part = &evaluation->expr;
        r = ask(part, rule->expr, &err);
        if (r >= 0 && rule->require) {
                part = &evaluation->require;
                r = ask(part, rule->require, &err);
        }
        if (r < 0) {
                fail(evaluation, part, &err);
                finish(evaluation);
        }
}

/* -- the timer -- */

static int set_timer(struct rv_schedule *schedule) {
        int64_t next_usec = timetable_next_usec(&schedule->timetable);

        if (next_usec == RV_USEC_INFINITY)
                return 0;
        int r = sd_event_source_set_time(schedule->timer, (uint64_t)(next_usec - schedule->skew_usec));
        return r < 0 ? r : sd_event_source_set_enabled(schedule->timer, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        struct rv_schedule *schedule = userdata;
        int64_t now_usec = rv_clock_realtime_usec();
        int64_t skew_usec = now_usec - rv_clock_boottime_usec();
        int64_t due_usec;
        uint64_t missed;
        size_t rule;

        (void)source;
        (void)usec;
        if (llabs(skew_usec - schedule->skew_usec) > CLOCK_STEP_MSEC * RV_USEC_PER_MSEC)
                timetable_resync(&schedule->timetable, now_usec);
        schedule->skew_usec = skew_usec;
        while (timetable_pop(&schedule->timetable, now_usec, &rule, &due_usec, &missed)) {
                schedule->metrics.missed += missed;
                if (due_usec == 0)
                        continue;
                if (schedule->rule[rule].is_running)
                        schedule->metrics.missed++;
                else
                        evaluate(schedule, rule, due_usec);
        }
        return set_timer(schedule);
}

/* -- for users -- */

int rv_schedule_new(struct rv_schedule **ret, const struct rv_config *config, sd_event *event,
                    struct rv_prometheus *prometheus, rv_evaluated_callback callback, void *userdata,
                    struct rv_error *err) {
        struct rv_schedule *schedule = calloc(1, sizeof(*schedule));
        int64_t now_usec = rv_clock_realtime_usec();
        int r;

        if (!schedule)
                return rv_error_oom(err);
        schedule->config = rv_config_ref((struct rv_config *)config);
        schedule->prometheus = prometheus;
        schedule->callback = callback;
        schedule->userdata = userdata;
        schedule->skew_usec = now_usec - rv_clock_boottime_usec();
        schedule->rule = calloc(config->n_rules + 1, sizeof(*schedule->rule));
        r = schedule->rule ? timetable_init(&schedule->timetable, config, now_usec) : -ENOMEM;
        if (r >= 0)
                r = sd_event_add_time(event, &schedule->timer, CLOCK_BOOTTIME, UINT64_MAX, TICK_MSEC * RV_USEC_PER_MSEC,
                                      on_timer, schedule);
        if (r >= 0)
                r = set_timer(schedule);
        if (r < 0) {
                rv_schedule_free(schedule);
                return rv_error_set(err, r, "cannot schedule rules: %s", strerror(-r));
        }
        *ret = schedule;
        return 0;
}

struct rv_schedule *rv_schedule_free(struct rv_schedule *schedule) {
        if (!schedule)
                return NULL;
        while (schedule->running)
                evaluation_free(schedule->running);
        sd_event_source_disable_unref(schedule->timer);
        timetable_done(&schedule->timetable);
        for (size_t i = 0; schedule->rule && i < schedule->config->n_rules; i++)
                free(schedule->rule[i].error);
        free(schedule->rule);
        rv_config_unref(schedule->config);
        free(schedule);
        return NULL;
}

const struct rv_schedule_metrics *rv_schedule_get_metrics(const struct rv_schedule *schedule) {
        return &schedule->metrics;
}

void rv_schedule_rule_health(const struct rv_schedule *schedule, size_t rule, int64_t *ret_at_usec,
                             int64_t *ret_duration_usec, const char **ret_error) {
        const struct rule_state *state = &schedule->rule[rule];

        *ret_at_usec = state->evaluated_usec;
        *ret_duration_usec = state->duration_usec;
        *ret_error = state->error;
}
