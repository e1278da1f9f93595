#include "gitwire/wire.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <string.h>

enum { SCOPE_MAX = 1024 };

static const char *const op_names[RV_GIT_OP_MAX] = {
        [RV_GIT_SYNC] = "sync",       [RV_GIT_HISTORY] = "history",   [RV_GIT_PLAN] = "plan",
        [RV_GIT_PUSH] = "push",       [RV_GIT_CHECK] = "check",       [RV_GIT_SHOW] = "show",
        [RV_GIT_PROPOSE] = "propose", [RV_GIT_PROPOSAL] = "proposal",
};

static bool has_spec(enum rv_git_op op) {
        return op == RV_GIT_PLAN || op == RV_GIT_PUSH || op == RV_GIT_PROPOSE;
}

const char *rv_git_op_to_string(enum rv_git_op op) {
        return op < RV_GIT_OP_MAX ? op_names[op] : "unknown";
}

static int op_from_string(const char *s, enum rv_git_op *ret) {
        for (unsigned i = 0; s && i < RV_GIT_OP_MAX; i++)
                if (strcmp(op_names[i], s) == 0) {
                        *ret = i;
                        return 0;
                }
        return -EINVAL;
}

struct rv_git_request *rv_git_request_free(struct rv_git_request *request) {
        if (!request)
                return NULL;
        wire_free_strings(request->scope, request->n_scope);
        wire_free_values(request->values, request->n_values);
        rv_revert_spec_done(&request->spec);
        free(request->revision);
        free(request->deployed);
        free(request);
        return NULL;
}

int rv_git_request_encode(const struct rv_git_request *request, char **ret) {
        _cleanup_json_ json_t *json = json_object();
        int r = 0;

        r |= wire_set_string(json, "op", rv_git_op_to_string(request->op));
        r |= wire_set_int(json, "id", (int64_t)request->id);
        r |= wire_set_int(json, "timeout_usec", request->timeout_usec);
        r |= wire_set_oid(json, "known", &request->known);
        r |= wire_set_strings(json, "scope", request->scope, request->n_scope);
        r |= wire_set_int(json, "since_usec", request->since_usec);
        r |= wire_set_int(json, "max_commits", (int64_t)request->max_commits);
        r |= wire_set_int(json, "max_touching", (int64_t)request->max_touching);
        r |= wire_set_bool(json, "no_paths", request->no_paths);
        r |= wire_set_values(json, "values", request->values, request->n_values);
        r |= wire_set_int(json, "until_usec", request->until_usec);
        if (has_spec(request->op))
                r |= json_object_set_new(json, "spec", rv_revert_spec_to_json(&request->spec));
        r |= wire_set_bool(json, "want_diff", request->want_diff);
        r |= wire_set_oid(json, "commit", &request->commit);
        if (request->number > 0)
                r |= wire_set_int(json, "number", (int64_t)request->number);
        r |= wire_set_string(json, "revision", request->revision);
        if (request->n_deployed > 0)
                r |= wire_set_oids(json, "deployed", request->deployed, request->n_deployed);
        if (r < 0)
                return -ENOMEM;
        return wire_dump(RV_TAKE(json), ret);
}

static int read_request(struct rv_git_request *request, const json_t *json, struct rv_error *err) {
        int64_t id = 0;
        size_t number = 0;
        int r;

        if (op_from_string(rv_json_string(json, "op", NULL), &request->op) < 0)
                return rv_error_set(err, -EINVAL, "\"op\": no such operation");
        if ((r = wire_get_int(json, "id", &id, err)) < 0 ||
            (r = wire_get_int(json, "timeout_usec", &request->timeout_usec, err)) < 0 ||
            (r = wire_get_oid(json, "known", &request->known, err)) < 0 ||
            (r = wire_get_strings(json, "scope", SCOPE_MAX, &request->scope, &request->n_scope, err)) < 0 ||
            (r = wire_get_int(json, "since_usec", &request->since_usec, err)) < 0 ||
            (r = wire_get_size(json, "max_commits", &request->max_commits, err)) < 0 ||
            (r = wire_get_size(json, "max_touching", &request->max_touching, err)) < 0 ||
            (r = wire_get_bool(json, "no_paths", &request->no_paths, err)) < 0 ||
            (r = wire_get_values(json, "values", &request->values, &request->n_values, err)) < 0 ||
            (r = wire_get_int(json, "until_usec", &request->until_usec, err)) < 0 ||
            (r = wire_get_bool(json, "want_diff", &request->want_diff, err)) < 0 ||
            (r = wire_get_oid(json, "commit", &request->commit, err)) < 0 ||
            (r = wire_get_size(json, "number", &number, err)) < 0 ||
            (r = wire_get_string(json, "revision", &request->revision, err)) < 0 ||
            (r = wire_get_oids(json, "deployed", RV_GIT_REVISIONS_MAX, &request->deployed, &request->n_deployed, err)) <
                    0)
                return r;
        request->number = number;
        request->id = (uint64_t)id;
        if (request->max_commits > RV_COMMITS_MAX)
                request->max_commits = RV_COMMITS_MAX;
        if (has_spec(request->op))
                return rv_revert_spec_from_json(&request->spec, json_object_get(json, "spec"), err);
        return 0;
}

int rv_git_request_decode(struct rv_git_request **ret, const char *line, size_t n, struct rv_error *err) {
        _cleanup_json_ json_t *json = NULL;
        struct rv_git_request *request;
        int r;

        r = wire_parse(&json, line, n, err);
        if (r < 0)
                return rv_error_prefix(err, r, "request");
        request = calloc(1, sizeof(*request));
        if (!request)
                return rv_error_oom(err);
        r = read_request(request, json, err);
        if (r < 0) {
                rv_git_request_free(request);
                return rv_error_prefix(err, r, "request");
        }
        *ret = request;
        return 0;
}
