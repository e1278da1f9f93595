/* Sources of events: what is read by the pointers, what is refused and in which words, and the examples of the guide. */
#include "revertd/source.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"
#include "revertd/rule.h"

#include "config/load.h"

#include "../guide.h"

static struct rv_config *config;
static struct rv_alerts alerts;
static struct rv_events_tally tally;
static struct rv_error err;

static int teardown(void **state) {
        (void)state;
        rv_alerts_done(&alerts);
        rv_events_tally_done(&tally);
        config = rv_config_unref(config);
        return 0;
}

/* What stands in the configuration of the one source. */
static void configure(const char *text) {
        struct rv_config_errors errors = {0};
        _cleanup_free_ char *whole = guide_complete(text);
        rv_config_unref(config);
        if (rv_config_load_text(&config, "f", whole, strlen(whole), &errors) < 0)
                fail_msg("%s\n%s", errors.text[0], whole);
}

static int parse_as(const char *name, const char *body) {
        int index = rv_config_find_event(config, name);
        assert_true(index >= 0);
        rv_alerts_done(&alerts);
        rv_events_tally_done(&tally);
        err.text[0] = '\0';
        return rv_events_parse(&config->events[index], body, strlen(body), &alerts, &tally, &err);
}

static int parse(const char *body) {
        return parse_as("e", body);
}

static const char *label(size_t i, const char *name) {
        const char *value = rv_labels_get(alerts.alert[i].labels, name);
        return value ? value : "(none)";
}

#define EVENT(more) "events: ( { name = \"e\"; " more " } );"
#define WORDS "verdict = \"/v\"; firing = [ \"Fail\", \"0\", \"false\" ]; ok = [ \"Pass\", \"1\", \"true\", \"2.5\" ]; "
#define CHECK EVENT(WORDS "inconclusive = \"Awaited\"; labels = [ \"severity=page\", \"app=/app\" ];")

static void a_verdict_is_a_word_of_a_list(void **state) {
        static const struct {
                const char *verdict, *said;
                size_t unknown;
        } cases[] = {
                {"\"Fail\"", "firing", 0}, {"0", "firing", 0},        {"false", "firing", 0},
                {"\"0\"", "firing", 0},    {"\"Pass\"", "ok", 0},     {"1", "ok", 0},
                {"true", "ok", 0},         {"2.5", "ok", 0},          {"\"Awaited\"", "none", 0},
                {"\"\"", "none", 0},       {"null", "none", 0},       {"\"fail\"", "none", 1},
                {"\"Pass \"", "none", 1},  {"\"Failed\"", "none", 1}, {"3", "none", 1},
                {"-1", "none", 1},         {"1.5", "none", 1},        {"\"\\u202eFail\"", "none", 1},
        };
        (void)state;

        configure(CHECK);
        for (size_t i = 0; i < RV_ARRAY_SIZE(cases); i++) {
                _cleanup_free_ char *body = NULL;
                assert_true(asprintf(&body, "{\"v\":%s,\"app\":\"web\"}", cases[i].verdict) > 0);
                if (parse(body) != 0)
                        fail_msg("%s: %s", body, err.text);
                assert_int_equal(alerts.n, 1);
                const struct rv_alert *a = &alerts.alert[0];
                const char *said = a->is_undecided ? "none" : a->firing ? "firing" : "ok";
                if (strcmp(said, cases[i].said) != 0 || tally.unknown != cases[i].unknown)
                        fail_msg("%s: %s, %zu unknown", body, said, tally.unknown);
                assert_false(a->is_undecided && a->firing);
                assert_int_equal(tally.firing + tally.ok + tally.inconclusive, 1);
                assert_true((tally.unknown_word != NULL) == (cases[i].unknown > 0));
        }
        assert_string_equal(tally.unknown_word, "Fail"); /* what would turn the line of the log around is left out */
}

static void labels_are_constants_or_pointed_at(void **state) {
        (void)state;
        configure(EVENT("items = \"/a/list\"; resolve_after = \"5m\"; "
                        "labels = [ \"team=a=b\", \"app=/x/app\", \"n=/x/n\", \"up=/x/up\", \"r=/x/r\" ];"));
        assert_int_equal(parse("{\"a\":{\"list\":[{\"x\":{\"app\":\"web\",\"n\":17,\"up\":false,\"r\":0.25}},"
                               "{\"x\":{\"app\":\"api\",\"n\":-1,\"up\":true,\"r\":1e21,\"more\":[1]}}]}}"),
                         0);
        assert_int_equal(alerts.n, 2);
        assert_string_equal(label(0, "event"), "e");
        assert_string_equal(label(0, "team"), "a=b");
        assert_string_equal(label(0, "app"), "web");
        assert_string_equal(label(0, "n"), "17");
        assert_string_equal(label(0, "up"), "false");
        assert_string_equal(label(0, "r"), "0.25");
        assert_string_equal(label(1, "app"), "api");
        assert_string_equal(label(1, "n"), "-1");
        assert_string_equal(label(1, "r"), "1e+21");
        assert_int_equal(alerts.alert[0].labels->n, 6);
        for (size_t i = 0; i < 2; i++) {
                assert_true(alerts.alert[i].firing && alerts.alert[i].is_event && alerts.alert[i].is_unlisted);
                assert_int_equal(alerts.alert[i].resolve_after_usec, 5 * RV_USEC_PER_MINUTE);
                assert_int_equal(alerts.alert[i].starts_usec, 0);
        }
        assert_int_equal(tally.firing, 2);
        assert_int_equal(parse("{\"a\":{\"list\":[]}}"), 0);
        assert_int_equal(alerts.n, 0);
}

