#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ctl/paint.h"
#include "ctl/verbs.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/gitwire.h"

#include <stdlib.h>
#include <string.h>

#define AT INT64_C(1772359200000000) /* 2026-03-01T10:00:00Z */

static const char incident_text[] =
        "{\"id\":\"7f3c0d9a51e2b846\",\"state\":\"unrecovered\",\"reason\":\"not_recovered\",\"detail\":\"line "
        "one\\nline "
        "two\",\"rule\":\"http-error-ratio\",\"labels\":{\"app\":\"checkout\"},\"summary\":\"checkout fails\","
        "\"repository\":\"fleet\",\"scope\":[\"apps/checkout/"
        "**\"],\"mode\":\"enforce\",\"by_hand\":false,\"actor\":null,"
        "\"note\":null,\"force\":false,\"value\":0.073,\"last_value\":\"+Inf\",\"samples\":[[1772359185000000,0.01,"
        "\"ok\"],[1772359200000000,0.073,\"breach\"],[1772359215000000,null,\"no_data\"]],\"times\":{\"onset_usec\":"
        "1772359200000000,"
        "\"detected_usec\":1772359260000000,\"decided_usec\":1772359260400000,\"pushed_usec\":1772359261000000,"
        "\"applied_usec\":1772359261500000,\"recovered_usec\":0,\"ended_usec\":1772362861000000},\"suspects\":[{"
        "\"commit\":{\"id\":\"9c1e2ab000000000000000000000000000000000\",\"subject\":\"Lower the timeout\","
        "\"author_name\":\"Bob\",\"author_email\":\"bob@example.com\",\"commit_usec\":1772359000000000,\"paths\":["
        "\"apps/checkout/a.json\"],\"n_inside\":1,\"n_outside\":2},\"seen_usec\":1772359080000000,\"observed\":true,"
        "\"evidence\":[\"in_scope\",\"only_candidate\",\"of_the_future\"],\"confidence\":0.85,\"reverted\":false}],"
        "\"guards\":{\"paused\":false,\"cooldown\":true,\"budget\":false},\"plan\":{\"spec\":{\"commits\":["
        "\"9c1e2ab000000000000000000000000000000000\"]},\"commit\":"
        "\"4413460cc2ec0a810af1932a289c8899401e0713\",\"files\":1,\"insertions\":1,\"deletions\":2,\"paths\":["
        "\"apps/checkout/a.json\"],\"diff\":\"-a\\n+b\\n\"}}";

static const char transitions_text[] =
        "[{\"number\":1,\"from\":\"confirming\",\"to\":\"confirming\",\"reason\":\"none\",\"at_usec\":1772359260000000,"
        "\"actor\":\"revertd\",\"detail\":null},{\"number\":2,\"from\":\"verifying\",\"to\":\"unrecovered\",\"reason\":"
        "\"not_recovered\",\"at_usec\":1772362861000000,\"actor\":\"revertd\",\"detail\":\"x\"}]";

static char *print(const json_t *incident, const json_t *transitions, const char *breach, bool with_diff) {
        char *text = NULL;
        size_t n;
        FILE *f = open_memstream(&text, &n);

        assert_non_null(f);
        incident_print(f, incident, transitions, breach, with_diff, AT + RV_USEC_PER_HOUR);
        fclose(f);
        return text;
}

static void assert_says(const char *text, const char *wanted) {
        if (!strstr(text, wanted))
                fail_msg("\"%s\" is missing in:\n%s", wanted, text);
}

/* Between two looks at the branch, and the onset lies there too. */
static void says_when_it_may_have_been_live(const json_t *incident, const json_t *transitions) {
        _cleanup_json_ json_t *late = json_deep_copy(incident);
        json_t *suspect = json_array_get(json_object_get(late, "suspects"), 0);
        json_int_t onset_usec = json_integer_value(json_object_get(json_object_get(late, "times"), "onset_usec"));

        json_object_set_new(suspect, "seen_usec", json_integer(onset_usec + 2000000));
        json_object_set_new(suspect, "not_before_usec", json_integer(onset_usec - 1000000));
        _cleanup_free_ char *text = print(late, transitions, NULL, false);
        assert_says(text, "(Bob: Lower the timeout), perhaps live before the onset, confidence 85 %\n");
        assert_says(text,
                    "Live since  2026-03-01 10:00:02Z at the latest (seen on the branch), 2s after the onset; at the "
                    "earliest 1s before it\n");
}

