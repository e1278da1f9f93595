/* The report of a backtest as one page: no script, nothing from outside, readable in light and dark. What comes from
 * outside is text only, and escaped. */
#include "ctl/verbs.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/incident.h"
#include "revertd/number.h"
#include "revertd/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 800, HEIGHT = 180, MARGIN = 12, TEXT_BYTES_MAX = 4096 };

static const char head[] =
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
        "<title>revertd: backtest</title>\n<style>\n"
        ":root { color-scheme: light dark; --fg: #1b1f24; --bg: #fff; --soft: #57606a; --line: #d0d7de; --value: "
        "#0550ae;\n"
        "  --bad: #b3261e; --good: #116329; }\n"
        "@media (prefers-color-scheme: dark) { :root { --fg: #e6edf3; --bg: #0d1117; --soft: #9aa4af; --line: "
        "#3d444d;\n"
        "  --value: #79c0ff; --bad: #ff8f87; --good: #56d364; } }\n"
        "body { font: 16px/1.5 system-ui, sans-serif; color: var(--fg); background: var(--bg); max-width: 60rem;\n"
        "  margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }\n"
        "table { border-collapse: collapse; width: 100%; font-size: .9rem; } caption { text-align: left; }\n"
        "th, td { text-align: left; vertical-align: top; padding: .3rem .5rem; border-bottom: 1px solid var(--line);\n"
        "  overflow-wrap: anywhere; }\n"
        "section { margin: 2.5rem 0; } svg { width: 100%; height: auto; border: 1px solid var(--line); }\n"
        "dt { color: var(--soft); float: left; clear: left; width: 9rem; } dd { margin: 0 0 0 9rem; overflow-wrap: "
        "anywhere; }\n"
        ".value { fill: none; stroke: var(--value); stroke-width: 1.5; } .limit { stroke: var(--soft); "
        "stroke-dasharray: 6 4; }\n"
        ".bad { stroke: var(--bad); } .good { stroke: var(--good); } .commit { stroke: var(--soft); stroke-dasharray: "
        "2 3; }\n"
        "svg text { font-size: 11px; fill: var(--fg); }\n"
        "</style>\n</head>\n<body>\n<main>\n";

static void put(FILE *f, const char *text) {
        _cleanup_free_ char *safe = rv_text_line(text ? text : "", TEXT_BYTES_MAX);

        for (const char *p = safe ? safe : ""; *p; p++)
                switch (*p) {
                case '<':
                        fputs("&lt;", f);
                        break;
                case '>':
                        fputs("&gt;", f);
                        break;
                case '&':
                        fputs("&amp;", f);
                        break;
                case '"':
                        fputs("&quot;", f);
                        break;
                case '\'':
                        fputs("&#39;", f);
                        break;
                default:
                        fputc(*p, f);
                }
}

static void put_time(FILE *f, int64_t usec) {
        char time[RV_TIME_TEXT_MAX];

        rv_time_format(usec, time);
        fprintf(f, "<time datetime=\"%s\">%.10s %.8s</time>", time, time, time + 11);
}

static void term(FILE *f, const char *name) {
        fprintf(f, "<dt>%s</dt><dd>", name);
}

/* -- a plot -- */

struct frame {
        int64_t from_usec, to_usec;
        double low, high;
};

static double x_of(const struct frame *frame, int64_t usec) {
        return MARGIN + (double)(WIDTH - 2 * MARGIN) * (double)(usec - frame->from_usec) /
                                (double)(frame->to_usec - frame->from_usec);
}

/* Halves, for the span of all numbers is none. */
static double y_of(const struct frame *frame, double value) {
        double span = frame->high / 2 - frame->low / 2, share = span > 0 ? (value / 2 - frame->low / 2) / span : 0;

        return HEIGHT - MARGIN - (HEIGHT - 3 * MARGIN) * share;
}

static struct frame frame_of(const json_t *breach) {
        const json_t *points = json_object_get(breach, "points"), *point;
        double limit = rv_json_real(breach, "threshold", 0);
        struct frame frame = {INT64_MAX, 0, limit, limit};
        size_t i;

