#include "git/clone_state.h"

#include "git/libgit2.h"
#include "revertd/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void rv_clone_state_done(struct rv_clone_state *state) {
        free(state->shallow);
        *state = (struct rv_clone_state){0};
}

static int file_path(git_repository *mirror, const char *suffix, char **ret) {
        return asprintf(ret, "%srevertd-clone%s", git_repository_path(mirror), suffix) < 0 ? -ENOMEM : 0;
}

/* Sorted, so that many can be looked up. */
static size_t find(const struct rv_clone_state *state, const git_oid *id, bool *ret_found) {
        size_t low = 0, high = state->n_shallow;

        *ret_found = false;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = git_oid_cmp(id, &state->shallow[middle]);

                if (order == 0) {
                        *ret_found = true;
                        return middle;
                }
                if (order < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        return low;
}

int rv_clone_state_add(struct rv_clone_state *state, const git_oid *id) {
        bool found;
        size_t at = find(state, id, &found);

        if (found)
                return 0;
        if (state->n_shallow == RV_CLONE_ENDS_MAX)
                return -E2BIG;
        if ((state->n_shallow & (state->n_shallow + 1)) == 0) { /* grown at each 2^k − 1 */
                git_oid *grown = reallocarray(state->shallow, 2 * state->n_shallow + 1, sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                state->shallow = grown;
        }
        memmove(&state->shallow[at + 1], &state->shallow[at], (state->n_shallow - at) * sizeof(*state->shallow));
        state->shallow[at] = *id;
        state->n_shallow++;
        return 0;
}

void rv_clone_state_remove(struct rv_clone_state *state, const git_oid *id) {
        bool found;
        size_t at = find(state, id, &found);

        if (found)
                memmove(&state->shallow[at], &state->shallow[at + 1],
                        (--state->n_shallow - at) * sizeof(*state->shallow));
}

/* "<depth> <head> <n>", then a line for each of n ends. */
static int read_lines(struct rv_clone_state *state, FILE *f) {
        char line[96], *end;
        long depth, n;
        git_oid id;
        int r = 0;

        if (!fgets(line, sizeof(line), f))
                return -EBADMSG;
        depth = strtol(line, &end, 10);
        if (depth < 1 || depth > INT32_MAX || *end != ' ' || git_oid_fromstr(&state->head, end + 1) < 0)
                return -EBADMSG;
        end += 1 + GIT_OID_HEXSZ;
        if (end[0] != ' ' || end[1] < '0' || end[1] > '9')
                return -EBADMSG;
        n = strtol(end, NULL, 10);
        while (r == 0 && fgets(line, sizeof(line), f))
                r = git_oid_fromstr(&id, line) < 0 ? -EBADMSG : rv_clone_state_add(state, &id);
        state->depth = (int)depth;
        return r == 0 && state->n_shallow != (size_t)n ? -EBADMSG : r;
}

static bool is_there(const struct rv_clone_state *state, git_repository *mirror) {
        git_odb *odb = NULL;
        bool there = git_repository_odb(&odb, mirror) == 0 && git_odb_exists(odb, &state->head);

        for (size_t i = 0; there && i < state->n_shallow; i++)
                there = git_odb_exists(odb, &state->shallow[i]);
        git_odb_free(odb);
        return there;
}

int rv_clone_state_load(struct rv_clone_state *ret, git_repository *mirror, struct rv_error *err) {
        struct rv_clone_state state = {0};
        _cleanup_fclose_ FILE *f = NULL;
        _cleanup_free_ char *path = NULL;
        int r;

        *ret = state;
        if (file_path(mirror, "", &path) < 0)
                return rv_error_oom(err);
        f = fopen(path, "re");
        if (!f)
                return 0;
        r = read_lines(&state, f);
        if (r == 0 && is_there(&state, mirror))
                *ret = state;
        else
                rv_clone_state_done(&state);
        return r == -ENOMEM ? rv_error_oom(err) : 0;
}

int rv_clone_state_save(const struct rv_clone_state *state, git_repository *mirror, struct rv_error *err) {
        _cleanup_free_ char *path = NULL, *new_path = NULL;
        char hex[GIT_OID_HEXSZ + 1];
        FILE *f;

        if (file_path(mirror, "", &path) < 0 || file_path(mirror, ".lock", &new_path) < 0)
                return rv_error_oom(err);
        f = fopen(new_path, "we");
        if (!f)
                return rv_error_set(err, -errno, "%s: %s", new_path, strerror(errno));
        fprintf(f, "%d %s %zu\n", state->depth, git_oid_tostr(hex, sizeof(hex), &state->head), state->n_shallow);
        for (size_t i = 0; i < state->n_shallow; i++)
                fprintf(f, "%s\n", git_oid_tostr(hex, sizeof(hex), &state->shallow[i]));
        if (fclose(f) != 0 || rename(new_path, path) < 0)
                return rv_error_set(err, -errno, "%s: %s", path, strerror(errno));
        return 0;
}

void rv_clone_state_forget(git_repository *mirror) {
        _cleanup_free_ char *path = NULL;

        if (file_path(mirror, "", &path) == 0)
                unlink(path);
}
