#include "git/statuses.h"

#include "git/commit_info.h"
#include "git/forge_link.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/log.h"

#include <signal.h>
#include <sys/wait.h>

enum { CULPRITS_MAX = 16 };
#define TELLING_USEC (15 * RV_USEC_PER_SEC)

/* The revert that is on the branch now, and what it undid. */
struct telling {
        const struct rv_repository_config *config;
        struct rv_forge_link *link;
        const struct rv_oid *revert, *culprits;
        size_t n_culprits;
};

static int tell_one(const struct telling *telling, const struct rv_oid *commit, bool is_well, const char *title,
                    struct rv_error *err) {
        const struct rv_forge_subject subject = {.commit = *commit, .title = title, .is_well = is_well};
        enum rv_forge_verdict verdict;
        struct rv_forge_pull none;

        int r = rv_forge_link_ask(telling->link, RV_FORGE_STATUS, &subject, &none, &verdict, err);
        return r < 0 ? r : verdict == RV_FORGE_DONE ? 0 : -EREMOTEIO;
}

static int tell_all(const struct telling *telling, struct rv_error *err) {
        char title[128], more[32] = "";

        if (telling->n_culprits > 1)
                snprintf(more, sizeof more, " and %zu more", telling->n_culprits - 1);
        snprintf(title, sizeof title, "Reverts %.*s%s", RV_OID_SHORT, telling->culprits[0].hex, more);
        int r = tell_one(telling, telling->revert, true, title, err);
        snprintf(title, sizeof title, "Reverted by %.*s", RV_OID_SHORT, telling->revert->hex);
        for (size_t i = 0; r == 0 && i < telling->n_culprits && i < CULPRITS_MAX; i++)
                r = tell_one(telling, &telling->culprits[i], false, title, err);
        return r;
}

/* By no longer than its time, whatever the forge does. */
static void tell_and_exit(struct rv_worker *worker, struct telling *telling) {
        struct rv_error err = {};

        signal(SIGALRM, SIG_DFL); /* the worker's own would end the worker */
        alarm((unsigned)(2 * TELLING_USEC / RV_USEC_PER_SEC));
        close(worker->line.fd);
        int r = rv_forge_link_new(&telling->link, rv_mirror_remote(worker->mirror),
                                  rv_clock_monotonic_usec() + TELLING_USEC, &err);
        if (r == 0)
                r = tell_all(telling, &err);
        if (r < 0)
                rv_log(RV_LOG_WARN, RV_EV_NONE, "the forge does not show what was reverted", "repository",
                       telling->config->name, "error", err.text, NULL);
        _exit(r < 0);
}

/* A child's child, so that nobody has to wait for it. */
static void tell(struct rv_worker *worker, struct telling *telling) {
        pid_t pid = fork();

        if (pid > 0)
                (void)waitpid(pid, NULL, 0);
        if (pid != 0)
                return;
        if (fork() == 0)
                tell_and_exit(worker, telling);
        _exit(0);
}

static bool is_pushed(const struct rv_git_request *request, const struct rv_git_reply *reply) {
        return request->op == RV_GIT_PUSH && request->spec.n_commits > 0 && reply->commit.hex[0] &&
               (reply->outcome == RV_GIT_OK || reply->outcome == RV_GIT_ALREADY);
}

static bool is_merged(const struct rv_git_request *request, const struct rv_git_reply *reply) {
        return (request->op == RV_GIT_PROPOSE || request->op == RV_GIT_PROPOSAL) && reply->outcome == RV_GIT_OK &&
               reply->proposal.state == RV_PROPOSAL_MERGED && reply->proposal.merged.hex[0];
}

/* What the plan's commit undid stands in its own message: PROPOSAL does not say it. */
static void tell_merged(struct rv_worker *worker, struct telling *telling, const struct rv_oid *plan) {
        struct rv_commit commit = {};
        struct rv_error ignored;
        git_oid id;

        if (rv_oid_to_git(&id, plan) < 0 ||
            rv_commit_info_read(rv_mirror_repository(worker->mirror), &id, &commit, &ignored) < 0)
                return;
        telling->culprits = commit.reverts;
        telling->n_culprits = commit.n_reverts;
        if (commit.n_reverts > 0)
                tell(worker, telling);
        rv_commit_done(&commit);
}

void rv_statuses_tell(struct rv_worker *worker, const struct rv_git_request *request,
                      const struct rv_git_reply *reply) {
        struct telling telling = {.config = worker->config};

        if (worker->config->forge == RV_FORGE_NONE)
                return;
        if (is_pushed(request, reply)) {
                telling.revert = &reply->commit;
                telling.culprits = request->spec.commits;
                telling.n_culprits = request->spec.n_commits;
                tell(worker, &telling);
        } else if (is_merged(request, reply)) {
                telling.revert = &reply->proposal.merged;
                tell_merged(worker, &telling, &request->commit);
        }
}
