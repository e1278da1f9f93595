/* The Git workers: what they answer, and the ways in which an answer, or what was asked for, is lost. */
#include "sim.h"

#include "revertd/cleanup.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct asked {
        char incident[RV_INCIDENT_ID_MAX];
        int repository;
        struct rv_git_request *request;
        struct rv_git_reply *reply; /* NULL: lost */
};

static char *must_print(const char *format, ...) RV_PRINTF(1, 2);
static char *must_print(const char *format, ...) {
        char *text;
        va_list args;
        va_start(args, format);
        SIM_MUST(vasprintf(&text, format, args));
        va_end(args);
        return text;
}

static void *must_alloc(size_t n, size_t size) {
        void *p = calloc(n + 1, size);
        SIM_MUST(p ? 0 : -1);
        return p;
}

static void asked_free(void *data) {
        struct asked *asked = data;
        rv_git_request_free(asked->request);
        rv_git_reply_free(asked->reply);
        free(asked);
}

/* -- Answers -- */

static void tell_commit(const struct branch *branch, const struct change *change, unsigned scope,
                        struct rv_commit *ret) {
        unsigned inside = change->apps & scope;
        const char *author = change->incident[0] ? "revertd" : author_names[change->author];
        *ret = (struct rv_commit){
                .id = change->id,
                .n_parents = 1,
                .author_name = must_print("%s", author),
                .author_email = must_print("%s@example.com", author),
                .subject = must_print("Change %.8s", change->id.hex),
                .author_usec = change->commit_usec,
                .commit_usec = change->commit_usec,
                .skip = change->skip,
                .incident = change->incident[0] ? must_print("%s", change->incident) : NULL,
                .paths = must_alloc(APPS, sizeof(char *)),
                .n_inside = (size_t)__builtin_popcount(inside),
                .n_outside = (size_t)__builtin_popcount(change->apps & ~scope),
        };
        for (int app = 0; app < APPS; app++)
                if (inside & (1u << app))
                        ret->paths[ret->n_paths++] = must_print("apps/%s/values.yaml", label_value(app));
        for (size_t i = 0; i < change->n_undoes && !change->incident[0]; i++)
                if (branch->change[change->undoes[i]].incident[0])
                        ret->reapplies = branch->change[change->undoes[i]].id;
        if (!change->says_so)
                return;
        ret->reverts = must_alloc(change->n_undoes, sizeof(*ret->reverts));
        for (; ret->n_reverts < change->n_undoes; ret->n_reverts++)
                ret->reverts[ret->n_reverts] = branch->change[change->undoes[ret->n_reverts]].id;
}

static void tell_fresh(const struct branch *branch, const struct rv_oid *known, struct rv_git_reply *reply) {
        ssize_t from = known->hex[0] ? branch_find(branch, known) : -1;
        if (from < 0)
                return;
        reply->fresh = must_alloc(branch->n, sizeof(*reply->fresh));
        for (size_t i = branch->n; i-- > (size_t)from + 1;)
                reply->fresh[reply->n_fresh++] = branch->change[i].id;
}

/* An id, its beginning, or the one before it as in a1b2~1. */
static ssize_t find_revision(const struct branch *branch, const char *revision) {
        size_t n = strcspn(revision, "~");
        for (size_t i = branch->n; i-- > 0;)
                if (strncmp(branch->change[i].id.hex, revision, n) == 0)
                        return (ssize_t)i - (revision[n] != '\0');
        return -1;
}

static void place_deployed(const struct branch *branch, const struct rv_git_request *request,
                           struct rv_git_reply *reply) {
        reply->above = must_alloc(request->n_deployed, sizeof(*reply->above));
        for (; reply->n_above < request->n_deployed; reply->n_above++) {
                ssize_t at = branch_find(branch, &request->deployed[reply->n_above]);
                size_t *above = &reply->above[reply->n_above];
                *above = at < 0 ? SIZE_MAX : 0;
                while (at >= 0 && *above < reply->n_commits && branch_find(branch, &reply->commits[*above].id) > at)
                        ++*above;
        }
}

static void answer_history(const struct branch *branch, const struct rv_git_request *request,
                           struct rv_git_reply *reply) {
        unsigned scope = scope_apps(request->scope, request->n_scope);
        ssize_t last = request->revision ? find_revision(branch, request->revision) : -1;
        tell_fresh(branch, &request->known, reply);
        if (last >= 0)
                reply->commit = branch->change[last].id;
        else if (request->revision) {
                reply->outcome = RV_GIT_NOT_FOUND;
                return;
        }
        reply->commits = must_alloc(branch->n, sizeof(*reply->commits));
        for (size_t i = branch->n; i-- > (size_t)(last + 1);) {
                const struct change *change = &branch->change[i];
                if (!request->revision && change->commit_usec < request->since_usec)
                        continue;
                reply->n_scanned++;
                if (change->apps & scope)
                        tell_commit(branch, change, scope, &reply->commits[reply->n_commits++]);
        }
        place_deployed(branch, request, reply);
}

