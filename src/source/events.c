/* What a source of events posts, read by the pointers of its configuration: each item is an alert with labels of ours. */

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/json.h"
#include "revertd/number.h"
#include "revertd/pointer.h"
#include "revertd/source.h"
#include "revertd/text.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum {
        VALUES_MAX = 100000,                        /* of JSON */
        SCALAR_TEXT_MAX = RV_LABEL_VALUE_BYTES_MAX, /* a word, a time */
};
#define MSEC_LEAST 1e11 /* a Unix time from here on is in milliseconds: as seconds it is past the year 5000 */
#define UNIX_SEC_MAX 1e11

/* The value at a pointer as text, lent or in buf; a number as it is written. "": it is null. */
static int get_text(const json_t *item, const char *pointer, char buf[static RV_NUMBER_TEXT_MAX], const char **ret,
                    struct rv_error *err) {
        const json_t *value = rv_pointer_get(item, pointer);

        if (!value)
                return rv_error_set(err, -EINVAL, "there is nothing at %s", pointer);
        switch (json_typeof(value)) {
        case JSON_STRING:
                if (strlen(json_string_value(value)) > SCALAR_TEXT_MAX)
                        return rv_error_set(err, -EINVAL, "at %s is a text of more than %d bytes", pointer,
                                            SCALAR_TEXT_MAX);
                *ret = json_string_value(value);
                return 0;
        case JSON_INTEGER:
                snprintf(buf, RV_NUMBER_TEXT_MAX, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
                *ret = buf;
                return 0;
        case JSON_REAL:
                *ret = rv_number_format(json_real_value(value), buf);
                return 0;
        case JSON_NULL:
                *ret = "";
                return 0;
        case JSON_TRUE:
        case JSON_FALSE:
                *ret = json_is_true(value) ? "true" : "false";
                return 0;
        default:
                return rv_error_set(err, -EINVAL, "at %s is an %s, not a text", pointer,
                                    json_is_array(value) ? "array" : "object");
        }
}

static bool is_among(char *const *words, const char *text) {
        for (; words && *words; words++)
                if (strcmp(*words, text) == 0)
                        return true;
        return false;
}

static int count_unknown(struct rv_events_tally *tally, const char *word, struct rv_error *err) {
        enum { WORD_BYTES_MAX = 60 };

        if (tally->unknown++ == 0)
                tally->unknown_word = rv_text_line(word, WORD_BYTES_MAX);
        return tally->unknown_word ? 0 : rv_error_oom(err);
}

/* A verdict that is still blank is one that has not been given yet. */
static int read_verdict(const struct rv_event_config *config, const json_t *item, struct rv_alert *alert,
                        struct rv_events_tally *tally, struct rv_error *err) {
        char buf[RV_NUMBER_TEXT_MAX];
        const char *text = "";
        int r = config->verdict ? get_text(item, config->verdict, buf, &text, err) : 0;

        if (r < 0)
                return rv_error_prefix(err, r, "verdict");
        alert->firing = !config->verdict || is_among(config->firing, text);
        alert->is_undecided = !alert->firing && !is_among(config->ok, text);
        tally->firing += alert->firing;
        tally->ok += !alert->firing && !alert->is_undecided;
        tally->inconclusive += alert->is_undecided;
        return alert->is_undecided && *text && !is_among(config->inconclusive, text) ? count_unknown(tally, text, err)
                                                                                     : 0;
}

static int read_labels(const struct rv_event_config *config, const json_t *item, struct rv_labels **ret,
                       struct rv_error *err) {
        struct rv_label label[RV_LABELS_MAX] = {{"event", config->name}};
        _cleanup_free_ char *numbers = malloc((config->n_labels + 1) * RV_NUMBER_TEXT_MAX);
        int r;

        if (!numbers)
                return rv_error_oom(err);
        for (size_t i = 0; i < config->n_labels; i++) {
                const struct rv_event_label *wanted = &config->labels[i];
                const char *text = wanted->value;

                r = wanted->is_pointer ? get_text(item, wanted->value, numbers + i * RV_NUMBER_TEXT_MAX, &text, err)
                                       : 0;
                if (r == 0 && !*text)
                        r = rv_error_set(err, -EINVAL, "there is nothing at %s", wanted->value);
                if (r < 0)
                        return rv_error_prefix(err, r, "label %s", wanted->name);
                label[i + 1] = (struct rv_label){wanted->name, text};
        }
        r = rv_labels_new(ret, label, config->n_labels + 1, err);
        return r == 0 || r == -ENOMEM ? r : -EINVAL;
}

static int parse_time(const char *text, int64_t *ret_usec) {
        double number;

        if (rv_time_parse(text, ret_usec) == 0)
                return *ret_usec > 0 ? 0 : -EINVAL;
        if (rv_number_parse(text, &number) < 0 || !(number >= 1))
                return -EINVAL;
        if (number >= MSEC_LEAST)
                number /= 1000;
        if (!(number < UNIX_SEC_MAX))
                return -EINVAL;
        *ret_usec = (int64_t)(number * RV_USEC_PER_SEC);
        return 0;
}

static int read_start(const struct rv_event_config *config, const json_t *item, struct rv_alert *alert,
                      struct rv_error *err) {
        char buf[RV_NUMBER_TEXT_MAX];
        const char *text = "";
        int r;

        if (!config->start)
                return 0;
        r = get_text(item, config->start, buf, &text, err);
        if (r == 0 && parse_time(text, &alert->starts_usec) < 0)
                r = rv_error_set(err, -EINVAL, "at %s is no time: RFC 3339, or seconds or milliseconds since 1970",
                                 config->start);
        return r < 0 ? rv_error_prefix(err, r, "start") : 0;
}

/* Fills what it can; the caller releases it, also where it fails. */
static int parse_item(const struct rv_event_config *config, const json_t *item, struct rv_alert *alert,
                      struct rv_events_tally *tally, struct rv_error *err) {
        int r;

        if (!json_is_object(item))
                return rv_error_set(err, -EINVAL, "is not an object");
        alert->is_event = alert->is_unlisted = true;
        r = read_verdict(config, item, alert, tally, err);
        if (r == 0)
                r = read_labels(config, item, &alert->labels, err);
        if (r == 0)
                r = read_start(config, item, alert, err);
        if (r < 0)
                return r;
        if (alert->firing)
                alert->resolve_after_usec = config->resolve_after_usec;
        else
                alert->ends_usec = alert->starts_usec;
        return 0;
}

/* That one thing is well and is not, as of one delivery, says nothing; and it says that the labels do not tell the items
 * apart. */
static int check_contradiction(const struct rv_alert *alert, size_t n, struct rv_error *err) {
        for (size_t i = 0; i < n; i++)
                if (!alert[i].is_undecided && !alert[n].is_undecided && alert[i].firing != alert[n].firing &&
                    rv_labels_equal(alert[i].labels, alert[n].labels))
                        return rv_error_set(err, -EINVAL, "has the labels of item %zu, and says the opposite", i);
        return 0;
}

static int parse_items(const struct rv_event_config *config, const json_t *items, struct rv_alerts *alerts,
                       struct rv_events_tally *tally, struct rv_error *err) {
        const char *at = config->items ? config->items : "";
        bool is_array = json_is_array(items);
        size_t n = is_array ? json_array_size(items) : 1;

        if (n > RV_EVENTS_MAX)
                return rv_error_set(err, -EINVAL, "items: %s has %zu of them, over %d", *at ? at : "the body", n,
                                    RV_EVENTS_MAX);
        alerts->alert = calloc(n + 1, sizeof(*alerts->alert));
        if (!alerts->alert)
                return rv_error_oom(err);
        for (size_t i = 0; i < n; i++) {
                int r = parse_item(config, is_array ? json_array_get(items, i) : items, &alerts->alert[alerts->n++],
                                   tally, err);
                if (r == 0)
                        r = check_contradiction(alerts->alert, i, err);
                if (r < 0 && is_array)
                        return rv_error_prefix(err, r, "item %s/%zu", at, i);
                if (r < 0)
                        return *at ? rv_error_prefix(err, r, "item %s", at) : rv_error_prefix(err, r, "the body");
        }
        return 0;
}

int rv_events_parse(const struct rv_event_config *config, const char *body, size_t n, struct rv_alerts *ret,
                    struct rv_events_tally *ret_tally, struct rv_error *err) {
        struct rv_alerts alerts = {0};
        struct rv_events_tally tally = {0};
        _cleanup_json_ json_t *root = NULL;
        const json_t *items;
        int r = rv_json_parse(&root, body, n, VALUES_MAX, err);

        if (r < 0)
                return r == -ENOMEM ? r : -EINVAL;
        items = config->items ? rv_pointer_get(root, config->items) : root;
        if (!items)
                return rv_error_set(err, -EINVAL, "items: there is nothing at %s", config->items);
        r = parse_items(config, items, &alerts, &tally, err);
        if (r < 0) {
                rv_alerts_done(&alerts);
                rv_events_tally_done(&tally);
                return r;
        }
        *ret = alerts;
        *ret_tally = tally;
        return 0;
}

void rv_events_tally_done(struct rv_events_tally *tally) {
        free(tally->unknown_word);
        *tally = (struct rv_events_tally){0};
}
