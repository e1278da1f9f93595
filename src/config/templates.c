/* The types that are templates, or lists of them and of matchers. */
#include "config/matcher.h"
#include "config/reader.h"
#include "config/take.h"
#include "config/values.h"

#include "revertd/cleanup.h"
#include "revertd/pathspec.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* The rule before this one, which often says the same, most of all where both take a default: thousands of rules then
 * share a template. NULL: there is none. */
static struct rv_rule_config *rule_before(const struct rv_reader *reader, void *base) {
        struct rv_rule_config *rules = reader->config->rules, *rule = base;
        bool is_second = rules && rule > rules && rule < rules + reader->config->n_rules;
        return reader->section == RV_SECTION_RULE && is_second ? rule - 1 : NULL;
}

static bool says(const struct rv_template *template, const char *text) {
        return template && strcmp(rv_template_source(template), text) == 0;
}

TAKE(template) {
        struct rv_rule_config *before = rule_before(reader, base);
        struct rv_template *template = before ? *FIELD(struct rv_template *, before, key) : NULL;
        int r = 0;
        if (says(template, text))
                rv_template_ref(template);
        else {
                r = rv_value_check_expression(text, err);
                if (r == 0)
                        r = rv_template_compile(&template, text, err);
        }
        if (r < 0)
                return r;
        rv_template_free(*FIELD(struct rv_template *, base, key));
        *FIELD(struct rv_template *, base, key) = template;
        return 0;
}

static void done_template(const struct rv_key *key, void *base) {
        *FIELD(struct rv_template *, base, key) = rv_template_free(*FIELD(struct rv_template *, base, key));
}

/* -- PromQL with labels in it -- */

/* Past a string of PromQL that begins at p. *ret_label: whether a label stands in it. */
static const char *skip_string(const char *p, bool *ret_label) {
        char quote = *p++;
        *ret_label = false;
        for (; *p && *p != quote; p++) {
                if (*p == '\\' && quote != '`' && p[1])
                        p++;
                else if (strncmp(p, "{{", 2) == 0)
                        *ret_label = true;
        }
        return *p ? p + 1 : p;
}

/* A label's value is escaped for a string in double quotes. Anywhere else whoever sends alerts could write PromQL. */
static int check_quoting(const char *source, struct rv_error *err) {
        for (const char *p = source; *p;) {
                bool label = false;
                char c = *p;
                if (c == '"' || c == '\'' || c == '`') {
                        p = skip_string(p, &label);
                        label = label && c != '"';
                } else if (c == '#') {
                        size_t n = strcspn(p, "\n");
                        label = memmem(p, n, "{{", 2) != NULL;
                        p += n;
                } else {
                        label = strncmp(p, "{{", 2) == 0;
                        p++;
                }
                if (label)
                        return rv_error_set(err, -EINVAL, "{{ }} stands outside of double quotes");
        }
        return 0;
}

TAKE(query_template) {
        int r = check_quoting(text, err);
        return r < 0 ? r : take_template(reader, key, text, base, err);
}

/* -- Paths -- */

/* The labels that the template asks for, each with a harmless value. */
static int dummy_labels(const char *source, struct rv_labels **ret, struct rv_error *err) {
        static const char word[] = "$labels.";
        static const char name_bytes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
        struct rv_label label[RV_LABELS_MAX] = {0};
        char *names[RV_LABELS_MAX];
        size_t n = 0;
        int r = 0;

        for (const char *p = strstr(source, word); p && r == 0; p = strstr(p, word)) {
                p += strlen(word);
                bool known = false;
                size_t length = strspn(p, name_bytes);
                for (size_t i = 0; i < n && !known; i++)
                        known = strlen(names[i]) == length && strncmp(names[i], p, length) == 0;
                if (known)
                        continue;
                if (n == RV_LABELS_MAX)
                        r = rv_error_set(err, -EINVAL, "asks for more than %d labels", RV_LABELS_MAX);
                else if (!(names[n] = strndup(p, length)))
                        r = rv_error_oom(err);
                else {
                        label[n] = (struct rv_label){names[n], "x"};
                        n++;
                }
        }
        if (r == 0)
                r = rv_labels_new(ret, label, n, err);
        for (size_t i = 0; i < n; i++)
                free(names[i]);
        return r;
}

