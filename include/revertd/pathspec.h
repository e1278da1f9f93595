/* Path patterns of a scope: "apps/checkout" followed by slash-star-star, matched against a path of a Git tree.
 *
 * "**" as a whole component matches any number of components (at least one at the end of the pattern), every other
 * component is matched with fnmatch(3); a pattern without a wildcard names a file, or a folder with all below it. */
#pragma once

#include "revertd/error.h"

#include <stdbool.h>

/* -EINVAL: empty, absolute, with an empty, "." or ".." component, with a control character, or over 4096 bytes. */
int rv_pathspec_check(const char *pattern, struct rv_error *err) RV_MUST_CHECK;

bool rv_pathspec_match(const char *pattern, const char *path);

/* Whether something below the folder `dir` ("" is the root) could match: what a tree walk asks before it descends. */
bool rv_pathspec_could_match_below(const char *pattern, const char *dir);

bool rv_pathspec_match_any(const char *const *patterns, size_t n, const char *path);
bool rv_pathspec_could_match_below_any(const char *const *patterns, size_t n, const char *dir);
