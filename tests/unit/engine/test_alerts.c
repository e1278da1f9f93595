/* Alerts: duplicates, episodes, the second look, and storms. */
#include "world.h"

#define ENFORCE ALERTS("page", "mode = \"enforce\";")
#define CONFIRM                                                                                                        \
        ALERTS("page", "mode = \"enforce\"; breach = \"> 0.05\";"                                                      \
                       " confirm = \"errors{app=\\\"{{ $labels.app }}\\\"}\";")

static void an_alert_reverts_and_its_end_proves(void **state) {
        struct world *w = world_new(ENFORCE);
        int64_t starts_usec;

        (void)state;
        world_bad_commit(w);
        starts_usec = w->now_usec - 10 * SEC;
        world_alert(w, "web", true, starts_usec);
        assert_int_equal(w->n_alerts_matched, 1);
        assert_int_equal(world_open(w)->times.onset_usec, starts_usec);
        world_settle(w);
        assert_state(w, VERIFYING);
        world_alert(w, "web", true, starts_usec); /* repeated */
        world_pass(w, MINUTE);
        assert_state(w, VERIFYING);
        world_alert(w, "web", false, starts_usec);
        world_pass(w, 29 * SEC);
        assert_state(w, VERIFYING);
        world_pass(w, SEC);
        assert_state(w, RECOVERED);
        assert_int_equal(w->n_opened, 1);
        assert_int_equal(w->n_pushes, 1);
        assert_int_equal(world_count(w, RV_RECORD_SERIES), 0);
        world_free(w);
}

/* It says when it fired: what was changed while it waited for that is no candidate. */
static void an_alert_that_waited_began_before_it_started(void **state) {
        struct world *w = world_new(ALERTS("page", "mode = \"enforce\"; for = \"5m\";"));
        int64_t starts_usec;

        (void)state;
        world_bad_commit(w);
        starts_usec = w->now_usec + 2 * MINUTE;
        w->now_usec += 3 * MINUTE;
        world_alert(w, "web", true, starts_usec);
        assert_int_equal(world_open(w)->times.onset_usec, starts_usec - 5 * MINUTE);
        world_settle(w);
        assert_ended(w, DECLINED, AFTER_ONSET);
        world_alert(w, "web", true, starts_usec); /* repeated */
        world_settle(w);
        assert_int_equal(w->n_opened, 1);
        world_free(w);
}

/* Our clock is an hour behind the sender's: what is told again is no new episode, an old end none of the new one. */
static void a_clock_behind_makes_no_episodes(void **state) {
        struct world *w = world_new(ALERTS("page", "mode = \"observe\";"));
        int64_t starts_usec = w->now_usec + HOUR;

        (void)state;
        world_bad_commit(w);
        for (int i = 0; i < 3; i++) {
                world_alert(w, "web", true, starts_usec);
                world_settle(w);
                w->now_usec += 4 * MINUTE;
        }
        assert_ended(w, DECLINED, OBSERVE);
        assert_int_equal(w->n_opened, 1);
        world_alert(w, "web", true, starts_usec + 30 * MINUTE);
        world_settle(w);
        assert_int_equal(w->n_opened, 2);
        world_alert(w, "web", false, starts_usec); /* ends now, by our clock: before the other began */
        world_alert(w, "web", true, starts_usec + 30 * MINUTE);
        world_settle(w);
        assert_int_equal(w->n_opened, 2);
        world_restart(w);
        world_alert(w, "web", true, starts_usec + 30 * MINUTE);
        world_settle(w);
        assert_int_equal(w->n_opened, 2);
        world_free(w);
}

static void firing_again_takes_the_proof(void **state) {
        struct world *w = world_new(ENFORCE);

        (void)state;
        world_bad_commit(w);
        world_alert(w, "web", true, w->now_usec);
        world_settle(w);
        world_alert(w, "web", false, 0);
        world_pass(w, 15 * SEC);
        world_alert(w, "web", true, w->now_usec);
        world_pass(w, MINUTE);
        assert_state(w, VERIFYING);
        world_pass(w, 15 * MINUTE);
        assert_ended(w, UNRECOVERED, NOT_RECOVERED);
        assert_string_equal(w->detail, "the alert still fires: nobody has sent that it is resolved");
        assert_int_equal(w->n_opened, 1);
        world_free(w);
}

