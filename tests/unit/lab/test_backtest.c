/* A backtest on made-up answers: what is asked for, and what a would-be revert changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/json.h"
#include "revertd/lab.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MINUTE RV_USEC_PER_MINUTE
#define START (INT64_C(1772359200) * RV_USEC_PER_SEC)
#define BAD "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define MORE "dddddddddddddddddddddddddddddddddddddddd"
#define SHOP "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
#define AHEAD "9999999999999999999999999999999999999999"
#define BEHIND "8888888888888888888888888888888888888888"
#define OLD "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
enum { STEPS_AT_ONCE = 50, BAD_MINUTE = 100, SHOP_MINUTE = 110, END_MINUTE = 160 };

static const char text[] = "repositories: ( { name = \"fleet\"; url = \"/srv/fleet.git\"; } );\n"
                           "prometheus: ( { name = \"prod\"; url = \"http://127.0.0.1:9090\"; } );\n"
                           "rules: ( { name = \"errors\"; expr = \"e\"; breach = \"> 0.05\"; for = \"5m\"; interval = "
                           "\"1m\"; clear = \"< 0.01\";\n"
                           "  paths = [ \"apps/{{ $labels.app }}/**\" ]; window = \"30m\"; mode = \"approve\"; },\n"
                           " { name = \"page\"; match = [ \"app=web\" ]; for = \"20m\";\n"
                           "  paths = [ \"apps/{{ $labels.app }}/**\" ]; window = \"30m\"; mode = \"approve\"; } );\n";

struct world {
        struct rv_config *config;
        size_t n_asked, n_refused;
        bool fails, is_twice, is_vector;
        bool is_away, has_more, has_values, has_shop, has_wrong_clocks;
        bool is_alert;       /* the rule goes by an alert, which fires when it has been bad for 20 minutes */
        int64_t gone_minute; /* the web's values end; 0: never */
        int64_t back_minute; /* the web is well from 10 minutes before on, and in breach again for 20 minutes; 0: not */
};

static int setup(void **state) {
        char path[] = "/tmp/revertd-backtest-XXXXXX";
        struct world *w = calloc(1, sizeof(*w));
        struct rv_config_errors errors = {0};
        int fd = mkstemp(path);

        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        close(fd);
        if (rv_config_load(&w->config, path, &errors) < 0)
                fail_msg("%s", errors.text[0]);
        rv_config_errors_done(&errors);
        unlink(path);
        *state = w;
        return 0;
}

static int teardown(void **state) {
        struct world *w = *state;

        rv_config_unref(w->config);
        free(w);
        return 0;
}

