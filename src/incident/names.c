/* The words for states and reasons. */
#include "revertd/incident.h"

#include <errno.h>
#include <string.h>

static const struct {
        const char *name;
        bool is_end;
} states[] = {
#define X(name, str, end, doc) [RV_INCIDENT_##name] = {str, end},
        RV_INCIDENT_STATES(X)
#undef X
};

static const struct {
        const char *name, *text;
} reasons[] = {
#define X(name, str, doc) [RV_REASON_##name] = {str, doc},
        RV_REASONS(X)
#undef X
};

const char *rv_incident_state_to_string(enum rv_incident_state state) {
        return state < RV_INCIDENT_STATE_MAX ? states[state].name : "unknown";
}

int rv_incident_state_from_string(const char *s, enum rv_incident_state *ret) {
        for (unsigned i = 0; i < RV_INCIDENT_STATE_MAX; i++)
                if (strcmp(s, states[i].name) == 0) {
                        *ret = i;
                        return 0;
                }
        return -EINVAL;
}

bool rv_incident_state_is_end(enum rv_incident_state state) {
        return state < RV_INCIDENT_STATE_MAX && states[state].is_end;
}

const char *rv_reason_to_string(enum rv_reason reason) {
        return reason < RV_REASON_MAX ? reasons[reason].name : "unknown";
}

const char *rv_reason_explain(enum rv_reason reason) {
        return reason < RV_REASON_MAX ? reasons[reason].text : "";
}

int rv_reason_from_string(const char *s, enum rv_reason *ret) {
        for (unsigned i = 0; i < RV_REASON_MAX; i++)
                if (strcmp(s, reasons[i].name) == 0) {
                        *ret = i;
                        return 0;
                }
        return -EINVAL;
}