        json_array_foreach (points, i, point) {
                double value = rv_value_from_json(json_array_get(point, 1));
                int64_t at_usec = json_integer_value(json_array_get(point, 0));
                frame.from_usec = at_usec < frame.from_usec ? at_usec : frame.from_usec;
                frame.to_usec = at_usec > frame.to_usec ? at_usec : frame.to_usec;
                if (!isfinite(value))
                        continue;
                frame.low = fmin(frame.low, value);
                frame.high = fmax(frame.high, value);
        }
        return frame;
}

static void put_mark(FILE *f, const struct frame *frame, int64_t usec, const char *class, const char *name, int row) {
        if (usec < frame->from_usec || usec > frame->to_usec)
                return;
        double x = x_of(frame, usec);
        fprintf(f, "<line class=\"%s\" x1=\"%.1f\" x2=\"%.1f\" y1=\"0\" y2=\"%d\"/>", class, x, x, HEIGHT);
        fprintf(f, "<text x=\"%.1f\" y=\"%d\"%s>%s</text>\n", x > WIDTH * 0.8 ? x - 3 : x + 3, 12 + 13 * row,
                x > WIDTH * 0.8 ? " text-anchor=\"end\"" : "", name);
}

/* Where there is no value the line is broken. */
static void put_values(FILE *f, const struct frame *frame, const json_t *points) {
        const json_t *point;
        bool is_down = false;
        size_t i;

        fputs("<path class=\"value\" d=\"", f);
        json_array_foreach (points, i, point) {
                double value = rv_value_from_json(json_array_get(point, 1));
                bool has_value = isfinite(value);
                if (has_value)
                        fprintf(f, "%s%.1f %.1f", is_down ? "L" : "M",
                                x_of(frame, json_integer_value(json_array_get(point, 0))), y_of(frame, value));
                is_down = has_value;
        }
        fputs("\"/>\n", f);
}

static void put_plot(FILE *f, const json_t *breach, size_t number) {
        const json_t *points = json_object_get(breach, "points");
        const json_t *suspect = json_array_get(json_object_get(json_object_get(breach, "incident"), "suspects"), 0);
        struct frame frame = frame_of(breach);
        char value[RV_NUMBER_TEXT_MAX];

        if (json_array_size(points) < 2 || frame.to_usec <= frame.from_usec)
                return;
        double limit = rv_json_real(breach, "threshold", 0), y = y_of(&frame, limit);
        fprintf(f,
                "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-labelledby=\"t%zu d%zu\" "
                "xmlns=\"http://www.w3.org/2000/svg\"><title id=\"t%zu\">Values of breach %zu</title><desc "
                "id=\"d%zu\">",
                WIDTH, HEIGHT, number, number, number, number, number);
        fprintf(f, "From %s", rv_number_format_short(frame.low, value));
        fprintf(f, " to %s", rv_number_format_short(frame.high, value));
        fputs(", bad when ", f);
        put(f, rv_json_string(breach, "breach", ">"));
        fprintf(f, " %s; the times stand below.</desc>\n", rv_number_format_short(limit, value));
        fprintf(f, "<line class=\"limit\" x1=\"0\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>", WIDTH, y, y);
        fprintf(f, "<text x=\"3\" y=\"%.1f\">%s</text>\n", y - 3, rv_number_format_short(limit, value));
        put_values(f, &frame, points);
        put_mark(f, &frame, rv_json_int(suspect, "seen_usec", 0), "commit", "commit", 0);
        put_mark(f, &frame, rv_json_int(breach, "onset_usec", 0), "bad", "onset", 1);
        put_mark(f, &frame, rv_json_int(breach, "pushed_usec", 0), "good", "would-be revert", 2);
        put_mark(f, &frame, rv_json_int(breach, "would_end_usec", 0), "good", "would-be end", 3);
        put_mark(f, &frame, rv_json_int(breach, "end_usec", 0), "bad", "real end", 4);
        fputs("</svg>\n", f);
}

/* -- a breach -- */

static void put_reason(FILE *f, const json_t *incident) {
        const char *name = rv_json_string(incident, "reason", "none");
        enum rv_reason reason;

        if (strcmp(name, "none") == 0)
                return;
        term(f, "Why");
        put(f, rv_reason_from_string(name, &reason) == 0 ? rv_reason_explain(reason) : "");
        fputs(" (", f);
        put(f, name);
        fputs(")", f);
        if (rv_json_string(incident, "detail", NULL)) {
                fputs(": ", f);
                put(f, rv_json_string(incident, "detail", ""));
        }
        fputs("</dd>\n", f);
}

