#include "lab/tell.h"

#include "revertd/pathspec.h"
#include "revertd/text.h"

#include <stdlib.h>
#include <string.h>

bool lab_is_inside(char *const *scope, size_t n_scope, const char *path) {
        return n_scope == 0 || rv_pathspec_match_any((const char *const *)scope, n_scope, path);
}

static void touch(const char *path, struct lab_touched *t) {
        if (!lab_is_inside(t->scope, t->n_scope, path)) {
                t->n_outside++;
                return;
        }
        t->n_inside++;
        if (t->paths && t->n_paths < RV_COMMIT_PATHS_MAX) {
                t->paths[t->n_paths] = strdup(path);
                t->failed |= !t->paths[t->n_paths];
                t->n_paths += t->paths[t->n_paths] != NULL;
        }
}

void lab_touch(const struct lab_branch *branch, const struct lab_change *change, struct lab_touched *touched) {
        for (int k = 0; change->commit && k < lab_length(change->commit->paths); k++)
                touch(lab_item(change->commit->paths, k), touched);
        for (size_t k = 0; !change->commit && k < change->spec.n_commits; k++) {
                ssize_t at = lab_branch_find(branch, change->spec.commits[k].hex);
                if (at >= 0)
                        lab_touch(branch, &branch->change[at], touched);
        }
}

static char *copy(const char *text, bool *failed) {
        char *s = strdup(text);
        *failed |= !s;
        return s;
}

static bool tell_reverts(const struct lab_branch *branch, const struct lab_change *change, struct rv_commit *ret) {
        size_t n = change->commit ? (size_t)lab_length(change->commit->reverts) : change->spec.n_commits;

        ret->reverts = calloc(n + 1, sizeof(*ret->reverts));
        for (size_t k = 0; ret->reverts && k < n; k++) {
                ssize_t at =
                        change->commit ? lab_branch_find_name(branch, lab_item(change->commit->reverts, (int)k)) : -1;
                if (!change->commit)
                        ret->reverts[ret->n_reverts++] = change->spec.commits[k];
                else if (at >= 0)
                        ret->reverts[ret->n_reverts++] = branch->change[at].id;
        }
        return ret->reverts != NULL;
}

bool lab_tell_commit(const struct lab_branch *branch, const struct lab_change *change,
                     const struct lab_touched *touched, struct rv_commit *ret) {
        const struct lab_commit *c = change->commit;
        bool failed = touched->failed;

        *ret = (struct rv_commit){
                .id = change->id,
                .n_parents = c && c->is_merge ? 2 : 1,
                .author_name = copy(c ? c->author : "revertd", &failed),
                .author_email = copy(c ? c->email : "revertd@localhost", &failed),
                .subject = copy(c ? c->subject : "Revert", &failed),
                .author_usec = change->made_usec,
                .commit_usec = change->made_usec,
                .skip = c && c->skip,
                .incident = c ? NULL : copy(change->incident, &failed),
                .paths = touched->paths,
                .n_paths = touched->n_paths,
                .n_inside = touched->n_inside,
                .n_outside = touched->n_outside,
        };
        return tell_reverts(branch, change, ret) && !failed;
}

static bool stands_in(const config_setting_t *lines, const char *value) {
        for (int i = 0; i < lab_length(lines); i++)
                if (rv_text_has_word(lab_item(lines, i), strlen(lab_item(lines, i)), value))
                        return true;
        return false;
}

bool lab_tell_values(const struct lab_commit *c, const struct rv_git_request *request, struct rv_commit *ret) {
        bool failed = false;

        if (!c || request->n_values == 0 || ret->commit_usec > request->until_usec)
                return true;
        ret->values = calloc(request->n_values, sizeof(*ret->values));
        for (size_t i = 0; ret->values && i < request->n_values; i++) {
                const struct rv_value *wanted = &request->values[i];
                bool is_added = stands_in(c->adds, wanted->value), is_removed = stands_in(c->removes, wanted->value);

                if (is_added || is_removed)
                        ret->values[ret->n_values++] =
                                (struct rv_value){.label = copy(wanted->label, &failed),
                                                  .value = copy(wanted->value, &failed),
                                                  .path = is_added ? copy(ret->paths[0], &failed) : NULL,
                                                  .removed = is_removed};
        }
        return ret->values && !failed;
}

bool lab_has_path(const struct lab_commit *c, const char *path) {
        for (int k = 0; k < lab_length(c->paths); k++)
                if (strcmp(lab_item(c->paths, k), path) == 0)
                        return true;
        return false;
}

/* The same content at a path of the scope as what a revert of ours took away. */
static bool is_content_of(const struct lab_branch *branch, const struct lab_change *revert, const struct lab_commit *c,
                          const struct rv_commit *told) {
        for (size_t k = 0; !revert->commit && k < revert->spec.n_commits; k++) {
                ssize_t at = lab_branch_find(branch, revert->spec.commits[k].hex);
                const struct lab_commit *undone = at >= 0 ? branch->change[at].commit : NULL;

                if (!undone || !undone->content || strcmp(undone->content, c->content) != 0)
                        continue;
                for (size_t p = 0; p < told->n_paths; p++)
                        if (lab_has_path(undone, told->paths[p]))
                                return true;
        }
        return false;
}

void lab_tell_reapplied(const struct lab_branch *branch, size_t i, struct rv_commit *ret) {
        const struct lab_commit *c = branch->change[i].commit;

        while (c && c->content && i-- > 0)
                if (is_content_of(branch, &branch->change[i], c, ret)) {
                        ret->reapplies = branch->change[i].id;
                        return;
                }
}
