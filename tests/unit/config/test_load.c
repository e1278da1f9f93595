/* What a good configuration becomes, and how files are found and read. */
#include "config/load.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define BASE                                                                                                           \
        "repositories: ( { name = \"fleet\"; url = \"/srv/fleet.git\"; } );\n"                                         \
        "prometheus: ( { name = \"prod\"; url = \"http://p:9090/\"; } );\n"                                            \
        "receivers: ( { name = \"a\"; type = \"slack\"; credential = \"t\"; },\n"                                      \
        "             { name = \"b\"; type = \"slack\"; credential = \"t\"; channel = \"C1\"; } );\n"
#define RULE(name) "{ name = \"" name "\"; expr = \"up\"; breach = \"< 1\"; paths = \"apps/x\"; }"

static struct rv_config *must_load_text(const char *text) {
        struct rv_config *config = NULL;
        struct rv_config_errors errors = {0};
        int r = rv_config_load_text(&config, "test.conf", text, strlen(text), &errors);
        for (size_t i = 0; i < errors.n; i++)
                print_error("%s\n", errors.text[i]);
        rv_config_errors_done(&errors);
        assert_int_equal(r, 0);
        return config;
}

static void test_an_empty_file_has_the_defaults(void **state) {
        struct rv_config *config = must_load_text("");
        (void)state;
        assert_int_equal(config->budget, 4);
        assert_int_equal(config->retention_usec, 90 * RV_USEC_PER_DAY);
        assert_null(config->credentials_directory);
        assert_string_equal(config->listen.addresses[0], "127.0.0.1:9798");
        assert_null(config->listen.addresses[1]);
        assert_string_equal(config->listen.socket, "/run/revertd/revertd.sock");
        assert_null(config->listen.credential);
        assert_int_equal(config->n_rules, 0);
        assert_int_equal(rv_config_find_rule(config, "x"), -1);
        assert_null(rv_config_unref(config));
}

static void test_rules_have_the_defaults(void **state) {
        struct rv_config *config = must_load_text(BASE "rules: (\n" RULE("r") ");");
        const struct rv_rule_config *rule = &config->rules[0];
        (void)state;
        assert_string_equal(config->prometheus[0].endpoint.url, "http://p:9090");
        assert_int_equal(config->repositories[0].poll_usec, 15 * RV_USEC_PER_SEC);
        assert_string_equal(config->repositories[0].branch, "main");
        assert_string_equal(rule->at.file, "test.conf");
        assert_int_equal(rule->at.line, 6);
        assert_int_equal(rule->prometheus, 0);
        assert_int_equal(rule->repository, 0);
        assert_int_equal(rule->breach_op, RV_BREACH_LT);
        assert_true(rule->breach_value == 1.0);
        assert_int_equal(rule->interval_usec, 15 * RV_USEC_PER_SEC);
        assert_int_equal(rule->for_usec, RV_USEC_PER_MINUTE);
        assert_int_equal(rule->window_usec, 30 * RV_USEC_PER_MINUTE);
        assert_int_equal(rule->max_age_usec, 6 * RV_USEC_PER_HOUR);
        assert_int_equal(rule->mode, RV_MODE_OBSERVE);
        assert_int_equal(rule->hold_usec, 0);
        assert_int_equal(rule->cooldown_usec, 30 * RV_USEC_PER_MINUTE);
        assert_int_equal(rule->recover_usec, 2 * RV_USEC_PER_MINUTE);
        assert_int_equal(rule->verify_timeout_usec, 15 * RV_USEC_PER_MINUTE);
        assert_int_equal(rule->n_receivers, 2);
        assert_int_equal(rule->receivers[1], 1);
        assert_int_equal(rule->n_paths, 1);
        assert_string_equal(rv_template_source(rule->paths[0]), "apps/x");
        rv_config_unref(config);
}

