#include "git/commit_info.h"

#include "git/utf8.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

enum {
        NAME_BYTES_MAX = 256,
        SUBJECT_BYTES_MAX = 512,
        INCIDENT_BYTES_MAX = 128,
        PREFIX_DIGITS_MIN = 7,
};

static const char hex_digits[] = "0123456789abcdef";

static void trailers_done(git_message_trailer_array *trailers) {
        git_message_trailer_array_free(trailers);
}
#define _cleanup_trailers_ __attribute__((cleanup(trailers_done)))

static int read_trailers(const char *message, git_message_trailer_array *ret) {
        *ret = (git_message_trailer_array){};
        return git_message_trailers(ret, message);
}

char *rv_commit_info_trailer(const char *message, const char *key) {
        _cleanup_trailers_ git_message_trailer_array trailers;

        if (read_trailers(message, &trailers) < 0)
                return NULL;
        for (size_t i = trailers.count; i-- > 0;)
                if (strcasecmp(trailers.trailers[i].key, key) == 0)
                        return rv_utf8_copy(trailers.trailers[i].value, INCIDENT_BYTES_MAX);
        return NULL;
}

static int64_t to_usec(git_time_t seconds) {
        int64_t usec;

        if (__builtin_mul_overflow((int64_t)seconds, RV_USEC_PER_SEC, &usec))
                return seconds < 0 ? INT64_MIN : INT64_MAX;
        return usec;
}

static int read_texts(const git_commit *git, struct rv_commit *commit) {
        const git_signature *author = git_commit_author(git);
        const char *summary = git_commit_summary((git_commit *)git);

        commit->author_name = rv_utf8_copy(author ? author->name : "", NAME_BYTES_MAX);
        commit->author_email = rv_utf8_copy(author ? author->email : "", NAME_BYTES_MAX);
        commit->subject = rv_utf8_copy(summary ? summary : "", SUBJECT_BYTES_MAX);
        commit->author_usec = to_usec(author ? author->when.time : 0);
        commit->commit_usec = to_usec(git_commit_time(git));
        commit->n_parents = git_commit_parentcount(git);
        return commit->author_name && commit->author_email && commit->subject ? 0 : -ENOMEM;
}

/* A whole id, or a unique beginning of one (git revert --reference writes those). */
static bool resolve(git_repository *repo, const char *hex, size_t n, struct rv_oid *ret) {
        git_commit *commit = NULL;
        git_oid id;

        if (n == GIT_OID_HEXSZ) {
                memcpy(ret->hex, hex, n);
                ret->hex[n] = '\0';
                return true;
        }
        if (n < PREFIX_DIGITS_MIN || n > GIT_OID_HEXSZ || git_oid_fromstrn(&id, hex, n) < 0 ||
            git_commit_lookup_prefix(&commit, repo, &id, n) < 0)
                return false;
        rv_oid_from_git(ret, git_commit_id(commit));
        git_commit_free(commit);
        return true;
}

static int add_revert(git_repository *repo, struct rv_commit *commit, const char *hex, size_t n) {
        struct rv_oid id = {}, *grown;

        if (commit->n_reverts >= RV_REVERT_COMMITS_MAX || !resolve(repo, hex, n, &id))
                return 0;
        for (size_t i = 0; i < commit->n_reverts; i++)
                if (strcmp(commit->reverts[i].hex, id.hex) == 0)
                        return 0;
        grown = reallocarray(commit->reverts, commit->n_reverts + 1, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        grown[commit->n_reverts++] = id;
        commit->reverts = grown;
        return 0;
}

static int read_sentences(git_repository *repo, const char *message, struct rv_commit *commit) {
        static const char sentence[] = "This reverts commit ";

        for (const char *s = message; (s = strstr(s, sentence)) && commit->n_reverts < RV_REVERT_COMMITS_MAX;) {
                int r;

                s += sizeof(sentence) - 1;
                r = add_revert(repo, commit, s, strspn(s, hex_digits));
                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_trailer(git_repository *repo, const git_message_trailer *trailer, struct rv_commit *commit) {
        if (strcasecmp(trailer->key, "Revertd") == 0 && strcasecmp(trailer->value, "skip") == 0)
                commit->skip = true;
        if (strcasecmp(trailer->key, "Revertd-Reverts") == 0)
                return add_revert(repo, commit, trailer->value, strspn(trailer->value, hex_digits));
        if (strcasecmp(trailer->key, "Revertd-Incident") == 0 && trailer->value[0]) {
                free(commit->incident);
                commit->incident = rv_utf8_copy(trailer->value, INCIDENT_BYTES_MAX);
                return commit->incident ? 0 : -ENOMEM;
        }
        return 0;
}

static int read_message(git_repository *repo, const char *message, struct rv_commit *commit) {
        _cleanup_trailers_ git_message_trailer_array trailers;
        int r;

        if (read_trailers(message, &trailers) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < trailers.count; i++) {
                r = read_trailer(repo, &trailers.trailers[i], commit);
                if (r < 0)
                        return r;
        }
        return read_sentences(repo, message, commit);
}

/* A revert of ours that was merged, by a forge or by hand: what the merge brought to the branch's first-parent line is
 * ours, and stands in the message of what was merged. */
static int read_merged(git_repository *repo, const git_commit *merge, struct rv_commit *commit) {
        _cleanup_git_(commit) git_commit *merged = NULL;
        struct rv_error ignored;
        const char *message;

        if (commit->incident || git_commit_parentcount(merge) != 2 ||
            rv_commit_lookup(&merged, repo, git_commit_parent_id(merge, 1), &ignored) < 0)
                return 0;
        message = git_commit_message(merged);
        if (git_commit_parentcount(merged) != 1 || !message ||
            strnlen(message, RV_COMMIT_MESSAGE_BYTES_MAX) == RV_COMMIT_MESSAGE_BYTES_MAX ||
            !strcasestr(message, "Revertd-Incident"))
                return 0;
        return read_message(repo, message, commit);
}

int rv_commit_info_read(git_repository *repo, const git_oid *id, struct rv_commit *ret, struct rv_error *err) {
        _cleanup_git_(commit) git_commit *git = NULL;
        struct rv_commit commit = {};
        const char *message;
        int r;

        r = rv_commit_lookup(&git, repo, id, err);
        if (r < 0)
                return r;
        rv_oid_from_git(&commit.id, id);
        message = git_commit_message(git);
        r = read_texts(git, &commit);
        if (message && strnlen(message, RV_COMMIT_MESSAGE_BYTES_MAX) == RV_COMMIT_MESSAGE_BYTES_MAX)
                commit.skip = true;
        else if (r == 0 && message)
                r = read_message(repo, message, &commit);
        if (r == 0)
                r = read_merged(repo, git, &commit);
        if (r < 0) {
                rv_commit_done(&commit);
                return rv_error_oom(err);
        }
        *ret = commit;
        return 0;
}
