#include "revertd/plan.h"
#include "revertd/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rv_plan *rv_plan_free(struct rv_plan *plan) {
        if (!plan)
                return NULL;
        rv_revert_spec_done(&plan->spec);
        for (size_t i = 0; i < plan->n_paths; i++)
                free(plan->paths[i]);
        free(plan->paths);
        free(plan->diff);
        for (size_t i = 0; i < plan->n_dependents; i++)
                rv_commit_done(&plan->dependents[i]);
        free(plan->dependents);
        free(plan);
        return NULL;
}

static json_t *paths_to_json(const struct rv_plan *plan) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < plan->n_paths; i++)
                if (json_array_append_new(array, json_string(plan->paths[i])) < 0) {
                        json_decref(array);
                        return NULL;
                }
        return array;
}

static json_t *dependents_to_json(const struct rv_plan *plan) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < plan->n_dependents; i++)
                if (json_array_append_new(array, rv_commit_to_json(&plan->dependents[i])) < 0) {
                        json_decref(array);
                        return NULL;
                }
        return array;
}

json_t *rv_plan_to_json(const struct rv_plan *plan) {
        return json_pack("{s:o, s:s, s:I, s:I, s:I, s:o, s:s?, s:b, s:o}", "spec", rv_revert_spec_to_json(&plan->spec),
                         "commit", plan->commit.hex, "files", (json_int_t)plan->n_files, "insertions",
                         (json_int_t)plan->n_insertions, "deletions", (json_int_t)plan->n_deletions, "paths",
                         paths_to_json(plan), "diff", plan->diff, "empties", plan->empties, "dependents",
                         dependents_to_json(plan));
}

static int paths_from_json(struct rv_plan *plan, const json_t *array) {
        const json_t *item;
        size_t i;

        plan->paths = calloc(json_array_size(array) + 1, sizeof(*plan->paths));
        if (!plan->paths)
                return -ENOMEM;
        json_array_foreach (array, i, item) {
                if (!json_is_string(item))
                        return -EINVAL;
                plan->paths[i] = strdup(json_string_value(item));
                if (!plan->paths[i])
                        return -ENOMEM;
                plan->n_paths++;
        }
        return 0;
}

static int dependents_from_json(struct rv_plan *plan, const json_t *array, struct rv_error *err) {
        const json_t *item;
        size_t i;

        plan->dependents = calloc(json_array_size(array) + 1, sizeof(*plan->dependents));
        if (!plan->dependents)
                return rv_error_oom(err);
        json_array_foreach (array, i, item) {
                int r = rv_commit_from_json(&plan->dependents[i], item, err);

                if (r < 0)
                        return rv_error_prefix(err, r, "dependents");
                plan->n_dependents++;
        }
        return 0;
}

static int fill_from_json(struct rv_plan *plan, const json_t *json, struct rv_error *err) {
        const char *commit = rv_json_string(json, "commit", ""), *diff = rv_json_string(json, "diff", NULL);
        int64_t files = rv_json_int(json, "files", 0);
        int64_t insertions = rv_json_int(json, "insertions", 0), deletions = rv_json_int(json, "deletions", 0);
        int r;

        if (strlen(commit) > RV_OID_HEX_MAX || files < 0 || insertions < 0 || deletions < 0)
                return rv_error_set(err, -EINVAL, "a value is out of range");
        snprintf(plan->commit.hex, sizeof(plan->commit.hex), "%s", commit);
        plan->n_files = (size_t)files;
        plan->n_insertions = (size_t)insertions;
        plan->n_deletions = (size_t)deletions;
        plan->empties = rv_json_bool(json, "empties", false);
        r = rv_revert_spec_from_json(&plan->spec, json_object_get(json, "spec"), err);
        if (r < 0)
                return r;
        if (diff) {
                plan->diff = strdup(diff);
                if (!plan->diff)
                        return rv_error_oom(err);
        }
        r = paths_from_json(plan, json_object_get(json, "paths"));
        if (r < 0)
                return rv_error_set(err, r, "paths: not a list of strings");
        return dependents_from_json(plan, json_object_get(json, "dependents"), err);
}

int rv_plan_from_json(struct rv_plan **ret, const json_t *json, struct rv_error *err) {
        struct rv_plan *plan = calloc(1, sizeof(*plan));
        int r;

        if (!plan)
                return rv_error_oom(err);
        r = fill_from_json(plan, json, err);
        if (r < 0) {
                rv_plan_free(plan);
                return rv_error_prefix(err, r, "plan");
        }
        *ret = plan;
        return 0;
}
