/* What a person can do about an incident that ended without a recovery. */
#include "ctl/verbs.h"

#include "ctl/incident_text.h"
#include "ctl/paint.h"

#include "revertd/incident.h"

#include <string.h>

/* How the revert by hand fares after such an end. */
enum by_hand {
        HELPS,        /* it is made at once, with --force where a guard is to be overridden */
        HELPS_LATER,  /* once the obstacle is gone */
        NEEDS_COMMIT, /* the cause is not known */
        NEEDS_GIT,    /* revertd would end as before */
        HAS_NO_USE,   /* nothing is left to undo */
};

static enum by_hand by_hand_after(enum rv_reason reason) {
        switch (reason) {
        case RV_REASON_BAD_SCOPE:
        case RV_REASON_NO_CANDIDATE:
        case RV_REASON_AFTER_ONSET:
        case RV_REASON_NOT_FOUND:
                return NEEDS_COMMIT;
        case RV_REASON_CONFLICT:
                return NEEDS_GIT;
        case RV_REASON_ALREADY_REVERTED:
        case RV_REASON_EMPTY:
        case RV_REASON_IN_PROGRESS:
                return HAS_NO_USE;
        case RV_REASON_PAUSED:
        case RV_REASON_POLICY:
        case RV_REASON_MOVED:
        case RV_REASON_PUSH_REFUSED:
        case RV_REASON_REMOTE_UNAVAILABLE:
        case RV_REASON_GIT_FAILED:
        case RV_REASON_RULE_GONE:
                return HELPS_LATER;
        default:
                return HELPS;
        }
}

/* What the plan takes back; without one, the newest suspect, and what arrived together with it. */
static void print_commits(FILE *f, const json_t *incident) {
        const json_t *spec = json_object_get(json_object_get(incident, "plan"), "spec"), *commit;
        const json_t *suspects = json_object_get(incident, "suspects");
        size_t n = suspects_together(suspects), i;

        json_array_foreach (json_object_get(spec, "commits"), i, commit) {
                fputc(' ', f);
                paint_id(f, json_string_value(commit), SHORT_COMMIT);
        }
        if (json_array_size(json_object_get(spec, "commits")) > 0)
                return;
        for (i = 0; i < n; i++) {
                commit = json_object_get(json_array_get(suspects, i), "commit");
                fputc(' ', f);
                paint_id(f, rv_json_string(commit, "id", NULL), SHORT_COMMIT);
        }
        if (n == 0)
                fputs(" COMMIT", f);
}

static void print_paths(FILE *f, const json_t *incident) {
        const json_t *pattern;
        size_t i;

        json_array_foreach (json_object_get(incident, "scope"), i, pattern) {
                fputs(" --path='", f);
                paint_text(f, json_string_value(pattern));
                fputc('\'', f);
        }
}

static void print_restore(FILE *f, const json_t *incident) {
        fputs("revertctl restore -r ", f);
        paint_text(f, rv_json_string(incident, "repository", "REPOSITORY"));
        fputs(" --to=", f);
}

/* To before the oldest of the commits that could not be reverted. */
static void print_way_back(FILE *f, const json_t *incident) {
        const json_t *commits = json_object_get(json_object_get(json_object_get(incident, "plan"), "spec"), "commits");
        const char *oldest = json_string_value(json_array_get(commits, json_array_size(commits) - 1));

        if (!oldest || json_array_size(json_object_get(incident, "scope")) == 0)
                return;
        fputs("  To put the paths back as a whole, later changes with them: ", f);
        print_restore(f, incident);
        paint_id(f, oldest, SHORT_COMMIT);
        fputs("~1", f);
        print_paths(f, incident);
        fputc('\n', f);
}

