/* What comes next: what an incident waits for, and what a person can do about one that has ended. */
#include "ctl/verbs.h"

#include "ctl/incident_text.h"
#include "ctl/paint.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/incident.h"
#include "revertd/text.h"

#include <string.h>

#define OTHERS_USEC (2 * RV_USEC_PER_HOUR)

/* -- while it is open -- */

void incident_print_waiting(FILE *f, const json_t *incident, int64_t now_usec) {
        const char *id = rv_json_string(incident, "id", ""), *state = rv_json_string(incident, "state", "");
        int64_t deadline_usec = rv_json_int(incident, "deadline_usec", 0);
        int64_t retry_usec = rv_json_int(incident, "retry_usec", 0);
        bool is_asked = strcmp(state, "holding") == 0 && strcmp(rv_json_string(incident, "mode", ""), "approve") == 0;
        char buf[RV_DURATION_TEXT_MAX];

        if (is_asked) {
                fputs("  Waits for a person: revertctl approve ", f);
                paint_id(f, id, SHORT_ID);
                fputs(", or revertctl reject ", f);
                paint_id(f, id, SHORT_ID);
                fputc('\n', f);
        }
        bool is_proposed = strcmp(state, "proposed") == 0;
        if (is_proposed)
                fputs("  Waits at the forge: it reverts when it is merged; to leave things as they are, close it\n", f);
        if (is_proposed && string(incident, "conflict"))
                fputs("  It undoes later changes too, which stand in the way of a revert: look at each of them first\n",
                      f);
        if (deadline_usec > now_usec)
                fprintf(f,
                        is_asked ? "  Without an answer nothing is done, and it ends in %s\n"
                                 : "  By itself this state ends in %s at the latest\n",
                        rv_duration_humanize(deadline_usec - now_usec, buf));
        if (retry_usec > now_usec && is_proposed)
                fprintf(f, "  revertd looks at it again in %s\n", rv_duration_humanize(retry_usec - now_usec, buf));
        else if (retry_usec > now_usec)
                fprintf(f, "  Tries again in %s (so far %lld times)\n",
                        rv_duration_humanize(retry_usec - now_usec, buf),
                        (long long)rv_json_int(incident, "attempts", 0));
}

/* -- after its end -- */

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
                fputs(" --path=", f);
                paint_quoted(f, json_string_value(pattern));
        }
}

