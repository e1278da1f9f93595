/* What later commits say they revert. */
#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION HASH_FNV /* the default one falls through its cases, which clang warns about */
#include "revertd/suspect.h"

#include <errno.h>
#include <stdlib.h>
#include <uthash.h>

struct undone {
        struct rv_oid id, by;
        UT_hash_handle hh;
};

struct rv_undone {
        struct undone *first;
};

struct rv_undone *rv_undone_free(struct rv_undone *undone) {
        struct undone *u, *next;

        if (!undone)
                return NULL;
        HASH_ITER (hh, undone->first, u, next) {
                HASH_DEL(undone->first, u);
                free(u);
        }
        free(undone);
        return NULL;
}

static struct undone *find(const struct rv_undone *undone, const struct rv_oid *id) {
        struct undone *u;

        HASH_FIND_STR(undone->first, id->hex, u);
        return u;
}

static int add(struct rv_undone *undone, const struct rv_oid *id, const struct rv_oid *by) {
        struct undone *u;

        if (find(undone, id))
                return 0;
        u = calloc(1, sizeof(*u));
        if (!u)
                return -ENOMEM;
        u->id = *id;
        u->by = *by;
        HASH_ADD_STR(undone->first, id.hex, u);
        if (u->hh.tbl)
                return 0;
        free(u);
        return -ENOMEM;
}

int rv_undone_find(struct rv_undone **ret, const struct rv_commit *history, size_t n) {
        struct rv_undone *undone = calloc(1, sizeof(*undone));

        if (!undone)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                if (find(undone, &history[i].id))
                        continue;
                for (size_t k = 0; k < history[i].n_reverts; k++)
                        if (add(undone, &history[i].reverts[k], &history[i].id) < 0) {
                                rv_undone_free(undone);
                                return -ENOMEM;
                        }
        }
        *ret = undone;
        return 0;
}

const struct rv_oid *rv_undone_by(const struct rv_undone *undone, const struct rv_oid *commit) {
        const struct undone *u = find(undone, commit);

        return u ? &u->by : NULL;
}
