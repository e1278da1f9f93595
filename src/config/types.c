#include "config/types.h"

#include "config/reader.h"
#include "config/take.h"
#include "config/values.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/credential.h"
#include "revertd/number.h"
#include "revertd/pathspec.h"
#include "revertd/pointer.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/un.h>

/* -- Storing -- */

int rv_take_string(const struct rv_key *key, void *base, const char *text, struct rv_error *err) {
        char *copy = strdup(text);
        if (!copy)
                return rv_error_oom(err);
        free(*FIELD(char *, base, key));
        *FIELD(char *, base, key) = copy;
        return 0;
}

void rv_done_string(const struct rv_key *key, void *base) {
        free(*FIELD(char *, base, key));
        *FIELD(char *, base, key) = NULL;
}

/* Appends to a NULL-terminated array. */
static int append_string(const struct rv_key *key, void *base, const char *text, struct rv_error *err) {
        char ***list = FIELD(char **, base, key);
        size_t n = 0;
        while (*list && (*list)[n])
                n++;
        char **grown = reallocarray(*list, n + 2, sizeof(*grown));
        if (!grown)
                return rv_error_oom(err);
        *list = grown;
        grown[n + 1] = NULL;
        grown[n] = strdup(text);
        return grown[n] ? 0 : rv_error_oom(err);
}

static void done_strings(const struct rv_key *key, void *base) {
        char ***list = FIELD(char **, base, key);
        for (char **s = *list; s && *s; s++)
                free(*s);
        free(*list);
        *list = NULL;
}

void *rv_take_grow(const struct rv_key *key, void *base, size_t size, struct rv_error *err) {
        void **array = FIELD(void *, base, key);
        void *grown = reallocarray(*array, *COUNT(base, key) + 1, size);
        if (!grown) {
                (void)rv_error_oom(err);
                return NULL;
        }
        *array = grown;
        return (char *)grown + *COUNT(base, key) * size;
}

/* -- Strings: what they must look like, one or a list of them -- */

#define STRING(type, words, check)                                                                                     \
        TAKE(type) {                                                                                                   \
                (void)reader;                                                                                          \
                int r = check(text, err);                                                                              \
                return r < 0 ? r : rv_take_string(key, base, text, err);                                               \
        }                                                                                                              \
        const struct rv_type rv_type_##type = {words, .take = take_##type, .done = rv_done_string};

STRING(text, "text", rv_value_check_text)
STRING(name, "name", rv_value_check_name)
STRING(credential, "credential", rv_credential_check_name)
STRING(page, "URL", rv_value_check_page)
STRING(link, "URL with {}", rv_value_check_link)
STRING(remote, "remote", rv_value_check_remote)
STRING(branch, "branch", rv_value_check_branch)
STRING(project, "project", rv_value_check_project)
STRING(expression, "PromQL", rv_value_check_expression)
STRING(header_name, "header", rv_value_check_header_name)
STRING(pointer, "JSON pointer", rv_pointer_check)

#define STRINGS(type, words, check)                                                                                    \
        TAKE(type) {                                                                                                   \
                (void)reader;                                                                                          \
                int r = check(text, err);                                                                              \
                return r < 0 ? r : append_string(key, base, text, err);                                                \
        }                                                                                                              \
        const struct rv_type rv_type_##type = {words, .list = true, .take = take_##type, .done = done_strings};

STRINGS(addresses, "list of addresses", rv_value_check_address)
STRINGS(headers, "list of headers", rv_value_check_header)
STRINGS(patterns, "list of path patterns", rv_pathspec_check)
STRINGS(globs, "list of file patterns", rv_value_check_text)
STRINGS(authors, "list of author patterns", rv_value_check_text)
STRINGS(verdicts, "list of words", rv_value_check_text)

