/* jansson, with what outside input needs: a bound on depth and on memory before the parse. */
#pragma once

#include "revertd/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { RV_JSON_DEPTH_MAX = 32 };

static inline void rv_json_decrefp(json_t **j) {
        if (*j)
                json_decref(*j);
}
#define _cleanup_json_ __attribute__((cleanup(rv_json_decrefp)))

/* Parse one document. Before it, the bytes are scanned: over RV_JSON_DEPTH_MAX levels is -E2BIG; more than max_values
 * values (commas and openings, which bound the heap) is -E2BIG. -EINVAL: not JSON, or a key twice in one object; err
 * says where. */
int rv_json_parse(json_t **ret, const char *bytes, size_t n, size_t max_values, struct rv_error *err) RV_MUST_CHECK;

/* Compact text; caller frees; NULL: out of memory. */
char *rv_json_dump(const json_t *j);

/* Optional members: absent, null and of another type give the fallback. */
const char *rv_json_string(const json_t *object, const char *key, const char *fallback);
int64_t rv_json_int(const json_t *object, const char *key, int64_t fallback);
double rv_json_real(const json_t *object, const char *key, double fallback); /* integers too */
bool rv_json_bool(const json_t *object, const char *key, bool fallback);
