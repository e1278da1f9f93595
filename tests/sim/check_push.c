/* The invariants of what reaches a branch: that it was meant, allowed, and arrives once. See check.c. */
#include "sim.h"

#include "revertd/json.h"

#include <string.h>

static bool is_on(const struct sim *sim, int which) {
        const struct paused *paused = &sim->me->paused[which];
        return paused->on && (paused->until_usec == 0 || sim->now_usec < paused->until_usec);
}

bool is_paused(const struct sim *sim, int rule, int repository) {
        return is_on(sim, PAUSE_ALL) || (rule >= 0 && is_on(sim, PAUSE_RULE + rule)) ||
               (repository >= 0 && is_on(sim, PAUSE_REPOSITORY + repository));
}

/* -- The intent: budget, pause, mode (3, 5) -- */

/* Those that arrived, and were intended in the 24 hours before this one was. */
static int count_before(const struct sim *sim, const struct observed *incident, int repository) {
        int n = 0;
        for (size_t i = 0; i < sim->me->n_pushed; i++) {
                const struct pushed *pushed = &sim->me->pushed[i];
                n += (repository < 0 || pushed->repository == repository) &&
                     pushed->intent_usec > incident->intent_usec - RV_USEC_PER_DAY &&
                     pushed->intent_usec <= incident->intent_usec && strcmp(pushed->incident, incident->id) != 0;
        }
        return n;
}

/* A person's --force goes over the budget. */
void check_budget(struct sim *sim, const struct observed *incident) {
        if (incident->pushed == 0 || (incident->by_hand && incident->force))
                return;
        if (count_before(sim, incident, incident->repository) >= incident->budget ||
            count_before(sim, incident, -1) >= incident->budget_all)
                sim_fail(sim, "5: incident %s goes over the budget", incident->id);
}

void check_intent(struct sim *sim, struct observed *incident, const struct rv_batch *batch) {
        bool has_act = false;
        for (size_t i = 0; i < batch->n; i++)
                has_act |= batch->write[i].kind == RV_RECORD_ACT && batch->write[i].value &&
                           strcmp(batch->write[i].key, incident->id) == 0;
        struct rv_record act;
        if (!has_act && rv_store_get(sim->me->store, RV_RECORD_ACT, incident->id, &act, NULL) == 0) {
                rv_record_done(&act);
                has_act = true;
        }
        if (!has_act)
                sim_fail(sim, "3: incident %s reverts without an entry in the ledger", incident->id);
        if (is_paused(sim, incident->rule, incident->repository))
                sim_fail(sim, "5: incident %s reverts while paused", incident->id);
        if (incident->mode == RV_MODE_OBSERVE)
                sim_fail(sim, "incident %s reverts, and should only observe", incident->id);
        if (incident->mode == RV_MODE_APPROVE && !incident->approved && !incident->by_hand)
                sim_fail(sim, "incident %s reverts, and nobody approved", incident->id);
        const struct rv_rule_config *rule = rule_present(sim, incident->rule);
        if (rule && rule->alertmanager >= 0 && !is_fed_by_events(sim, incident->rule) && !incident->by_hand &&
            incident->alert != RV_ALERT_ACTIVE)
                sim_fail(sim, "incident %s reverts, and its alert was not looked up, or is silenced", incident->id);
        incident->intent_usec = sim->now_usec;
        incident->budget = sim->variant[sim->me->present]->repositories[incident->repository].budget;
        incident->budget_all = sim->variant[sim->me->present]->budget;
}

/* -- A push is asked for: it is what was stored (3), nothing is paused (5), and it undoes nothing of ours (2) -- */

static void check_is_stored(struct sim *sim, const char *id, const struct rv_git_request *request) {
        struct rv_record record;
        if (rv_store_get(sim->me->store, RV_RECORD_INCIDENT, id, &record, NULL) < 0) {
                sim_fail(sim, "3: incident %s pushes and is not stored", id);
                return;
        }
        const json_t *plan = json_object_get(record.value, "plan");
        json_t *spec = rv_revert_spec_to_json(&request->spec);
        if (strcmp(rv_json_string(record.value, "state", ""), "reverting") != 0)
                sim_fail(sim, "3: incident %s pushes, and its intent is not stored", id);
        if (!json_equal(spec, json_object_get(plan, "spec")) ||
            strcmp(rv_json_string(plan, "commit", ""), request->commit.hex) != 0)
                sim_fail(sim, "3: incident %s pushes something else than its plan", id);
        json_decref(spec);
        rv_record_done(&record);
}

