#include "gitwire/wire.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void wire_free_values(struct rv_value *values, size_t n) {
        for (size_t i = 0; i < n; i++) {
                free(values[i].label);
                free(values[i].value);
                free(values[i].path);
        }
        free(values);
}

static json_t *value_to_json(const struct rv_value *value) {
        _cleanup_json_ json_t *json = json_object();
        int r = wire_set_string(json, "label", value->label);

        r |= wire_set_string(json, "value", value->value);
        r |= wire_set_string(json, "path", value->path);
        r |= wire_set_bool(json, "removed", value->removed);
        return r < 0 ? NULL : RV_TAKE(json);
}

int wire_set_values(json_t *object, const char *key, const struct rv_value *values, size_t n) {
        _cleanup_json_ json_t *array = json_array();

        for (size_t i = 0; i < n; i++)
                if (json_array_append_new(array, value_to_json(&values[i])) < 0)
                        return -1;
        return n > 0 ? json_object_set(object, key, array) : 0;
}

static int read_value(struct rv_value *value, const json_t *json, struct rv_error *err) {
        size_t n;
        int r;

        if ((r = wire_get_string(json, "label", &value->label, err)) < 0 ||
            (r = wire_get_string(json, "value", &value->value, err)) < 0 ||
            (r = wire_get_string(json, "path", &value->path, err)) < 0 ||
            (r = wire_get_bool(json, "removed", &value->removed, err)) < 0)
                return r;
        n = value->label && value->value ? strlen(value->value) : 0;
        if (n < RV_VALUE_BYTES_MIN || n > RV_VALUE_BYTES_MAX)
                return rv_error_set(err, -EINVAL, "a value needs its label, and %d to %d bytes", RV_VALUE_BYTES_MIN,
                                    RV_VALUE_BYTES_MAX);
        return 0;
}

int wire_get_values(const json_t *object, const char *key, struct rv_value **ret, size_t *ret_n, struct rv_error *err) {
        const json_t *array = json_object_get(object, key);
        size_t n = json_array_size(array);

        if (array && !json_is_null(array) && (!json_is_array(array) || n > RV_VALUES_MAX))
                return rv_error_set(err, -EINVAL, "\"%s\": not a list of at most %d", key, RV_VALUES_MAX);
        if (n == 0)
                return 0;
        *ret = calloc(n, sizeof(**ret));
        if (!*ret)
                return rv_error_oom(err);
        *ret_n = n;
        for (size_t i = 0; i < n; i++) {
                int r = read_value(&(*ret)[i], json_array_get(array, i), err);

                if (r < 0)
                        return rv_error_prefix(err, r, "\"%s\"", key);
        }
        return 0;
}
