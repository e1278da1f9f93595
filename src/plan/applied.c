#include "revertd/applied.h"

#include <stdlib.h>
#include <string.h>

void rv_applied_done(struct rv_applied *applied) {
        free(applied->words);
        *applied = (struct rv_applied){0};
}

bool rv_applied_is_at(const struct rv_applied *applied, const struct rv_oid *commit) {
        for (size_t i = 0; i < applied->n_revisions; i++)
                if (strcmp(applied->revision[i].hex, commit->hex) == 0)
                        return true;
        return false;
}

void rv_applied_add_revision(struct rv_applied *applied, const struct rv_oid *revision) {
        if (applied->n_revisions < RV_APPLIED_REVISIONS_MAX && !rv_applied_is_at(applied, revision))
                applied->revision[applied->n_revisions++] = *revision;
}

void rv_applied_add_deployment(struct rv_applied *applied, const struct rv_deployment *deployment) {
        if (applied->n_deployments == RV_DEPLOYMENTS_MAX)
                memmove(&applied->deployment[0], &applied->deployment[1],
                        --applied->n_deployments * sizeof(applied->deployment[0]));
        applied->deployment[applied->n_deployments++] = *deployment;
}