static void says_what_was_before(void **state) {
        _cleanup_json_ json_t *incident = json_loads(incident_text, 0, NULL);
        json_t *times = json_object_get(incident, "times");
        json_int_t onset_usec = json_integer_value(json_object_get(times, "onset_usec"));

        (void)state;
        json_object_set_new(times, "earlier_usec", json_integer(onset_usec - 600000000));
        json_object_set_new(times, "earlier_end_usec", json_integer(onset_usec - 60000000));
        _cleanup_free_ char *text = print(incident, NULL, NULL, false);
        assert_says(text, "  Before      in breach from 2026-03-01 09:50:00Z to 2026-03-01 09:59:00Z\n");
        json_object_set_new(times, "earlier_end_usec", json_integer(onset_usec));
        _cleanup_free_ char *same = print(incident, NULL, NULL, false);
        assert_says(same, "  Before      in breach since 2026-03-01 09:50:00Z, but for a short ok\n");
}

static void says_what_an_engineer_asks(void **state) {
        _cleanup_json_ json_t *incident = json_loads(incident_text, 0, NULL);
        _cleanup_json_ json_t *transitions = json_loads(transitions_text, 0, NULL);
        _cleanup_free_ char *text = print(incident, transitions, "> 0.05", false);
        static const char *const wanted[] = {
                "Incident 7f3c0d9a51e2b846: unrecovered\n",
                "  reverted, but not proven to be well again\n",
                "  Breach      http-error-ratio {app=\"checkout\"}: checkout fails, 0.073, last +Inf, bad",
                "bad when > 0.05, since 2026-03-01 10:00:00Z\n",
                "  Culprit     9c1e2ab000 (Bob: Lower the timeout), live 2m before the onset, confidence 85 %\n",
                "  Revert      4413460cc2 pushed 2026-03-01 10:01:01Z\n",
                "  Reason      no recovery was seen in time (not_recovered)\n",
                "              line one\n              line two\n",
                "What now\n  revertd does nothing more about this breach until it was well once.\n",
                "  revertd leaves the revert 4413460cc2 on the branch.",
                "git revert 4413460cc2\n  More about this reason: docs/reasons.md#not_recovered\n",
                "Labels      {app=\"checkout\"}\n",
                "Value       0.073 at detection, +Inf now or last; bad when > 0.05\n",
                "onset       2026-03-01 10:00:00Z\n",
                "  cooldown objects: the scope had a revert a short while ago\n",
                "  passed: paused budget\n",
                "detected    2026-03-01 10:01:00Z  +1m\n",
                "pushed      2026-03-01 10:01:01Z  +600ms\n",
                "in all      1h 1m\n",
                "9c1e2ab000000000000000000000000000000000\n  Lower the timeout\n",
                "By          Bob <bob@example.com>, committed 2026-03-01 09:56:40Z\n",
                "Touches     1 in the scope, 2 outside\n",
                "Live since  2026-03-01 09:58:00Z (seen on the branch), 2m before the onset\n",
                "Evidence    touches the scope; is the only such commit; of_the_future (confidence 85 %)\n",
                "Revert\n  Commit      4413460cc2ec0a810af1932a289c8899401e0713\n",
                "1 file changed, 1 insertion(+), 2 deletions(-)\n    apps/checkout/a.json\n",
                "(revertctl show --diff 7f3c0d9a shows the lines)\n",
                "2026-03-01 11:01:01Z      1h 0m  unrecovered (not_recovered), revertd: x\n",
        };

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(wanted) - 1; i++)
                assert_says(text, wanted[i]);
        assert_says(text, "unrecovered (not_recovered), revertd: x\n");
        assert_null(strstr(text, "recovered   2026"));
        assert_null(strstr(text, "\x1B")); /* no colours but on a terminal */
        assert_null(strstr(text, "\n-a"));
        _cleanup_free_ char *with_diff = print(incident, transitions, NULL, true);
        assert_says(with_diff, "\n-a\n+b\n");
        says_when_it_may_have_been_live(incident, transitions);
        json_object_set_new(json_object_get(json_array_get(json_object_get(incident, "suspects"), 0), "commit"),
                            "n_inside", json_integer(RV_COMMIT_INSIDE_UNKNOWN));
        _cleanup_free_ char *unknown = print(incident, transitions, NULL, false);
        assert_says(unknown, "Touches     the scope, in paths that cannot all be read\n");
        assert_null(strstr(with_diff, "bad when"));
        json_object_set_new(json_object_get(json_array_get(json_object_get(incident, "suspects"), 0), "commit"),
                            "values",
                            json_pack("[{s:s, s:s, s:s}, {s:s, s:s, s:s, s:b}]", "label", "version", "value", "v1.2",
                                      "path", "a.json", "label", "image", "value", "v1.3", "path", "b", "removed", 1));
        json_array_append_new(json_object_get(json_array_get(json_object_get(incident, "suspects"), 0), "evidence"),
                              json_string("added"));
        _cleanup_free_ char *added = print(incident, transitions, NULL, false);
        assert_says(added, "a commit id): version=v1.2 in a.json (confidence");
        assert_says(text, "2026-03-01 10:00:00Z  0.073      breach  the onset");
        assert_says(text, "no value   no_data");
        json_array_remove(json_object_get(incident, "samples"), 1);
        _cleanup_free_ char *flapped = print(incident, transitions, NULL, false);
        assert_says(flapped, "2026-03-01 10:00:00Z  not kept           the onset\n  …\n");
}

