#include "gitwire/wire.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <string.h>

static const char *const state_names[RV_PROPOSAL_STATE_MAX] = {
        [RV_PROPOSAL_OPEN] = "open",
        [RV_PROPOSAL_MERGED] = "merged",
        [RV_PROPOSAL_CLOSED] = "closed",
};

const char *rv_proposal_state_to_string(enum rv_proposal_state state) {
        return state < RV_PROPOSAL_STATE_MAX ? state_names[state] : "unknown";
}

static int state_from_string(const char *s, enum rv_proposal_state *ret) {
        for (unsigned i = 0; s && i < RV_PROPOSAL_STATE_MAX; i++)
                if (strcmp(state_names[i], s) == 0) {
                        *ret = i;
                        return 0;
                }
        return -EINVAL;
}

void rv_proposal_done(struct rv_proposal *proposal) {
        free(proposal->url);
        *proposal = (struct rv_proposal){};
}

json_t *rv_proposal_to_json(const struct rv_proposal *proposal) {
        _cleanup_json_ json_t *json = json_object();
        int r = 0;

        r |= wire_set_int(json, "number", (int64_t)proposal->number);
        r |= wire_set_string(json, "url", proposal->url);
        r |= wire_set_string(json, "state", rv_proposal_state_to_string(proposal->state));
        r |= wire_set_oid(json, "merged", &proposal->merged);
        return r < 0 ? NULL : RV_TAKE(json);
}

static int read_proposal(struct rv_proposal *proposal, const json_t *json, struct rv_error *err) {
        size_t number = 0;
        int r;

        if (!json_is_object(json))
                return rv_error_set(err, -EINVAL, "not an object");
        if ((r = wire_get_size(json, "number", &number, err)) < 0 ||
            (r = wire_get_string(json, "url", &proposal->url, err)) < 0 ||
            (r = wire_get_oid(json, "merged", &proposal->merged, err)) < 0)
                return r;
        if (state_from_string(rv_json_string(json, "state", NULL), &proposal->state) < 0)
                return rv_error_set(err, -EINVAL, "\"state\": no such state");
        if (number == 0)
                return rv_error_set(err, -EINVAL, "\"number\": none");
        if (proposal->state == RV_PROPOSAL_MERGED && !proposal->merged.hex[0])
                return rv_error_set(err, -EINVAL, "merged, and no \"merged\"");
        proposal->number = number;
        return 0;
}

int rv_proposal_from_json(struct rv_proposal *ret, const json_t *json, struct rv_error *err) {
        struct rv_proposal proposal = {};
        int r;

        r = read_proposal(&proposal, json, err);
        if (r < 0) {
                rv_proposal_done(&proposal);
                return rv_error_prefix(err, r, "proposal");
        }
        *ret = proposal;
        return 0;
}
