/* Pull requests, and the people who merge them, close them or let them lie. */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

static void tell(const struct proposal *proposal, uint64_t number, struct rv_git_reply *reply) {
        reply->commit = proposal->commit;
        reply->proposal = (struct rv_proposal){.number = number, .state = proposal->state, .merged = proposal->merged};
        SIM_MUST(asprintf(&reply->proposal.url, "https://forge/%llu", (unsigned long long)number));
}

/* On the head as it is now; what does not apply there stays open. As its own commit, or as another that says the same. */
static void merge(struct sim *sim, int repository, struct proposal *proposal) {
        struct branch *branch = &sim->branch[repository];
        struct rv_git_request request = {.op = RV_GIT_PROPOSE};
        struct change made;
        SIM_MUST(rv_revert_spec_copy(&request.spec, &proposal->spec));
        request.spec.base = *branch_head(branch);
        if (branch_plan(branch, &request.spec, &made) == RV_GIT_OK) {
                if (strcmp(proposal->spec.base.hex, request.spec.base.hex) != 0 || random_chance(sim, 50))
                        made.id.hex[0] = '\0';
                check_merged(sim, repository, &request, &made);
                made.arrived_usec = sim->now_usec;
                proposal->merged = branch_append(branch, &made)->id;
                proposal->state = RV_PROPOSAL_MERGED;
                TRACE(sim, "request %.8s is merged", proposal->commit.hex);
        }
        rv_revert_spec_done(&request.spec);
}

static void come_by(struct sim *sim, struct task *task) {
        struct proposal *proposal = &sim->branch[task->a].proposal[task->b];
        if (random_chance(sim, 60))
                merge(sim, task->a, proposal);
        else if (random_chance(sim, 60)) {
                proposal->state = RV_PROPOSAL_CLOSED;
                TRACE(sim, "request %.8s is closed", proposal->commit.hex);
        }
}

void forge_propose(struct sim *sim, int repository, const struct rv_git_request *request, struct rv_git_reply *reply) {
        struct branch *branch = &sim->branch[repository];
        struct change made;
        if (branch_find(branch, &request->commit) >= 0) {
                reply->outcome = RV_GIT_ALREADY;
                return;
        }
        for (size_t i = 0; i < branch->n_proposals; i++)
                if (strcmp(branch->proposal[i].commit.hex, request->commit.hex) == 0) {
                        tell(&branch->proposal[i], i + 1, reply);
                        return;
                }
        reply->outcome = branch_plan(branch, &request->spec, &made);
        if (reply->outcome == RV_GIT_OK &&
            (branch->n_proposals == PROPOSALS_MAX || (!sim->is_calm && random_chance(sim, 4))))
                reply->outcome = RV_GIT_REFUSED;
        if (reply->outcome != RV_GIT_OK)
                return;
        struct proposal *proposal = &branch->proposal[branch->n_proposals++];
        *proposal = (struct proposal){.commit = request->commit};
        SIM_MUST(rv_revert_spec_copy(&proposal->spec, &request->spec));
        sim->count.proposals++;
        tell(proposal, branch->n_proposals, reply);
        struct task *task = agenda_add(sim, sim->now_usec + random_delay(sim, RV_USEC_PER_HOUR / 2), come_by);
        task->a = repository;
        task->b = (int)branch->n_proposals - 1;
}

void forge_tell(struct sim *sim, int repository, const struct rv_git_request *request, struct rv_git_reply *reply) {
        struct branch *branch = &sim->branch[repository];
        if (request->number == 0 || request->number > branch->n_proposals)
                reply->outcome = RV_GIT_NOT_FOUND;
        else
                tell(&branch->proposal[request->number - 1], request->number, reply);
}

void forge_done(struct branch *branch) {
        for (size_t i = 0; i < branch->n_proposals; i++)
                rv_revert_spec_done(&branch->proposal[i].spec);
        branch->n_proposals = 0;
}