static void test_every_key_reaches_its_field(void **state) {
        struct rv_config *config = must_load_text(
                "budget = 7; retention = \"2w\"; credentials_directory = \"secrets\"; external_url = \"https://r/\";\n"
                "listen: { address = [ \":9798\", \"[::1]:1\" ]; socket = \"\"; credential = \"c\"; username = \"u\";\n"
                "  cert_file = \"/c.pem\"; key_credential = \"k\"; client_ca_file = \"/ca.pem\"; };\n"
                "repositories: ( { name = \"other\"; url = \"/o\"; },\n"
                "  { name = \"fleet\"; url = \"git@h:x.git\"; branch = \"prod\"; credential = \"d\"; username = "
                "\"n\";\n"
                "    known_hosts = \"kh\"; ca_file = \"/ca\"; allow_paths = [ \"apps/**\", \"lib\" ]; poll = \"5s\";\n"
                "    timeout = \"9s\"; budget = 0; committer_name = \"R\"; committer_email = \"r@h\";\n"
                "    web_commit_url = \"https://w/{}\"; socket = \"/run/s\"; } );\n"
                "prometheus: ( { name = \"p\"; url = \"http://p\"; credential = \"pc\"; username = \"pu\";\n"
                "    headers = [ \"X-A: 1\", \"X-B: 2\" ]; ca_file = \"/pca\"; cert_file = \"/pcert\";\n"
                "    key_credential = \"pk\"; timeout = \"3s\"; delay = \"30s\"; } );\n"
                "receivers: ( { name = \"s\"; type = \"slack\"; credential = \"sc\"; channel = \"C1\";\n"
                "    api_url = \"http://127.0.0.1:1/api/\"; ca_file = \"/sca\"; timeout = \"4s\"; } );\n"
                "rules: ( { name = \"r\"; summary = \"{{ $labels.app }}\"; runbook = \"https://b/#x\"; expr = \"e\";\n"
                "    prometheus = \"p\"; breach = \">= -1.5e-3\"; require = \"q\"; interval = \"30s\"; for = \"0\";\n"
                "    repository = \"fleet\"; paths = ( \"a/{{ $labels.app }}/**\", \"b\" ); window = \"1h\";\n"
                "    max_age = \"2h\"; mode = \"enforce\"; hold = \"10s\"; approval_timeout = \"20m\";\n"
                "    cooldown = \"0\"; recover = \"5s\"; verify_timeout = \"1m\"; receivers = []; },\n"
                "  { name = \"m\"; match = [ \"a=b\", \"c=~d\" ]; confirm = \"x{a=\\\"{{ $labels.a }}\\\"}\";\n"
                "    breach = \"!= 0\"; repository = \"other\"; paths = \"p\"; } );\n");
        const struct rv_listen_config *listen = &config->listen;
        const struct rv_repository_config *repository = &config->repositories[1];
        const struct rv_endpoint *endpoint = &config->prometheus[0].endpoint;
        const struct rv_receiver_config *receiver = &config->receivers[0];
        const struct rv_rule_config *rule = &config->rules[0], *alerts = &config->rules[1];
        (void)state;

        assert_int_equal(config->budget, 7);
        assert_int_equal(config->retention_usec, 14 * RV_USEC_PER_DAY);
        assert_string_equal(config->credentials_directory, "/secrets");
        assert_string_equal(config->external_url, "https://r");
        assert_string_equal(listen->addresses[1], "[::1]:1");
        assert_null(listen->socket);
        assert_string_equal(listen->credential, "c");
        assert_string_equal(listen->username, "u");
        assert_string_equal(listen->cert_file, "/c.pem");
        assert_string_equal(listen->key_credential, "k");
        assert_string_equal(listen->client_ca_file, "/ca.pem");

        assert_string_equal(repository->url, "git@h:x.git");
        assert_string_equal(repository->branch, "prod");
        assert_string_equal(repository->credential, "d");
        assert_string_equal(repository->username, "n");
        assert_string_equal(repository->known_hosts, "/kh");
        assert_string_equal(repository->ca_file, "/ca");
        assert_string_equal(repository->allow_paths[1], "lib");
        assert_null(repository->allow_paths[2]);
        assert_int_equal(repository->poll_usec, 5 * RV_USEC_PER_SEC);
        assert_int_equal(repository->timeout_usec, 9 * RV_USEC_PER_SEC);
        assert_int_equal(repository->budget, 0);
        assert_string_equal(repository->committer_name, "R");
        assert_string_equal(repository->committer_email, "r@h");
        assert_string_equal(repository->web_commit_url, "https://w/{}");
        assert_string_equal(repository->socket, "/run/s");
        assert_int_equal(rv_config_find_repository(config, "fleet"), 1);
        assert_int_equal(rv_config_find_repository(config, "x"), -1);

        assert_string_equal(endpoint->credential, "pc");
        assert_string_equal(endpoint->username, "pu");
        assert_string_equal(endpoint->headers[1], "X-B: 2");
        assert_null(endpoint->headers[2]);
        assert_string_equal(endpoint->ca_file, "/pca");
        assert_string_equal(endpoint->cert_file, "/pcert");
        assert_string_equal(endpoint->key_credential, "pk");
        assert_int_equal(endpoint->timeout_usec, 3 * RV_USEC_PER_SEC);
        assert_int_equal(config->prometheus[0].delay_usec, 30 * RV_USEC_PER_SEC);

        assert_int_equal(receiver->type, RV_RECEIVER_SLACK);
        assert_string_equal(receiver->channel, "C1");
        assert_string_equal(receiver->api_url, "http://127.0.0.1:1/api");
        assert_string_equal(receiver->ca_file, "/sca");
        assert_int_equal(receiver->timeout_usec, 4 * RV_USEC_PER_SEC);

        assert_string_equal(rule->runbook, "https://b/#x");
        assert_string_equal(rule->require, "q");
        assert_int_equal(rule->breach_op, RV_BREACH_GE);
        assert_true(rule->breach_value == -1.5e-3);
        assert_int_equal(rule->for_usec, 0);
        assert_int_equal(rule->repository, 1);
        assert_int_equal(rule->n_paths, 2);
        assert_string_equal(rv_template_source(rule->paths[1]), "b");
        assert_int_equal(rule->mode, RV_MODE_ENFORCE);
        assert_int_equal(rule->hold_usec, 10 * RV_USEC_PER_SEC);
        assert_int_equal(rule->approval_timeout_usec, 20 * RV_USEC_PER_MINUTE);
        assert_int_equal(rule->cooldown_usec, 0);
        assert_int_equal(rule->verify_timeout_usec, RV_USEC_PER_MINUTE);
        assert_int_equal(rule->n_receivers, 0);
        assert_null(rule->confirm);

        assert_null(alerts->expr);
        assert_int_equal(alerts->n_match, 2);
        assert_non_null(alerts->match[1].regex);
        assert_non_null(alerts->confirm);
        assert_int_equal(alerts->prometheus, 0);
        assert_int_equal(alerts->repository, 0);
        assert_int_equal(alerts->breach_op, RV_BREACH_NE);
        assert_int_equal(alerts->for_usec, 0);
        rv_config_unref(config);
}

