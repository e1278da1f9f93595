/* An Application of Argo CD. status.sync.revision is what was compared, not what was applied: it counts only where that
 * is the same (Synced). A change that makes no difference to the manifests leads to no operation and no entry in the
 * history, so neither is waited for. */
#include "operator/answer.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What was brought from Git into the branch that is applied, where the source is hydrated. */
static void add_dry(struct rv_applied *applied, const json_t *status, const struct rv_oid *hydrated) {
        const json_t *last = json_object_get(json_object_get(status, "sourceHydrator"), "lastSuccessfulOperation");
        struct rv_oid dry = answer_oid(answer_text(last, "drySHA"));

        if (*dry.hex && strcmp(answer_text(last, "hydratedSHA"), hydrated->hex) == 0)
                rv_applied_add_revision(applied, &dry);
}

static void add_revisions(struct rv_applied *applied, const json_t *status) {
        const json_t *sync = json_object_get(status, "sync"), *revisions = json_object_get(sync, "revisions"), *item;
        struct rv_oid oid = answer_oid(answer_text(sync, "revision"));
        size_t i;

        if (*oid.hex)
                rv_applied_add_revision(applied, &oid);
        json_array_foreach (revisions, i, item) {
                oid = answer_oid(json_is_string(item) ? json_string_value(item) : "");
                if (*oid.hex)
                        rv_applied_add_revision(applied, &oid);
        }
        for (size_t n = applied->n_revisions, k = 0; k < n; k++)
                add_dry(applied, status, &applied->revision[k]);
}

/* An entry's revision, or those of its sources: went live together. */
static void add_deployment(struct rv_applied *applied, const json_t *entry, int64_t started_usec, int64_t at_usec) {
        struct rv_deployment deployment = {answer_oid(answer_text(entry, "revision")), started_usec, at_usec};
        const json_t *item;
        size_t i;

        if (*deployment.revision.hex)
                rv_applied_add_deployment(applied, &deployment);
        json_array_foreach (json_object_get(entry, "revisions"), i, item) {
                deployment.revision = answer_oid(json_is_string(item) ? json_string_value(item) : "");
                if (*deployment.revision.hex)
                        rv_applied_add_deployment(applied, &deployment);
        }
}

/* One that succeeded has its entry in the history; another may have brought a part to the cluster. */
static bool is_half_done(const json_t *operation) {
        return operation && strcmp(answer_text(operation, "phase"), "Succeeded") != 0 &&
               !rv_json_bool(json_object_get(json_object_get(operation, "operation"), "sync"), "dryRun", false);
}

static void add_deployments(struct rv_applied *applied, const json_t *status) {
        const json_t *operation = json_object_get(status, "operationState"), *entry;
        int64_t started_usec = answer_time(operation, "startedAt"), at_usec = answer_time(operation, "finishedAt");
        size_t i;

        json_array_foreach (json_object_get(status, "history"), i, entry)
                add_deployment(applied, entry, answer_time(entry, "deployStartedAt"), answer_time(entry, "deployedAt"));
        if (is_half_done(operation))
                add_deployment(applied, json_object_get(operation, "syncResult"), started_usec,
                               at_usec > 0 ? at_usec : started_usec);
}

/* Asked for, or under way. */
static bool is_operating(const json_t *root) {
        const char *phase = answer_text(json_object_get(json_object_get(root, "status"), "operationState"), "phase");

        return json_is_object(json_object_get(root, "operation")) || strcmp(phase, "Running") == 0 ||
               strcmp(phase, "Terminating") == 0;
}

static int say(struct rv_applied *applied, const json_t *root, struct rv_error *err) {
        const json_t *status = json_object_get(root, "status"), *operation = json_object_get(status, "operationState"),
                     *condition;
        const json_t *sync = json_object_get(status, "sync"), *health = json_object_get(status, "health");
        const json_t *revisions = json_object_get(sync, "revisions");
        const char *phase = answer_text(operation, "phase"), *at = answer_text(sync, "revision");
        size_t size, i;
        FILE *words = open_memstream(&applied->words, &size);

        if (!words)
                return rv_error_oom(err);
        fprintf(words, "%s", *answer_text(sync, "status") ? answer_text(sync, "status") : "not compared yet");
        if (!*at && json_array_size(revisions) > 0 && json_is_string(json_array_get(revisions, 0)))
                at = json_string_value(json_array_get(revisions, 0));
        if (*at)
                fprintf(words, " at %s", at);
        answer_say(words, *answer_text(health, "status") ? answer_text(health, "status") : "health unknown",
                   answer_text(health, "message"));
        if (*phase && strcmp(phase, "Succeeded") != 0) {
                answer_say(words, "operation ", NULL);
                fputs(phase, words);
                if (*answer_text(operation, "message"))
                        fprintf(words, ": %s", answer_text(operation, "message"));
        }
        json_array_foreach (json_object_get(status, "conditions"), i, condition)
                answer_say(words, answer_text(condition, "type"), answer_text(condition, "message"));
        return answer_end_words(words, applied, err);
}

int rv_argocd_parse(const struct rv_http_response *response, struct rv_applied *ret, struct rv_error *err) {
        _cleanup_json_ json_t *root = NULL;
        const json_t *status;
        bool is_synced;
        int r;

        *ret = (struct rv_applied){0};
        r = answer_read(&root, response, err);
        if (r < 0)
                return r;
        status = json_object_get(root, "status");
        is_synced = strcmp(answer_text(json_object_get(status, "sync"), "status"), "Synced") == 0;
        if (is_synced)
                add_revisions(ret, status);
        add_deployments(ret, status);
        ret->is_settled = is_synced &&
                          strcmp(answer_text(json_object_get(status, "health"), "status"), "Healthy") == 0 &&
                          !is_operating(root);
        return say(ret, root, err);
}
