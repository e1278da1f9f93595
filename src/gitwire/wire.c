#include "gitwire/wire.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <string.h>

enum { VALUES_MAX = 1 << 19 };

int wire_set_string(json_t *object, const char *key, const char *value) {
        return value ? json_object_set_new(object, key, json_string(value)) : 0;
}

int wire_set_int(json_t *object, const char *key, int64_t value) {
        return json_object_set_new(object, key, json_integer(value));
}

int wire_set_bool(json_t *object, const char *key, bool value) {
        return value ? json_object_set_new(object, key, json_true()) : 0;
}

int wire_set_oid(json_t *object, const char *key, const struct rv_oid *oid) {
        return oid->hex[0] ? json_object_set_new(object, key, json_string(oid->hex)) : 0;
}

int wire_set_oids(json_t *object, const char *key, const struct rv_oid *oids, size_t n) {
        _cleanup_json_ json_t *array = json_array();

        for (size_t i = 0; i < n; i++)
                if (json_array_append_new(array, json_string(oids[i].hex)) < 0)
                        return -1;
        return json_object_set(object, key, array);
}

int wire_set_strings(json_t *object, const char *key, char *const *strings, size_t n) {
        _cleanup_json_ json_t *array = json_array();

        for (size_t i = 0; i < n; i++)
                if (json_array_append_new(array, json_string(strings[i])) < 0)
                        return -1;
        return json_object_set(object, key, array);
}

/* The member if it is there and not null. */
static const json_t *get(const json_t *object, const char *key) {
        const json_t *value = json_object_get(object, key);

        return json_is_null(value) ? NULL : value;
}

static int wrong(struct rv_error *err, const char *key, const char *what) {
        return rv_error_set(err, -EINVAL, "\"%s\": not %s", key, what);
}

int wire_get_string(const json_t *object, const char *key, char **ret, struct rv_error *err) {
        const json_t *value = get(object, key);
        char *copy;

        if (!value)
                return 0;
        if (!json_is_string(value))
                return wrong(err, key, "a string");
        copy = strdup(json_string_value(value));
        if (!copy)
                return rv_error_oom(err);
        free(*ret);
        *ret = copy;
        return 0;
}

int wire_get_int(const json_t *object, const char *key, int64_t *ret, struct rv_error *err) {
        const json_t *value = get(object, key);

        if (!value)
                return 0;
        if (!json_is_integer(value))
                return wrong(err, key, "an integer");
        *ret = json_integer_value(value);
        return 0;
}

int wire_get_size(const json_t *object, const char *key, size_t *ret, struct rv_error *err) {
        int64_t value = (int64_t)*ret;
        int r;

        r = wire_get_int(object, key, &value, err);
        if (r < 0)
                return r;
        if (value < 0)
                return wrong(err, key, "a count");
        *ret = (size_t)value;
        return 0;
}

int wire_get_bool(const json_t *object, const char *key, bool *ret, struct rv_error *err) {
        const json_t *value = get(object, key);

        if (!value)
                return 0;
        if (!json_is_boolean(value))
                return wrong(err, key, "true or false");
        *ret = json_is_true(value);
        return 0;
}

/* SHA-1 has 40 digits, SHA-256 has 64. */
static bool copy_oid(struct rv_oid *ret, const json_t *value) {
        const char *hex = json_string_value(value);
        size_t n = hex ? strlen(hex) : 0;

        if ((n != 40 && n != RV_OID_HEX_MAX) || strspn(hex, "0123456789abcdef") != n)
                return false;
        memcpy(ret->hex, hex, n + 1);
        return true;
}

int wire_get_oid(const json_t *object, const char *key, struct rv_oid *ret, struct rv_error *err) {
        const json_t *value = get(object, key);

        if (!value)
                return 0;
        if (!copy_oid(ret, value))
                return wrong(err, key, "an object id");
        return 0;
}

static int get_array(const json_t *object, const char *key, size_t max, const json_t **ret, struct rv_error *err) {
        const json_t *value = get(object, key);

        if (value && !json_is_array(value))
                return wrong(err, key, "a list");
        if (json_array_size(value) > max)
                return rv_error_set(err, -EINVAL, "\"%s\": more than %zu", key, max);
        *ret = value;
        return 0;
}

int wire_get_oids(const json_t *object, const char *key, size_t max, struct rv_oid **ret, size_t *ret_n,
                  struct rv_error *err) {
        _cleanup_free_ struct rv_oid *oids = NULL;
        const json_t *array;
        size_t n;
        int r;

        r = get_array(object, key, max, &array, err);
        if (r < 0)
                return r;
        n = json_array_size(array);
        if (n == 0)
                return 0;
        oids = calloc(n, sizeof(*oids));
        if (!oids)
                return rv_error_oom(err);
        for (size_t i = 0; i < n; i++)
                if (!copy_oid(&oids[i], json_array_get(array, i)))
                        return wrong(err, key, "a list of object ids");
        *ret = RV_TAKE(oids);
        *ret_n = n;
        return 0;
}

int wire_get_strings(const json_t *object, const char *key, size_t max, char ***ret, size_t *ret_n,
                     struct rv_error *err) {
        const json_t *array;
        char **strings;
        size_t n;
        int r;

        r = get_array(object, key, max, &array, err);
        if (r < 0)
                return r;
        n = json_array_size(array);
        if (n == 0)
                return 0;
        for (size_t i = 0; i < n; i++)
                if (!json_is_string(json_array_get(array, i)))
                        return wrong(err, key, "a list of strings");
        strings = calloc(n, sizeof(*strings));
        if (!strings)
                return rv_error_oom(err);
        for (size_t i = 0; i < n; i++) {
                strings[i] = strdup(json_string_value(json_array_get(array, i)));
                if (!strings[i]) {
                        wire_free_strings(strings, i);
                        return rv_error_oom(err);
                }
        }
        *ret = strings;
        *ret_n = n;
        return 0;
}

int wire_parse(json_t **ret, const char *line, size_t n, struct rv_error *err) {
        _cleanup_json_ json_t *json = NULL;
        int r;

        if (n > RV_GITWIRE_LINE_BYTES_MAX)
                return rv_error_set(err, -E2BIG, "message over %d bytes", RV_GITWIRE_LINE_BYTES_MAX);
        r = rv_json_parse(&json, line, n, VALUES_MAX, err);
        if (r < 0)
                return r;
        if (!json_is_object(json))
                return rv_error_set(err, -EINVAL, "not an object");
        *ret = RV_TAKE(json);
        return 0;
}

int wire_dump(json_t *object, char **ret) {
        _cleanup_json_ json_t *json = object;
        _cleanup_free_ char *line = NULL;

        line = rv_json_dump(json);
        if (!line)
                return -ENOMEM;
        if (strlen(line) > RV_GITWIRE_LINE_BYTES_MAX)
                return -E2BIG;
        *ret = RV_TAKE(line);
        return 0;
}

void wire_free_strings(char **strings, size_t n) {
        for (size_t i = 0; i < n; i++)
                free(strings[i]);
        free(strings);
}
