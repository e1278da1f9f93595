#include "revertd/template.h"

#include "revertd/cleanup.h"
#include "revertd/number.h"
#include "revertd/pathspec.h"
#include "revertd/text.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FUNCTION_TEXT_MAX = 128, PATH_COMPONENT_BYTES_MAX = 255 };

static const char name_start[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
static const char name_rest[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";

typedef void (*value_function)(double value, char buf[static FUNCTION_TEXT_MAX]);

/* Literal text, a label, or the value through a function. Texts point into the template's copy of its source. */
struct part {
        enum { PART_LITERAL, PART_LABEL, PART_VALUE } kind;
        const char *text;
        size_t n;
        value_function function;
};

struct rv_template {
        unsigned refs;
        char *source;
        struct part *part;
        size_t n_parts;
};

/* The functions give what Prometheus's template/template.go gives. */

static void plain(double value, char buf[static FUNCTION_TEXT_MAX]) {
        rv_number_format(value, buf);
}

/* Four digits, then a prefix for the power of 1000 it takes to bring |value| below 1000, or to 1. */
static void humanize_with(double value, const char *unit, char *buf) {
        const char *prefixes = fabs(value) >= 1 ? "kMGTPEZY" : "munpfazy";
        bool large = fabs(value) >= 1;
        char number[RV_NUMBER_TEXT_MAX];
        char prefix[2] = "";

        for (; *prefixes && (large ? fabs(value) >= 1000 : fabs(value) < 1); prefixes++) {
                prefix[0] = *prefixes;
                value = large ? value / 1000 : value * 1000;
        }
        snprintf(buf, FUNCTION_TEXT_MAX, "%s%s%s", rv_number_format_4g(value, number), prefix, unit);
}

static void humanize(double value, char buf[static FUNCTION_TEXT_MAX]) {
        if (value == 0 || !isfinite(value))
                rv_number_format_4g(value, buf);
        else
                humanize_with(value, "", buf);
}

static void humanize_percentage(double value, char buf[static FUNCTION_TEXT_MAX]) {
        char number[RV_NUMBER_TEXT_MAX];

        snprintf(buf, FUNCTION_TEXT_MAX, "%s%%", rv_number_format_4g(value * 100, number));
}

static void humanize_duration(double value, char buf[static FUNCTION_TEXT_MAX]) {
        const char *sign = value < 0 ? "-" : "";
        double size = fabs(value);
        char number[RV_NUMBER_TEXT_MAX];

        if (!isfinite(value)) {
                rv_number_format_4g(value, buf);
                return;
        }
        if (size > 0 && size < 1) {
                humanize_with(value, "s", buf);
                return;
        }
        if (size < 60 || size >= 0x1p63) {
                snprintf(buf, FUNCTION_TEXT_MAX, "%ss", rv_number_format_4g(value, number));
                return;
        }
        long long seconds = (long long)size;
        long long days = seconds / 86400, hours = seconds / 3600 % 24, minutes = seconds / 60 % 60;
        if (days > 0)
                snprintf(buf, FUNCTION_TEXT_MAX, "%s%lldd %lldh %lldm %llds", sign, days, hours, minutes, seconds % 60);
        else if (hours > 0)
                snprintf(buf, FUNCTION_TEXT_MAX, "%s%lldh %lldm %llds", sign, hours, minutes, seconds % 60);
        else
                snprintf(buf, FUNCTION_TEXT_MAX, "%s%lldm %llds", sign, minutes, seconds % 60);
}

static const struct {
        const char *name;
        value_function function;
} functions[] = {
        {"humanize", humanize},
        {"humanizePercentage", humanize_percentage},
        {"humanizeDuration", humanize_duration},
};

static const char *skip_blanks(const char *s) {
        return s + strspn(s, " \t\n\r");
}

/* A name at *s; moves *s behind it. */
static size_t read_name(const char **s) {
        size_t n = strspn(*s, name_start) > 0 ? strspn(*s, name_rest) : 0;

        *s += n;
        return n;
}

static int fail(const struct rv_template *t, const char *at, struct rv_error *err, const char *what) {
        return rv_error_set(err, -EINVAL, "column %zu: %s", (size_t)(at - t->source) + 1, what);
}

static int compile_function(const struct rv_template *t, const char **s, struct part *part, struct rv_error *err) {
        const char *start = skip_blanks(*s);
        const char *end = start;
        size_t n = read_name(&end);

        if (part->kind != PART_VALUE)
                return fail(t, start, err, "a label cannot be piped to a function");
        for (size_t i = 0; i < RV_ARRAY_SIZE(functions); i++)
                if (strlen(functions[i].name) == n && strncmp(functions[i].name, start, n) == 0) {
                        part->function = functions[i].function;
                        *s = end;
                        return 0;
                }
        return fail(t, start, err, "expected humanize, humanizePercentage or humanizeDuration after \"|\"");
}

/* From behind "{{" to behind "}}". */
static int compile_action(const struct rv_template *t, const char **s, struct part *part, struct rv_error *err) {
        static const char labels[] = "$labels.", value[] = "$value";
        const char *at = skip_blanks(*s);

        *part = (struct part){.kind = PART_VALUE, .function = plain};
        if (strncmp(at, labels, sizeof(labels) - 1) == 0) {
                part->kind = PART_LABEL;
                part->text = at += sizeof(labels) - 1;
                part->n = read_name(&at);
                if (part->n == 0)
                        return fail(t, at, err, "expected a label's name after \"$labels.\"");
        } else if (strncmp(at, value, sizeof(value) - 1) == 0 && strspn(at + sizeof(value) - 1, name_rest) == 0) {
                at += sizeof(value) - 1;
        } else {
                return fail(t, at, err, "expected $labels.NAME or $value");
        }
        at = skip_blanks(at);
        if (*at == '|') {
                at++;
                int r = compile_function(t, &at, part, err);
                if (r < 0)
                        return r;
                at = skip_blanks(at);
        }
        if (strncmp(at, "}}", 2) != 0)
                return fail(t, at, err, *at ? "expected \"}}\"" : "\"{{\" without \"}}\"");
        *s = at + 2;
        return 0;
}

static int compile(struct rv_template *t, struct rv_error *err) {
        const char *s = t->source;
        size_t room = 1;

        for (const char *open = s; (open = strstr(open, "{{")); open += 2)
                room += 2;
        t->part = calloc(room, sizeof(*t->part));
        if (!t->part)
                return rv_error_oom(err);
        while (*s) {
                const char *open = strstr(s, "{{");
                size_t literal = open ? (size_t)(open - s) : strlen(s);
                if (literal > 0)
                        t->part[t->n_parts++] = (struct part){.kind = PART_LITERAL, .text = s, .n = literal};
                s += literal;
                if (open) {
                        s += 2;
                        int r = compile_action(t, &s, &t->part[t->n_parts++], err);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

int rv_template_compile(struct rv_template **ret, const char *text, struct rv_error *err) {
        if (strlen(text) > RV_TEMPLATE_BYTES_MAX)
                return rv_error_set(err, -EINVAL, "template of %zu bytes, over %d", strlen(text),
                                    RV_TEMPLATE_BYTES_MAX);
        struct rv_template *t = calloc(1, sizeof(*t));
        if (!t)
                return rv_error_oom(err);
        t->refs = 1;
        t->source = strdup(text);
        int r = t->source ? compile(t, err) : rv_error_oom(err);
        if (r < 0) {
                rv_template_free(t);
                return r;
        }
        *ret = t;
        return 0;
}

struct rv_template *rv_template_ref(struct rv_template *t) {
        t->refs++;
        return t;
}

struct rv_template *rv_template_free(struct rv_template *t) {
        if (t && --t->refs == 0) {
                free(t->part);
                free(t->source);
                free(t);
        }
        return NULL;
}

const char *rv_template_source(const struct rv_template *t) {
        return t->source;
}

static const char out_of_memory[] = "out of memory";

/* Why a value cannot stand in a path; NULL: it can. */
static const char *path_objection(const char *value) {
        size_t n = strlen(value);

        if (n == 0)
                return "is missing or empty";
        if (n > PATH_COMPONENT_BYTES_MAX)
                return "is too long for a path";
        if (!rv_text_is_utf8(value, n))
                return "is not UTF-8";
        if (value[0] == '.' || value[0] == '-')
                return "starts with a dot or a dash";
        if (strpbrk(value, "/\\*?[]{}"))
                return "has a slash, a backslash or a wildcard";
        char *safe = rv_text_line(value, n);
        if (!safe)
                return out_of_memory;
        bool changed = strcmp(safe, value) != 0;
        free(safe);
        return changed ? "has control or invisible characters" : NULL;
}

/* Quotes of every kind and backslashes cannot end a PromQL string; neither can a line end. */
static void write_promql(FILE *f, const char *value) {
        for (; *value; value++) {
                unsigned char c = (unsigned char)*value;
                if (c == '\\' || c == '"')
                        fprintf(f, "\\%c", c);
                else if (c == '\'' || c == '`' || c < 0x20 || c == 0x7F)
                        fprintf(f, "\\x%02x", c);
                else
                        fputc(c, f);
        }
}

static int write_part(FILE *f, const struct part *part, enum rv_template_use use, const struct rv_labels *labels,
                      double number, struct rv_error *err) {
        char name[RV_LABEL_NAME_BYTES_MAX + 1], buf[FUNCTION_TEXT_MAX];
        const char *value = buf;

        if (part->kind == PART_LITERAL) {
                fwrite(part->text, 1, part->n, f);
                return 0;
        }
        if (part->kind == PART_VALUE) {
                part->function(number, buf);
        } else {
                snprintf(name, sizeof(name), "%.*s", (int)part->n, part->text);
                value = rv_labels_get(labels, name);
                if (!value && use == RV_TEMPLATE_PROMQL)
                        return rv_error_set(err, -EINVAL, "label %s is missing", name);
                if (!value)
                        value = "";
        }
        const char *objection = use == RV_TEMPLATE_PATH ? path_objection(value) : NULL;
        if (objection == out_of_memory)
                return rv_error_oom(err);
        if (objection)
                return rv_error_set(err, -EINVAL, "%s%s %s: it cannot stand in a path",
                                    part->kind == PART_VALUE ? "the value" : "label ",
                                    part->kind == PART_VALUE ? "" : name, objection);
        if (use == RV_TEMPLATE_PROMQL)
                write_promql(f, value);
        else
                fputs(value, f);
        return 0;
}

int rv_template_expand(const struct rv_template *t, enum rv_template_use use, const struct rv_labels *labels,
                       double value, char **ret, struct rv_error *err) {
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        int r = 0;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return rv_error_oom(err);
        for (size_t i = 0; r == 0 && i < t->n_parts; i++) {
                r = write_part(f, &t->part[i], use, labels, value, err);
                if (r == 0 && ftell(f) > RV_TEMPLATE_RESULT_BYTES_MAX)
                        r = rv_error_set(err, -E2BIG, "the template expands to over %d bytes",
                                         RV_TEMPLATE_RESULT_BYTES_MAX);
        }
        bool failed = ferror(f);
        if (fclose(f) != 0 || failed || !text)
                return rv_error_oom(err);
        if (r == 0 && use == RV_TEMPLATE_PATH)
                r = rv_pathspec_check(text, err);
        if (r < 0)
                return r;
        *ret = RV_TAKE(text);
        return 0;
}
