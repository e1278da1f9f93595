#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ctl/args.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { WORDS_MAX = 16 };

/* args_parse() of a line, split at blanks; what it says is caught in said. */
static char said[65536];
static char line[512];
static char *words[WORDS_MAX];

static int parse(const char *text, struct args *ret) {
        int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO), caught = memfd_create("said", MFD_CLOEXEC), n = 0;

        snprintf(line, sizeof(line), "%s", text);
        for (char *rest = line, *word; n < WORDS_MAX - 1 && (word = strsep(&rest, " "));)
                words[n++] = word;
        words[n] = NULL;
        fflush(stdout);
        dup2(caught, STDOUT_FILENO);
        dup2(caught, STDERR_FILENO);
        int status = args_parse(n, words, ret);
        fflush(stdout);
        dup2(out, STDOUT_FILENO);
        dup2(err, STDERR_FILENO);
        ssize_t length = pread(caught, said, sizeof(said) - 1, 0);
        said[length > 0 ? length : 0] = '\0';
        close(out);
        close(err);
        close(caught);
        return status;
}

static void options_on_both_sides_of_the_verb(void **state) {
        struct args args;

        (void)state;
        assert_int_equal(parse("revertctl -o json incidents --state=open --limit 7 --rule=page --socket=/x", &args),
                         -1);
        assert_string_equal(args.verb->name, "incidents");
        assert_int_equal(args.output, CTL_JSON);
        assert_string_equal(args.state, "open");
        assert_string_equal(args.rule, "page");
        assert_string_equal(args.socket, "/x");
        assert_int_equal(args.limit, 7);
        assert_false(args.is_default_socket);
}

static void operands_and_options_mix(void **state) {
        struct args args;

        (void)state;
        assert_int_equal(parse("revertctl revert 9c1e2ab -r fleet 77d0f3e --path=a/** --path b -n -- -odd", &args), -1);
        assert_int_equal(args.n_operands, 3);
        assert_string_equal(args.operand[0], "9c1e2ab");
        assert_string_equal(args.operand[1], "77d0f3e");
        assert_string_equal(args.operand[2], "-odd");
        assert_int_equal(args.n_paths, 2);
        assert_string_equal(args.path[1], "b");
        assert_true(args.dry_run);
        assert_false(args.force);
}

static void where_the_daemon_is(void **state) {
        struct args args;

        (void)state;
        unsetenv("REVERTD_URL");
        assert_int_equal(parse("revertctl status", &args), -1);
        assert_true(args.is_default_socket);
        assert_string_equal(args.socket, "/run/revertd/revertd.sock");
        assert_int_equal(args.timeout_usec, 30 * RV_USEC_PER_SEC);
        setenv("REVERTD_URL", "unix:/tmp/x.sock", 1);
        assert_int_equal(parse("revertctl status", &args), -1);
        assert_string_equal(args.socket, "/tmp/x.sock");
        assert_null(args.url);
        assert_false(args.is_default_socket);
        assert_int_equal(parse("revertctl --url=https://revertd.example.com/ status", &args), -1);
        assert_string_equal(args.url, "https://revertd.example.com/");
        assert_null(args.socket);
        setenv("REVERTD_URL", "", 1);
        assert_int_equal(parse("revertctl status", &args), -1);
        assert_true(args.is_default_socket);
        unsetenv("REVERTD_URL");
}

static void refuses(void **state) {
        static const struct {
                const char *line, *text;
        } bad[] = {
                {"revertctl nope", "there is no verb nope"},
                {"revertctl help nope", "there is no verb nope"},
                {"revertctl show", "show needs INCIDENT"},
                {"revertctl show a b", "unexpected argument: b"},
                {"revertctl status x", "unexpected argument: x"},
                {"revertctl status --limit=3", "there is no option --limit=3 here"},
                {"revertctl status -r fleet", "there is no option -r here"},
                {"revertctl --state=open incidents", "there is no option --state=open here"},
                {"revertctl incidents --limit", "--limit needs a value"},
                {"revertctl incidents --limit=0", "--limit: not a number"},
                {"revertctl incidents --limit=501", "--limit: not a number"},
                {"revertctl incidents --limit=1x", "--limit: not a number"},
                {"revertctl incidents --limit=99999999999999999999", "--limit: not a number"},
                {"revertctl -o xml status", "--output: neither table nor json: xml"},
                {"revertctl status --timeout=5", "--timeout: not a duration"},
                {"revertctl status --timeout=0s", "--timeout: not a duration"},
                {"revertctl pause --for=forever", "--for: not a duration"},
                {"revertctl status --url=ftp://x", "not an http://"},
                {"revertctl status --url=http://x --socket=/y", "two ways"},
                {"revertctl status --username=x", "--username needs --token-file"},
                {"revertctl check-config --url=http://x", "there is no option --url=http://x here"},
        };
        struct args args;

        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(bad); i++) {
                assert_int_equal(parse(bad[i].line, &args), CTL_USAGE);
                if (strncmp(said, "revertctl: error: ", 18) != 0 || !strstr(said, bad[i].text))
                        fail_msg("%s: %s", bad[i].line, said);
        }
        assert_int_equal(parse("revertctl", &args), CTL_USAGE);
        assert_non_null(strstr(said, "Verbs:"));
}

static void many_paths(void **state) {
        static char *argv[CTL_PATHS_MAX + 4] = {(char *)"revertctl", (char *)"revert"};
        struct args args;

        (void)state;
        for (int i = 0; i < CTL_PATHS_MAX; i++)
                argv[2 + i] = (char *)"--path=x";
        assert_int_equal(args_parse(2 + CTL_PATHS_MAX, argv, &args), -1);
        assert_int_equal(args.n_paths, CTL_PATHS_MAX);
}

static void helps(void **state) {
        struct args args;

        (void)state;
        assert_int_equal(parse("revertctl --help", &args), CTL_OK);
        for (const struct verb *verb = verbs; verb->name; verb++)
                assert_non_null(strstr(said, verb->summary));
        assert_int_equal(parse("revertctl revert --help", &args), CTL_OK);
        assert_non_null(strstr(said, "--dry-run"));
        assert_non_null(strstr(said, "Examples:"));
        assert_null(strstr(said, "--state"));
        assert_int_equal(parse("revertctl help show", &args), CTL_OK);
        assert_non_null(strstr(said, "--diff"));
        assert_int_equal(parse("revertctl --version", &args), CTL_OK);
        assert_non_null(strstr(said, "revertctl, version "));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(options_on_both_sides_of_the_verb),
                cmocka_unit_test(operands_and_options_mix),
                cmocka_unit_test(where_the_daemon_is),
                cmocka_unit_test(refuses),
                cmocka_unit_test(many_paths),
                cmocka_unit_test(helps),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
