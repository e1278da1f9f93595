/* Declining: what a guard has to say beyond its reason. */
#include "core.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ID_DIGITS = 10, DEPENDENTS_TOLD_MAX = 3 };

static void put_budget(const struct turn *t, const struct open *o, const char *repository, int budget, FILE *f) {
        int used = ledger_count(t->engine, repository, o->i->id, t->now_usec);
        int64_t free_usec = ledger_free_usec(t->engine, repository, o->i->id, budget, t->now_usec);
        char time[RV_TIME_TEXT_MAX];

        if (used < budget)
                return;
        fprintf(f, "%s%s%s: %d of %d pushes in 24 hours are used", ftell(f) > 0 ? "; " : "",
                repository ? "repository " : "all repositories together", repository ? repository : "", used, budget);
        if (free_usec > 0)
                fprintf(f, ", the next is free at %s", rv_time_format(free_usec, time));
}

/* Of two budgets, which one is used up, and until when. */
static int budget_detail(const struct turn *t, const struct open *o, char **ret) {
        size_t size;
        FILE *f = open_memstream(ret, &size);

        if (!f)
                return -ENOMEM;
        put_budget(t, o, o->i->repository, repository_config(t->engine, o->repository)->budget, f);
        put_budget(t, o, NULL, t->engine->config->budget, f);
        return fclose(f) == 0 && *ret ? 0 : -ENOMEM;
}

/* The first of the culprits that the guard is about. */
static const struct rv_commit *find_culprit(const struct turn *t, const struct open *o, enum rv_reason guard) {
        const struct rv_repository_config *repository = repository_config(t->engine, o->repository);

        for (size_t k = 0; k < n_culprits(t->engine, o); k++) {
                const struct rv_commit *commit = &o->i->suspects[k].commit;

                if (guard == RV_REASON_REAPPLIED ? commit->reapplies.hex[0] : rv_is_image_update(repository, commit))
                        return commit;
        }
        return NULL;
}

/* To revert it is of no use before that is done. */
int reapplied_detail(const struct rv_commit *commit, char **ret) {
        if (asprintf(ret,
                     "%.*s, by %s, brings back what %.*s had reverted; pin the version there, or suspend what writes "
                     "it, before it is reverted once more",
                     ID_DIGITS, commit->id.hex, commit->author_name, ID_DIGITS, commit->reapplies.hex) >= 0)
                return 0;
        *ret = NULL;
        return -ENOMEM;
}

static int image_updater_detail(const struct rv_commit *commit, char **ret) {
        if (asprintf(ret,
                     "%.*s is by %s, which would write the same image again; pin the version there, or suspend it, "
                     "before this is reverted by hand",
                     ID_DIGITS, commit->id.hex, commit->author_name) >= 0)
                return 0;
        *ret = NULL;
        return -ENOMEM;
}

static int culprit_detail(const struct turn *t, const struct open *o, enum rv_reason guard, char **ret) {
        const struct rv_commit *commit = find_culprit(t, o, guard);

        if (!commit)
                return 0;
        return guard == RV_REASON_REAPPLIED ? reapplied_detail(commit, ret) : image_updater_detail(commit, ret);
}

static int dependents_detail(const struct rv_plan *plan, char **ret) {
        size_t size;
        FILE *f = open_memstream(ret, &size);

        if (!f)
                return -ENOMEM;
        for (size_t k = 0; k < plan->n_dependents && k < DEPENDENTS_TOLD_MAX; k++) {
                const struct rv_commit *commit = &plan->dependents[k];

                fprintf(f, "%s%.*s (%s: %s) changed lines beside in %s", k > 0 ? "; " : "", ID_DIGITS, commit->id.hex,
                        commit->author_name, commit->subject, commit->n_paths > 0 ? commit->paths[0] : "a file");
        }
        if (plan->n_dependents > DEPENDENTS_TOLD_MAX)
                fprintf(f, "; and %zu more", plan->n_dependents - DEPENDENTS_TOLD_MAX);
        return fclose(f) == 0 && *ret ? 0 : -ENOMEM;
}

static int in_progress_detail(const struct turn *t, const struct open *o, char **ret) {
        const struct rv_incident *ahead = NULL;

        for (size_t k = 0; k < n_culprits(t->engine, o) && !ahead; k++)
                ahead = incident_ahead(t->engine, o, &o->i->suspects[k].commit.id);
        if (!ahead || asprintf(ret, "incident %s%s%s is %s", ahead->id, ahead->rule ? " of rule " : "",
                               ahead->rule ? ahead->rule : "", rv_incident_state_to_string(ahead->state)) >= 0)
                return 0;
        *ret = NULL;
        return -ENOMEM;
}

int incident_decline(struct turn *t, struct open *o, enum rv_reason guard) {
        _cleanup_free_ char *detail = NULL;
        int r = 0;

        if (guard == RV_REASON_BUDGET)
                r = budget_detail(t, o, &detail);
        else if (guard == RV_REASON_REAPPLIED || guard == RV_REASON_IMAGE_UPDATER)
                r = culprit_detail(t, o, guard, &detail);
        else if (guard == RV_REASON_DEPENDENTS)
                r = dependents_detail(o->i->plan, &detail);
        else if (guard == RV_REASON_IN_PROGRESS)
                r = in_progress_detail(t, o, &detail);
        else if (guard == RV_REASON_PAUSED)
                r = pause_detail(t, o, &detail);
        if (r < 0)
                return r;
        return incident_move(t, o, RV_INCIDENT_DECLINED, guard, detail);
}
