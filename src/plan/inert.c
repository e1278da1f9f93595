/* Commits that nothing in the scope runs by: Argo CD and Flux read manifests, charts and overlays, and none of these.
 *
 * Known by their names, so that what is not known is taken for something that is applied. */
#include "revertd/cleanup.h"
#include "revertd/suspect.h"

#include <string.h>
#include <strings.h>

static const char *const inert_extensions[] = {".md", ".markdown", ".adoc", ".rst"};
static const char *const inert_names[] = {
        "README",     "CHANGELOG", "LICENSE",    "COPYING",        "NOTICE",
        "CODEOWNERS", "OWNERS",    ".gitignore", ".gitattributes", ".editorconfig",
};

static bool is_one_of(const char *s, const char *const *list, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (strcasecmp(s, list[i]) == 0)
                        return true;
        return false;
}

static bool is_inert(const char *path) {
        const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *extension = strrchr(name, '.');

        if (extension && is_one_of(extension, inert_extensions, RV_ARRAY_SIZE(inert_extensions)))
                return true;
        return is_one_of(name, inert_names, RV_ARRAY_SIZE(inert_names));
}

bool rv_commit_is_inert(const struct rv_commit *commit) {
        if (commit->n_paths == 0 || commit->n_inside > commit->n_paths)
                return false;
        for (size_t i = 0; i < commit->n_paths; i++)
                if (!is_inert(commit->paths[i]))
                        return false;
        return true;
}
