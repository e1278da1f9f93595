#include "git/push.h"

#include "git/libgit2.h"
#include "git/push_send.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"

#include <string.h>

/* Of the deadline, kept back for reading the ref when the answer to a push is lost. */
enum { SETTLE_PART = 4 };
#define SETTLE_MAX_USEC (10 * RV_USEC_PER_SEC)

const char *rv_push_outcome_to_string(enum rv_push_outcome outcome) {
        static const char *const names[] = {
                [RV_PUSH_OK] = "ok", [RV_PUSH_MOVED] = "moved", [RV_PUSH_REFUSED] = "refused", [RV_PUSH_LOST] = "lost"};

        return (unsigned)outcome < RV_ARRAY_SIZE(names) ? names[outcome] : "?";
}

void rv_push_result_done(struct rv_push_result *result) {
        free(result->message);
        *result = (struct rv_push_result){0};
}

/* What the ref says outweighs what the server said, or did not say. A server that refuses because another was faster
 * has its own words for it, which differ by version and language: the ref tells. */
static int settle(const struct rv_push *push, int64_t deadline_usec, struct rv_push_result *result,
                  struct rv_error *err) {
        struct rv_error ignored = {0};
        git_oid head;

        int r = rv_remote_read_ref(push->remote, push->branch, deadline_usec, &head, &ignored);
        if (r == -ENOMEM)
                return rv_error_oom(err);
        if (r == -ENOENT)
                head = (git_oid){0};
        else if (r < 0)
                return 0;
        if (git_oid_equal(&head, push->old_id))
                return 0;
        free(RV_TAKE(result->message));
        result->outcome = git_oid_equal(&head, push->new_id) ? RV_PUSH_OK : RV_PUSH_MOVED;
        result->was_there = true;
        result->head = head;
        return 0;
}

int rv_push(struct rv_remote *remote, git_repository *mirror, const char *branch, const git_oid *old_id,
            const git_oid *new_id, const git_oid *objects, size_t n_objects, int64_t deadline_usec,
            struct rv_push_result *ret, struct rv_error *err) {
        int64_t left_usec = deadline_usec - rv_clock_monotonic_usec(), reserve_usec = left_usec / SETTLE_PART;
        struct rv_push_result result = {0};
        _cleanup_free_ char *name = NULL;
        bool done = false;

        if (left_usec <= 0)
                return rv_error_set(err, -ETIMEDOUT, "no time is left for a push");
        if (reserve_usec > SETTLE_MAX_USEC)
                reserve_usec = SETTLE_MAX_USEC;
        int r = rv_remote_ref_name(branch, &name, err);
        if (r < 0)
                return r;
        const struct rv_push push = {.remote = remote,
                                     .mirror = mirror,
                                     .branch = branch,
                                     .name = name,
                                     .old_id = old_id,
                                     .new_id = new_id,
                                     .objects = objects,
                                     .n_objects = n_objects,
                                     .deadline_usec = deadline_usec - reserve_usec};
        if (remote->url.kind == RV_REMOTE_LOCAL)
                r = rv_push_local(&push, &result, &done, err);
        if (r == 0 && !done)
                r = rv_push_send(&push, &result, err);
        if (r == 0 && (result.outcome == RV_PUSH_REFUSED || result.outcome == RV_PUSH_LOST))
                r = settle(&push, deadline_usec, &result, err);
        if (r < 0) {
                rv_push_result_done(&result);
                return r;
        }
        *ret = result;
        return 0;
}
