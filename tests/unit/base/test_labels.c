#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "revertd/cleanup.h"
#include "revertd/json.h"
#include "revertd/labels.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct rv_labels *parse(const char *json, const char *without, int expected) {
        _cleanup_json_ json_t *object = json_loads(json, JSON_DECODE_ANY, NULL);
        struct rv_labels *labels = NULL;
        struct rv_error err = {0};

        assert_non_null(object);
        assert_int_equal(rv_labels_from_json(&labels, object, without, &err), expected);
        assert_true((expected == 0) == (err.text[0] == '\0'));
        assert_true((expected == 0) == (labels != NULL));
        return labels;
}

/* Fingerprints that Alertmanager 0.25 gave to these sets. */
static void fingerprints_as_alertmanager(void **state) {
        static const struct {
                const char *labels;
                uint64_t fingerprint;
        } cases[] = {
                {"{}", UINT64_C(0xcbf29ce484222325)},
                {"{\"a\":\"b\"}", UINT64_C(0xd2b371819297f98a)},
                {"{\"alertname\":\"ErrRate\",\"service\":\"pay\",\"severity\":\"page\",\"zone\":\"a\"}",
                 UINT64_C(0x571196299f5165dd)},
                {"{\"app\":\"../x\\n\",\"alertname\":\"Sp\\u00e4te \\\"Antwort\\\"\"}", UINT64_C(0x5dc54df0d900ed14)},
        };

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(cases); i++) {
                _cleanup_labels_ struct rv_labels *labels = parse(cases[i].labels, NULL, 0);
                assert_true(labels->fingerprint == cases[i].fingerprint);
        }
}

static void sorts_and_finds(void **state) {
        _cleanup_labels_ struct rv_labels *labels = parse("{\"zone\":\"a\",\"app\":\"checkout\",\"Z\":\"1\"}", NULL, 0);

        (void)state;
        assert_int_equal(labels->n, 3);
        assert_string_equal(labels->label[0].name, "Z");
        assert_string_equal(labels->label[2].name, "zone");
        assert_string_equal(rv_labels_get(labels, "app"), "checkout");
        assert_null(rv_labels_get(labels, "ap"));
        assert_null(rv_labels_get(labels, ""));
}

static void order_does_not_matter(void **state) {
        _cleanup_labels_ struct rv_labels *a = parse("{\"a\":\"1\",\"b\":\"2\"}", NULL, 0);
        _cleanup_labels_ struct rv_labels *b = parse("{\"b\":\"2\",\"a\":\"1\",\"c\":\"\"}", NULL, 0);
        _cleanup_labels_ struct rv_labels *c = parse("{\"b\":\"2\",\"a\":\"x\"}", NULL, 0);

        (void)state;
        assert_true(rv_labels_equal(a, b));
        assert_true(a->fingerprint == b->fingerprint);
        assert_false(rv_labels_equal(a, c));
}

static void equal_looks_past_the_hash(void **state) {
        _cleanup_labels_ struct rv_labels *a = parse("{\"a\":\"1\"}", NULL, 0);
        _cleanup_labels_ struct rv_labels *b = parse("{\"a\":\"2\"}", NULL, 0);

        (void)state;
        b->fingerprint = a->fingerprint;
        assert_false(rv_labels_equal(a, b));
}

static void leaves_out(void **state) {
        _cleanup_labels_ struct rv_labels *labels =
                parse("{\"__name__\":\"up\",\"a\":\"1\",\"b\":\"\"}", "__name__", 0);

        (void)state;
        assert_int_equal(labels->n, 1);
        assert_null(rv_labels_get(labels, "__name__"));
        assert_null(rv_labels_get(labels, "b"));
}

static void refuses(void **state) {
        struct rv_label twice[] = {{"a", "1"}, {"b", "2"}, {"a", "1"}};
        struct rv_label bad_value[] = {{"a", "\xC0\xAF"}};
        struct rv_label bad_name[] = {{"a\xFF", "1"}};
        struct rv_label no_name[] = {{"", "1"}};
        struct rv_labels *labels = NULL;

        (void)state;
        assert_int_equal(rv_labels_new(&labels, twice, 3, NULL), -EINVAL);
        assert_int_equal(rv_labels_new(&labels, bad_value, 1, NULL), -EINVAL);
        assert_int_equal(rv_labels_new(&labels, bad_name, 1, NULL), -EINVAL);
        assert_int_equal(rv_labels_new(&labels, no_name, 1, NULL), -EINVAL);
        assert_null(labels);
        parse("[]", NULL, -EINVAL);
        parse("null", NULL, -EINVAL);
        parse("{\"a\":1}", NULL, -EINVAL);
        parse("{\"a\":null}", NULL, -EINVAL);
        parse("{\"a\":{\"b\":\"c\"}}", NULL, -EINVAL);
}

