/* Messages for Slack: what they must say, and that nothing in a notice can break their limits or their markup. */
#include "revertd/outbox.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/incident.h"
#include "revertd/json.h"
#include "revertd/text.h"

#include <math.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after the above */
#include <cmocka.h>

enum { BLOCKS_MAX = 50, HEADER_MAX = 150, SECTION_MAX = 3000, ALL_BLOCKS_MAX = 9000, TEXT_MAX = 4000 };
#define AT INT64_C(1772359200000000)
#define CULPRIT "9c1e2ab000000000000000000000000000000000"
#define REVERT "abcdef0123000000000000000000000000000000"

/* -- An incident to tell of -- */

struct tale {
        const char *text; /* put wherever text from outside stands */
        size_t n_labels;
        size_t n_paths;
        enum rv_incident_state state;
        enum rv_reason reason;
        bool by_hand, together, is_late, has_no_detail;
};

static struct rv_labels *tale_labels(const struct tale *tale) {
        struct rv_label label[RV_LABELS_MAX];
        static char name[RV_LABELS_MAX][32];
        for (size_t i = 0; i < tale->n_labels; i++) {
                snprintf(name[i], sizeof(name[i]), "label%zu", i);
                label[i] = (struct rv_label){name[i], tale->text};
        }
        struct rv_labels *labels;
        assert_int_equal(rv_labels_new(&labels, label, tale->n_labels, NULL), 0);
        return labels;
}

static void tell_plan(struct rv_incident *incident, const struct tale *tale) {
        incident->plan = calloc(1, sizeof(*incident->plan));
        strcpy(incident->plan->commit.hex, REVERT);
        incident->plan->n_files = 2;
        incident->plan->n_insertions = 3;
        incident->plan->n_deletions = 1;
        incident->plan->paths = calloc(tale->n_paths + 1, sizeof(char *));
        for (; incident->plan->n_paths < tale->n_paths; incident->plan->n_paths++)
                incident->plan->paths[incident->plan->n_paths] = strdup(tale->text);
        incident->plan->spec = (struct rv_revert_spec){.n_commits = 1,
                                                       .commits = calloc(1, sizeof(struct rv_oid)),
                                                       .message = strdup(tale->text),
                                                       .scope = calloc(1, sizeof(char *)),
                                                       .time_usec = AT};
        strcpy(incident->plan->spec.base.hex, REVERT);
        strcpy(incident->plan->spec.commits[0].hex, CULPRIT);
}

static struct rv_incident *tell(const struct tale *tale) {
        struct rv_incident *incident = calloc(1, sizeof(*incident));
        strcpy(incident->id, "7f3c000000000001");
        incident->state = tale->state;
        incident->reason = tale->reason;
        incident->mode = RV_MODE_APPROVE;
        incident->by_hand = tale->by_hand;
        incident->detail = tale->has_no_detail ? NULL : strdup(tale->text);
        incident->rule = strdup("http-error-ratio");
        incident->labels = tale_labels(tale);
        incident->summary = strdup(tale->text);
        incident->repository = strdup("fleet");
        incident->scope = calloc(2, sizeof(char *));
        incident->scope[0] = strdup("apps/checkout/**");
        incident->n_scope = 1;
        incident->value = 0.31;
        incident->last_value = 0.02;
        incident->deadline_usec = AT + RV_USEC_PER_HOUR;
        incident->n_transitions = 3;
        incident->times = (struct rv_incident_times){.onset_usec = AT, .detected_usec = AT + 1000000};
        if (tale->state > RV_INCIDENT_HOLDING && tale->state < RV_INCIDENT_CLEARED)
                incident->times.pushed_usec = AT + 3500000;
        if (tale->by_hand) {
                incident->actor = strdup(tale->text);
                incident->note = strdup(tale->text);
        }
        incident->suspects = calloc(2, sizeof(*incident->suspects));
        incident->n_suspects = 2;
        for (size_t i = 0; i < 2; i++) {
                struct rv_suspect *suspect = &incident->suspects[i];
                strcpy(suspect->commit.id.hex, CULPRIT);
                suspect->commit.id.hex[39] = (char)('0' + i);
                suspect->commit.author_name = strdup(tale->text);
                suspect->commit.author_email = strdup("ana@example.com");
                suspect->commit.subject = strdup(tale->text);
                suspect->commit.commit_usec = AT - 60000000;
                suspect->evidence = (1U << RV_EVIDENCE_IN_SCOPE) | (1U << RV_EVIDENCE_CLOSE);
                suspect->confidence = 0.8;
                if (i == 0) {
                        suspect->evidence |= 1U << RV_EVIDENCE_ADDED;
                        suspect->commit.values = calloc(1, sizeof(struct rv_value));
                        suspect->commit.n_values = 1;
                        suspect->commit.values[0] =
                                (struct rv_value){strdup("version"), strdup("v1.2.3"), strdup("apps/a.yaml"), false};
                }
                if (tale->together)
                        suspect->evidence |= 1U << RV_EVIDENCE_TOGETHER;
        }
        if (tale->is_late) {
                incident->suspects[0].live.observed = true;
                incident->suspects[0].live.seen_usec = AT + 2 * RV_USEC_PER_SEC;
        }
        if (tale->state == RV_INCIDENT_PROPOSED)
                incident->proposal = (struct rv_proposal){.number = 7, .url = strdup(tale->text)};
        tell_plan(incident, tale);
        return incident;
}

