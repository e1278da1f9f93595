/* The audit record. */
#include "members.h"

#include "revertd/json.h"

#include <errno.h>
#include <stdlib.h>

void rv_transition_done(struct rv_transition *transition) {
        free(transition->actor);
        free(transition->detail);
        *transition = (struct rv_transition){0};
}

json_t *rv_transition_to_json(const struct rv_transition *t) {
        return json_pack("{s:s, s:i, s:s, s:s, s:s, s:I, s:s?, s:s?}", "incident", t->incident, "number",
                         (int)t->number, "from", rv_incident_state_to_string(t->from), "to",
                         rv_incident_state_to_string(t->to), "reason", rv_reason_to_string(t->reason), "at_usec",
                         (json_int_t)t->at_usec, "actor", t->actor, "detail", t->detail);
}

static int read_all(struct rv_transition *t, const json_t *json, struct rv_error *err) {
        int r = json_get_id(json, "incident", t->incident, err);

        if (r == 0)
                r = json_get_unsigned(json, "number", &t->number, err);
        if (r < 0)
                return r;
        if (rv_incident_state_from_string(rv_json_string(json, "from", ""), &t->from) < 0 ||
            rv_incident_state_from_string(rv_json_string(json, "to", ""), &t->to) < 0)
                return rv_error_set(err, -EINVAL, "unknown state");
        if (rv_reason_from_string(rv_json_string(json, "reason", ""), &t->reason) < 0)
                return rv_error_set(err, -EINVAL, "unknown reason");
        t->at_usec = rv_json_int(json, "at_usec", 0);
        r = json_get_text(json, "actor", &t->actor, err);
        return r < 0 ? r : json_get_text(json, "detail", &t->detail, err);
}

int rv_transition_from_json(struct rv_transition *ret, const json_t *json, struct rv_error *err) {
        struct rv_transition t = {0};
        int r = read_all(&t, json, err);

        if (r < 0) {
                rv_transition_done(&t);
                return rv_error_prefix(err, r, "transition");
        }
        *ret = t;
        return 0;
}
