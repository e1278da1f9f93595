/* What a decision costs the daemon when much is at stake: one rule breaches for many label sets at once, and as many
 * commits as a history holds touched the scope of each in the rule's window. CPU time of this thread, without the store
 * and the worker: decoding the worker's answer, and the engine's step that attributes and asks the guards.
 *
 * usage: bench_decision [LABEL_SETS [COMMITS]] */

#include "revertd/clock.h"
#include "revertd/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { EVALUATIONS = 100 };

static const char text[] =
        "repositories: ( { name = \"fleet\"; url = \"/srv/fleet.git\"; } );\n"
        "prometheus: ( { name = \"prod\"; url = \"http://127.0.0.1:9090\"; } );\n"
        "rules: ( { name = \"r\"; repository = \"fleet\"; prometheus = \"prod\"; expr = \"up\"; breach = \"> 0.05\";\n"
        "           interval = \"15s\"; for = \"0\"; window = \"24h\"; max_age = \"24h\"; mode = \"approve\";\n"
        "           shared_cause = 0; paths = [ \"apps/{{ $labels.app }}/**\" ]; } );\n";

static void must(bool is_ok, const char *what) {
        if (!is_ok) {
                fprintf(stderr, "bench_decision: %s\n", what);
                exit(1);
        }
}

static struct rv_config *load(void) {
        char path[] = "/tmp/revertd-bench-XXXXXX";
        struct rv_config_errors errors = {0};
        struct rv_config *config = NULL;
        int fd = mkstemp(path);

        must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0, "no configuration");
        if (rv_config_load(&config, path, &errors) < 0)
                must(false, errors.text[0]);
        unlink(path);
        return config;
}

static int64_t cpu_usec(void) {
        struct timespec t;

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
        return t.tv_sec * RV_USEC_PER_SEC + t.tv_nsec / 1000;
}

static void add_commit(struct rv_commit *commit, size_t number, int64_t at_usec) {
        char path[64];

        snprintf(commit->id.hex, sizeof(commit->id.hex), "%040zx", number + 1);
        commit->n_parents = 1;
        commit->author_name = strdup("Ana Example");
        commit->author_email = strdup("ana@example.com");
        commit->subject = strdup("Change a setting of the service");
        commit->author_usec = commit->commit_usec = at_usec;
        commit->paths = calloc(2, sizeof(*commit->paths));
        snprintf(path, sizeof(path), "apps/app/config-%zu.yaml", number);
        must(commit->paths != NULL, "out of memory");
        commit->paths[0] = strdup(path);
        commit->n_paths = commit->n_inside = 1;
}

/* As the worker answers: newest first, the newest a minute before the onset, and no more than it was asked for. */
static char *encode_history(size_t n, uint64_t id, int64_t onset_usec, size_t max) {
        struct rv_git_reply *reply = calloc(1, sizeof(*reply));
        char *line = NULL;

        if (max > 0 && n > max)
                n = max;
        must(reply && (reply->commits = calloc(n, sizeof(*reply->commits))), "out of memory");
        reply->id = id;
        reply->outcome = RV_GIT_OK;
        reply->n_commits = reply->n_scanned = n;
        for (size_t i = 0; i < n; i++)
                add_commit(&reply->commits[i], i, onset_usec - RV_USEC_PER_MINUTE - (int64_t)i * RV_USEC_PER_SEC);
        reply->head = reply->commits[0].id;
        must(rv_git_reply_encode(reply, &line) == 0, "the history cannot be encoded");
        rv_git_reply_free(reply);
        return line;
}

/* Of n label sets, the last n_bad breach. */
static int64_t evaluate(struct rv_engine *engine, size_t n, size_t n_bad, int64_t now_usec, struct rv_step *step) {
        struct rv_sample *sample = calloc(n, sizeof(*sample));
        struct rv_samples samples = {.sample = sample, .n = n};
        struct rv_event event = {.kind = RV_EVENT_EVALUATED};
        struct rv_error err = {0};

        must(sample != NULL, "out of memory");
        for (size_t i = 0; i < n; i++) {
                char app[32];
                struct rv_label label = {"app", app};

                snprintf(app, sizeof(app), "app-%zu", i);
                must(rv_labels_new(&sample[i].labels, &label, 1, &err) == 0, err.text);
                sample[i].value = i < n - n_bad ? 0 : 1;
        }
        event.evaluated.at_usec = now_usec;
        event.evaluated.samples = &samples;
        int64_t start_usec = cpu_usec();
        must(rv_engine_handle(engine, &event, now_usec, step, &err) == 0, err.text);
        start_usec = cpu_usec() - start_usec;
        for (size_t i = 0; i < n; i++)
                rv_labels_unref(sample[i].labels);
        free(sample);
        return start_usec;
}