/* What the rule would revert is its part in the scope. */
static bool reaches_outside(const json_t *incident) {
        const json_t *spec = json_object_get(json_object_get(incident, "plan"), "spec");
        const json_t *suspects = json_object_get(incident, "suspects"), *scope = json_object_get(spec, "scope");
        size_t n = incident_culprits(incident);

        if (json_is_array(scope) && json_array_size(scope) == 0) /* all of it */
                return false;
        for (size_t i = 0; i < n; i++)
                if (rv_json_int(json_object_get(json_array_get(suspects, i), "commit"), "n_outside", 0) > 0)
                        return true;
        return false;
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

/* Where the scope holds no candidate, something else may be the cause. */
static void print_other_changes(FILE *f, const json_t *incident) {
        int64_t onset_usec = rv_json_int(json_object_get(incident, "times"), "onset_usec", 0);
        char from[PAINT_TIME_MAX], to[PAINT_TIME_MAX];

        if (onset_usec <= OTHERS_USEC || !string(incident, "head"))
                return;
        fprintf(f,
                "  What else broke: revertctl incidents\n"
                "  What else was committed in the hours before, told in a clone of the repository:\n"
                "    git log --stat --since='%s' --until='%s' ",
                paint_time(onset_usec - OTHERS_USEC, from), paint_time(onset_usec, to));
        paint_id(f, rv_json_string(incident, "head", NULL), SHORT_COMMIT);
        fputc('\n', f);
        if (!string(incident, "aside"))
                return;
        fputs("  What the commit named above changed: git show ", f);
        paint_id(f, string(incident, "aside"), SHORT_COMMIT);
        fputc('\n', f);
}

/* What to know before a revert is taken back. Whether what it reverts is a change or a revert itself is not known here. */
static void print_what_it_reverts(FILE *f, const json_t *incident) {
        const json_t *suspect;
        const char *id = NULL;
        size_t i;

        json_array_foreach (json_object_get(incident, "suspects"), i, suspect) {
                const json_t *reverts = json_object_get(json_object_get(suspect, "commit"), "reverts");

                if (!id)
                        id = json_string_value(json_array_get(reverts, 0));
        }
        if (!id)
                return;
        fputs("  It reverts ", f);
        paint_id(f, id, SHORT_COMMIT);
        fputs("; what that was: git show ", f);
        paint_id(f, id, SHORT_COMMIT);
        fputs("\n  Where that is a change, taking its revert back brings it in again. Where that is itself a revert, "
              "this "
              "one brought\n  the change in again, and taking it back takes that out again.\n",
              f);
}

/* Nobody has looked for the change yet. */
static bool is_unexamined(enum rv_reason reason) {
        return reason == RV_REASON_NOT_CONFIRMED || reason == RV_REASON_SILENCED || reason == RV_REASON_INHIBITED;
}

static void print_advice(FILE *f, const json_t *incident, enum rv_reason reason) {
        if (reason == RV_REASON_PAUSED)
                fputs("  To let revertd act again: revertctl resume (revertctl status shows what is paused)\n", f);
        else if (reason == RV_REASON_SHARED_CAUSE) {
                fputs("  Look first for what they have in common: a network, a dependency, a machine.\n", f);
                print_other_changes(f, incident);
        } else if (reason == RV_REASON_IS_REVERT)
                print_what_it_reverts(f, incident);
        else if (reason == RV_REASON_PROTECTED)
                fputs("  Ask its author first, or who owns these paths: what a migration did to data does not go back "
                      "with its file.\n",
                      f);
        else if (reason == RV_REASON_AMID_BREACH) {
                fputs("  Ask its author what it was made for. The breach before: revertctl incidents --rule=", f);
                paint_quoted(f, rv_json_string(incident, "rule", ""));
                fputc('\n', f);
        } else if (is_unexamined(reason)) {
                fputs("  Which change it could be, and what revertd would do: revertctl explain ", f);
                print_arguments(f, rv_json_string(incident, "rule", ""), json_object_get(incident, "labels"));
                fputc('\n', f);
        }
}

static void print_by_hand(FILE *f, const json_t *incident, enum rv_reason reason) {
        enum by_hand by_hand = by_hand_after(reason);

        if (by_hand == HAS_NO_USE) {
                if (reason != RV_REASON_EMPTY)
                        fputs("  Somebody is at it: see whether that revert is applied, and whether the value comes "
                              "back with it.\n",
                              f);
                return;
        }
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
        const char *restore = rv_json_string(incident, "restore", "");
        bool is_known = json_array_size(json_object_get(incident, "suspects")) > 0;
        print_advice(f, incident, reason);
        if (by_hand == NEEDS_COMMIT)
                print_other_changes(f, incident);
        if (is_unexamined(reason))
                return;
        fputs(reason == RV_REASON_IS_REVERT ? "  To take it back by hand: "
              : reason == RV_REASON_IS_OURS ? "  To undo that revert by hand, which brings back what it took out: "
              : by_hand == HELPS_LATER      ? "  To revert by hand once that is over: "
              : by_hand == NEEDS_COMMIT     ? "  To revert by hand, once you know the commit: "
                                            : "  To revert by hand: ",
              f);
        if (by_hand == HELPS_LATER && !is_known && !*restore && string(incident, "rule")) {
                fputs("revertctl revert --rule=", f); /* which finds the commit */
                print_arguments(f, rv_json_string(incident, "rule", ""), json_object_get(incident, "labels"));
                fputc('\n', f);
                return;
        }
        if (*restore) {
                print_restore(f, incident);
                paint_id(f, restore, SHORT_COMMIT);
                print_paths(f, incident);
        } else {
                fputs("revertctl revert -r ", f);
                paint_text(f, rv_json_string(incident, "repository", "REPOSITORY"));
        }
        if (!*restore && by_hand != NEEDS_COMMIT && reason != RV_REASON_EMPTIES_SCOPE && reaches_outside(incident))
                print_paths(f, incident);
        if (rv_guard_is_forceable(reason))
                fputs(" --force", f);
        if (by_hand == NEEDS_COMMIT && !*restore)
                fputs(" COMMIT", f);
        else if (!*restore)
                print_commits(f, incident);
        fputc('\n', f);
        if (by_hand != NEEDS_COMMIT && !*restore && suspects_together(json_object_get(incident, "suspects")) > 1)
                fputs("  Look at each of them first: what is harmless, or shall stay, need not be named.\n", f);
        if (reason == RV_REASON_BUDGET)
                fputs("  Where the repository's budget is used up, raise it in the configuration and reload that "
                      "first: "
                      "the Git worker keeps it, --force or not.\n",
                      f);
}

static void print_undo(FILE *f, const json_t *incident) {
        const char *pushed = rv_json_string(json_object_get(incident, "plan"), "commit", NULL);
        const char *merged = rv_json_string(json_object_get(incident, "proposal"), "merged", "");
        const char *revert = *merged ? merged : pushed;

        fputs("  revertd leaves the revert ", f);
        paint_id(f, revert, SHORT_COMMIT);
        fputs(" on the branch. Where it reverts the wrong change, take it back in a clone of\n"
              "  the repository: git revert ",
              f);
        paint_id(f, revert, SHORT_COMMIT);
        fputc('\n', f);
}

/* Where the culprits' revert did not help. */
static void print_next_suspect(FILE *f, const json_t *incident) {
        const json_t *next = json_array_get(json_object_get(incident, "suspects"), incident_culprits(incident));
        const json_t *commit = json_object_get(next, "commit");

        if (!json_is_object(commit) || string(incident, "next")) /* which was about that suspect */
                return;
        fputs("  The next suspect is ", f);
        paint_text(f, rv_json_string(commit, "subject", ""));
        fputs(" (", f);
        paint_text(f, rv_json_string(commit, "author_name", ""));
        fputs("): revertctl revert -r ", f);
        paint_text(f, rv_json_string(incident, "repository", "REPOSITORY"));
        if (rv_json_int(commit, "n_outside", 0) > 0)
                print_paths(f, incident);
        fputc(' ', f);
        paint_id(f, rv_json_string(commit, "id", NULL), SHORT_COMMIT);
        fputc('\n', f);
}

static void print_what_revertd_does(FILE *f, const json_t *incident) {
        const char *next = string(incident, "next");

        if (next) {
                fputs("  revertd looked further back for the cause: revertctl show ", f);
                paint_id(f, next, SHORT_ID);
                fputc('\n', f);
        } else if (!rv_json_bool(incident, "by_hand", false)) {
                fputs("  revertd does nothing more about this breach until it was well once.\n", f);
        }
}

static void print_heading(FILE *f) {
        fprintf(f, "\n%sWhat now%s\n", paint_begin(f, BOLD), paint_end(f, BOLD));
}

/* Who made the change has to know that it is gone. */
static void print_well(FILE *f, const json_t *incident) {
        bool is_by_hand = rv_json_bool(incident, "by_hand", false);
        bool is_all = !string(incident, "detail"); /* else it names what in the scope was not */

        if (is_by_hand && is_all)
                return;
        print_heading(f);
        fputs(is_all ? "  Nothing is urgent."
                     : "  The scope was not well as a whole: see above what was still in breach then.\n  How it stands "
                       "now: "
                       "revertctl rules, and revertctl incidents.",
              f);
        if (is_by_hand) {
                fputc('\n', f);
                return;
        }
        fputs(is_all ? " " : "\n  ", f);
        fputs("What was reverted is out of the branch until its author brings it back, mended: a plain\n  revert of "
              "the revert brings the fault back too.\n",
              f);
        if (suspects_together(json_object_get(incident, "suspects")) > 1 && !string(incident, "restore"))
                fputs("  Of the commits that could not be told apart some may be harmless: those can come back as they "
                      "are.\n",
                      f);
}

void incident_print_next(FILE *f, const json_t *incident) {
        enum rv_incident_state state;
        enum rv_reason reason;

        if (rv_incident_state_from_string(rv_json_string(incident, "state", ""), &state) < 0 ||
            rv_reason_from_string(rv_json_string(incident, "reason", ""), &reason) < 0)
                return;
        if (state == RV_INCIDENT_RECOVERED)
                print_well(f, incident);
        if (state == RV_INCIDENT_CLEARED) {
                print_heading(f);
                fputs("  Nothing is urgent: it went away, and revertd changed nothing. Whether it comes back is "
                      "watched.\n",
                      f);
        }
        if (state != RV_INCIDENT_DECLINED && state != RV_INCIDENT_REJECTED && state != RV_INCIDENT_UNRECOVERED &&
            state != RV_INCIDENT_FAILED)
                return;
        print_heading(f);
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
                if (reason == RV_REASON_NOT_RECOVERED)
                        print_next_suspect(f, incident);
                print_undo(f, incident);
        } else if (state != RV_INCIDENT_UNRECOVERED || reason != RV_REASON_REAPPLIED) /* what is to be done is told */
                print_by_hand(f, incident, reason);
        if (reason != RV_REASON_NONE)
                fprintf(f, "  More about this reason: docs/reasons.md#%s\n", rv_reason_to_string(reason));
}