/* In breach for an hour from the minute after the bad commit; the values stay between clear and breach for a while. */
static int answer_range(void *userdata, size_t prometheus, const char *expr, int64_t from_usec, int64_t step_usec,
                        size_t n_steps, struct rv_range *ret, struct rv_error *err) {
        struct world *w = userdata;
        struct rv_label label[] = {{"app", "web"}, {"version", "v1.2.3"}}, shop = {"app", "shop"};
        size_t n_series = w->has_shop || w->is_twice ? 2 : 1;

        assert_int_equal(prometheus, 0);
        bool is_require = strcmp(expr, "r") == 0;
        if (strcmp(expr, "vector(r\n)") == 0 && w->is_vector)
                return rv_error_set(err, -EINVAL, "expected type scalar");
        if (w->is_alert)
                assert_non_null(strstr(expr, "ALERTS"));
        else if (!is_require && strcmp(expr, "vector(r\n)") != 0)
                assert_string_equal(expr, "e");
        w->n_asked++;
        for (size_t i = 0; w->fails && i < n_steps; i++)
                if ((from_usec + (int64_t)i * step_usec - START) / MINUTE / 3 == 7)
                        return rv_error_set(err, -EDOM, "many-to-many");
        if (n_steps > STEPS_AT_ONCE) {
                w->n_refused++;
                return rv_error_set(err, -E2BIG, "too large");
        }
        *ret = (struct rv_range){.n = n_series, .n_steps = n_steps, .from_usec = from_usec, .step_usec = step_usec};
        ret->labels = calloc(n_series, sizeof(*ret->labels));
        ret->value = calloc(n_series * n_steps, sizeof(*ret->value));
        ret->is_present = calloc(n_series * n_steps, sizeof(*ret->is_present));
        if (w->has_shop)
                assert_int_equal(rv_labels_new(&ret->labels[1], &shop, 1, err), 0);
        assert_int_equal(rv_labels_new(&ret->labels[0], label, is_require ? 0 : w->has_values ? 2 : 1, err), 0);
        if (w->is_twice)
                ret->labels[1] = rv_labels_ref(ret->labels[0]);
        for (size_t i = 0; i < n_steps; i++) {
                int64_t minute = (from_usec + (int64_t)i * step_usec - START) / MINUTE;
                ret->is_present[i] = !w->gone_minute || minute < w->gone_minute;
                ret->value[i] = minute <= BAD_MINUTE       ? 0
                                : minute < END_MINUTE      ? 0.5
                                : minute < END_MINUTE + 10 ? 0.03
                                                           : 0;
                if (w->back_minute && minute >= w->back_minute - 10)
                        ret->value[i] = minute >= w->back_minute && minute < w->back_minute + 20 ? 0.5 : 0;
                if (is_require)
                        ret->value[i] = 1;
                if (w->is_alert)
                        ret->is_present[i] = minute > BAD_MINUTE + 20 && minute < END_MINUTE;
                if (w->is_twice)
                        ret->is_present[n_steps + i] = minute / 5 == 5;
                if (w->has_shop) {
                        ret->is_present[n_steps + i] = true;
                        ret->value[n_steps + i] = minute > SHOP_MINUTE && minute < END_MINUTE ? 0.5 : 0;
                }
        }
        return 0;
}

static void fill_commit(struct rv_commit *c, const char *hex, int64_t at_usec) {
        strcpy(c->id.hex, hex);
        c->n_parents = 1;
        c->author_name = strdup("Ana");
        c->author_email = strdup("ana@example.com");
        c->subject = strdup("Change");
        c->author_usec = c->commit_usec = at_usec;
        c->n_inside = 1;
}

static int answer_git(void *userdata, size_t repository, struct rv_git_request *request, struct rv_git_reply **ret,
                      struct rv_error *err) {
        struct world *w = userdata;
        struct rv_git_reply *reply = calloc(1, sizeof(*reply));
        enum rv_git_op op = request->op;

        assert_int_equal(repository, 0);
        assert_true(op == RV_GIT_HISTORY || op == RV_GIT_PLAN);
        if (op == RV_GIT_PLAN)
                assert_string_equal(request->spec.base.hex, w->has_shop ? SHOP : BAD);
        bool has_clocks = w->has_wrong_clocks && request->n_scope == 0;
        bool is_web = request->n_scope == 0 || strncmp(request->scope[0], "apps/web", 8) == 0;
        bool is_shop = w->has_shop && (request->n_scope == 0 || !is_web);
        if (op == RV_GIT_PLAN && w->has_more) {
                assert_string_equal(request->spec.restore.hex, OLD);
                assert_int_equal(request->spec.n_commits, 2);
                assert_string_equal(request->spec.commits[0].hex, BAD);
                assert_string_equal(request->spec.commits[1].hex, MORE);
        }
        bool is_looked_for = request->n_values > 0;
        if (is_looked_for) {
                assert_string_equal(request->values[0].value, "v1.2.3");
                assert_int_equal(request->until_usec, START + (BAD_MINUTE + 1) * MINUTE);
                assert_int_equal(request->max_touching, 0);
        }
        rv_git_request_free(request);
        if (w->is_away) {
                rv_git_reply_free(reply);
                return rv_error_set(err, -EIO, "the remote is away");
        }
        if (op == RV_GIT_PLAN)
                strcpy(reply->commit.hex, "cccccccccccccccccccccccccccccccccccccccc");
        else {
                reply->commits = calloc(6, sizeof(*reply->commits));
                if (is_shop)
                        fill_commit(&reply->commits[reply->n_commits++], SHOP, START + (BAD_MINUTE + 4) * MINUTE);
                if (is_web)
                        fill_commit(&reply->commits[reply->n_commits++], BAD, START + BAD_MINUTE * MINUTE);
                if (is_looked_for) {
                        reply->commits->values = calloc(1, sizeof(struct rv_value));
                        reply->commits->n_values = 1;
                        reply->commits->values[0] =
                                (struct rv_value){strdup("version"), strdup("v1.2.3"), strdup("apps/web/a"), false};
                }
                if (w->has_more)
                        fill_commit(&reply->commits[reply->n_commits++], MORE, START + (BAD_MINUTE - 5) * MINUTE);
                if (has_clocks) {
                        fill_commit(&reply->commits[reply->n_commits++], BEHIND, RV_USEC_PER_DAY);
                        fill_commit(&reply->commits[reply->n_commits++], AHEAD, START + 400 * RV_USEC_PER_DAY);
                }
                fill_commit(&reply->commits[reply->n_commits++], OLD, START - RV_USEC_PER_DAY);
        }
        *ret = reply;
        return 0;
}

