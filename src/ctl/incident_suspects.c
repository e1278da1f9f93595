/* Whose commits an incident is about, in words: the culprits, what they touch and what speaks against them. */
#include "ctl/incident_text.h"
#include "ctl/verbs.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/gitwire.h"
#include "revertd/suspect.h"

#include <math.h>
#include <string.h>

const char *evidence_text(const char *name) {
        for (unsigned e = 0; name && e < RV_EVIDENCE_MAX; e++)
                if (strcmp(name, rv_evidence_to_string(e)) == 0)
                        return rv_evidence_explain(e);
        return name;
}

static bool is_named(const json_t *name, enum rv_evidence evidence) {
        return json_is_string(name) && strcmp(json_string_value(name), rv_evidence_to_string(evidence)) == 0;
}

static void print_added(FILE *f, const json_t *values, const char *separator) {
        const json_t *value;
        size_t i;

        json_array_foreach (values, i, value) {
                _cleanup_free_ char *text = rv_value_added_text(value);

                if (!text)
                        continue;
                fputs(separator, f);
                paint_text(f, text);
                separator = ", ";
        }
}

char *confidence_text(const json_t *suspect, char buf[static RV_NUMBER_TEXT_MAX]) {
        return rv_percent_format(rv_json_real(suspect, "confidence", 0), NAN, buf);
}

static void print_evidence(FILE *f, const json_t *suspect) {
        char number[RV_NUMBER_TEXT_MAX];
        const json_t *name;
        size_t i;

        fprintf(f, "  %-*s", LABEL_COLUMN, "Evidence");
        json_array_foreach (json_object_get(suspect, "evidence"), i, name) {
                fputs(i > 0 ? "; " : "", f);
                paint_text(f, evidence_text(json_string_value(name)));
                if (is_named(name, RV_EVIDENCE_ADDED))
                        print_added(f, json_object_get(json_object_get(suspect, "commit"), "values"), ": ");
        }
        fprintf(f, " (confidence %s)\n", confidence_text(suspect, number));
}

bool incident_is_perhaps_live(const json_t *suspect, int64_t onset_usec) {
        return rv_json_bool(suspect, "observed", false) && rv_json_int(suspect, "seen_usec", 0) > onset_usec &&
               onset_usec > 0 && rv_json_int(suspect, "not_before_usec", INT64_MAX) <= onset_usec;
}

static void print_live(FILE *f, const json_t *suspect, int64_t onset_usec) {
        int64_t seen_usec = rv_json_int(suspect, "seen_usec", 0);
        bool is_perhaps = incident_is_perhaps_live(suspect, onset_usec);
        char buf[PAINT_TIME_MAX];

        if (seen_usec == 0)
                return;
        fprintf(f, "  %-*s%s%s%s", LABEL_COLUMN, "Live since", paint_time(seen_usec, buf),
                is_perhaps ? " at the latest" : "",
                rv_json_bool(suspect, "applied", false)    ? " (applied by the operator)"
                : rv_json_bool(suspect, "observed", false) ? " (seen on the branch)"
                                                           : " (by its commit time: revertd did not see it arrive)");
        if (onset_usec > seen_usec)
                fprintf(f, ", %s before the onset", rv_duration_humanize(onset_usec - seen_usec, buf));
        if (is_perhaps) {
                fprintf(f, ", %s after the onset", rv_duration_humanize(seen_usec - onset_usec, buf));
                fprintf(f, "; at the earliest %s before it",
                        rv_duration_humanize(onset_usec - rv_json_int(suspect, "not_before_usec", 0), buf));
        }
        fputc('\n', f);
}

void incident_print_paths(FILE *f, const json_t *paths, const char *indent) {
        const json_t *path;
        size_t i;

        json_array_foreach (paths, i, path) {
                if (i == PATHS_SHOWN_MAX) {
                        fprintf(f, "%s… and %zu more\n", indent, json_array_size(paths) - i);
                        break;
                }
                fputs(indent, f);
                paint_text(f, json_string_value(path));
                fputc('\n', f);
        }
}

