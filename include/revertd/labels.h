/* A label set, as Prometheus has it: names with values, sorted by name, each name once. Immutable and
 * reference-counted, in one allocation. */
#pragma once

#include "revertd/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
        RV_LABELS_MAX = 128,             /* labels in a set */
        RV_LABEL_NAME_BYTES_MAX = 1024,  /* a name */
        RV_LABEL_VALUE_BYTES_MAX = 8192, /* a value */
};

struct rv_label {
        const char *name;
        const char *value;
};

struct rv_labels {
        unsigned refs;
        uint64_t fingerprint; /* FNV-1a 64 over name 0xFF value 0xFF, as prometheus/common model/signature.go */
        size_t n;
        struct rv_label label[];
};

/* Copies; sorts; a label with an empty value is left out, as Prometheus does. -EINVAL: a bad name or a name twice;
 * -E2BIG: over a cap above. */
int rv_labels_new(struct rv_labels **ret, const struct rv_label *label, size_t n, struct rv_error *err) RV_MUST_CHECK;

/* From a JSON object of strings, leaving out the label named `without` (NULL: none). Same errors. */
int rv_labels_from_json(struct rv_labels **ret, const json_t *object, const char *without,
                        struct rv_error *err) RV_MUST_CHECK;
json_t *rv_labels_to_json(const struct rv_labels *labels); /* new reference; NULL: out of memory */

struct rv_labels *rv_labels_ref(struct rv_labels *labels);
struct rv_labels *rv_labels_unref(struct rv_labels *labels); /* returns NULL; accepts NULL */

const char *rv_labels_get(const struct rv_labels *labels, const char *name); /* NULL: no such label */
bool rv_labels_equal(const struct rv_labels *a, const struct rv_labels *b);

/* The value in quotes, escaped as in PromQL. */
void rv_label_quote(FILE *f, const char *value);
/* {app="checkout", zone="a"}, values escaped as in PromQL. Caller frees; NULL: out of memory. */
char *rv_labels_format(const struct rv_labels *labels);

static inline void rv_labels_unrefp(struct rv_labels **labels) {
        *labels = rv_labels_unref(*labels);
}
#define _cleanup_labels_ __attribute__((cleanup(rv_labels_unrefp)))
