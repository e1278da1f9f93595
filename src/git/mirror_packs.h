/* Each fetch leaves a pack, and each lookup may have to ask them all. */
#pragma once

#include "git/libgit2.h"

enum {
        RV_MIRROR_PACKS_MAX = 50, /* small ones */
        RV_MIRROR_SMALL_PACK_BYTES = 16 << 20,
};

/* Put the small packs into one when there are too many. 1: done, and the repository must be opened anew; 0: there was
 * no need. A crash in between leaves both, which does no harm. */
int rv_mirror_packs_join(git_repository *repo, struct rv_error *err) RV_MUST_CHECK;
