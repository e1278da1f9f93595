/* Which commits a revert or restore without a daemon is about, and whether the guards let them go. */
#include "ctl/local.h"

#include "revertd/clock.h"
#include "revertd/incident.h"
#include "revertd/json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HISTORY_MARGIN_USEC RV_USEC_PER_DAY

/* Nothing has watched the branch: a commit's own time is all that is known. */
static struct rv_live live_of(const struct rv_commit *commit, void *userdata) {
        (void)userdata;
        return (struct rv_live){.not_before_usec = commit->commit_usec, .seen_usec = commit->commit_usec};
}

static int add_culprit(struct local *l, const struct rv_commit *commit, struct rv_error *err) {
        struct rv_suspect *grown = reallocarray(l->culprits, l->n_culprits + 1, sizeof(*grown));

        for (size_t i = 0; grown && i < l->n_culprits; i++)
                if (strcmp(grown[i].commit.id.hex, commit->id.hex) == 0) {
                        l->culprits = grown;
                        return 0;
                }
        if (!grown)
                return rv_error_oom(err);
        l->culprits = grown;
        struct rv_suspect *s = &grown[l->n_culprits];
        *s = (struct rv_suspect){.evidence = 1U << RV_EVIDENCE_BY_HAND, .confidence = 1, .live = live_of(commit, NULL)};
        if (rv_commit_copy(&s->commit, commit) < 0)
                return rv_error_oom(err);
        l->n_culprits++;
        return 0;
}

static int ask_history(struct local *l, int64_t since_usec, struct rv_git_reply **ret, struct rv_error *err) {
        struct rv_git_request *request = local_request(RV_GIT_HISTORY);

        if (!request)
                return rv_error_oom(err);
        request->since_usec = since_usec - HISTORY_MARGIN_USEC;
        request->max_commits = RV_COMMITS_MAX;
        if (l->to && !(request->revision = strdup(l->to))) {
                rv_git_request_free(request);
                return rv_error_oom(err);
        }
        request->scope = calloc(l->n_scope + 1, sizeof(*request->scope));
        for (size_t i = 0; request->scope && i < l->n_scope; i++) {
                request->scope[i] = strdup(l->scope[i]);
                request->n_scope += request->scope[i] != NULL;
        }
        request->until_usec = rv_clock_realtime_usec();
        if (request->n_scope != l->n_scope ||
            rv_values_pick(l->labels, l->scope, l->n_scope, &request->values, &request->n_values) < 0) {
                rv_git_request_free(request);
                return rv_error_oom(err);
        }
        return worker_ask_ok(l->worker, request, ret, err);
}

static size_t place_in(const struct rv_git_reply *history, const struct rv_suspect *s) {
        for (size_t i = 0; i < history->n_commits; i++)
                if (strcmp(history->commits[i].id.hex, s->commit.id.hex) == 0)
                        return i;
        return SIZE_MAX;
}

/* The branch's own order, and what became of them since. */
static int order_culprits(struct local *l, const struct rv_git_reply *history, struct rv_error *err) {
        struct rv_undone *undone;

        if (rv_undone_find(&undone, history->commits, history->n_commits) < 0)
                return rv_error_oom(err);
        for (size_t i = 0; i < l->n_culprits; i++) {
                const struct rv_oid *by = rv_undone_by(undone, &l->culprits[i].commit.id);
                size_t at = place_in(history, &l->culprits[i]);
                l->culprits[i].reverted = by != NULL;
                if (at != SIZE_MAX)
                        l->culprits[i].commit.reapplies = history->commits[at].reapplies;
                if (by)
                        l->culprits[i].reverted_by = *by;
                for (size_t k = i; k > 0 && place_in(history, &l->culprits[k]) < place_in(history, &l->culprits[k - 1]);
                     k--) {
                        struct rv_suspect swap = l->culprits[k];
                        l->culprits[k] = l->culprits[k - 1];
                        l->culprits[k - 1] = swap;
                }
        }
        rv_undone_free(undone);
        return 0;
}

static int find_named(struct local *l, struct rv_error *err) {
        int64_t oldest_usec = rv_clock_realtime_usec();
        struct rv_git_reply *reply = NULL;
        const json_t *revision;
        size_t i;
        int r = 0;

        json_array_foreach (l->revisions, i, revision) {
                struct rv_git_request *request = local_request(RV_GIT_SHOW);
                if (!request || !(request->revision = strdup(json_string_value(revision)))) {
                        rv_git_request_free(request);
                        return rv_error_oom(err);
                }
                r = worker_ask_ok(l->worker, request, &reply, err);
                if (r < 0)
                        return rv_error_prefix(err, r, "%s", json_string_value(revision));
                for (size_t k = 0; r == 0 && k < reply->n_commits; k++) {
                        r = add_culprit(l, &reply->commits[k], err);
                        if (reply->commits[k].commit_usec < oldest_usec)
                                oldest_usec = reply->commits[k].commit_usec;
                }
                rv_git_reply_free(reply);
                if (r < 0)
                        return r;
        }
        r = ask_history(l, oldest_usec, &reply, err);
        if (r < 0)
                return r;
        l->head = reply->head;
        r = order_culprits(l, reply, err);
        rv_git_reply_free(reply);
        return r;
}