static json_t *render(const struct tale *tale, bool is_reply) {
        struct rv_incident *incident = tell(tale);
        struct rv_transition transition = {.number = 3,
                                           .from = RV_INCIDENT_ATTRIBUTING,
                                           .to = tale->state,
                                           .reason = tale->reason,
                                           .at_usec = AT,
                                           .actor = (char *)"revertd",
                                           .detail = tale->has_no_detail ? NULL : (char *)tale->text};
        strcpy(transition.incident, incident->id);
        _cleanup_json_ json_t *notice =
                json_pack("{s:s, s:o, s:o, s:{s:s, s:s}, s:s, s:I}", "receiver", "deploys", "incident",
                          rv_incident_to_json(incident), "transition", rv_transition_to_json(&transition), "rule",
                          "threshold", "> 0.05", "runbook", "https://wiki.example.com/run|book", "commit_url",
                          "https://git.example.com/fleet/commit/{}", "queued_usec", (json_int_t)AT);
        assert_non_null(notice);
        rv_incident_free(incident);
        json_t *message = rv_slack_render(notice, is_reply, "https://revertd.example.com");
        assert_non_null(message);
        return message;
}

/* -- What holds for every message -- */

static void check_markup(const char *text) {
        assert_true(rv_text_is_utf8(text, strlen(text)));
        for (const char *p = strchr(text, '<'); p; p = strchr(p + 1, '<')) {
                if (strncmp(p, "<https://git.example.com/", 25) != 0 && strncmp(p, "<https://wiki.", 14) != 0 &&
                    strncmp(p, "<https://revertd.", 17) != 0 && strncmp(p, "<!date^", 7) != 0)
                        fail_msg("markup that is not ours: %.60s", p);
                assert_non_null(strchr(p, '>'));
        }
        for (const char *p = strchr(text, '&'); p; p = strchr(p + 1, '&'))
                assert_true(strncmp(p, "&amp;", 5) == 0 || strncmp(p, "&lt;", 4) == 0 || strncmp(p, "&gt;", 4) == 0);
        size_t backticks = 0;
        for (const char *p = text; *p; p++)
                backticks += *p == '`';
        assert_int_equal(backticks % 2, 0);
        assert_null(strstr(text, "@channel"));
        assert_null(strstr(text, "\xe2\x80\xae"));
        assert_null(strchr(text, '\x1b'));
}

static size_t check_text_object(const json_t *object, size_t max) {
        const char *text = rv_json_string(object, "text", NULL);
        assert_non_null(text);
        assert_in_range(strlen(text), 1, max);
        if (strcmp(rv_json_string(object, "type", ""), "mrkdwn") == 0)
                assert_true(rv_json_bool(object, "verbatim", false));
        check_markup(text);
        return strlen(text);
}

static void check_limits(const json_t *message) {
        const char *text = rv_json_string(message, "text", NULL);
        assert_non_null(text);
        assert_in_range(strlen(text), 1, TEXT_MAX);
        check_markup(text);
        const json_t *blocks = json_object_get(message, "blocks"), *block;
        assert_in_range(json_array_size(blocks), 1, BLOCKS_MAX);
        size_t i, all = 0;
        json_array_foreach (blocks, i, block) {
                const char *type = rv_json_string(block, "type", "");
                if (strcmp(type, "header") == 0) {
                        assert_string_equal(rv_json_string(json_object_get(block, "text"), "type", ""), "plain_text");
                        all += check_text_object(json_object_get(block, "text"), HEADER_MAX);
                } else if (strcmp(type, "context") == 0) {
                        assert_int_equal(json_array_size(json_object_get(block, "elements")), 1);
                        all += check_text_object(json_array_get(json_object_get(block, "elements"), 0), SECTION_MAX);
                } else {
                        assert_string_equal(type, "section");
                        all += check_text_object(json_object_get(block, "text"), SECTION_MAX);
                }
        }
        assert_in_range(all, 1, ALL_BLOCKS_MAX);
}