static void put_suspect(FILE *f, const json_t *suspect) {
        const json_t *commit = json_object_get(suspect, "commit"), *name, *value;
        char number[RV_NUMBER_TEXT_MAX];
        size_t i;

        if (!commit)
                return;
        term(f, "Culprit");
        fputs("<code>", f);
        put(f, rv_json_string(commit, "id", ""));
        fputs("</code> ", f);
        put(f, rv_json_string(commit, "subject", ""));
        fputs(", by ", f);
        put(f, rv_json_string(commit, "author_name", ""));
        fputs(", live ", f);
        put_time(f, rv_json_int(suspect, "seen_usec", 0));
        fprintf(f, "</dd>\n<dt>Confidence</dt><dd>%s:", confidence_text(suspect, number));
        json_array_foreach (json_object_get(suspect, "evidence"), i, name) {
                fputs(i > 0 ? "; " : " ", f);
                put(f, evidence_text(json_string_value(name)));
        }
        fputs("</dd>\n", f);
        json_array_foreach (json_object_get(commit, "values"), i, value) {
                _cleanup_free_ char *text = rv_value_added_text(value);

                if (!text)
                        continue;
                term(f, "Added");
                put(f, text);
                fputs("</dd>\n", f);
        }
}

static void put_span(FILE *f, const char *name, int64_t usec) {
        char buf[RV_DURATION_TEXT_MAX];

        if (usec <= 0)
                return;
        term(f, name);
        fprintf(f, "%s</dd>\n", rv_duration_humanize(usec, buf));
}

static void put_at(FILE *f, const char *name, int64_t usec) {
        if (usec <= 0)
                return;
        term(f, name);
        put_time(f, usec);
        fputs("</dd>\n", f);
}

static void put_breach(FILE *f, const json_t *breach, size_t number) {
        const json_t *incident = json_object_get(breach, "incident");
        _cleanup_free_ char *labels = labels_text(json_object_get(breach, "labels"));
        int64_t onset_usec = rv_json_int(breach, "onset_usec", 0), end_usec = rv_json_int(breach, "end_usec", 0),
                until_usec = rv_json_int(breach, "until_usec", 0);

        fprintf(f, "<section id=\"b%zu\">\n<h2>%zu. ", number, number);
        put(f, rv_json_string(breach, "rule", ""));
        fputc(' ', f);
        put(f, labels);
        fputs("</h2>\n", f);
        put_plot(f, breach, number);
        fputs("<dl>\n", f);
        term(f, "Would be");
        put(f, rv_json_string(breach, "outcome", ""));
        fputs("; the rule's own mode is ", f);
        put(f, rv_json_string(breach, "mode", ""));
        fputs("</dd>\n", f);
        put_reason(f, incident);
        put_suspect(f, json_array_get(json_object_get(incident, "suspects"), 0));
        put_at(f, "Onset", onset_usec);
        put_at(f, "Fired", rv_json_int(breach, "fired_usec", 0));
        put_at(f, "Would-be revert", rv_json_int(breach, "pushed_usec", 0));
        put_at(f, "Would-be end", rv_json_int(breach, "would_end_usec", 0));
        put_at(f, end_usec ? "Real end" : "Last seen", until_usec);
        put_span(f, end_usec ? "Lasted" : "Lasted over", until_usec - onset_usec);
        put_span(f, end_usec ? "Saved" : "Saved at least", rv_json_int(breach, "saved_usec", 0));
        if (*rv_json_string(breach, "undone_by", "")) {
                term(f, "Undone by");
                fputs("<code>", f);
                put(f, rv_json_string(breach, "undone_by", ""));
                fputs("</code> ", f);
                put_time(f, rv_json_int(breach, "undone_usec", 0));
                fputs("</dd>\n", f);
        }
        fputs("</dl>\n</section>\n", f);
}

