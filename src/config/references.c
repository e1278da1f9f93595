/* The types that name something else: what stands in a list of the main file, or a way in. */
#include "config/reader.h"
#include "config/take.h"

#include <errno.h>
#include <string.h>

#define FIND(config, list, text)                                                                                       \
        ({                                                                                                             \
                int _found = -1;                                                                                       \
                for (size_t _i = 0; _i < (config)->n_##list && _found < 0; _i++)                                       \
                        if ((config)->list[_i].name && strcmp((config)->list[_i].name, text) == 0)                     \
                                _found = (int)_i;                                                                      \
                _found;                                                                                                \
        })

/* The place in the list, which is −1 for "" where that is taken for: none. */
#define REFERENCE(type, list, words, what, may_be_none)                                                                \
        TAKE(type) {                                                                                                   \
                int index = FIND(reader->config, list, text);                                                          \
                if (index < 0 && !((may_be_none) && *text == '\0'))                                                    \
                        return rv_error_set(err, -EINVAL, "there is no " what " named '%s'", text);                    \
                *FIELD(int, base, key) = index;                                                                        \
                return 0;                                                                                              \
        }                                                                                                              \
        const struct rv_type rv_type_##type = {words, .take = take_##type};

REFERENCE(prometheus, prometheus, "name of a prometheus", "prometheus", false)
REFERENCE(repository, repositories, "name of a repository", "repository", false)
REFERENCE(alertmanager, alertmanagers, "name of an alertmanager", "alertmanager", true)
REFERENCE(applied_by, operators, "name of an operator", "operator", true)

TAKE(webhook) {
        static const char prefix[] = "event/";
        const char *event = strncmp(text, prefix, strlen(prefix)) == 0 ? text + strlen(prefix) : NULL;

        if (event && FIND(reader->config, events, event) < 0)
                return rv_error_set(err, -EINVAL, "there is no event source named '%s'", event);
        if (!event && strcmp(text, "alertmanager") != 0 && strcmp(text, "grafana") != 0)
                return rv_error_set(err, -EINVAL, "'%s' is none of: alertmanager, grafana, event/NAME", text);
        return rv_take_string(key, base, text, err);
}
const struct rv_type rv_type_webhook = {"webhook", .take = take_webhook, .done = rv_done_string};

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
const struct rv_type rv_type_receivers = {"list of names of receivers", .list = true, .take = take_receivers,
                                          .done = done_receivers};
