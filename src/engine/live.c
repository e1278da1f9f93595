/* When commits went live: as the operator says, where it was asked and knows; else as they were seen on the branch. */
#include "core.h"

#include <errno.h>
#include <stdlib.h>

void live_note(struct open *o, const struct rv_applied *applied) {
        o->has_applied = applied != NULL;
        if (!applied)
                return;
        o->applied = *applied;
        o->applied.words = NULL; /* lent */
}

int live_request(const struct open *o, struct rv_git_request *request) {
        if (!o->has_applied)
                return 0;
        request->deployed = calloc(RV_GIT_REVISIONS_MAX, sizeof(*request->deployed));
        if (!request->deployed)
                return -ENOMEM;
        request->n_deployed = rv_applied_list(&o->applied, request->deployed);
        return 0;
}

struct rv_live live_of(const struct rv_commit *commit, void *userdata) {
        const struct live *live = userdata;
        const struct open *o = live->o;
        struct rv_live seen = history_live(commit, o->repository);

        if (!o->has_applied)
                return seen;
        return rv_live_find(&(struct rv_live_facts){
                .applied = &o->applied,
                .above = live->reply->above,
                .n_above = live->reply->n_above,
                .commit = commit,
                .at = (size_t)(commit - live->reply->commits),
                .seen = seen,
                .onset_usec = o->i->times.onset_usec,
                .now_usec = live->now_usec,
        });
}