static void test_defaults_of_rules(void **state) {
        struct rv_config *config = must_load_text(BASE "defaults: { mode = \"approve\"; for = \"3m\"; window = \"1h\"; "
                                                       "receivers = \"b\"; paths = \"d/**\"; };\n"
                                                       "rules: ( { name = \"r\"; expr = \"up\"; breach = \"< 1\"; },\n"
                                                       "  { name = \"o\"; expr = \"up\"; breach = \"< 1\"; mode = "
                                                       "\"enforce\"; window = \"5m\"; paths = \"x\"; },\n"
                                                       "  { name = \"m\"; match = \"a=b\"; } );");
        (void)state;
        assert_int_equal(config->rules[0].mode, RV_MODE_APPROVE);
        assert_int_equal(config->rules[0].for_usec, 3 * RV_USEC_PER_MINUTE);
        assert_int_equal(config->rules[0].n_receivers, 1);
        assert_int_equal(config->rules[0].receivers[0], 1);
        assert_string_equal(rv_template_source(config->rules[0].paths[0]), "d/**");
        assert_int_equal(config->rules[1].mode, RV_MODE_ENFORCE);
        assert_int_equal(config->rules[1].window_usec, 5 * RV_USEC_PER_MINUTE);
        assert_int_equal(config->rules[1].n_paths, 1);
        assert_string_equal(rv_template_source(config->rules[1].paths[0]), "x");
        /* The default of `for` says nothing of an alert's. */
        assert_int_equal(config->rules[2].for_usec, 0);
        assert_int_equal(config->rules[2].prometheus, -1);
        assert_null(config->rules[2].confirm);
        rv_config_unref(config);
}

static void test_many_rules_are_found_by_name(void **state) {
        enum { MANY = 3000 };
        char *text = NULL;
        size_t n = 0;
        FILE *f = open_memstream(&text, &n);
        (void)state;
        fputs(BASE "rules: (", f);
        for (int i = 0; i < MANY; i++)
                fprintf(f, "%s{ name = \"r%d\"; expr = \"up\"; breach = \"< 1\"; paths = \"x\"; }", i > 0 ? "," : "",
                        i * 7919 % MANY);
        fputs(");", f);
        fclose(f);
        struct rv_config *config = must_load_text(text);
        assert_int_equal(config->n_rules, MANY);
        for (size_t i = 0; i < config->n_rules; i++)
                assert_int_equal(rv_config_find_rule(config, config->rules[i].name), i);
        assert_int_equal(rv_config_find_rule(config, "r"), -1);
        assert_int_equal(rv_config_find_rule(config, "zzz"), -1);
        rv_config_unref(rv_config_ref(config));
        assert_string_equal(config->rules[0].name, "r0");
        rv_config_unref(config);
        free(text);
}

