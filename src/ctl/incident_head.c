/* The first lines of an incident, for someone who has twenty seconds: what broke, which change is held against it and how
 * surely, what was done, and why not more. */
#include "ctl/incident_text.h"
#include "ctl/verbs.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/incident.h"
#include "revertd/number.h"
#include "revertd/suspect.h"

#include <math.h>
#include <string.h>

static const char *state_meaning(enum rv_incident_state state) {
        static const char *const meanings[] = {
#define X(NAME, str, end, doc) [RV_INCIDENT_##NAME] = doc,
                RV_INCIDENT_STATES(X)
#undef X
        };

        return state < RV_INCIDENT_STATE_MAX ? meanings[state] : NULL;
}

static void begin(FILE *f, const char *name) {
        fprintf(f, "  %-*s", LABEL_COLUMN, name);
}

/* Of which rule, and of what; the rule's summary; what was measured; since when. */
static void print_breach(FILE *f, const json_t *incident, const char *breach, int64_t now_usec) {
        const char *rule = string(incident, "rule"), *summary = string(incident, "summary");
        double value = rv_value_from_json(json_object_get(incident, "value"));
        double last = rv_value_from_json(json_object_get(incident, "last_value"));
        const json_t *times = json_object_get(incident, "times");
        int64_t onset_usec = rv_json_int(times, "onset_usec", 0);
        char number[RV_NUMBER_TEXT_MAX], time[PAINT_TIME_MAX];
        const char *separator = ": ";

        if (!rule || rv_json_bool(incident, "by_hand", false))
                return;
        begin(f, "Breach");
        incident_print_rule(f, incident);
        if (summary) {
                fputs(separator, f);
                paint_text(f, summary);
                separator = ", ";
        }
        if (!isnan(value)) {
                fprintf(f, "%s%s", separator, rv_number_format_judged(value, breach, number));
                separator = ", last ";
        }
        if (!isnan(last) && (isnan(value) || last < value || last > value))
                fprintf(f, "%s%s", separator, rv_number_format_judged(last, breach, number));
        if ((!isnan(value) || !isnan(last)) && breach) {
                fputs(", bad when ", f);
                paint_text(f, breach);
        }
        if (onset_usec > 0)
                fprintf(f, ", since %s", paint_time(onset_usec, time));
        if (onset_usec > 0 && now_usec > onset_usec && rv_json_int(times, "ended_usec", 0) == 0)
                fprintf(f, ", %s ago", rv_duration_humanize(now_usec - onset_usec, time));
        fputc('\n', f);
}

void incident_print_suspect(FILE *f, const json_t *incident, const json_t *suspect, size_t n_more) {
        const json_t *commit = json_object_get(suspect, "commit");
        int64_t seen_usec = rv_json_int(suspect, "seen_usec", 0);
        int64_t onset_usec = rv_json_int(json_object_get(incident, "times"), "onset_usec", 0);
        char span[RV_DURATION_TEXT_MAX], number[RV_NUMBER_TEXT_MAX];

        paint_id(f, rv_json_string(commit, "id", NULL), SHORT_COMMIT);
        fputs(" (", f);
        paint_text(f, rv_json_string(commit, "author_name", ""));
        fputs(": ", f);
        paint_text(f, rv_json_string(commit, "subject", ""));
        fputc(')', f);
        if (n_more > 0)
                fprintf(f, " and %zu more", n_more);
        if (seen_usec > 0 && onset_usec >= seen_usec)
                fprintf(f, ", live %s before the onset", rv_duration_humanize(onset_usec - seen_usec, span));
        else if (incident_is_perhaps_live(suspect, onset_usec))
                fputs(", perhaps live before the onset", f);
        if (!rv_json_bool(incident, "by_hand", false))
                fprintf(f, ", confidence %s", confidence_text(suspect, number));
        fputc('\n', f);
}

/* The newest of the culprits. A restore undoes more than suspects. */
static void print_suspect(FILE *f, const json_t *incident, bool is_pushed) {
        const json_t *suspects = json_object_get(incident, "suspects"), *first = json_array_get(suspects, 0);
        size_t n = incident_culprits(incident);

        if (!json_is_object(json_object_get(first, "commit"))) {
                if (rv_json_int(json_object_get(incident, "times"), "ended_usec", 0) > 0 && string(incident, "rule"))
                        field(f, rv_suspect_title(false, false), string(incident, "head") ? "none" : "not looked for");
                return;
        }
        begin(f, rv_suspect_title(is_pushed, rv_json_bool(incident, "by_hand", false)));
        incident_print_suspect(f, incident, first, n > 1 ? n - 1 : 0);
}