static void print_counts(FILE *f, const json_t *commit) {
        long long inside = rv_json_int(commit, "n_inside", 0), outside = rv_json_int(commit, "n_outside", 0);

        if (inside >= RV_COMMIT_INSIDE_UNKNOWN)
                fprintf(f, "  %-*sthe scope, in paths that cannot all be read\n", LABEL_COLUMN, "Touches");
        else
                fprintf(f, "  %-*s%lld in the scope, %lld outside\n", LABEL_COLUMN, "Touches", inside, outside);
}

static void print_commit(FILE *f, const json_t *commit) {
        const json_t *paths = json_object_get(commit, "paths");
        char time[PAINT_TIME_MAX];

        fprintf(f, "  %s", paint_begin(f, YELLOW));
        paint_text(f, rv_json_string(commit, "id", "?"));
        fprintf(f, "%s\n  ", paint_end(f, YELLOW));
        paint_text(f, rv_json_string(commit, "subject", ""));
        fprintf(f, "\n  %-*s", LABEL_COLUMN, "By");
        paint_text(f, rv_json_string(commit, "author_name", ""));
        fputs(" <", f);
        paint_text(f, rv_json_string(commit, "author_email", ""));
        fprintf(f, ">, committed %s\n", paint_time(rv_json_int(commit, "commit_usec", 0), time));
        if (rv_json_int(commit, "n_inside", 0) > 0)
                print_counts(f, commit);
        if (json_array_size(paths) > 0)
                incident_print_paths(f, paths, "    ");
}

static bool is_together(const json_t *suspect) {
        const json_t *name;
        size_t i;

        json_array_foreach (json_object_get(suspect, "evidence"), i, name)
                if (is_named(name, RV_EVIDENCE_TOGETHER))
                        return true;
        return false;
}

size_t suspects_together(const json_t *suspects) {
        size_t n = json_array_size(suspects) > 0;

        while (n < json_array_size(suspects) && is_together(json_array_get(suspects, 0)) &&
               is_together(json_array_get(suspects, n)))
                n++;
        return n;
}

size_t incident_culprits(const json_t *incident) {
        const json_t *suspects = json_object_get(incident, "suspects");
        const json_t *spec = json_object_get(json_object_get(incident, "plan"), "spec");
        size_t n = json_array_size(json_object_get(spec, "commits")), n_together = suspects_together(suspects);

        if (string(incident, "restore"))
                return json_array_size(suspects);
        return n < n_together ? n_together : n;
}

void incident_print_suspects(FILE *f, const json_t *incident) {
        const json_t *suspects = json_object_get(incident, "suspects"), *suspect;
        int64_t onset_usec = rv_json_int(json_object_get(incident, "times"), "onset_usec", 0);
        size_t n_culprits = incident_culprits(incident), n_together = suspects_together(suspects), i;
        bool is_restore = string(incident, "restore") != NULL;
        bool is_pushed = rv_json_int(json_object_get(incident, "times"), "pushed_usec", 0) > 0;
        const char *title = rv_suspect_title(is_pushed, rv_json_bool(incident, "by_hand", false));

        json_array_foreach (suspects, i, suspect) {
                const json_t *commit = json_object_get(suspect, "commit");
                if (i == SUSPECTS_SHOWN_MAX) {
                        fprintf(f, "  … and %zu more\n", json_array_size(suspects) - i);
                        break;
                }
                if (i == 0 || i < n_culprits) {
                        heading(f, i > 0 ? "And" : is_restore ? "Undone" : title);
                        if (i == 0 && n_together > 1 && !is_restore)
                                fprintf(f, "  %zu commits that cannot be told apart\n", n_together);
                        print_commit(f, commit);
                        print_live(f, suspect, onset_usec);
                        print_evidence(f, suspect);
                        if (rv_json_bool(suspect, "reverted", false))
                                field(f, "Reverted by", string(suspect, "reverted_by"));
                        continue;
                }
                char number[RV_NUMBER_TEXT_MAX];
                if (i == 1 || i == n_culprits)
                        heading(f, "Other suspects");
                fputs("  ", f);
                paint_id(f, rv_json_string(commit, "id", NULL), SHORT_COMMIT);
                fputs("  ", f);
                paint_text(f, rv_json_string(commit, "subject", ""));
                fputs(" (", f);
                paint_text(f, rv_json_string(commit, "author_name", ""));
                fprintf(f, ", confidence %s", confidence_text(suspect, number));
                print_added(f, json_object_get(commit, "values"), "; added ");
                fputs(")\n", f);
        }
}
