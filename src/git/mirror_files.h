/* The mirror's files, beneath libgit2. */
#pragma once

#include "revertd/error.h"

#include <stdbool.h>

/* Remove the folder with all that is in it; not there is fine. */
int rv_mirror_files_remove(const char *path, struct rv_error *err) RV_MUST_CHECK;

/* Whether the folders that every mirror has are there. */
bool rv_mirror_files_are_complete(const char *path);

/* Remove what a killed worker left: locks, temporary packs and objects, a removal half done. Only while no other
 * process works on the mirror. */
int rv_mirror_files_clean(const char *path, struct rv_error *err) RV_MUST_CHECK;
