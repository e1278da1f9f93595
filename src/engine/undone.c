/* Verifying: whether somebody, or an automation, has brought back what the revert took away, or forced the branch to where
 * it is not. Then it proves nothing any more, and people are told at once instead of when the time for recovery is over. */
#include "core.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_at(const struct open *o, const struct rv_oid *id) {
        return strcmp(o->repository->head.hex, id->hex) == 0;
}

/* The head was read before the revert arrived. */
static bool is_outdated(const struct open *o) {
        return is_at(o, &o->i->plan->spec.base) && o->repository->synced_usec <= o->i->times.landed_usec;
}

/* Nothing has come since the revert, or since it was looked at last. */
static bool is_quiet(const struct open *o) {
        return is_at(o, rv_incident_revert(o->i)) || is_at(o, &o->looked) || is_outdated(o);
}

static int ask(struct turn *t, struct open *o, struct rv_git_request *request) {
        int64_t retry_usec = o->i->retry_usec;
        int r = ask_git(t, o, request);

        o->i->retry_usec = retry_usec; /* the metric is asked all the same */
        return r;
}

/* What came since the revert, itself among it. */
static int ask_history(struct turn *t, struct open *o) {
        struct rv_git_request *request = request_history(o, 0);

        if (!request)
                return -ENOMEM;
        if (asprintf(&request->revision, "%s~1", rv_incident_revert(o->i)->hex) < 0) {
                request->revision = NULL;
                rv_git_request_free(request);
                return -ENOMEM;
        }
        return ask(t, o, request);
}

/* Not on the first-parent line any more, which a merge does as well. */
static int ask_whether_lost(struct turn *t, struct open *o) {
        struct rv_git_request *request = request_new(RV_GIT_CHECK);

        if (!request)
                return -ENOMEM;
        request->commit = *rv_incident_revert(o->i);
        return ask(t, o, request);
}

int undone_look(struct turn *t, struct open *o) {
        if (o->is_over || o->i->state != RV_INCIDENT_VERIFYING || o->i->token > 0 || !o->i->plan || !o->repository ||
            is_quiet(o))
                return 0;
        return ask_history(t, o);
}

/* To revert it is of no use before that is done. */
void reapplied_put(FILE *f, const struct rv_repository_config *repository, const struct rv_commit *commit) {
        fprintf(f, "%.*s, by %s, brings back what %.*s had reverted", RV_OID_SHORT, commit->id.hex, commit->author_name,
                RV_OID_SHORT, commit->reapplies.hex);
        if (rv_is_image_update(repository, commit))
                fputs("; pin the version there, or suspend what writes it, before it is reverted once more", f);
        else
                fprintf(f,
                        ": the files are byte for byte as they were then; ask %s before it is reverted once more, and "
                        "where "
                        "that is an automation, pin the version there first",
                        commit->author_name);
}

static int describe(const struct turn *t, const struct open *o, const struct rv_commit *commit, char **ret) {
        size_t size;
        FILE *f = open_memstream(ret, &size);

        if (!f)
                return -ENOMEM;
        reapplied_put(f, repository_config(t->engine, o->repository), commit);
        if (fclose(f) == 0 && *ret)
                return 0;
        free(RV_TAKE(*ret));
        return -ENOMEM;
}

/* No answer is none: it is asked for again. */
int undone_answer(struct turn *t, struct open *o, const struct rv_git_reply *reply) {
        _cleanup_free_ char *detail = NULL;

        if (!reply)
                return 0;
        if (o->asked == RV_GIT_HISTORY && reply->outcome == RV_GIT_NOT_FOUND)
                return ask_whether_lost(t, o);
        if (o->asked == RV_GIT_CHECK && reply->outcome == RV_GIT_OK && !reply->contained) {
                if (o->is_missed)
                        return incident_move(t, o, RV_INCIDENT_FAILED, RV_REASON_REVERT_LOST, NULL);
                o->is_missed = true; /* a copy of the remote that lags may have answered: the next look tells */
                return 0;
        }
        o->is_missed = false;
        o->looked = reply->head;
        if (reply->outcome != RV_GIT_OK)
                return 0;
        for (size_t k = 0; k < reply->n_commits; k++)
                if (strcmp(reply->commits[k].reapplies.hex, rv_incident_revert(o->i)->hex) == 0) {
                        int r = describe(t, o, &reply->commits[k], &detail);

                        return r < 0 ? r : incident_move(t, o, RV_INCIDENT_UNRECOVERED, RV_REASON_REAPPLIED, detail);
                }
        return 0;
}
