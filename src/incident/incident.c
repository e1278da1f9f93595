/* An incident's record. */
#include "members.h"

#include "revertd/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void free_strings(char **strings, size_t n) {
        for (size_t i = 0; strings && i < n; i++)
                free(strings[i]);
        free(strings);
}

struct rv_incident *rv_incident_free(struct rv_incident *incident) {
        if (!incident)
                return NULL;
        json_decref(incident->samples);
        free(incident->detail);
        free(incident->rule);
        rv_labels_unref(incident->labels);
        free(incident->summary);
        free(incident->repository);
        free_strings(incident->scope, incident->n_scope);
        free(incident->applied_by);
        free(incident->application);
        free(incident->space);
        free(incident->actor);
        free(incident->note);
        for (size_t i = 0; i < incident->n_suspects; i++)
                rv_suspect_done(&incident->suspects[i]);
        free(incident->suspects);
        rv_plan_free(incident->plan);
        rv_proposal_done(&incident->proposal);
        free_strings(incident->revisions, incident->n_revisions);
        free(incident->to);
        free(incident->conflict);
        free(incident);
        return NULL;
}

static json_t *times_to_json(const struct rv_incident_times *t) {
        return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "onset_usec",
                         (json_int_t)t->onset_usec, "detected_usec", (json_int_t)t->detected_usec, "decided_usec",
                         (json_int_t)t->decided_usec, "proposed_usec", (json_int_t)t->proposed_usec, "pushed_usec",
                         (json_int_t)t->pushed_usec, "landed_usec", (json_int_t)t->landed_usec, "applied_usec",
                         (json_int_t)t->applied_usec, "recovered_usec", (json_int_t)t->recovered_usec, "ended_usec",
                         (json_int_t)t->ended_usec, "earlier_usec", (json_int_t)t->earlier_usec, "earlier_end_usec",
                         (json_int_t)t->earlier_end_usec);
}

static void times_from_json(struct rv_incident_times *t, const json_t *json) {
        *t = (struct rv_incident_times){
                .onset_usec = rv_json_int(json, "onset_usec", 0),
                .detected_usec = rv_json_int(json, "detected_usec", 0),
                .decided_usec = rv_json_int(json, "decided_usec", 0),
                .proposed_usec = rv_json_int(json, "proposed_usec", 0),
                .pushed_usec = rv_json_int(json, "pushed_usec", 0),
                .landed_usec = rv_json_int(json, "landed_usec", 0),
                .applied_usec = rv_json_int(json, "applied_usec", 0),
                .recovered_usec = rv_json_int(json, "recovered_usec", 0),
                .ended_usec = rv_json_int(json, "ended_usec", 0),
                .earlier_usec = rv_json_int(json, "earlier_usec", 0),
                .earlier_end_usec = rv_json_int(json, "earlier_end_usec", 0),
        };
}

static json_t *suspects_to_json(const struct rv_incident *incident) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < incident->n_suspects; i++)
                if (json_array_append_new(array, rv_suspect_to_json(&incident->suspects[i])) < 0) {
                        json_decref(array);
                        return NULL;
                }
        return array;
}

static json_t *guards_to_json(const struct rv_incident *incident) {
        json_t *object = json_object();

        for (size_t i = 0; object && rv_guard_at(i) != RV_REASON_NONE; i++) {
                enum rv_reason reason = rv_guard_at(i);
                uint64_t bit = UINT64_C(1) << reason;

                if ((incident->guards_asked & bit) &&
                    json_object_set_new(object, rv_reason_to_string(reason),
                                        json_boolean((incident->guards_objecting & bit) != 0)) < 0) {
                        json_decref(object);
                        return NULL;
                }
        }
        return object;
}

static void guards_from_json(struct rv_incident *incident, const json_t *object) {
        for (size_t i = 0; rv_guard_at(i) != RV_REASON_NONE; i++) {
                enum rv_reason reason = rv_guard_at(i);
                const json_t *answer = json_object_get(object, rv_reason_to_string(reason));

                if (!json_is_boolean(answer))
                        continue;
                incident->guards_asked |= UINT64_C(1) << reason;
                if (json_is_true(answer))
                        incident->guards_objecting |= UINT64_C(1) << reason;
        }
}

