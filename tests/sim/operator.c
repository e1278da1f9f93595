/* The operator: it deploys what is on a branch, after a while, or not at all while it is stuck; and what it says of that
 * when it is asked, which may be late, something else, or nothing. */
#include "sim.h"

#include "revertd/applied.h"

#include <stdlib.h>
#include <string.h>

static bool is_stuck(const struct sim *sim, int repository) {
        return sim->now_usec < sim->stuck_until_usec[repository];
}

void operator_deploy(struct sim *sim, struct task *task) {
        int repository = task->a;
        struct branch *branch = &sim->branch[repository];
        if (branch->deployed < branch->n && !is_stuck(sim, repository))
                branch_deploy(branch, sim->now_usec);
        agenda_add(sim, sim->now_usec + random_delay(sim, 30 * RV_USEC_PER_SEC), operator_deploy)->a = repository;
}

/* Whether the first n commits have the incident's revert among them. */
static bool holds_revert(const struct branch *branch, size_t n, const char *incident) {
        for (size_t i = 0; i < n; i++)
                if (strcmp(branch->change[i].incident, incident) == 0)
                        return true;
        return false;
}

/* What was deployed together has one time; the newest of it is the revision. */
static void tell_deployments(const struct branch *branch, struct rv_applied *ret) {
        for (size_t i = 0; i < branch->deployed; i++) {
                const struct change *change = &branch->change[i];
                if (i + 1 < branch->deployed && branch->change[i + 1].deployed_usec == change->deployed_usec)
                        continue;
                rv_applied_add_deployment(
                        ret, &(struct rv_deployment){change->id, change->deployed_usec, change->deployed_usec});
        }
}

/* Whether there is an answer. */
static bool say(struct sim *sim, const struct observed *incident, struct rv_applied *ret, bool *ret_is_applied) {
        static const struct rv_oid elsewhere = {"ffffffffffffffffffffffffffffffffffffffff"};
        const struct branch *branch = &sim->branch[incident->repository];
        int fate = sim->is_calm ? 100 : 99 - (int)random_between(sim, 0, 99);
        *ret = (struct rv_applied){.words = (char *)"Synced"};
        *ret_is_applied = false;
        if (fate < 5)
                return false;
        rv_applied_add_revision(ret, fate < 10 ? &elsewhere : &branch->change[branch->deployed - 1].id);
        tell_deployments(branch, ret);
        ret->is_settled = (fate < 10 || fate >= 15) && !is_stuck(sim, incident->repository);
        *ret_is_applied = ret->is_settled && fate >= 10 && holds_revert(branch, branch->deployed, incident->id);
        return true;
}

static void answer(struct sim *sim, struct task *task) {
        char *id = task->data;
        if (task->generation == sim->me->generation) {
                struct observed *incident = observed_find(sim, id);
                struct rv_applied applied;
                bool before = incident->is_applied, is_applied;
                bool is_there = say(sim, incident, &applied, &is_applied);
                struct rv_event event = {
                        .kind = RV_EVENT_APPLIED,
                        .applied = {task->token, is_there ? &applied : NULL, is_there ? NULL : "status 503"}};
                incident->is_applied = is_applied;
                sim->me->answered = id;
                TRACE(sim, "operator: %s, %s%s", is_there ? applied.revision[0].hex : "no answer",
                      is_there && applied.is_settled ? "settled" : "not settled",
                      is_applied ? ", with the revert" : "");
                if (!was_taken(shell_handle(sim, &event)))
                        incident->is_applied = before;
                sim->me->answered = NULL;
        }
        free(id);
}

void operator_ask(struct sim *sim, const struct rv_effect *effect) {
        if (!sim->is_calm && random_chance(sim, 2)) /* never answered */
                return;
        int64_t delay_usec = random_chance(sim, 10) ? random_between(sim, 1, RV_USEC_PER_MINUTE)
                                                    : random_between(sim, 1, 2 * RV_USEC_PER_SEC);
        struct task *task = agenda_add(sim, sim->now_usec + delay_usec, answer);
        task->generation = sim->me->generation;
        task->token = effect->token;
        task->data = strdup(effect->incident);
        task->free_data = free;
        SIM_MUST(task->data ? 0 : -1);
}
