/* A revert on a branch of its own, with a proposal to merge it. The worker says which branch that is: one name for each
 * commit, so that a plan on another base does not stand in the way of the one before. */
#include "git/commit_info.h"
#include "git/forge_link.h"
#include "git/ops_write.h"
#include "git/policy.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

enum {
        SHORT_ID = 12,
        INCIDENT_BYTES_MAX = 64,
        OTHERS_WAIT_MSEC = 5000,
        OTHERS_SPREAD_MSEC = 3000,
        OTHERS_PAUSE_MSEC = 200,
};

struct proposing {
        struct rv_worker *worker;
        const struct rv_git_request *request;
        struct rv_git_reply *reply;
        struct rv_error *err;
        struct rv_revert_result result;
        struct rv_forge_link *link;
        struct rv_forge_pull pull;
        char *branch, *title, *text;
};

static int say_unconfigured(const struct rv_worker *worker, struct rv_git_reply *reply) {
        return rv_op_say(reply, RV_GIT_FAILED, "repository %s has no forge to propose to", worker->config->name);
}

/* What the forge refused or could not do. */
static int say_verdict(const struct rv_forge_link *link, struct rv_git_reply *reply, enum rv_forge_verdict verdict,
                       const struct rv_error *words) {
        enum rv_git_outcome outcome = verdict == RV_FORGE_UNAVAILABLE  ? RV_GIT_UNAVAILABLE
                                      : verdict == RV_FORGE_NO_CHANGES ? RV_GIT_EMPTY
                                      : verdict == RV_FORGE_MISSING    ? RV_GIT_NOT_FOUND
                                      : verdict == RV_FORGE_NOT_YET    ? RV_GIT_UNAVAILABLE
                                                                       : RV_GIT_REFUSED;

        if (outcome == RV_GIT_UNAVAILABLE)
                reply->wait_usec = rv_forge_link_wait_usec(link);
        return rv_op_say(reply, outcome, "%s", words->text);
}

static void take_proposal(struct rv_forge_pull *pull, struct rv_git_reply *reply) {
        reply->proposal = pull->proposal;
        pull->proposal = (struct rv_proposal){};
}