json_t *rv_incident_to_json(const struct rv_incident *i) {
        /* A missing part (out of memory) makes json_pack() fail as a whole. */
        return json_pack(
                "{s:s, s:s, s:s, s:s?, s:s?, s:o, s:s?, s:s, s:o, s:s?, s:s?, s:s?, s:s, s:b, s:s?, s:s?, s:b, s:o, "
                "s:o, s:o, s:o,"
                " s:o, s:o, s:o, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:s?, s:s, s:s?, s:s, s:o, s:i, s:i, s:I, s:I, "
                "s:I, "
                "s:i}",
                "id", i->id, "state", rv_incident_state_to_string(i->state), "reason", rv_reason_to_string(i->reason),
                "detail", i->detail, "rule", i->rule, "labels",
                i->labels ? rv_labels_to_json(i->labels) : json_object(), "summary", i->summary, "repository",
                i->repository, "scope", json_from_strings(i->scope, i->n_scope), "operator", i->applied_by,
                "application", i->application, "namespace", i->space, "mode", rv_mode_to_string(i->mode), "by_hand",
                i->by_hand, "actor", i->actor, "note", i->note, "force", i->force, "value", rv_value_to_json(i->value),
                "last_value", rv_value_to_json(i->last_value), "samples",
                i->samples ? json_incref(i->samples) : json_array(), "times", times_to_json(&i->times), "suspects",
                suspects_to_json(i), "plan", i->plan ? rv_plan_to_json(i->plan) : json_null(), "proposal",
                i->proposal.number > 0 ? rv_proposal_to_json(&i->proposal) : json_null(), "head", i->head.hex,
                "last_good", i->last_good.hex, "after", i->after, "ruled_out", i->ruled_out.hex, "next", i->next,
                "aside", i->aside.hex, "revisions", json_from_strings(i->revisions, i->n_revisions), "to", i->to,
                "restore", i->restore.hex, "conflict", i->conflict, "released", i->released.hex, "guards",
                guards_to_json(i), "attempts", (int)i->attempts, "moves", (int)i->moves, "retry_usec",
                (json_int_t)i->retry_usec, "deadline_usec", (json_int_t)i->deadline_usec, "ok_usec",
                (json_int_t)i->ok_usec, "n_transitions", (int)i->n_transitions);
}

static int read_enums(struct rv_incident *i, const json_t *json, struct rv_error *err) {
        if (rv_incident_state_from_string(rv_json_string(json, "state", ""), &i->state) < 0)
                return rv_error_set(err, -EINVAL, "state: unknown");
        if (rv_reason_from_string(rv_json_string(json, "reason", ""), &i->reason) < 0)
                return rv_error_set(err, -EINVAL, "reason: unknown");
        if (rv_mode_from_string(rv_json_string(json, "mode", ""), &i->mode) < 0)
                return rv_error_set(err, -EINVAL, "mode: unknown");
        return 0;
}

static int read_texts(struct rv_incident *i, const json_t *json, struct rv_error *err) {
        static const struct {
                const char *key;
                size_t offset;
        } text[] = {
                {"detail", offsetof(struct rv_incident, detail)},
                {"rule", offsetof(struct rv_incident, rule)},
                {"summary", offsetof(struct rv_incident, summary)},
                {"repository", offsetof(struct rv_incident, repository)},
                {"operator", offsetof(struct rv_incident, applied_by)},
                {"application", offsetof(struct rv_incident, application)},
                {"namespace", offsetof(struct rv_incident, space)},
                {"actor", offsetof(struct rv_incident, actor)},
                {"note", offsetof(struct rv_incident, note)},
                {"to", offsetof(struct rv_incident, to)},
                {"conflict", offsetof(struct rv_incident, conflict)},
        };
        int r;

        for (size_t k = 0; k < sizeof(text) / sizeof(text[0]); k++) {
                r = json_get_text(json, text[k].key, (char **)((char *)i + text[k].offset), err);
                if (r < 0)
                        return r;
        }
        if (!i->repository)
                return rv_error_set(err, -EINVAL, "repository: missing");
        r = rv_labels_from_json(&i->labels, json_object_get(json, "labels"), NULL, err);
        if (r < 0)
                return rv_error_prefix(err, r, "labels");
        r = json_get_strings(json, "scope", &i->scope, &i->n_scope, err);
        return r < 0 ? r : json_get_strings(json, "revisions", &i->revisions, &i->n_revisions, err);
}