static int run(struct world *w, int64_t apply_usec, json_t **ret, struct rv_error *err) {
        const bool rules[] = {!w->is_alert, w->is_alert};
        struct rv_backtest b = {.config = w->config,
                                .rules = rules,
                                .from_usec = START,
                                .to_usec = START + 300 * MINUTE,
                                .apply_usec = apply_usec,
                                .range = answer_range,
                                .git = answer_git,
                                .userdata = w};

        return rv_lab_backtest(&b, ret, err);
}

static void what_a_commit_added_is_evidence(void **state) {
        struct world *w = *state;
        struct rv_error err;
        _cleanup_json_ json_t *report = NULL;

        w->has_values = true;
        assert_int_equal(run(w, 2 * MINUTE, &report, &err), 0);
        char *dump = json_dumps(report, 0);
        assert_non_null(strstr(dump, "\"added\""));
        assert_non_null(strstr(dump, "\"apps/web/a\""));
        free(dump);
}

static void one_breach_is_one_incident(void **state) {
        struct world *w = *state;
        _cleanup_json_ json_t *report = NULL;
        struct rv_error err;

        assert_int_equal(run(w, 2 * MINUTE, &report, &err), 0);
        assert_int_equal(json_array_size(json_object_get(report, "breaches")), 1);
        const json_t *breach = json_array_get(json_object_get(report, "breaches"), 0);
        const json_t *incident = json_object_get(breach, "incident");
        assert_string_equal(rv_json_string(breach, "outcome", ""), "reverted");
        assert_string_equal(rv_json_string(breach, "mode", ""), "approve");
        assert_string_equal(rv_json_string(incident, "state", ""), "recovered");
        assert_int_equal(rv_json_int(breach, "onset_usec", 0), START + (BAD_MINUTE + 1) * MINUTE);
        /* The real end is that of `clear`, not of the threshold. */
        assert_int_equal(rv_json_int(breach, "end_usec", 0), START + (END_MINUTE + 10) * MINUTE);
        assert_int_equal(rv_json_int(breach, "would_end_usec", 0), rv_json_int(breach, "pushed_usec", 0) + 2 * MINUTE);
        assert_int_equal(rv_json_int(breach, "saved_usec", 0),
                         rv_json_int(breach, "end_usec", 0) - rv_json_int(breach, "would_end_usec", 0));
        assert_true(w->n_refused > 0 && w->n_asked > w->n_refused); /* smaller pieces were asked for */
}

/* An alert is told of when its own `for` is over, and not one `for` later. */
static void an_alert_has_waited_already(void **state) {
        struct world *w = *state;
        _cleanup_json_ json_t *report = NULL;
        struct rv_error err;

        w->is_alert = true;
        assert_int_equal(run(w, 2 * MINUTE, &report, &err), 0);
        assert_int_equal(json_array_size(json_object_get(report, "breaches")), 1);
        const json_t *breach = json_array_get(json_object_get(report, "breaches"), 0);
        const json_t *times = json_object_get(json_object_get(breach, "incident"), "times");
        assert_string_equal(rv_json_string(breach, "outcome", ""), "reverted");
        assert_int_equal(rv_json_int(breach, "onset_usec", 0), START + (BAD_MINUTE + 1) * MINUTE);
        assert_int_equal(rv_json_int(times, "onset_usec", 0), rv_json_int(breach, "onset_usec", 0));
        assert_int_equal(rv_json_int(breach, "fired_usec", 0), START + (BAD_MINUTE + 21) * MINUTE);
        assert_int_equal(rv_json_int(breach, "end_usec", 0), START + END_MINUTE * MINUTE);
        assert_true(rv_json_int(breach, "saved_usec", 0) > 30 * MINUTE);
}

