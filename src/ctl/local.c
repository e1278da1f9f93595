/* revertctl revert and restore, without a daemon: the same core and worker, with what can be known from here. */
#include "ctl/verbs.h"

#include "ctl/api.h"
#include "ctl/paint.h"
#include "ctl/worker.h"

#include "revertd/build.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/incident.h"
#include "revertd/pathspec.h"

#include <errno.h>
#include <math.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOVES_MAX = 3 };
#define HISTORY_MARGIN_USEC RV_USEC_PER_DAY

struct local {
        const struct args *args;
        struct rv_config *config;
        const struct rv_rule_config *rule; /* NULL: none */
        const struct rv_repository_config *repository;
        struct rv_labels *labels;
        const json_t *revisions;
        char **scope;
        size_t n_scope;
        char *actor;
        struct worker *worker;

        struct rv_suspect *culprits; /* newest first */
        size_t n_culprits;
        struct rv_oid head;
        char *to;              /* a revision that the scope goes back to; NULL: they are reverted */
        double confidence;     /* that the cause is among them, where a rule has all go back; 0: each one's own */
        struct rv_oid restore; /* what the scope goes back to; none: they are reverted */
        struct rv_plan *plan;
        struct rv_git_reply *computed; /* what the worker made of the plan */
};

static void local_done(struct local *l) {
        worker_free(l->worker);
        for (size_t i = 0; i < l->n_culprits; i++)
                rv_suspect_done(&l->culprits[i]);
        free(l->culprits);
        rv_plan_free(l->plan);
        rv_git_reply_free(l->computed);
        for (size_t i = 0; i < l->n_scope; i++)
                free(l->scope[i]);
        free(l->scope);
        rv_labels_unref(l->labels);
        free(l->actor);
        free(l->to);
        rv_config_unref(l->config);
}

/* -- what is meant -- */

static int find_target(struct local *l, struct rv_error *err) {
        const struct args *args = l->args;
        int index = -1;

        if (args->rule) {
                index = rv_config_find_rule(l->config, args->rule);
                if (index < 0)
                        return rv_error_set(err, -ENOENT, "no rule is named %s", args->rule);
                l->rule = &l->config->rules[index];
        }
        index = args->repository ? rv_config_find_repository(l->config, args->repository) : l->rule->repository;
        if (index < 0)
                return rv_error_set(err, -ENOENT, "no repository is named %s", args->repository);
        if (l->rule && l->rule->repository != index)
                return rv_error_set(err, -EINVAL, "rule %s is about another repository than %s", args->rule,
                                    args->repository);
        l->repository = &l->config->repositories[index];
        return 0;
}

static int fill_scope(struct local *l, struct rv_error *err) {
        size_t n = l->args->n_paths > 0 ? l->args->n_paths : l->rule ? l->rule->n_paths : 0;
        int r = 0;

        l->scope = calloc(n + 1, sizeof(*l->scope));
        if (!l->scope)
                return rv_error_oom(err);
        for (size_t i = 0; r == 0 && i < n; i++) {
                if (l->args->n_paths > 0) {
                        r = rv_pathspec_check(l->args->path[i], err);
                        if (r == 0 && !(l->scope[i] = strdup(l->args->path[i])))
                                r = rv_error_oom(err);
                } else
                        r = rv_template_expand(l->rule->paths[i], RV_TEMPLATE_PATH, l->labels, NAN, &l->scope[i], err);
                l->n_scope += r == 0;
        }
        return r;
}

static char *who_am_i(void) {
        const struct passwd *user = getpwuid(getuid());
        char *text = NULL;

        return asprintf(&text, "uid %u%s%s%s", getuid(), user ? " (" : "", user ? user->pw_name : "", user ? ")" : "") <
                               0
                       ? NULL
                       : text;
}

static int prepare(struct local *l, const json_t *labels, struct rv_error *err) {
        _cleanup_json_ json_t *none = json_object();
        int r = ctl_load_config(l->args, &l->config, err);

        if (r == 0)
                r = find_target(l, err);
        if (r == 0)
                r = rv_labels_from_json(&l->labels, labels ? labels : none, NULL, err);
        if (r == 0)
                r = fill_scope(l, err);
        if (r == 0 && (!(l->actor = who_am_i()) || (l->args->to && !(l->to = strdup(l->args->to)))))
                r = rv_error_oom(err);
        return r == 0 ? worker_new(&l->worker, l->args, l->repository, l->args->dry_run, err) : r;
}

/* -- which commits -- */

static struct rv_git_request *request_new(enum rv_git_op op) {
        struct rv_git_request *request = calloc(1, sizeof(*request));

        if (request)
                request->op = op;
        return request;
}

