#include "gitwire/wire.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <string.h>

static const char *const outcome_names[RV_GIT_OUTCOME_MAX] = {
        [RV_GIT_OK] = "ok",
        [RV_GIT_ALREADY] = "already",
        [RV_GIT_MOVED] = "moved",
        [RV_GIT_CONFLICT] = "conflict",
        [RV_GIT_EMPTY] = "empty",
        [RV_GIT_REFUSED] = "refused",
        [RV_GIT_POLICY] = "policy",
        [RV_GIT_NOT_FOUND] = "not_found",
        [RV_GIT_UNAVAILABLE] = "unavailable",
        [RV_GIT_FAILED] = "failed",
};

const char *rv_git_outcome_to_string(enum rv_git_outcome outcome) {
        return outcome < RV_GIT_OUTCOME_MAX ? outcome_names[outcome] : "unknown";
}

int rv_git_outcome_from_string(const char *s, enum rv_git_outcome *ret) {
        for (unsigned i = 0; s && i < RV_GIT_OUTCOME_MAX; i++)
                if (strcmp(outcome_names[i], s) == 0) {
                        *ret = i;
                        return 0;
                }
        return -EINVAL;
}

struct rv_git_reply *rv_git_reply_free(struct rv_git_reply *reply) {
        if (!reply)
                return NULL;
        free(reply->message);
        for (size_t i = 0; i < reply->n_commits; i++)
                rv_commit_done(&reply->commits[i]);
        free(reply->commits);
        free(reply->fresh);
        wire_free_strings(reply->paths, reply->n_paths);
        free(reply->diff);
        rv_proposal_done(&reply->proposal);
        free(reply->pause);
        free(reply->above);
        free(reply);
        return NULL;
}

static int set_commits(json_t *json, const struct rv_git_reply *reply) {
        _cleanup_json_ json_t *array = json_array();

        for (size_t i = 0; i < reply->n_commits; i++)
                if (json_array_append_new(array, rv_commit_to_json(&reply->commits[i])) < 0)
                        return -1;
        return json_object_set(json, "commits", array);
}

/* −1 is SIZE_MAX. */
static int set_above(json_t *json, const struct rv_git_reply *reply) {
        _cleanup_json_ json_t *array = json_array();

        for (size_t i = 0; i < reply->n_above; i++)
                if (json_array_append_new(array, json_integer((json_int_t)reply->above[i])) < 0)
                        return -1;
        return json_object_set(json, "above", array);
}

int rv_git_reply_encode(const struct rv_git_reply *reply, char **ret) {
        _cleanup_json_ json_t *json = json_object();
        int r = 0;

        r |= wire_set_int(json, "id", (int64_t)reply->id);
        r |= wire_set_bool(json, "progress", reply->progress);
        r |= wire_set_string(json, "outcome", rv_git_outcome_to_string(reply->outcome));
        r |= wire_set_string(json, "message", reply->message);
        r |= wire_set_oid(json, "head", &reply->head);
        if (reply->n_commits > 0)
                r |= set_commits(json, reply);
        r |= wire_set_int(json, "n_scanned", (int64_t)reply->n_scanned);
        r |= wire_set_bool(json, "truncated", reply->truncated);
        if (reply->n_fresh > 0)
                r |= wire_set_oids(json, "fresh", reply->fresh, reply->n_fresh);
        r |= wire_set_oid(json, "commit", &reply->commit);
        r |= wire_set_int(json, "n_files", (int64_t)reply->n_files);
        r |= wire_set_int(json, "n_insertions", (int64_t)reply->n_insertions);
        r |= wire_set_int(json, "n_deletions", (int64_t)reply->n_deletions);
        if (reply->n_paths > 0)
                r |= wire_set_strings(json, "paths", reply->paths, reply->n_paths);
        r |= wire_set_string(json, "diff", reply->diff);
        r |= wire_set_bool(json, "empties", reply->empties);
        if (reply->proposal.number > 0)
                r |= json_object_set_new(json, "proposal", rv_proposal_to_json(&reply->proposal));
        if (reply->wait_usec > 0)
                r |= wire_set_int(json, "wait_usec", reply->wait_usec);
        r |= wire_set_bool(json, "contained", reply->contained);
        r |= wire_set_bool(json, "deployed", reply->deployed);
        if (reply->n_above > 0)
                r |= set_above(json, reply);
        r |= wire_set_string(json, "pause", reply->pause);
        if (r < 0)
                return -ENOMEM;
        return wire_dump(RV_TAKE(json), ret);
}

