/* Undo commits on top of a branch's head, each on its own, and print what each took: by the worker's own engine, or by
 * libgit2's git_revert_commit(). Nothing is pushed.
 *
 * usage: bench_revert ours|libgit2 REPOSITORY [COMMIT …], the commits' ids on standard input if none are given */
#include "git/revert.h"
#include "git/object_files.h"
#include "git/treewalk.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DEADLINE_USEC (600 * RV_USEC_PER_SEC)

static int fail(const char *what, const char *why) {
        fprintf(stderr, "bench_revert: %s: %s\n", what, why);
        return -1;
}

static int by_us(git_repository *repository, const git_oid *head, const git_oid *id) {
        struct rv_oid commit;
        struct rv_revert_spec spec = {.commits = &commit,
                                      .n_commits = 1,
                                      .message = (char *)"Revert\n\nRevertd-Reverts: it\n",
                                      .time_usec = 1700000000 * RV_USEC_PER_SEC};
        struct rv_revert_result result;
        struct rv_error err = {0};

        rv_oid_from_git(&commit, id);
        rv_oid_from_git(&spec.base, head);
        int r = rv_revert_compute(repository, &spec, "revertd", "revertd@localhost", false,
                                  rv_clock_monotonic_usec() + DEADLINE_USEC, &result, &err);
        if (r < 0)
                return fail("revert", err.text);
        r = result.outcome == RV_GIT_OK ? 0 : fail("revert", rv_git_outcome_to_string(result.outcome));
        rv_revert_result_done(&result);
        return r;
}

static int by_libgit2(git_repository *repository, const git_oid *head, const git_oid *id) {
        _cleanup_git_(commit) git_commit *commit = NULL, *ours = NULL;
        _cleanup_git_(signature) git_signature *signature = NULL;
        _cleanup_git_(tree) git_tree *tree = NULL;
        git_index *index = NULL;
        git_oid tree_id, made;

        int r = git_commit_lookup(&commit, repository, id);
        if (r == 0)
                r = git_commit_lookup(&ours, repository, head);
        if (r == 0)
                r = git_revert_commit(&index, repository, commit, ours, 0, NULL);
        if (r == 0)
                r = git_index_write_tree_to(&tree_id, index, repository);
        if (r == 0)
                r = git_tree_lookup(&tree, repository, &tree_id);
        if (r == 0)
                r = git_signature_new(&signature, "revertd", "revertd@localhost", 1700000000, 0);
        const git_commit *parents[] = {ours};
        if (r == 0)
                r = git_commit_create(&made, repository, NULL, signature, signature, NULL, "Revert\n", tree, 1,
                                      (void *)parents);
        git_index_free(index);
        return r == 0 ? 0 : fail("git_revert_commit", git_error_last() ? git_error_last()->message : "unknown error");
}

static int see(void *userdata, const char *path, const struct rv_tree_entry *from, const struct rv_tree_entry *to,
               const struct rv_tree_entry *along) {
        (void)userdata, (void)path, (void)from, (void)to, (void)along;
        return 0;
}

/* The worker has read what a commit changed when it looked for suspects: so has each of the two here. */
static int read_change(git_repository *repository, const git_oid *id) {
        struct rv_tree_budget budget = {.entries = SIZE_MAX, .depth = 512, .deadline_usec = RV_USEC_INFINITY};
        _cleanup_git_(commit) git_commit *commit = NULL, *parent = NULL;
        _cleanup_git_(odb) git_odb *odb = NULL;
        struct rv_error err = {0};

        if (git_repository_odb(&odb, repository) < 0 || git_commit_lookup(&commit, repository, id) < 0 ||
            git_commit_parent(&parent, commit, 0) < 0)
                return fail("commit", git_error_last() ? git_error_last()->message : "unknown error");
        int r = rv_tree_walk(odb, git_commit_tree_id(parent), git_commit_tree_id(commit), NULL, NULL, 0, &budget, see,
                             NULL, &err);
        return r < 0 ? fail("trees", err.text) : 0;
}

static int measure(git_repository *repository, bool ours, const git_oid *head, const char *hex) {
        git_oid id;

        if (git_oid_fromstr(&id, hex) < 0)
                return fail("no object id", hex);
        if (read_change(repository, &id) < 0)
                return -1;
        int64_t start_usec = rv_clock_monotonic_usec();
        int r = ours ? by_us(repository, head, &id) : by_libgit2(repository, head, &id);
        if (r == 0)
                printf("%lld\n", (long long)(rv_clock_monotonic_usec() - start_usec));
        return r;
}

static int run(const char *path, bool ours, char **commits) {
        _cleanup_git_(repository) git_repository *repository = NULL;
        struct rv_error err = {0};
        char line[128];
        git_oid head;
        int r = 0;

        if (git_repository_open_bare(&repository, path) < 0 ||
            git_reference_name_to_id(&head, repository, "refs/heads/main") < 0)
                return fail(path, git_error_last() ? git_error_last()->message : "unknown error");
        if (ours && rv_object_files_use(repository, &err) < 0)
                return fail(path, err.text);
        bool listed = *commits;
        for (; *commits && r == 0; commits++)
                r = measure(repository, ours, &head, *commits);
        while (r == 0 && !listed && fgets(line, sizeof line, stdin)) {
                line[strcspn(line, "\n")] = 0;
                r = measure(repository, ours, &head, line);
        }
        return r;
}

int main(int argc, char **argv) {
        struct rv_error err = {0};
        int r;

        if (argc < 3 || (strcmp(argv[1], "ours") != 0 && strcmp(argv[1], "libgit2") != 0)) {
                fputs("usage: bench_revert ours|libgit2 REPOSITORY [COMMIT ...]\n", stderr);
                return 2;
        }
        if (rv_libgit2_init(&err) < 0) {
                fail("libgit2", err.text);
                return 1;
        }
        r = run(argv[2], strcmp(argv[1], "ours") == 0, argv + 3);
        git_libgit2_shutdown();
        return r < 0 ? 1 : 0;
}