static int read_suspects(struct rv_incident *i, const json_t *json, struct rv_error *err) {
        const json_t *array = json_object_get(json, "suspects"), *item;
        size_t k;

        if (json_array_size(array) > RV_SUSPECTS_MAX)
                return rv_error_set(err, -EINVAL, "suspects: too many");
        i->suspects = calloc(json_array_size(array) + 1, sizeof(*i->suspects));
        if (!i->suspects)
                return rv_error_oom(err);
        json_array_foreach (array, k, item) {
                int r = rv_suspect_from_json(&i->suspects[k], item, err);

                if (r < 0)
                        return r;
                i->n_suspects++;
        }
        return 0;
}

/* Of records that were written before there was such a thing, it is missing. */
static int read_after(struct rv_incident *i, const json_t *json, struct rv_error *err) {
        const char *after = rv_json_string(json, "after", ""), *next = rv_json_string(json, "next", "");
        int r = json_get_oid(json, "ruled_out", &i->ruled_out, err);

        if (r == 0)
                r = json_get_oid(json, "aside", &i->aside, err);
        if (r == 0 && *after)
                r = json_get_id(json, "after", i->after, err);
        return r < 0 || !*next ? r : json_get_id(json, "next", i->next, err);
}

static int read_progress(struct rv_incident *i, const json_t *json, struct rv_error *err) {
        i->by_hand = rv_json_bool(json, "by_hand", false);
        i->force = rv_json_bool(json, "force", false);
        i->value = rv_value_from_json(json_object_get(json, "value"));
        i->last_value = rv_value_from_json(json_object_get(json, "last_value"));
        i->samples = json_incref(json_object_get(json, "samples")); /* for people: looked at where it is shown */
        times_from_json(&i->times, json_object_get(json, "times"));
        guards_from_json(i, json_object_get(json, "guards"));
        i->retry_usec = rv_json_int(json, "retry_usec", 0);
        i->deadline_usec = rv_json_int(json, "deadline_usec", 0);
        i->ok_usec = rv_json_int(json, "ok_usec", 0);
        if (json_get_oid(json, "head", &i->head, err) < 0 || json_get_oid(json, "last_good", &i->last_good, err) < 0 ||
            json_get_oid(json, "released", &i->released, err) < 0 ||
            json_get_oid(json, "restore", &i->restore, err) < 0 ||
            json_get_unsigned(json, "attempts", &i->attempts, err) < 0 ||
            json_get_unsigned(json, "moves", &i->moves, err) < 0 ||
            json_get_unsigned(json, "n_transitions", &i->n_transitions, err) < 0)
                return -EINVAL;
        return 0;
}

static int read_all(struct rv_incident *i, const json_t *json, struct rv_error *err) {
        const json_t *plan = json_object_get(json, "plan"), *proposal = json_object_get(json, "proposal");
        int r = json_get_id(json, "id", i->id, err);

        if (r == 0)
                r = read_enums(i, json, err);
        if (r == 0)
                r = read_texts(i, json, err);
        if (r == 0)
                r = read_suspects(i, json, err);
        if (r == 0)
                r = read_progress(i, json, err);
        if (r == 0)
                r = read_after(i, json, err);
        if (r == 0 && json_is_object(plan))
                r = rv_plan_from_json(&i->plan, plan, err);
        if (r == 0 && json_is_object(proposal))
                r = rv_proposal_from_json(&i->proposal, proposal, err);
        return r;
}

const struct rv_oid *rv_incident_revert(const struct rv_incident *incident) {
        if (*incident->proposal.merged.hex)
                return &incident->proposal.merged;
        return incident->plan ? &incident->plan->commit : NULL;
}

int rv_incident_from_json(struct rv_incident **ret, const json_t *json, struct rv_error *err) {
        struct rv_incident *incident = calloc(1, sizeof(*incident));
        int r;

        if (!incident)
                return rv_error_oom(err);
        r = read_all(incident, json, err);
        if (r < 0) {
                rv_incident_free(incident);
                return rv_error_prefix(err, r, "incident");
        }
        *ret = incident;
        return 0;
}
