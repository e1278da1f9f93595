/* The members of a group of a test, each by its type; errors name the file and line. 0 or -EINVAL. */
#pragma once

#include "lab/lab.h"

#include <libconfig.h>

int lab_fail(const struct lab_script *s, const config_setting_t *at, struct rv_error *err, const char *fmt, ...)
        RV_PRINTF(4, 5);
bool lab_is_word(const char *word, const char *words); /* which have a space between them */
/* Says the key that is not among the words of `known`. */
int lab_check_known(const struct lab_script *s, const config_setting_t *group, const char *known, struct rv_error *err);
config_setting_t *lab_member(const config_setting_t *group, const char *key);
int lab_get_text(const struct lab_script *s, const config_setting_t *group, const char *key, const char **ret,
                 struct rv_error *err);
int lab_get_bool(const struct lab_script *s, const config_setting_t *group, const char *key, bool *ret,
                 struct rv_error *err);
int lab_get_number(const struct lab_script *s, const config_setting_t *group, const char *key, int64_t *ret,
                   struct rv_error *err);
int lab_get_strings(const struct lab_script *s, const config_setting_t *group, const char *key,
                    const config_setting_t **ret, struct rv_error *err);
/* A duration, perhaps with a minus. */
int lab_get_span(const struct lab_script *s, const config_setting_t *group, const char *key, int64_t *ret,
                 struct rv_error *err);
/* As a wall time. */
int lab_get_time(const struct lab_script *s, const config_setting_t *group, const char *key, int64_t *ret,
                 struct rv_error *err);
int lab_get_labels(const struct lab_script *s, const config_setting_t *group, const char *key, struct rv_labels **ret,
                   struct rv_error *err);
/* A rule by its name; where there is only one it need not be said. `must`: else −1 is any. */
int lab_get_rule(const struct lab_script *s, const config_setting_t *group, bool must, int *ret, struct rv_error *err);