static void times_come_in_three_ways(void **state) {
        static const char *const times[] = {"\"2026-03-01T10:00:00Z\"",
                                            "\"2026-03-01T12:00:00.000+02:00\"",
                                            "1772359200",
                                            "1772359200.0",
                                            "1772359200000",
                                            "\"1772359200\"",
                                            "\"1772359200000\""};
        static const char *const wrong[] = {"\"yesterday\"",
                                            "0",
                                            "-1",
                                            "\"NaN\"",
                                            "\"Inf\"",
                                            "1e15",
                                            "\"\"",
                                            "null",
                                            "true",
                                            "\"0001-01-01T00:00:00Z\"",
                                            "\"1969-01-01T00:00:00Z\""};
        _cleanup_free_ char *body = NULL;
        (void)state;

        configure(EVENT(WORDS "start = \"/t\"; resolve_after = \"1h\"; labels = \"app=/app\";"));
        for (size_t i = 0; i < RV_ARRAY_SIZE(times) + RV_ARRAY_SIZE(wrong); i++) {
                bool is_right = i < RV_ARRAY_SIZE(times);
                free(body);
                assert_true(asprintf(&body,
                                     "[{\"v\":0,\"app\":\"a\",\"t\":%s},{\"v\":1,\"app\":\"b\",\"t\":1772359201}]",
                                     is_right ? times[i] : wrong[i - RV_ARRAY_SIZE(times)]) > 0);
                if (parse(body) != (is_right ? 0 : -EINVAL))
                        fail_msg("%s: %s", body, err.text);
                if (!is_right) {
                        assert_non_null(strstr(err.text, "item /0: start: at /t is no time"));
                        continue;
                }
                assert_int_equal(alerts.alert[0].starts_usec, INT64_C(1772359200000000));
                assert_int_equal(alerts.alert[0].ends_usec, 0);
                assert_int_equal(alerts.alert[1].ends_usec, INT64_C(1772359201000000));
                assert_int_equal(alerts.alert[1].resolve_after_usec, 0);
        }
}

static void what_does_not_fit_is_named(void **state) {
        static const struct {
                const char *config, *body, *text;
        } cases[] = {
                {CHECK, "", "line 1"},
                {CHECK, "{\"v\":1,\"v\":1}", "duplicate"},
                {CHECK, "\"Fail\"", "the body: is not an object"},
                {CHECK, "7", "the body: is not an object"},
                {CHECK, "{\"app\":\"web\"}", "the body: verdict: there is nothing at /v"},
                {CHECK, "{\"app\":\"web\",\"v\":{}}", "the body: verdict: at /v is an object, not a text"},
                {CHECK, "{\"app\":\"web\",\"v\":[\"Fail\"]}", "the body: verdict: at /v is an array, not a text"},
                {CHECK, "{\"v\":\"Fail\"}", "the body: label app: there is nothing at /app"},
                {CHECK, "{\"v\":\"Fail\",\"app\":\"\"}", "the body: label app: there is nothing at /app"},
                {CHECK, "{\"v\":\"Fail\",\"app\":null}", "the body: label app: there is nothing at /app"},
                {CHECK, "{\"v\":\"Fail\",\"app\":{}}", "the body: label app: at /app is an object"},
                {CHECK, "[{\"v\":\"Fail\",\"app\":\"web\"},{\"v\":\"Fail\"}]",
                 "item /1: label app: there is nothing at /app"},
                {CHECK, "[{\"v\":\"Fail\",\"app\":\"web\"},{\"v\":0,\"app\":\"web\"},{\"v\":\"Pass\",\"app\":\"web\"}]",
                 "item /2: has the labels of item 0, and says the opposite"},
                {EVENT(WORDS "items = \"/x\"; labels = \"a=b\";"), "{\"y\":[]}", "items: there is nothing at /x"},
                {EVENT(WORDS "items = \"/x\"; labels = \"a=b\";"), "{\"x\":null}", "item /x: is not an object"},
                {EVENT(WORDS "items = \"/x\"; labels = \"a=b\";"), "{\"x\":[{\"v\":1},3]}",
                 "item /x/1: is not an object"},
        };
        (void)state;

        for (size_t i = 0; i < RV_ARRAY_SIZE(cases); i++) {
                configure(cases[i].config);
                int r = parse(cases[i].body);
                if (r != -EINVAL || !strstr(err.text, cases[i].text))
                        fail_msg("%s: %d, %s", cases[i].body, r, err.text);
                assert_null(alerts.alert);
                assert_int_equal(tally.firing + tally.ok + tally.inconclusive, 0);
        }
        /* Said twice, or said and not known yet, is no contradiction. */
        configure(CHECK);
        assert_int_equal(parse("[{\"v\":0,\"app\":\"a\"},{\"v\":0,\"app\":\"a\"},{\"v\":null,\"app\":\"a\"}]"), 0);
}