/* Grafana fires where it has no data, and resolves what is missing. */
static void what_decides_nothing_neither_opens_nor_proves(void **state) {
        struct world *w = world_new(ENFORCE);

        (void)state;
        world_bad_commit(w);
        w->alerts_decide_nothing = true;
        world_alert(w, "web", true, w->now_usec);
        assert_int_equal(w->n_alerts_matched, 0);
        assert_int_equal(w->n_opened, 0);
        w->alerts_decide_nothing = false;
        world_alert(w, "web", true, w->now_usec);
        world_settle(w);
        assert_state(w, VERIFYING);
        w->alerts_decide_nothing = true;
        world_alert(w, "web", false, 0);
        world_pass(w, 15 * MINUTE);
        assert_ended(w, UNRECOVERED, NOT_RECOVERED);
        world_free(w);
}

static void an_active_alert_is_acted_upon(void **state) {
        struct world *w = world_new(LOOKED_UP("page", "mode = \"enforce\"; receivers = [ \"deploys\" ];"));

        (void)state;
        world_bad_commit(w);
        w->alert_state = RV_ALERT_ACTIVE;
        world_alert(w, "web", true, w->now_usec);
        assert_state(w, CONFIRMING);
        world_settle_to(w, RV_INCIDENT_HOLDING);
        assert_int_equal(world_count(w, RV_RECORD_OUTBOX), 0); /* it waits for nothing that people would hear of */
        world_settle(w);
        assert_state(w, VERIFYING);
        assert_int_equal(w->n_lookups, 2); /* before Git is asked, and right before the push */
        assert_int_equal(w->n_pushes, 1);
        world_free(w);
}

static void one_that_is_silenced_or_gone_is_not(void **state) {
        static const struct {
                enum rv_alert_state state;
                enum rv_reason reason;
                const char *detail;
        } cases[] = {{RV_ALERT_SILENCED, RV_REASON_SILENCED, "by the world"},
                     {RV_ALERT_INHIBITED, RV_REASON_INHIBITED, "by the world"},
                     {RV_ALERT_ABSENT, RV_REASON_NOT_CONFIRMED, "Alertmanager does not have the alert any more"}};

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(cases); i++) {
                struct world *w = world_new(LOOKED_UP("page", "mode = \"enforce\";"));

                world_bad_commit(w);
                w->alert_state = cases[i].state;
                world_alert(w, "web", true, w->now_usec);
                world_settle(w);
                assert_int_equal(w->state, RV_INCIDENT_DECLINED);
                assert_int_equal(w->reason, cases[i].reason);
                assert_string_equal(w->detail, cases[i].detail);
                assert_int_equal(w->n_push_requests, 0);
                world_free(w);
        }
}

/* Silenced while a person was asked. */
static void it_is_asked_again_before_the_push(void **state) {
        struct world *w = world_new(LOOKED_UP("page", "mode = \"approve\";"));

        (void)state;
        world_bad_commit(w);
        w->alert_state = RV_ALERT_ACTIVE;
        world_alert(w, "web", true, w->now_usec);
        world_settle(w);
        assert_state(w, HOLDING);
        world_pass(w, MINUTE);
        w->alert_state = RV_ALERT_SILENCED;
        world_do(w, &(struct rv_event){.kind = RV_EVENT_APPROVE, .person = {w->incident, "token", NULL}});
        assert_state(w, HOLDING);
        world_settle(w);
        assert_ended(w, DECLINED, SILENCED);
        assert_int_equal(w->n_push_requests, 0);
        world_free(w);
}

/* As after a sleep of the machine: no tick came when its time was over. */
static void an_answer_that_was_lost_is_none(void **state) {
        struct world *w = world_new(LOOKED_UP("page", "mode = \"enforce\";"));

        (void)state;
        world_bad_commit(w);
        w->alert_state = RV_ALERT_ACTIVE;
        world_alert(w, "web", true, w->now_usec);
        world_settle_to(w, RV_INCIDENT_HOLDING);
        w->now_usec += 11 * MINUTE;
        world_do(w, &(struct rv_event){.kind = RV_EVENT_TICK});
        assert_ended(w, DECLINED, NOT_CONFIRMED);
        assert_int_equal(w->n_push_requests, 0);
        world_free(w);
}

