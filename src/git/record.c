#include "git/record.h"

#include "git/commit_info.h"
#include "git/history.h"
#include "git/treewalk.h"
#include "git/utf8.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/pathspec.h"

#include <errno.h>
#include <string.h>
/* The default one falls through switch labels without saying so. */
#define HASH_FUNCTION HASH_SAX
#include <uthash.h>

enum {
        ENTRIES_MAX = 1 << 20,       /* tree entries looked at for one commit, in a scope */
        WHOLE_ENTRIES_MAX = 1 << 17, /* and for all of it: others' folders may hold anything */
        DEPTH_MAX = 128,
        PATH_BYTES_MAX = 4096, /* of one path in a reply */
};

struct node {
        struct rv_record record;
        UT_hash_handle hh;
};

struct rv_records {
        struct node *nodes; /* in the order in which they were read */
        size_t max;
};

int rv_records_new(struct rv_records **ret, size_t max) {
        struct rv_records *records = calloc(1, sizeof(*records));

        if (!records)
                return -ENOMEM;
        records->max = max;
        *ret = records;
        return 0;
}

static void done(struct rv_record *record) {
        free(record->parents);
        free(record->incident);
        free(record->paths);
}

static void drop(struct rv_records *records, struct node *node) {
        HASH_DEL(records->nodes, node);
        done(&node->record);
        free(node);
}

void rv_records_clear(struct rv_records *records) {
        struct node *node, *next;

        HASH_ITER (hh, records->nodes, node, next) {
                drop(records, node);
        }
}

struct rv_records *rv_records_free(struct rv_records *records) {
        if (!records)
                return NULL;
        rv_records_clear(records);
        free(records);
        return NULL;
}

static int read_parents(const git_commit *commit, struct rv_record *record) {
        unsigned n = git_commit_parentcount(commit);

        n = n < RV_RECORD_PARENTS_MAX ? n : RV_RECORD_PARENTS_MAX;
        if (n == 0)
                return 0;
        record->parents = calloc(n, sizeof(*record->parents));
        if (!record->parents)
                return -ENOMEM;
        for (unsigned i = 0; i < n; i++)
                record->parents[i] = *git_commit_parent_id(commit, i);
        record->n_parents = n;
        return 0;
}

static int read_record(git_repository *repo, const git_oid *id, struct rv_record *record, struct rv_error *err) {
        _cleanup_git_(commit) git_commit *commit = NULL;
        const char *message;
        int r;

        r = rv_commit_lookup(&commit, repo, id, err);
        if (r < 0)
                return r;
        record->id = *id;
        record->tree = *git_commit_tree_id(commit);
        r = read_parents(commit, record);
        if (r < 0)
                return rv_error_oom(err);
        record->commit_usec = (int64_t)git_commit_time(commit) * RV_USEC_PER_SEC;
        message = git_commit_message(commit);
        if (message && strnlen(message, RV_COMMIT_MESSAGE_BYTES_MAX) < RV_COMMIT_MESSAGE_BYTES_MAX &&
            strcasestr(message, "Revertd-Incident"))
                record->incident = rv_commit_info_trailer(message, "Revertd-Incident");
        return 0;
}

int rv_records_get(struct rv_records *records, git_repository *repo, const git_oid *id, struct rv_record **ret,
                   struct rv_error *err) {
        struct node *node;
        int r;

        HASH_FIND(hh, records->nodes, id, sizeof(*id), node);
        if (!node) {
                node = calloc(1, sizeof(*node));
                if (!node)
                        return rv_error_oom(err);
                r = read_record(repo, id, &node->record, err);
                if (r < 0) {
                        done(&node->record);
                        free(node);
                        return r;
                }
                if (HASH_COUNT(records->nodes) >= records->max)
                        drop(records, records->nodes);
                HASH_ADD(hh, records->nodes, record.id, sizeof(git_oid), node);
        }
        *ret = &node->record;
        return 0;
}

