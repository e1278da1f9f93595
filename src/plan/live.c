/* When a commit went live, by what the operator brought to the cluster one after the other. Where the commits of the
 * branch stand on one line, a revision holds all that lies below it. */
#include "revertd/applied.h"

#include <string.h>

size_t rv_applied_list(const struct rv_applied *applied, struct rv_oid ret[static RV_GIT_REVISIONS_MAX]) {
        size_t n = 0;

        for (size_t i = 0; i < applied->n_deployments; i++)
                ret[n++] = applied->deployment[i].revision;
        for (size_t i = 0; i < applied->n_revisions; i++)
                ret[n++] = applied->revision[i];
        return n;
}

static bool is_known(const struct rv_live_facts *facts, size_t k) {
        return k < facts->n_above && facts->above[k] != SIZE_MAX;
}

static bool holds(const struct rv_live_facts *facts, size_t k) {
        return is_known(facts, k) && facts->at >= facts->above[k];
}

static int64_t begun_usec(const struct rv_deployment *deployment) {
        return deployment->started_usec > 0 ? deployment->started_usec : deployment->at_usec;
}

/* The newest deployment until the onset that brought the commit, which the one before did not have; else the first after
 * it. Before the oldest that is known there may have been others: that one brought only what it is named by. */
static const struct rv_deployment *find(const struct rv_live_facts *facts) {
        const struct rv_deployment *found = NULL;
        bool had = false, is_first = true;

        for (size_t k = 0; k < facts->applied->n_deployments; k++) {
                const struct rv_deployment *deployment = &facts->applied->deployment[k];
                bool has = holds(facts, k);

                if (!is_known(facts, k))
                        continue;
                if (is_first)
                        had = has && strcmp(deployment->revision.hex, facts->commit->id.hex) != 0;
                if (has && !had && (!found || begun_usec(deployment) <= facts->onset_usec))
                        found = deployment;
                had = has;
                is_first = false;
        }
        return found;
}

/* What it brought last, and what the cluster is at, is all known, and has no such commit. */
static bool is_absent(const struct rv_live_facts *facts) {
        const struct rv_applied *applied = facts->applied;
        size_t n = applied->n_deployments + applied->n_revisions;

        for (size_t k = 0; k < n; k++)
                if (holds(facts, k) || (k + 1 >= applied->n_deployments && !is_known(facts, k)))
                        return false;
        return n > 0;
}

struct rv_live rv_live_find(const struct rv_live_facts *facts) {
        const struct rv_deployment *deployment = find(facts);
        struct rv_live live = {.observed = true, .applied = true};

        if (!deployment && is_absent(facts)) {
                live.seen_usec = facts->now_usec > facts->onset_usec ? facts->now_usec : facts->onset_usec + 1;
                live.not_before_usec = live.seen_usec;
                return live;
        }
        /* That it was applied before it was on the branch is another clock's word. */
        if (!deployment || deployment->at_usec < facts->seen.not_before_usec || deployment->at_usec > facts->now_usec)
                return facts->seen;
        live.seen_usec = deployment->at_usec;
        live.not_before_usec = facts->seen.not_before_usec;
        if (deployment->started_usec > live.not_before_usec && deployment->started_usec <= live.seen_usec)
                live.not_before_usec = deployment->started_usec;
        return live;
}