static void test_strings_go_on_and_comments_need_no_end_of_line(void **state) {
        struct rv_config *config =
                must_load_text(BASE "rules: ( { name = \"r\"; expr = \"a \"\n\t\"b\"\n  /* x */ \" c\";\n"
                                    " breach = \"< 1\"; paths = \"x\"; } ) # no newline");
        (void)state;
        assert_string_equal(config->rules[0].expr, "a b c");
        rv_config_unref(config);
}

/* -- Files -- */

struct room {
        char directory[64];
};

static int setup(void **state) {
        struct room *room = calloc(1, sizeof(*room));
        strcpy(room->directory, "/tmp/revertd-load-XXXXXX");
        *state = room;
        return mkdtemp(room->directory) ? 0 : -1;
}

static int teardown(void **state) {
        char command[128];
        struct room *room = *state;
        snprintf(command, sizeof(command), "rm -rf '%s'", room->directory);
        int r = system(command);
        free(room);
        return r;
}

static void put(const struct room *room, const char *name, const char *text) {
        char path[PATH_MAX];
        snprintf(path, sizeof(path), "%s/%s", room->directory, name);
        _cleanup_fclose_ FILE *f = fopen(path, "we");
        assert_non_null(f);
        fputs(text, f);
}

static int load(const struct room *room, struct rv_config **ret, struct rv_config_errors *errors) {
        char path[PATH_MAX];
        snprintf(path, sizeof(path), "%s/revertd.conf", room->directory);
        return rv_config_load(ret, path, errors);
}

static void assert_one_error(const struct room *room, const char *name, const char *rest) {
        struct rv_config *config = NULL;
        struct rv_config_errors errors = {0};
        char want[PATH_MAX];
        assert_int_equal(load(room, &config, &errors), -EINVAL);
        assert_null(config);
        snprintf(want, sizeof(want), "%s/%s%s", room->directory, name, rest);
        assert_int_equal(errors.n, 1);
        assert_string_equal(errors.text[0], want);
        rv_config_errors_done(&errors);
}

static void test_rule_files(void **state) {
        const struct room *room = *state;
        struct rv_config *config = NULL;
        struct rv_config_errors errors = {0};
        char path[PATH_MAX];

        snprintf(path, sizeof(path), "%s/rules.d", room->directory);
        assert_int_equal(mkdir(path, 0700), 0);
        put(room, "revertd.conf",
            BASE "defaults: { mode = \"approve\"; };\nrules: (" RULE(
                    "main") ");\n"
                            "rule_files = [ \"rules.d/*.conf\", \"rules.d/b.conf\", \"none/*.conf\" ];");
        put(room, "rules.d/b.conf", "rules: (" RULE("b1") ", " RULE("b2") ");");
        put(room, "rules.d/a.conf", "rules: (" RULE("a") ");");
        put(room, "rules.d/.hidden.conf", "bad");
        put(room, "rules.d/c.conf.bak", "bad");
        assert_int_equal(load(room, &config, &errors), 0);
        assert_int_equal(config->n_files, 3);
        assert_int_equal(config->n_rules, 4);
        assert_string_equal(config->rules[0].name, "main");
        assert_string_equal(config->rules[1].name, "a");
        assert_string_equal(config->rules[3].name, "b2");
        assert_int_equal(config->rules[3].mode, RV_MODE_APPROVE);
        assert_ptr_equal(config->rules[3].at.file, config->files[2]);
        rv_config_unref(config);
}

static void test_errors_stand_in_the_order_of_files_and_lines(void **state) {
        const struct room *room = *state;
        struct rv_config *config = NULL;
        struct rv_config_errors errors = {0};
        static const char *const want[] = {
                "revertd.conf:5: defaults: window: ",    "a.conf:1: listen: ",
                "a.conf:3: rule x: interval: ",          "b.conf:1: rule x: paths: ",
                "b.conf:1: rule x: the name is taken: ",
        };

        put(room, "revertd.conf", BASE "defaults: { window = \"x\"; };\nrule_files = [ \"a.conf\", \"b.conf\" ];");
        put(room, "a.conf",
            "listen: {};\nrules: (" RULE(
                    "y") ",\n"
                         "{ name = \"x\"; expr = \"up\"; interval = 5; breach = \"< 1\"; paths = \"x\"; } );");
        put(room, "b.conf", "rules: ( { name = \"x\"; expr = \"up\"; breach = \"< 1\"; paths = \"/x\"; } );");
        assert_int_equal(load(room, &config, &errors), -EINVAL);
        assert_int_equal(errors.n, RV_ARRAY_SIZE(want));
        for (size_t i = 0; i < errors.n; i++)
                if (!strstr(errors.text[i], want[i]))
                        fail_msg("%s, not %s", errors.text[i], want[i]);
        rv_config_errors_done(&errors);
}

