/* What an operator (Argo CD, Flux) says it has applied of an application. */
#pragma once

#include "revertd/gitwire.h"

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
