/* What the takers of types.c, references.c and templates.c share: where a key's field is, and how it is set. */
#pragma once

#include "config/schema.h"

#define FIELD(type, base, key) ((type *)((char *)(base) + (key)->offset))
#define COUNT(base, key) ((size_t *)((char *)(base) + (key)->offset_n))

#define TAKE(type)                                                                                                     \
        static int take_##type(struct rv_reader *reader, const struct rv_key *key, const char *text, void *base,       \
                               struct rv_error *err)

/* Room for one more in an array with a count; the count stays. NULL: out of memory. */
void *rv_take_grow(const struct rv_key *key, void *base, size_t size, struct rv_error *err);
/* A copy of the text takes the place of what was there. */
int rv_take_string(const struct rv_key *key, void *base, const char *text, struct rv_error *err) RV_MUST_CHECK;
void rv_done_string(const struct rv_key *key, void *base);