/* Caller frees *ret. */
static int expand_with_dummies(const struct rv_template *template, char **ret, struct rv_error *err) {
        _cleanup_labels_ struct rv_labels *labels = NULL;
        int r = dummy_labels(rv_template_source(template), &labels, err);
        return r < 0 ? r : rv_template_expand(template, RV_TEMPLATE_PATH, labels, 1.0, ret, err);
}

/* What can be known of a path before there are labels: that it is one. */
static int check_path_template(const struct rv_template *template, struct rv_error *err) {
        _cleanup_free_ char *path = NULL;
        int r = expand_with_dummies(template, &path, err);
        return r < 0 ? r : rv_pathspec_check(path, err);
}

static int compile_path(struct rv_template **ret, const char *text, struct rv_error *err) {
        struct rv_template *template;
        int r = rv_value_check_text(text, err);
        if (r == 0)
                r = rv_template_compile(&template, text, err);
        if (r < 0)
                return r;
        r = check_path_template(template, err);
        if (r < 0)
                rv_template_free(template);
        else
                *ret = template;
        return r;
}

TAKE(paths) {
        struct rv_rule_config *before = rule_before(reader, base);
        size_t i = *COUNT(base, key);
        struct rv_template *template = before && i < before->n_paths ? before->paths[i] : NULL;
        int r = 0;
        if (says(template, text))
                rv_template_ref(template);
        else
                r = compile_path(&template, text, err);
        if (r < 0)
                return r;
        struct rv_template **slot = rv_take_grow(key, base, sizeof(struct rv_template *), err);
        if (!slot) {
                rv_template_free(template);
                return -ENOMEM;
        }
        *slot = template;
        ++*COUNT(base, key);
        return 0;
}

static void done_paths(const struct rv_key *key, void *base) {
        struct rv_template ***list = FIELD(struct rv_template **, base, key);
        for (size_t i = 0; i < *COUNT(base, key); i++)
                rv_template_free((*list)[i]);
        free(*list);
        *list = NULL;
        *COUNT(base, key) = 0;
}

/* -- Names of objects -- */

/* A HelmRelease says which version of a chart it has installed, never which commit that came from. */
TAKE(object) {
        static const char helm[] = "helmrelease/";
        _cleanup_free_ char *name = NULL;
        if (strncasecmp(text, helm, strlen(helm)) == 0)
                return rv_error_set(err, -EINVAL,
                                    "a HelmRelease names no commit: give the Kustomization that applies it");
        int r = take_template(reader, key, text, base, err);
        if (r < 0)
                return r;
        r = expand_with_dummies(*FIELD(struct rv_template *, base, key), &name, err);
        if (r == 0 && !rv_config_is_object_name(name))
                r = rv_error_set(err, -EINVAL, "'%s' is no name of an object: lower-case letters, digits, '-' and '.'",
                                 text);
        return r;
}

/* -- Matchers -- */

TAKE(matchers) {
        struct rv_matcher matcher;
        (void)reader;
        int r = rv_value_check_expression(text, err);
        if (r == 0)
                r = rv_matcher_parse(&matcher, text, err);
        if (r < 0)
                return r;
        struct rv_matcher *slot = rv_take_grow(key, base, sizeof(matcher), err);
        if (!slot) {
                rv_matcher_done(&matcher);
                return -ENOMEM;
        }
        *slot = matcher;
        ++*COUNT(base, key);
        return 0;
}

static void done_matchers(const struct rv_key *key, void *base) {
        struct rv_matcher **list = FIELD(struct rv_matcher *, base, key);
        for (size_t i = 0; i < *COUNT(base, key); i++)
                rv_matcher_done(&(*list)[i]);
        free(*list);
        *list = NULL;
        *COUNT(base, key) = 0;
}

/* -- The types -- */

const struct rv_type rv_type_template = {"template", .take = take_template, .done = done_template};
const struct rv_type rv_type_query_template = {"PromQL template", .take = take_query_template, .done = done_template};
const struct rv_type rv_type_object = {"template of a name", .take = take_object, .done = done_template};
const struct rv_type rv_type_matchers = {"list of matchers", .list = true, .take = take_matchers,
                                         .done = done_matchers};
const struct rv_type rv_type_paths = {"list of path templates", .list = true, .take = take_paths, .done = done_paths};
