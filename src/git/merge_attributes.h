/* What a repository's .gitattributes say of merging a path. */
#pragma once

#include "git/treewalk.h"

enum {
        RV_ATTRIBUTES_BYTES_MAX = 1 << 20, /* of one such file */
        RV_ATTRIBUTES_STARS_MAX = 4,       /* "**" in one line: each multiplies the time that matching takes */
};

/* *ret: it is merged as text. Not so where they name another way (binary, union, a driver), would cost too much to
 * read, or could be read otherwise than git does: that is left to people. commit: whose .gitattributes count, and must
 * stand in the tree `now` (what reverts before this one have made of it) as well. Errors as in treewalk.h. */
int rv_merge_attributes_allow(git_repository *repository, git_odb *odb, const git_oid *commit, const git_oid *now,
                              const char *path, bool *ret, struct rv_error *err) RV_MUST_CHECK;
