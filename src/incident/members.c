#include "members.h"

#include "revertd/cleanup.h"
#include "revertd/json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

json_t *rv_value_to_json(double value) {
        if (isnan(value))
                return json_null();
        if (isinf(value))
                return json_string(value > 0 ? "+Inf" : "-Inf");
        return json_real(value);
}

double rv_value_from_json(const json_t *json) {
        if (json_is_number(json))
                return json_number_value(json);
        if (json_is_string(json))
                return strcmp(json_string_value(json), "-Inf") == 0 ? -INFINITY : INFINITY;
        return NAN;
}

json_t *json_from_strings(char *const *strings, size_t n) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < n; i++)
                if (json_array_append_new(array, json_string(strings[i])) < 0) {
                        json_decref(array);
                        return NULL;
                }
        return array;
}

int json_get_strings(const json_t *object, const char *key, char ***ret, size_t *ret_n, struct rv_error *err) {
        const json_t *array = json_object_get(object, key), *item;
        char **strings = calloc(json_array_size(array) + 1, sizeof(*strings));
        size_t i;

        if (!strings)
                return rv_error_oom(err);
        *ret = strings;
        *ret_n = 0;
        json_array_foreach (array, i, item) {
                if (!json_is_string(item))
                        return rv_error_set(err, -EINVAL, "%s: not a list of strings", key);
                strings[i] = strdup(json_string_value(item));
                if (!strings[i])
                        return rv_error_oom(err);
                (*ret_n)++;
        }
        return 0;
}

int json_get_text(const json_t *object, const char *key, char **ret, struct rv_error *err) {
        const char *text = rv_json_string(object, key, NULL);

        if (!text)
                return 0;
        *ret = strdup(text);
        return *ret ? 0 : rv_error_oom(err);
}

int json_get_oid(const json_t *object, const char *key, struct rv_oid *ret, struct rv_error *err) {
        const char *text = rv_json_string(object, key, "");

        if (strlen(text) > RV_OID_HEX_MAX)
                return rv_error_set(err, -EINVAL, "%s: too long for an object id", key);
        snprintf(ret->hex, sizeof(ret->hex), "%s", text);
        return 0;
}

int json_get_id(const json_t *object, const char *key, char ret[static RV_INCIDENT_ID_MAX], struct rv_error *err) {
        const char *text = rv_json_string(object, key, "");

        if (strlen(text) != RV_INCIDENT_ID_MAX - 1)
                return rv_error_set(err, -EINVAL, "%s: not the id of an incident", key);
        memcpy(ret, text, RV_INCIDENT_ID_MAX);
        return 0;
}

int json_get_unsigned(const json_t *object, const char *key, unsigned *ret, struct rv_error *err) {
        int64_t value = rv_json_int(object, key, 0);

        if (value < 0 || value > UINT32_MAX)
                return rv_error_set(err, -EINVAL, "%s: out of range", key);
        *ret = (unsigned)value;
        return 0;
}
