/* The guards one by one, their order, and what a person may override; and scopes that overlap. */
#include "revertd/clock.h"
#include "revertd/incident.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW (INT64_C(1000000) * RV_USEC_PER_SEC)
#define HOUR RV_USEC_PER_HOUR

static struct rv_oid other = {"2222222222222222222222222222222222222222"};

static struct rv_suspect innocent(void) {
        return (struct rv_suspect){.live = {NOW - HOUR, NOW - HOUR, true}};
}

static struct rv_guard_facts passing(const struct rv_suspect *culprit) {
        return (struct rv_guard_facts){
                .culprit = culprit,
                .now_usec = NOW,
                .max_age_usec = 6 * HOUR,
                .cooldown_usec = HOUR,
                .scope_act_usec = NOW - 2 * HOUR,
                .acts_repository = 3,
                .budget_repository = 4,
                .acts_all = 5,
                .budget_all = 6,
        };
}

static void all_pass(void **state) {
        struct rv_suspect culprit = innocent();
        struct rv_guard_facts f = passing(&culprit);

        (void)state;
        assert_int_equal(rv_guards_check(&f), RV_REASON_NONE);
        f.max_age_usec = f.cooldown_usec = 0;
        culprit.live.seen_usec = 1;
        f.scope_act_usec = NOW;
        assert_int_equal(rv_guards_check(&f), RV_REASON_NONE);
}

/* Everything objects at first; take away one objection after the other: what is left is the order. */
static void order(void **state) {
        static const enum rv_reason expected[] = {
                RV_REASON_PAUSED,       RV_REASON_NO_CANDIDATE, RV_REASON_AFTER_ONSET,   RV_REASON_ALREADY_REVERTED,
                RV_REASON_IN_PROGRESS,  RV_REASON_AMBIGUOUS,    RV_REASON_IS_REVERT,     RV_REASON_OPTED_OUT,
                RV_REASON_PROTECTED,    RV_REASON_REAPPLIED,    RV_REASON_IMAGE_UPDATER, RV_REASON_AMID_BREACH,
                RV_REASON_TOO_OLD,      RV_REASON_TOO_LARGE,    RV_REASON_DEPENDENTS,    RV_REASON_EMPTIES_SCOPE,
                RV_REASON_SHARED_CAUSE, RV_REASON_COOLDOWN,     RV_REASON_BUDGET,        RV_REASON_BUDGET,
                RV_REASON_NONE,
        };
        static char *const authors[] = {(char *)"*@example.com", NULL};
        struct rv_rule_config rule = {.confidence = 0.6, .max_files = 1, .shared_cause = 3};
        struct rv_repository_config repository = {.protect_authors = (char **)authors};
        struct rv_suspect culprit = innocent();
        struct rv_guard_facts f = passing(NULL);
        size_t step = 0;

        (void)state;
        f.rule = &rule;
        f.repository = &repository;
        f.n_scopes_breached = 3;
        f.n_dependents = 1;
        f.empties = true;
        culprit.confidence = 0.5;
        culprit.commit.author_email = (char *)"Ana@Example.com";
        culprit.commit.n_inside = 2;
        culprit.commit.n_reverts = 1;
        culprit.commit.reverts = &other;
        culprit.commit.skip = culprit.reverted = true;
        culprit.commit.reapplies = other;
        culprit.commit.subject = (char *)"Update from image update automation";
        culprit.live.seen_usec = NOW - 7 * HOUR;
        f.paused = f.in_progress = f.amid_breach = true;
        f.scope_act_usec = NOW - 1;
        f.acts_repository = f.budget_repository;
        f.acts_all = f.budget_all;
        assert_int_equal(rv_guards_check(&f), expected[step++]);
        f.paused = false;
        assert_int_equal(rv_guards_check(&f), expected[step++]);
        f.only_after_onset = true;
        assert_int_equal(rv_guards_check(&f), expected[step++]);
        f.culprit = &culprit;
        assert_int_equal(rv_guards_check(&f), expected[step++]);
        culprit.reverted = false;
        assert_int_equal(rv_guards_check(&f), expected[step++]);
        f.in_progress = false;
        assert_int_equal(rv_guards_check(&f), expected[step++]);
        culprit.confidence = 0.6;
        assert_int_equal(rv_guards_check(&f), expected[step++]);
        culprit.commit.n_reverts = 0;
        assert_int_equal(rv_guards_check(&f), expected[step++]);
        culprit.commit.skip = false;
        assert_int_equal(rv_guards_check(&f), expected[step++]);
        culprit.commit.author_email = (char *)"ana@example.org";
        assert_int_equal(rv_guards_check(&f), expected[step++]);
        culprit.commit.reapplies.hex[0] = '\0';
        assert_int_equal(rv_guards_check(&f), expected[step++]);
        culprit.commit.subject = (char *)"web: go on";
        assert_int_equal(rv_guards_check(&f), expected[step++]);
        f.amid_breach = false;
        assert_int_equal(rv_guards_check(&f), expected[step++]);
        culprit.live.seen_usec = NOW - 6 * HOUR;
        assert_int_equal(rv_guards_check(&f), expected[step++]);
        culprit.commit.n_inside = 1;
        assert_int_equal(rv_guards_check(&f), expected[step++]);
        f.n_dependents = 0;
        assert_int_equal(rv_guards_check(&f), expected[step++]);
        f.empties = false;
        assert_int_equal(rv_guards_check(&f), expected[step++]);
        f.n_scopes_breached = 2;
        assert_int_equal(rv_guards_check(&f), expected[step++]);
        f.scope_act_usec = NOW - HOUR;
        assert_int_equal(rv_guards_check(&f), expected[step++]);
        f.acts_repository--;
        assert_int_equal(rv_guards_check(&f), expected[step++]);
        f.acts_all--;
        assert_int_equal(rv_guards_check(&f), expected[step++]);
}

