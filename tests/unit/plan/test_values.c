/* Which values are looked for in changed lines. */
#include "revertd/suspect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void free_values(struct rv_value *values, size_t n) {
        for (size_t i = 0; i < n; i++) {
                free(values[i].label);
                free(values[i].value);
        }
        free(values);
}

/* What is picked of a label set of one, with a space after each. */
static const char *pick(const char *value, const char *scope) {
        static char text[1024];
        char *patterns[] = {(char *)scope};
        struct rv_labels *labels;
        struct rv_value *values;
        size_t n;

        assert_int_equal(rv_labels_new(&labels, &(struct rv_label){"l", value}, 1, NULL), 0);
        assert_int_equal(rv_values_pick(labels, patterns, 1, &values, &n), 0);
        *text = '\0';
        for (size_t i = 0; i < n; i++) {
                assert_string_equal(values[i].label, "l");
                snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s ", values[i].value);
        }
        free_values(values, n);
        rv_labels_unref(labels);
        return text;
}

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void versions_tags_digests_and_ids(void **state) {
        static const struct {
                const char *value, *picked;
        } cases[] = {
                {"v1.2.3", "v1.2.3 "},
                {"1.2.3", "1.2.3 "},
                {"1.2-rc1", "1.2-rc1 "},
                {"v77", "v77 "},
                {"main-20260301", "main-20260301 "},
                {"build-4711", "build-4711 "},
                {"sha-1a2b3c4", "sha-1a2b3c4 "},
                {"1a2b3c4", "1a2b3c4 "},
                {"20260301", "20260301 "},
                {"sha256:" HEX64, "sha256:" HEX64 " "},
                {"ghcr.io/team/shop:v1.2.3", "v1.2.3 "},
                {"registry:5000/shop:v1.2.3@sha256:" HEX64, "v1.2.3 sha256:" HEX64 " "},
                {"shop@sha256:" HEX64, "sha256:" HEX64 " "},
                /* Words, numbers, addresses and the like stand anywhere. */
                {"true", ""},
                {"checkout", ""},
                {"v1", ""}, /* shorter than 3 */
                {"500", ""},
                {"5xx", ""},
                {"0.99", ""},
                {"8080", ""},
                {"10.2.3.4", ""},
                {"10.2.3.4:9100", ""},
                {"node-12", ""},
                {"eu-west-1", ""},
                {"web2", ""},
                {"deadbeef", ""}, /* a word, perhaps */
                {"/var/lib/v1.2.3", ""},
                {"a v1.2.3", ""},
                {"registry:5000/shop", ""},
        };
        char large[RV_VALUE_BYTES_MAX + 2];

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                if (strcmp(pick(cases[i].value, "apps/**"), cases[i].picked) != 0)
                        fail_msg("%s: %s", cases[i].value, pick(cases[i].value, "apps/**"));
        memset(large, '1', sizeof(large) - 1);
        large[sizeof(large) - 1] = '\0';
        assert_string_equal(pick(large, "apps/**"), "");
        assert_int_equal(strlen(pick(large + 1, "apps/**")), RV_VALUE_BYTES_MAX + 1);
}

static void not_what_the_scope_is_made_of(void **state) {
        (void)state;
        assert_string_equal(pick("release-1.4", "apps/release-1.4/**"), "");
        assert_string_equal(pick("release-1.4", "apps/release-1.40/**"), "release-1.4 ");
}

static void each_once_and_not_too_many(void **state) {
        struct rv_label label[RV_VALUES_MAX + 3];
        char name[RV_VALUES_MAX + 3][8], value[RV_VALUES_MAX + 3][8];
        struct rv_labels *labels;
        struct rv_value *values;
        size_t n;

        (void)state;
        for (unsigned i = 0; i < RV_VALUES_MAX + 3; i++) {
                snprintf(name[i], sizeof(name[i]), "l%02u", i);
                snprintf(value[i], sizeof(value[i]), "v1.%u", i == 1 ? 0 : i);
                label[i] = (struct rv_label){name[i], value[i]};
        }
        assert_int_equal(rv_labels_new(&labels, label, RV_VALUES_MAX + 3, NULL), 0);
        assert_int_equal(rv_values_pick(labels, NULL, 0, &values, &n), 0);
        assert_int_equal(n, RV_VALUES_MAX);
        assert_string_equal(values[0].label, "l00");
        assert_string_equal(values[1].label, "l02");
        free_values(values, n);
        rv_labels_unref(labels);
        assert_int_equal(rv_values_pick(NULL, NULL, 0, &values, &n), 0);
        assert_int_equal(n, 0);
        free(values);
}

static void what_was_added_is_told(void **state) {
        json_t *json = json_pack("{s:s, s:s, s:s}", "label", "version", "value", "v1.2.3", "path", "a.yaml");
        char *text = rv_value_added_text(json);

        (void)state;
        assert_string_equal(text, "version=v1.2.3 in a.yaml");
        free(text);
        json_object_set_new(json, "removed", json_true());
        assert_null(rv_value_added_text(json));
        json_object_clear(json);
        assert_null(rv_value_added_text(json));
        json_decref(json);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(versions_tags_digests_and_ids),
                cmocka_unit_test(not_what_the_scope_is_made_of),
                cmocka_unit_test(each_once_and_not_too_many),
                cmocka_unit_test(what_was_added_is_told),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