static void answer_plan(struct sim *sim, int repository, const struct rv_git_request *request,
                        struct rv_git_reply *reply) {
        struct branch *branch = &sim->branch[repository];
        struct change made;
        reply->outcome = branch_plan(branch, &request->spec, &made);
        if (reply->outcome == RV_GIT_POLICY)
                check_refused(sim, &made);
        if (reply->outcome != RV_GIT_OK)
                return;
        reply->commit = made.id;
        reply->n_files = (size_t)__builtin_popcount(made.apps);
        const struct change *dependent = branch_dependent(branch, &request->spec);
        if (!dependent)
                return;
        reply->commits = must_alloc(1, sizeof(*reply->commits));
        tell_commit(branch, dependent, scope_apps(request->spec.scope, request->spec.n_scope), reply->commits);
        reply->n_commits = 1;
}

static void answer_push(struct sim *sim, int repository, const struct rv_git_request *request,
                        struct rv_git_reply *reply) {
        struct branch *branch = &sim->branch[repository];
        struct change made;
        if (sim->now_usec < sim->busy_until_usec || (!sim->is_calm && random_chance(sim, 5)))
                world_commit(sim, repository);
        if (branch_find(branch, &request->commit) >= 0) {
                reply->outcome = RV_GIT_ALREADY;
                return;
        }
        if (strcmp(request->spec.base.hex, branch_head(branch)->hex) != 0) {
                reply->outcome = RV_GIT_MOVED;
                return;
        }
        reply->outcome = branch_plan(branch, &request->spec, &made);
        if (reply->outcome != RV_GIT_OK)
                return;
        if (!sim->is_calm && random_chance(sim, 4)) {
                reply->outcome = RV_GIT_REFUSED;
                reply->message = must_print("protected branch");
                return;
        }
        check_pushed(sim, repository, request, &made);
        made.arrived_usec = sim->now_usec;
        branch_append(branch, &made);
        reply->commit = made.id;
}

static void answer_check(const struct branch *branch, const struct rv_git_request *request,
                         struct rv_git_reply *reply) {
        ssize_t at = branch_find(branch, &request->commit);
        reply->contained = at >= 0;
        for (size_t i = 0; at >= 0 && i < request->n_deployed; i++)
                reply->deployed |= branch_find(branch, &request->deployed[i]) >= at;
}

static void answer_show(const struct branch *branch, const struct rv_git_request *request, struct rv_git_reply *reply) {
        ssize_t i = find_revision(branch, request->revision);
        if (i < 0) {
                reply->outcome = RV_GIT_NOT_FOUND;
                return;
        }
        reply->commits = must_alloc(1, sizeof(*reply->commits));
        tell_commit(branch, &branch->change[i], (1u << APPS) - 1, reply->commits);
        reply->n_commits = 1;
}

struct rv_git_reply *worker_answer(struct sim *sim, int repository, const struct rv_git_request *request) {
        struct branch *branch = &sim->branch[repository];
        struct rv_git_reply *reply = must_alloc(1, sizeof(*reply));
        reply->outcome = RV_GIT_OK;
        switch (request->op) {
        case RV_GIT_SYNC:
                tell_fresh(branch, &request->known, reply);
                break;
        case RV_GIT_HISTORY:
                answer_history(branch, request, reply);
                break;
        case RV_GIT_PLAN:
                answer_plan(sim, repository, request, reply);
                break;
        case RV_GIT_PUSH:
                answer_push(sim, repository, request, reply);
                break;
        case RV_GIT_CHECK:
                answer_check(branch, request, reply);
                break;
        case RV_GIT_SHOW:
                answer_show(branch, request, reply);
                break;
        case RV_GIT_PROPOSE:
                forge_propose(sim, repository, request, reply);
                break;
        case RV_GIT_PROPOSAL:
                forge_tell(sim, repository, request, reply);
                break;
        case RV_GIT_OP_MAX:
                break;
        }
        reply->head = *branch_head(branch);
        return reply;
}

/* -- The way there and back -- */

