/* Random histories, reverted here and by git: where we say OK git must say the same, to the byte of the tree. */
#include "git/revert.h"
#include "repo.h"
#include "revertd/clock.h"

enum { FILES_MAX = 40, COMMITS_MAX = 10, LINES_MAX = 48, PATH_MAX_BYTES = 96, HISTORIES_DEFAULT = 40 };

struct file {
        char path[PATH_MAX_BYTES];
        char mode[8];
        int lines[LINES_MAX];
        size_t n_lines;
};

struct model {
        struct file files[FILES_MAX];
        size_t n;
};

static uint64_t state;

static unsigned pick(unsigned n) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return (unsigned)((state >> 16) % n);
}

static const char *const folders[] = {"", "apps/", "apps/web/", "apps/api/", "base/", "base/deep/er/"};
static const char *const names[] = {"deploy.yaml", "values.yaml", "a", "a.b", "a-c", "README"};

static struct file *find(struct model *model, const char *path) {
        for (size_t i = 0; i < model->n; i++)
                if (strcmp(model->files[i].path, path) == 0)
                        return &model->files[i];
        return NULL;
}

static void drop(struct model *model, struct file *file) {
        *file = model->files[--model->n];
}

/* A file and a folder of the same name cannot both be. */
static void make_room(struct model *model, const char *path) {
        size_t n = strlen(path);

        for (size_t i = 0; i < model->n;) {
                const char *other = model->files[i].path;
                size_t n_other = strlen(other);
                if (strcmp(other, path) == 0 || (strncmp(other, path, n) == 0 && other[n] == '/') ||
                    (strncmp(other, path, n_other) == 0 && path[n_other] == '/'))
                        drop(model, &model->files[i]);
                else
                        i++;
        }
}

static void random_path(char path[PATH_MAX_BYTES]) {
        snprintf(path, PATH_MAX_BYTES, "%s%s%s", folders[pick(6)], names[pick(6)], pick(12) == 0 ? "/x" : "");
}

static void add_file(struct model *model) {
        char path[PATH_MAX_BYTES];
        struct file file = {0};

        random_path(path);
        make_room(model, path);
        if (model->n == FILES_MAX)
                return;
        strcpy(file.path, path);
        strcpy(file.mode, pick(8) == 0 ? "100755" : pick(20) == 0 ? "120000" : "100644");
        file.n_lines = pick(10) == 0 ? 0 : 1 + pick(LINES_MAX - 4);
        for (size_t i = 0; i < file.n_lines; i++)
                file.lines[i] = pick(3) == 0 ? (int)pick(4) : (int)pick(1000); /* some lines are alike */
        model->files[model->n++] = file;
}

static void edit_file(struct file *file, unsigned times) {
        for (; times > 0; times--) {
                unsigned what = pick(3);
                if (file->n_lines > 0 && what == 0) {
                        file->lines[pick((unsigned)file->n_lines)] = (int)pick(1000);
                } else if (file->n_lines > 1 && what == 1) {
                        size_t at = pick((unsigned)file->n_lines);
                        memmove(file->lines + at, file->lines + at + 1, (file->n_lines - at - 1) * sizeof(int));
                        file->n_lines--;
                } else if (file->n_lines < LINES_MAX) {
                        size_t at = pick((unsigned)file->n_lines + 1);
                        memmove(file->lines + at + 1, file->lines + at, (file->n_lines - at) * sizeof(int));
                        file->lines[at] = (int)pick(1000);
                        file->n_lines++;
                }
        }
}

static void rename_file(struct model *model) {
        struct file file = model->files[pick((unsigned)model->n)];
        char path[PATH_MAX_BYTES];

        random_path(path);
        drop(model, find(model, file.path));
        make_room(model, path);
        strcpy(file.path, path);
        if (pick(2))
                edit_file(&file, 1 + pick(2));
        model->files[model->n++] = file;
}

/* As people start a new service: from a copy of another's. */
static void copy_file(struct model *model) {
        struct file file = model->files[pick((unsigned)model->n)];

        random_path(file.path);
        make_room(model, file.path);
        if (model->n == FILES_MAX)
                return;
        edit_file(&file, pick(3));
        model->files[model->n++] = file;
}

