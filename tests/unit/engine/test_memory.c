/* Every allocation of the engine fails once: no crash, nothing half done, and a new engine goes on from the store. */
#include "world.h"

#include "../../failing_malloc.h"

#ifndef FAILING_MALLOC
int main(void) {
        return malloc_left < 0 ? 0 : 1; /* nothing is tried */
}
#else

static long left = -1; /* allocations of the engine until one fails */

/* As the shell does it: what the engine could not do is lost, and a new engine is loaded. */
static void handle(struct world *w, const struct rv_event *event) {
        struct rv_step step = {0};
        int r;

        malloc_left = left;
        r = rv_engine_handle(w->engine, event, w->now_usec, &step, &w->err);
        left = malloc_left;
        malloc_left = -1;
        if (r < 0) {
                assert_int_equal(r, -ENOMEM);
                assert_int_equal(step.batch.n + step.n_effects + step.n_transitions, 0);
                world_restart(w);
                return;
        }
        assert_int_equal(rv_store_commit(w->store, &step.batch, &w->err), 0);
        world_take_transitions(w, &step);
        world_take_effects(w, &step);
        rv_step_done(&step);
}

static void answer(struct world *w) {
        struct rv_effect effect = w->asked[0];
        struct rv_git_reply *reply = world_reply(w, effect.request);

        memmove(&w->asked[0], &w->asked[1], --w->n_asked * sizeof(w->asked[0]));
        handle(w, &(struct rv_event){.kind = RV_EVENT_GIT, .git = {effect.token, reply}});
        rv_git_reply_free(reply);
        rv_git_request_free(effect.request);
}

static void evaluate(struct world *w, double value) {
        struct rv_labels *labels = world_labels("web", NULL);
        struct rv_samples samples = world_samples(labels, value);

        w->now_usec += 15 * SEC;
        handle(w, &(struct rv_event){.kind = RV_EVENT_EVALUATED,
                                     .evaluated = {.at_usec = w->now_usec, .samples = &samples}});
        rv_samples_done(&samples);
        rv_labels_unref(labels);
}

static void run(long fail_at, bool is_restore) {
        struct world *w = world_new(POLLED("errors", "mode = \"enforce\"; fallback = \"restore\";"));

        world_bad_commit(w);
        if (is_restore)
                w->outcome[RV_GIT_PLAN] = RV_GIT_CONFLICT;
        left = fail_at;
        for (int i = 0; i < 3; i++)
                evaluate(w, 0.4);
        for (int i = 0; w->n_asked > 0; i++) {
                assert_true(i < 20);
                answer(w);
        }
        for (int i = 0; i < 6; i++)
                evaluate(w, 0.01);
        assert_state(w, RECOVERED);
        assert_int_equal(w->n_pushes, 1);
        assert_int_equal(w->n_opened, 1);
        world_free(w);
}

static void each_fails_once(bool is_restore) {
        long n = 0;

        do {
                run(n++, is_restore);
        } while (left < 0); /* until none failed any more */
        assert_true(n > 500);
}

static void each_allocation_fails_once(void **state) {
        (void)state;
        each_fails_once(false);
}

static void each_allocation_of_a_restore_fails_once(void **state) {
        (void)state;
        each_fails_once(true);
}

int main(void) {
        const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_fails_once),
                                           cmocka_unit_test(each_allocation_of_a_restore_fails_once)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
