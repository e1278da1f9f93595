/* A suspect as it is kept and shown. */
#include "revertd/suspect.h"
#include "revertd/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const evidence_names[] = {
#define X(name, str, doc) [RV_EVIDENCE_##name] = str,
        RV_EVIDENCE(X)
#undef X
};

static const char *const evidence_texts[] = {
#define X(name, str, doc) [RV_EVIDENCE_##name] = doc,
        RV_EVIDENCE(X)
#undef X
};

const char *rv_evidence_to_string(enum rv_evidence evidence) {
        return evidence < RV_EVIDENCE_MAX ? evidence_names[evidence] : "unknown";
}

const char *rv_evidence_explain(enum rv_evidence evidence) {
        return evidence < RV_EVIDENCE_MAX ? evidence_texts[evidence] : "";
}

const char *rv_suspect_title(bool is_pushed, bool by_hand) {
        return by_hand ? "Commit" : is_pushed ? "Culprit" : "Suspect";
}

size_t rv_suspects_together(const struct rv_suspect *suspects, size_t n) {
        size_t k = n > 0;

        while (k < n && (suspects[0].evidence & suspects[k].evidence & 1u << RV_EVIDENCE_TOGETHER))
                k++;
        return k;
}

void rv_suspect_done(struct rv_suspect *suspect) {
        rv_commit_done(&suspect->commit);
        *suspect = (struct rv_suspect){0};
}

static json_t *evidence_to_json(unsigned evidence) {
        json_t *array = json_array();

        for (unsigned i = 0; array && i < RV_EVIDENCE_MAX; i++)
                if ((evidence & (1u << i)) && json_array_append_new(array, json_string(evidence_names[i])) < 0) {
                        json_decref(array);
                        return NULL;
                }
        return array;
}

static unsigned evidence_from_json(const json_t *array) {
        unsigned evidence = 0;
        const json_t *item;
        size_t i;

        json_array_foreach (array, i, item) {
                const char *name = json_string_value(item);

                for (unsigned e = 0; name && e < RV_EVIDENCE_MAX; e++)
                        if (strcmp(name, evidence_names[e]) == 0)
                                evidence |= 1u << e;
        }
        return evidence;
}

json_t *rv_suspect_to_json(const struct rv_suspect *suspect) {
        return json_pack("{s:o, s:I, s:I, s:b, s:b, s:o, s:f, s:b, s:s}", "commit", rv_commit_to_json(&suspect->commit),
                         "not_before_usec", (json_int_t)suspect->live.not_before_usec, "seen_usec",
                         (json_int_t)suspect->live.seen_usec, "observed", suspect->live.observed, "applied",
                         suspect->live.applied, "evidence", evidence_to_json(suspect->evidence), "confidence",
                         suspect->confidence, "reverted", suspect->reverted, "reverted_by", suspect->reverted_by.hex);
}

int rv_suspect_from_json(struct rv_suspect *ret, const json_t *json, struct rv_error *err) {
        struct rv_suspect suspect = {
                .live.not_before_usec = rv_json_int(json, "not_before_usec", 0),
                .live.seen_usec = rv_json_int(json, "seen_usec", 0),
                .live.observed = rv_json_bool(json, "observed", false),
                .live.applied = rv_json_bool(json, "applied", false),
                .evidence = evidence_from_json(json_object_get(json, "evidence")),
                .confidence = rv_json_real(json, "confidence", 0),
                .reverted = rv_json_bool(json, "reverted", false),
        };
        const char *reverted_by = rv_json_string(json, "reverted_by", "");
        int r;

        if (strlen(reverted_by) > RV_OID_HEX_MAX)
                return rv_error_set(err, -EINVAL, "suspect: reverted_by is too long");
        snprintf(suspect.reverted_by.hex, sizeof(suspect.reverted_by.hex), "%s", reverted_by);
        r = rv_commit_from_json(&suspect.commit, json_object_get(json, "commit"), err);
        if (r < 0)
                return rv_error_prefix(err, r, "suspect");
        *ret = suspect;
        return 0;
}
