/* By hand, pauses, and a new configuration. */
#include "world.h"

#define ENFORCE POLLED("errors", "mode = \"enforce\";")

/* -- by hand -- */

static struct rv_event by_hand(const char *const *revisions, size_t n) {
        return (struct rv_event){
                .kind = RV_EVENT_REVERT,
                .revert =
                        {.rule = -1, .revisions = revisions, .n_revisions = n, .actor = "uid 0 (root)", .note = "bad"},
        };
}

static void by_commit(void **state) {
        struct world *w = world_new(ENFORCE);
        const char *revision[1];
        struct rv_event event;

        (void)state;
        revision[0] = world_bad_commit(w)->id.hex;
        event = by_hand(revision, 1);
        world_do(w, &event);
        assert_string_equal(w->actor, "uid 0 (root)");
        assert_int_equal(w->asked[0].request->op, RV_GIT_SHOW);
        world_settle(w);
        assert_state(w, REVERTED);
        assert_int_equal(w->n_pushes, 1);
        assert_int_equal(world_count(w, RV_RECORD_OUTBOX), 3); /* to whom the rules of the repository tell */
        world_do(w, &event);
        world_settle(w);
        assert_ended(w, DECLINED, ALREADY_REVERTED);
        world_free(w);
}

static void several_commits_newest_first(void **state) {
        struct world *w = world_new(ENFORCE);
        char short_id[13] = {0};
        const char *revision[3];
        struct rv_event event;
        struct rv_oid first, second;

        (void)state;
        world_bad_commit(w);
        first = w->branch[0].id;
        second = w->branch[1].id;
        memcpy(short_id, first.hex, 12);
        revision[0] = short_id;
        revision[1] = second.hex;
        revision[2] = first.hex; /* the same again */
        event = by_hand(revision, 3);
        event.revert.dry_run = true;
        world_do(w, &event);
        world_settle_to(w, RV_INCIDENT_ATTRIBUTING);
        while (w->asked[0].request->op != RV_GIT_PLAN)
                world_answer(w);
        assert_int_equal(w->asked[0].request->spec.n_commits, 2);
        assert_string_equal(w->asked[0].request->spec.commits[0].hex, second.hex);
        assert_string_equal(w->asked[0].request->spec.commits[1].hex, first.hex);
        assert_int_equal(w->asked[0].request->spec.n_scope, 0);
        world_restart(w); /* in the middle */
        world_settle(w);
        assert_ended(w, DECLINED, OBSERVE);
        assert_int_equal(w->n_push_requests, 0);
        assert_int_equal(world_count(w, RV_RECORD_OUTBOX), 0); /* a dry run is nobody's business */
        world_free(w);
}

static void by_rule_is_verified(void **state) {
        struct world *w = world_new(ENFORCE);
        struct rv_labels *labels = world_labels("web", NULL);
        struct rv_event event = by_hand(NULL, 0);

        (void)state;
        world_bad_commit(w);
        event.revert.rule = 0;
        event.revert.labels = labels;
        world_do(w, &event);
        world_evaluate(w, 0.01); /* well: a person's wish is not cleared by that */
        world_settle(w);
        assert_state(w, VERIFYING);
        assert_int_equal(world_try(w, &event), -EBUSY);
        world_evaluate_for(w, 0.01, MINUTE);
        assert_state(w, RECOVERED);
        rv_labels_unref(labels);
        world_free(w);
}

/* A rule that tells of a value, and nobody knows one: no "NaN%", and nobody claims to have seen a breach. */
static void by_rule_tells_no_value_that_it_has_not(void **state) {
        (void)state;
        for (int has_value = 0; has_value < 2; has_value++) {
                struct world *w = world_new(POLLED("errors", "summary = \"at {{ $value | humanizePercentage }}\";"));
                struct rv_labels *labels = world_labels("web", NULL);
                struct rv_event event = by_hand(NULL, 0);
                const char *message;

                world_bad_commit(w);
                if (has_value)
                        world_evaluate(w, 0.03);
                event.revert.rule = 0;
                event.revert.labels = labels;
                world_do(w, &event);
                world_settle(w);
                assert_state(w, VERIFYING);
                message = world_open(w)->plan->spec.message;
                assert_int_equal(strstr(message, "at 3%") != NULL, has_value);
                assert_null(strstr(message, "NaN"));
                assert_null(strstr(message, "saw a rule in breach"));
                assert_non_null(strstr(message, "A person asked for it:\n    uid 0 (root)\n    bad\n"));
                rv_labels_unref(labels);
                world_free(w);
        }
}

