/* What else is in breach, told with the end of an incident. */
#include "world.h"

#define ENFORCE ALERTS("page", "mode = \"enforce\";")
#define CONFIRM                                                                                                        \
        ALERTS("page", "mode = \"enforce\"; breach = \"> 0.05\";"                                                      \
                       " confirm = \"errors{app=\\\"{{ $labels.app }}\\\"}\";")

/* An alert of the app, of one of several instances. */
static void tell(struct world *w, const char *app, const char *instance, bool firing, int64_t starts_usec) {
        struct rv_labels *labels = world_labels(app, instance);
        struct rv_alert alert = {.labels = labels, .firing = firing, .starts_usec = starts_usec};
        struct rv_alerts alerts = {.alert = &alert, .n = 1};

        if (!firing)
                alert.ends_usec = w->now_usec;
        world_do(w, &(struct rv_event){.kind = RV_EVENT_ALERTS, .alerts = &alerts});
        world_settle(w);
        rv_labels_unref(labels);
}

/* Instance "1" of web is reverted for, and well again; then the others are as they are. */
static struct world *recover_one(const char *rules, const char *const *others, bool others_fire) {
        struct world *w = world_new(rules);
        int64_t starts_usec;

        world_bad_commit(w);
        starts_usec = w->now_usec - 10 * SEC;
        w->query_value = 0.5;
        tell(w, "web", "1", true, starts_usec);
        assert_state(w, VERIFYING);
        for (size_t i = 0; others[i]; i += 2)
                tell(w, others[i], others[i + 1], true, starts_usec);
        w->query_value = 0;
        for (size_t i = 0; others[i] && !others_fire; i += 2)
                tell(w, others[i], others[i + 1], false, starts_usec);
        if (!strstr(rules, "confirm"))
                tell(w, "web", "1", false, starts_usec);
        world_pass(w, MINUTE);
        assert_state(w, RECOVERED);
        return w;
}

static void the_same_scope_is_told(void **state) {
        static const char *const others[] = {"web", "2", "shop", "1", NULL};
        struct world *w = recover_one(ENFORCE, others, true);

        (void)state;
        assert_string_equal(w->detail, "still in breach in the same scope: page {app=\"web\", more=\"2\", "
                                       "severity=\"page\"}");
        world_free(w);
}

static void a_few_are_told(void **state) {
        static const char *const others[] = {"web", "2", "web", "3", "web", "4", "web", "5", "web", "6", NULL};
        struct world *w = recover_one(ENFORCE, others, true);

        (void)state;
        assert_non_null(strstr(w->detail, "more=\"4\""));
        assert_null(strstr(w->detail, "more=\"5\""));
        assert_non_null(strstr(w->detail, " and 2 more"));
        world_free(w);
}

static void who_is_well_too_is_not_told(void **state) {
        static const char *const others[] = {"web", "2", "web", "3", NULL};
        struct world *w = recover_one(ENFORCE, others, false);

        (void)state;
        assert_null(w->detail);
        world_free(w);
}

/* Their alerts are not resolved yet, but nobody has seen them in breach by the second look since. */
static void with_a_second_look_an_alert_alone_is_not_told(void **state) {
        static const char *const others[] = {"web", "2", NULL};
        struct world *w = recover_one(CONFIRM, others, true);

        (void)state;
        assert_null(w->detail);
        world_free(w);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_same_scope_is_told),
                cmocka_unit_test(a_few_are_told),
                cmocka_unit_test(who_is_well_too_is_not_told),
                cmocka_unit_test(with_a_second_look_an_alert_alone_is_not_told),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