static void a_wrong_clock_moves_no_other_commit(void **state) {
        struct world *w = *state;
        _cleanup_json_ json_t *report = NULL;
        struct rv_error err;

        w->has_wrong_clocks = true;
        assert_int_equal(run(w, 2 * MINUTE, &report, &err), 0);
        const json_t *breach = json_array_get(json_object_get(report, "breaches"), 0);
        assert_string_equal(rv_json_string(breach, "outcome", ""), "reverted");
}

static void what_vanished_lasted_until_it_was_last_seen(void **state) {
        struct world *w = *state;
        _cleanup_json_ json_t *report = NULL;
        struct rv_error err;

        w->gone_minute = BAD_MINUTE + 31;
        assert_int_equal(run(w, 2 * MINUTE, &report, &err), 0);
        const json_t *breach = json_array_get(json_object_get(report, "breaches"), 0);
        assert_int_equal(rv_json_int(breach, "end_usec", -1), 0);
        assert_int_equal(rv_json_int(breach, "until_usec", 0), START + (BAD_MINUTE + 30) * MINUTE);
        assert_int_equal(rv_json_int(breach, "saved_usec", 0),
                         rv_json_int(breach, "until_usec", 0) - rv_json_int(breach, "would_end_usec", 0));
        assert_int_equal(rv_json_int(json_object_get(report, "summary"), "breach_usec", 0), 29 * MINUTE);
        const json_t *rule = json_array_get(json_object_get(report, "rules"), 0);
        assert_int_equal(rv_json_int(rule, "evaluations", 0), 300);
        assert_int_equal(rv_json_int(rule, "answered", 0), BAD_MINUTE + 31);
        assert_int_equal(rv_json_int(rule, "last_usec", 0), START + (BAD_MINUTE + 30) * MINUTE);
}

/* It is still watched whether the revert helped: to the engine that is the same incident. */
static void what_comes_back_meanwhile_is_the_same(void **state) {
        struct world *w = *state;
        _cleanup_json_ json_t *report = NULL;
        struct rv_error err;

        w->back_minute = BAD_MINUTE + 20;
        w->config->rules[0].recover_usec = 20 * MINUTE;
        w->config->rules[0].verify_timeout_usec = 60 * MINUTE;
        assert_int_equal(run(w, 3 * MINUTE, &report, &err), 0);
        const json_t *breaches = json_object_get(report, "breaches"), *second = json_array_get(breaches, 1);
        assert_int_equal(json_array_size(breaches), 2);
        assert_ptr_equal(json_object_get(second, "incident"), json_object_get(json_array_get(breaches, 0), "incident"));
        assert_string_equal(rv_json_string(json_object_get(second, "incident"), "state", ""), "recovered");
        assert_int_equal(rv_json_int(second, "saved_usec", 0),
                         rv_json_int(second, "until_usec", 0) - rv_json_int(second, "onset_usec", 0));
        const json_t *times = json_object_get(json_object_get(second, "incident"), "times");
        assert_true(rv_json_int(times, "ended_usec", 0) < rv_json_int(second, "would_end_usec", 0) + 22 * MINUTE);
}

