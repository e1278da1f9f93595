/* Reverts that would have been pushed lie on the branch beside what people really did; the worker computes each on what
 * was there in reality. */
#include "lab/past.h"

#include "lab/line.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct past {
        const struct rv_backtest *backtest;
        struct line *line; /* by repository */
};

int past_new(struct past **ret, const struct rv_backtest *backtest, struct rv_error *err) {
        struct past *past = calloc(1, sizeof(*past));
        int r = 0;

        if (!past || !(past->line = calloc(backtest->config->n_repositories + 1, sizeof(*past->line)))) {
                free(past);
                return rv_error_oom(err);
        }
        past->backtest = backtest;
        for (size_t i = 0; r == 0 && i < backtest->config->n_rules; i++)
                if (backtest->rules[i] && !past->line[backtest->config->rules[i].repository].all)
                        r = line_read(&past->line[backtest->config->rules[i].repository], backtest,
                                      (size_t)backtest->config->rules[i].repository, err);
        if (r < 0) {
                past_free(past);
                return r;
        }
        *ret = past;
        return 0;
}

struct past *past_free(struct past *past) {
        for (size_t i = 0; past && i < past->backtest->config->n_repositories; i++)
                line_done(&past->line[i]);
        if (past)
                free(past->line);
        free(past);
        return NULL;
}

const struct rv_commit *past_undone(const struct past *past, size_t repository, const char *hex) {
        const struct rv_git_reply *all = past->line[repository].all;

        for (size_t i = 0; all && i < all->n_commits; i++)
                for (size_t k = 0; k < all->commits[i].n_reverts; k++)
                        if (strcmp(all->commits[i].reverts[k].hex, hex) == 0)
                                return &all->commits[i];
        return NULL;
}

/* -- answers -- */

static const struct rv_oid *real_head(const struct line *line, int64_t now_usec) {
        static const struct rv_oid none;

        for (size_t i = 0; i < line->all->n_commits; i++)
                if (line->arrived_usec[i] <= now_usec)
                        return &line->all->commits[i].id;
        return &none;
}

/* Newest first, both kinds by the time at which they came; ends at `known`. */
static int fill_heads(const struct line *line, const char *known, int64_t now_usec, struct rv_git_reply *reply) {
        size_t i = 0, k = line->n_made, capacity = line->n_made + 1;

        while (i < line->all->n_commits && line->arrived_usec[i] > now_usec)
                i++;
        for (size_t at = i; at < line->all->n_commits; at++, capacity++)
                if (*known && strcmp(line->all->commits[at].id.hex, known) == 0)
                        break;
        reply->fresh = calloc(capacity, sizeof(*reply->fresh));
        if (!reply->fresh)
                return -ENOMEM;
        while (i < line->all->n_commits || k > 0) {
                bool is_made =
                        k > 0 && (i == line->all->n_commits || line->made[k - 1].at_usec >= line->arrived_usec[i]);
                const struct rv_oid *id = is_made ? &line->made[--k].id : &line->all->commits[i++].id;

                if (!*reply->head.hex)
                        reply->head = *id;
                if (!*known || strcmp(id->hex, known) == 0 || reply->n_fresh == capacity)
                        break;
                reply->fresh[reply->n_fresh++] = *id;
        }
        return 0;
}

static int add_made(const struct made *made, struct rv_git_reply *reply, struct rv_error *err) {
        struct rv_commit commit = {.id = made->id,
                                   .n_parents = 1,
                                   .author_name = (char *)"revertd",
                                   .author_email = (char *)"",
                                   .subject = (char *)"Revert (would have been)",
                                   .author_usec = made->at_usec,
                                   .commit_usec = made->at_usec,
                                   .incident = (char *)"0000000000000000",
                                   .reverts = made->spec.commits,
                                   .n_reverts = made->spec.n_commits,
                                   .n_inside = 1};
        int r = rv_commit_copy(&reply->commits[reply->n_commits], &commit);

        reply->n_commits += r == 0;
        return r < 0 ? rv_error_oom(err) : 0;
}

/* Only where it undoes something of the scope: a revert of one app is no suspect for another. */
static bool is_in_scope(const struct made *made, const struct scoped *s) {
        for (size_t k = 0; k < made->spec.n_commits; k++)
                for (size_t i = 0; i < s->reply->n_commits; i++)
                        if (strcmp(made->spec.commits[k].hex, s->reply->commits[i].id.hex) == 0)
                                return true;
        return false;
}

/* Where a revision (an id, or one with ~1 for the commit before it) stands among all; n_commits: nowhere, as a revert
 * that would have been pushed. */
static size_t find_revision(const struct line *line, const char *revision) {
        size_t n = strcspn(revision, "~"), at = 0;

        while (at < line->all->n_commits && strncmp(line->all->commits[at].id.hex, revision, n) != 0)
                at++;
        return at < line->all->n_commits && revision[n] ? at + 1 : at;
}

/* A copy of what the engine asks, of the branch as it is today: what it has of that time. */
static int ask_values(const struct past *past, size_t repository, const struct rv_git_request *request,
                      struct rv_git_reply **ret, struct rv_error *err) {
        _cleanup_free_ char *text = NULL;
        struct rv_git_request *copy = NULL;
        int r = rv_git_request_encode(request, &text);

        if (r == 0)
                r = rv_git_request_decode(&copy, text, strlen(text), err);
        if (r < 0)
                return rv_error_oom(err);
        copy->known = (struct rv_oid){0};
        copy->max_touching = 0;
        return past->backtest->git(past->backtest->userdata, repository, copy, ret, err);
}

