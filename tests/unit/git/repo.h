/* Real repositories for the worker's tests, made with git in a folder of their own. */
#pragma once

#include "git/libgit2.h"
#include "revertd/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct repo {
        char folder[64]; /* holds `work` and whatever a test makes */
};

/* Run a shell command in the folder; it must succeed. */
__attribute__((format(printf, 2, 3))) static inline void repo_run(const struct repo *repo, const char *fmt, ...) {
        _cleanup_free_ char *command = NULL;
        _cleanup_free_ char *whole = NULL;
        va_list args;

        va_start(args, fmt);
        assert_true(vasprintf(&command, fmt, args) >= 0);
        va_end(args);
        assert_true(asprintf(&whole, "set -e; cd '%s'; %s", repo->folder, command) >= 0);
        if (system(whole) != 0)
                fail_msg("failed: %s", command);
}

/* The first line that a shell command prints, in a static buffer. */
__attribute__((format(printf, 2, 3))) static inline const char *repo_ask(const struct repo *repo, const char *fmt,
                                                                         ...) {
        static char line[4096];
        _cleanup_free_ char *command = NULL;
        _cleanup_free_ char *whole = NULL;
        va_list args;
        FILE *pipe;

        va_start(args, fmt);
        assert_true(vasprintf(&command, fmt, args) >= 0);
        va_end(args);
        assert_true(asprintf(&whole, "set -e; cd '%s'; %s", repo->folder, command) >= 0);
        pipe = popen(whole, "re");
        assert_non_null(pipe);
        line[0] = '\0';
        if (fgets(line, sizeof(line), pipe))
                line[strcspn(line, "\n")] = '\0';
        assert_int_equal(pclose(pipe), 0);
        return line;
}

static inline void repo_make(struct repo *repo) {
        static const char *const environment[][2] = {
                {"GIT_CONFIG_GLOBAL", "/dev/null"}, {"GIT_CONFIG_NOSYSTEM", "1"},
                {"GIT_AUTHOR_NAME", "Ana"},         {"GIT_AUTHOR_EMAIL", "ana@example.com"},
                {"GIT_COMMITTER_NAME", "Ana"},      {"GIT_COMMITTER_EMAIL", "ana@example.com"},
                {"GIT_MERGE_AUTOEDIT", "no"},       {"LC_ALL", "C"},
        };

        for (size_t i = 0; i < RV_ARRAY_SIZE(environment); i++)
                setenv(environment[i][0], environment[i][1], 1);
        strcpy(repo->folder, "/tmp/revertd-git-XXXXXX");
        assert_non_null(mkdtemp(repo->folder));
        repo_run(repo, "git init -q -b main work");
}

static inline void repo_remove(struct repo *repo) {
        char command[128];

        snprintf(command, sizeof(command), "rm -rf '%s'", repo->folder);
        assert_int_equal(system(command), 0);
}

/* Commit all of the work tree at a time; git commit's further options in `options`. */
static inline void repo_commit(const struct repo *repo, int64_t time, const char *options) {
        repo_run(repo,
                 "cd work; git add -A; GIT_AUTHOR_DATE='@%lld +0000' GIT_COMMITTER_DATE='@%lld +0000' "
                 "git commit -q --allow-empty %s",
                 (long long)time, (long long)time, options);
}

/* Write a file and commit it. */
static inline void repo_change(const struct repo *repo, int64_t time, const char *path, const char *content) {
        char options[512];

        repo_run(repo, "cd work; mkdir -p \"$(dirname '%s')\"; printf '%s\\n' > '%s'", path, content, path);
        snprintf(options, sizeof(options), "-m 'Set %s to %s'", path, content);
        repo_commit(repo, time, options);
}

static inline void repo_id(const struct repo *repo, const char *revision, git_oid *ret) {
        assert_int_equal(git_oid_fromstr(ret, repo_ask(repo, "git -C work rev-parse '%s'", revision)), 0);
}

static inline void repo_hex(const struct repo *repo, const char *revision, struct rv_oid *ret) {
        git_oid id;

        repo_id(repo, revision, &id);
        rv_oid_from_git(ret, &id);
}

static inline git_repository *repo_open(const struct repo *repo) {
        git_repository *git = NULL;
        char path[128];

        snprintf(path, sizeof(path), "%s/work", repo->folder);
        assert_int_equal(git_repository_open(&git, path), 0);
        return git;
}