static char *repeat(const char *unit, size_t bytes) {
        char *text = malloc(bytes + strlen(unit) + 1);
        size_t n = 0;
        while (n < bytes) {
                strcpy(text + n, unit);
                n += strlen(unit);
        }
        return text;
}

static void test_hostile(void **state) {
        (void)state;
        static const char *const unit[] = {"<!channel>", "<https://evil.example|click>",
                                           "`",          "&",
                                           "a\nb\r\n",   "\xe2\x80\xae",
                                           "@channel ",  "\xf0\x9f\x98\x80",
                                           "\x1b[31m",   "*_~",
                                           "]]>\"'\\{}", "x"};
        for (size_t i = 0; i < RV_ARRAY_SIZE(unit); i++)
                for (int s = 0; s < RV_INCIDENT_STATE_MAX; s++)
                        for (size_t bytes = 1; bytes <= 100000; bytes *= 100) {
                                _cleanup_free_ char *text = repeat(unit[i], bytes);
                                size_t label_max = RV_LABEL_VALUE_BYTES_MAX;
                                _cleanup_free_ char *cut = strndup(text, label_max - 8);
                                while (!rv_text_is_utf8(cut, strlen(cut)))
                                        cut[strlen(cut) - 1] = '\0';
                                struct tale tale = {.text = bytes > label_max ? cut : text,
                                                    .n_labels = 60,
                                                    .n_paths = RV_COMMIT_PATHS_MAX,
                                                    .state = (enum rv_incident_state)s,
                                                    .reason = RV_REASON_CONFLICT,
                                                    .by_hand = s % 2 == 0};
                                for (int reply = 0; reply < 2; reply++) {
                                        _cleanup_json_ json_t *message = render(&tale, reply);
                                        check_limits(message);
                                }
                        }
}

static void test_subject_of_100_kilobytes(void **state) {
        (void)state;
        _cleanup_free_ char *text = repeat("<!channel> & `so on` ", 100000);
        _cleanup_json_ json_t *message = render(&(struct tale){.text = text, .state = RV_INCIDENT_DECLINED}, false);
        check_limits(message);
}

/* -- What they say -- */

static char *all_text(const json_t *message) {
        char *text = rv_json_dump(message);
        assert_non_null(text);
        return text;
}

static void expect_says(const char *text, const char *words) {
        if (!strstr(text, words))
                fail_msg("\"%s\" is not in %s", words, text);
}

static void test_recovered(void **state) {
        (void)state;
        struct tale tale = {.text = "Shrink the pool",
                            .n_labels = 1,
                            .n_paths = 1,
                            .state = RV_INCIDENT_RECOVERED,
                            .has_no_detail = true};
        _cleanup_json_ json_t *message = render(&tale, false);
        _cleanup_free_ char *text = all_text(message);
        expect_says(text, "Recovered: http-error-ratio");
        expect_says(text, "`label0=Shrink the pool`");
        expect_says(text, "*Value* `0.31`, now `0.02`, bad when `&gt; 0.05`, since <!date^1772359200^");
        expect_says(text, "*Culprit* ");
        expect_says(text, "<https://git.example.com/fleet/commit/" CULPRIT "|9c1e2ab000>` `Shrink the pool`");
        expect_says(text, "touches the scope");
        expect_says(text, "a commit id): `version` `v1.2.3` in `apps/a.yaml` (confidence 80 %)");
        assert_null(strstr(text, "What can be done"));
        expect_says(text, "<https://git.example.com/fleet/commit/" REVERT "|abcdef0123>`: 2 files changed, +3 -1");
        expect_says(text, "1 other candidate");
        expect_says(text, "pushed +2.5s");
        expect_says(text, "<!date^1772359200^{date_num} {time_secs}|2026-03-01T10:00:00.000Z>");
        expect_says(text, "<https://wiki.example.com/run%7Cbook|runbook>`");
        expect_says(text, "/api/v1/incidents/7f3c000000000001|record>`");
}