/* Without a plan too, for a guard may have objected to one of them. */
static void says_what_arrived_together(void **state) {
        _cleanup_json_ json_t *incident = json_loads(incident_text, 0, NULL);
        json_t *suspects = json_object_get(incident, "suspects");
        json_t *first = json_array_get(suspects, 0), *second;

        (void)state;
        json_array_append_new(json_object_get(first, "evidence"), json_string("together"));
        second = json_deep_copy(first);
        json_object_set_new(json_object_get(second, "commit"), "subject", json_string("Add owners"));
        json_array_append_new(suspects, second);
        json_object_del(incident, "plan");
        json_object_set_new(incident, "state", json_string("recovered"));
        _cleanup_free_ char *well = print(incident, NULL, NULL, false);
        assert_says(well, "some may be harmless: those can come back as they are.\n");
        json_object_set_new(incident, "state", json_string("unrecovered"));
        _cleanup_free_ char *text = print(incident, NULL, NULL, false);
        assert_null(strstr(text, "may be harmless"));
        assert_says(text, "Culprit\n  2 commits that cannot be told apart\n");
        assert_says(text, "And\n  9c1e2ab000000000000000000000000000000000\n  Add owners\n");
        assert_null(strstr(text, "Other suspects"));
        json_object_set_new(incident, "state", json_string("declined"));
        json_object_set_new(incident, "reason", json_string("opted_out"));
        _cleanup_free_ char *declined = print(incident, NULL, NULL, false);
        assert_says(declined, "revertctl revert -r fleet --path='apps/checkout/**' --force 9c1e2ab000 9c1e2ab000\n"
                              "  Look at each of them first");
        assert_says(declined, " and 1 more, live 2m before the onset");

        json_object_set_new(second, "evidence", json_array());
        _cleanup_free_ char *apart = print(incident, NULL, NULL, false);
        assert_says(apart, "Other suspects");
        assert_null(strstr(apart, "commits that arrived"));
}

