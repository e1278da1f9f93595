/* revertctl revert and restore, without a daemon: the same core and worker, with what can be known from here. */
#include "ctl/verbs.h"

#include "ctl/local.h"
#include "ctl/paint.h"
#include "ctl/say.h"

#include "revertd/build.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/pathspec.h"

#include <errno.h>
#include <math.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOVES_MAX = 3 };

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
        request = local_request(RV_GIT_PLAN);
        if (!request || rv_revert_spec_copy(&request->spec, &l->plan->spec) < 0) {
                rv_git_request_free(request);
                return rv_error_oom(err);
        }
        request->want_diff = true;
        return worker_ask_ok(l->worker, request, &l->computed, err);
}

static int push(struct local *l, struct rv_git_reply **ret, struct rv_error *err) {
        struct rv_git_request *request = local_request(RV_GIT_PUSH);

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
        _cleanup_json_ json_t *paths = json_array(), *dependents = json_array();

        for (size_t i = 0; paths && i < c->n_paths; i++)
                json_array_append_new(paths, json_string(c->paths[i]));
        for (size_t i = 0; dependents && i < c->n_commits; i++)
                json_array_append_new(dependents, rv_commit_to_json(&c->commits[i]));
        return json_pack("{s:o, s:s, s:I, s:I, s:I, s:O, s:s?, s:b, s:O}", "spec",
                         rv_revert_spec_to_json(&l->plan->spec), "commit", c->commit.hex, "files",
                         (json_int_t)c->n_files, "insertions", (json_int_t)c->n_insertions, "deletions",
                         (json_int_t)c->n_deletions, "paths", paths, "diff", c->diff, "empties", c->empties,
                         "dependents", dependents);
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
        fputs("Not asked without a daemon: whether revertd is paused, its cooldown and budgets, and what other\n"
              "incidents revert. The worker keeps its own policy and budget, and obeys .revertd/pause on the branch.\n",
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
                r = local_find(l, err);
        if (r == 0)
                r = local_check_guards(l, err);
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