static void unknown_commit_is_not_found(void **state) {
        struct world *w = world_new(ENFORCE);
        const char *revision = "beefbeefbeef";
        struct rv_event event = by_hand(&revision, 1);

        (void)state;
        world_bad_commit(w);
        world_do(w, &event);
        world_settle(w);
        assert_ended(w, DECLINED, NOT_FOUND);
        world_free(w);
}

static void force_overrides_some_guards(void **state) {
        (void)state;
        for (int force = 0; force < 2; force++) {
                struct world *w = world_new(ENFORCE);
                struct commit *bad = world_bad_commit(w);
                const char *revision = bad->id.hex;
                struct rv_event event = by_hand(&revision, 1);

                bad->skip = true;
                event.revert.force = force;
                world_do(w, &event);
                world_settle(w);
                if (force)
                        assert_state(w, REVERTED);
                else
                        assert_ended(w, DECLINED, OPTED_OUT);
                world_free(w);
        }
}

static void force_does_not_override_a_pause(void **state) {
        struct world *w = world_new(ENFORCE);
        const char *revision = world_bad_commit(w)->id.hex;
        struct rv_event event = by_hand(&revision, 1);

        (void)state;
        event.revert.force = true;
        world_do(w, &(struct rv_event){.kind = RV_EVENT_PAUSE, .pause = {"", "token", NULL, 0}});
        world_do(w, &event);
        world_settle(w);
        assert_ended(w, DECLINED, PAUSED);
        world_free(w);
}

/* Who sees that it made things worse need not wait for its end. */
static void force_takes_a_revert_of_ours_back_while_it_is_verified(void **state) {
        (void)state;
        for (int force = 0; force < 2; force++) {
                struct world *w = world_new(ENFORCE);
                const char *revision;

                world_bad_commit(w);
                world_evaluate(w, 0.4);
                world_settle(w);
                assert_state(w, VERIFYING);
                revision = w->branch[w->n_commits - 1].id.hex;
                struct rv_event event = by_hand(&revision, 1);
                event.revert.force = force;
                world_do(w, &event);
                world_settle(w);
                assert_int_equal(w->n_pushes, 1 + force);
                if (!force)
                        assert_ended(w, DECLINED, IS_OURS);
                world_free(w);
        }
}

static void senseless_requests_are_refused(void **state) {
        struct world *w = world_new(ENFORCE);
        struct rv_labels *bad = world_labels("../x", NULL);
        const char *good = "abcdef12", *hostile = "--upload-pack=x", *spaced = "a b", *scope = "../etc";
        struct rv_event event[] = {by_hand(NULL, 0),   by_hand(&hostile, 1), by_hand(&spaced, 1),
                                   by_hand(&good, 33), by_hand(&good, 1),    by_hand(&good, 1),
                                   by_hand(&good, 1),  by_hand(NULL, 0),     by_hand(&good, 1)};

        (void)state;
        event[4].revert.repository = 7;
        event[5].revert.rule = 7;
        event[6].revert.scope = &scope;
        event[6].revert.n_scope = 1;
        event[7].revert.rule = 0;
        event[7].revert.labels = bad;
        event[8].revert.rule = 0;
        event[8].revert.repository = 1;
        for (size_t i = 0; i < RV_ARRAY_SIZE(event); i++) {
                w->err = (struct rv_error){0};
                assert_int_equal(world_try(w, &event[i]), -EINVAL);
                assert_true(strlen(w->err.text) > 0);
        }
        assert_int_equal(w->n_opened, 0);
        rv_labels_unref(bad);
        world_free(w);
}

/* -- pauses -- */

