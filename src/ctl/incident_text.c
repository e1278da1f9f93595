/* An incident in words. It is read at night: what happened and why comes first (incident_head.c), then what to do about
 * it (incident_next.c); the rest is what both stand on. */
#include "ctl/incident_text.h"
#include "ctl/verbs.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/incident.h"
#include "revertd/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* -- what it is about -- */

static void print_value(FILE *f, const json_t *incident, const char *breach) {
        double value = rv_value_from_json(json_object_get(incident, "value"));
        double last = rv_value_from_json(json_object_get(incident, "last_value"));
        char number[RV_NUMBER_TEXT_MAX];

        if (isnan(value) && isnan(last))
                return;
        fprintf(f, "  %-*s", LABEL_COLUMN, "Value");
        if (!isnan(value))
                fprintf(f, "%s at detection", rv_number_format_judged(value, breach, number));
        if (!isnan(last))
                fprintf(f, "%s%s now or last", isnan(value) ? "" : ", ", rv_number_format_judged(last, breach, number));
        if (breach) {
                fputs("; bad when ", f);
                paint_text(f, breach);
        }
        fputc('\n', f);
}

/* What the label set had been through shortly before. */
static void print_earlier(FILE *f, const json_t *incident) {
        const json_t *times = json_object_get(incident, "times");
        int64_t from_usec = rv_json_int(times, "earlier_usec", 0), to_usec = rv_json_int(times, "earlier_end_usec", 0);
        char from[PAINT_TIME_MAX], to[PAINT_TIME_MAX];

        if (to_usec <= 0)
                return;
        if (to_usec < rv_json_int(times, "onset_usec", 0))
                fprintf(f, "  %-*sin breach from %s to %s\n", LABEL_COLUMN, "Before", paint_time(from_usec, from),
                        paint_time(to_usec, to));
        else
                fprintf(f, "  %-*sin breach since %s, but for a short ok\n", LABEL_COLUMN, "Before",
                        paint_time(from_usec, from));
}

/* What the rule saw before it decided: the newest evaluations, and where the breach began. */
static void print_samples(FILE *f, const json_t *incident, const char *breach) {
        const json_t *samples = json_object_get(incident, "samples"), *sample;
        int64_t onset_usec = rv_json_int(json_object_get(incident, "times"), "onset_usec", 0);
        size_t i;

        if (json_array_size(samples) == 0)
                return;
        heading(f, "Seen");
        int64_t before_usec = 0, step_usec = 0;
        json_array_foreach (samples, i, sample) {
                const char *verdict = json_string_value(json_array_get(sample, 2));
                int64_t at_usec = json_integer_value(json_array_get(sample, 0));
                double value = rv_value_from_json(json_array_get(sample, 1));
                enum colour colour = verdict && strcmp(verdict, "breach") == 0 ? RED : PLAIN;
                char time[PAINT_TIME_MAX], number[RV_NUMBER_TEXT_MAX];

                /* What lies between how it began and the newest is not kept, not even the onset if it flapped before. */
                if (i > 0 && before_usec < onset_usec && onset_usec < at_usec)
                        fprintf(f, "  %s  %-17s  the onset\n  …\n", paint_time(onset_usec, time), "not kept");
                else if (i > 1 && at_usec - before_usec > 3 * step_usec)
                        fputs("  …\n", f);
                step_usec = at_usec - before_usec;
                before_usec = at_usec;
                fprintf(f, "  %s  %-10s %s", paint_time(at_usec, time),
                        isnan(value) ? "no value" : rv_number_format_judged(value, breach, number),
                        paint_begin(f, colour));
                paint_text(f, verdict ? verdict : "?");
                fprintf(f, "%s%s\n", paint_end(f, colour), at_usec == onset_usec ? "  the onset" : "");
        }
}

/* "checkout of prod", or with its namespace "shop/checkout of prod". */
static void print_application(FILE *f, const json_t *incident) {
        const char *name = string(incident, "application"), *space = string(incident, "namespace");
        _cleanup_free_ char *text = NULL;

        if (!name || asprintf(&text, "%s%s%s of operator %s", space ? space : "", space ? "/" : "", name,
                              rv_json_string(incident, "operator", "?")) < 0)
                return;
        field(f, "Application", text);
}

static void print_scope(FILE *f, const json_t *incident) {
        const json_t *pattern;
        size_t i;

        field(f, "Repository", string(incident, "repository"));
        json_array_foreach (json_object_get(incident, "scope"), i, pattern)
                field(f, i == 0 ? "Scope" : "", json_string_value(pattern));
        print_application(f, incident);
        field(f, "Last good", string(incident, "last_good"));
}