static void put_row(FILE *f, const json_t *breach, size_t number) {
        const json_t *suspect = json_array_get(json_object_get(json_object_get(breach, "incident"), "suspects"), 0);
        _cleanup_free_ char *labels = labels_text(json_object_get(breach, "labels"));
        int64_t onset_usec = rv_json_int(breach, "onset_usec", 0), end_usec = rv_json_int(breach, "end_usec", 0),
                until_usec = rv_json_int(breach, "until_usec", 0);
        int64_t saved_usec = rv_json_int(breach, "saved_usec", 0);
        char buf[RV_DURATION_TEXT_MAX];

        fprintf(f, "<tr><td><a href=\"#b%zu\">%zu</a></td><td>", number, number);
        put_time(f, onset_usec);
        fputs("</td><td>", f);
        put(f, rv_json_string(breach, "rule", ""));
        fputc(' ', f);
        put(f, labels);
        fprintf(f, "</td><td>%s%s</td><td>", end_usec ? "" : "over ",
                rv_duration_humanize(until_usec - onset_usec, buf));
        put(f, rv_json_string(breach, "outcome", ""));
        fputs("</td><td><code>", f);
        fprintf(f, "%.10s</code> ", rv_json_string(json_object_get(suspect, "commit"), "id", ""));
        put(f, rv_json_string(json_object_get(suspect, "commit"), "subject", ""));
        fprintf(f, "</td><td>%s</td></tr>\n", saved_usec > 0 ? rv_duration_humanize(saved_usec, buf) : "");
}

static void put_holes(FILE *f, const json_t *report) {
        const json_t *rule;
        size_t i;

        json_array_foreach (json_object_get(report, "rules"), i, rule) {
                int64_t n = rv_json_int(rule, "evaluations", 0), n_answered = rv_json_int(rule, "answered", n);

                if (n_answered == n)
                        continue;
                fputs("<p><strong>No values</strong> for ", f);
                put(f, rv_json_string(rule, "name", ""));
                fprintf(f, " in %lld of %lld evaluations", (long long)(n - n_answered), (long long)n);
                if (n_answered > 0) {
                        fputs("; the first are of ", f);
                        put_time(f, rv_json_int(rule, "first_usec", 0));
                        fputs(", the last of ", f);
                        put_time(f, rv_json_int(rule, "last_usec", 0));
                }
                if (rv_json_int(rule, "failed", 0) > 0) {
                        fprintf(f, "; %lld failed: ", (long long)rv_json_int(rule, "failed", 0));
                        put(f, rv_json_string(rule, "failure", ""));
                }
                fputs(".</p>\n", f);
        }
}

void backtest_print_html(FILE *f, const json_t *report) {
        const json_t *breaches = json_object_get(report, "breaches"), *sum = json_object_get(report, "summary"),
                     *breach;
        int64_t to_usec = rv_json_int(report, "to_usec", 0);
        char buf[RV_DURATION_TEXT_MAX];
        size_t i;

        fputs(head, f);
        fputs("<h1>What revertd would have done</h1>\n<p>From ", f);
        put_time(f, rv_json_int(report, "from_usec", 0));
        fputs(" to ", f);
        put_time(f, to_usec);
        fprintf(f, " (UTC): %lld breaches; %lld would have been reverted, %lld declined. ",
                (long long)rv_json_int(sum, "breaches", 0), (long long)rv_json_int(sum, "reverted", 0),
                (long long)rv_json_int(sum, "declined", 0));
        fprintf(f, "In breach for %s in all; ", rv_duration_humanize(rv_json_int(sum, "breach_usec", 0), buf));
        fprintf(f, "reverts would have saved %s.</p>\n", rv_duration_humanize(rv_json_int(sum, "saved_usec", 0), buf));
        fprintf(f,
                "<p>Assumed: a commit is live when it is committed; a revert works %s after its push; every rule "
                "enforces, and nobody rejects, approves or pauses. The plots show what really happened.</p>\n",
                rv_duration_humanize(rv_json_int(report, "apply_usec", 0), buf));
        put_holes(f, report);
        fputs("<table>\n<caption>Breaches</caption>\n<thead><tr><th scope=\"col\">No.</th><th scope=\"col\">Onset</th>"
              "<th scope=\"col\">Rule and labels</th><th scope=\"col\">Lasted</th><th scope=\"col\">Would be</th>"
              "<th scope=\"col\">Culprit</th><th scope=\"col\">Saved</th></tr></thead>\n<tbody>\n",
              f);
        json_array_foreach (breaches, i, breach)
                put_row(f, breach, i + 1);
        fputs("</tbody>\n</table>\n", f);
        json_array_foreach (breaches, i, breach)
                put_breach(f, breach, i + 1);
        fputs("</main>\n</body>\n</html>\n", f);
}