static int pause_it(struct world *w, const char *scope, int64_t duration_usec) {
        return world_try(w, &(struct rv_event){.kind = RV_EVENT_PAUSE, .pause = {scope, "ana", "why", duration_usec}});
}

static int resume(struct world *w, const char *scope) {
        return world_try(w, &(struct rv_event){.kind = RV_EVENT_RESUME, .pause = {.scope = scope, .actor = "ana"}});
}

static void pauses_are_kept_and_expire(void **state) {
        struct world *w = world_new(ENFORCE);
        json_t *pauses;

        (void)state;
        assert_int_equal(pause_it(w, "rule:nosuch", 0), -EINVAL);
        assert_int_equal(pause_it(w, "repository:nosuch", 0), -EINVAL);
        assert_int_equal(pause_it(w, "everything", 0), -EINVAL);
        assert_int_equal(pause_it(w, "", -1), -EINVAL);
        assert_int_equal(pause_it(w, "rule:errors", HOUR), 0);
        assert_int_equal(pause_it(w, "repository:other", 0), 0);
        world_restart(w);
        assert_true(rv_engine_paused(w->engine, 0, w->now_usec));
        assert_false(rv_engine_paused(w->engine, -1, w->now_usec));
        pauses = rv_engine_pauses_json(w->engine, w->now_usec);
        assert_int_equal(json_array_size(pauses), 2);
        json_decref(pauses);
        world_pass(w, HOUR);
        assert_false(rv_engine_paused(w->engine, 0, w->now_usec));
        assert_int_equal(world_count(w, RV_RECORD_PAUSE), 1);
        assert_int_equal(resume(w, "rule:errors"), -ENOENT);
        assert_int_equal(resume(w, "repository:other"), 0);
        assert_int_equal(world_count(w, RV_RECORD_PAUSE), 0);
        world_free(w);
}

static void pause_ends_what_has_not_been_pushed(void **state) {
        struct world *w = world_new(POLLED("errors", "mode = \"approve\";"));

        (void)state;
        world_bad_commit(w);
        world_evaluate(w, 0.4);
        world_settle(w);
        assert_state(w, HOLDING);
        assert_int_equal(pause_it(w, "repository:other", 0), 0);
        assert_state(w, HOLDING);
        assert_int_equal(pause_it(w, "repository:fleet", 0), 0);
        assert_ended(w, DECLINED, PAUSED);
        assert_string_equal(w->actor, "ana");
        world_free(w);
}

/* Paused in the middle of the push: nothing is pushed again; whether the first one arrived is looked up. */
static void pause_in_the_middle_of_a_push(void **state) {
        (void)state;
        for (int arrived = 0; arrived < 2; arrived++)
                for (int restart = 0; restart < 2; restart++) {
                        struct world *w = world_new(ENFORCE);

                        world_bad_commit(w);
                        world_evaluate(w, 0.4);
                        world_settle_to(w, RV_INCIDENT_REVERTING);
                        w->lost[RV_GIT_PUSH] = true;
                        w->reply_lost_after_push = arrived;
                        if (restart && arrived)
                                rv_git_reply_free(world_reply(w, w->asked[0].request));
                        assert_int_equal(pause_it(w, "", 0), 0);
                        if (restart)
                                world_restart(w);
                        world_settle(w);
                        world_pass(w, MINUTE);
                        assert_int_equal(w->n_push_requests, arrived);
                        if (arrived) {
                                assert_state(w, VERIFYING);
                        } else {
                                assert_ended(w, DECLINED, PAUSED);
                                assert_int_equal(world_count(w, RV_RECORD_ACT), 0);
                        }
                        world_free(w);
                }
}

/* -- a new configuration -- */

static void reconfigure(struct world *w, const char *rules) {
        struct rv_config *config = world_config(rules);

        assert_int_equal(rv_engine_reconfigure(w->engine, config), 0);
        rv_config_unref(w->config);
        w->config = config;
        assert_true(rv_engine_deadline(w->engine) <= w->now_usec);
        world_tick(w);
        assert_true(rv_engine_deadline(w->engine) > w->now_usec);
}

