/* The manual pages against the schema, in both directions: every key with its type, range and default stands in them,
 * and nothing else does. */
#include "config/schema.h"

#include "revertd/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

enum { ENTRIES_MAX = 256, ENTRY_BYTES_MAX = 512 };

/* Entries "section|line", sorted. */
struct entries {
        char *entry[ENTRIES_MAX];
        size_t n;
};

static void add(struct entries *entries, const char *section, const char *text) {
        assert_true(entries->n < ENTRIES_MAX);
        assert_true(asprintf(&entries->entry[entries->n++], "%s|%s", section, text) > 0);
}

static int compare(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

static void entries_done(struct entries *entries) {
        for (size_t i = 0; i < entries->n; i++)
                free(entries->entry[i]);
}

/* Calls fn with each line of the page and the subsection that it stands in. */
static void each_line(const char *page, void (*fn)(const char *section, const char *line, void *userdata),
                      void *userdata) {
        _cleanup_free_ char *path = NULL, *line = NULL;
        char section[ENTRY_BYTES_MAX] = "";
        size_t n = 0;
        ssize_t k;

        assert_true(asprintf(&path, RV_SOURCE_DIR "/docs/man/%s", page) > 0);
        _cleanup_fclose_ FILE *f = fopen(path, "re");
        assert_non_null(f);
        while ((k = getline(&line, &n, f)) >= 0) {
                if (k > 0 && line[k - 1] == '\n')
                        line[k - 1] = '\0';
                if (strncmp(line, ".Sh ", 4) == 0 || strncmp(line, ".Ss ", 4) == 0)
                        snprintf(section, sizeof(section), "%s", line + 4);
                fn(section, line, userdata);
        }
}

static void take_key(const char *section, const char *line, void *userdata) {
        static const char item[] = ".It Ic ";
        if (strncmp(line, item, strlen(item)) == 0)
                add(userdata, section, line + strlen(item));
}

static void from_schema(struct entries *entries) {
        for (size_t i = 0; i < rv_schema_n; i++) {
                const struct rv_key *key = &rv_schema[i];
                const char *section =
                        key->section == RV_SECTION_ROOT ? "Top level" : rv_section_info(key->section)->name;
                char range[RV_KEY_TEXT_MAX], fallback[RV_KEY_TEXT_MAX], text[ENTRY_BYTES_MAX];
                rv_key_range(key, range);
                rv_key_default(key, fallback);
                snprintf(text, sizeof(text), "%s Pq %s%s%s; %s%s", key->name, key->type->name, *range ? ", " : "",
                         range, key->flags & RV_KEY_REQUIRED ? "" : "default ", fallback);
                add(entries, section, text);
        }
}

static void test_pages_and_schema_agree(void **state) {
        struct entries pages = {0}, schema = {0};
        (void)state;

        each_line("revertd.conf.5", take_key, &pages);
        each_line("revertd.rules.5", take_key, &pages);
        from_schema(&schema);
        qsort(pages.entry, pages.n, sizeof(*pages.entry), compare);
        qsort(schema.entry, schema.n, sizeof(*schema.entry), compare);
        size_t i = 0, k = 0, wrong = 0;
        while (i < pages.n || k < schema.n) {
                int r = i == pages.n ? 1 : k == schema.n ? -1 : strcmp(pages.entry[i], schema.entry[k]);
                if (r < 0)
                        print_error("only in the pages:  %s\n", pages.entry[i]);
                if (r > 0)
                        print_error("only in the schema: %s\n", schema.entry[k]);
                wrong += r != 0;
                i += r <= 0;
                k += r >= 0;
        }
        entries_done(&pages);
        entries_done(&schema);
        assert_int_equal(wrong, 0);
}

static void take_default(const char *section, const char *line, void *userdata) {
        static const char emphasis[] = ".Ic ";
        if (strcmp(section, "defaults") == 0 && strncmp(line, emphasis, strlen(emphasis)) == 0 &&
            strcmp(line, ".Ic defaults") != 0) {
                char name[ENTRY_BYTES_MAX];
                snprintf(name, sizeof(name), "%s", line + strlen(emphasis));
                name[strcspn(name, " ")] = '\0';
                add(userdata, section, name);
        }
}

static void test_keys_of_defaults_agree(void **state) {
        struct entries page = {0};
        size_t n = 0;
        (void)state;

        each_line("revertd.rules.5", take_default, &page);
        for (size_t i = 0; i < rv_schema_n; i++) {
                if (!(rv_schema[i].flags & RV_KEY_IN_DEFAULTS))
                        continue;
                bool found = false;
                for (size_t k = 0; k < page.n && !found; k++)
                        found = strcmp(strchr(page.entry[k], '|') + 1, rv_schema[i].name) == 0;
                if (!found)
                        fail_msg("%s is not among the keys of defaults", rv_schema[i].name);
                n++;
        }
        assert_int_equal(page.n, n);
        entries_done(&page);
}

static void test_every_key_has_documentation(void **state) {
        (void)state;
        for (size_t i = 0; i < rv_schema_n; i++) {
                const struct rv_key *key = &rv_schema[i];
                assert_non_null(key->doc);
                /* One of the three says what happens without it. */
                assert_true((key->flags & RV_KEY_REQUIRED) || key->fallback || key->absent);
                assert_ptr_equal(rv_schema_find(key->section, key->name), key);
        }
}

static void test_pages_are_well_formed(void **state) {
        (void)state;
        int status = system("mandoc -Tlint -Wwarning " RV_SOURCE_DIR "/docs/man/revertd.conf.5 " RV_SOURCE_DIR
                            "/docs/man/revertd.rules.5");
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pages_and_schema_agree),
                cmocka_unit_test(test_keys_of_defaults_agree),
                cmocka_unit_test(test_every_key_has_documentation),
                cmocka_unit_test(test_pages_are_well_formed),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
