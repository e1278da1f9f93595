/* Following an incident until it ends. */
#include "ctl/verbs.h"

#include "ctl/api.h"
#include "ctl/paint.h"
#include "ctl/say.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/incident.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The daemon may be starting again: it goes on where it was. */
#define SILENCE_USEC_MAX (60 * RV_USEC_PER_SEC)
#define POLL_USEC (300 * RV_USEC_PER_MSEC)

enum { SHORT_COMMIT = RV_OID_SHORT };

struct follow {
        const struct args *args;
        FILE *out; /* NULL: quiet */
        size_t seen;
        int64_t start_usec;
        bool has_status_line;
};

static void clear_status_line(struct follow *follow) {
        if (follow->has_status_line)
                fputs("\r\x1B[K", stderr);
        follow->has_status_line = false;
}

/* On a terminal: one line that says what is waited for. */
static void show_status_line(struct follow *follow, const char *state) {
        char buf[RV_DURATION_TEXT_MAX];

        if (!follow->out || !isatty(STDERR_FILENO))
                return;
        fprintf(stderr, "\r\x1B[K  … ");
        paint_text(stderr, state);
        fprintf(stderr, ", %s (Ctrl-C stops watching, and nothing else)",
                rv_duration_humanize(rv_clock_monotonic_usec() - follow->start_usec, buf));
        fflush(stderr);
        follow->has_status_line = true;
}

static void tell(struct follow *follow, const json_t *t, const json_t *incident) {
        const char *state = rv_json_string(t, "to", "?"), *name = rv_json_string(t, "reason", "none");
        const char *detail = rv_json_string(t, "detail", NULL);
        FILE *f = follow->out;
        char time[PAINT_TIME_MAX];
        enum rv_reason reason;

        fprintf(f, "  %s  %s", paint_time(rv_json_int(t, "at_usec", 0), time), paint_begin(f, paint_state(state)));
        paint_text(f, state);
        fputs(paint_end(f, paint_state(state)), f);
        if (strcmp(name, "none") != 0) {
                fputs(": ", f);
                paint_text(f, rv_reason_from_string(name, &reason) == 0 ? rv_reason_explain(reason) : name);
                fputs(" (", f);
                paint_text(f, name);
                fputc(')', f);
        } else if (strcmp(state, "reverting") == 0) {
                fputs(", commit ", f);
                paint_id(f, rv_json_string(json_object_get(incident, "plan"), "commit", NULL), SHORT_COMMIT);
        }
        fputc('\n', f);
        paint_block(f, detail, "      ");
}

static void tell_news(struct follow *follow, const json_t *answer) {
        const json_t *transitions = json_object_get(answer, "transitions");
        size_t n = json_array_size(transitions);

        if (follow->seen >= n)
                return;
        clear_status_line(follow);
        for (; follow->seen < n; follow->seen++)
                if (follow->out)
                        tell(follow, json_array_get(transitions, follow->seen), json_object_get(answer, "incident"));
        if (follow->out)
                fflush(follow->out);
}

static bool has_ended(const json_t *incident) {
        enum rv_incident_state state;

        return rv_json_int(json_object_get(incident, "times"), "ended_usec", 0) > 0 ||
               (rv_incident_state_from_string(rv_json_string(incident, "state", ""), &state) == 0 &&
                rv_incident_state_is_end(state));
}

static bool ended_well(const json_t *incident) {
        enum rv_incident_state state;

        return rv_incident_state_from_string(rv_json_string(incident, "state", ""), &state) == 0 &&
               (state == RV_INCIDENT_RECOVERED || state == RV_INCIDENT_REVERTED || state == RV_INCIDENT_CLEARED);
}

static void wait_a_little(void) {
        const struct timespec ts = {.tv_nsec = POLL_USEC * 1000};

        nanosleep(&ts, NULL);
}

/* One look at it; a daemon that is away for a while is waited for. */
static int look(struct follow *follow, const char *path, json_t **ret, struct rv_error *err) {
        int64_t since_usec = rv_clock_monotonic_usec();
        int r;

        while ((r = api_call(follow->args, "GET", path, NULL, ret, err)) == -ECONNREFUSED || r == -EIO ||
               r == -ETIMEDOUT) {
                if (rv_clock_monotonic_usec() - since_usec > SILENCE_USEC_MAX)
                        return r;
                show_status_line(follow, "revertd does not answer");
                wait_a_little();
        }
        return r;
}

int incident_follow(const struct args *args, const char *id, size_t seen, bool is_quiet, json_t **ret) {
        _cleanup_free_ char *path = api_path("/api/v1/incidents/", id);
        struct follow follow = {
                .args = args,
                .out = is_quiet                   ? NULL
                       : args->output == CTL_JSON ? stderr
                                                  : stdout,
                .seen = seen,
                .start_usec = rv_clock_monotonic_usec(),
        };
        struct rv_error err = {0};

        if (!path)
                return ctl_oom();
        for (;;) {
                _cleanup_json_ json_t *answer = NULL;
                int r = look(&follow, path, &answer, &err);
                if (r < 0) {
                        clear_status_line(&follow);
                        return ctl_fail(&err);
                }
                const json_t *incident = json_object_get(answer, "incident");
                tell_news(&follow, answer);
                if (has_ended(incident)) {
                        clear_status_line(&follow);
                        *ret = RV_TAKE(answer);
                        return ended_well(incident) ? CTL_OK : CTL_FAILED;
                }
                show_status_line(&follow, rv_json_string(incident, "state", "?"));
                wait_a_little();
        }
}

int incident_follow_accepted(const struct args *args, const char *word, const json_t *accepted, size_t seen) {
        const char *id = rv_json_string(accepted, "incident", "");
        FILE *f = args->output == CTL_JSON ? stderr : stdout;
        _cleanup_json_ json_t *last = NULL;

        fprintf(f, "%s ", word);
        paint_text(f, id);
        fputc('\n', f);
        if (args->no_wait)
                return args->output == CTL_JSON ? ctl_print_json(accepted) : CTL_OK;
        int status = incident_follow(args, id, seen, false, &last);
        if (last && args->output == CTL_JSON && ctl_print_json(last) != CTL_OK)
                return CTL_FAILED;
        return status;
}
