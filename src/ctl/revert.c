/* revertctl revert, revertctl restore */
#include "ctl/verbs.h"

#include "ctl/api.h"
#include "ctl/paint.h"
#include "ctl/say.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SHORT_COMMIT = RV_OID_SHORT };

int operands_sort(const struct args *args, int first, json_t **ret_labels, json_t **ret_revisions) {
        _cleanup_json_ json_t *labels = NULL;
        _cleanup_json_ json_t *revisions = NULL;

        for (int i = first; i < args->n_operands; i++) {
                char *equals = strchr(args->operand[i], '=');
                if (!equals) {
                        if ((!revisions && !(revisions = json_array())) ||
                            json_array_append_new(revisions, json_string(args->operand[i])) < 0)
                                return args_complain(args, "not UTF-8: argument %d", i + 1);
                        continue;
                }
                _cleanup_free_ char *name = strndup(args->operand[i], (size_t)(equals - args->operand[i]));
                if ((!labels && !(labels = json_object())) || !name ||
                    json_object_set_new(labels, name, json_string(equals + 1)) < 0)
                        return args_complain(args, "not UTF-8: argument %d", i + 1);
        }
        *ret_labels = RV_TAKE(labels);
        *ret_revisions = RV_TAKE(revisions);
        return -1;
}

static int check(const struct args *args, const json_t *labels, const json_t *revisions) {
        if (!args->rule && labels)
                return args_complain(args, "labels (%s) need a --rule to find the change by", args->operand[0]);
        if (!args->rule && !revisions)
                return args_complain(args, "name a commit, or a --rule with labels to find it by");
        if (!args->rule && !args->repository)
                return args_complain(args, "name the --repository of the commit");
        return -1;
}

static json_t *make_body(const struct args *args, const json_t *labels, const json_t *revisions) {
        _cleanup_json_ json_t *scope = args->n_paths > 0 ? json_array() : NULL;

        for (size_t i = 0; i < args->n_paths; i++)
                if (json_array_append_new(scope, json_string(args->path[i])) < 0)
                        return NULL;
        return json_pack("{s:s*, s:s*, s:O*, s:O*, s:s*, s:O*, s:s*, s:b, s:b}", "repository", args->repository, "rule",
                         args->rule, "labels", labels, "revisions", revisions, "to", args->to, "scope", scope, "note",
                         args->reason, "force", args->force, "dry_run", args->dry_run);
}

/* A dry run ends as declined, because it only observed; any other reason is what would have stopped it. */
static bool would_push(const json_t *answer) {
        return strcmp(rv_json_string(json_object_get(answer, "incident"), "reason", ""), "observe") == 0;
}

static void print_would_push(FILE *f, const json_t *answer) {
        const json_t *incident = json_object_get(answer, "incident"), *plan = json_object_get(incident, "plan"),
                     *commit;
        size_t n_culprits = json_array_size(json_object_get(json_object_get(plan, "spec"), "commits")), i;

        fputs("This would be pushed to ", f);
        paint_text(f, rv_json_string(incident, "repository", "?"));
        if (*rv_json_string(incident, "restore", "")) {
                fputs(", to go back to ", f);
                paint_id(f, rv_json_string(incident, "restore", NULL), SHORT_COMMIT);
                fputs(", which undoes:\n", f);
        } else
                fputs(", to take back:\n", f);
        json_array_foreach (json_object_get(incident, "suspects"), i, commit) {
                commit = json_object_get(commit, "commit");
                if (i >= n_culprits)
                        break;
                fputs("  ", f);
                paint_id(f, rv_json_string(commit, "id", NULL), SHORT_COMMIT);
                fputs("  ", f);
                paint_text(f, rv_json_string(commit, "subject", ""));
                fputs(" (", f);
                paint_text(f, rv_json_string(commit, "author_name", ""));
                fputs(")\n", f);
        }
        fputc('\n', f);
        paint_block(f, rv_json_string(json_object_get(plan, "spec"), "message", ""), "    ");
        fputc('\n', f);
        plan_print(f, plan, "");
        fputc('\n', f);
        paint_diff(f, rv_json_string(plan, "diff", ""));
}

static int print_dry_run(const struct args *args, const json_t *answer) {
        bool is_well = would_push(answer);

        if (args->output == CTL_JSON) {
                int status = ctl_print_json(answer);
                return status == CTL_OK && !is_well ? CTL_FAILED : status;
        }
        if (!is_well) {
                incident_print(stdout, json_object_get(answer, "incident"), json_object_get(answer, "transitions"),
                               NULL, true, 0);
                return CTL_FAILED;
        }
        print_would_push(stdout, answer);
        return CTL_OK;
}