/* Nothing has watched the branch: a commit's own time is all that is known. */
static struct rv_live live_of(const struct rv_commit *commit, void *userdata) {
        (void)userdata;
        return (struct rv_live){.not_before_usec = commit->commit_usec, .seen_usec = commit->commit_usec};
}

static int add_culprit(struct local *l, const struct rv_commit *commit, struct rv_error *err) {
        _cleanup_json_ json_t *json = rv_commit_to_json(commit);
        struct rv_suspect *grown = reallocarray(l->culprits, l->n_culprits + 1, sizeof(*grown));

        for (size_t i = 0; grown && i < l->n_culprits; i++)
                if (strcmp(grown[i].commit.id.hex, commit->id.hex) == 0) {
                        l->culprits = grown;
                        return 0;
                }
        if (!grown || !json)
                return rv_error_oom(err);
        l->culprits = grown;
        struct rv_suspect *s = &grown[l->n_culprits];
        *s = (struct rv_suspect){.evidence = 1U << RV_EVIDENCE_BY_HAND, .confidence = 1, .live = live_of(commit, NULL)};
        int r = rv_commit_from_json(&s->commit, json, err);
        l->n_culprits += r == 0;
        return r;
}

static int ask_history(struct local *l, int64_t since_usec, struct rv_git_reply **ret, struct rv_error *err) {
        struct rv_git_request *request = request_new(RV_GIT_HISTORY);

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
        if (request->n_scope != l->n_scope) {
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
                l->culprits[i].reverted = by != NULL;
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
                struct rv_git_request *request = request_new(RV_GIT_SHOW);
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
        r = rv_attribute(reply->commits, reply->n_commits, now_usec, l->rule->window_usec, l->labels, live_of, NULL,
                         &found);
        if (r < 0)
                rv_error_oom(err);
        else if (found.n_suspects == 0)
                r = rv_error_set(err, -ENOENT, "%s", rv_reason_explain(RV_REASON_NO_CANDIDATE));
        else if (is_all && found.n_candidates > RV_SUSPECTS_MAX)
                r = rv_error_set(err, -E2BIG, "%zu commits could be the cause; at most %d are undone at once",
                                 found.n_candidates, RV_SUSPECTS_MAX);
        else if (l->rule->suspects == RV_SUSPECTS_RESTORE && found.n_suspects > 1)
                r = go_back_past(l, &found, err);
        else
                r = take_suspects(l, &found, is_all ? found.n_suspects : 1, err);
        rv_attribution_done(&found);
        rv_git_reply_free(reply);
        return r;
}

/* Those that can be asked from here; the others are named to the person. */
static int check_guards(const struct local *l, struct rv_error *err) {
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

/* -- the plan, and its push -- */

static int make_plan(struct local *l, struct rv_error *err) {
        const struct rv_commit *commits[RV_REVERT_COMMITS_MAX];
        struct rv_git_request *request;

        if (l->n_culprits > RV_REVERT_COMMITS_MAX)
                return rv_error_set(err, -E2BIG, "more than %d commits", RV_REVERT_COMMITS_MAX);
        for (size_t i = 0; i < l->n_culprits; i++)
                commits[i] = &l->culprits[i].commit;
        l->plan = rv_plan_free(l->plan);
        l->computed = rv_git_reply_free(l->computed);
        if (rv_plan_new(&l->plan, &(struct rv_plan_facts){
                                          .rule = l->rule ? l->rule->name : NULL,
                                          .labels = l->labels,
                                          .by_hand = true,
                                          .actor = l->actor,
                                          .note = l->args->reason,
                                          .commits = commits,
                                          .n_commits = l->n_culprits,
                                          .restore = l->restore,
                                          .scope = (const char *const *)l->scope,
                                          .n_scope = l->n_scope,
                                          .base = l->head,
                                          .time_usec = rv_clock_realtime_usec(),
                                  }) < 0)
                return rv_error_oom(err);
        request = request_new(RV_GIT_PLAN);
        if (!request || rv_revert_spec_copy(&request->spec, &l->plan->spec) < 0) {
                rv_git_request_free(request);
                return rv_error_oom(err);
        }
        request->want_diff = true;
        return worker_ask_ok(l->worker, request, &l->computed, err);
}

static int push(struct local *l, struct rv_git_reply **ret, struct rv_error *err) {
        struct rv_git_request *request = request_new(RV_GIT_PUSH);

        if (!request || rv_revert_spec_copy(&request->spec, &l->plan->spec) < 0) {
                rv_git_request_free(request);
                return rv_error_oom(err);
        }
        request->commit = l->computed->commit;
        return worker_ask(l->worker, request, ret, err);
}

/* A branch that moved meanwhile gets a plan of its own, as the daemon would do. */
static int push_until_it_holds(struct local *l, struct rv_error *err) {
        struct rv_git_reply *reply = NULL;
        int r = 0;

        for (int moves = 0; r == 0; moves++) {
                r = push(l, &reply, err);
                if (r < 0)
                        return r;
                if (reply->outcome == RV_GIT_OK || reply->outcome == RV_GIT_ALREADY)
                        break;
                if (reply->outcome != RV_GIT_MOVED || moves == MOVES_MAX)
                        r = worker_explain(reply, err);
                else {
                        l->head = reply->head;
                        fputs("The branch moved; computing the revert anew.\n", stderr);
                        r = make_plan(l, err);
                }
                reply = rv_git_reply_free(reply);
        }
        rv_git_reply_free(reply);
        return r;
}

/* -- what the person sees -- */

static json_t *plan_json(const struct local *l) {
        const struct rv_git_reply *c = l->computed;
        _cleanup_json_ json_t *paths = json_array();

        for (size_t i = 0; paths && i < c->n_paths; i++)
                json_array_append_new(paths, json_string(c->paths[i]));
        return json_pack("{s:o, s:s, s:I, s:I, s:I, s:O, s:s?}", "spec", rv_revert_spec_to_json(&l->plan->spec),
                         "commit", c->commit.hex, "files", (json_int_t)c->n_files, "insertions",
                         (json_int_t)c->n_insertions, "deletions", (json_int_t)c->n_deletions, "paths", paths, "diff",
                         c->diff);
}

static void print_plan(const struct local *l, const json_t *plan, FILE *f) {
        fputs("Repository ", f);
        paint_text(f, l->repository->name);
        fputs(", branch ", f);
        paint_text(f, l->repository->branch);
        fprintf(f, " at %.10s\n\n", l->head.hex);
        paint_block(f, l->plan->spec.message, "    ");
        fputc('\n', f);
        plan_print(f, plan, "");
        fputc('\n', f);
        paint_diff(f, l->computed->diff);
}

static void print_unchecked(void) {
        fputs("Not asked without a daemon: whether revertd is paused, its cooldown and budgets, and what other "
              "incidents "
              "revert.\nThe worker keeps its own policy and budget.\n",
              stderr);
}

/* --yes counts only where the person chose to go without a daemon. */
static int confirm(const struct local *l, struct rv_error *err) {
        if (l->args->yes && l->args->no_daemon)
                return 0;
        if (!isatty(STDIN_FILENO))
                return rv_error_set(err, -EPERM, "nobody can be asked here; without a daemon, say --no-daemon --yes");
        if (ctl_confirm(l->to ? "Push this restore?" : "Push this revert?"))
                return 0;
        return rv_error_set(err, -ECANCELED, "nothing was pushed");
}

static int print_result(const struct local *l, const json_t *plan) {
        if (l->args->output == CTL_JSON) {
                _cleanup_json_ json_t *json = json_pack("{s:s, s:b, s:O}", "repository", l->repository->name, "pushed",
                                                        !l->args->dry_run, "plan", plan);
                return json ? ctl_print_json(json) : ctl_oom();
        }
        if (!l->args->dry_run)
                printf("%sPushed%s %s; the branch was read again and holds it.\n", paint_begin(stdout, GREEN),
                       paint_end(stdout, GREEN), l->computed->commit.hex);
        return CTL_OK;
}

static int run(struct local *l, const json_t *labels, struct rv_error *err) {
        FILE *f = l->args->output == CTL_JSON ? stderr : stdout;
        int r = prepare(l, labels, err);

        if (r == 0)
                r = l->args->to                         ? find_since(l, err)
                    : json_array_size(l->revisions) > 0 ? find_named(l, err)
                                                        : find_by_rule(l, err);
        if (r == 0)
                r = check_guards(l, err);
        if (r == 0)
                r = make_plan(l, err);
        if (r < 0)
                return r;
        _cleanup_json_ json_t *plan = plan_json(l);
        if (!plan)
                return rv_error_oom(err);
        if (!(l->args->dry_run && f == stderr))
                print_plan(l, plan, f);
        if (l->args->dry_run)
                return 0;
        fflush(f);
        print_unchecked();
        r = confirm(l, err);
        return r == 0 ? push_until_it_holds(l, err) : r;
}

int revert_locally(const struct args *args, const json_t *labels, const json_t *revisions) {
        __attribute__((cleanup(local_done))) struct local l = {.args = args, .revisions = revisions};
        struct rv_error err = {0};

        if (run(&l, labels, &err) < 0)
                return ctl_fail(&err);
        _cleanup_json_ json_t *plan = plan_json(&l);
        return plan ? print_result(&l, plan) : ctl_oom();
}