static void without_an_answer_nothing_is_done(void **state) {
        struct world *w = world_new(LOOKED_UP("page", "mode = \"enforce\"; hold = \"30s\";"));

        (void)state;
        world_bad_commit(w);
        w->alert_state = RV_ALERT_ACTIVE;
        world_alert(w, "web", true, w->now_usec);
        world_settle(w);
        assert_state(w, HOLDING);
        w->alert_state = RV_ALERT_UNKNOWN;
        world_pass(w, 31 * SEC);
        world_settle(w);
        assert_state(w, HOLDING);
        world_restart(w); /* the wait is over there too */
        world_pass(w, MINUTE);
        assert_state(w, HOLDING);
        for (int i = 0; i < 8; i++)
                world_pass(w, 30 * SEC);
        assert_ended(w, DECLINED, NOT_CONFIRMED);
        assert_int_equal(w->n_push_requests, 0);
        world_free(w);
}

static void resolved_during_the_push_is_verified(void **state) {
        struct world *w = world_new(ENFORCE);

        (void)state;
        world_bad_commit(w);
        world_alert(w, "web", true, w->now_usec);
        world_settle_to(w, RV_INCIDENT_REVERTING);
        world_alert(w, "web", false, 0);
        assert_state(w, REVERTING);
        world_settle(w);
        assert_state(w, VERIFYING);
        world_pass(w, 30 * SEC);
        assert_state(w, RECOVERED);
        world_free(w);
}

static void resolved_before_the_push_clears(void **state) {
        struct world *w = world_new(ENFORCE);

        (void)state;
        world_bad_commit(w);
        world_alert(w, "web", true, w->now_usec);
        world_alert(w, "web", false, w->now_usec);
        assert_state(w, CLEARED);
        world_settle(w);
        assert_int_equal(w->n_push_requests, 0);
        world_free(w);
}

/* Re-notification must not revert again, whatever happened in between, restarts among it. */
static void repeated_after_the_end_opens_nothing(void **state) {
        struct world *w = world_new(ENFORCE);
        int64_t starts_usec;

        (void)state;
        world_bad_commit(w);
        starts_usec = w->now_usec;
        world_alert(w, "web", true, starts_usec);
        world_settle(w);
        world_pass(w, 20 * MINUTE);
        assert_ended(w, UNRECOVERED, NOT_RECOVERED);
        world_alert(w, "web", true, starts_usec);
        world_restart(w);
        world_alert(w, "web", true, starts_usec);
        assert_int_equal(w->n_opened, 1);

        /* But an episode that began after that end is new, though nobody told of the end of the one before. */
        world_pass(w, HOUR);
        world_alert(w, "web", true, w->now_usec);
        assert_int_equal(w->n_opened, 2);
        world_free(w);
}

/* Of two Alertmanagers one is late. */
static void late_copy_of_a_resolved_alert_is_ignored(void **state) {
        struct world *w = world_new(ENFORCE);
        int64_t starts_usec;

        (void)state;
        world_bad_commit(w);
        starts_usec = w->now_usec;
        world_alert(w, "web", true, starts_usec);
        world_alert(w, "web", false, starts_usec);
        assert_state(w, CLEARED);
        world_alert(w, "web", true, starts_usec);
        assert_int_equal(w->n_opened, 1);
        world_pass(w, MINUTE);
        world_alert(w, "web", true, w->now_usec);
        assert_int_equal(w->n_opened, 2);
        world_free(w);
}

static void the_late_end_of_an_earlier_episode_is_ignored(void **state) {
        struct world *w = world_new(ENFORCE);
        struct rv_labels *labels = world_labels("web", NULL);
        struct rv_alert late = {.labels = labels};
        struct rv_alerts alerts = {.alert = &late, .n = 1};

        (void)state;
        world_bad_commit(w);
        late.starts_usec = w->now_usec;
        world_alert(w, "web", true, late.starts_usec);
        world_settle(w);
        world_pass(w, MINUTE);
        late.ends_usec = w->now_usec - SEC;
        world_alert(w, "web", true, w->now_usec); /* it fires anew, and the end of the first is still on its way */
        world_restart(w);
        world_do(w, &(struct rv_event){.kind = RV_EVENT_ALERTS, .alerts = &alerts});
        world_pass(w, 5 * MINUTE);
        assert_state(w, VERIFYING);
        world_alert(w, "web", false, 0);
        world_pass(w, MINUTE);
        assert_state(w, RECOVERED);
        rv_labels_unref(labels);
        world_free(w);
}