static void ours_is_told_from_theirs(void **state) {
        struct rv_suspect culprit = innocent();
        struct rv_guard_facts f = passing(&culprit);

        (void)state;
        culprit.commit.n_reverts = 1;
        culprit.commit.reverts = &other;
        culprit.commit.incident = (char *)"0123456789abcdef";
        assert_int_equal(rv_guards_check(&f), RV_REASON_IS_OURS);
        culprit.commit.incident = NULL;
        assert_int_equal(rv_guards_check(&f), RV_REASON_IS_REVERT);
}

static void force_is_for_people(void **state) {
        static const enum rv_reason forceable[] = {
                RV_REASON_AMBIGUOUS, RV_REASON_IS_REVERT, RV_REASON_IS_OURS,       RV_REASON_OPTED_OUT,
                RV_REASON_PROTECTED, RV_REASON_REAPPLIED, RV_REASON_IMAGE_UPDATER, RV_REASON_OUTSIDE_SCOPE,
                RV_REASON_TOO_OLD,   RV_REASON_TOO_LARGE, RV_REASON_DEPENDENTS,    RV_REASON_SHARED_CAUSE,
                RV_REASON_COOLDOWN,  RV_REASON_BUDGET,    RV_REASON_EMPTIES_SCOPE, RV_REASON_AMID_BREACH};
        struct rv_suspect culprit = innocent();
        struct rv_guard_facts f = passing(&culprit);
        unsigned n = 0;

        (void)state;
        for (unsigned i = 0; i < RV_REASON_MAX; i++)
                n += rv_guard_is_forceable(i);
        assert_int_equal(n, sizeof(forceable) / sizeof(forceable[0]));
        for (size_t i = 0; i < n; i++)
                assert_true(rv_guard_is_forceable(forceable[i]));
        culprit.commit.skip = true;
        f.force = true; /* without a person it means nothing */
        assert_int_equal(rv_guards_check(&f), RV_REASON_OPTED_OUT);
        f.by_hand = true;
        assert_int_equal(rv_guards_check(&f), RV_REASON_NONE);
        f.in_progress = true;
        assert_int_equal(rv_guards_check(&f), RV_REASON_IN_PROGRESS);
        culprit.reverted = true;
        assert_int_equal(rv_guards_check(&f), RV_REASON_ALREADY_REVERTED);
        f.paused = true;
        assert_int_equal(rv_guards_check(&f), RV_REASON_PAUSED);
}