static void says_what_can_be_done(void **state) {
        static const char by_hand[] = "To revert by hand: revertctl revert -r fleet";
        static const struct {
                const char *state, *reason, *commit, *wanted;
        } cases[] = {
                {"declined", "observe", "9c1e2ab000", "  To revert by hand: revertctl revert -r fleet 9c1e2ab000\n"},
                {"declined", "cooldown", "9c1e2ab000", "revertctl revert -r fleet --force 9c1e2ab000\n"},
                {"declined", "budget", "9c1e2ab000",
                 "--force 9c1e2ab000\n  Where the repository's budget is used up, raise"},
                {"declined", "amid_breach", "9c1e2ab000",
                 "  Ask its author what it was made for. The breach before: revertctl incidents --rule="},
                {"declined", "no_candidate", NULL, "once you know the commit: revertctl revert -r fleet COMMIT\n"},
                {"failed", "conflict", "9c1e2ab000", "in a clone of the repository: git revert 9c1e2ab000\n"},
                {"failed", "push_refused", "9c1e2ab000", "once that is over: revertctl revert -r fleet 9c1e2ab000\n"},
                {"rejected", "rejected", "9c1e2ab000", by_hand},
                {"declined", "already_reverted", "9c1e2ab000", "docs/reasons.md#already_reverted\n"},
        };

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(cases); i++) {
                _cleanup_json_ json_t *incident =
                        json_pack("{s:s, s:s, s:s, s:s, s:[]}", "id", "7f3c0d9a51e2b846", "state", cases[i].state,
                                  "reason", cases[i].reason, "repository", "fleet", "suspects");
                if (cases[i].commit)
                        json_array_append_new(json_object_get(incident, "suspects"),
                                              json_pack("{s:{s:s}}", "commit", "id", cases[i].commit));
                _cleanup_free_ char *text = print(incident, NULL, NULL, false);
                assert_says(text, cases[i].wanted);
                assert_says(text, "until it was well once");
                if (strcmp(cases[i].reason, "already_reverted") == 0)
                        assert_null(strstr(text, "revertctl revert"));
                json_object_set_new(incident, "by_hand", json_true());
                _cleanup_free_ char *asked = print(incident, NULL, NULL, false);
                assert_null(strstr(asked, "until it was well once"));
                json_object_set_new(incident, "state", json_string("recovered"));
                _cleanup_free_ char *well = print(incident, NULL, NULL, false);
                assert_null(strstr(well, "What now"));
        }
}