static void test_a_rule_file_that_is_named_must_be_there(void **state) {
        const struct room *room = *state;
        char want[PATH_MAX + 64];

        snprintf(want, sizeof(want), ":3: rule_files: %s/none.conf: No such file or directory", room->directory);
        put(room, "a.conf", "rules: ();");
        put(room, "revertd.conf", "rule_files = [\n\"a.conf\",\n\"none.conf\" ];");
        assert_one_error(room, "revertd.conf", want);
        put(room, "revertd.conf", "\n\nrule_files = \"none.conf\";");
        assert_one_error(room, "revertd.conf", want);
}

static void test_rule_files_hold_rules_only(void **state) {
        const struct room *room = *state;
        put(room, "revertd.conf", BASE "rule_files = \"a.conf\";");
        put(room, "a.conf", "\nrule_files = \"b.conf\";");
        assert_one_error(room, "a.conf", ":2: rule_files: does not belong in a rule file, which holds only rules");
}

static void test_only_regular_files_of_a_sane_size(void **state) {
        const struct room *room = *state;
        char path[PATH_MAX];

        assert_one_error(room, "revertd.conf", ": No such file or directory");
        snprintf(path, sizeof(path), "%s/revertd.conf", room->directory);
        assert_int_equal(mkfifo(path, 0600), 0);
        assert_one_error(room, "revertd.conf", ": is not a regular file");
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkdir(path, 0700), 0);
        assert_one_error(room, "revertd.conf", ": is a folder");
        assert_int_equal(rmdir(path), 0);
        put(room, "revertd.conf", "#");
        assert_int_equal(truncate(path, 1024 * 1024 + 1), 0);
        assert_one_error(room, "revertd.conf", ": is larger than 1024 KiB");
        put(room, "revertd.conf", "budget = 1;");
        assert_int_equal(truncate(path, 100), 0);
        assert_one_error(room, "revertd.conf", ":1: holds a NUL byte: this is no text file");
}

static void test_rules_that_say_the_same_share_a_template(void **state) {
        struct rv_config *config = must_load_text(
                BASE "defaults: { paths = [ \"a/{{ $labels.x }}\", \"b\" ]; };\n"
                     "rules: ( { name = \"1\"; expr = \"up\"; breach = \"< 1\"; },\n"
                     "         { name = \"2\"; expr = \"up\"; breach = \"< 1\"; },\n"
                     "         { name = \"3\"; expr = \"up\"; breach = \"< 1\"; paths = \"b\"; summary = \"t\"; } );");
        const struct rv_rule_config *rule = config->rules;
        (void)state;
        assert_int_equal(rule[1].n_paths, 2);
        assert_ptr_equal(rule[0].paths[0], rule[1].paths[0]);
        assert_ptr_equal(rule[0].paths[1], rule[1].paths[1]);
        assert_ptr_equal(rule[0].summary, rule[1].summary);
        assert_string_equal(rv_template_source(rule[2].paths[0]), "b");
        assert_string_equal(rv_template_source(rule[2].summary), "t");
        rv_config_unref(config);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_an_empty_file_has_the_defaults),
                cmocka_unit_test(test_rules_have_the_defaults),
                cmocka_unit_test(test_every_key_reaches_its_field),
                cmocka_unit_test(test_defaults_of_rules),
                cmocka_unit_test(test_rules_that_say_the_same_share_a_template),
                cmocka_unit_test(test_many_rules_are_found_by_name),
                cmocka_unit_test(test_strings_go_on_and_comments_need_no_end_of_line),
                cmocka_unit_test_setup_teardown(test_rule_files, setup, teardown),
                cmocka_unit_test_setup_teardown(test_errors_stand_in_the_order_of_files_and_lines, setup, teardown),
                cmocka_unit_test_setup_teardown(test_a_rule_file_that_is_named_must_be_there, setup, teardown),
                cmocka_unit_test_setup_teardown(test_rule_files_hold_rules_only, setup, teardown),
                cmocka_unit_test_setup_teardown(test_only_regular_files_of_a_sane_size, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