static int compare(const void *a, const void *b) {
        int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

        return (x > y) - (x < y);
}

static void tell(const char *what, int64_t *usec, size_t n) {
        qsort(usec, n, sizeof(*usec), compare);
        printf("%-40s median %6.2f ms, slowest %6.2f ms\n", what, (double)usec[n / 2] / 1e3, (double)usec[n - 1] / 1e3);
}

int main(int argc, char **argv) {
        size_t n_sets = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
        size_t n_commits = argc > 2 ? strtoul(argv[2], NULL, 10) : RV_COMMITS_MAX;
        int64_t now_usec = INT64_C(1772359200) * RV_USEC_PER_SEC, start_usec;
        struct rv_event start = {.kind = RV_EVENT_START};
        struct rv_step step = {0};
        struct rv_error err = {0};
        struct rv_engine *engine;
        size_t n_asked = 0;
        int64_t each[EVALUATIONS];

        must(n_sets > 0 && n_sets <= RV_INCIDENTS_OPEN_MAX && n_commits > 0 && n_commits <= RV_COMMITS_MAX, "usage");
        must(rv_engine_new(&engine, load()) == 0, "no engine");
        must(rv_engine_handle(engine, &start, now_usec, &step, &err) == 0, err.text);
        rv_step_done(&step);

        printf("%zu label sets, %zu commits in the window of each\n", n_sets, n_commits);
        for (int i = 0; i < EVALUATIONS; i++) {
                now_usec += 15 * RV_USEC_PER_SEC;
                each[i] = evaluate(engine, n_sets, 0, now_usec, &step);
                rv_step_done(&step);
        }
        tell("an evaluation in which none breaches", each, EVALUATIONS);
        now_usec += 15 * RV_USEC_PER_SEC;
        printf("%-40s %6.2f ms\n", "the evaluation in which one does",
               (double)evaluate(engine, n_sets, 1, now_usec, &step) / 1e3);
        rv_step_done(&step);
        now_usec += 15 * RV_USEC_PER_SEC;
        printf("%-40s %6.2f ms\n", "the evaluation in which all do",
               (double)evaluate(engine, n_sets, n_sets, now_usec, &step) / 1e3);

        int64_t *decode = calloc(step.n_effects, sizeof(*decode)), *decide = calloc(step.n_effects, sizeof(*decide));
        must(decode && decide, "out of memory");
        for (size_t i = 0; i < step.n_effects; i++) {
                char *line = encode_history(n_commits, i + 1, now_usec, step.effect[i].request->max_touching);
                struct rv_git_reply *reply = NULL;
                struct rv_step next = {0};

                start_usec = cpu_usec();
                must(rv_git_reply_decode(&reply, line, strlen(line), &err) == 0, err.text);
                decode[n_asked] = cpu_usec() - start_usec;

                struct rv_event event = {.kind = RV_EVENT_GIT};
                event.git.token = step.effect[i].token;
                event.git.reply = reply;
                start_usec = cpu_usec();
                must(rv_engine_handle(engine, &event, now_usec + RV_USEC_PER_SEC, &next, &err) == 0, err.text);
                decide[n_asked++] = cpu_usec() - start_usec;
                must(next.n_effects > 0, "no decision: it asked for no plan");
                rv_step_done(&next);
                rv_git_reply_free(reply);
                free(line);
        }
        tell("decoding the worker's answer", decode, n_asked);
        tell("attribution and guards", decide, n_asked);
        rv_step_done(&step);
        rv_engine_free(engine);
        free(decode);
        free(decide);
        return 0;
}