/* The command of a revert by hand does what the rule would have done, and no more. */
static void says_which_command_helps(void **state) {
        _cleanup_json_ json_t *incident = json_loads(incident_text, 0, NULL);
        json_t *commit = json_object_get(json_array_get(json_object_get(incident, "suspects"), 0), "commit");
        json_t *spec = json_object_get(json_object_get(incident, "plan"), "spec");

        (void)state;
        json_object_set_new(incident, "state", json_string("declined"));
        json_object_set_new(incident, "reason", json_string("observe"));
        json_object_set_new(json_object_get(incident, "times"), "pushed_usec", json_integer(0));
        _cleanup_free_ char *part = print(incident, NULL, NULL, false);
        assert_says(part, "To revert by hand: revertctl revert -r fleet --path='apps/checkout/**' 9c1e2ab000\n");
        assert_says(part, "  Suspect     9c1e2ab000 (Bob: Lower the timeout)");
        assert_says(part, "  Revert      none: nothing was pushed\n");
        json_object_set_new(incident, "reason", json_string("empties_scope"));
        _cleanup_free_ char *moved = print(incident, NULL, NULL, false);
        assert_says(moved, "To revert by hand: revertctl revert -r fleet --force 9c1e2ab000\n");
        json_object_set_new(incident, "reason", json_string("observe"));
        json_object_set_new(spec, "scope", json_array());
        _cleanup_free_ char *whole = print(incident, NULL, NULL, false);
        assert_says(whole, "To revert by hand: revertctl revert -r fleet 9c1e2ab000\n");
        json_object_del(spec, "scope");
        json_object_set_new(commit, "n_outside", json_integer(0));
        _cleanup_free_ char *inside = print(incident, NULL, NULL, false);
        assert_says(inside, "To revert by hand: revertctl revert -r fleet 9c1e2ab000\n");

        json_object_set_new(incident, "reason", json_string("is_ours"));
        _cleanup_free_ char *ours = print(incident, NULL, NULL, false);
        assert_says(ours, "To undo that revert by hand, which brings back what it took out: revertctl revert");
        json_object_set_new(incident, "reason", json_string("is_revert"));
        json_object_set_new(commit, "reverts", json_pack("[s]", "77d0f3e000000000000000000000000000000000"));
        _cleanup_free_ char *revert = print(incident, NULL, NULL, false);
        assert_says(revert, "  It reverts 77d0f3e000; what that was: git show 77d0f3e000\n");
        assert_says(revert, "Where that is itself a revert, this one brought\n  the change in again, and taking it "
                            "back takes that out again.\n"
                            "  To take it back by hand: revertctl revert -r fleet --force 9c1e2ab000\n");
        json_object_set_new(incident, "reason", json_string("protected"));
        _cleanup_free_ char *guarded = print(incident, NULL, NULL, false);
        assert_says(guarded,
                    "  Ask its author first, or who owns these paths: what a migration did to data does not go "
                    "back with its file.\n  To revert by hand: revertctl revert -r fleet --force");

        json_object_set_new(incident, "reason", json_string("already_reverted"));
        _cleanup_free_ char *done = print(incident, NULL, NULL, false);
        assert_says(done, "  Somebody is at it: ");

        json_object_del(incident, "plan");
        json_object_set_new(incident, "suspects", json_array());
        json_object_set_new(incident, "head", json_string("aa00bb11cc22dd33"));
        json_object_set_new(incident, "reason", json_string("no_candidate"));
        _cleanup_free_ char *none = print(incident, NULL, NULL, false);
        assert_says(none, "git log --stat --since='2026-03-01 08:00:00Z' --until='2026-03-01 10:00:00Z' aa00bb11cc\n");
        assert_says(none, "  Suspect     none\n");
        assert_null(strstr(none, "git show"));
        json_object_set_new(incident, "aside", json_string("77d0f3e000000000000000000000000000000000"));
        _cleanup_free_ char *before = print(incident, NULL, NULL, false);
        assert_says(before, "  What the commit named above changed: git show 77d0f3e000\n");
        json_object_del(incident, "head");
        json_object_set_new(incident, "reason", json_string("silenced"));
        _cleanup_free_ char *silenced = print(incident, NULL, NULL, false);
        assert_says(silenced, "  Suspect     not looked for\n");
        assert_says(silenced, "revertctl explain http-error-ratio app='checkout'\n");
        json_object_set_new(incident, "reason", json_string("shared_cause"));
        _cleanup_free_ char *shared = print(incident, NULL, NULL, false);
        assert_says(shared, "  Look first for what they have in common: ");
        json_object_set_new(incident, "reason", json_string("paused"));
        json_object_set_new(json_object_get(incident, "labels"), "app", json_string("it's"));
        _cleanup_free_ char *later = print(incident, NULL, NULL, false);
        assert_says(later, "  To let revertd act again: revertctl resume");
        assert_says(later, "once that is over: revertctl revert --rule=http-error-ratio app='it'\\''s'\n");
}