static void startsAt_in_the_future_is_now(void **state) {
        struct world *w = world_new(ENFORCE);

        (void)state;
        world_alert(w, "web", true, w->now_usec + HOUR);
        assert_int_equal(world_open(w)->times.onset_usec, w->now_usec);
        world_free(w);
}

static void other_alerts_are_only_counted(void **state) {
        struct world *w = world_new(ENFORCE);
        struct rv_label label = {"severity", "info"};
        struct rv_alert alert = {.firing = true};
        struct rv_alerts alerts = {.alert = &alert, .n = 1};

        (void)state;
        assert_int_equal(rv_labels_new(&alert.labels, &label, 1, NULL), 0);
        world_do(w, &(struct rv_event){.kind = RV_EVENT_ALERTS, .alerts = &alerts});
        assert_int_equal(w->n_alerts_matched, 0);
        assert_int_equal(w->n_opened, 0);
        rv_labels_unref(alert.labels);
        world_free(w);
}

static void labels_without_a_safe_path_are_declined(void **state) {
        static const char *const app[] = {"../../etc", "", "a/b", "*"};

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(app); i++) {
                struct world *w = world_new(ENFORCE);

                world_alert(w, app[i], true, w->now_usec);
                assert_ended(w, DECLINED, BAD_SCOPE);
                assert_non_null(w->detail);
                assert_int_equal(w->n_asked, 0);
                world_free(w);
        }
}

/* -- confirm -- */

static void confirmed(void **state) {
        struct world *w = world_new(CONFIRM);

        (void)state;
        world_bad_commit(w);
        w->query_value = 0.4;
        world_alert(w, "web", true, w->now_usec);
        assert_state(w, CONFIRMING);
        assert_string_equal(w->asked[0].expr, "errors{app=\"web\"}");
        world_settle(w);
        assert_state(w, VERIFYING);
        assert_true(world_open(w)->value > 0.39);
        world_pass(w, MINUTE);
        assert_state(w, VERIFYING);
        w->query_value = NAN;
        world_pass(w, MINUTE);
        w->query_fails = true;
        world_pass(w, MINUTE);
        assert_state(w, VERIFYING);
        w->query_fails = false;
        w->query_value = 0.01;
        world_pass(w, MINUTE);
        assert_state(w, RECOVERED);
        world_free(w);
}

static void quotes_in_labels_stay_in_the_string(void **state) {
        struct world *w = world_new(CONFIRM);

        (void)state;
        world_alert(w, "x\"} or vector(1) #", true, w->now_usec);
        assert_ended(w, DECLINED, BAD_SCOPE); /* no path; asked of no server */
        assert_int_equal(w->n_asked, 0);
        world_free(w);
}

static void not_confirmed(void **state) {
        struct world *w = world_new(CONFIRM);

        (void)state;
        world_bad_commit(w);
        w->query_value = 0.01;
        world_alert(w, "web", true, w->now_usec);
        world_settle(w);
        assert_ended(w, DECLINED, NOT_CONFIRMED);
        world_free(w);
}

static void no_answer_does_not_confirm(void **state) {
        (void)state;
        for (int fails = 0; fails < 2; fails++) {
                struct world *w = world_new(CONFIRM);

                world_bad_commit(w);
                w->query_fails = fails;
                world_alert(w, "web", true, w->now_usec);
                world_settle(w);
                world_pass(w, MINUTE);
                assert_state(w, CONFIRMING);
                world_pass(w, MINUTE);
                assert_ended(w, DECLINED, NOT_CONFIRMED);
                assert_int_equal(w->n_push_requests, 0);
                world_free(w);
        }
}

static void confirmed_at_the_third_try(void **state) {
        struct world *w = world_new(CONFIRM);

        (void)state;
        world_bad_commit(w);
        w->query_fails = true;
        world_alert(w, "web", true, w->now_usec);
        world_settle(w);
        world_pass(w, SEC);
        w->query_fails = false;
        w->query_value = 0.4;
        world_pass(w, 10 * SEC);
        assert_state(w, VERIFYING);
        world_free(w);
}