static void caps(void **state) {
        static char value[RV_LABEL_VALUE_BYTES_MAX + 2], name[RV_LABEL_NAME_BYTES_MAX + 2], names[RV_LABELS_MAX + 1][8];
        struct rv_label label[RV_LABELS_MAX + 1];
        struct rv_labels *labels = NULL;

        (void)state;
        memset(value, 'v', sizeof(value) - 1);
        memset(name, 'n', sizeof(name) - 1);
        label[0] = (struct rv_label){"a", value};
        assert_int_equal(rv_labels_new(&labels, label, 1, NULL), -E2BIG);
        value[RV_LABEL_VALUE_BYTES_MAX] = '\0';
        assert_int_equal(rv_labels_new(&labels, label, 1, NULL), 0);
        labels = rv_labels_unref(labels);
        label[0] = (struct rv_label){name, "x"};
        assert_int_equal(rv_labels_new(&labels, label, 1, NULL), -E2BIG);
        for (int i = 0; i <= RV_LABELS_MAX; i++) {
                snprintf(names[i], sizeof(names[i]), "l%d", i);
                label[i] = (struct rv_label){names[i], "x"};
        }
        assert_int_equal(rv_labels_new(&labels, label, RV_LABELS_MAX + 1, NULL), -E2BIG);
        assert_null(labels);
        assert_int_equal(rv_labels_new(&labels, label, RV_LABELS_MAX, NULL), 0);
        assert_int_equal(labels->n, RV_LABELS_MAX);
        rv_labels_unref(labels);
}

static void formats_hostile_values(void **state) {
        struct rv_label label[] = {{"zone", "a"},
                                   {"app", "x\"} or vector(1) #\\"},
                                   {"b", "1\n2\t\x1B[31m\x7F"},
                                   {"http.status", "5"},
                                   {"9", "x"}};
        _cleanup_labels_ struct rv_labels *labels = NULL;
        _cleanup_free_ char *text = NULL;

        (void)state;
        assert_int_equal(rv_labels_new(&labels, label, 5, NULL), 0);
        text = rv_labels_format(labels);
        assert_string_equal(text, "{\"9\"=\"x\", app=\"x\\\"} or vector(1) #\\\\\", b=\"1\\n2\\t\\x1b[31m\\x7f\", "
                                  "\"http.status\"=\"5\", zone=\"a\"}");
}

static void goes_through_json(void **state) {
        _cleanup_labels_ struct rv_labels *a = parse("{\"a\":\"ä\\u2028\",\"b\":\"..\\/\"}", NULL, 0), *b = NULL;
        _cleanup_json_ json_t *json = rv_labels_to_json(a);

        (void)state;
        assert_int_equal(rv_labels_from_json(&b, json, NULL, NULL), 0);
        assert_true(rv_labels_equal(a, b));
}

static void counts_references(void **state) {
        struct rv_labels *a = parse("{\"a\":\"1\"}", NULL, 0);
        struct rv_labels *b = rv_labels_ref(a);

        (void)state;
        assert_null(rv_labels_unref(a));
        assert_string_equal(rv_labels_get(b, "a"), "1");
        assert_null(rv_labels_unref(b));
        assert_null(rv_labels_unref(NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(fingerprints_as_alertmanager),
                cmocka_unit_test(sorts_and_finds),
                cmocka_unit_test(order_does_not_matter),
                cmocka_unit_test(equal_looks_past_the_hash),
                cmocka_unit_test(leaves_out),
                cmocka_unit_test(refuses),
                cmocka_unit_test(caps),
                cmocka_unit_test(formats_hostile_values),
                cmocka_unit_test(goes_through_json),
                cmocka_unit_test(counts_references),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
