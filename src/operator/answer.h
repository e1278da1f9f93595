/* What the answers of Argo CD and Flux have in common. Pure. */
#pragma once

#include "revertd/json.h"
#include "revertd/operator.h"

#include <stdio.h>

/* The object that was asked for. Else its words: both APIs say why in "message". */
int answer_read(json_t **ret, const struct rv_http_response *response, struct rv_error *err) RV_MUST_CHECK;

static inline const char *answer_text(const json_t *object, const char *key) {
        return rv_json_string(object, key, "");
}
/* "" where it is no object id of Git, as the version of a chart is none. */
struct rv_oid answer_oid(const char *text);
/* RFC 3339; 0: absent or not a time. */
int64_t answer_time(const json_t *object, const char *key);
/* "; " between, then "text: more"; more may be "" or NULL. */
void answer_say(FILE *words, const char *text, const char *more);
/* Of open_memstream(). */
int answer_end_words(FILE *words, struct rv_applied *applied, struct rv_error *err) RV_MUST_CHECK;
