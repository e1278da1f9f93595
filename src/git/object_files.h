/* New objects of the mirror as files of their own that are not deflated: for a wide folder, deflating took longer than
 * all else, and the mirror is a cache. Git reads such files like any other. */
#pragma once

#include "git/libgit2.h"

/* From now on git_odb_write() on this repository's object database writes them so. */
int rv_object_files_use(git_repository *repository, struct rv_error *err) RV_MUST_CHECK;
