/* Three-way merge of a text's lines, with git's result and git's conflicts: two changes go together if at least one
 * line that neither changed lies between them, or if they are the same. */
#pragma once

#include "revertd/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { RV_TEXT_MERGE_LINES_MAX = 1 << 20 }; /* of each text */

struct rv_text_merge_input {
        const char *text;
        size_t n;
};

/* *ret: not terminated; caller frees. *ret_conflict: then *ret is NULL; it could not be merged, or only at a cost that
 * is not paid. 0 or -ENOMEM. */
int rv_text_merge(const struct rv_text_merge_input *base, const struct rv_text_merge_input *ours,
                  const struct rv_text_merge_input *theirs, char **ret, size_t *ret_n,
                  bool *ret_conflict) RV_MUST_CHECK;