static void rules_are_matched_by_name(void **state) {
        struct world *w = world_new(POLLED("errors", "mode = \"enforce\"; for = \"2m\";"));

        (void)state;
        world_bad_commit(w);
        world_evaluate(w, 0.4);
        world_pass(w, MINUTE);
        reconfigure(w, POLLED("new", "") ", " POLLED("errors", "mode = \"enforce\"; for = \"1m\";"));
        world_evaluate_at(w, 1, "web", 0.4, w->now_usec);
        assert_int_equal(w->n_opened, 1);
        world_settle(w);
        assert_state(w, VERIFYING);
        reconfigure(w, POLLED("errors", "mode = \"enforce\";"));
        world_evaluate_for(w, 0.01, MINUTE);
        assert_state(w, RECOVERED);
        world_free(w);
}

static void rule_gone(void **state) {
        static const struct {
                enum rv_incident_state at, to;
                enum rv_reason reason;
                size_t n_pushes;
        } table[] = {
                {RV_INCIDENT_ATTRIBUTING, RV_INCIDENT_DECLINED, RV_REASON_RULE_GONE, 0},
                {RV_INCIDENT_HOLDING, RV_INCIDENT_DECLINED, RV_REASON_RULE_GONE, 0},
                {RV_INCIDENT_REVERTING, RV_INCIDENT_REVERTED, RV_REASON_RULE_GONE, 1},
                {RV_INCIDENT_CONVERGING, RV_INCIDENT_REVERTED, RV_REASON_RULE_GONE, 1},
                {RV_INCIDENT_VERIFYING, RV_INCIDENT_REVERTED, RV_REASON_RULE_GONE, 1},
        };

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(table); i++)
                for (int restart = 0; restart < 2; restart++) {
                        struct world *w = world_new(
                                table[i].at == RV_INCIDENT_HOLDING ? POLLED("errors", "mode = \"approve\";") : ENFORCE);

                        world_bad_commit(w);
                        world_evaluate(w, 0.4);
                        world_settle_to(w, table[i].at);
                        if (restart) {
                                rv_config_unref(w->config);
                                w->config = world_config(POLLED("other", ""));
                                world_restart(w);
                        } else {
                                reconfigure(w, POLLED("other", ""));
                        }
                        world_settle(w);
                        assert_int_equal(w->state, table[i].to);
                        assert_string_equal(rv_reason_to_string(w->reason), rv_reason_to_string(table[i].reason));
                        assert_int_equal(w->n_pushes, table[i].n_pushes);
                        assert_int_equal(world_count(w, RV_RECORD_SERIES), 0);
                        world_free(w);
                }
}

/* Gone in the middle of a push that then finds the branch moved: there is nothing to attribute by any more. */
static void rule_gone_and_branch_moved(void **state) {
        struct world *w = world_new(ENFORCE);

        (void)state;
        world_bad_commit(w);
        world_evaluate(w, 0.4);
        world_settle_to(w, RV_INCIDENT_REVERTING);
        w->now_usec += SEC;
        world_commit(w);
        reconfigure(w, POLLED("other", ""));
        world_settle(w);
        assert_ended(w, DECLINED, RULE_GONE);
        assert_int_equal(w->n_pushes, 0);
        world_free(w);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(by_commit),
                cmocka_unit_test(several_commits_newest_first),
                cmocka_unit_test(by_rule_is_verified),
                cmocka_unit_test(by_rule_tells_no_value_that_it_has_not),
                cmocka_unit_test(unknown_commit_is_not_found),
                cmocka_unit_test(force_overrides_some_guards),
                cmocka_unit_test(force_does_not_override_a_pause),
                cmocka_unit_test(force_takes_a_revert_of_ours_back_while_it_is_verified),
                cmocka_unit_test(senseless_requests_are_refused),
                cmocka_unit_test(pauses_are_kept_and_expire),
                cmocka_unit_test(pause_ends_what_has_not_been_pushed),
                cmocka_unit_test(pause_in_the_middle_of_a_push),
                cmocka_unit_test(rules_are_matched_by_name),
                cmocka_unit_test(rule_gone),
                cmocka_unit_test(rule_gone_and_branch_moved),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