/* All that touched the scope since. */
static int find_since(struct local *l, struct rv_error *err) {
        struct rv_git_reply *reply = NULL;
        int r = ask_history(l, 0, &reply, err);

        if (r < 0)
                return r;
        l->head = reply->head;
        l->restore = reply->commit;
        if (reply->n_commits == 0)
                r = rv_error_set(err, -ENOENT, "no commit touched these paths since %s", reply->commit.hex);
        else if (reply->n_commits > RV_SUSPECTS_MAX)
                r = rv_error_set(err, -E2BIG, "%zu commits touched these paths since %s; at most %d are undone at once",
                                 reply->n_commits, reply->commit.hex, RV_SUSPECTS_MAX);
        for (size_t k = 0; r == 0 && k < reply->n_commits; k++)
                r = add_culprit(l, &reply->commits[k], err);
        if (r == 0)
                r = order_culprits(l, reply, err);
        rv_git_reply_free(reply);
        return r;
}

/* So many of the first are what the rule would have reverted. */
static int take_suspects(struct local *l, const struct rv_attribution *found, size_t n, struct rv_error *err) {
        int r = 0;

        for (size_t k = 0; r == 0 && k < n; k++) {
                r = add_culprit(l, &found->suspects[k].commit, err);
                if (r < 0)
                        break;
                l->culprits[k].evidence = found->suspects[k].evidence;
                l->culprits[k].confidence = found->suspects[k].confidence;
                l->culprits[k].reverted = found->suspects[k].reverted;
                l->culprits[k].reverted_by = found->suspects[k].reverted_by;
        }
        return r;
}

/* To before the oldest of them, and past what is no suspect. */
static int go_back_past(struct local *l, const struct rv_attribution *found, struct rv_error *err) {
        for (size_t k = 0; k < found->n_suspects; k++)
                l->confidence += found->suspects[k].confidence;
        if (asprintf(&l->to, "%s~1", found->suspects[found->n_suspects - 1].commit.id.hex) < 0) {
                l->to = NULL;
                return rv_error_oom(err);
        }
        return find_since(l, err);
}

/* As the daemon would, were the breach to begin now. */
static int find_by_rule(struct local *l, struct rv_error *err) {
        int64_t now_usec = rv_clock_realtime_usec();
        struct rv_attribution found = {0};
        struct rv_git_reply *reply = NULL;
        bool is_all = l->rule->suspects != RV_SUSPECTS_NEWEST;
        int r = ask_history(l, now_usec - l->rule->window_usec, &reply, err);

        if (r < 0)
                return r;
        l->head = reply->head;
        r = rv_attribute(&(struct rv_attribution_facts){.history = reply->commits,
                                                        .n_history = reply->n_commits,
                                                        .is_cut = reply->truncated,
                                                        .onset_usec = now_usec,
                                                        .window_usec = l->rule->window_usec,
                                                        .labels = l->labels,
                                                        .live = live_of},
                         &found);
        if (r < 0)
                rv_error_oom(err);
        else if (found.n_suspects == 0)
                r = rv_error_set(err, -ENOENT, "%s", rv_reason_explain(RV_REASON_NO_CANDIDATE));
        else if (is_all && found.n_candidates > RV_SUSPECTS_MAX)
                r = rv_error_set(err, -E2BIG, "%zu commits could be the cause; at most %d are undone at once",
                                 found.n_candidates, RV_SUSPECTS_MAX);
        else if (is_all && found.is_incomplete)
                r = rv_error_set(err, -E2BIG,
                                 "so many commits are in the window that the oldest could not be looked at");
        else if (l->rule->suspects == RV_SUSPECTS_RESTORE && found.n_suspects > 1)
                r = go_back_past(l, &found, err);
        else
                r = take_suspects(l, &found, is_all ? found.n_suspects : 1, err);
        rv_attribution_done(&found);
        rv_git_reply_free(reply);
        return r;
}

int local_find(struct local *l, struct rv_error *err) {
        if (l->args->to)
                return find_since(l, err);
        return json_array_size(l->revisions) > 0 ? find_named(l, err) : find_by_rule(l, err);
}

/* Those that can be asked from here; the others are named to the person. */
int local_check_guards(const struct local *l, struct rv_error *err) {
        for (size_t i = 0; i < l->n_culprits; i++) {
                const struct rv_guard_facts facts = {
                        .culprit = &l->culprits[i],
                        .rule = l->rule,
                        .repository = l->repository,
                        .now_usec = rv_clock_realtime_usec(),
                        .max_age_usec = l->rule ? l->rule->max_age_usec : 0,
                        .budget_repository = 1,
                        .budget_all = 1,
                        .by_hand = true,
                        .force = l->args->force,
                        .confidence = l->confidence,
                        .is_restore = l->restore.hex[0],
                };
                enum rv_reason reason = rv_guards_check(&facts);
                if (reason != RV_REASON_NONE)
                        return rv_error_set(err, -EPERM, "%.10s: %s (%s)%s", l->culprits[i].commit.id.hex,
                                            rv_reason_explain(reason), rv_reason_to_string(reason),
                                            rv_guard_is_forceable(reason) ? "; --force overrides this" : "");
        }
        return 0;
}
