/* Holding: the plan is complete and waits, for a person or for the rule's hold time; and, last of all, for Alertmanager
 * to say that the alert is not silenced. */
#include "core.h"

#include <string.h>

bool hold_is_over(const struct rv_incident *i) {
        return strcmp(i->released.hex, i->suspects[0].commit.id.hex) == 0;
}

static int64_t patience(const struct rv_engine *engine, const struct open *o) {
        const struct rv_rule_config *rule = rule_config(engine, o->rule);

        if (!rule)
                return 0;
        if (hold_is_over(o->i))
                return CONFIRM_PATIENCE_USEC;
        return o->i->mode == RV_MODE_APPROVE ? rule->approval_timeout_usec : rule->hold_usec;
}

int hold_end(struct turn *t, struct open *o) {
        struct rv_incident *i = o->i;
        int r = 0;

        if (!look_up_is_wanted(t->engine, o))
                return act(t, o);
        i->released = i->suspects[0].commit.id;
        if (i->state != RV_INCIDENT_HOLDING)
                r = incident_move(t, o, RV_INCIDENT_HOLDING, RV_REASON_NONE, NULL);
        i->deadline_usec = t->now_usec + CONFIRM_PATIENCE_USEC;
        incident_touch(t, o);
        return r < 0 ? r : ask_look_up(t, o);
}

/* A restore that a conflict led to, where that is for people to merge. */
static bool proposes_instead(const struct turn *t, const struct open *o) {
        const struct rv_rule_config *rule = rule_config(t->engine, o->rule);

        return o->i->conflict && o->i->mode != RV_MODE_OBSERVE && rule && rule->fallback == RV_FALLBACK_PROPOSE;
}

/* What waited once for this culprit does not wait again when the branch moved under the push. */
int hold_or_act(struct turn *t, struct open *o) {
        struct rv_incident *i = o->i;
        int r;

        if (proposes_instead(t, o))
                i->mode = RV_MODE_PROPOSE;
        if (i->mode == RV_MODE_OBSERVE)
                return incident_move(t, o, RV_INCIDENT_DECLINED, RV_REASON_OBSERVE, NULL);
        if (i->by_hand || hold_is_over(i) || (i->mode != RV_MODE_APPROVE && patience(t->engine, o) == 0))
                return hold_end(t, o);
        r = incident_move(t, o, RV_INCIDENT_HOLDING, RV_REASON_NONE, NULL);
        i->deadline_usec = t->now_usec + patience(t->engine, o);
        return r;
}

static int ask(struct turn *t, struct open *o) {
        if (!hold_is_over(o->i))
                return 0;
        return look_up_is_wanted(t->engine, o) ? ask_look_up(t, o) : act(t, o);
}

static int looked_up(struct turn *t, struct open *o, enum rv_alert_state state, const char *words) {
        return state == RV_ALERT_ACTIVE ? act(t, o) : look_up_end(t, o, state, words);
}

static int expired(struct turn *t, struct open *o) {
        if (hold_is_over(o->i) && look_up_is_wanted(t->engine, o))
                return incident_move(t, o, RV_INCIDENT_DECLINED, RV_REASON_NOT_CONFIRMED,
                                     "Alertmanager did not say in time whether the alert is silenced");
        if (o->i->mode == RV_MODE_APPROVE)
                return incident_move(t, o, RV_INCIDENT_DECLINED, RV_REASON_APPROVAL_EXPIRED, NULL);
        o->i->released = o->i->suspects[0].commit.id;
        return hold_end(t, o);
}

const struct state state_holding = {
        .ask = ask,
        .looked_up = looked_up,
        .expired = expired,
        .verdict = clear_on_ok,
        .patience = patience,
};