static bool undoes_ours(const struct branch *branch, const struct change *change) {
        for (size_t i = 0; i < change->n_undoes; i++)
                if (branch->change[change->undoes[i]].incident[0])
                        return true;
        return false;
}

/* By who made it: a repository may protect its people, and a rule leave image updaters alone, in each of the
 * configurations that there were. */
static bool is_left_to_people(struct sim *sim, const struct observed *incident, const struct change *culprit) {
        for (int variant = 0; variant < VARIANTS; variant++) {
                const struct rv_config *config = sim->variant[variant];
                const struct rv_repository_config *repository = &config->repositories[incident->repository];
                int rule = rv_config_find_rule(config, rule_names[incident->rule]);
                enum author updater = repository->image_updaters ? AUTHOR_ROBOT : AUTHOR_ARGOCD;
                bool is_protected = repository->protect_authors && culprit->author == AUTHOR_SRE;
                if (rule >= 0 && !is_protected &&
                    (culprit->author != updater || config->rules[rule].image_updates == RV_IMAGE_UPDATES_REVERT))
                        return false;
        }
        return true;
}

static void check_culprits(struct sim *sim, const struct observed *incident, const struct rv_git_request *request) {
        const struct branch *branch = &sim->branch[incident->repository];
        if (!incident->by_hand && branch_dependent(branch, &request->spec))
                sim_fail(sim, "incident %s reverts beside later changes", incident->id);
        for (size_t i = 0; i < request->spec.n_commits; i++) {
                ssize_t k = branch_find(branch, &request->spec.commits[i]);
                const struct change *culprit = k < 0 ? NULL : &branch->change[k];
                if (!culprit)
                        sim_fail(sim, "incident %s reverts what is not on the branch", incident->id);
                else if (!incident->by_hand && culprit->incident[0])
                        sim_fail(sim, "2: incident %s reverts a revert of ours", incident->id);
                else if (!incident->by_hand && (culprit->skip || (culprit->says_so && culprit->n_undoes > 0)))
                        sim_fail(sim, "incident %s reverts what it must leave alone", incident->id);
                else if (!incident->by_hand && is_left_to_people(sim, incident, culprit))
                        sim_fail(sim, "incident %s reverts what was made by whom it must leave alone", incident->id);
                else if (!incident->by_hand && undoes_ours(branch, culprit))
                        sim_fail(sim, "incident %s reverts what was reverted and came back", incident->id);
        }
}

void check_push_asked(struct sim *sim, const struct rv_effect *effect) {
        if (effect->request->op != RV_GIT_PUSH || sim->failure[0])
                return;
        struct observed *incident = observed_find(sim, effect->incident);
        if (!incident) {
                sim_fail(sim, "3: an incident that nobody knows pushes");
                return;
        }
        check_is_stored(sim, effect->incident, effect->request);
        check_culprits(sim, incident, effect->request);
        if (is_paused(sim, incident->rule, incident->repository))
                sim_fail(sim, "5: incident %s pushes while paused", incident->id);
}

/* Only what a person forces may bring back what a revert of ours took away; and every list is whole. */
void check_refused(struct sim *sim, const struct change *made) {
        const struct observed *incident = observed_find(sim, made->incident);
        if (!incident || !incident->force)
                sim_fail(sim, "7: the restore of incident %s is none that the worker may make", made->incident);
}

/* -- A push arrives: once (1), within the budget (5), within the scope (7) -- */

