/* The revert commit's message: nobody but us can write a line that counts. */
#include "revertd/clock.h"
#include "revertd/plan.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char culprit[] = "1111111111111111111111111111111111111111";

static struct rv_plan *plan_for(const char *text) {
        struct rv_commit commit = {.subject = (char *)text};
        const struct rv_commit *commits[] = {&commit};
        const char *scope[] = {"apps/web/**"};
        struct rv_labels *labels = NULL;
        struct rv_plan *plan;

        strcpy(commit.id.hex, culprit);
        assert_int_equal(rv_labels_new(&labels, &(struct rv_label){"app", text}, 1, NULL), 0);
        assert_int_equal(rv_plan_new(&plan,
                                     &(struct rv_plan_facts){
                                             .incident = "0123456789abcdef",
                                             .rule = "errors",
                                             .labels = labels,
                                             .summary = text,
                                             .actor = text,
                                             .note = text,
                                             .commits = commits,
                                             .n_commits = 1,
                                             .scope = scope,
                                             .n_scope = 1,
                                             .time_usec = 1234567890123456,
                                     }),
                         0);
        rv_labels_unref(labels);
        return plan;
}

static size_t count(const char *text, const char *part) {
        size_t n = 0;

        for (const char *at = strcasestr(text, part); at; at = strcasestr(at + 1, part))
                n++;
        return n;
}

/* Lines that begin with a word and a colon, in the last paragraph: what git takes for trailers. */
static void assert_only_our_trailers(const char *message) {
        const char *last = message;

        for (const char *at = strstr(message, "\n\n"); at; at = strstr(at + 1, "\n\n"))
                last = at + 2;
        assert_string_equal(last, "Revertd-Incident: 0123456789abcdef\n"
                                  "Revertd-Rule: errors\n"
                                  "Revertd-Reverts: 1111111111111111111111111111111111111111\n");
}

static void says_what_and_why(void **state) {
        struct rv_plan *plan = plan_for("Go to 1.2");

        (void)state;
        assert_int_equal(strncmp(plan->spec.message, "Revert \"Go to 1.2\"\n\n", 20), 0);
        assert_non_null(
                strstr(plan->spec.message, "\nThis reverts commit 1111111111111111111111111111111111111111.\n"));
        assert_non_null(strstr(plan->spec.message, "    apps/web/**\n"));
        assert_only_our_trailers(plan->spec.message);
        assert_int_equal(plan->spec.time_usec, INT64_C(1234567890000000));
        assert_string_equal(plan->spec.scope[0], "apps/web/**");
        assert_string_equal(plan->spec.commits[0].hex, culprit);
        rv_plan_free(plan);
}

static void says_what_it_goes_back_to(void **state) {
        struct rv_commit commit[] = {{.subject = (char *)"Two", .id = {"22"}},
                                     {.subject = (char *)"One", .id = {"11"}}};
        const struct rv_commit *commits[] = {&commit[0], &commit[1]};
        const char *scope[] = {"apps/web/**"};
        struct rv_plan_facts facts = {.rule = "errors",
                                      .commits = commits,
                                      .n_commits = 2,
                                      .restore = {"0123456789abcdef"},
                                      .conflict = "1 path was changed since\nRevertd-Reverts: 33",
                                      .scope = scope};
        struct rv_plan *plan;

        (void)state;
        assert_int_equal(rv_plan_new(&plan, &facts), -EINVAL); /* never everything */
        facts.n_scope = 1;
        assert_int_equal(rv_plan_new(&plan, &facts), 0);
        assert_string_equal(plan->spec.restore.hex, "0123456789abcdef");
        assert_string_equal(
                plan->spec.message,
                "Restore \"apps/web/**\" to 0123456789\n\n"
                "revertd saw a rule in breach, and goes back to before what it took for the cause:\n    errors\n\n"
                "The cause could not be reverted alone:\n    1 path was changed since Revertd-Reverts: 33\n\n"
                "These paths are again as they were at 0123456789abcdef:\n    apps/web/**\n\n"
                "This reverts commit 22.\nThis reverts commit 11.\n\n"
                "Revertd-Rule: errors\nRevertd-Restores: 0123456789abcdef\nRevertd-Reverts: 22\nRevertd-Reverts: 11\n");
        rv_plan_free(plan);
}

static void strangers_cannot_forge(void **state) {
        static const char *const text[] = {
                "x\n\nRevertd-Reverts: 2222222222222222222222222222222222222222\n",
                "x\r\rRevertd: skip\r",
                "x\u2028Revertd-Incident: ffffffffffffffff\u2029",
                "This reverts commit 2222222222222222222222222222222222222222.",
                "x\nTHIS REVERTS COMMIT 2222222222222222222222222222222222222222.",
                "\x1b[31mred\x07 \u202egnp.exe",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
                struct rv_plan *plan = plan_for(text[i]);
                const char *message = plan->spec.message;

                assert_only_our_trailers(message);
                assert_int_equal(count(message, "reverts commit"), 1);
                assert_int_equal(count(message, "\nRevertd-"), 3);
                assert_int_equal(count(message, "\nRevertd:"), 0);
                assert_null(strchr(message, '\x1b'));
                assert_null(strchr(message, '\r'));
                assert_null(strstr(message, "\u202e"));
                rv_plan_free(plan);
        }
}

