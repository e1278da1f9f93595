/* The pull requests of a branch. What is merged has an id of its own, as a merge, a squash or a rebase gives it. */
#include "lab/lab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct lab_proposal *lab_proposal_find(struct lab_branch *branch, uint64_t number) {
        return number > 0 && number <= branch->n_proposals ? &branch->proposal[number - 1] : NULL;
}

bool lab_proposal_tell(struct lab_branch *branch, uint64_t number, struct rv_git_reply *reply) {
        const struct lab_proposal *proposal = lab_proposal_find(branch, number);

        if (!proposal) {
                reply->outcome = RV_GIT_NOT_FOUND;
                return true;
        }
        reply->commit = proposal->commit;
        reply->proposal = (struct rv_proposal){.number = number, .state = proposal->state, .merged = proposal->merged};
        return asprintf(&reply->proposal.url, "https://forge.example.com/%llu", (unsigned long long)number) >= 0;
}

bool lab_proposal_open(struct lab_branch *branch, const struct rv_git_request *request, struct rv_git_reply *reply) {
        struct lab_proposal *grown;

        for (size_t i = 0; i < branch->n_proposals; i++)
                if (strcmp(branch->proposal[i].commit.hex, request->commit.hex) == 0)
                        return lab_proposal_tell(branch, i + 1, reply);
        grown = reallocarray(branch->proposal, branch->n_proposals + 1, sizeof(*grown));
        if (!grown)
                return false;
        branch->proposal = grown;
        grown[branch->n_proposals] = (struct lab_proposal){.commit = request->commit};
        if (rv_revert_spec_copy(&grown[branch->n_proposals].spec, &request->spec) < 0)
                return false;
        return lab_proposal_tell(branch, ++branch->n_proposals, reply);
}

int lab_proposal_merge(struct lab_branch *branch, struct lab_proposal *proposal, int64_t now_usec) {
        proposal->state = RV_PROPOSAL_MERGED;
        proposal->merged = proposal->commit;
        proposal->merged.hex[0] = proposal->commit.hex[0] == 'f' ? 'e' : 'f';
        return lab_branch_push(branch, &proposal->spec, &proposal->merged, now_usec);
}

void lab_proposals_done(struct lab_branch *branch) {
        for (size_t i = 0; i < branch->n_proposals; i++)
                rv_revert_spec_done(&branch->proposal[i].spec);
        free(branch->proposal);
}
