#include "gitwire/wire.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <string.h>

void rv_commit_done(struct rv_commit *commit) {
        free(commit->author_name);
        free(commit->author_email);
        free(commit->subject);
        free(commit->incident);
        free(commit->reverts);
        wire_free_strings(commit->paths, commit->n_paths);
        wire_free_values(commit->values, commit->n_values);
        *commit = (struct rv_commit){};
}

json_t *rv_commit_to_json(const struct rv_commit *commit) {
        _cleanup_json_ json_t *json = json_object();
        int r = 0;

        r |= wire_set_oid(json, "id", &commit->id);
        r |= wire_set_int(json, "n_parents", commit->n_parents);
        r |= wire_set_string(json, "author_name", commit->author_name);
        r |= wire_set_string(json, "author_email", commit->author_email);
        r |= wire_set_string(json, "subject", commit->subject);
        r |= wire_set_int(json, "author_usec", commit->author_usec);
        r |= wire_set_int(json, "commit_usec", commit->commit_usec);
        r |= wire_set_bool(json, "skip", commit->skip);
        r |= wire_set_string(json, "incident", commit->incident);
        r |= wire_set_oids(json, "reverts", commit->reverts, commit->n_reverts);
        r |= wire_set_strings(json, "paths", commit->paths, commit->n_paths);
        r |= wire_set_int(json, "n_inside", (int64_t)commit->n_inside);
        r |= wire_set_int(json, "n_outside", (int64_t)commit->n_outside);
        r |= wire_set_oid(json, "reapplies", &commit->reapplies);
        r |= wire_set_values(json, "values", commit->values, commit->n_values);
        return r < 0 ? NULL : RV_TAKE(json);
}

static int read_commit(struct rv_commit *commit, const json_t *json, struct rv_error *err) {
        size_t n_parents = 0;
        int r;

        if (!json_is_object(json))
                return rv_error_set(err, -EINVAL, "not an object");
        if ((r = wire_get_oid(json, "id", &commit->id, err)) < 0 ||
            (r = wire_get_size(json, "n_parents", &n_parents, err)) < 0 ||
            (r = wire_get_string(json, "author_name", &commit->author_name, err)) < 0 ||
            (r = wire_get_string(json, "author_email", &commit->author_email, err)) < 0 ||
            (r = wire_get_string(json, "subject", &commit->subject, err)) < 0 ||
            (r = wire_get_int(json, "author_usec", &commit->author_usec, err)) < 0 ||
            (r = wire_get_int(json, "commit_usec", &commit->commit_usec, err)) < 0 ||
            (r = wire_get_bool(json, "skip", &commit->skip, err)) < 0 ||
            (r = wire_get_string(json, "incident", &commit->incident, err)) < 0 ||
            (r = wire_get_oids(json, "reverts", RV_REVERT_COMMITS_MAX, &commit->reverts, &commit->n_reverts, err)) <
                    0 ||
            (r = wire_get_strings(json, "paths", RV_COMMIT_PATHS_MAX, &commit->paths, &commit->n_paths, err)) < 0 ||
            (r = wire_get_size(json, "n_inside", &commit->n_inside, err)) < 0 ||
            (r = wire_get_size(json, "n_outside", &commit->n_outside, err)) < 0 ||
            (r = wire_get_oid(json, "reapplies", &commit->reapplies, err)) < 0 ||
            (r = wire_get_values(json, "values", &commit->values, &commit->n_values, err)) < 0)
                return r;
        if (!commit->id.hex[0] || !commit->author_name || !commit->author_email || !commit->subject)
                return rv_error_set(err, -EINVAL, "a commit needs id, author_name, author_email and subject");
        commit->n_parents = n_parents > INT16_MAX ? INT16_MAX : (unsigned)n_parents;
        return 0;
}

int rv_commit_from_json(struct rv_commit *ret, const json_t *json, struct rv_error *err) {
        struct rv_commit commit = {};
        int r;

        r = read_commit(&commit, json, err);
        if (r < 0) {
                rv_commit_done(&commit);
                return rv_error_prefix(err, r, "commit");
        }
        *ret = commit;
        return 0;
}

int rv_commit_copy(struct rv_commit *ret, const struct rv_commit *commit) {
        _cleanup_json_ json_t *json = rv_commit_to_json(commit);

        return json && rv_commit_from_json(ret, json, NULL) == 0 ? 0 : -ENOMEM;
}