TAKE(url) {
        (void)reader;
        _cleanup_free_ char *trimmed = strdup(text);
        if (!trimmed)
                return rv_error_oom(err);
        for (size_t n = strlen(trimmed); n > 0 && trimmed[n - 1] == '/'; n--)
                trimmed[n - 1] = '\0';
        int r = rv_value_check_url(trimmed, err);
        return r < 0 ? r : rv_take_string(key, base, trimmed, err);
}
const struct rv_type rv_type_url = {"URL", .take = take_url, .done = rv_done_string};

TAKE(file) {
        _cleanup_free_ char *path = NULL;
        int r;

        if (text[0] == '\0' && (key->flags & RV_KEY_MAY_CLEAR)) {
                rv_done_string(key, base);
                return 0;
        }
        r = rv_value_check_text(text, err);
        if (r < 0)
                return r;
        if (asprintf(&path, "%s%s%s", text[0] == '/' ? "" : reader->directory, text[0] == '/' ? "" : "/", text) < 0) {
                path = NULL;
                return rv_error_oom(err);
        }
        if (strcmp(key->name, "socket") == 0 && strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
                return rv_error_set(err, -EINVAL, "is too long for a Unix socket: %zu bytes of at most %zu",
                                    strlen(path), sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
        return rv_take_string(key, base, path, err);
}
const struct rv_type rv_type_file = {"file", .take = take_file, .done = rv_done_string};

/* -- Numbers -- */

static int check_range(const struct rv_key *key, int64_t value, const char *text, struct rv_error *err) {
        char range[RV_KEY_TEXT_MAX];
        if (value >= key->min && value <= key->max)
                return 0;
        return rv_error_set(err, -EINVAL, "%s is out of range: %s", text, rv_key_range(key, range));
}

TAKE(duration) {
        (void)reader;
        int64_t usec = 0;
        int r = rv_duration_parse(text, &usec);
        if (r == -ERANGE)
                usec = RV_USEC_INFINITY;
        else if (r < 0)
                return rv_error_set(err, -EINVAL, "'%s' is no duration: \"30s\", \"5m\", \"1h30m\", \"7d\"", text);
        r = check_range(key, usec, text, err);
        if (r == 0)
                *FIELD(int64_t, base, key) = usec;
        return r;
}
const struct rv_type rv_type_duration = {"duration", .take = take_duration};

TAKE(integer) {
        (void)reader;
        errno = 0;
        long long value = strtoll(text, NULL, 10);
        int r = check_range(key, value, text, err);
        if (r == 0)
                *FIELD(int, base, key) = (int)value;
        return r;
}
const struct rv_type rv_type_integer = {"integer", .integer = true, .take = take_integer};

TAKE(boolean) {
        (void)reader, (void)err;
        *FIELD(bool, base, key) = strcmp(text, "true") == 0;
        return 0;
}
const struct rv_type rv_type_boolean = {"boolean", .boolean = true, .take = take_boolean};

/* The number stands beside its operator: its offset takes the place of a count's. */
TAKE(threshold) {
        const char *s = text + strspn(text, " ");
        (void)reader;

        /* The longer ones are ">=" and "<=", which must not be taken for ">" and "<". */
        enum rv_breach_op op = RV_BREACH_OP_MAX;
        for (enum rv_breach_op i = 0; i < RV_BREACH_OP_MAX; i++) {
                size_t n = strlen(rv_breach_op_to_string(i));
                if (strncmp(s, rv_breach_op_to_string(i), n) == 0 &&
                    (op == RV_BREACH_OP_MAX || n > strlen(rv_breach_op_to_string(op))))
                        op = i;
        }
        if (op == RV_BREACH_OP_MAX)
                return rv_error_set(err, -EINVAL, "'%s' is no threshold: >, >=, <, <=, == or != and a number", text);
        s += strlen(rv_breach_op_to_string(op));
        s += strspn(s, " ");
        double value;
        if (rv_number_parse(s, &value) < 0 || !isfinite(value))
                return rv_error_set(err, -EINVAL, "'%s': '%s' is not a number", text, s);
        *FIELD(enum rv_breach_op, base, key) = op;
        *(double *)((char *)base + key->offset_n) = value;
        return 0;
}
const struct rv_type rv_type_threshold = {"threshold", .take = take_threshold};

TAKE(ratio) {
        double value;
        (void)reader;
        if (rv_number_parse(text, &value) < 0 || !(value >= 0 && value <= 1))
                return rv_error_set(err, -EINVAL, "'%s' is no ratio: a number from 0 to 1", text);
        *FIELD(double, base, key) = value;
        return 0;
}
const struct rv_type rv_type_ratio = {"ratio", .take = take_ratio};

/* A number of one or two digits. Returns what follows it; NULL: there is none. */
static const char *read_count(const char *s, unsigned *ret) {
        size_t n = strspn(s, "0123456789");
        if (n < 1 || n > 2)
                return NULL;
        *ret = (unsigned)strtoul(s, NULL, 10);
        return s + n;
}

/* "3 of 5", or "3": of three that follow one another. */
TAKE(breaches) {
        static const char of[] = " of ";
        struct rv_breaches count = {0};
        (void)reader;

        const char *s = read_count(text, &count.needed);
        count.of = count.needed;
        if (s && strncmp(s, of, strlen(of)) == 0)
                s = read_count(s + strlen(of), &count.of);
        if (!s || *s)
                return rv_error_set(err, -EINVAL, "'%s' is no count: \"3 of 5\", or \"3\" that follow one another",
                                    text);
        if (count.needed < 1 || count.needed > count.of || count.of > RV_BREACHES_OF_MAX)
                return rv_error_set(err, -EINVAL, "%s is out of range: 1 to all of at most %d", text,
                                    RV_BREACHES_OF_MAX);
        *FIELD(struct rv_breaches, base, key) = count;
        return 0;
}
const struct rv_type rv_type_breaches = {"count", .take = take_breaches};

/* -- Words -- */

static int take_word(const struct rv_key *key, const char *text, unsigned *ret, struct rv_error *err) {
        char range[RV_KEY_TEXT_MAX];
        for (unsigned i = 0; key->type->words(i); i++)
                if (strcmp(key->type->words(i), text) == 0) {
                        *ret = i;
                        return 0;
                }
        return rv_error_set(err, -EINVAL, "'%s' is none of: %s", text, rv_key_range(key, range));
}

/* The words of an enum: those that its to-string function knows. */
#define WORD(type, word_type, max)                                                                                     \
        static const char *type##_word(unsigned i) {                                                                   \
                return i < (max) ? rv_##type##_to_string(i) : NULL;                                                    \
        }                                                                                                              \
        TAKE(type) {                                                                                                   \
                unsigned i = 0;                                                                                        \
                (void)reader;                                                                                          \
                int r = take_word(key, text, &i, err);                                                                 \
                if (r == 0)                                                                                            \
                        *FIELD(word_type, base, key) = i;                                                              \
                return r;                                                                                              \
        }                                                                                                              \
        const struct rv_type rv_type_##type = {"word", .words = type##_word, .take = take_##type};

WORD(mode, enum rv_mode, RV_MODE_MAX)
WORD(outside, enum rv_outside, RV_OUTSIDE_MAX)
WORD(image_updates, enum rv_image_updates, RV_IMAGE_UPDATES_MAX)
WORD(dependents, enum rv_dependents, RV_DEPENDENTS_MAX)
WORD(suspects, enum rv_suspects, RV_SUSPECTS_POLICY_MAX)
WORD(fallback, enum rv_fallback, RV_FALLBACK_MAX)
WORD(unrecovered, enum rv_unrecovered, RV_UNRECOVERED_MAX)
WORD(receiver_type, enum rv_receiver_type, RV_RECEIVER_TYPE_MAX)
WORD(operator_type, enum rv_operator_type, RV_OPERATOR_TYPE_MAX)
WORD(forge, enum rv_forge, RV_FORGE_MAX)
WORD(merge_method, enum rv_merge_method, RV_MERGE_METHOD_MAX)
