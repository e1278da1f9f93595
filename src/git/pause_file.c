#include "git/pause_file.h"

#include "git/utf8.h"
#include "revertd/cleanup.h"

#include <string.h>

enum { TREE_BYTES_MAX = 16 << 20, FILE_BYTES_MAX = 64 << 10 };

static const char unreadable[] = "(the file cannot be read)";

/* Whether the object may be looked up: it is of that type, and not over the cap. */
static bool is_sound(git_odb *odb, const git_oid *id, git_object_t type, size_t max_bytes) {
        git_object_t is;
        size_t size;

        return git_odb_read_header(&size, &is, odb, id) == 0 && is == type && size <= max_bytes;
}

/* NULL: out of memory. */
static char *read_text(git_repository *repo, git_odb *odb, const git_tree_entry *entry) {
        const git_oid *id = git_tree_entry_id(entry);
        char text[RV_PAUSE_BYTES_MAX + 1] = "";
        git_blob *blob;
        size_t n;

        if (git_tree_entry_type(entry) != GIT_OBJECT_BLOB || !is_sound(odb, id, GIT_OBJECT_BLOB, FILE_BYTES_MAX) ||
            git_blob_lookup(&blob, repo, id) < 0)
                return strdup(unreadable);
        n = (size_t)git_blob_rawsize(blob);
        memcpy(text, git_blob_rawcontent(blob), n < RV_PAUSE_BYTES_MAX ? n : RV_PAUSE_BYTES_MAX);
        git_blob_free(blob);
        return rv_utf8_copy(text, RV_PAUSE_BYTES_MAX);
}

/* Whether it can be read. */
static bool read_tree(git_repository *repo, git_odb *odb, const git_oid *id, git_tree **ret) {
        return is_sound(odb, id, GIT_OBJECT_TREE, TREE_BYTES_MAX) && git_tree_lookup(ret, repo, id) == 0;
}

/* What the tree of a head says; *ret_found: there is a file, or nobody can tell. */
static char *read_from(git_repository *repo, git_odb *odb, const git_oid *tree, bool *ret_found) {
        _cleanup_git_(tree) git_tree *root = NULL;
        _cleanup_git_(tree) git_tree *folder = NULL;
        const git_tree_entry *entry;

        *ret_found = true;
        if (!read_tree(repo, odb, tree, &root))
                return strdup(unreadable);
        entry = git_tree_entry_byname(root, ".revertd");
        if (entry && git_tree_entry_type(entry) == GIT_OBJECT_TREE) {
                if (!read_tree(repo, odb, git_tree_entry_id(entry), &folder))
                        return strdup(unreadable);
                entry = git_tree_entry_byname(folder, "pause");
                if (entry)
                        return read_text(repo, odb, entry);
        }
        *ret_found = false;
        return NULL;
}

int rv_pause_file_read(git_repository *repo, const git_oid *head, char **ret, struct rv_error *err) {
        _cleanup_git_(commit) git_commit *commit = NULL;
        _cleanup_git_(odb) git_odb *odb = NULL;
        char *text;
        bool found;
        int r;

        r = rv_commit_lookup(&commit, repo, head, err);
        if (r < 0)
                return r;
        r = git_repository_odb(&odb, repo);
        if (r < 0)
                return rv_libgit2_error(err, r, "no object database");
        if (!git_odb_exists(odb, git_commit_tree_id(commit)))
                return rv_error_set(err, -EBADMSG, "the tree of the branch's head is missing");
        text = read_from(repo, odb, git_commit_tree_id(commit), &found);
        if (found && !text)
                return rv_error_oom(err);
        *ret = text;
        return 0;
}