static void image_updaters(void **state) {
        static const struct {
                const char *name, *email, *subject;
                bool is_one;
        } commits[] = {
                {"argocd-image-updater", "noreply@argoproj.io", "build: automatic update of web", true},
                {"Bot", "bot@example.com", "build: automatic update of web", true},
                {"fluxcdbot", "bot@example.com", "web: v2", true},
                {"Bot", "bot@example.com", "Update from image update automation", true},
                {"Argo CD", "noreply@argoproj.io", "web: v2", false},
                {"Ana", "ana@example.com", "ci: automatic update of web", false},
                {"Ana", "ana@example.com", "Update from image update automation (again)", false},
        };
        static char *const ours[] = {(char *)"*@deploys.example.com", NULL};
        struct rv_rule_config rule = {.image_updates = RV_IMAGE_UPDATES_DECLINE};
        struct rv_repository_config repository = {0};
        struct rv_suspect culprit = innocent();
        struct rv_guard_facts f = passing(&culprit);

        (void)state;
        f.rule = &rule;
        f.repository = &repository;
        for (size_t i = 0; i < sizeof(commits) / sizeof(commits[0]); i++) {
                culprit.commit.author_name = (char *)commits[i].name;
                culprit.commit.author_email = (char *)commits[i].email;
                culprit.commit.subject = (char *)commits[i].subject;
                assert_int_equal(rv_guards_check(&f), commits[i].is_one ? RV_REASON_IMAGE_UPDATER : RV_REASON_NONE);
        }
        /* Whoever names theirs has no others. */
        repository.image_updaters = (char **)ours;
        culprit.commit.subject = (char *)"build: automatic update of web";
        assert_int_equal(rv_guards_check(&f), RV_REASON_NONE);
        culprit.commit.author_email = (char *)"tags@deploys.example.com";
        assert_int_equal(rv_guards_check(&f), RV_REASON_IMAGE_UPDATER);
        rule.image_updates = RV_IMAGE_UPDATES_REVERT;
        assert_int_equal(rv_guards_check(&f), RV_REASON_NONE);
        culprit.commit.reapplies = other;
        assert_int_equal(rv_guards_check(&f), RV_REASON_REAPPLIED);
}

/* What cannot be seen may be protected; what lies elsewhere makes a change whole or half. */
static void paths_protect_and_bound(void **state) {
        static char *const protected[] = {(char *)"apps/*/migrations/**", NULL};
        static char *paths[] = {(char *)"apps/web/values.yaml"};
        struct rv_repository_config repository = {.protect_paths = (char **)protected};
        struct rv_rule_config rule = {.outside = RV_OUTSIDE_DECLINE, .max_files = 3, .shared_cause = 1};
        struct rv_suspect culprit = innocent();
        struct rv_guard_facts f = passing(&culprit);

        (void)state;
        f.rule = &rule;
        f.repository = &repository;
        culprit.commit.paths = paths;
        culprit.commit.n_paths = culprit.commit.n_inside = 1;
        assert_int_equal(rv_guards_check(&f), RV_REASON_NONE);
        paths[0] = (char *)"apps/web/migrations/1.sql";
        assert_int_equal(rv_guards_check(&f), RV_REASON_PROTECTED);
        paths[0] = (char *)"apps/web/values.yaml";
        culprit.commit.n_inside = 2;
        assert_int_equal(rv_guards_check(&f), RV_REASON_PROTECTED);
        culprit.commit.n_inside = 1;
        culprit.commit.n_outside = 3;
        assert_int_equal(rv_guards_check(&f), RV_REASON_OUTSIDE_SCOPE);
        rule.outside = RV_OUTSIDE_WHOLE;
        assert_int_equal(rv_guards_check(&f), RV_REASON_TOO_LARGE);
        rule.outside = RV_OUTSIDE_LEAVE;
        assert_int_equal(rv_guards_check(&f), RV_REASON_NONE);
        f.n_scopes_breached = 50; /* it touches others too, and may be what they have in common */
        assert_int_equal(rv_guards_check(&f), RV_REASON_NONE);
        culprit.commit.n_outside = 0;
        assert_int_equal(rv_guards_check(&f), RV_REASON_SHARED_CAUSE);
}

