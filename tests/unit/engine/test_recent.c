/* What was seen before an incident was opened stays with it. */
#include "world.h"

static void told_with_the_incident(void **state) {
        struct world *w = world_new(POLLED("up", "for = \"45s\"; interval = \"15s\";"));
        const json_t *samples;

        (void)state;
        world_bad_commit(w);
        world_evaluate_for(w, 0.01, 5 * MINUTE);
        int64_t onset_usec = w->now_usec;
        world_evaluate_for(w, 0.5, MINUTE);
        samples = world_open(w)->samples;
        assert_in_range(json_array_size(samples), 4, 12);
        const json_t *first = json_array_get(samples, 0), *second = json_array_get(samples, 1);
        assert_string_equal(json_string_value(json_array_get(first, 2)), "ok");
        assert_float_equal(json_real_value(json_array_get(first, 1)), 0.01, 0);
        assert_string_equal(json_string_value(json_array_get(second, 2)), "breach");
        assert_in_range(json_integer_value(json_array_get(second, 0)), onset_usec, onset_usec + 15 * SEC);
        world_free(w);
}

static void bounded_and_forgotten(void **state) {
        struct world *w = world_new(POLLED("up", "for = \"1h\"; interval = \"15s\";"));

        (void)state;
        world_bad_commit(w);
        world_evaluate_for(w, 0.5, 70 * MINUTE);
        assert_int_equal(json_array_size(world_open(w)->samples), 12);
        int64_t first_usec = json_integer_value(json_array_get(json_array_get(world_open(w)->samples, 0), 0));
        assert_int_equal(first_usec, world_open(w)->times.onset_usec); /* how it began is kept */
        world_free(w);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(told_with_the_incident),
                cmocka_unit_test(bounded_and_forgotten),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
