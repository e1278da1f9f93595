/* Verifying: the metric must prove to be well, by verdicts of its own.
 *
 * Proof is time that is known to have been ok. It grows between two oks that follow one another; other verdicts than ok
 * and breach neither add to it nor take from it, and a breach takes it all. */
#include "core.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int64_t interval_usec(const struct rv_rule_config *rule) {
        return rule->interval_usec > 0 ? rule->interval_usec : CONFIRM_INTERVAL_USEC;
}

static int recovered(struct turn *t, struct open *o) {
        _cleanup_free_ char *still = NULL;

        o->i->times.recovered_usec = o->i->ok_usec;
        if (others_still(t, o, &still) < 0 || earlier_mend(t, o) < 0)
                return -ENOMEM;
        return incident_move(t, o, RV_INCIDENT_RECOVERED, RV_REASON_NONE, still);
}

static void restart_proof(struct open *o) {
        o->i->ok_usec = 0;
        o->ok_last_usec = o->ok_proven_usec = 0;
        o->ok_unbroken = false;
}

static int prove(struct turn *t, struct open *o, enum rv_verdict verdict, int64_t at_usec) {
        const struct rv_rule_config *rule = rule_config(t->engine, o->rule);
        int64_t step = at_usec - o->ok_last_usec;

        if (verdict == RV_VERDICT_BREACH) {
                if (o->i->ok_usec > 0)
                        incident_touch(t, o);
                restart_proof(o);
                return 0;
        }
        if (verdict != RV_VERDICT_OK) {
                o->ok_unbroken = false;
                return 0;
        }
        if (o->i->ok_usec == 0) {
                o->i->ok_usec = at_usec;
                incident_touch(t, o);
        } else if (o->ok_unbroken && step > 0 && step <= 4 * interval_usec(rule))
                o->ok_proven_usec += step;
        o->ok_last_usec = at_usec;
        o->ok_unbroken = true;
        return o->ok_proven_usec >= rule->recover_usec ? recovered(t, o) : 0;
}

/* An alert without `confirm` says twice only: firing, resolved. In between it is what it was. */
static int follow_alert(struct turn *t, struct open *o) {
        const struct rv_rule_config *rule = rule_config(t->engine, o->rule);
        struct rv_incident *i = o->i;

        i->retry_usec = 0;
        if (!o->series) /* it could not be taken up again: nothing is known of it */
                return 0;
        if (o->series->s.latched) {
                if (i->ok_usec > 0)
                        incident_touch(t, o);
                i->ok_usec = 0;
                return 0;
        }
        if (i->ok_usec == 0) {
                i->ok_usec = t->now_usec;
                incident_touch(t, o);
        }
        if (t->now_usec - i->ok_usec >= rule->recover_usec)
                return recovered(t, o);
        i->retry_usec = i->ok_usec + rule->recover_usec;
        return 0;
}

/* By hand, and the rule's alert is not known to fire: its silence would prove nothing. */
static bool has_no_witness(const struct open *o, const struct rv_rule_config *rule) {
        return o->i->by_hand && !rule->expr && !rule->confirm && o->i->ok_usec == 0 &&
               !(o->series && o->series->s.latched);
}

static int verify_ask(struct turn *t, struct open *o) {
        const struct rv_rule_config *rule = rule_config(t->engine, o->rule);

        if (rule->expr)
                return 0;
        if (has_no_witness(o, rule))
                return incident_move(t, o, RV_INCIDENT_REVERTED, RV_REASON_NONE, NULL);
        return rule->confirm ? confirm_query(t, o) : follow_alert(t, o);
}

int verify_enter(struct turn *t, struct open *o) {
        const struct rv_rule_config *rule = rule_config(t->engine, o->rule);
        int r;

        if (!rule)
                return incident_move(t, o, RV_INCIDENT_REVERTED, o->i->rule ? RV_REASON_RULE_GONE : RV_REASON_NONE,
                                     NULL);
        r = incident_move(t, o, RV_INCIDENT_VERIFYING, RV_REASON_NONE, NULL);
        o->i->deadline_usec = t->now_usec + rule->verify_timeout_usec;
        o->verify_from_usec = o->i->times.applied_usec;
        restart_proof(o);
        if (r == 0)
                r = verify_ask(t, o);
        return r < 0 ? r : undone_look(t, o);
}

/* After a restart, or when the clock was set back: what was seen before is no proof of the time in between. The end of
 * an alert is told again, so there the run goes on. */
void verify_restart(struct turn *t, struct open *o) {
        const struct rv_rule_config *rule = rule_config(t->engine, o->rule);

        o->verify_from_usec = o->i->times.applied_usec;
        if (o->verify_from_usec > t->now_usec)
                o->verify_from_usec = t->now_usec;
        if (o->i->ok_usec > t->now_usec)
                o->i->ok_usec = t->now_usec;

        if (rule && (rule->expr || rule->confirm))
                restart_proof(o);
}

static int queried(struct turn *t, struct open *o, const struct rv_samples *samples) {
        const struct rv_rule_config *rule = rule_config(t->engine, o->rule);
        enum rv_verdict verdict;
        double value;
        int r;

        if (!rule->confirm) /* a reload took it away */
                return verify_ask(t, o);
        verdict = confirm_verdict(rule, samples, &value);
        if (verdict == RV_VERDICT_OK || verdict == RV_VERDICT_BREACH)
                o->i->last_value = value;
        r = prove(t, o, verdict, t->now_usec);
        if (!o->is_over)
                o->i->retry_usec = t->now_usec + interval_usec(rule);
        return r < 0 ? r : undone_look(t, o);
}

static int git(struct turn *t, struct open *o, const struct rv_git_reply *reply) {
        return !reply && o->asked == RV_GIT_OP_MAX ? queried(t, o, NULL) : undone_answer(t, o, reply);
}

static int verdict(struct turn *t, struct open *o, enum rv_verdict verdict, int64_t at_usec) {
        const struct rv_rule_config *rule = rule_config(t->engine, o->rule);

        if (!rule->expr)
                return rule->confirm ? 0 : follow_alert(t, o);
        /* Evaluations look a little into the past; those from before the revert prove nothing. */
        return at_usec >= o->verify_from_usec ? prove(t, o, verdict, at_usec) : 0;
}

/* Once. A restore has left nothing behind that was suspected. */
static bool goes_further_back(const struct turn *t, const struct open *o) {
        const struct rv_rule_config *rule = rule_config(t->engine, o->rule);

        return rule && rule->unrecovered == RV_UNRECOVERED_FURTHER_BACK && others_is_in_breach(o->series, rule) &&
               !o->i->by_hand && !*o->i->after && !is_restore(o->i);
}

static int expired(struct turn *t, struct open *o) {
        struct series *series = goes_further_back(t, o) ? o->series : NULL;
        _cleanup_free_ char *detail = NULL;
        int r = unrecovered_detail(t, o, &detail);

        if (r == 0)
                r = incident_move(t, o, RV_INCIDENT_UNRECOVERED, RV_REASON_NOT_RECOVERED, detail);
        return r < 0 || !series ? r : incident_open_after(t, series, o->i);
}

static int64_t patience(const struct rv_engine *engine, const struct open *o) {
        const struct rv_rule_config *rule = rule_config(engine, o->rule);

        return rule ? rule->verify_timeout_usec : 0;
}

const struct state state_verifying = {
        .ask = verify_ask,
        .git = git,
        .queried = queried,
        .expired = expired,
        .verdict = verdict,
        .patience = patience,
};
