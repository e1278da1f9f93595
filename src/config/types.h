/* The types that a key can have: from text to the field of a struct, and the freeing of that field. */
#pragma once

#include "revertd/config.h"

struct rv_key;
struct rv_reader;

struct rv_type {
        const char *name;                 /* as the manual pages say it */
        bool list;                        /* one, or several in [ ] */
        bool integer, boolean;            /* written without quotes */
        const char *(*words)(unsigned i); /* the words it can be; NULL after the last. NULL: no such set */
        /* Take one value (for a list: one more) into the struct. -EINVAL: err says what is wrong; -ENOMEM. */
        int (*take)(struct rv_reader *reader, const struct rv_key *key, const char *text, void *base,
                    struct rv_error *err);
        void (*done)(const struct rv_key *key, void *base); /* NULL: nothing to free */
};

/* X(type) */
#define RV_TYPES(X)                                                                                                    \
        X(text)                                                                                                        \
        X(name)                                                                                                        \
        X(credential)                                                                                                  \
        X(url)                                                                                                         \
        X(page)                                                                                                        \
        X(link)                                                                                                        \
        X(remote)                                                                                                      \
        X(branch)                                                                                                      \
        X(file)                                                                                                        \
        X(expression)                                                                                                  \
        X(duration)                                                                                                    \
        X(integer)                                                                                                     \
        X(boolean)                                                                                                     \
        X(mode)                                                                                                        \
        X(receiver_type)                                                                                               \
        X(operator_type)                                                                                               \
        X(applied_by)                                                                                                  \
        X(object)                                                                                                      \
        X(forge)                                                                                                       \
        X(merge_method)                                                                                                \
        X(project)                                                                                                     \
        X(threshold)                                                                                                   \
        X(ratio)                                                                                                       \
        X(suspects)                                                                                                    \
        X(fallback)                                                                                                    \
        X(unrecovered)                                                                                                 \
        X(outside)                                                                                                     \
        X(dependents)                                                                                                  \
        X(image_updates)                                                                                               \
        X(authors)                                                                                                     \
        X(breaches)                                                                                                    \
        X(template)                                                                                                    \
        X(query_template)                                                                                              \
        X(prometheus)                                                                                                  \
        X(repository)                                                                                                  \
        X(alertmanager)                                                                                                \
        X(webhook)                                                                                                     \
        X(header_name)                                                                                                 \
        X(pointer)                                                                                                     \
        X(verdicts)                                                                                                    \
        X(event_labels)                                                                                                \
        X(addresses)                                                                                                   \
        X(headers)                                                                                                     \
        X(patterns)                                                                                                    \
        X(globs)                                                                                                       \
        X(matchers)                                                                                                    \
        X(paths)                                                                                                       \
        X(receivers)

#define X(type) extern const struct rv_type rv_type_##type;
RV_TYPES(X)
#undef X