static void each_guard_tells_its_mind(void **state) {
        struct rv_suspect culprit = innocent();
        struct rv_guard_facts f = passing(NULL);
        uint64_t asked = 0, objecting = 0;
        size_t n = 0;

        (void)state;
        f.paused = true;
        f.acts_all = f.budget_all;
        rv_guards_tell(&f, &asked, &objecting);
        assert_int_equal(__builtin_popcountll(asked), 5); /* the others ask about a culprit */
        assert_int_equal(objecting, UINT64_C(1) << RV_REASON_PAUSED | UINT64_C(1) << RV_REASON_NO_CANDIDATE |
                                            UINT64_C(1) << RV_REASON_BUDGET);
        asked = objecting = 0;
        f.culprit = &culprit;
        f.paused = false;
        culprit.commit.skip = true;
        rv_guards_tell(&f, &asked, &objecting);
        assert_false(asked & UINT64_C(1) << RV_REASON_DEPENDENTS); /* only the plan tells */
        f.has_plan = true;
        rv_guards_tell(&f, &asked, &objecting);
        assert_int_equal(objecting, UINT64_C(1) << RV_REASON_OPTED_OUT | UINT64_C(1) << RV_REASON_BUDGET);
        while (rv_guard_at(n) != RV_REASON_NONE)
                assert_true(asked & UINT64_C(1) << rv_guard_at(n++));
        assert_int_equal(__builtin_popcountll(asked), n);
}

static void budget_of_nothing_pushes_nothing(void **state) {
        struct rv_suspect culprit = innocent();
        struct rv_guard_facts f = passing(&culprit);

        (void)state;
        f.acts_repository = f.budget_repository = 0;
        assert_int_equal(rv_guards_check(&f), RV_REASON_BUDGET);
}

static bool overlap(const char *a, const char *b) {
        char *x[] = {(char *)a}, *y[] = {(char *)b};
        bool r = rv_scope_overlaps(x, 1, y, 1);

        assert_int_equal(rv_scope_overlaps(y, 1, x, 1), r);
        return r;
}

static void scopes_overlap(void **state) {
        char *one[] = {(char *)"apps/web/**"};

        (void)state;
        assert_true(overlap("apps/web/**", "apps/web/**"));
        assert_true(overlap("apps/web/**", "apps/web/values.yaml"));
        assert_true(overlap("apps/**", "apps/web/**"));
        assert_true(overlap("apps/*/values.yaml", "apps/web/**"));
        assert_true(overlap("**", "apps/web/**"));
        assert_true(overlap("apps/web", "apps/web/values.yaml"));
        assert_false(overlap("apps/web/**", "apps/api/**"));
        assert_false(overlap("apps/web/**", "apps/website/**"));
        assert_false(overlap("apps/web", "apps/webs"));
        assert_true(rv_scope_overlaps(NULL, 0, one, 1));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(all_pass),
                cmocka_unit_test(order),
                cmocka_unit_test(ours_is_told_from_theirs),
                cmocka_unit_test(image_updaters),
                cmocka_unit_test(force_is_for_people),
                cmocka_unit_test(paths_protect_and_bound),
                cmocka_unit_test(each_guard_tells_its_mind),
                cmocka_unit_test(budget_of_nothing_pushes_nothing),
                cmocka_unit_test(scopes_overlap),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
