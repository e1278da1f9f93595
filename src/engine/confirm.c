/* Confirming: an alert is a hint; the rule's `confirm` expression takes a second look before Git is asked, and so does
 * Alertmanager, which knows whether it is silenced. */
#include "core.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static int confirmed(struct turn *t, struct open *o) {
        return look_up_is_wanted(t->engine, o) ? ask_look_up(t, o) : attribute_enter(t, o);
}

/* A reload may have taken `confirm` away: then there is no second look to wait for. */
int confirm_query(struct turn *t, struct open *o) {
        const struct rv_rule_config *rule = rule_config(t->engine, o->rule);
        struct rv_error err = {0};
        char *expr;
        int r;

        if (!rule->confirm)
                return o->i->state == RV_INCIDENT_CONFIRMING ? confirmed(t, o) : 0;
        r = rv_template_expand(rule->confirm, RV_TEMPLATE_PROMQL, o->i->labels, o->i->value, &expr, &err);
        if (r == -ENOMEM)
                return r;
        if (r == 0)
                return ask_query(t, o, rule->prometheus, expr);
        if (o->i->state == RV_INCIDENT_CONFIRMING)
                return incident_move(t, o, RV_INCIDENT_DECLINED, RV_REASON_NOT_CONFIRMED, err.text);
        return 0; /* verifying: nothing can be proven any more, and the deadline says so */
}

/* The expression speaks of one label set, so its answer is one verdict: a breach anywhere is a breach, and only an
 * answer that is ok throughout is ok. */
enum rv_verdict confirm_verdict(const struct rv_rule_config *rule, const struct rv_samples *samples,
                                double *ret_value) {
        _cleanup_free_ enum rv_verdict *verdict = NULL;
        enum rv_verdict sum = RV_VERDICT_OK;

        *ret_value = NAN;
        if (!samples)
                return RV_VERDICT_ERROR;
        if (samples->n == 0)
                return samples->is_partial ? RV_VERDICT_ERROR : RV_VERDICT_NO_DATA;
        verdict = calloc(samples->n, sizeof(*verdict));
        if (!verdict)
                return RV_VERDICT_ERROR;
        rv_rule_judge_all(rule, samples, NULL, verdict);
        for (size_t i = 0; i < samples->n; i++) {
                if (verdict[i] == RV_VERDICT_BREACH) {
                        *ret_value = samples->sample[i].value;
                        return RV_VERDICT_BREACH;
                }
                if (verdict[i] != RV_VERDICT_OK)
                        sum = verdict[i];
        }
        if (sum == RV_VERDICT_OK)
                *ret_value = samples->sample[0].value;
        return sum;
}

int clear_on_ok(struct turn *t, struct open *o, enum rv_verdict verdict, int64_t at_usec) {
        (void)at_usec;
        if (o->series && o->series->s.latched) /* one ok is not the end: keep_firing_for, or breaches enough */
                return 0;
        if (verdict != RV_VERDICT_OK || o->i->by_hand)
                return 0;
        return incident_move(t, o, RV_INCIDENT_CLEARED, RV_REASON_NONE, NULL);
}

int confirm_enter(struct turn *t, struct open *o) {
        o->i->deadline_usec = t->now_usec + CONFIRM_PATIENCE_USEC;
        return confirm_query(t, o);
}

static int queried(struct turn *t, struct open *o, const struct rv_samples *samples) {
        const struct rv_rule_config *rule = rule_config(t->engine, o->rule);
        double value;

        if (!rule->confirm)
                return confirmed(t, o);
        switch (confirm_verdict(rule, samples, &value)) {
        case RV_VERDICT_BREACH:
                o->i->value = o->i->last_value = value;
                return confirmed(t, o);
        case RV_VERDICT_OK:
                o->i->last_value = value;
                return incident_move(t, o, RV_INCIDENT_DECLINED, RV_REASON_NOT_CONFIRMED,
                                     "the expression is not in breach");
        default:
                return retry_later(t, o);
        }
}

static int looked_up(struct turn *t, struct open *o, enum rv_alert_state state, const char *words) {
        return state == RV_ALERT_ACTIVE ? attribute_enter(t, o) : look_up_end(t, o, state, words);
}

static int expired(struct turn *t, struct open *o) {
        return incident_move(t, o, RV_INCIDENT_DECLINED, RV_REASON_NOT_CONFIRMED, "no usable answer came in time");
}

const struct state state_confirming = {
        .ask = confirm_query,
        .queried = queried,
        .looked_up = looked_up,
        .expired = expired,
        .verdict = clear_on_ok,
        .patience_usec = CONFIRM_PATIENCE_USEC,
};