static void rename_folder(struct model *model) {
        const char *from = folders[1 + pick(5)], *to = folders[1 + pick(5)];
        size_t n = strlen(from);

        if (strncmp(from, to, n) == 0 || strncmp(from, to, strlen(to)) == 0)
                return;
        for (size_t i = 0; i < model->n; i++) {
                struct file file = model->files[i];
                if (strncmp(file.path, from, n) != 0)
                        continue;
                char path[2 * PATH_MAX_BYTES];
                snprintf(path, sizeof path, "%s%s", to, file.path + n);
                drop(model, &model->files[i]);
                make_room(model, path);
                snprintf(file.path, sizeof file.path, "%.90s", path);
                model->files[model->n++] = file;
                i = (size_t)-1;
                if (model->n == 0)
                        break;
        }
}

static void mutate(struct model *model) {
        unsigned n = 1 + pick(2);

        for (unsigned i = 0; i < n; i++) {
                unsigned what = pick(24);
                struct file *file = model->n ? &model->files[pick((unsigned)model->n)] : NULL;
                if (model->n < 3 || what < 4)
                        add_file(model);
                else if (what < 6)
                        copy_file(model);
                else if (what < 15)
                        edit_file(file, 1 + pick(2));
                else if (what < 17)
                        drop(model, file);
                else if (what < 20)
                        rename_file(model);
                else if (what < 21)
                        rename_folder(model);
                else
                        strcpy(file->mode, strcmp(file->mode, "100644") == 0 ? "100755" : "100644");
        }
}

static void write_commit(FILE *out, const char *branch, unsigned mark, unsigned from, unsigned merged,
                         const struct model *model) {
        fprintf(out, "commit refs/heads/%s\nmark :%u\ncommitter T <t@example.com> %u +0000\ndata 1\nc\n", branch, mark,
                1700000000 + mark);
        if (from)
                fprintf(out, "from :%u\n", from);
        if (merged)
                fprintf(out, "merge :%u\n", merged);
        fputs("deleteall\n", out);
        for (size_t i = 0; i < model->n; i++) {
                const struct file *file = &model->files[i];
                char text[LINES_MAX * 32] = "";
                size_t n = 0;
                if (strcmp(file->mode, "120000") == 0)
                        n = (size_t)sprintf(text, "target-%d", file->n_lines ? file->lines[0] : 0);
                else
                        for (size_t k = 0; k < file->n_lines; k++)
                                n += (size_t)sprintf(text + n, "key%d: value %d\n", file->lines[k] % 7, file->lines[k]);
                fprintf(out, "M %s inline %s\ndata %zu\n", file->mode, file->path, n);
                fwrite(text, 1, n, out);
                putc('\n', out);
        }
}

struct history {
        char ids[COMMITS_MAX + 1][GIT_OID_HEXSZ + 1]; /* by mark, from 1 */
        bool merge[COMMITS_MAX + 1];
        unsigned n;
};

/* A line of commits with side branches merged into it. */
static void make_history(struct repo *repo, struct history *history) {
        struct model model = {0}, side, before;
        char path[128], line[128];
        unsigned last = 0;

        repo_run(repo, "rm -rf work; git init -q -b main work");
        snprintf(path, sizeof path, "%s/stream", repo->folder);
        FILE *out = fopen(path, "we");
        assert_non_null(out);
        memset(history, 0, sizeof *history);
        for (unsigned i = 0; i < 8; i++)
                add_file(&model);
        while (history->n + 2 < COMMITS_MAX) {
                if (last && pick(5) == 0) {
                        unsigned fork = last;
                        before = side = model;
                        mutate(&side);
                        mutate(&model);
                        write_commit(out, "side", ++history->n, fork, 0, &side);
                        /* What the side changed goes over what main has; not as git would merge, but a merge. */
                        for (size_t i = 0; i < side.n; i++) {
                                struct file *old = find(&before, side.files[i].path), file = side.files[i];
                                if (old && memcmp(old, &file, sizeof file) == 0)
                                        continue;
                                make_room(&model, file.path);
                                if (model.n < FILES_MAX)
                                        model.files[model.n++] = file;
                        }
                        history->merge[history->n + 1] = true;
                        write_commit(out, "main", history->n + 1, fork, history->n, &model);
                        last = ++history->n;
                } else {
                        if (last)
                                mutate(&model);
                        write_commit(out, "main", history->n + 1, last, 0, &model);
                        last = ++history->n;
                }
        }
        fclose(out);
        repo_run(repo, "cd work; git fast-import --quiet --export-marks=../marks <../stream; git checkout -q -f main");
        snprintf(path, sizeof path, "%s/marks", repo->folder);
        FILE *marks = fopen(path, "re");
        assert_non_null(marks);
        while (fgets(line, sizeof line, marks)) {
                unsigned mark;
                char id[GIT_OID_HEXSZ + 1];
                assert_int_equal(sscanf(line, ":%u %40s", &mark, id), 2);
                strcpy(history->ids[mark], id);
        }
        fclose(marks);
}

