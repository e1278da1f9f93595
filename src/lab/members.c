#include "lab/members.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

int lab_fail(const struct lab_script *s, const config_setting_t *at, struct rv_error *err, const char *fmt, ...) {
        char text[RV_ERROR_TEXT_MAX]; /* it may list all reasons */
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        return rv_error_set(err, -EINVAL, "%s:%u: %s%s%s", s->file, at->line, at->name ? at->name : "",
                            at->name ? ": " : "", text);
}

bool lab_is_word(const char *word, const char *words) {
        size_t length = strlen(word);
        const char *at = strstr(words, word);

        while (at && ((at > words && at[-1] != ' ') || (at[length] && at[length] != ' ')))
                at = strstr(at + 1, word);
        return at && length > 0 && !strchr(word, ' ');
}

/* Says the key that is not among the words of `known`. */
int lab_check_known(const struct lab_script *s, const config_setting_t *group, const char *known,
                    struct rv_error *err) {
        if (config_setting_type(group) != CONFIG_TYPE_GROUP)
                return lab_fail(s, group, err, "a group { } is wanted");
        for (int i = 0, n = config_setting_length(group); i < n; i++) {
                const config_setting_t *member = config_setting_get_elem(group, (unsigned)i);

                if (!lab_is_word(member->name, known))
                        return lab_fail(s, member, err, "unknown key; known are: %s", known);
        }
        return 0;
}

config_setting_t *lab_member(const config_setting_t *group, const char *key) {
        return config_setting_get_member(group, key);
}

int lab_get_text(const struct lab_script *s, const config_setting_t *group, const char *key, const char **ret,
                 struct rv_error *err) {
        const config_setting_t *m = lab_member(group, key);

        if (!m)
                return 0;
        if (config_setting_type(m) != CONFIG_TYPE_STRING)
                return lab_fail(s, m, err, "a string is wanted");
        *ret = config_setting_get_string(m);
        return 0;
}

int lab_get_bool(const struct lab_script *s, const config_setting_t *group, const char *key, bool *ret,
                 struct rv_error *err) {
        const config_setting_t *m = lab_member(group, key);

        if (!m)
                return 0;
        if (config_setting_type(m) != CONFIG_TYPE_BOOL)
                return lab_fail(s, m, err, "true or false is wanted");
        *ret = config_setting_get_bool(m);
        return 0;
}

int lab_get_number(const struct lab_script *s, const config_setting_t *group, const char *key, int64_t *ret,
                   struct rv_error *err) {
        const config_setting_t *m = lab_member(group, key);

        if (!m)
                return 0;
        if (config_setting_type(m) != CONFIG_TYPE_INT || config_setting_get_int(m) < 0)
                return lab_fail(s, m, err, "a whole number is wanted");
        *ret = config_setting_get_int(m);
        return 0;
}

int lab_get_strings(const struct lab_script *s, const config_setting_t *group, const char *key,
                    const config_setting_t **ret, struct rv_error *err) {
        const config_setting_t *m = lab_member(group, key);

        if (!m)
                return 0;
        if (config_setting_type(m) != CONFIG_TYPE_ARRAY && config_setting_type(m) != CONFIG_TYPE_LIST)
                return lab_fail(s, m, err, "an array of strings is wanted");
        for (int i = 0; i < config_setting_length(m); i++)
                if (!config_setting_get_string_elem(m, i))
                        return lab_fail(s, m, err, "an array of strings is wanted");
        *ret = m;
        return 0;
}

/* A duration, perhaps with a minus. */
int lab_get_span(const struct lab_script *s, const config_setting_t *group, const char *key, int64_t *ret,
                 struct rv_error *err) {
        const char *text = NULL;
        int64_t usec;
        int r = lab_get_text(s, group, key, &text, err);

        if (r < 0 || !text)
                return r;
        if (rv_duration_parse(text + (text[0] == '-'), &usec) < 0 || usec > 100 * 365 * RV_USEC_PER_DAY)
                return lab_fail(s, lab_member(group, key), err, "'%s' is no time: \"5m\", or \"-5m\" before the start",
                                text);
        *ret = text[0] == '-' ? -usec : usec;
        return 0;
}

/* As a wall time. */
int lab_get_time(const struct lab_script *s, const config_setting_t *group, const char *key, int64_t *ret,
                 struct rv_error *err) {
        int64_t span = *ret - s->start_usec;
        int r = lab_get_span(s, group, key, &span, err);

        *ret = s->start_usec + span;
        return r;
}

int lab_get_labels(const struct lab_script *s, const config_setting_t *group, const char *key, struct rv_labels **ret,
                   struct rv_error *err) {
        struct rv_label label[RV_LABELS_MAX];
        const config_setting_t *m = lab_member(group, key);
        size_t n = 0;

        if (m && config_setting_type(m) != CONFIG_TYPE_GROUP)
                return lab_fail(s, m, err, "a group of labels is wanted: { app = \"web\"; }");
        for (int i = 0; m && i < config_setting_length(m); i++) {
                const config_setting_t *one = config_setting_get_elem(m, (unsigned)i);
                const char *value = config_setting_get_string(one);

                if (!value || n == RV_LABELS_MAX)
                        return lab_fail(s, one, err, "the value of a label is a string");
                label[n++] = (struct rv_label){one->name, value};
        }
        int r = rv_labels_new(ret, label, n, err);
        if (r < 0)
                return lab_fail(s, m ? m : group, err, "no label set");
        return 0;
}

/* A rule by its name; where there is only one it need not be said. `must`: else −1 is any. */
int lab_get_rule(const struct lab_script *s, const config_setting_t *group, bool must, int *ret, struct rv_error *err) {
        const char *name = NULL;
        int r = lab_get_text(s, group, "rule", &name, err);

        if (r < 0)
                return r;
        *ret = name ? rv_config_find_rule(s->config, name) : must && s->config->n_rules == 1 ? 0 : -1;
        if (name && *ret < 0)
                return lab_fail(s, lab_member(group, "rule"), err, "there is no rule named '%s'", name);
        if (must && *ret < 0)
                return lab_fail(s, group, err, "rule is missing, and there are several");
        return 0;
}
