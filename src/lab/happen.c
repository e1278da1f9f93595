/* What the script's `alerts` and `events` are in its world. */
#include "lab/lab.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <string.h>

/* What a person or a sender is refused is part of the story. */
static int try(struct lab_world *w, const struct rv_event *event, const char *what) {
        int r = lab_world_handle(w, event);

        if (r == -EINVAL || r == -ENOENT || r == -EBUSY || r == -ENOBUFS)
                return lab_tell(w, "%s is refused: %s", what, w->err->text);
        return r;
}

static int alert(struct lab_world *w, const struct lab_event *e) {
        struct rv_alert one = {.labels = e->labels,
                               .firing = !e->resolved,
                               .starts_usec = e->starts_usec,
                               .ends_usec = e->resolved ? w->now_usec : 0};
        struct rv_alerts alerts = {.alert = &one, .n = 1};

        return try(w, &(struct rv_event){.kind = RV_EVENT_ALERTS, .alerts = &alerts}, "the alert");
}

/* The newest incident that is open and meant. */
static const char *find_open(const struct lab_world *w, const struct lab_event *e) {
        for (size_t k = w->n_seen; k-- > 0;) {
                const struct rv_incident *i = rv_engine_incident(w->engine, w->seen[k].id);
                if (i && lab_is_part(e->labels, i->labels) &&
                    (e->rule < 0 || (i->rule && strcmp(i->rule, w->script->config->rules[e->rule].name) == 0)))
                        return i->id;
        }
        return "none";
}

static int ask_person(struct lab_world *w, const struct lab_event *e) {
        return try(w,
                   &(struct rv_event){.kind = e->kind == LAB_APPROVE ? RV_EVENT_APPROVE : RV_EVENT_REJECT,
                                      .person = {.incident = find_open(w, e), .actor = "ana"}},
                   e->kind == LAB_APPROVE ? "approval" : "rejection");
}

static int settle_proposal(struct lab_world *w, const struct lab_event *e) {
        const struct rv_incident *i = rv_engine_incident(w->engine, find_open(w, e));
        bool is_merge = e->kind == LAB_MERGE;
        int repository = i ? rv_config_find_repository(w->script->config, i->repository) : -1;
        struct lab_proposal *proposal =
                repository >= 0 ? lab_proposal_find(&w->branch[repository], i->proposal.number) : NULL;

        if (!proposal || proposal->state != RV_PROPOSAL_OPEN)
                return lab_tell(w, "there is no pull request to %s", is_merge ? "merge" : "close");
        if (!is_merge)
                proposal->state = RV_PROPOSAL_CLOSED;
        else if (lab_proposal_merge(&w->branch[repository], proposal, w->now_usec) < 0)
                return rv_error_oom(w->err);
        return lab_tell(w, "the pull request is %s", rv_proposal_state_to_string(proposal->state));
}

static int revert_by_hand(struct lab_world *w, const struct lab_event *e) {
        bool is_restore = e->kind == LAB_RESTORE;
        const struct lab_commit *c = NULL;
        const char *revision;

        for (size_t i = 0; e->commit && i < w->script->n_commits; i++)
                if (strcmp(w->script->commit[i].name, e->commit) == 0)
                        c = &w->script->commit[i];
        if (e->commit && !c)
                return lab_tell(w, "revert by hand: no commit is called %s", e->commit);
        revision = c ? c->id.hex : NULL;
        return try(w,
                   &(struct rv_event){.kind = RV_EVENT_REVERT,
                                      .revert = {.repository = c ? c->repository : 0,
                                                 .rule = e->rule,
                                                 .labels = e->labels,
                                                 .revisions = &revision,
                                                 .n_revisions = c && !is_restore ? 1 : 0,
                                                 .to = is_restore ? revision : NULL,
                                                 .actor = "ana",
                                                 .force = e->force,
                                                 .dry_run = e->dry_run}},
                   is_restore ? "the restore by hand" : "the revert by hand");
}

int lab_world_happen(struct lab_world *w, const struct lab_event *e) {
        switch (e->kind) {
        case LAB_ALERT:
                return alert(w, e);
        case LAB_PAUSE:
        case LAB_RESUME:
                return try(w,
                           &(struct rv_event){
                                   .kind = e->kind == LAB_PAUSE ? RV_EVENT_PAUSE : RV_EVENT_RESUME,
                                   .pause = {.scope = e->scope, .actor = "ana", .duration_usec = e->duration_usec}},
                           "the pause");
        case LAB_APPROVE:
        case LAB_REJECT:
                return ask_person(w, e);
        case LAB_MERGE:
        case LAB_CLOSE:
                return settle_proposal(w, e);
        case LAB_REVERT:
        case LAB_RESTORE:
                return revert_by_hand(w, e);
        case LAB_RESTART:
                return lab_world_start(w);
        case LAB_GIT:
                for (size_t i = 0; i < w->script->config->n_repositories; i++)
                        w->branch[i].outcome = e->outcome;
                return 0;
        case LAB_LOSE_REVERT:
                for (size_t i = 0; i < w->script->config->n_repositories; i++)
                        lab_branch_lose_pushes(&w->branch[i]);
                return 0;
        case LAB_EVENT_MAX:
                break;
        }
        return 0;
}