static struct { unsigned compared, merges, pairs, equal, empty, conflicts, declined, died; } counts;

/* git's tree; nothing where it stops at a conflict; or how it died: merge-ort of 2.39 has assertions that some renames
 * break. */
static void ask_git(struct repo *repo, const char *first, const char *second, bool merge, char ret[GIT_OID_HEXSZ + 1]) {
        strcpy(ret, repo_ask(repo,
                             "cd work; s=0; git revert --no-commit %s %s %s >../out 2>&1 || s=$?; "
                             "case $s in 0) git write-tree ;; 1) ;; 134) echo died ;; *) exit $s ;; esac",
                             merge ? "-m 1" : "", first, second ? second : ""));
        repo_run(repo, "cd work; rm -f .git/index.lock; git revert --quit; git reset -q --hard; git clean -qfdx");
}

static void judge(struct repo *repo, const struct rv_revert_spec *spec, const struct rv_revert_result *result,
                  const char *theirs) {
        const char *second = spec->n_commits > 1 ? spec->commits[1].hex : "";
        char ours[GIT_OID_HEXSZ + 1] = "";

        if (result->outcome == RV_GIT_OK)
                git_oid_tostr(ours, sizeof ours, &result->tree);
        else if (result->outcome == RV_GIT_EMPTY)
                strcpy(ours, repo_ask(repo, "git -C work rev-parse HEAD:"));
        else if (result->outcome != RV_GIT_CONFLICT)
                fail_msg("outcome %d: %s", result->outcome, result->message);
        if (*ours && strcmp(ours, theirs) != 0)
                fail_msg("revert %s %s onto %s: ours %s, git's %s; git said: %s", spec->commits[0].hex, second,
                         spec->base.hex, ours, *theirs ? theirs : "conflict", repo_ask(repo, "tr '\\n' ' ' <out"));
        if (*theirs && !*ours && getenv("RV_PROPERTY_SHOW"))
                printf("declined: %s %s onto %s: %s\n", spec->commits[0].hex, second, spec->base.hex, result->paths[0]);
        counts.equal += result->outcome == RV_GIT_OK;
        counts.empty += result->outcome == RV_GIT_EMPTY;
        counts.conflicts += !*theirs;
        counts.declined += *theirs && !*ours;
}

static void compare(struct repo *repo, git_repository *repository, const char *first, const char *second, bool merge) {
        struct rv_oid commits[2] = {0};
        struct rv_revert_spec spec = {
                .commits = commits, .n_commits = second ? 2 : 1, .message = (char *)"m", .time_usec = 1};
        struct rv_revert_result result = {0};
        struct rv_error err = {0};
        char theirs[GIT_OID_HEXSZ + 1];

        strcpy(spec.base.hex, repo_ask(repo, "git -C work rev-parse HEAD"));
        strcpy(commits[0].hex, first);
        if (second)
                strcpy(commits[1].hex, second);
        int r = rv_revert_compute(repository, &spec, "n", "e@example.com", false,
                                  rv_clock_monotonic_usec() + 60 * RV_USEC_PER_SEC, &result, &err);
        if (r != 0)
                fail_msg("%d: %s", r, err.text);
        ask_git(repo, first, second, merge, theirs);
        counts.compared++;
        counts.merges += merge;
        counts.pairs += second != NULL;
        if (strcmp(theirs, "died") == 0)
                counts.died++;
        else
                judge(repo, &spec, &result, theirs);
        rv_revert_result_done(&result);
}

