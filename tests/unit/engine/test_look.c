/* What would be done now, and no trace of having asked. */
#include "world.h"

static int try_look(struct world *w) {
        struct rv_labels *labels = world_labels("web", NULL);
        int r = world_try(w, &(struct rv_event){.kind = RV_EVENT_REVERT,
                                                .revert = {.labels = labels, .actor = "ana", .is_look = true}});

        rv_labels_unref(labels);
        return r;
}

static json_t *find_look(struct world *w) {
        json_t *explained = rv_engine_explain_json(w->engine, w->incident, w->now_usec);

        assert_non_null(explained);
        return explained;
}

static void leaves_no_trace(void **state) {
        struct world *w = world_new(POLLED("errors", "mode = \"enforce\"; for = \"1h\";"));
        struct commit *bad = world_bad_commit(w);
        struct rv_engine_counts counts;
        json_t *look;

        (void)state;
        world_evaluate_for(w, 0.4, MINUTE); /* pending */
        assert_int_equal(try_look(w), 0);
        look = find_look(w);
        assert_false(json_is_true(json_object_get(look, "done")));
        json_decref(look);
        rv_engine_count(w->engine, &counts);
        assert_int_equal(counts.open[RV_INCIDENT_ATTRIBUTING], 0);
        world_settle(w);
        look = find_look(w);
        const json_t *incident = json_object_get(look, "incident");
        assert_true(json_is_true(json_object_get(look, "done")));
        assert_string_equal(rv_json_string(incident, "reason", ""), "observe");
        assert_string_equal(
                json_string_value(json_array_get(
                        json_object_get(json_object_get(json_object_get(incident, "plan"), "spec"), "commits"), 0)),
                bad->id.hex);
        assert_true(json_array_size(json_object_get(incident, "samples")) > 1);
        assert_string_equal(rv_json_string(json_object_get(look, "series"), "verdict", ""), "breach");
        json_decref(look);
        assert_int_equal(world_count(w, RV_RECORD_INCIDENT), 0);
        assert_int_equal(world_count(w, RV_RECORD_TRANSITION), 0);
        assert_int_equal(world_count(w, RV_RECORD_OUTBOX), 0);
        assert_int_equal(w->n_pushes, 0);
        world_free(w);
}

static void bounded(void **state) {
        struct world *w = world_new(POLLED("errors", "mode = \"enforce\";"));
        char first[RV_INCIDENT_ID_MAX];

        (void)state;
        world_bad_commit(w);
        assert_int_equal(try_look(w), 0);
        memcpy(first, w->incident, sizeof(first));
        for (int i = 0; i < 7; i++)
                assert_int_equal(try_look(w), 0);
        assert_int_equal(try_look(w), -EBUSY);
        world_settle(w);
        for (int i = 0; i < 40; i++) {
                assert_int_equal(try_look(w), 0);
                world_settle(w);
        }
        assert_null(rv_engine_explain_json(w->engine, first, w->now_usec));
        json_decref(find_look(w));
        world_free(w);
}

int main(void) {
        const struct CMUnitTest tests[] = {cmocka_unit_test(leaves_no_trace), cmocka_unit_test(bounded)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
