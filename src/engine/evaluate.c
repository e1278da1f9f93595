/* A polled rule was evaluated: verdicts, series, and what they open, clear and prove. */
#include "core.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <utlist.h>

/* The newest breach is stored again before the gap that would split its run: a restart must not lose `for`. */
#define PENDING_STORED_USEC (2 * RV_USEC_PER_MINUTE)

static int advance(struct turn *t, struct series *series, const struct rv_rule_config *rule, enum rv_verdict verdict,
                   double value, int64_t at_usec) {
        bool was_latched = series->s.latched;
        enum rv_series_change change = rv_series_advance(&series->s, rule, verdict, value, at_usec);
        int r = 0;

        switch (change) {
        case RV_SERIES_PENDING:
        case RV_SERIES_LEAVING:
                r = series_store(t, series);
                break;
        case RV_SERIES_FIRED:
                if (!series->open)
                        r = incident_open(t, series, series->s.onset_usec);
                earlier_begin(series, series->s.onset_usec);
                if (r == 0)
                        r = series_store(t, series);
                break;
        case RV_SERIES_OVER:
                if (was_latched)
                        earlier_end(series, at_usec);
                r = series_forget(t, series);
                break;
        case RV_SERIES_SAME:
                if (series->s.onset_usec > 0 && !series->s.latched &&
                    series->s.breach_usec - series->stored_usec >= PENDING_STORED_USEC)
                        r = series_store(t, series);
                break;
        }
        return r;
}

/* What its incident, if it has one, makes of the verdict. */
static int tell_incident(struct turn *t, struct series *series, int64_t at_usec) {
        struct open *o = series->open;

        if (o && !o->is_over && !isnan(series->s.value))
                o->i->last_value = series->s.value;
        return state_tell(t, series, at_usec);
}

static int note(struct turn *t, struct series *series, const struct rv_rule_config *rule, enum rv_verdict verdict,
                double value, int64_t at_usec) {
        bool is_firing = series->s.latched || series->open;
        enum rv_verdict settled = rv_rule_settle(rule, verdict, value, is_firing);
        int r = recent_note(series, settled, value, at_usec);

        if (r == 0)
                r = advance(t, series, rule, settled, value, at_usec);

        if (r == 0)
                r = tell_incident(t, series, at_usec);
        return r < 0 ? r : good_note(t, series, at_usec);
}

static int note_samples(struct turn *t, struct rule *rule, const struct rv_samples *samples,
                        const struct rv_samples *require, int64_t at_usec) {
        const struct rv_rule_config *config = rule_config(t->engine, rule);
        _cleanup_free_ enum rv_verdict *verdict = calloc(samples->n + 1, sizeof(*verdict));

        if (!verdict)
                return -ENOMEM;
        rv_rule_judge_all(config, samples, require, verdict);
        for (size_t i = 0; i < samples->n; i++) {
                struct series *series;
                int r = series_get(t->engine, rule, samples->sample[i].labels, &series);

                if (r == -ENOSPC) /* more than we follow; they decide nothing */
                        continue;
                if (r < 0)
                        return r;
                if (series->round == t->engine->round) /* a label set stands in an answer once */
                        continue;
                series->round = t->engine->round;
                series->answered_usec = t->now_usec;
                r = note(t, series, config, verdict[i], samples->sample[i].value, at_usec);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The label sets that the answer did not have. */
static int note_missing(struct turn *t, struct rule *rule, enum rv_verdict verdict, int64_t at_usec) {
        const struct rv_rule_config *config = rule_config(t->engine, rule);
        struct series *series, *next;

        DL_FOREACH_SAFE(rule->series, series, next) {
                int r;

                if (series->round == t->engine->round)
                        continue;
                r = note(t, series, config, verdict, NAN, at_usec);
                if (r < 0)
                        return r;
        }
        return 0;
}

int evaluate(struct turn *t, const struct rv_event *event) {
        const struct rv_samples *samples = event->evaluated.samples, *require = event->evaluated.require;
        const struct rv_rule_config *config;
        struct rule *rule;
        bool is_whole;
        int r = 0;

        if (event->evaluated.rule >= t->engine->config->n_rules)
                return rv_error_set(t->err, -EINVAL, "there is no rule %zu", event->evaluated.rule);
        rule = t->engine->rule[event->evaluated.rule];
        config = rule_config(t->engine, rule);
        if (!config->expr)
                return rv_error_set(t->err, -EINVAL, "rule %s is not polled", config->name);
        t->engine->round++;
        if (config->require && !require)
                samples = NULL;
        is_whole = samples && !samples->is_partial && !(require && require->is_partial);
        if (samples)
                r = note_samples(t, rule, samples, require, event->evaluated.at_usec);
        if (r < 0)
                return r;
        return note_missing(t, rule, is_whole ? RV_VERDICT_NO_DATA : RV_VERDICT_ERROR, event->evaluated.at_usec);
}