int rv_records_trees(struct rv_records *records, git_repository *repo, const struct rv_record *record,
                     const git_oid **ret_from, git_oid *from, git_oid *to, struct rv_error *err) {
        struct rv_record *parent;
        git_oid parent_id;
        int r;

        *to = record->tree;
        *ret_from = NULL;
        if (record->n_parents == 0)
                return 0;
        parent_id = record->parents[0];
        r = rv_records_get(records, repo, &parent_id, &parent, err);
        if (r == -ENOENT)
                return rv_error_prefix(err, -EBADMSG, "parent of a commit");
        if (r < 0)
                return r;
        *from = parent->tree;
        *ret_from = from;
        return 0;
}

static struct rv_tree_budget budget(size_t entries) {
        return (struct rv_tree_budget){.entries = entries, .depth = DEPTH_MAX, .deadline_usec = RV_USEC_INFINITY};
}

/* It is the commit that is at fault and not the mirror. */
static bool is_opaque(int r) {
        return r == -EILSEQ || r == -E2BIG;
}

/* What harms a walk of everything may lie outside the scope: a walk of the scope alone tells. */
static bool may_be_elsewhere(int r) {
        return is_opaque(r) || rv_libgit2_is_damage(r);
}

struct collection {
        FILE *out;
        size_t n;
};

static int collect(void *userdata, const char *path, const struct rv_tree_entry *from, const struct rv_tree_entry *to,
                   const struct rv_tree_entry *along) {
        struct collection *c = userdata;

        (void)from, (void)to, (void)along;
        if (++c->n > RV_RECORD_PATHS_MAX)
                return 1;
        return fwrite(path, 1, strlen(path) + 1, c->out) > 0 ? 0 : -ENOMEM;
}

/* Fill in record->paths, or that they are many. */
static int read_paths(git_odb *odb, const git_oid *from, const git_oid *to, char **ret, size_t *ret_bytes,
                      struct rv_error *err) {
        struct rv_tree_budget cost = budget(WHOLE_ENTRIES_MAX);
        _cleanup_free_ char *paths = NULL;
        struct collection c = {};
        size_t bytes = 0;
        int r;

        c.out = open_memstream(&paths, &bytes);
        if (!c.out)
                return rv_error_oom(err);
        r = rv_tree_walk(odb, from, to, NULL, NULL, 0, &cost, collect, &c, err);
        if (fclose(c.out) != 0 && r >= 0)
                r = rv_error_oom(err);
        if (r == 0) {
                *ret = RV_TAKE(paths);
                *ret_bytes = bytes;
        }
        return r;
}

void rv_touched_done(struct rv_touched *touched) {
        for (size_t i = 0; i < touched->n_paths; i++)
                free(touched->paths[i]);
        free(touched->paths);
        *touched = (struct rv_touched){};
}

struct match {
        const char *const *scope;
        size_t n_scope;
        struct rv_touched *touched;
};

static int match_path(const struct match *match, const char *path) {
        struct rv_touched *touched = match->touched;

        if (match->n_scope > 0 && !rv_pathspec_match_any(match->scope, match->n_scope, path)) {
                if (touched->n_outside < RV_HISTORY_OUTSIDE_MAX)
                        touched->n_outside++;
                return 0;
        }
        touched->n_inside++;
        if (touched->n_paths >= RV_COMMIT_PATHS_MAX)
                return 0;
        if (!touched->paths)
                touched->paths = calloc(RV_COMMIT_PATHS_MAX, sizeof(*touched->paths));
        if (!touched->paths)
                return -ENOMEM;
        touched->paths[touched->n_paths] = rv_utf8_copy(path, PATH_BYTES_MAX);
        if (!touched->paths[touched->n_paths])
                return -ENOMEM;
        touched->n_paths++;
        return 0;
}

