/* Looking up what Alertmanager makes of an alert: one that is silenced or inhibited leads to nothing. In doubt nothing
 * is done either. */
#include "core.h"

#include <errno.h>

bool look_up_is_wanted(const struct rv_engine *engine, const struct open *o) {
        const struct rv_rule_config *rule = rule_config(engine, o->rule);

        return rule && rule->alertmanager >= 0 && !o->i->by_hand && !(o->series && o->series->is_unlisted);
}

int look_up_end(struct turn *t, struct open *o, enum rv_alert_state state, const char *words) {
        switch (state) {
        case RV_ALERT_SILENCED:
                return incident_move(t, o, RV_INCIDENT_DECLINED, RV_REASON_SILENCED, words);
        case RV_ALERT_INHIBITED:
                return incident_move(t, o, RV_INCIDENT_DECLINED, RV_REASON_INHIBITED, words);
        default:
                return incident_move(t, o, RV_INCIDENT_DECLINED, RV_REASON_NOT_CONFIRMED,
                                     "Alertmanager does not have the alert any more");
        }
}
