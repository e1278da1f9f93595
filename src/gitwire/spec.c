#include "gitwire/wire.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <string.h>

enum { SCOPE_MAX = 1024 };

void rv_revert_spec_done(struct rv_revert_spec *spec) {
        free(spec->commits);
        wire_free_strings(spec->scope, spec->n_scope);
        free(spec->message);
        *spec = (struct rv_revert_spec){};
}

static int copy_into(struct rv_revert_spec *copy, const struct rv_revert_spec *spec) {
        if (spec->n_commits > 0) {
                copy->commits = calloc(spec->n_commits, sizeof(*copy->commits));
                if (!copy->commits)
                        return -ENOMEM;
                memcpy(copy->commits, spec->commits, spec->n_commits * sizeof(*copy->commits));
                copy->n_commits = spec->n_commits;
        }
        if (spec->n_scope > 0) {
                copy->scope = calloc(spec->n_scope, sizeof(*copy->scope));
                if (!copy->scope)
                        return -ENOMEM;
        }
        for (size_t i = 0; i < spec->n_scope; i++) {
                copy->scope[i] = strdup(spec->scope[i]);
                if (!copy->scope[i])
                        return -ENOMEM;
                copy->n_scope++;
        }
        if (spec->message) {
                copy->message = strdup(spec->message);
                if (!copy->message)
                        return -ENOMEM;
        }
        return 0;
}

int rv_revert_spec_copy(struct rv_revert_spec *ret, const struct rv_revert_spec *spec) {
        struct rv_revert_spec copy = {.base = spec->base, .restore = spec->restore, .time_usec = spec->time_usec};
        int r;

        r = copy_into(&copy, spec);
        if (r < 0) {
                rv_revert_spec_done(&copy);
                return r;
        }
        *ret = copy;
        return 0;
}

json_t *rv_revert_spec_to_json(const struct rv_revert_spec *spec) {
        _cleanup_json_ json_t *json = json_object();
        int r = 0;

        r |= wire_set_oid(json, "base", &spec->base);
        r |= wire_set_oids(json, "commits", spec->commits, spec->n_commits);
        r |= wire_set_oid(json, "restore", &spec->restore);
        r |= wire_set_strings(json, "scope", spec->scope, spec->n_scope);
        r |= wire_set_string(json, "message", spec->message);
        r |= wire_set_int(json, "time_usec", spec->time_usec);
        return r < 0 ? NULL : RV_TAKE(json);
}

int rv_revert_spec_from_json(struct rv_revert_spec *ret, const json_t *json, struct rv_error *err) {
        struct rv_revert_spec spec = {};
        int r;

        if (!json_is_object(json))
                return rv_error_set(err, -EINVAL, "spec: not an object");
        if ((r = wire_get_oid(json, "base", &spec.base, err)) < 0 ||
            (r = wire_get_oids(json, "commits", RV_REVERT_COMMITS_MAX, &spec.commits, &spec.n_commits, err)) < 0 ||
            (r = wire_get_oid(json, "restore", &spec.restore, err)) < 0 ||
            (r = wire_get_strings(json, "scope", SCOPE_MAX, &spec.scope, &spec.n_scope, err)) < 0 ||
            (r = wire_get_string(json, "message", &spec.message, err)) < 0 ||
            (r = wire_get_int(json, "time_usec", &spec.time_usec, err)) < 0) {
                rv_revert_spec_done(&spec);
                return rv_error_prefix(err, r, "spec");
        }
        *ret = spec;
        return 0;
}