static int match_entry(void *userdata, const char *path, const struct rv_tree_entry *from,
                       const struct rv_tree_entry *to, const struct rv_tree_entry *along) {
        const struct match *match = userdata;

        (void)from, (void)to, (void)along;
        if (match->touched->n_outside >= RV_HISTORY_OUTSIDE_MAX)
                return 1;
        return match_path(match, path);
}

static int match_inside(git_odb *odb, const git_oid *from, const git_oid *to, const struct match *match,
                        struct rv_error *err) {
        struct rv_tree_budget cost = budget(ENTRIES_MAX);
        struct rv_touched *touched = match->touched;
        int r;

        r = rv_tree_walk(odb, from, to, NULL, match->scope, match->n_scope, &cost, match_entry, (void *)match, err);
        if (r < 0 && !is_opaque(r))
                return r;
        if (r < 0 && touched->n_inside < RV_HISTORY_INSIDE_MAX)
                touched->n_inside = RV_HISTORY_INSIDE_MAX;
        if (match->n_scope > 0)
                touched->n_outside = RV_HISTORY_OUTSIDE_MAX;
        return 0;
}

/* A commit of many paths: count until enough are outside; then, and where not all can be read, only what is inside is
 * looked at. */
static int match_trees(struct rv_record *record, git_odb *odb, const git_oid *from, const git_oid *to,
                       const struct match *match, struct rv_error *err) {
        struct rv_tree_budget cost = budget(WHOLE_ENTRIES_MAX);
        int r;

        if (!record->opaque) {
                r = rv_tree_walk(odb, from, to, NULL, NULL, 0, &cost, match_entry, (void *)match, err);
                if (r == 0 || (r < 0 && !may_be_elsewhere(r)))
                        return r;
                record->opaque = r < 0;
                rv_touched_done(match->touched);
        }
        return match_inside(odb, from, to, match, err);
}

static int match_paths(const struct rv_record *record, const struct match *match, struct rv_error *err) {
        for (size_t i = 0; i < record->paths_bytes; i += strlen(record->paths + i) + 1)
                if (match_path(match, record->paths + i) < 0)
                        return rv_error_oom(err);
        return 0;
}

static int find_touched(struct rv_records *records, git_repository *repo, git_odb *odb, const git_oid *id,
                        const struct match *match, struct rv_error *err) {
        struct rv_record *record;
        const git_oid *from;
        git_oid from_id, to;
        int r;

        r = rv_records_get(records, repo, id, &record, err);
        if (r < 0)
                return r;
        if (record->touched_known && !record->many)
                return match_paths(record, match, err);
        r = rv_records_trees(records, repo, record, &from, &from_id, &to, err);
        if (r < 0)
                return r;
        r = rv_records_get(records, repo, id, &record, err); /* it may have been dropped for its parent */
        if (r < 0)
                return r;
        if (!record->touched_known) {
                r = read_paths(odb, from, &to, &record->paths, &record->paths_bytes, err);
                if (r < 0 && !may_be_elsewhere(r))
                        return r;
                record->opaque = r < 0;
                record->many = r != 0;
                record->touched_known = true;
                if (!record->many)
                        return match_paths(record, match, err);
        }
        return match_trees(record, odb, from, &to, match, err);
}

int rv_records_touched(struct rv_records *records, git_repository *repo, git_odb *odb, const git_oid *id,
                       const char *const *scope, size_t n_scope, struct rv_touched *ret, struct rv_error *err) {
        struct rv_touched touched = {};
        struct match match = {.scope = scope, .n_scope = n_scope, .touched = &touched};
        int r;

        r = find_touched(records, repo, odb, id, &match, err);
        if (r < 0) {
                char hex[GIT_OID_HEXSZ + 1];

                rv_touched_done(&touched);
                return rv_error_prefix(err, r, "commit %s", git_oid_tostr(hex, sizeof(hex), id));
        }
        *ret = touched;
        return 0;
}
