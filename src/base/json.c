#include "revertd/json.h"

#include <errno.h>
#include <string.h>

/* jansson's tree takes up to 79 bytes of heap for a byte of input, and it recurses: both are bounded by what can be
 * counted in one pass over the bytes. */
static int check_size(const char *bytes, size_t n, size_t max_values, struct rv_error *err) {
        size_t depth = 0, values = 1;
        bool in_string = false;

        for (size_t i = 0; i < n; i++) {
                char c = bytes[i];
                if (in_string) {
                        if (c == '\\')
                                i++;
                        else if (c == '"')
                                in_string = false;
                        continue;
                }
                if (c == '"') {
                        in_string = true;
                } else if (c == '{' || c == '[') {
                        values++;
                        if (++depth > RV_JSON_DEPTH_MAX)
                                return rv_error_set(err, -E2BIG, "nested over %d levels deep", RV_JSON_DEPTH_MAX);
                } else if ((c == '}' || c == ']') && depth > 0) {
                        depth--;
                } else if (c == ',') {
                        values++;
                }
                if (values > max_values)
                        return rv_error_set(err, -E2BIG, "over %zu values", max_values);
        }
        return 0;
}

int rv_json_parse(json_t **ret, const char *bytes, size_t n, size_t max_values, struct rv_error *err) {
        json_error_t error;
        int r = check_size(bytes, n, max_values, err);

        if (r < 0)
                return r;
        json_t *json = json_loadb(bytes, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
        if (!json && json_error_code(&error) == json_error_out_of_memory)
                return rv_error_oom(err);
        if (!json)
                return rv_error_set(err, -EINVAL, "line %d, column %d: %s", error.line, error.column, error.text);
        *ret = json;
        return 0;
}

char *rv_json_dump(const json_t *j) {
        return json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY);
}

const char *rv_json_string(const json_t *object, const char *key, const char *fallback) {
        const char *value = json_string_value(json_object_get(object, key));

        return value ? value : fallback;
}

int64_t rv_json_int(const json_t *object, const char *key, int64_t fallback) {
        const json_t *value = json_object_get(object, key);

        return json_is_integer(value) ? json_integer_value(value) : fallback;
}

double rv_json_real(const json_t *object, const char *key, double fallback) {
        const json_t *value = json_object_get(object, key);

        return json_is_number(value) ? json_number_value(value) : fallback;
}

bool rv_json_bool(const json_t *object, const char *key, bool fallback) {
        const json_t *value = json_object_get(object, key);

        return json_is_boolean(value) ? json_is_true(value) : fallback;
}
