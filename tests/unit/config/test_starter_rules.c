/* The rule files in rules/: each is loaded, and its PromQL is run by promtool over series that breach and recover.
 *
 * For a rule NAME the expressions become recording rules: revertd:NAME:value is expr, revertd:NAME:breach what of it is
 * in breach, revertd:NAME:require what has traffic enough. tests/unit/config/rules/FILE.yml says what they must give. */
#include "revertd/cleanup.h"
#include "revertd/config.h"
#include "revertd/json.h"

#include "../guide.h"

#include <glob.h>
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

struct room {
        char directory[64];
};

static int setup(void **state) {
        struct room *room = calloc(1, sizeof(*room));
        strcpy(room->directory, "/tmp/revertd-rules-XXXXXX");
        *state = room;
        return mkdtemp(room->directory) ? 0 : -1;
}

static char *in_room(const struct room *room, const char *name) {
        char *path = NULL;
        assert_true(asprintf(&path, "%s/%s", room->directory, name) > 0);
        return path;
}

static int teardown(void **state) {
        static const char *const files[] = {"revertd.conf", "rules.json", "test.yml"};
        struct room *room = *state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(files); i++) {
                _cleanup_free_ char *path = in_room(room, files[i]);
                unlink(path);
        }
        rmdir(room->directory);
        free(room);
        return 0;
}

static void write_file(const char *path, const char *text) {
        _cleanup_fclose_ FILE *f = fopen(path, "we");
        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
}

static struct rv_config *load(const struct room *room, const char *rule_file) {
        _cleanup_free_ char *path = in_room(room, "revertd.conf");
        _cleanup_free_ char *text = NULL;
        struct rv_config *config = NULL;
        struct rv_config_errors errors = {0};

        assert_true(asprintf(&text,
                             "repositories: ( { name = \"fleet\"; url = \"/srv/fleet.git\"; } );\n"
                             "prometheus: ( { name = \"prod\"; url = \"http://127.0.0.1:9090\"; } );\n"
                             "rule_files = [ \"%s\" ];\n",
                             rule_file) > 0);
        write_file(path, text);
        if (rv_config_load(&config, path, &errors) < 0) {
                for (size_t i = 0; i < errors.n; i++)
                        print_error("%s\n", errors.text[i]);
                rv_config_errors_done(&errors);
                fail();
        }
        return config;
}

/* -- Recording rules, as JSON, which is YAML too -- */

static void add_record(json_t *records, const char *rule, const char *what, const char *expr) {
        _cleanup_free_ char *record = NULL;
        assert_true(asprintf(&record, "revertd:%s:%s", rule, what) > 0);
        for (char *p = record; *p; p++)
                if (*p == '-' || *p == '.')
                        *p = '_';
        json_array_append_new(records, json_pack("{s:s, s:s}", "record", record, "expr", expr));
}

static void write_recording_rules(const struct room *room, const struct rv_config *config) {
        json_t *records = json_array();
        for (size_t i = 0; i < config->n_rules; i++) {
                const struct rv_rule_config *rule = &config->rules[i];
                _cleanup_free_ char *breach = NULL;
                assert_non_null(rule->expr);
                assert_true(asprintf(&breach, "(%s) %s %.17g", rule->expr, rv_breach_op_to_string(rule->breach_op),
                                     rule->breach_value) > 0);
                add_record(records, rule->name, "value", rule->expr);
                add_record(records, rule->name, "breach", breach);
                if (rule->require)
                        add_record(records, rule->name, "require", rule->require);
        }
        _cleanup_json_ json_t *groups = json_pack("{s:[{s:s, s:o}]}", "groups", "name", "revertd", "rules", records);
        _cleanup_free_ char *path = in_room(room, "rules.json");
        assert_int_equal(json_dump_file(groups, path, JSON_INDENT(1)), 0);
}

static void promtool(const char *verb, const char *path) {
        char *argv[] = {(char[]){"promtool"}, strdup(verb), (char[]){"rules"}, strdup(path), NULL};
        pid_t pid;
        int status;
        int r = posix_spawnp(&pid, "promtool", NULL, NULL, argv, environ);
        if (r != 0)
                fail_msg("promtool cannot be run: %s", strerror(r));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        free(argv[1]);
        free(argv[3]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

/* Every rule must be seen in breach and, with a value, out of it. */
static void assert_covers(const char *test, const struct rv_rule_config *rule) {
        static const char *const wanted[] = {"breach", "value"};
        for (size_t i = 0; i < RV_ARRAY_SIZE(wanted); i++) {
                _cleanup_free_ char *record = NULL;
                assert_true(asprintf(&record, "revertd:%s:%s", rule->name, wanted[i]) > 0);
                for (char *p = record; *p; p++)
                        if (*p == '-' || *p == '.')
                                *p = '_';
                if (!strstr(test, record))
                        fail_msg("the test says nothing of %s", record);
        }
}

static void exercise(const struct room *room, const char *rule_file) {
        const char *name = strrchr(rule_file, '/') + 1;
        _cleanup_free_ char *source = NULL;
        assert_true(asprintf(&source, RV_SOURCE_DIR "/tests/unit/config/rules/%.*s.yml",
                             (int)(strlen(name) - strlen(".conf")), name) > 0);
        _cleanup_free_ char *test = guide_read(source);
        _cleanup_free_ char *test_path = in_room(room, "test.yml"), *rules_path = in_room(room, "rules.json");

        struct rv_config *config = load(room, rule_file);
        assert_true(config->n_rules > 0);
        for (size_t i = 0; i < config->n_rules; i++) {
                assert_int_equal(config->rules[i].mode, RV_MODE_OBSERVE);
                assert_covers(test, &config->rules[i]);
        }
        write_recording_rules(room, config);
        write_file(test_path, test);
        promtool("check", rules_path);
        promtool("test", test_path);
        rv_config_unref(config);
}

static void test_each_starter_file(void **state) {
        glob_t found;
        assert_int_equal(glob(RV_SOURCE_DIR "/rules/*.conf", 0, NULL, &found), 0);
        assert_true(found.gl_pathc >= 4);
        for (size_t i = 0; i < found.gl_pathc; i++) {
                print_message("%s\n", found.gl_pathv[i]);
                exercise(*state, found.gl_pathv[i]);
        }
        globfree(&found);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_each_starter_file, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