static void test_recovered_in_part(void **state) {
        (void)state;
        struct tale tale = {.text = "still in breach in the same scope: errors {zone=b}",
                            .state = RV_INCIDENT_RECOVERED};
        for (int reply = 0; reply < 2; reply++) {
                _cleanup_json_ json_t *message = render(&tale, reply);
                _cleanup_free_ char *text = all_text(message);
                expect_says(text, "Recovered, but not all of its scope");
                expect_says(text, "still in breach in the same scope: errors");
                expect_says(text, "What can be done: `revertctl show 7f3c000000000001`");
        }
}

static void test_approval(void **state) {
        (void)state;
        struct tale tale = {.text = "t", .state = RV_INCIDENT_HOLDING};
        for (int reply = 0; reply < 2; reply++) {
                _cleanup_json_ json_t *message = render(&tale, reply);
                _cleanup_free_ char *text = all_text(message);
                expect_says(text, "Approval needed");
                expect_says(text, "`revertctl approve 7f3c000000000001`");
                expect_says(text, "`revertctl reject 7f3c000000000001`");
        }
        _cleanup_json_ json_t *message = render(&tale, false);
        _cleanup_free_ char *text = all_text(message);
        expect_says(text, "The revert would be");
        assert_null(strstr(text, "commit/" REVERT)); /* it is nowhere to be seen yet */
}

static size_t count(const char *text, const char *what) {
        size_t n = 0;
        for (const char *p = strstr(text, what); p; p = strstr(p + 1, what))
                n++;
        return n;
}

static void test_proposed(void **state) {
        (void)state;
        struct tale tale = {.text = "https://git.example.com/pulls/7", .state = RV_INCIDENT_PROPOSED};
        for (int reply = 0; reply < 2; reply++) {
                _cleanup_json_ json_t *message = render(&tale, reply);
                _cleanup_free_ char *text = all_text(message);
                expect_says(text, "close it: `<https://git.example.com/pulls/7|#7>`");
                assert_int_equal(count(text, "\nhttps://git.example.com/pulls/7"), 0); /* the link is enough */
        }
}

/* Seen after the onset: it can have come before that. */
static void test_late(void **state) {
        (void)state;
        struct tale tale = {.text = "t", .state = RV_INCIDENT_REVERTING, .is_late = true};
        _cleanup_json_ json_t *message = render(&tale, false);
        _cleanup_free_ char *text = all_text(message);
        expect_says(text, ", arrived by <!date^1772359202^");
}

static void test_together(void **state) {
        (void)state;
        for (int together = 0; together < 2; together++) {
                struct tale tale = {.text = "t", .state = RV_INCIDENT_REVERTING, .together = together};
                _cleanup_json_ json_t *message = render(&tale, false);
                _cleanup_free_ char *text = all_text(message);
                assert_int_equal(strstr(text, "2 commits that cannot be told apart") != NULL, together);
        }
}

static void test_declined(void **state) {
        (void)state;
        struct tale tale = {
                .text = "apps/checkout/values.yaml", .state = RV_INCIDENT_DECLINED, .reason = RV_REASON_CONFLICT};
        for (int reply = 0; reply < 2; reply++) {
                _cleanup_json_ json_t *message = render(&tale, reply);
                _cleanup_free_ char *text = all_text(message);
                expect_says(text, "Not reverted");
                expect_says(text, "later changes touch the same lines (`conflict`)");
                expect_says(text, "apps/checkout/values.yaml");
                assert_int_equal(strstr(text, "*Suspect* ") != NULL, !reply);
                expect_says(text, "What can be done: `revertctl show 7f3c000000000001`");
                expect_says(rv_json_string(message, "text", ""), ": later changes touch the same lines");
        }
}

static void test_damaged(void **state) {
        (void)state;
        _cleanup_json_ json_t *notice = json_pack("{s:{}, s:i}", "incident", "transition", 1);
        assert_null(rv_slack_render(notice, false, NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_hostile),   cmocka_unit_test(test_subject_of_100_kilobytes),
                cmocka_unit_test(test_recovered), cmocka_unit_test(test_approval),
                cmocka_unit_test(test_proposed),  cmocka_unit_test(test_late),
                cmocka_unit_test(test_together),  cmocka_unit_test(test_declined),
                cmocka_unit_test(test_damaged),   cmocka_unit_test(test_recovered_in_part),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
