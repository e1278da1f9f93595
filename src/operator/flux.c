/* A Kustomization of Flux. lastAppliedRevision is written once the health checks have passed; what was only attempted
 * may be in the cluster too. The history (where the controller keeps one) has an entry for each set of manifests, with
 * the newest revision that made it. */
#include "operator/answer.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* "main@sha1:…", "feature/x@sha1:…", "sha1:…", and of older controllers "main/…". */
static struct rv_oid commit_of(const char *revision) {
        const char *at = strrchr(revision, '@'), *id = at ? at + 1 : revision;
        const char *colon = strchr(id, ':'), *slash = strrchr(id, '/');

        if (colon)
                id = colon + 1;
        else if (slash)
                id = slash + 1;
        return answer_oid(id);
}

/* Of an artifact that is no commit (OCI) the origin is. */
static struct rv_oid origin_or(const char *origin, const char *revision) {
        struct rv_oid oid = commit_of(origin);

        return *oid.hex ? oid : commit_of(revision);
}

static const json_t *find_condition(const json_t *status, const char *type) {
        const json_t *condition;
        size_t i;

        json_array_foreach (json_object_get(status, "conditions"), i, condition)
                if (strcmp(answer_text(condition, "type"), type) == 0)
                        return condition;
        return NULL;
}

static bool is_true(const json_t *condition) {
        return strcmp(answer_text(condition, "status"), "True") == 0;
}

/* Manifests that failed their health checks were applied all the same. */
static bool was_applied(const char *status) {
        return strcmp(status, "ReconciliationSucceeded") == 0 || strcmp(status, "HealthCheckFailed") == 0;
}

/* Newest first there. */
static void add_deployments(struct rv_applied *applied, const json_t *status) {
        const json_t *history = json_object_get(status, "history");
        struct rv_deployment attempted = {.revision = commit_of(answer_text(status, "lastAttemptedRevision"))};

        for (size_t i = json_array_size(history); i-- > 0;) {
                const json_t *entry = json_array_get(history, i), *metadata = json_object_get(entry, "metadata");
                struct rv_deployment deployment = {
                        .revision =
                                origin_or(answer_text(metadata, "originRevision"), answer_text(metadata, "revision")),
                        .at_usec = answer_time(entry, "firstReconciled"),
                };

                if (*deployment.revision.hex && was_applied(answer_text(entry, "lastReconciledStatus")))
                        rv_applied_add_deployment(applied, &deployment);
        }
        if (*attempted.revision.hex && !rv_applied_is_at(applied, &attempted.revision))
                rv_applied_add_deployment(applied, &attempted);
}

static int say(struct rv_applied *applied, const json_t *root, struct rv_error *err) {
        const json_t *status = json_object_get(root, "status"), *ready = find_condition(status, "Ready");
        const char *at = answer_text(status, "lastAppliedRevision"),
                   *tried = answer_text(status, "lastAttemptedRevision");
        size_t size;
        FILE *words = open_memstream(&applied->words, &size);

        if (!words)
                return rv_error_oom(err);
        fprintf(words, "applied %s", *at ? at : "nothing yet");
        if (*tried && strcmp(tried, at) != 0)
                answer_say(words, "tried", tried);
        if (!ready)
                answer_say(words, "not ready", NULL);
        else
                answer_say(words, *answer_text(ready, "reason") ? answer_text(ready, "reason") : "Ready",
                           answer_text(ready, "message"));
        if (rv_json_bool(json_object_get(root, "spec"), "suspend", false))
                answer_say(words, "it is suspended", NULL);
        return answer_end_words(words, applied, err);
}

static int read_source(const json_t *root, struct rv_flux_source *ret, struct rv_error *err) {
        const json_t *source = json_object_get(json_object_get(root, "spec"), "sourceRef");
        const char *space = answer_text(source, "namespace"), *name = answer_text(source, "name");

        *ret = (struct rv_flux_source){0};
        if (strcmp(answer_text(source, "kind"), "GitRepository") != 0)
                return 0;
        if (!*space)
                space = answer_text(json_object_get(root, "metadata"), "namespace");
        if (!rv_config_is_object_name(space) || !rv_config_is_object_name(name))
                return rv_error_set(err, -EINVAL, "spec.sourceRef: not the name of an object");
        snprintf(ret->space, sizeof(ret->space), "%s", space);
        snprintf(ret->name, sizeof(ret->name), "%s", name);
        return 0;
}

int rv_flux_parse(const struct rv_http_response *response, struct rv_applied *ret, struct rv_flux_source *ret_source,
                  struct rv_error *err) {
        _cleanup_json_ json_t *root = NULL;
        const json_t *status;
        struct rv_oid applied;
        int r;

        *ret = (struct rv_applied){0};
        r = answer_read(&root, response, err);
        if (r == 0)
                r = read_source(root, ret_source, err);
        if (r < 0)
                return r;
        status = json_object_get(root, "status");
        applied =
                origin_or(answer_text(status, "lastAppliedOriginRevision"), answer_text(status, "lastAppliedRevision"));
        if (*applied.hex)
                rv_applied_add_revision(ret, &applied);
        add_deployments(ret, status);
        ret->is_settled = is_true(find_condition(status, "Ready")) && !is_true(find_condition(status, "Reconciling")) &&
                          rv_json_int(status, "observedGeneration", -1) ==
                                  rv_json_int(json_object_get(root, "metadata"), "generation", 0) &&
                          !rv_json_bool(json_object_get(root, "spec"), "suspend", false);
        return say(ret, root, err);
}