static void print_subject(FILE *f, const json_t *incident, const char *breach) {
        _cleanup_free_ char *labels = labels_text(json_object_get(incident, "labels"));
        bool is_by_hand = rv_json_bool(incident, "by_hand", false);

        heading(f, "About");
        field(f, "Summary", string(incident, "summary"));
        field(f, "Rule", string(incident, "rule") ? string(incident, "rule") : "none: asked for by hand");
        field(f, "Labels", labels && strcmp(labels, "{}") != 0 ? labels : NULL);
        print_value(f, incident, breach);
        print_earlier(f, incident);
        field(f, "Mode",
              is_by_hand ? (rv_json_bool(incident, "force", false) ? "by hand, with --force" : "by hand")
                         : string(incident, "mode"));
        print_scope(f, incident);
        field(f, is_by_hand ? "Asked by" : "Decided by", string(incident, "actor"));
        if (string(incident, "after")) {
                fprintf(f, "  %-*s", LABEL_COLUMN, "After");
                paint_id(f, string(incident, "after"), SHORT_ID);
                fputs(", whose revert did not help\n", f);
        }
        field(f, "They said", string(incident, "note"));
}

/* -- when -- */

static void print_timeline(FILE *f, const json_t *times, bool has_operator, int64_t now_usec, bool is_open) {
        static const struct {
                const char *key, *name;
        } steps[] = {
                {"onset_usec", "onset"},       {"detected_usec", "detected"},   {"decided_usec", "decided"},
                {"proposed_usec", "proposed"}, {"pushed_usec", "pushed"},       {"landed_usec", "on branch"},
                {"applied_usec", "applied"},   {"recovered_usec", "recovered"}, {"ended_usec", "ended"},
        };
        bool is_proposed = rv_json_int(times, "proposed_usec", 0) > 0;
        char buf[PAINT_TIME_MAX];
        int64_t first_usec = 0, previous_usec = 0;

        heading(f, "Times");
        for (size_t i = 0; i < RV_ARRAY_SIZE(steps); i++) {
                int64_t usec = rv_json_int(times, steps[i].key, 0);
                bool is_known = usec > 0 && (has_operator || strcmp(steps[i].key, "applied_usec") != 0);
                if (!is_known)
                        continue;
                bool is_merge = is_proposed && strcmp(steps[i].key, "pushed_usec") == 0;
                fprintf(f, "  %-*s%s", LABEL_COLUMN, is_merge ? "merged" : steps[i].name, paint_time(usec, buf));
                if (previous_usec > 0)
                        fprintf(f, "  +%s", rv_duration_humanize(usec - previous_usec, buf));
                fputc('\n', f);
                if (first_usec == 0)
                        first_usec = usec;
                previous_usec = usec;
        }
        if (first_usec > 0)
                fprintf(f, "  %-*s%s%s\n", LABEL_COLUMN, "in all",
                        rv_duration_humanize((is_open ? now_usec : previous_usec) - first_usec, buf),
                        is_open ? " so far" : "");
}

/* -- whether -- */

/* Those that object in full, the others by their names. */
static void print_guards(FILE *f, const json_t *incident) {
        json_t *guards = json_object_get(incident, "guards"), *objects;
        bool forced = rv_json_bool(incident, "force", false);
        size_t n_passed = 0;
        const char *name;

        if (json_object_size(guards) == 0)
                return;
        heading(f, "Guards");
        json_object_foreach (guards, name, objects) {
                enum rv_reason reason;
                n_passed += !json_is_true(objects);
                if (!json_is_true(objects) || rv_reason_from_string(name, &reason) < 0)
                        continue;
                fprintf(f, "  %s%s objects%s: %s%s\n", paint_begin(f, RED), name, paint_end(f, RED),
                        rv_reason_explain(reason), forced && rv_guard_is_forceable(reason) ? " (overridden)" : "");
        }
        if (n_passed == 0)
                return;
        fputs("  passed:", f);
        json_object_foreach (guards, name, objects)
                if (!json_is_true(objects)) {
                        fputc(' ', f);
                        paint_text(f, name);
                }
        fputc('\n', f);
}

/* -- what -- */

static void print_dependents(FILE *f, const json_t *plan, const char *indent) {
        const json_t *commit;
        size_t i;

        json_array_foreach (json_object_get(plan, "dependents"), i, commit) {
                if (i == 0)
                        fprintf(f, "%sLater commits changed lines beside it:\n", indent);
                fprintf(f, "%s  ", indent);
                paint_id(f, rv_json_string(commit, "id", NULL), SHORT_COMMIT);
                fputs("  ", f);
                paint_text(f, rv_json_string(commit, "subject", ""));
                fputs(" (", f);
                paint_text(f, rv_json_string(commit, "author_name", ""));
                fputs(")\n", f);
        }
}