/* -- storms -- */

static void deliver(struct world *w, size_t first, size_t n, int64_t starts_usec, struct rv_step *step, int expected) {
        struct rv_alert *alert = calloc(n, sizeof(*alert));
        struct rv_alerts alerts = {.alert = alert, .n = n};

        for (size_t i = 0; i < n; i++) {
                char app[32];

                snprintf(app, sizeof(app), "app%zu", first + i);
                alert[i] = (struct rv_alert){
                        .labels = world_labels(app, NULL), .firing = true, .starts_usec = starts_usec};
        }
        assert_int_equal(rv_engine_handle(w->engine, &(struct rv_event){.kind = RV_EVENT_ALERTS, .alerts = &alerts},
                                          w->now_usec, step, &w->err),
                         expected);
        for (size_t i = 0; i < n; i++)
                rv_labels_unref(alert[i].labels);
        free(alert);
}

static void storm_is_bounded_and_told_once(void **state) {
        struct world *w = world_new(ENFORCE);
        struct rv_step step = {0};
        size_t n_too_many = 0, n_notices = 0;
        struct rv_engine_counts counts;

        (void)state;
        world_bad_commit(w);
        deliver(w, 0, 3000, w->now_usec, &step, 0);
        for (size_t i = 0; i < step.n_transitions; i++)
                n_too_many += step.transition[i].reason == RV_REASON_TOO_MANY;
        for (size_t i = 0; i < step.batch.n; i++)
                n_notices += step.batch.write[i].kind == RV_RECORD_OUTBOX;
        assert_int_equal(n_too_many, 2000);
        assert_int_equal(n_notices, 1);
        assert_int_equal(step.n_alerts_matched, 3000);
        rv_step_done(&step);
        rv_engine_count(w->engine, &counts);
        assert_int_equal(counts.open[RV_INCIDENT_ATTRIBUTING], RV_INCIDENTS_OPEN_MAX);

        /* All are known now: the same again changes nothing. */
        deliver(w, 0, 3000, w->now_usec, &step, 0);
        assert_int_equal(step.n_transitions, 0);
        assert_int_equal(step.batch.n, 0);
        rv_step_done(&step);

        /* More than can be followed are left to the sender, not dropped. */
        deliver(w, 3000, 7001, w->now_usec, &step, -ENOBUFS);
        assert_int_equal(step.batch.n, 0);
        deliver(w, 3000, 7000, w->now_usec, &step, 0);
        rv_step_done(&step);
        world_free(w);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_alert_reverts_and_its_end_proves),
                cmocka_unit_test(an_alert_that_waited_began_before_it_started),
                cmocka_unit_test(firing_again_takes_the_proof),
                cmocka_unit_test(a_clock_behind_makes_no_episodes),
                cmocka_unit_test(what_decides_nothing_neither_opens_nor_proves),
                cmocka_unit_test(an_active_alert_is_acted_upon),
                cmocka_unit_test(one_that_is_silenced_or_gone_is_not),
                cmocka_unit_test(it_is_asked_again_before_the_push),
                cmocka_unit_test(an_answer_that_was_lost_is_none),
                cmocka_unit_test(without_an_answer_nothing_is_done),
                cmocka_unit_test(resolved_during_the_push_is_verified),
                cmocka_unit_test(resolved_before_the_push_clears),
                cmocka_unit_test(repeated_after_the_end_opens_nothing),
                cmocka_unit_test(late_copy_of_a_resolved_alert_is_ignored),
                cmocka_unit_test(the_late_end_of_an_earlier_episode_is_ignored),
                cmocka_unit_test(startsAt_in_the_future_is_now),
                cmocka_unit_test(other_alerts_are_only_counted),
                cmocka_unit_test(labels_without_a_safe_path_are_declined),
                cmocka_unit_test(confirmed),
                cmocka_unit_test(quotes_in_labels_stay_in_the_string),
                cmocka_unit_test(not_confirmed),
                cmocka_unit_test(no_answer_does_not_confirm),
                cmocka_unit_test(confirmed_at_the_third_try),
                cmocka_unit_test(storm_is_bounded_and_told_once),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
