/* What an operator (Argo CD, Flux) says it has applied of an application. */
#pragma once

#include "revertd/gitwire.h"
#include "revertd/suspect.h"

enum {
        RV_APPLIED_REVISIONS_MAX = 8, /* of an application with several sources */
        RV_DEPLOYMENTS_MAX = 16,      /* the newest are kept */
};
_Static_assert(RV_APPLIED_REVISIONS_MAX + RV_DEPLOYMENTS_MAX <= RV_GIT_REVISIONS_MAX, "all fit a request");

/* A revision that was brought to the cluster, in whole or in part. Times are the operator's clock's; 0: not said. */
struct rv_deployment {
        struct rv_oid revision;
        int64_t started_usec, at_usec; /* at: when it was done */
};

struct rv_applied {
        struct rv_oid revision[RV_APPLIED_REVISIONS_MAX]; /* what the cluster is at, of each source that is Git */
        size_t n_revisions;                               /* 0: not said, or it is not as any revision would have it */
        bool is_settled;                                  /* all of it is applied and healthy, and nothing under way */
        char *words;                                      /* how it says things are, for people; never NULL */
        struct rv_deployment deployment[RV_DEPLOYMENTS_MAX]; /* oldest first */
        size_t n_deployments;
};
void rv_applied_done(struct rv_applied *applied);

bool rv_applied_is_at(const struct rv_applied *applied, const struct rv_oid *commit);
/* For parsers; the oldest goes where there is no more room. */
void rv_applied_add_revision(struct rv_applied *applied, const struct rv_oid *revision);
void rv_applied_add_deployment(struct rv_applied *applied, const struct rv_deployment *deployment);

/* All revisions that it names: those of the deployments, then those that the cluster is at. Returns how many. */
size_t rv_applied_list(const struct rv_applied *applied, struct rv_oid ret[static RV_GIT_REVISIONS_MAX]);

/* A commit of a history that was asked for with that list. */
struct rv_live_facts {
        const struct rv_applied *applied;
        const size_t *above; /* the answer's: of each of the list, how many commits of the history came after it */
        size_t n_above;
        const struct rv_commit *commit;
        size_t at;           /* its place in the history */
        struct rv_live seen; /* as the branch was seen */
        int64_t onset_usec, now_usec;
};
/* When it went live, by the operator's word where that tells; else as seen. Of one that was applied more than once: the
 * last time until the onset. */
struct rv_live rv_live_find(const struct rv_live_facts *facts);