/* Whether it is known that the branch does not hold it. */
static bool may_have_arrived(enum rv_incident_state state, const char *name, const json_t *plan) {
        enum rv_reason reason;

        return state == RV_INCIDENT_FAILED && string(plan, "commit") && rv_reason_from_string(name, &reason) == 0 &&
               (reason == RV_REASON_REMOTE_UNAVAILABLE || reason == RV_REASON_GIT_FAILED ||
                reason == RV_REASON_RULE_GONE);
}

static void print_done(FILE *f, const json_t *incident, enum rv_incident_state state) {
        const json_t *times = json_object_get(incident, "times"), *plan = json_object_get(incident, "plan");
        const char *merged = string(json_object_get(incident, "proposal"), "merged");
        const char *url = string(json_object_get(incident, "proposal"), "url");
        int64_t pushed_usec = rv_json_int(times, "pushed_usec", 0);
        int64_t recovered_usec = rv_json_int(times, "recovered_usec", 0);
        char time[PAINT_TIME_MAX], span[RV_DURATION_TEXT_MAX];

        begin(f, "Revert");
        if (pushed_usec > 0) {
                paint_id(f, merged ? merged : rv_json_string(plan, "commit", NULL), SHORT_COMMIT);
                fprintf(f, " %s %s", url ? "merged" : "pushed", paint_time(pushed_usec, time));
                if (recovered_usec >= pushed_usec)
                        fprintf(f, ", well again %s later", rv_duration_humanize(recovered_usec - pushed_usec, span));
        } else if (may_have_arrived(state, rv_json_string(incident, "reason", ""), plan)) {
                paint_id(f, rv_json_string(plan, "commit", NULL), SHORT_COMMIT);
                fputs(": whether the branch has it is not known", f);
        } else if (url) {
                fputs("proposed: ", f);
                paint_text(f, url);
        } else
                fputs(rv_incident_state_is_end(state) ? "none: nothing was pushed" : "not pushed yet", f);
        fputc('\n', f);
}

void incident_print_reason(FILE *f, const char *name) {
        enum rv_reason reason;

        paint_text(f, rv_reason_from_string(name, &reason) == 0 ? rv_reason_explain(reason) : name);
        fputs(" (", f);
        paint_text(f, name);
        fputs(")\n", f);
}

void incident_print_rule(FILE *f, const json_t *incident) {
        _cleanup_free_ char *labels = labels_text(json_object_get(incident, "labels"));

        paint_text(f, rv_json_string(incident, "rule", ""));
        if (!labels || strcmp(labels, "{}") == 0)
                return;
        fputc(' ', f);
        paint_text(f, labels);
}

void incident_print_head(FILE *f, const json_t *incident, const char *breach, int64_t now_usec) {
        const char *name = rv_json_string(incident, "state", "?"), *reason = rv_json_string(incident, "reason", "none");
        bool is_pushed = rv_json_int(json_object_get(incident, "times"), "pushed_usec", 0) > 0;
        enum rv_incident_state state = RV_INCIDENT_STATE_MAX;
        enum colour colour = paint_state(name);

        fprintf(f, "%sIncident ", paint_begin(f, BOLD));
        paint_text(f, rv_json_string(incident, "id", "?"));
        fprintf(f, "%s: %s", paint_end(f, BOLD), paint_begin(f, colour));
        paint_text(f, name);
        fprintf(f, "%s\n", paint_end(f, colour));
        if (rv_incident_state_from_string(name, &state) == 0)
                fprintf(f, "  %s\n", state_meaning(state));
        print_breach(f, incident, breach, now_usec);
        print_suspect(f, incident, is_pushed);
        if (state != RV_INCIDENT_STATE_MAX)
                print_done(f, incident, state);
        if (strcmp(reason, "none") != 0) {
                begin(f, "Reason");
                incident_print_reason(f, reason);
        }
        const char *detail = string(incident, "detail"), *url = string(json_object_get(incident, "proposal"), "url");
        if (!detail || !url || strcmp(detail, url) != 0) /* the page of the pull request was told with the revert */
                paint_block(f, detail, "              ");
}
