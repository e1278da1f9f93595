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

static int store_string(const struct rv_key *key, void *base, const char *text, struct rv_error *err) {
        char *copy = strdup(text);
        if (!copy)
                return rv_error_oom(err);
        free(*FIELD(char *, base, key));
        *FIELD(char *, base, key) = copy;
        return 0;
}

static void done_string(const struct rv_key *key, void *base) {
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

/* Strings of the same form but for their check. */
#define TAKE_STRING(type, check, store)                                                                                \
        TAKE(type) {                                                                                                   \
                (void)reader;                                                                                          \
                int r = check(text, err);                                                                              \
                return r < 0 ? r : store(key, base, text, err);                                                        \
        }

TAKE_STRING(text, rv_value_check_text, store_string)
TAKE_STRING(name, rv_value_check_name, store_string)
TAKE_STRING(credential, rv_credential_check_name, store_string)
TAKE_STRING(page, rv_value_check_page, store_string)
TAKE_STRING(link, rv_value_check_link, store_string)
TAKE_STRING(remote, rv_value_check_remote, store_string)
TAKE_STRING(project, rv_value_check_project, store_string)
TAKE_STRING(branch, rv_value_check_branch, store_string)
TAKE_STRING(expression, rv_value_check_expression, store_string)
TAKE_STRING(header_name, rv_value_check_header_name, store_string)
TAKE_STRING(pointer, rv_pointer_check, store_string)
TAKE_STRING(addresses, rv_value_check_address, append_string)
TAKE_STRING(headers, rv_value_check_header, append_string)
TAKE_STRING(patterns, rv_pathspec_check, append_string)
TAKE_STRING(globs, rv_value_check_text, append_string)
TAKE_STRING(authors, rv_value_check_text, append_string)
TAKE_STRING(verdicts, rv_value_check_text, append_string)

TAKE(url) {
        (void)reader;
        _cleanup_free_ char *trimmed = strdup(text);
        if (!trimmed)
                return rv_error_oom(err);
        for (size_t n = strlen(trimmed); n > 0 && trimmed[n - 1] == '/'; n--)
                trimmed[n - 1] = '\0';
        int r = rv_value_check_url(trimmed, err);
        return r < 0 ? r : store_string(key, base, trimmed, err);
}

TAKE(file) {
        _cleanup_free_ char *path = NULL;
        int r;

        if (text[0] == '\0' && (key->flags & RV_KEY_MAY_CLEAR)) {
                done_string(key, base);
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
        return store_string(key, base, path, err);
}

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

TAKE(integer) {
        (void)reader;
        errno = 0;
        long long value = strtoll(text, NULL, 10);
        int r = check_range(key, value, text, err);
        if (r == 0)
                *FIELD(int, base, key) = (int)value;
        return r;
}

TAKE(boolean) {
        (void)reader, (void)err;
        *FIELD(bool, base, key) = strcmp(text, "true") == 0;
        return 0;
}

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

TAKE(ratio) {
        double value;
        (void)reader;
        if (rv_number_parse(text, &value) < 0 || !(value >= 0 && value <= 1))
                return rv_error_set(err, -EINVAL, "'%s' is no ratio: a number from 0 to 1", text);
        *FIELD(double, base, key) = value;
        return 0;
}

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

/* -- Words -- */

static const char *mode_word(unsigned i) {
        return i < RV_MODE_MAX ? rv_mode_to_string(i) : NULL;
}

static const char *receiver_type_word(unsigned i) {
        return i < RV_RECEIVER_TYPE_MAX ? rv_receiver_type_to_string(i) : NULL;
}

static const char *operator_type_word(unsigned i) {
        return i < RV_OPERATOR_TYPE_MAX ? rv_operator_type_to_string(i) : NULL;
}

static const char *outside_word(unsigned i) {
        return i < RV_OUTSIDE_MAX ? rv_outside_to_string(i) : NULL;
}

static const char *image_updates_word(unsigned i) {
        return i < RV_IMAGE_UPDATES_MAX ? rv_image_updates_to_string(i) : NULL;
}

static const char *dependents_word(unsigned i) {
        return i < RV_DEPENDENTS_MAX ? rv_dependents_to_string(i) : NULL;
}

static const char *suspects_word(unsigned i) {
        return i < RV_SUSPECTS_POLICY_MAX ? rv_suspects_to_string(i) : NULL;
}

static const char *fallback_word(unsigned i) {
        return i < RV_FALLBACK_MAX ? rv_fallback_to_string(i) : NULL;
}

static const char *unrecovered_word(unsigned i) {
        return i < RV_UNRECOVERED_MAX ? rv_unrecovered_to_string(i) : NULL;
}

static const char *forge_word(unsigned i) {
        return i < RV_FORGE_MAX ? rv_forge_to_string(i) : NULL;
}

static const char *merge_method_word(unsigned i) {
        return i < RV_MERGE_METHOD_MAX ? rv_merge_method_to_string(i) : NULL;
}

static int take_word(const struct rv_key *key, const char *text, unsigned *ret, struct rv_error *err) {
        char range[RV_KEY_TEXT_MAX];
        for (unsigned i = 0; key->type->words(i); i++)
                if (strcmp(key->type->words(i), text) == 0) {
                        *ret = i;
                        return 0;
                }
        return rv_error_set(err, -EINVAL, "'%s' is none of: %s", text, rv_key_range(key, range));
}

#define TAKE_WORD(type, word_type)                                                                                     \
        TAKE(type) {                                                                                                   \
                unsigned i = 0;                                                                                        \
                (void)reader;                                                                                          \
                int r = take_word(key, text, &i, err);                                                                 \
                if (r == 0)                                                                                            \
                        *FIELD(word_type, base, key) = i;                                                              \
                return r;                                                                                              \
        }
TAKE_WORD(mode, enum rv_mode)
TAKE_WORD(outside, enum rv_outside)
TAKE_WORD(image_updates, enum rv_image_updates)
TAKE_WORD(dependents, enum rv_dependents)
TAKE_WORD(suspects, enum rv_suspects)
TAKE_WORD(fallback, enum rv_fallback)
TAKE_WORD(unrecovered, enum rv_unrecovered)
TAKE_WORD(receiver_type, enum rv_receiver_type)
TAKE_WORD(operator_type, enum rv_operator_type)
TAKE_WORD(forge, enum rv_forge)
TAKE_WORD(merge_method, enum rv_merge_method)

/* -- References: to what stands in the main file -- */

#define FIND(config, list, text)                                                                                       \
        ({                                                                                                             \
                int _found = -1;                                                                                       \
                for (size_t _i = 0; _i < (config)->n_##list && _found < 0; _i++)                                       \
                        if ((config)->list[_i].name && strcmp((config)->list[_i].name, text) == 0)                     \
                                _found = (int)_i;                                                                      \
                _found;                                                                                                \
        })

TAKE(prometheus) {
        int index = FIND(reader->config, prometheus, text);
        if (index < 0)
                return rv_error_set(err, -EINVAL, "there is no prometheus named '%s'", text);
        *FIELD(int, base, key) = index;
        return 0;
}

TAKE(alertmanager) {
        int index = FIND(reader->config, alertmanagers, text);
        if (index < 0 && *text)
                return rv_error_set(err, -EINVAL, "there is no alertmanager named '%s'", text);
        *FIELD(int, base, key) = index;
        return 0;
}

TAKE(applied_by) {
        int index = FIND(reader->config, operators, text);
        if (index < 0 && *text)
                return rv_error_set(err, -EINVAL, "there is no operator named '%s'", text);
        *FIELD(int, base, key) = index;
        return 0;
}

TAKE(repository) {
        int index = FIND(reader->config, repositories, text);
        if (index < 0)
                return rv_error_set(err, -EINVAL, "there is no repository named '%s'", text);
        *FIELD(int, base, key) = index;
        return 0;
}

TAKE(webhook) {
        static const char prefix[] = "event/";
        const char *event = strncmp(text, prefix, strlen(prefix)) == 0 ? text + strlen(prefix) : NULL;

        if (event && FIND(reader->config, events, event) < 0)
                return rv_error_set(err, -EINVAL, "there is no event source named '%s'", event);
        if (!event && strcmp(text, "alertmanager") != 0 && strcmp(text, "grafana") != 0)
                return rv_error_set(err, -EINVAL, "'%s' is none of: alertmanager, grafana, event/NAME", text);
        return store_string(key, base, text, err);
}

TAKE(receivers) {
        int index = FIND(reader->config, receivers, text);
        if (index < 0)
                return rv_error_set(err, -EINVAL, "there is no receiver named '%s'", text);
        for (size_t i = 0; i < *COUNT(base, key); i++)
                if ((*FIELD(int *, base, key))[i] == index)
                        return rv_error_set(err, -EINVAL, "names '%s' twice", text);
        int *slot = rv_take_grow(key, base, sizeof(int), err);
        if (!slot)
                return -ENOMEM;
        *slot = index;
        ++*COUNT(base, key);
        return 0;
}

static void done_receivers(const struct rv_key *key, void *base) {
        free(*FIELD(int *, base, key));
        *FIELD(int *, base, key) = NULL;
        *COUNT(base, key) = 0;
}

/* -- The types -- */

#define STRING(type, words) const struct rv_type rv_type_##type = {words, .take = take_##type, .done = done_string};
#define STRINGS(type, words)                                                                                           \
        const struct rv_type rv_type_##type = {words, .list = true, .take = take_##type, .done = done_strings};

STRING(text, "text")
STRING(name, "name")
STRING(credential, "credential")
STRING(url, "URL")
STRING(page, "URL")
STRING(link, "URL with {}")
STRING(remote, "remote")
STRING(branch, "branch")
STRING(project, "project")
STRING(file, "file")
STRING(expression, "PromQL")
STRING(webhook, "webhook")
STRING(header_name, "header")
STRING(pointer, "JSON pointer")
STRINGS(addresses, "list of addresses")
STRINGS(headers, "list of headers")
STRINGS(patterns, "list of path patterns")
STRINGS(globs, "list of file patterns")
STRINGS(authors, "list of author patterns")
STRINGS(verdicts, "list of words")

const struct rv_type rv_type_duration = {"duration", .take = take_duration};
const struct rv_type rv_type_integer = {"integer", .integer = true, .take = take_integer};
const struct rv_type rv_type_boolean = {"boolean", .boolean = true, .take = take_boolean};
const struct rv_type rv_type_threshold = {"threshold", .take = take_threshold};
const struct rv_type rv_type_ratio = {"ratio", .take = take_ratio};
const struct rv_type rv_type_suspects = {"word", .words = suspects_word, .take = take_suspects};
const struct rv_type rv_type_fallback = {"word", .words = fallback_word, .take = take_fallback};
const struct rv_type rv_type_unrecovered = {"word", .words = unrecovered_word, .take = take_unrecovered};
const struct rv_type rv_type_image_updates = {"word", .words = image_updates_word, .take = take_image_updates};
const struct rv_type rv_type_dependents = {"word", .words = dependents_word, .take = take_dependents};
const struct rv_type rv_type_outside = {"word", .words = outside_word, .take = take_outside};
const struct rv_type rv_type_breaches = {"count", .take = take_breaches};
const struct rv_type rv_type_mode = {"word", .words = mode_word, .take = take_mode};
const struct rv_type rv_type_receiver_type = {"word", .words = receiver_type_word, .take = take_receiver_type};
const struct rv_type rv_type_forge = {"word", .words = forge_word, .take = take_forge};
const struct rv_type rv_type_merge_method = {"word", .words = merge_method_word, .take = take_merge_method};
const struct rv_type rv_type_operator_type = {"word", .words = operator_type_word, .take = take_operator_type};
const struct rv_type rv_type_applied_by = {"name of an operator", .take = take_applied_by};
const struct rv_type rv_type_prometheus = {"name of a prometheus", .take = take_prometheus};
const struct rv_type rv_type_alertmanager = {"name of an alertmanager", .take = take_alertmanager};
const struct rv_type rv_type_repository = {"name of a repository", .take = take_repository};
const struct rv_type rv_type_receivers = {"list of names of receivers", .list = true, .take = take_receivers,
                                          .done = done_receivers};