static void says_how_it_stands(void **state) {
        _cleanup_json_ json_t *incident = json_loads(incident_text, 0, NULL);
        json_t *times = json_object_get(incident, "times"), *suspects = json_object_get(incident, "suspects");

        (void)state;
        json_object_set_new(times, "recovered_usec", json_integer(AT + 2 * RV_USEC_PER_MINUTE + RV_USEC_PER_SEC));
        json_object_set_new(incident, "state", json_string("recovered"));
        _cleanup_free_ char *in_part = print(incident, NULL, NULL, false);
        assert_says(in_part, "What now\n  The scope was not well as a whole: see above what was still in breach then.");
        assert_says(in_part, "\n  What was reverted is out of the branch until");
        assert_null(strstr(in_part, "Nothing is urgent"));
        json_object_set_new(incident, "by_hand", json_true());
        _cleanup_free_ char *by_hand = print(incident, NULL, NULL, false);
        assert_says(by_hand, "What now\n  The scope was not well as a whole");
        json_object_set_new(incident, "by_hand", json_false());
        json_object_del(incident, "detail");
        _cleanup_free_ char *well = print(incident, NULL, NULL, false);
        assert_says(well, "  Revert      4413460cc2 pushed 2026-03-01 10:01:01Z, well again 1m later\n");
        assert_says(well, "What now\n  Nothing is urgent.");

        json_object_set_new(times, "recovered_usec", json_integer(0));
        json_object_set_new(incident, "state", json_string("unrecovered"));
        json_array_append_new(suspects, json_pack("{s:{s:s, s:s, s:s}}", "commit", "id", "77d0f3e", "subject",
                                                  "Add a cache", "author_name", "Eve"));
        _cleanup_free_ char *bad = print(incident, NULL, NULL, false);
        assert_says(bad, "  The next suspect is Add a cache (Eve): revertctl revert -r fleet 77d0f3e\n");
        json_object_set_new(incident, "next", json_string("a11f887200000000"));
        _cleanup_free_ char *followed = print(incident, NULL, NULL, false);
        assert_says(followed, "  revertd looked further back for the cause: revertctl show a11f8872\n");
        assert_null(strstr(followed, "The next suspect"));
        json_object_del(incident, "next");

        json_object_set_new(times, "pushed_usec", json_integer(0));
        json_object_set_new(incident, "state", json_string("failed"));
        json_object_set_new(incident, "reason", json_string("remote_unavailable"));
        _cleanup_free_ char *unknown = print(incident, NULL, NULL, false);
        assert_says(unknown, "  Revert      4413460cc2: whether the branch has it is not known\n");
        json_object_set_new(incident, "state", json_string("holding"));
        json_object_set_new(times, "ended_usec", json_integer(0));
        _cleanup_free_ char *open = print(incident, NULL, NULL, false);
        assert_says(open, "  Revert      not pushed yet\n");
        assert_says(open, "since 2026-03-01 10:00:00Z, 1h ago\n");
        json_object_set_new(incident, "proposal", json_pack("{s:s}", "url", "https://forge.example.com/7"));
        _cleanup_free_ char *proposed = print(incident, NULL, NULL, false);
        assert_says(proposed, "  Revert      proposed: https://forge.example.com/7\n");
        json_object_set_new(incident, "detail", json_string("https://forge.example.com/7"));
        _cleanup_free_ char *once = print(incident, NULL, NULL, false);
        assert_says(once, "  Revert      proposed: https://forge.example.com/7\n");
        assert_null(strstr(once, "              https://forge"));
}

static void says_whom_it_waits_for(void **state) {
        _cleanup_json_ json_t *incident = json_pack(
                "{s:s, s:s, s:s, s:s, s:I, s:I, s:i, s:{s:I}}", "id", "7f3c0d9a51e2b846", "state", "holding", "mode",
                "approve", "repository", "fleet", "deadline_usec", (json_int_t)(AT + 2 * RV_USEC_PER_HOUR),
                "retry_usec", (json_int_t)(AT + RV_USEC_PER_HOUR + 30 * RV_USEC_PER_SEC), "attempts", 3, "times",
                "detected_usec", (json_int_t)AT);
        _cleanup_free_ char *text = print(incident, NULL, NULL, false);

        (void)state;
        assert_says(text, "revertctl approve 7f3c0d9a, or revertctl reject 7f3c0d9a\n");
        assert_says(text, "it ends in 1h\n");
        assert_says(text, "Tries again in 30s (so far 3 times)\n");
        assert_says(text, "in all      1h so far\n");
}

