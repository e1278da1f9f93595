/* Members of the protocol's JSON objects. Setters: 0, or −1 out of memory or not UTF-8 (results are or-ed together).
 * Getters: absent and null give nothing; another type, or more than the cap, is -EINVAL. */
#pragma once

#include "revertd/gitwire.h"
#include "revertd/json.h"

#include <stddef.h>

int wire_set_string(json_t *object, const char *key, const char *value); /* NULL: left out */
int wire_set_int(json_t *object, const char *key, int64_t value);
int wire_set_bool(json_t *object, const char *key, bool value);              /* false: left out */
int wire_set_oid(json_t *object, const char *key, const struct rv_oid *oid); /* none: left out */
int wire_set_oids(json_t *object, const char *key, const struct rv_oid *oids, size_t n);
int wire_set_strings(json_t *object, const char *key, char *const *strings, size_t n);

int wire_get_string(const json_t *object, const char *key, char **ret, struct rv_error *err) RV_MUST_CHECK;
int wire_get_int(const json_t *object, const char *key, int64_t *ret, struct rv_error *err) RV_MUST_CHECK;
int wire_get_size(const json_t *object, const char *key, size_t *ret, struct rv_error *err) RV_MUST_CHECK;
int wire_get_bool(const json_t *object, const char *key, bool *ret, struct rv_error *err) RV_MUST_CHECK;
int wire_get_oid(const json_t *object, const char *key, struct rv_oid *ret, struct rv_error *err) RV_MUST_CHECK;
int wire_get_oids(const json_t *object, const char *key, size_t max, struct rv_oid **ret, size_t *ret_n,
                  struct rv_error *err) RV_MUST_CHECK;
int wire_get_strings(const json_t *object, const char *key, size_t max, char ***ret, size_t *ret_n,
                     struct rv_error *err) RV_MUST_CHECK;

int wire_set_values(json_t *object, const char *key, const struct rv_value *values, size_t n); /* none: left out */
int wire_get_values(const json_t *object, const char *key, struct rv_value **ret, size_t *ret_n,
                    struct rv_error *err) RV_MUST_CHECK;
void wire_free_values(struct rv_value *values, size_t n);

/* One line to an object: bounded in length, values and depth. Caller drops *ret. */
int wire_parse(json_t **ret, const char *line, size_t n, struct rv_error *err) RV_MUST_CHECK;
/* Object to a line; takes the reference. -E2BIG: over RV_GITWIRE_LINE_BYTES_MAX. */
int wire_dump(json_t *object, char **ret) RV_MUST_CHECK;

void wire_free_strings(char **strings, size_t n);
