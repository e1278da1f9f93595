#include "revertd/labels.h"

#include "revertd/cleanup.h"
#include "revertd/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FNV_OFFSET UINT64_C(14695981039346656037)
#define FNV_PRIME UINT64_C(1099511628211)

static int compare(const void *a, const void *b) {
        const struct rv_label *x = a, *y = b;

        return strcmp(x->name, y->name);
}

/* Any UTF-8, as since Prometheus 3.0. */
static int check(const struct rv_label *label, struct rv_error *err) {
        size_t name_bytes = strlen(label->name), value_bytes = strlen(label->value);

        if (name_bytes > RV_LABEL_NAME_BYTES_MAX)
                return rv_error_set(err, -E2BIG, "label name of %zu bytes, over %d", name_bytes,
                                    RV_LABEL_NAME_BYTES_MAX);
        if (name_bytes == 0 || !rv_text_is_utf8(label->name, name_bytes))
                return rv_error_set(err, -EINVAL, "label name is %s", name_bytes == 0 ? "empty" : "not UTF-8");
        if (value_bytes > RV_LABEL_VALUE_BYTES_MAX)
                return rv_error_set(err, -E2BIG, "label %s: value of %zu bytes, over %d", label->name, value_bytes,
                                    RV_LABEL_VALUE_BYTES_MAX);
        if (!rv_text_is_utf8(label->value, value_bytes))
                return rv_error_set(err, -EINVAL, "label %s: value is not UTF-8", label->name);
        return 0;
}

static uint64_t hash_bytes(uint64_t hash, const char *s) {
        for (; *s; s++)
                hash = (hash ^ (unsigned char)*s) * FNV_PRIME;
        return (hash ^ 0xFF) * FNV_PRIME;
}

static char *copy_string(char *to, const char *from, const char **ret) {
        size_t n = strlen(from) + 1;

        memcpy(to, from, n);
        *ret = to;
        return to + n;
}

/* The set from labels that were checked. */
static struct rv_labels *build(const struct rv_label *label, size_t n, size_t string_bytes) {
        struct rv_labels *labels = malloc(sizeof(*labels) + n * sizeof(labels->label[0]) + string_bytes);

        if (!labels)
                return NULL;
        char *strings = (char *)&labels->label[n];
        labels->refs = 1;
        labels->n = n;
        labels->fingerprint = FNV_OFFSET;
        for (size_t i = 0; i < n; i++) {
                strings = copy_string(strings, label[i].name, &labels->label[i].name);
                strings = copy_string(strings, label[i].value, &labels->label[i].value);
                labels->fingerprint = hash_bytes(labels->fingerprint, label[i].name);
                labels->fingerprint = hash_bytes(labels->fingerprint, label[i].value);
        }
        return labels;
}

int rv_labels_new(struct rv_labels **ret, const struct rv_label *label, size_t n, struct rv_error *err) {
        struct rv_label sorted[RV_LABELS_MAX];
        size_t kept = 0, string_bytes = 0;

        for (size_t i = 0; i < n; i++) {
                int r = check(&label[i], err);
                if (r < 0)
                        return r;
                if (label[i].value[0] == '\0')
                        continue;
                if (kept == RV_LABELS_MAX)
                        return rv_error_set(err, -E2BIG, "over %d labels", RV_LABELS_MAX);
                sorted[kept++] = label[i];
                string_bytes += strlen(label[i].name) + strlen(label[i].value) + 2;
        }
        if (kept > 0)
                qsort(sorted, kept, sizeof(sorted[0]), compare);
        for (size_t i = 1; i < kept; i++)
                if (strcmp(sorted[i - 1].name, sorted[i].name) == 0)
                        return rv_error_set(err, -EINVAL, "label %s: there twice", sorted[i].name);
        struct rv_labels *labels = build(sorted, kept, string_bytes);
        if (!labels)
                return rv_error_oom(err);
        *ret = labels;
        return 0;
}

int rv_labels_from_json(struct rv_labels **ret, const json_t *object, const char *without, struct rv_error *err) {
        _cleanup_free_ struct rv_label *label = NULL;
        const char *name;
        json_t *value;
        size_t n = 0;

        if (!json_is_object(object))
                return rv_error_set(err, -EINVAL, "labels are not an object");
        label = calloc(json_object_size(object) + 1, sizeof(*label));
        if (!label)
                return rv_error_oom(err);
        json_object_foreach ((json_t *)object, name, value) {
                if (without && strcmp(name, without) == 0)
                        continue;
                if (!json_is_string(value))
                        return rv_error_set(err, -EINVAL, "label %s: not a string", name);
                label[n++] = (struct rv_label){name, json_string_value(value)};
        }
        return rv_labels_new(ret, label, n, err);
}

json_t *rv_labels_to_json(const struct rv_labels *labels) {
        json_t *object = json_object();

        for (size_t i = 0; object && i < labels->n; i++)
                if (json_object_set_new(object, labels->label[i].name, json_string(labels->label[i].value)) < 0) {
                        json_decref(object);
                        return NULL;
                }
        return object;
}

struct rv_labels *rv_labels_ref(struct rv_labels *labels) {
        labels->refs++;
        return labels;
}

struct rv_labels *rv_labels_unref(struct rv_labels *labels) {
        if (labels && --labels->refs == 0)
                free(labels);
        return NULL;
}

const char *rv_labels_get(const struct rv_labels *labels, const char *name) {
        if (labels->n == 0)
                return NULL;
        struct rv_label key = {.name = name};
        const struct rv_label *found = bsearch(&key, labels->label, labels->n, sizeof(key), compare);
        return found ? found->value : NULL;
}

bool rv_labels_equal(const struct rv_labels *a, const struct rv_labels *b) {
        if (a == b)
                return true;
        if (a->fingerprint != b->fingerprint || a->n != b->n)
                return false;
        for (size_t i = 0; i < a->n; i++)
                if (strcmp(a->label[i].name, b->label[i].name) != 0 ||
                    strcmp(a->label[i].value, b->label[i].value) != 0)
                        return false;
        return true;
}

void rv_label_quote(FILE *f, const char *s) {
        fputc('"', f);
        for (; *s; s++) {
                unsigned char c = (unsigned char)*s;
                if (c == '"' || c == '\\')
                        fprintf(f, "\\%c", c);
                else if (c == '\n')
                        fputs("\\n", f);
                else if (c == '\t')
                        fputs("\\t", f);
                else if (c < 0x20 || c == 0x7F)
                        fprintf(f, "\\x%02x", c);
                else
                        fputc(c, f);
        }
        fputc('"', f);
}

static bool is_plain_name(const char *s) {
        return strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strlen(s) &&
               !(*s >= '0' && *s <= '9');
}

char *rv_labels_format(const struct rv_labels *labels) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return NULL;
        fputc('{', f);
        for (size_t i = 0; i < labels->n; i++) {
                if (i > 0)
                        fputs(", ", f);
                if (is_plain_name(labels->label[i].name))
                        fputs(labels->label[i].name, f);
                else
                        rv_label_quote(f, labels->label[i].name);
                fputc('=', f);
                rv_label_quote(f, labels->label[i].value);
        }
        fputc('}', f);
        bool failed = ferror(f);
        if (fclose(f) != 0 || failed) {
                free(text);
                return NULL;
        }
        return text;
}
