/* The group `events`: its labels, and what its keys must be to one another. */
#include "config/reader.h"
#include "config/take.h"
#include "config/values.h"

#include "revertd/cleanup.h"
#include "revertd/labels.h"
#include "revertd/pointer.h"

#include <errno.h>
#include <string.h>

/* Of the event's source, so that a rule can tell them apart, and no body can say it is another's. */
static const char reserved[] = "event";

static size_t name_bytes(const char *text) {
        size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
        return n > 0 && text[0] >= '0' && text[0] <= '9' ? 0 : n;
}

static int check_label(const char *text, size_t n, struct rv_error *err) {
        if (n == 0 || text[n] != '=')
                return rv_error_set(err, -EINVAL, "'%s' is no label: name=value, or name=/pointer", text);
        if (n == strlen(reserved) && strncmp(text, reserved, n) == 0)
                return rv_error_set(err, -EINVAL, "'%s': that label is always the name of the event source", text);
        if (text[n + 1] == '\0')
                return rv_error_set(err, -EINVAL, "'%s' has no value", text);
        return text[n + 1] == '/' ? rv_pointer_check(text + n + 1, err) : 0;
}

static void label_done(struct rv_event_label *label) {
        free(label->name);
        free(label->value);
}

TAKE(event_labels) {
        const struct rv_event_label *before = *FIELD(struct rv_event_label *, base, key);
        size_t n = name_bytes(text);
        int r = rv_value_check_text(text, err);
        (void)reader;

        if (r == 0)
                r = check_label(text, n, err);
        if (r < 0)
                return r;
        if (*COUNT(base, key) == RV_LABELS_MAX - 1)
                return rv_error_set(err, -EINVAL, "has more than %d", RV_LABELS_MAX - 1);
        for (size_t i = 0; i < *COUNT(base, key); i++)
                if (strlen(before[i].name) == n && strncmp(before[i].name, text, n) == 0)
                        return rv_error_set(err, -EINVAL, "'%s': there is a label %s before it", text, before[i].name);
        struct rv_event_label label = {.name = strndup(text, n), .value = strdup(text + n + 1)};
        struct rv_event_label *slot = rv_take_grow(key, base, sizeof(label), err);
        if (!slot || !label.name || !label.value) {
                label_done(&label);
                return rv_error_oom(err);
        }
        label.is_pointer = label.value[0] == '/';
        *slot = label;
        ++*COUNT(base, key);
        return 0;
}

static void done_event_labels(const struct rv_key *key, void *base) {
        struct rv_event_label **list = FIELD(struct rv_event_label *, base, key);
        for (size_t i = 0; i < *COUNT(base, key); i++)
                label_done(&(*list)[i]);
        free(*list);
        *list = NULL;
        *COUNT(base, key) = 0;
}

const struct rv_type rv_type_event_labels = {"list of labels", .list = true, .take = take_event_labels,
                                             .done = done_event_labels};

static void check_apart(struct rv_reader *reader, char *const *words, const char *key, char *const *others,
                        const char *other_key) {
        for (; words && *words; words++)
                for (char *const *other = others; other && *other; other++)
                        if (strcmp(*words, *other) == 0)
                                rv_reader_problem(reader, key, "'%s' stands in %s too", *words, other_key);
}

void rv_check_event(struct rv_reader *reader, const struct rv_event_config *event) {
        static const char *const words[] = {"firing", "ok", "inconclusive"};

        for (size_t i = 0; i < RV_ARRAY_SIZE(words); i++)
                if (rv_reader_given(reader, words[i]) && !rv_reader_given(reader, "verdict"))
                        rv_reader_problem(reader, words[i], "needs verdict, where it is looked for");
        if (rv_reader_given(reader, "verdict") && !rv_reader_given(reader, "firing"))
                rv_reader_problem(reader, "verdict", "needs firing, what it says where something is wrong");
        if (!rv_reader_given(reader, "ok") && !rv_reader_given(reader, "resolve_after"))
                rv_reader_problem(reader, NULL, "has neither ok nor resolve_after: what fires would never be over");
        check_apart(reader, event->ok, "ok", event->firing, "firing");
        check_apart(reader, event->inconclusive, "inconclusive", event->firing, "firing");
        check_apart(reader, event->inconclusive, "inconclusive", event->ok, "ok");
}