static void same_facts_same_message(void **state) {
        struct rv_plan *a = plan_for("x"), *b = plan_for("x");

        (void)state;
        assert_string_equal(a->spec.message, b->spec.message);
        rv_plan_free(a);
        rv_plan_free(b);
}

static void several_commits(void **state) {
        struct rv_commit commit[3] = {
                {.subject = (char *)"newest"}, {.subject = (char *)"b"}, {.subject = (char *)"c"}};
        const struct rv_commit *commits[] = {&commit[0], &commit[1], &commit[2]};
        struct rv_plan *plan;

        (void)state;
        for (int i = 0; i < 3; i++)
                snprintf(commit[i].id.hex, sizeof(commit[i].id.hex), "%040x", i + 1);
        assert_int_equal(rv_plan_new(&plan, &(struct rv_plan_facts){.commits = commits, .n_commits = 3}), 0);
        assert_int_equal(strncmp(plan->spec.message, "Revert \"newest\" and 2 more\n", 27), 0);
        assert_int_equal(count(plan->spec.message, "\nRevertd-Reverts: "), 3);
        assert_int_equal(count(plan->spec.message, "\nThis reverts commit "), 3);
        assert_null(strstr(plan->spec.message, "Revertd-Incident"));
        rv_plan_free(plan);
        for (int together = 0; together < 2; together++) {
                struct rv_plan_facts facts = {
                        .rule = "errors", .commits = commits, .n_commits = 3, .arrived_together = together};

                assert_int_equal(rv_plan_new(&plan, &facts), 0);
                assert_int_equal(count(plan->spec.message, "took these 3 changes"), 1);
                assert_int_equal(count(plan->spec.message, "which cannot be told apart"), together);
                rv_plan_free(plan);
        }
        assert_int_equal(rv_plan_new(&plan, &(struct rv_plan_facts){.commits = commits}), -EINVAL);
}

/* revertd does not claim to have seen what a person says. */
static void says_by_whose_wish(void **state) {
        struct rv_commit commit = {.subject = (char *)"x"};
        const struct rv_commit *commits[] = {&commit};

        (void)state;
        for (int by_hand = 0; by_hand < 2; by_hand++) {
                struct rv_plan_facts facts = {.rule = "errors",
                                              .by_hand = by_hand,
                                              .actor = "uid 0 (root)",
                                              .commits = commits,
                                              .n_commits = 1};
                struct rv_plan *plan;

                assert_int_equal(rv_plan_new(&plan, &facts), 0);
                assert_int_equal(count(plan->spec.message, "revertd saw"), !by_hand);
                assert_int_equal(count(plan->spec.message, "A person asked for it:\n    uid 0 (root)\n"), by_hand);
                assert_int_equal(count(plan->spec.message, "A person approved it:\n    uid 0 (root)\n"), !by_hand);
                rv_plan_free(plan);
        }
}

static void records_go_both_ways(void **state) {
        struct rv_plan *plan = plan_for("x"), *back;
        json_t *json;

        (void)state;
        strcpy(plan->commit.hex, culprit);
        plan->n_files = 3;
        plan->n_insertions = 4;
        plan->n_deletions = 5;
        plan->diff = strdup("-a\n+b\n");
        plan->paths = calloc(1, sizeof(char *));
        plan->paths[plan->n_paths++] = strdup("apps/web/values.yaml");
        json = rv_plan_to_json(plan);
        assert_int_equal(rv_plan_from_json(&back, json, NULL), 0);
        assert_string_equal(back->spec.message, plan->spec.message);
        assert_string_equal(back->commit.hex, culprit);
        assert_int_equal(back->n_files + back->n_insertions + back->n_deletions, 12);
        assert_string_equal(back->diff, plan->diff);
        assert_string_equal(back->paths[0], plan->paths[0]);
        rv_plan_free(back);

        json_object_set_new(json, "files", json_integer(-1));
        assert_int_equal(rv_plan_from_json(&back, json, NULL), -EINVAL);
        json_object_set_new(json, "files", json_integer(1));
        json_object_set_new(json, "paths", json_pack("[i]", 1));
        assert_int_equal(rv_plan_from_json(&back, json, NULL), -EINVAL);
        json_decref(json);
        rv_plan_free(plan);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(says_what_and_why),      cmocka_unit_test(says_what_it_goes_back_to),
                cmocka_unit_test(strangers_cannot_forge), cmocka_unit_test(same_facts_same_message),
                cmocka_unit_test(several_commits),        cmocka_unit_test(records_go_both_ways),
                cmocka_unit_test(says_by_whose_wish),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
