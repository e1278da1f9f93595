/* Members of the records of this folder. */
#pragma once

#include "revertd/incident.h"

json_t *json_from_strings(char *const *strings, size_t n);

/* What is absent leaves *ret as it was, but for strings: none. What is there is the caller's, also on failure. */
int json_get_strings(const json_t *object, const char *key, char ***ret, size_t *ret_n,
                     struct rv_error *err) RV_MUST_CHECK;
int json_get_text(const json_t *object, const char *key, char **ret, struct rv_error *err) RV_MUST_CHECK;
int json_get_oid(const json_t *object, const char *key, struct rv_oid *ret, struct rv_error *err) RV_MUST_CHECK;
int json_get_id(const json_t *object, const char *key, char ret[static RV_INCIDENT_ID_MAX],
                struct rv_error *err) RV_MUST_CHECK;
int json_get_unsigned(const json_t *object, const char *key, unsigned *ret, struct rv_error *err) RV_MUST_CHECK;