static void same_as_git(void **unused) {
        const char *seed_text = getenv("RV_PROPERTY_SEED"), *n_text = getenv("RV_PROPERTY_HISTORIES");
        uint64_t seed = seed_text ? strtoull(seed_text, NULL, 0) : UINT64_C(20260301);
        unsigned n = n_text ? (unsigned)strtoul(n_text, NULL, 10) : HISTORIES_DEFAULT;
        struct repo repo;
        struct history history;

        (void)unused;
        repo_make(&repo);
        for (unsigned i = 0; i < n; i++) {
                git_repository *repository = NULL;
                state = (seed + i) * UINT64_C(0x9e3779b97f4a7c15) | 1;
                printf("seed %llu\n", (unsigned long long)(seed + i));
                make_history(&repo, &history);
                repository = repo_open(&repo);
                for (unsigned k = history.n; k > 0; k--)
                        compare(&repo, repository, history.ids[k], NULL, history.merge[k]);
                for (unsigned k = history.n; k > 1; k -= 2)
                        if (!history.merge[k] && !history.merge[k - 1])
                                compare(&repo, repository, history.ids[k], history.ids[k - 1], false);
                git_repository_free(repository);
        }
        printf("compared %u (%u merges, %u pairs): %u equal, %u empty, %u conflicts in git, %u declined here only; "
               "git died on %u\n",
               counts.compared, counts.merges, counts.pairs, counts.equal, counts.empty, counts.conflicts,
               counts.declined, counts.died);
        assert_true(counts.equal > counts.compared / 4);
        assert_true(counts.declined < counts.compared / 20);
        repo_remove(&repo);
}

/* Every path of the scope as it was, by git's own checkout; nothing where git knows no such path in either tree. */
static void compare_restore(struct repo *repo, git_repository *repository, const char *to, const char *pattern) {
        struct rv_revert_spec spec = {.scope = (char **)&pattern, .n_scope = 1, .message = (char *)"m", .time_usec = 1};
        struct rv_revert_result result = {0};
        struct rv_error err = {0};
        char head[GIT_OID_HEXSZ + 1], ours[GIT_OID_HEXSZ + 1], theirs[GIT_OID_HEXSZ + 1];

        strcpy(spec.base.hex, repo_ask(repo, "git -C work rev-parse HEAD"));
        strcpy(head, repo_ask(repo, "git -C work rev-parse HEAD:"));
        strcpy(spec.restore.hex, to);
        int r = rv_revert_compute(repository, &spec, "n", "e@example.com", false,
                                  rv_clock_monotonic_usec() + 60 * RV_USEC_PER_SEC, &result, &err);
        if (r != 0)
                fail_msg("%d: %s", r, err.text);
        strcpy(theirs, repo_ask(repo,
                                "cd work; git checkout -q --no-overlay %s -- ':(glob)%s' 2>../out || "
                                "grep -q 'did not match' ../out; git write-tree",
                                to, pattern));
        repo_run(repo, "cd work; git reset -q --hard; git clean -qfdx");
        git_oid_tostr(ours, sizeof ours, &result.tree);
        counts.compared++;
        if (result.outcome == RV_GIT_CONFLICT)
                counts.declined++;
        else if (strcmp(result.outcome == RV_GIT_EMPTY ? head : ours, theirs) != 0)
                fail_msg("restore of %s to %s onto %s: outcome %d, ours %s, git's %s", pattern, to, spec.base.hex,
                         result.outcome, ours, theirs);
        counts.equal += result.outcome == RV_GIT_OK;
        counts.empty += result.outcome == RV_GIT_EMPTY;
        rv_revert_result_done(&result);
}

static void restores_as_git_checks_out(void **unused) {
        static const char *const patterns[] = {"apps/**", "apps/web", "apps/*/deploy.yaml", "**/a*", "base/deep/er/a"};
        struct repo repo;
        struct history history;

        (void)unused;
        memset(&counts, 0, sizeof counts);
        repo_make(&repo);
        for (unsigned i = 0; i < HISTORIES_DEFAULT / 2; i++) {
                git_repository *repository = NULL;
                state = (UINT64_C(20261121) + i) * UINT64_C(0x9e3779b97f4a7c15) | 1;
                make_history(&repo, &history);
                repository = repo_open(&repo);
                for (unsigned k = history.n; k > 0; k--)
                        compare_restore(&repo, repository, history.ids[k], patterns[(k + i) % RV_ARRAY_SIZE(patterns)]);
                git_repository_free(repository);
        }
        printf("restored %u: %u equal, %u empty, %u declined here only\n", counts.compared, counts.equal, counts.empty,
               counts.declined);
        assert_true(counts.equal > counts.compared / 4);
        assert_true(counts.declined < counts.compared / 20);
        repo_remove(&repo);
}

int main(void) {
        const struct CMUnitTest tests[] = {cmocka_unit_test(same_as_git), cmocka_unit_test(restores_as_git_checks_out)};
        struct rv_error err = {0};

        if (rv_libgit2_init(&err) < 0)
                return 1;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