static int take_values(const struct past *past, size_t repository, const struct rv_git_request *request,
                       struct rv_git_reply *reply, struct rv_error *err) {
        struct rv_git_reply *found = NULL;
        int r = ask_values(past, repository, request, &found, err);

        for (size_t k = 0; r == 0 && k < found->n_commits; k++)
                for (size_t i = 0; found->commits[k].n_values > 0 && i < reply->n_commits; i++)
                        if (strcmp(found->commits[k].id.hex, reply->commits[i].id.hex) == 0) {
                                reply->commits[i].values = RV_TAKE(found->commits[k].values);
                                reply->commits[i].n_values = found->commits[k].n_values;
                                found->commits[k].n_values = 0;
                        }
        if (r == 0)
                rv_git_reply_free(found);
        return r;
}

static int answer_history(struct past *past, size_t repository, const struct rv_git_request *request, int64_t now_usec,
                          struct rv_git_reply *reply, struct rv_error *err) {
        struct line *line = &past->line[repository];
        size_t last = request->revision ? find_revision(line, request->revision) : SIZE_MAX;
        const struct scoped *s = NULL;
        int r = line_find_scoped(line, past->backtest, repository, request, &s, err);

        if (r < 0)
                return r;
        if (request->revision && last >= line->all->n_commits) {
                reply->outcome = RV_GIT_NOT_FOUND;
                return (reply->message = strdup("it is not among the commits that were really made"))
                               ? 0
                               : rv_error_oom(err);
        }
        int64_t last_usec = request->revision ? line->arrived_usec[last] : 0;
        if (request->revision)
                reply->commit = line->all->commits[last].id;
        reply->commits = calloc(s->reply->n_commits + line->n_made + 1, sizeof(*reply->commits));
        if (!reply->commits)
                return rv_error_oom(err);
        size_t k = line->n_made;
        for (size_t i = 0; r == 0 && i < s->reply->n_commits && !reply->truncated; i++) {
                if (s->arrived_usec[i] > now_usec || (!request->revision && s->arrived_usec[i] < request->since_usec))
                        continue;
                for (; r == 0 && k > 0 && line->made[k - 1].at_usec >= s->arrived_usec[i] &&
                       line->made[k - 1].at_usec >= last_usec;
                     k--)
                        if (is_in_scope(&line->made[k - 1], s))
                                r = add_made(&line->made[k - 1], reply, err);
                if (s->place[i] >= last)
                        break;
                if (r == 0 && rv_commit_copy(&reply->commits[reply->n_commits], &s->reply->commits[i]) < 0)
                        r = rv_error_oom(err);
                reply->n_commits += r == 0;
                reply->truncated = request->max_touching > 0 && reply->n_commits >= request->max_touching;
        }
        if (r == 0 && request->n_values > 0)
                r = take_values(past, repository, request, reply, err);
        return r;
}

/* What would have been pushed is not there to be undone. */
static void leave_out_made(const struct line *line, struct rv_revert_spec *spec) {
        size_t n = 0;

        for (size_t i = 0; i < spec->n_commits; i++) {
                bool is_made = false;

                for (size_t k = 0; k < line->n_made; k++)
                        is_made |= strcmp(line->made[k].id.hex, spec->commits[i].hex) == 0;
                if (!is_made)
                        spec->commits[n++] = spec->commits[i];
        }
        spec->n_commits = n;
}

static int ask_plan(struct past *past, size_t repository, const struct rv_git_request *request, int64_t now_usec,
                    struct rv_git_reply **ret, struct rv_error *err) {
        struct rv_git_request *copy = calloc(1, sizeof(*copy));

        if (!copy || rv_revert_spec_copy(&copy->spec, &request->spec) < 0) {
                rv_git_request_free(copy);
                return rv_error_oom(err);
        }
        copy->op = RV_GIT_PLAN;
        copy->want_diff = request->want_diff;
        if (copy->spec.restore.hex[0])
                leave_out_made(&past->line[repository], &copy->spec);
        copy->spec.base = *real_head(&past->line[repository], now_usec);
        return past->backtest->git(past->backtest->userdata, repository, copy, ret, err);
}

int past_answer(struct past *past, size_t repository, const struct rv_git_request *request, int64_t now_usec,
                struct rv_git_reply **ret, struct rv_error *err) {
        struct line *line = &past->line[repository];
        struct rv_git_reply *reply = NULL;
        int r = 0;

        if (!line->all) /* of no rule that takes part */
                return (*ret = calloc(1, sizeof(**ret))) ? 0 : rv_error_oom(err);
        if (request->op == RV_GIT_PLAN)
                r = ask_plan(past, repository, request, now_usec, &reply, err);
        else if (!(reply = calloc(1, sizeof(*reply))))
                r = rv_error_oom(err);
        else if (request->op == RV_GIT_HISTORY)
                r = answer_history(past, repository, request, now_usec, reply, err);
        else if (request->op == RV_GIT_PUSH)
                r = line_push(line, request, now_usec, err);
        else if (request->op == RV_GIT_CHECK)
                reply->contained = true;
        if (r == 0) {
                reply->head = (struct rv_oid){0};
                if (fill_heads(line, request->known.hex, now_usec, reply) < 0)
                        r = rv_error_oom(err);
        }
        if (r < 0) {
                rv_git_reply_free(reply);
                return r;
        }
        *ret = reply;
        return 0;
}
