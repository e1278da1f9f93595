/* Holding: the plan is complete and waits, for a person or for the rule's hold time. */
#include "core.h"

#include <string.h>

static bool is_released(const struct rv_incident *i) {
        return strcmp(i->released.hex, i->suspects[0].commit.id.hex) == 0;
}

static int64_t patience(const struct rv_engine *engine, const struct open *o) {
        const struct rv_rule_config *rule = rule_config(engine, o->rule);

        if (!rule)
                return 0;
        return o->i->mode == RV_MODE_APPROVE ? rule->approval_timeout_usec : rule->hold_usec;
}

/* What waited once for this culprit does not wait again when the branch moved under the push. */
int hold_or_act(struct turn *t, struct open *o) {
        struct rv_incident *i = o->i;
        int r;

        if (i->mode == RV_MODE_OBSERVE)
                return incident_move(t, o, RV_INCIDENT_DECLINED, RV_REASON_OBSERVE, NULL);
        if (i->by_hand || is_released(i) || (i->mode == RV_MODE_ENFORCE && patience(t->engine, o) == 0))
                return act(t, o);
        r = incident_move(t, o, RV_INCIDENT_HOLDING, RV_REASON_NONE, NULL);
        i->deadline_usec = t->now_usec + patience(t->engine, o);
        return r;
}

static int ask(struct turn *t, struct open *o) {
        (void)t;
        (void)o;
        return 0;
}

static int expired(struct turn *t, struct open *o) {
        if (o->i->mode == RV_MODE_APPROVE)
                return incident_move(t, o, RV_INCIDENT_DECLINED, RV_REASON_APPROVAL_EXPIRED, NULL);
        o->i->released = o->i->suspects[0].commit.id;
        return act(t, o);
}

const struct state state_holding = {
        .ask = ask,
        .expired = expired,
        .verdict = clear_on_ok,
        .patience = patience,
};
