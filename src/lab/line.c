/* A commit is taken to have arrived when it was made. Where clocks were wrong the times contradict the order on the
 * branch: the most commits that agree with each other are believed, and the others came between them. */
#include "lab/line.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* is_line: only who, when and what was reverted, so that all of a long range go into one answer. */
static int read_history(const struct rv_backtest *b, size_t repository, char *const *scope, size_t n_scope,
                        bool is_line, struct rv_git_reply **ret, struct rv_error *err) {
        struct rv_git_request *request = calloc(1, sizeof(*request));
        int64_t window_usec = 0;

        if (!request)
                return rv_error_oom(err);
        for (size_t i = 0; i < b->config->n_rules; i++)
                if (b->config->rules[i].window_usec > window_usec)
                        window_usec = b->config->rules[i].window_usec;
        request->op = RV_GIT_HISTORY;
        request->since_usec = b->from_usec - window_usec - 2 * RV_USEC_PER_DAY;
        request->max_commits = RV_COMMITS_MAX;
        request->no_paths = is_line;
        request->scope = calloc(n_scope + 1, sizeof(*request->scope));
        for (size_t i = 0; request->scope && i < n_scope; i++) {
                request->scope[i] = strdup(scope[i]);
                request->n_scope += request->scope[i] != NULL;
        }
        if (!request->scope || request->n_scope != n_scope) {
                rv_git_request_free(request);
                return rv_error_oom(err);
        }
        int r = b->git(b->userdata, repository, request, ret, err);
        if (r == 0 && (*ret)->truncated) {
                r = rv_error_set(err, -E2BIG,
                                 "repository %s has too many commits since the beginning of the range; begin later",
                                 b->config->repositories[repository].name);
                *ret = rv_git_reply_free(*ret);
        }
        return r;
}

/* The longest run of times that never goes back (patience sorting): before[i] is the one that i follows, tail[n] the
 * earliest that a run of n + 1 ends with. Commits are newest first, so that the branch is walked from its end. */
static int believe(struct line *line, bool *is_believed) {
        size_t n = line->all->n_commits, length = 0;
        _cleanup_free_ size_t *tail = calloc(n + 1, sizeof(*tail)), *before = calloc(n + 1, sizeof(*before));

        if (!tail || !before)
                return -ENOMEM;
        for (size_t i = n; i-- > 0;) {
                size_t low = 0, high = length;

                while (low < high) {
                        size_t middle = low + (high - low) / 2;

                        if (line->all->commits[tail[middle]].commit_usec <= line->all->commits[i].commit_usec)
                                low = middle + 1;
                        else
                                high = middle;
                }
                before[i] = low > 0 ? tail[low - 1] : n;
                tail[low] = i;
                length += low == length;
        }
        for (size_t i = length > 0 ? tail[length - 1] : n; i < n; i = before[i])
                is_believed[i] = true;
        return 0;
}

int line_read(struct line *line, const struct rv_backtest *backtest, size_t repository, struct rv_error *err) {
        _cleanup_free_ bool *is_believed = NULL;
        int64_t least_usec = 0, most_usec = RV_USEC_INFINITY;
        int r = read_history(backtest, repository, NULL, 0, true, &line->all, err);

        if (r < 0)
                return r;
        line->arrived_usec = calloc(line->all->n_commits + 1, sizeof(*line->arrived_usec));
        is_believed = calloc(line->all->n_commits + 1, sizeof(*is_believed));
        if (!line->arrived_usec || !is_believed || believe(line, is_believed) < 0)
                return rv_error_oom(err);
        for (size_t i = 0; i < line->all->n_commits; i++) {
                int64_t made_usec = line->all->commits[i].commit_usec;

                if (is_believed[i])
                        most_usec = made_usec;
                line->arrived_usec[i] = made_usec < most_usec ? made_usec : most_usec;
        }
        for (size_t i = line->all->n_commits; i-- > 0;) {
                if (line->arrived_usec[i] > least_usec)
                        least_usec = line->arrived_usec[i];
                line->arrived_usec[i] = least_usec;
        }
        return 0;
}

/* Both lists are in the branch's order. */
int line_find_scoped(struct line *line, const struct rv_backtest *backtest, size_t repository,
                     const struct rv_git_request *request, const struct scoped **ret, struct rv_error *err) {
        _cleanup_free_ char *key = NULL;
        size_t size;
        FILE *f = open_memstream(&key, &size);

        for (size_t i = 0; f && i < request->n_scope; i++)
                fprintf(f, "%s\n", request->scope[i]);
        if (!f || fclose(f) != 0)
                return rv_error_oom(err);
        for (size_t i = 0; i < line->n_scoped; i++)
                if (strcmp(line->scoped[i].key, key) == 0) {
                        *ret = &line->scoped[i];
                        return 0;
                }
        struct scoped *grown = reallocarray(line->scoped, line->n_scoped + 1, sizeof(*grown));
        if (!grown)
                return rv_error_oom(err);
        line->scoped = grown;
        struct scoped *s = &grown[line->n_scoped];
        *s = (struct scoped){0};
        int r = read_history(backtest, repository, request->scope, request->n_scope, false, &s->reply, err);
        if (r < 0)
                return r;
        s->arrived_usec = calloc(s->reply->n_commits + 1, sizeof(*s->arrived_usec));
        s->place = calloc(s->reply->n_commits + 1, sizeof(*s->place));
        s->key = RV_TAKE(key);
        line->n_scoped++;
        if (!s->arrived_usec || !s->place)
                return rv_error_oom(err);
        for (size_t i = 0, k = 0; i < s->reply->n_commits; i++) {
                s->arrived_usec[i] = RV_USEC_INFINITY; /* it came to the branch since we began */
                for (size_t at = k; at < line->all->n_commits; at++)
                        if (strcmp(line->all->commits[at].id.hex, s->reply->commits[i].id.hex) == 0) {
                                s->arrived_usec[i] = line->arrived_usec[at];
                                s->place[i] = at;
                                k = at + 1;
                                break;
                        }
        }
        *ret = s;
        return 0;
}

int line_push(struct line *line, const struct rv_git_request *request, int64_t now_usec, struct rv_error *err) {
        struct made *grown = reallocarray(line->made, line->n_made + 1, sizeof(*grown));

        if (!grown)
                return rv_error_oom(err);
        line->made = grown;
        grown[line->n_made] = (struct made){.id = request->commit, .at_usec = now_usec};
        if (rv_revert_spec_copy(&grown[line->n_made].spec, &request->spec) < 0)
                return rv_error_oom(err);
        line->n_made++;
        return 0;
}

void line_done(struct line *line) {
        for (size_t k = 0; k < line->n_made; k++)
                rv_revert_spec_done(&line->made[k].spec);
        for (size_t k = 0; k < line->n_scoped; k++) {
                free(line->scoped[k].key);
                free(line->scoped[k].arrived_usec);
                free(line->scoped[k].place);
                rv_git_reply_free(line->scoped[k].reply);
        }
        free(line->made);
        free(line->scoped);
        free(line->arrived_usec);
        rv_git_reply_free(line->all);
}
