/* Which values of a label set could name what a commit deployed: a version, an image's tag, a digest, a commit's id.
 *
 * Of an image's name its tag and its digest count. Left out is what stands in the scope, for all of its files are about
 * that, and what looks like a number, an address, or a word. */
#include "revertd/json.h"
#include "revertd/suspect.h"
#include "revertd/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What was there before, in another line or another file, was deployed by another commit. A value that was only taken
 * away says nothing for or against: the label tells what ran when it broke, and that commit ended it. It may have been
 * the cure, or what still runs of the old may fail for want of what went with it. */
bool rv_value_is_added(const struct rv_value *value) {
        return value->path && !value->removed;
}

char *rv_value_added_text(const json_t *value) {
        const char *path = rv_json_string(value, "path", NULL);
        char *text;

        if (!path || rv_json_bool(value, "removed", false))
                return NULL;
        return asprintf(&text, "%s=%s in %s", rv_json_string(value, "label", ""), rv_json_string(value, "value", ""),
                        path) < 0
                       ? NULL
                       : text;
}

enum { DIGEST_DIGITS_MIN = 32, ID_DIGITS_MIN = 7, NUMBER_DIGITS_MIN = 6, RUN_DIGITS_MIN = 4 };

static bool is_digit(char c) {
        return isdigit((unsigned char)c);
}

/* What separates the parts of a tag. */
static bool is_mark(char c) {
        return c == '-' || c == '_' || c == '.' || c == '+';
}

/* So many hexadecimal digits, of both kinds: neither a number nor a word. */
static bool is_id(const char *s, size_t n) {
        bool has_digit = false, has_letter = false;

        for (size_t i = 0; i < n; i++) {
                if (!strchr("0123456789abcdef", s[i]))
                        return false;
                has_digit |= is_digit(s[i]);
                has_letter |= !is_digit(s[i]);
        }
        return n >= ID_DIGITS_MIN && has_digit && has_letter;
}

static bool is_digest(const char *s, size_t n) {
        const char *colon = memchr(s, ':', n);
        size_t n_hex = colon ? n - (size_t)(colon + 1 - s) : 0;

        for (const char *p = s; n_hex > 0 && p < colon; p++)
                if (!isalnum((unsigned char)*p))
                        return false;
        return n_hex >= DIGEST_DIGITS_MIN && strspn(colon + 1, "0123456789abcdef") >= n_hex;
}

/* "1.2.3", but not "1.2", which is a number, nor "10.0.0.1"; "20260301". */
static bool is_numeric_version(size_t n_digits, size_t n_dots) {
        return n_dots == 0 ? n_digits >= NUMBER_DIGITS_MIN : n_dots == 2 || n_dots > 3;
}

/* "v1.2", "1.2-rc1", "v77", "main-20260301", "sha-1a2b3c4". */
static bool is_tag(const char *s, size_t n) {
        bool is_release = s[0] == 'v' && n > 1;
        size_t n_digits = 0;

        for (size_t i = 1; i < n; i++)
                is_release &= is_digit(s[i]);
        if (is_release)
                return true;
        for (size_t i = 0, part = 0; i <= n; i++) {
                n_digits = i < n && is_digit(s[i]) ? n_digits + 1 : 0;
                if (n_digits >= RUN_DIGITS_MIN ||
                    (i > 0 && i + 1 < n && s[i] == '.' && is_digit(s[i - 1]) && is_digit(s[i + 1])))
                        return true;
                if (i == n || is_mark(s[i])) {
                        if (is_id(s + part, i - part))
                                return true;
                        part = i + 1;
                }
        }
        return false;
}

static bool could_name(const char *s, size_t n) {
        size_t n_digits = 0, n_dots = 0;

        if (n < RV_VALUE_BYTES_MIN || n > RV_VALUE_BYTES_MAX)
                return false;
        if (is_digest(s, n))
                return true;
        for (size_t i = 0; i < n; i++) {
                if (!isalnum((unsigned char)s[i]) && !is_mark(s[i]))
                        return false;
                n_digits += is_digit(s[i]);
                n_dots += s[i] == '.';
        }
        return n_digits + n_dots == n ? is_numeric_version(n_digits, n_dots) : is_tag(s, n);
}

struct picking {
        char *const *scope;
        size_t n_scope;
        struct rv_value *values;
        size_t n;
};

static int add(struct picking *p, const char *label, const char *s, size_t n) {
        struct rv_value *v = &p->values[p->n];

        if (p->n == RV_VALUES_MAX || !could_name(s, n))
                return 0;
        *v = (struct rv_value){.label = strdup(label), .value = strndup(s, n)};
        bool is_left_out = false;
        for (size_t i = 0; v->value && i < p->n; i++)
                is_left_out |= strcmp(p->values[i].value, v->value) == 0;
        for (size_t i = 0; v->value && i < p->n_scope; i++)
                is_left_out |= rv_text_has_word(p->scope[i], strlen(p->scope[i]), v->value);
        if (v->label && v->value && !is_left_out) {
                p->n++;
                return 0;
        }
        free(v->label);
        free(v->value);
        return is_left_out ? 0 : -ENOMEM;
}

/* The value; of an image's name, "registry:5000/team/shop:v1.2@sha256:…", its tag and its digest. */
static int add_parts(struct picking *p, const struct rv_label *label) {
        const char *value = label->value, *slash = strrchr(value, '/'), *at = strchr(value, '@');
        const char *name = slash ? slash + 1 : value;
        size_t n = strcspn(name, "@");
        const char *colon = memchr(name, ':', n);
        int r;

        if (is_digest(value, strlen(value)) || (!slash && !at && !colon))
                return add(p, label->name, value, strlen(value));
        r = colon ? add(p, label->name, colon + 1, n - (size_t)(colon + 1 - name)) : 0;
        return r == 0 && at ? add(p, label->name, at + 1, strlen(at + 1)) : r;
}

int rv_values_pick(const struct rv_labels *labels, char *const *scope, size_t n_scope, struct rv_value **ret,
                   size_t *ret_n) {
        struct picking p = {.scope = scope, .n_scope = n_scope, .values = calloc(RV_VALUES_MAX + 1, sizeof(*p.values))};
        int r = p.values ? 0 : -ENOMEM;

        for (size_t i = 0; r == 0 && labels && i < labels->n; i++)
                r = add_parts(&p, &labels->label[i]);
        *ret = p.values; /* also on failure: the caller's to free */
        *ret_n = p.n;
        return r;
}
