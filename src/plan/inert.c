/* Commits that nothing in the scope runs by: Argo CD and Flux read manifests, charts and overlays, and none of these.
 *
 * Known by their names, so that what is not known is taken for something that is applied. */
#include "revertd/suspect.h"

#include <fnmatch.h>
#include <string.h>

static const char *const inert_names[] = {
        "*.md",    "*.markdown", "*.adoc",     "*.rst",  "README",     "CHANGELOG",      "LICENSE",
        "COPYING", "NOTICE",     "CODEOWNERS", "OWNERS", ".gitignore", ".gitattributes", ".editorconfig",
};

static bool is_inert(const char *path) {
        const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

        for (size_t i = 0; i < sizeof(inert_names) / sizeof(inert_names[0]); i++)
                if (fnmatch(inert_names[i], name, FNM_CASEFOLD) == 0)
                        return true;
        return false;
}

bool rv_commit_is_inert(const struct rv_commit *commit) {
        if (commit->n_paths == 0 || commit->n_inside > commit->n_paths)
                return false;
        for (size_t i = 0; i < commit->n_paths; i++)
                if (!is_inert(commit->paths[i]))
                        return false;
        return true;
}