static void hostile_text_does_nothing(void **state) {
        static const char evil[] = "\x1B]0;owned\x07\x1B[2J\nIncident x: recovered\r\xE2\x80\xAE\xC2\x9B"
                                   "31m";
        _cleanup_json_ json_t *commit = json_pack("{s:s, s:s, s:s, s:s, s:[s]}", "id", evil, "subject", evil,
                                                  "author_name", evil, "author_email", evil, "paths", evil);
        _cleanup_json_ json_t *incident =
                json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:[s], s:s, s:s, s:s, s:{s:s}, s:[{s:O, s:[s]}, {s:O}],"
                          " s:{s:s, s:s, s:[s]}}",
                          "id", evil, "state", evil, "reason", evil, "detail", evil, "rule", evil, "summary", evil,
                          "repository", evil, "scope", evil, "mode", evil, "actor", evil, "note", evil, "labels", "l",
                          evil, "suspects", "commit", commit, "evidence", evil, "commit", commit, "plan", "commit",
                          evil, "diff", evil, "paths", evil);
        _cleanup_json_ json_t *transitions =
                json_pack("[{s:s, s:s, s:s, s:s}]", "to", evil, "reason", evil, "actor", evil, "detail", evil);

        (void)state;
        assert_non_null(incident);
        assert_non_null(transitions);
        _cleanup_free_ char *text = print(incident, transitions, evil, true);
        for (const unsigned char *c = (unsigned char *)text; *c; c++)
                if ((*c < 0x20 && *c != '\n') || *c == 0x7F)
                        fail_msg("control character %d", *c);
        assert_null(strstr(text, "\xE2\x80\xAE"));
        assert_null(strstr(text, "\xC2\x9B"));
}

/* What a daemon of another version, or none at all, might send. */
static void odd_answers_do_no_harm(void **state) {
        static const char *const odd[] = {
                "null",
                "{}",
                "[]",
                "{\"times\":[],\"suspects\":{},\"plan\":[],\"labels\":[]}",
                "{\"suspects\":[null,1,{}],\"plan\":{},\"state\":7,\"reason\":null,\"value\":\"x\",\"scope\":[null]}",
                "{\"suspects\":[{\"commit\":null,\"evidence\":[null,{}]}],\"plan\":{\"paths\":[null,1]}}",
                "{\"times\":{\"onset_usec\":-9223372036854775807,\"ended_usec\":9223372036854775807}}",
                "{\"deadline_usec\":9223372036854775807,\"retry_usec\":9223372036854775807}",
        };

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(odd); i++) {
                _cleanup_json_ json_t *incident = json_loads(odd[i], JSON_DECODE_ANY, NULL);
                _cleanup_free_ char *text = print(incident, incident, NULL, true);
                assert_says(text, "Incident ");
        }
}

/* What a person has to undo is what was merged, and not what was proposed. */
static void says_what_was_merged_and_what_followed(void **state) {
        _cleanup_json_ json_t *incident = json_loads(incident_text, 0, NULL);
        _cleanup_free_ char *text = NULL;

        (void)state;
        json_object_set_new(incident, "proposal", json_pack("{s:s}", "merged", "abcdef012345"));
        json_object_set_new(incident, "next", json_string("0123456789abcdef"));
        text = print(incident, NULL, "> 0.05", false);
        assert_says(text, "git revert abcdef0123\n");
        assert_says(text, "What now\n  revertd looked further back for the cause: revertctl show 01234567\n");
        assert_null(strstr(text, "nothing more"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(says_what_was_merged_and_what_followed),
                cmocka_unit_test(says_what_was_before),
                cmocka_unit_test(says_what_an_engineer_asks),
                cmocka_unit_test(says_which_command_helps),
                cmocka_unit_test(says_how_it_stands),
                cmocka_unit_test(says_what_arrived_together),
                cmocka_unit_test(says_what_can_be_done),
                cmocka_unit_test(says_whom_it_waits_for),
                cmocka_unit_test(hostile_text_does_nothing),
                cmocka_unit_test(odd_answers_do_no_harm),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
