/* The ledger of pushes. */
#include "members.h"

#include "revertd/json.h"

#include <errno.h>
#include <stdlib.h>

void rv_act_done(struct rv_act *act) {
        free(act->repository);
        free(act->scope);
        *act = (struct rv_act){0};
}

json_t *rv_act_to_json(const struct rv_act *act) {
        return json_pack("{s:s, s:s, s:s, s:I, s:s, s:s}", "incident", act->incident, "repository", act->repository,
                         "scope", act->scope, "at_usec", (json_int_t)act->at_usec, "culprit", act->culprit.hex,
                         "merged", act->merged.hex);
}

static int read_all(struct rv_act *act, const json_t *json, struct rv_error *err) {
        int r = json_get_id(json, "incident", act->incident, err);

        if (r == 0)
                r = json_get_text(json, "repository", &act->repository, err);
        if (r == 0)
                r = json_get_text(json, "scope", &act->scope, err);
        if (r == 0)
                r = json_get_oid(json, "culprit", &act->culprit, err);
        if (r == 0)
                r = json_get_oid(json, "merged", &act->merged, err);
        if (r < 0)
                return r;
        act->at_usec = rv_json_int(json, "at_usec", 0);
        if (!act->repository || !act->scope || act->at_usec <= 0)
                return rv_error_set(err, -EINVAL, "repository, scope or at_usec is missing");
        return 0;
}

int rv_act_from_json(struct rv_act *ret, const json_t *json, struct rv_error *err) {
        struct rv_act act = {0};
        int r = read_all(&act, json, err);

        if (r < 0) {
                rv_act_done(&act);
                return rv_error_prefix(err, r, "act");
        }
        *ret = act;
        return 0;
}