static void print_by_hand(FILE *f, const json_t *incident, enum rv_reason reason) {
        enum by_hand by_hand = by_hand_after(reason);

        if (by_hand == HAS_NO_USE)
                return;
        if (reason == RV_REASON_PROPOSAL_EXPIRED) {
                fputs("  The pull request may still be merged, but revertd does not watch any more what comes of it.\n",
                      f);
                return;
        }
        if (by_hand == NEEDS_GIT) {
                fputs("  The revert has to be made in a clone of the repository: git revert", f);
                print_commits(f, incident);
                fputc('\n', f);
                print_way_back(f, incident);
                return;
        }
        fputs(by_hand == HELPS_LATER    ? "  To revert by hand once that is over: "
              : by_hand == NEEDS_COMMIT ? "  To revert by hand, once you know the commit: "
                                        : "  To revert by hand: ",
              f);
        const char *restore = rv_json_string(incident, "restore", "");
        if (*restore) {
                print_restore(f, incident);
                paint_id(f, restore, SHORT_COMMIT);
                print_paths(f, incident);
        } else {
                fputs("revertctl revert -r ", f);
                paint_text(f, rv_json_string(incident, "repository", "REPOSITORY"));
        }
        if (rv_guard_is_forceable(reason))
                fputs(" --force", f);
        if (by_hand == NEEDS_COMMIT && !*restore)
                fputs(" COMMIT", f);
        else if (!*restore)
                print_commits(f, incident);
        fputc('\n', f);
}

static void print_undo(FILE *f, const json_t *incident) {
        const char *pushed = rv_json_string(json_object_get(incident, "plan"), "commit", NULL);
        const char *merged = rv_json_string(json_object_get(incident, "proposal"), "merged", "");
        const char *revert = *merged ? merged : pushed;

        fputs("  The revert ", f);
        paint_id(f, revert, SHORT_COMMIT);
        fputs(" is still on the branch. Where it reverts the wrong change, take it back in a clone of the\n"
              "  repository: git revert ",
              f);
        paint_id(f, revert, SHORT_COMMIT);
        fputc('\n', f);
}

static void print_what_revertd_does(FILE *f, const json_t *incident) {
        const char *next = rv_json_string(incident, "followed_by", NULL);

        if (next) {
                fputs("  revertd looked further back for the cause: revertctl show ", f);
                paint_id(f, next, SHORT_ID);
                fputc('\n', f);
        } else if (!rv_json_bool(incident, "by_hand", false)) {
                fputs("  revertd does nothing more about this breach until the value was well once.\n", f);
        }
}

void incident_print_next(FILE *f, const json_t *incident) {
        enum rv_incident_state state;
        enum rv_reason reason;

        if (rv_incident_state_from_string(rv_json_string(incident, "state", ""), &state) < 0 ||
            rv_reason_from_string(rv_json_string(incident, "reason", ""), &reason) < 0)
                return;
        if (state != RV_INCIDENT_DECLINED && state != RV_INCIDENT_REJECTED && state != RV_INCIDENT_UNRECOVERED &&
            state != RV_INCIDENT_FAILED)
                return;
        fprintf(f, "\n%sWhat now%s\n", paint_begin(f, BOLD), paint_end(f, BOLD));
        print_what_revertd_does(f, incident);
        if (reason == RV_REASON_NOT_RECOVERED || reason == RV_REASON_NOT_APPLIED) {
                if (reason == RV_REASON_NOT_APPLIED)
                        fputs("  Look at the operator: what it said last stands above. It may still apply the "
                              "revert.\n",
                              f);
                else if (!rv_json_string(incident, "application", NULL))
                        fputs("  Was the revert deployed? The rule names no application that an operator could be "
                              "asked "
                              "about.\n",
                              f);
                print_undo(f, incident);
        } else if (state != RV_INCIDENT_UNRECOVERED || reason != RV_REASON_REAPPLIED) /* what is to be done is told */
                print_by_hand(f, incident, reason);
        if (reason != RV_REASON_NONE)
                fprintf(f, "  More about this reason: docs/reasons.md#%s\n", rv_reason_to_string(reason));
}