static void sizes_are_bounded(void **state) {
        enum { N = 512 * 1024 };
        _cleanup_free_ char *body = calloc(1, N + 1);
        (void)state;

        configure(CHECK);
        FILE *f = fmemopen(body, N, "w");
        fputs("[{\"v\":0,\"app\":\"a\"}", f);
        for (int i = 0; i < RV_EVENTS_MAX; i++)
                fputs(",{\"v\":0,\"app\":\"a\"}", f);
        fputs("]", f);
        fclose(f);
        assert_int_equal(parse(body), -EINVAL);
        assert_string_equal(err.text, "items: the body has 1001 of them, over 1000");

        memset(body, 'a', N);
        memcpy(body, "{\"v\":0,\"app\":\"", 14);
        memcpy(body + N - 3, "\"}", 3);
        assert_int_equal(parse(body), -EINVAL);
        assert_string_equal(err.text, "the body: label app: at /app is a text of more than 8192 bytes");

        memset(body, '[', N);
        assert_int_equal(parse(body), -EINVAL);
        assert_non_null(strstr(err.text, "deep"));
}

/* -- the guide: a source, a rule, and what is posted -- */

static void post_from_guide(const char *said, const char *body) {
        const char *name = config->events[0].name;
        bool matches = false;

        if (parse_as(name, body) != 0)
                fail_msg("%s: %s", name, err.text);
        assert_int_equal(alerts.n, 1);
        const struct rv_alert *alert = &alerts.alert[0];
        assert_string_equal(alert->is_undecided ? "inconclusive" : alert->firing ? "firing" : "ok", said);
        assert_int_equal(tally.unknown, 0);
        for (size_t i = 0; i < config->n_rules; i++)
                matches = matches || (strcmp(config->rules[i].name, name) == 0 &&
                                      rv_rule_matches(&config->rules[i], alert->labels));
        assert_true(matches);
        assert_string_equal(label(0, "app"), "checkout");
}

static void the_guide_does_what_it_says(void **state) {
        _cleanup_free_ char *text = guide_read(RV_SOURCE_DIR "/docs/events.md");
        size_t n_config = 0, n_body = 0;
        char *p = text, *said = NULL, *block;
        (void)state;

        while ((block = guide_block(&p, "\n```", "\n```\n", &said))) {
                if (strcmp(said, "conf") == 0) {
                        configure(block);
                        n_config++;
                } else {
                        assert_memory_equal(said, "json ", 5);
                        post_from_guide(said + 5, block);
                        n_body++;
                }
        }
        assert_int_equal(n_config, 4);
        assert_int_equal(n_body, 7);
}

/* The example in the manual page has the same three. */
static void the_manual_says_the_same(void **state) {
        _cleanup_free_ char *page = guide_read(RV_SOURCE_DIR "/docs/man/revertd.conf.5");
        _cleanup_free_ char *guide = guide_read(RV_SOURCE_DIR "/docs/events.md");
        char *p = page, *q = guide, *block, *said = NULL;
        size_t n = 0;
        (void)state;

        while ((block = guide_manual_block(&p)) && !strstr(block, "events:"))
                ;
        assert_non_null(block);
        configure(block);
        for (char *body; (body = guide_block(&q, "\n```", "\n```\n", &said));)
                if (strncmp(said, "json ", 5) == 0) {
                        for (size_t i = 0; i < config->n_events; i++)
                                n += parse_as(config->events[i].name, body) == 0 &&
                                     (alerts.alert[0].is_undecided || tally.firing + tally.ok == 1);
                }
        assert_int_equal(n, 7); /* each body fits one of them, and no other */
}

int main(void) {
#define T(name) cmocka_unit_test_teardown(name, teardown)
        const struct CMUnitTest tests[] = {
                T(a_verdict_is_a_word_of_a_list),
                T(labels_are_constants_or_pointed_at),
                T(times_come_in_three_ways),
                T(what_does_not_fit_is_named),
                T(sizes_are_bounded),
                T(the_guide_does_what_it_says),
                T(the_manual_says_the_same),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