void plan_print(FILE *f, const json_t *plan, const char *indent) {
        long long files = rv_json_int(plan, "files", 0), insertions = rv_json_int(plan, "insertions", 0);
        long long deletions = rv_json_int(plan, "deletions", 0);
        _cleanup_free_ char *deeper = NULL;

        fprintf(f, "%s%lld file%s changed, %s%lld insertion%s(+)%s, %s%lld deletion%s(-)%s\n", indent, files,
                files == 1 ? "" : "s", paint_begin(f, GREEN), insertions, insertions == 1 ? "" : "s",
                paint_end(f, GREEN), paint_begin(f, RED), deletions, deletions == 1 ? "" : "s", paint_end(f, RED));
        if (asprintf(&deeper, "%s  ", indent) < 0)
                deeper = NULL;
        incident_print_paths(f, json_object_get(plan, "paths"), deeper ? deeper : indent);
        if (rv_json_bool(plan, "empties", false))
                fprintf(f, "%sNothing is left in the scope: an operator that prunes deletes what runs from it\n",
                        indent);
        print_dependents(f, plan, indent);
}

static void print_plan(FILE *f, const json_t *incident, bool with_diff) {
        const json_t *plan = json_object_get(incident, "plan");
        bool is_pushed = rv_json_int(json_object_get(incident, "times"), "pushed_usec", 0) > 0;
        const char *diff = string(plan, "diff"), *restore = string(incident, "restore");
        const json_t *proposal = json_object_get(incident, "proposal");
        bool is_restore = restore && *restore;

        if (string(incident, "conflict")) {
                heading(f, "In the way of a revert");
                paint_block(f, string(incident, "conflict"), "  ");
        }
        if (!string(plan, "commit")) /* a conflict leaves none */
                return;
        heading(f, !is_pushed ? "Plan" : is_restore ? "Restore" : "Revert");
        field(f, "Commit", string(plan, "commit"));
        field(f, "Request", string(proposal, "url"));
        field(f, "Merged as", string(proposal, "merged"));
        if (is_restore)
                field(f, "Back to", restore);
        plan_print(f, plan, "  ");
        if (with_diff && diff) {
                fputc('\n', f);
                paint_diff(f, diff);
        } else if (diff) {
                fputs("  (revertctl show --diff ", f);
                paint_id(f, rv_json_string(incident, "id", NULL), SHORT_ID);
                fputs(" shows the lines)\n", f);
        }
}

/* -- the audit record -- */

static void print_audit(FILE *f, const json_t *transitions) {
        int64_t first_usec = rv_json_int(json_array_get(transitions, 0), "at_usec", 0);
        const json_t *t;
        size_t i;

        heading(f, "Record");
        json_array_foreach (transitions, i, t) {
                const char *state = rv_json_string(t, "to", "?"), *reason = rv_json_string(t, "reason", "none");
                int64_t at_usec = rv_json_int(t, "at_usec", 0);
                char buf[PAINT_TIME_MAX];

                fprintf(f, "  %s", paint_time(at_usec, buf));
                fprintf(f, "  %8s  %s", i > 0 ? rv_duration_humanize(at_usec - first_usec, buf) : "",
                        paint_begin(f, paint_state(state)));
                paint_text(f, state);
                fprintf(f, "%s", paint_end(f, paint_state(state)));
                if (strcmp(reason, "none") != 0) {
                        fputs(" (", f);
                        paint_text(f, reason);
                        fputc(')', f);
                }
                if (string(t, "actor")) {
                        fputs(", ", f);
                        paint_text(f, string(t, "actor"));
                }
                const char *detail = string(t, "detail");
                if (detail && strchr(detail, '\n')) {
                        fputs(":\n", f);
                        paint_block(f, detail, "                                  ");
                        continue;
                }
                if (detail) {
                        fputs(": ", f);
                        paint_text(f, detail);
                }
                fputc('\n', f);
        }
}

void incident_print(FILE *f, const json_t *incident, const json_t *transitions, const char *breach, bool with_diff,
                    int64_t now_usec) {
        const json_t *times = json_object_get(incident, "times");

        incident_print_head(f, incident, breach, now_usec);
        incident_print_waiting(f, incident, now_usec);
        incident_print_next(f, incident);
        print_subject(f, incident, breach);
        print_samples(f, incident, breach);
        print_timeline(f, times, string(incident, "application"), now_usec, rv_json_int(times, "ended_usec", 0) == 0);
        incident_print_suspects(f, incident);
        print_guards(f, incident);
        print_plan(f, incident, with_diff);
        print_audit(f, transitions);
}

/* What a look stands on. */
void look_print_rest(FILE *f, const json_t *look) {
        const json_t *incident = json_object_get(look, "incident");

        print_scope(f, incident);
        print_samples(f, incident, rv_json_string(json_object_get(look, "rule"), "breach", NULL));
        incident_print_suspects(f, incident);
        print_guards(f, incident);
        print_plan(f, incident, true);
}