static void arrive(struct sim *sim, struct task *task) {
        struct asked *asked = task->data;
        sim->me->answered = asked->incident;
        if (task->generation == sim->me->generation)
                shell_handle(sim, &(struct rv_event){.kind = RV_EVENT_GIT, .git = {task->token, asked->reply}});
        sim->me->answered = NULL;
        asked_free(asked);
}

static struct rv_git_reply *fail(enum rv_git_outcome outcome) {
        struct rv_git_reply *reply = must_alloc(1, sizeof(*reply));
        reply->outcome = outcome;
        reply->message = must_print("%s", rv_git_outcome_to_string(outcome));
        return reply;
}

static void work(struct sim *sim, struct task *task) {
        struct asked *asked = task->data;
        int64_t delay_usec = random_between(sim, 1, 500 * RV_USEC_PER_MSEC);
        int fate = sim->is_calm ? 100 : 99 - (int)random_between(sim, 0, 99);
        bool is_orphan = task->generation != sim->me->generation; /* the daemon died; its worker may have been faster */
        if (is_orphan && random_chance(sim, 50)) {
                asked_free(asked);
                return;
        }
        if (fate < 3)
                delay_usec = asked->request->timeout_usec; /* it never got there */
        else if (fate < 8)
                asked->reply = fail(RV_GIT_UNAVAILABLE);
        else if (fate < 9 || sim->now_usec < sim->broken_until_usec)
                asked->reply = fail(random_chance(sim, 10) ? RV_GIT_POLICY : RV_GIT_FAILED);
        else
                asked->reply = worker_answer(sim, asked->repository, asked->request);
        TRACE(sim, "worker r%d: %s: %s%s", asked->repository, rv_git_op_to_string(asked->request->op),
              asked->reply ? rv_git_outcome_to_string(asked->reply->outcome) : "lost", is_orphan ? " (orphan)" : "");
        if (fate >= 10 && fate < 15) { /* done, and the answer is lost */
                rv_git_reply_free(asked->reply);
                asked->reply = NULL;
                delay_usec = asked->request->timeout_usec;
                TRACE(sim, "the answer is lost");
        }
        if (is_orphan || (fate == 9 && random_chance(sim, 50))) { /* or nothing at all is ever heard of it */
                asked_free(asked);
                return;
        }
        unsigned generation = task->generation;
        uint64_t token = task->token;
        struct task *next = agenda_add(sim, sim->now_usec + delay_usec, arrive);
        next->generation = generation;
        next->token = token;
        next->data = asked;
        next->free_data = asked_free;
}

/* One request at a time. Takes the effect's request. */
void worker_ask(struct sim *sim, struct rv_effect *effect) {
        struct asked *asked = must_alloc(1, sizeof(*asked));
        memcpy(asked->incident, effect->incident, sizeof(asked->incident));
        asked->repository = (int)effect->repository;
        asked->request = RV_TAKE(effect->request);
        int64_t *free_usec = &sim->me->worker_free_usec[asked->repository];
        if (*free_usec < sim->now_usec)
                *free_usec = sim->now_usec;
        *free_usec += random_chance(sim, 20) ? random_between(sim, 0, 20 * RV_USEC_PER_SEC)
                                             : random_between(sim, 1, 100 * RV_USEC_PER_MSEC);
        struct task *task = agenda_add(sim, *free_usec, work);
        task->generation = sim->me->generation;
        task->token = effect->token;
        task->data = asked;
        task->free_data = asked_free;
}

/* -- The branch is looked at -- */

static void synced(struct sim *sim, struct task *task) {
        struct asked *asked = task->data;
        struct rv_event event = {.kind = RV_EVENT_SYNCED, .synced = {(size_t)asked->repository, asked->reply}};
        shell_handle(sim, &event);
        asked_free(asked);
}

void worker_poll(struct sim *sim, struct task *task) {
        int repository = task->a;
        int64_t poll_usec = sim->variant[sim->me->present]->repositories[repository].poll_usec;
        if (sim->me->engine && (sim->is_calm || !random_chance(sim, 5))) {
                struct asked *asked = must_alloc(1, sizeof(*asked));
                struct rv_git_request request = {.op = RV_GIT_SYNC,
                                                 .known = rv_engine_head(sim->me->engine, (size_t)repository)};
                asked->repository = repository;
                asked->reply = worker_answer(sim, repository, &request);
                struct task *next = agenda_add(sim, sim->now_usec + random_between(sim, 1, RV_USEC_PER_SEC), synced);
                next->data = asked;
                next->free_data = asked_free;
        }
        agenda_add(sim, sim->now_usec + poll_usec, worker_poll)->a = repository;
}