static int follow(const struct args *args, const json_t *accepted) {
        _cleanup_json_ json_t *last = NULL;

        if (!args->dry_run)
                return incident_follow_accepted(args, "Incident", accepted, 0);
        int status = incident_follow(args, rv_json_string(accepted, "incident", ""), 0, true, &last);
        return last ? print_dry_run(args, last) : status;
}

/* What was shown is what shall be pushed, even if the branch moves meanwhile. Without a scope the rule takes changes as
 * a whole, and named commits it would not: then it searches anew. */
static int pin(const struct args *args, json_t *body, const json_t *answer) {
        const json_t *spec = json_object_get(json_object_get(json_object_get(answer, "incident"), "plan"), "spec");
        json_t *commits = json_object_get(spec, "commits");

        if (json_array_size(commits) == 0)
                return 0;
        if (args->to)
                return json_object_set(body, "to", json_object_get(spec, "restore")) < 0 ||
                                       json_object_set(body, "undoes", commits) < 0
                               ? -1
                               : 0;
        if (!json_object_get(body, "revisions") && json_array_size(json_object_get(spec, "scope")) == 0)
                return 0;
        return json_object_set(body, "revisions", commits);
}

static const char *route(const struct args *args) {
        return args->to ? "/api/v1/restores" : "/api/v1/reverts";
}

/* Shows what the daemon would push. −1: the person wants it, or there is no daemon; else the exit status. */
static int ask_person(const struct args *args, json_t *body) {
        FILE *f = args->output == CTL_JSON ? stderr : stdout;
        _cleanup_json_ json_t *accepted = NULL;
        _cleanup_json_ json_t *planned = NULL;
        struct rv_error err = {0};

        if (json_object_set_new(body, "dry_run", json_true()) < 0)
                return ctl_oom();
        int r = api_call(args, "POST", route(args), body, &accepted, &err);
        if (r < 0)
                return r == -ECONNREFUSED ? -1 : ctl_fail(&err);
        int status = incident_follow(args, rv_json_string(accepted, "incident", ""), 0, true, &planned);
        if (!planned)
                return status;
        if (!would_push(planned))
                return print_dry_run(args, planned);
        print_would_push(f, planned);
        fflush(f);
        if (!ctl_confirm(args->to ? "Push this restore?" : "Push this revert?")) {
                rv_error_set(&err, -ECANCELED, "nothing was pushed");
                return ctl_fail(&err);
        }
        return pin(args, body, planned) < 0 || json_object_set_new(body, "dry_run", json_false()) < 0 ? ctl_oom() : -1;
}

/* By the daemon, or without one where none is at its usual place. */
static int send(const struct args *args, const json_t *labels, const json_t *revisions) {
        _cleanup_json_ json_t *body = NULL;
        _cleanup_json_ json_t *answer = NULL;
        struct rv_error err = {0};
        int status;

        if (args->no_daemon)
                return revert_locally(args, labels, revisions);
        body = make_body(args, labels, revisions);
        if (!body) {
                rv_error_set(&err, -EINVAL, "the arguments must be UTF-8");
                return ctl_fail(&err);
        }
        if (!args->dry_run && !args->yes && isatty(STDIN_FILENO) && (status = ask_person(args, body)) >= 0)
                return status;
        int r = api_call(args, "POST", route(args), body, &answer, &err);
        if (r == -ECONNREFUSED && args->is_default_socket) {
                fprintf(stderr, "No revertd at %s: the Git worker is run from here.\n", args->socket);
                return revert_locally(args, labels, revisions);
        }
        if (r == -ECONNREFUSED)
                fprintf(stderr, "revertctl %s --no-daemon works without one.\n", args->verb->name);
        return r < 0 ? ctl_fail(&err) : follow(args, answer);
}

int verb_revert(const struct args *args) {
        _cleanup_json_ json_t *labels = NULL;
        _cleanup_json_ json_t *revisions = NULL;
        int status = operands_sort(args, 0, &labels, &revisions);

        if (status < 0)
                status = check(args, labels, revisions);
        return status < 0 ? send(args, labels, revisions) : status;
}

int verb_restore(const struct args *args) {
        _cleanup_json_ json_t *labels = NULL;
        _cleanup_json_ json_t *revisions = NULL;
        int status = operands_sort(args, 0, &labels, &revisions);

        if (status >= 0)
                return status;
        if (revisions)
                return args_complain(args, "unexpected argument: %s", json_string_value(json_array_get(revisions, 0)));
        if (!args->to)
                return args_complain(args, "name the commit to go back to: --to");
        if (!args->rule && labels)
                return args_complain(args, "labels (%s) need a --rule that they are of", args->operand[0]);
        if (!args->rule && (!args->repository || args->n_paths == 0))
                return args_complain(args, "name the --repository and the --path that goes back, or a --rule");
        return send(args, labels, NULL);
}