/* As it would for the daemon. */
static void what_cannot_be_evaluated_fails_there(void **state) {
        struct world *w = *state;
        _cleanup_json_ json_t *report = NULL;
        struct rv_error err;

        w->fails = true;
        w->is_twice = true;
        assert_int_equal(run(w, 2 * MINUTE, &report, &err), 0);
        const json_t *rule = json_array_get(json_object_get(report, "rules"), 0);
        assert_int_equal(rv_json_int(rule, "evaluations", 0), 300);
        assert_int_equal(rv_json_int(rule, "failed", 0), 3 + 5);
        assert_int_equal(rv_json_int(rule, "answered", 0), 300 - 8);
        assert_string_equal(rv_json_string(rule, "failure", ""), "many-to-many");
        const json_t *breach = json_array_get(json_object_get(report, "breaches"), 0);
        assert_string_equal(rv_json_string(breach, "outcome", ""), "reverted");
}

static void a_vector_is_required_by_its_labels(void **state) {
        struct world *w = *state;
        struct rv_error err;

        w->config->rules[0].require = strdup("r");
        for (int is_vector = 0; is_vector < 2; is_vector++) {
                _cleanup_json_ json_t *report = NULL;

                w->is_vector = is_vector;
                assert_int_equal(run(w, 2 * MINUTE, &report, &err), 0);
                assert_int_equal(json_array_size(json_object_get(report, "breaches")), is_vector ? 0 : 1);
        }
}

static void a_late_effect_saves_nothing(void **state) {
        _cleanup_json_ json_t *report = NULL;
        struct rv_error err;

        assert_int_equal(run(*state, 80 * MINUTE, &report, &err), 0);
        const json_t *breach = json_array_get(json_object_get(report, "breaches"), 0);
        assert_int_equal(json_array_size(json_object_get(report, "breaches")), 1);
        assert_string_equal(rv_json_string(breach, "outcome", ""), "reverted");
        assert_int_equal(rv_json_int(breach, "saved_usec", -1), 0);
}

static void several_suspects_go_back(void **state) {
        struct world *w = *state;
        _cleanup_json_ json_t *report = NULL;
        struct rv_error err;

        w->has_more = true;
        w->config->rules[0].suspects = RV_SUSPECTS_RESTORE;
        assert_int_equal(run(w, 2 * MINUTE, &report, &err), 0);
        const json_t *breach = json_array_get(json_object_get(report, "breaches"), 0);
        assert_string_equal(rv_json_string(breach, "outcome", ""), "reverted");
        assert_string_equal(rv_json_string(json_object_get(breach, "incident"), "restore", ""), OLD);
}

/* The first one's revert would have come between the second's cause and its onset. */
static void a_revert_is_no_suspect_elsewhere(void **state) {
        struct world *w = *state;
        _cleanup_json_ json_t *report = NULL;
        struct rv_error err;

        w->has_shop = true;
        assert_int_equal(run(w, 2 * MINUTE, &report, &err), 0);
        const json_t *breaches = json_object_get(report, "breaches");
        assert_int_equal(json_array_size(breaches), 2);
        for (size_t i = 0; i < 2; i++)
                assert_string_equal(rv_json_string(json_array_get(breaches, i), "outcome", ""), "reverted");
        const json_t *shop = json_object_get(json_array_get(breaches, 1), "incident");
        const json_t *culprit = json_object_get(json_array_get(json_object_get(shop, "suspects"), 0), "commit");
        assert_string_equal(rv_json_string(culprit, "id", ""), SHOP);
}

static void what_cannot_be_asked_ends_it(void **state) {
        struct world *w = *state;
        json_t *report = NULL;
        struct rv_error err;

        w->is_away = true;
        assert_int_equal(run(w, MINUTE, &report, &err), -EIO);
        assert_non_null(strstr(err.text, "the remote is away"));
        assert_null(report);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(what_a_commit_added_is_evidence),
                TEST(a_revert_is_no_suspect_elsewhere),
                TEST(one_breach_is_one_incident),
                TEST(an_alert_has_waited_already),
                TEST(a_late_effect_saves_nothing),
                TEST(several_suspects_go_back),
                TEST(what_cannot_be_asked_ends_it),
                TEST(a_wrong_clock_moves_no_other_commit),
                TEST(what_vanished_lasted_until_it_was_last_seen),
                TEST(what_comes_back_meanwhile_is_the_same),
                TEST(what_cannot_be_evaluated_fails_there),
                TEST(a_vector_is_required_by_its_labels),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