/* A plan without a scope is for rules that revert changes as a whole, in one of the configurations that there were. */
static bool may_go_beyond(struct sim *sim, int rule, const struct rv_git_request *request) {
        int present = sim->me->present;
        bool may = false;

        for (sim->me->present = 0; sim->me->present < VARIANTS; sim->me->present++) {
                const struct rv_rule_config *config = rule_present(sim, rule);
                may |= config && config->outside == RV_OUTSIDE_WHOLE && request->spec.n_scope == 0;
        }
        sim->me->present = present;
        return may;
}

static bool undoes_what_came_before(const struct branch *branch, const struct change *revert, int64_t usec) {
        for (size_t i = 0; i < revert->n_undoes; i++)
                if (branch->change[revert->undoes[i]].arrived_usec <= usec)
                        return true;
        return false;
}

/* Replicas do not know of each other's incidents: what one has reverted and the operator has not yet applied still
 * looks broken to the other. It must not go on to the commit below. */
static bool goes_below(const struct change *made, size_t i) {
        for (size_t k = 0; k < made->n_undoes; k++)
                if (made->undoes[k] < i)
                        return true;
        return false;
}

static void check_goes_no_deeper(struct sim *sim, const struct observed *incident, const struct branch *branch,
                                 const struct change *made) {
        /* Its onset may be by another clock than the world's. What is reverted as a whole is asked about by its scope. */
        if (incident->by_hand || sim->me->was_set || incident->set < 0 || incident->set >= APPS)
                return;
        for (size_t i = branch->deployed; i < branch->n; i++) {
                const struct change *waiting = &branch->change[i];
                if (waiting->commit_usec < waiting->arrived_usec - RV_USEC_PER_DAY)
                        continue; /* the other's clock was far behind: it lies before all that is looked at */
                if (strcmp(waiting->incident, incident->after) == 0)
                        continue; /* without an operator's word it counts as applied: see check_applied() */
                if (waiting->incident[0] && goes_below(made, i) &&
                    (waiting->apps & made->apps & (1u << incident->set)) &&
                    undoes_what_came_before(branch, waiting, incident->onset_usec))
                        sim_fail(sim, "1: incident %s goes on below %.8s, which is not applied yet", incident->id,
                                 waiting->id.hex);
        }
}

/* NULL: it failed. */
static struct observed *check_revert(struct sim *sim, int repository, const struct rv_git_request *request,
                                     const struct change *made) {
        struct observed *incident = observed_find(sim, made->incident);
        if (!incident || incident->repository != repository) {
                sim_fail(sim, "7: a push of no incident of this repository");
                return NULL;
        }
        TRACE(sim, "incident %.4s: pushed %.8s", incident->id, made->id.hex);
        sim->count.pushes++;
        sim->count.restores += request->spec.restore.hex[0] != '\0';
        if (++incident->pushed > 1)
                sim_fail(sim, "1: incident %s reverted twice", incident->id);
        if (incident->set >= 0 && incident->set < APPS && !incident->by_hand &&
            !may_go_beyond(sim, incident->rule, request) && (made->apps & ~(1u << incident->set)))
                sim_fail(sim, "7: incident %s changes more than its scope", incident->id);
        if (made->apps & ~scope_apps(request->spec.scope, request->spec.n_scope))
                sim_fail(sim, "7: incident %s changes more than its plan", incident->id);
        return incident;
}

/* When, and whatever else is going on, is for who merges it. */
void check_merged(struct sim *sim, int repository, const struct rv_git_request *request, const struct change *made) {
        if (check_revert(sim, repository, request, made))
                sim->count.merges++;
}

void check_pushed(struct sim *sim, int repository, const struct rv_git_request *request, const struct change *made) {
        struct observed *incident = check_revert(sim, repository, request, made);
        if (!incident)
                return;
        if (incident->mode == RV_MODE_PROPOSE)
                sim_fail(sim, "incident %s pushes, and should only propose", incident->id);
        check_goes_no_deeper(sim, incident, &sim->branch[repository], made);
        check_budget(sim, incident);
        if (sim->me->n_pushed < PUSHES_MAX) {
                struct pushed *pushed = &sim->me->pushed[sim->me->n_pushed++];
                *pushed = (struct pushed){.repository = repository, .intent_usec = incident->intent_usec};
                memcpy(pushed->incident, incident->id, sizeof(pushed->incident));
        }
}