/* 1: it has; 0: the reply says that the commit's message names no incident that can be one. */
static int name_branch(struct proposing *p) {
        _cleanup_free_ char *incident =
                rv_commit_info_trailer(p->request->spec.message ? p->request->spec.message : "", "Revertd-Incident");

        if (!incident || !*incident || strlen(incident) > INCIDENT_BYTES_MAX ||
            strspn(incident, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(incident))
                return rv_op_say(p->reply, RV_GIT_POLICY, "the message names no incident in \"Revertd-Incident\"");
        if (asprintf(&p->branch, "revertd/%s-%.*s", incident, SHORT_ID, p->reply->commit.hex) < 0) {
                p->branch = NULL;
                return rv_error_oom(p->err);
        }
        if (strcmp(p->branch, p->worker->config->branch) == 0)
                return rv_op_say(p->reply, RV_GIT_POLICY, "%s is the branch that is deployed", p->branch);
        return 1;
}

static int ask(struct proposing *p, enum rv_forge_question question, const char *text, enum rv_forge_verdict *ret) {
        const struct rv_forge_subject subject = {.branch = p->branch,
                                                 .number = p->pull.proposal.number,
                                                 .node_id = p->pull.node_id,
                                                 .commit = p->reply->commit,
                                                 .title = p->title,
                                                 .text = text};
        struct rv_forge_pull pull = {};

        int r = rv_forge_link_ask(p->link, question, &subject, &pull, ret, p->err);
        if (r == 0 && pull.proposal.number > 0) {
                rv_forge_pull_done(&p->pull);
                p->pull = pull;
        }
        return r;
}

/* 1: the branch is there, at our commit; 0: the reply says why not. */
static int push_branch(struct proposing *p, bool *ret_was_there) {
        static const git_oid none = {{0}};
        struct rv_push_result pushed = {};

        int r = rv_op_send(p->worker, p->branch, &none, &p->result, &pushed, p->reply, p->err);
        if (r == 1 && pushed.outcome == RV_PUSH_MOVED)
                r = rv_op_say(p->reply, RV_GIT_REFUSED, "the branch %s is there already, with something else on it",
                              p->branch);
        else if (r == 1 && pushed.outcome != RV_PUSH_OK)
                r = rv_op_say_unpushed(&pushed, p->reply);
        *ret_was_there = pushed.was_there;
        rv_push_result_done(&pushed);
        return r;
}

/* Forges look for an earlier proposal and make the new one without a lock. The branch is the lock: whoever made it makes
 * the proposal; the others wait for it, until they must take the one who made the branch for dead. They do not do so
 * all at the same time, for there is no lock among them. 1: there it is. */
static int await_other(struct proposing *p) {
        int64_t wait_msec = OTHERS_WAIT_MSEC + rv_clock_monotonic_usec() % OTHERS_SPREAD_MSEC;
        int64_t until_usec = rv_clock_monotonic_usec() + wait_msec * RV_USEC_PER_MSEC;
        enum rv_forge_verdict verdict;

        for (;;) {
                int r = ask(p, RV_FORGE_FIND, NULL, &verdict);
                if (r < 0 || verdict == RV_FORGE_DONE)
                        return r < 0 ? r : 1;
                if (rv_clock_monotonic_usec() >= until_usec)
                        return 0;
                poll(NULL, 0, OTHERS_PAUSE_MSEC);
        }
}

/* 1: it is there; 0: the reply says why not. Somebody else's worker may be as far as we are. */
static int create(struct proposing *p) {
        enum rv_forge_verdict verdict;

        int r = ask(p, RV_FORGE_CREATE, p->text, &verdict);
        if (r == 0 && verdict == RV_FORGE_EXISTS)
                r = ask(p, RV_FORGE_FIND, NULL, &verdict);
        if (r < 0 || verdict == RV_FORGE_DONE)
                return r < 0 ? r : 1;
        if (verdict == RV_FORGE_MISSING)
                return rv_op_say(p->reply, RV_GIT_UNAVAILABLE,
                                 "the forge has a proposal already, and does not show it");
        return say_verdict(p->link, p->reply, verdict, p->err);
}

/* Found in whatever state: what people have closed or merged is not opened again. */
static int find_or_create(struct proposing *p) {
        enum rv_forge_verdict verdict;
        bool was_there = false;

        int r = ask(p, RV_FORGE_FIND, NULL, &verdict);
        if (r < 0 || verdict == RV_FORGE_DONE)
                return r < 0 ? r : 1;
        if (verdict != RV_FORGE_MISSING)
                return say_verdict(p->link, p->reply, verdict, p->err);
        r = push_branch(p, &was_there);
        if (r != 1)
                return r;
        r = was_there ? await_other(p) : 0;
        return r == 0 ? create(p) : r;
}

/* Never what is not exactly the commit that was judged here. A forge that does not want to leaves the proposal to
 * people. */
static int accept(struct proposing *p) {
        const char *message = p->request->spec.message, *rest = message + strcspn(message, "\n");
        enum rv_forge_verdict verdict = RV_FORGE_REFUSED;

        if (!p->worker->config->auto_merge || p->pull.proposal.state != RV_PROPOSAL_OPEN)
                return 0;
        rest += strspn(rest, "\n");
        if (p->pull.head.hex[0] && strcmp(p->pull.head.hex, p->reply->commit.hex) != 0)
                return rv_op_say(p->reply, RV_GIT_OK, "not merged by itself: its branch was changed");
        int r = ask(p, RV_FORGE_ACCEPT, rest, &verdict);
        if (r == 0 && verdict == RV_FORGE_OTHERWISE)
                r = ask(p, RV_FORGE_ACCEPT_ELSE, rest, &verdict);
        if (r < 0)
                return r;
        if (verdict != RV_FORGE_DONE)
                return rv_op_say(p->reply, RV_GIT_OK, "not merged by itself: %s", p->err->text);
        return ask(p, RV_FORGE_READ, NULL, &verdict); /* where nothing was waited for, it is merged by now */
}

/* The forge's word that it is merged counts once the branch holds the commit. */
static int check_merged(struct rv_worker *worker, struct rv_proposal *proposal, struct rv_git_reply *reply,
                        struct rv_error *err) {
        git_oid head, merged;
        int r = 0;

        if (proposal->state != RV_PROPOSAL_MERGED)
                return 0;
        if (rv_oid_to_git(&merged, &proposal->merged) == 0) {
                r = rv_op_read_branch(worker, reply, &head, err);
                if (r == 0)
                        r = rv_op_contains(worker, &head, &merged, err);
        }
        if (r == 0) {
                proposal->state = RV_PROPOSAL_OPEN;
                proposal->merged = (struct rv_oid){};
        }
        return r < 0 ? r : 0;
}

static int propose(struct proposing *p) {
        int r = name_branch(p);

        if (r != 1)
                return r;
        if (rv_forge_describe(p->request->spec.message, &p->title, &p->text) < 0)
                return rv_error_oom(p->err);
        r = rv_forge_link_new(&p->link, rv_mirror_remote(p->worker->mirror), p->worker->deadline_usec, p->err);
        if (r == 0)
                r = find_or_create(p);
        if (r != 1)
                return r;
        r = accept(p);
        take_proposal(&p->pull, p->reply);
        return r < 0 ? r : check_merged(p->worker, &p->reply->proposal, p->reply, p->err);
}

/* The forge merges it into the branch as it is by then, so the base may lie behind; but it must lie on the branch, and
 * nothing may be paused. 1: go on. */
static int check_branch(struct proposing *p) {
        const struct rv_revert_spec *spec = &p->request->spec;
        git_oid head, base;
        int r;

        if (rv_oid_to_git(&base, &spec->base) < 0)
                return rv_op_say(p->reply, RV_GIT_POLICY, "a proposal must name its base");
        r = rv_op_read_branch(p->worker, p->reply, &head, p->err);
        if (r == 0)
                r = rv_op_contains(p->worker, &head, &base, p->err);
        if (r < 0)
                return r;
        if (r == 0)
                return rv_op_say(p->reply, RV_GIT_NOT_FOUND, "base %s is not on the branch", spec->base.hex);
        r = rv_op_find_done(p->worker, p->request, &head, p->reply, p->err);
        if (r != 0)
                return r < 0 ? r : 0;
        r = rv_policy_check_pause(rv_mirror_repository(p->worker->mirror), &head, p->err);
        if (r != 0)
                return r < 0 ? r : rv_op_say(p->reply, RV_GIT_POLICY, "%s", p->err->text);
        return 1;
}

int rv_op_propose(struct rv_worker *worker, const struct rv_git_request *request, struct rv_git_reply *reply,
                  struct rv_error *err) {
        struct proposing p = {.worker = worker, .request = request, .reply = reply, .err = err};

        if (worker->config->forge == RV_FORGE_NONE)
                return say_unconfigured(worker, reply);
        int r = check_branch(&p);
        if (r == 1)
                r = rv_op_compute(worker, request, &p.result, reply, err);
        if (r == 1)
                r = propose(&p);
        rv_forge_link_free(p.link);
        rv_forge_pull_done(&p.pull);
        rv_revert_result_done(&p.result);
        free(p.branch);
        free(p.title);
        free(p.text);
        return r;
}

/* -- What became of it -- */

/* Also when it was not the forge that merged it. 1: the branch holds the commit. */
static int is_on_branch(struct rv_worker *worker, const struct rv_oid *id, struct rv_git_reply *reply,
                        struct rv_error *err) {
        git_oid head, commit;
        int r;

        if (rv_oid_to_git(&commit, id) < 0)
                return 0;
        r = rv_op_read_branch(worker, reply, &head, err);
        return r < 0 ? r : rv_op_contains(worker, &head, &commit, err);
}

static int read_proposal(struct rv_worker *worker, const struct rv_git_request *request, struct rv_git_reply *reply,
                         struct rv_error *err) {
        const struct rv_forge_subject subject = {.number = request->number};
        enum rv_forge_verdict verdict = RV_FORGE_MISSING;
        struct rv_forge_link *link = NULL;
        struct rv_forge_pull pull = {};

        int r = rv_forge_link_new(&link, rv_mirror_remote(worker->mirror), worker->deadline_usec, err);
        if (r == 0)
                r = rv_forge_link_ask(link, RV_FORGE_READ, &subject, &pull, &verdict, err);
        if (r == 0 && verdict != RV_FORGE_DONE)
                r = say_verdict(link, reply, verdict, err);
        else if (r == 0)
                take_proposal(&pull, reply);
        rv_forge_link_free(link);
        rv_forge_pull_done(&pull);
        return r;
}

int rv_op_proposal(struct rv_worker *worker, const struct rv_git_request *request, struct rv_git_reply *reply,
                   struct rv_error *err) {
        int r;

        if (worker->config->forge == RV_FORGE_NONE)
                return say_unconfigured(worker, reply);
        r = read_proposal(worker, request, reply, err);
        if (r < 0 || reply->outcome != RV_GIT_OK)
                return r;
        r = check_merged(worker, &reply->proposal, reply, err);
        if (r < 0 || reply->proposal.state == RV_PROPOSAL_MERGED)
                return r;
        r = is_on_branch(worker, &request->commit, reply, err);
        if (r == 1) {
                reply->proposal.state = RV_PROPOSAL_MERGED;
                reply->proposal.merged = request->commit;
        }
        return r < 0 ? r : 0;
}