static int get_commits(struct rv_git_reply *reply, const json_t *array, struct rv_error *err) {
        size_t n = json_array_size(array);
        int r;

        if (array && !json_is_array(array))
                return rv_error_set(err, -EINVAL, "\"commits\": not a list");
        if (n > RV_COMMITS_MAX)
                return rv_error_set(err, -EINVAL, "\"commits\": more than %d", RV_COMMITS_MAX);
        if (n == 0)
                return 0;
        reply->commits = calloc(n, sizeof(*reply->commits));
        if (!reply->commits)
                return rv_error_oom(err);
        for (size_t i = 0; i < n; i++) {
                r = rv_commit_from_json(&reply->commits[i], json_array_get(array, i), err);
                if (r < 0)
                        return r;
                reply->n_commits++;
        }
        return 0;
}

static int get_proposal(struct rv_git_reply *reply, const json_t *json, struct rv_error *err) {
        return json ? rv_proposal_from_json(&reply->proposal, json, err) : 0;
}

static int get_above(struct rv_git_reply *reply, const json_t *array, struct rv_error *err) {
        size_t n = json_array_size(array);

        if ((array && !json_is_array(array)) || n > RV_GIT_REVISIONS_MAX)
                return rv_error_set(err, -EINVAL, "\"above\": not a list, or too long");
        reply->above = n > 0 ? calloc(n, sizeof(*reply->above)) : NULL;
        if (n > 0 && !reply->above)
                return rv_error_oom(err);
        for (size_t i = 0; i < n; i++) {
                const json_t *item = json_array_get(array, i);
                json_int_t value = json_integer_value(item);

                if (!json_is_integer(item) || value < -1 || value > RV_COMMITS_MAX)
                        return rv_error_set(err, -EINVAL, "\"above\": not a number of commits");
                reply->above[reply->n_above++] = value < 0 ? SIZE_MAX : (size_t)value;
        }
        return 0;
}

static int read_reply(struct rv_git_reply *reply, const json_t *json, struct rv_error *err) {
        int64_t id = 0;
        int r;

        if (rv_git_outcome_from_string(rv_json_string(json, "outcome", NULL), &reply->outcome) < 0)
                return rv_error_set(err, -EINVAL, "\"outcome\": no such outcome");
        if ((r = wire_get_int(json, "id", &id, err)) < 0 ||
            (r = wire_get_bool(json, "progress", &reply->progress, err)) < 0 ||
            (r = wire_get_string(json, "message", &reply->message, err)) < 0 ||
            (r = wire_get_oid(json, "head", &reply->head, err)) < 0 ||
            (r = get_commits(reply, json_object_get(json, "commits"), err)) < 0 ||
            (r = wire_get_size(json, "n_scanned", &reply->n_scanned, err)) < 0 ||
            (r = wire_get_bool(json, "truncated", &reply->truncated, err)) < 0 ||
            (r = wire_get_oids(json, "fresh", RV_COMMITS_MAX, &reply->fresh, &reply->n_fresh, err)) < 0 ||
            (r = wire_get_oid(json, "commit", &reply->commit, err)) < 0 ||
            (r = wire_get_size(json, "n_files", &reply->n_files, err)) < 0 ||
            (r = wire_get_size(json, "n_insertions", &reply->n_insertions, err)) < 0 ||
            (r = wire_get_size(json, "n_deletions", &reply->n_deletions, err)) < 0 ||
            (r = wire_get_strings(json, "paths", RV_COMMIT_PATHS_MAX, &reply->paths, &reply->n_paths, err)) < 0 ||
            (r = wire_get_string(json, "diff", &reply->diff, err)) < 0 ||
            (r = wire_get_bool(json, "empties", &reply->empties, err)) < 0 ||
            (r = get_proposal(reply, json_object_get(json, "proposal"), err)) < 0 ||
            (r = wire_get_int(json, "wait_usec", &reply->wait_usec, err)) < 0 ||
            (r = wire_get_bool(json, "contained", &reply->contained, err)) < 0 ||
            (r = wire_get_bool(json, "deployed", &reply->deployed, err)) < 0 ||
            (r = get_above(reply, json_object_get(json, "above"), err)) < 0 ||
            (r = wire_get_string(json, "pause", &reply->pause, err)) < 0)
                return r;
        if (reply->wait_usec < 0 || reply->wait_usec > RV_GIT_WAIT_USEC_MAX)
                return rv_error_set(err, -EINVAL, "\"wait_usec\": out of range");
        reply->id = (uint64_t)id;
        return 0;
}

int rv_git_reply_decode(struct rv_git_reply **ret, const char *line, size_t n, struct rv_error *err) {
        _cleanup_json_ json_t *json = NULL;
        struct rv_git_reply *reply;
        int r;

        r = wire_parse(&json, line, n, err);
        if (r < 0)
                return rv_error_prefix(err, r, "reply");
        reply = calloc(1, sizeof(*reply));
        if (!reply)
                return rv_error_oom(err);
        r = read_reply(reply, json, err);
        if (r < 0) {
                rv_git_reply_free(reply);
                return rv_error_prefix(err, r, "reply");
        }
        *ret = reply;
        return 0;
}
