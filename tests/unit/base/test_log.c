#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "revertd/cleanup.h"
#include "revertd/json.h"
#include "revertd/log.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

static int saved_stderr, captured;

static void capture(void) {
        captured = memfd_create("stderr", MFD_CLOEXEC);
        saved_stderr = dup(STDERR_FILENO);
        dup2(captured, STDERR_FILENO);
}

static const char *captured_text(void) {
        static char text[16384];
        ssize_t n = pread(captured, text, sizeof(text) - 1, 0);

        dup2(saved_stderr, STDERR_FILENO);
        close(saved_stderr);
        close(captured);
        text[n > 0 ? n : 0] = '\0';
        return text;
}

/* The line without its first word, the time, whose form is checked. */
static const char *without_time(const char *line) {
        int year, month, day, hour, minute, second, msec, n = 0;

        sscanf(line, "ts=%4d-%2d-%2dT%2d:%2d:%2d.%3dZ %n", &year, &month, &day, &hour, &minute, &second, &msec, &n);
        assert_int_equal(n, strlen("ts=2026-03-01T10:00:00.540Z "));
        return line + n;
}

static void logfmt(void **state) {
        (void)state;
        rv_log_init(RV_LOG_INFO, RV_LOG_LOGFMT);
        capture();
        rv_log(RV_LOG_WARN, RV_EV_INCIDENT, "incident opened", "incident", "7f3c", "rule", "a b", "none", NULL, "empty",
               "", "quote", "x\"y\\z", "eq", "a=b", NULL);
        assert_string_equal(without_time(captured_text()),
                            "level=warn msg=\"incident opened\" incident=7f3c rule=\"a b\" empty=\"\" "
                            "quote=\"x\\\"y\\\\z\" eq=\"a=b\"\n");
}

static void hostile_values_stay_on_their_line(void **state) {
        (void)state;
        rv_log_init(RV_LOG_INFO, RV_LOG_LOGFMT);
        capture();
        rv_log(RV_LOG_INFO, RV_EV_NONE, "m\nts=2026 level=error msg=forged", "subject",
               "x\nlevel=error\x1B[31m\xE2\x80\xAE\xE2\x80\xA8\xFF%s%n", NULL);
        assert_string_equal(without_time(captured_text()),
                            "level=info msg=\"m ts=2026 level=error msg=forged\" subject=\"x level=error [31m "
                            "\xEF\xBF\xBD%s%n\"\n");
}

static void levels(void **state) {
        enum rv_log_level level;

        (void)state;
        rv_log_init(RV_LOG_WARN, RV_LOG_LOGFMT);
        capture();
        rv_log(RV_LOG_INFO, RV_EV_NONE, "no", NULL);
        rv_log(RV_LOG_DEBUG, RV_EV_NONE, "no", NULL);
        rv_log(RV_LOG_ERROR, RV_EV_NONE, "yes", NULL);
        assert_string_equal(without_time(captured_text()), "level=error msg=yes\n");
        assert_int_equal(rv_log_level_from_string("debug", &level), 0);
        assert_int_equal(level, RV_LOG_DEBUG);
        assert_int_equal(rv_log_level_from_string("warning", &level), -EINVAL);
        assert_int_equal(rv_log_level_from_string("", &level), -EINVAL);
}

static void formats(void **state) {
        enum rv_log_format format;

        (void)state;
        assert_int_equal(rv_log_format_from_string("json", &format), 0);
        assert_int_equal(format, RV_LOG_JSON);
        assert_int_equal(rv_log_format_from_string("xml", &format), -EINVAL);
}

static void json_lines(void **state) {
        (void)state;
        rv_log_init(RV_LOG_INFO, RV_LOG_JSON);
        capture();
        rv_log(RV_LOG_INFO, RV_EV_REVERTED, "re\nverted", "commit", "9c1e\"2ab", NULL);
        const char *text = captured_text();
        assert_int_equal(text[strlen(text) - 1], '\n');
        assert_int_equal(strcspn(text, "\n"), strlen(text) - 1);
        _cleanup_json_ json_t *json = json_loads(text, 0, NULL);
        assert_string_equal(rv_json_string(json, "level", ""), "info");
        assert_string_equal(rv_json_string(json, "msg", ""), "re verted");
        assert_string_equal(rv_json_string(json, "commit", ""), "9c1e\"2ab");
        assert_int_equal(strlen(rv_json_string(json, "ts", "")), strlen("2026-03-01T10:00:00.540Z"));
}

static void many_pairs_and_long_values(void **state) {
        _cleanup_free_ char *value = calloc(1, 100001);

        (void)state;
        memset(value, 'x', 100000);
        rv_log_init(RV_LOG_INFO, RV_LOG_LOGFMT);
        capture();
        rv_log(RV_LOG_INFO, RV_EV_NONE, "m", "a", value, NULL);
        const char *text = captured_text();
        assert_true(strlen(text) < 5000);
        assert_non_null(strstr(text, "\xE2\x80\xA6"));
}

static void knows_the_journal(void **state) {
        char stream[64];
        struct stat st;

        (void)state;
        unsetenv("JOURNAL_STREAM");
        assert_false(rv_log_is_journal());
        setenv("JOURNAL_STREAM", "1:2", 1);
        assert_false(rv_log_is_journal());
        assert_int_equal(fstat(STDERR_FILENO, &st), 0);
        snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
        setenv("JOURNAL_STREAM", stream, 1);
        assert_true(rv_log_is_journal());
        unsetenv("JOURNAL_STREAM");
}

/* In a mount namespace of its own: a journal socket that is ours. Exit status: 0 fine, 77 not allowed here. */
static int log_to_a_journal(void) {
        struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/socket"};
        char datagram[8192] = "";

        if (unshare(CLONE_NEWNS | (geteuid() == 0 ? 0 : CLONE_NEWUSER)) < 0 ||
            mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("tmpfs", "/run", "tmpfs", 0, NULL) < 0)
                return 77;
        mkdir("/run/systemd", 0755);
        mkdir("/run/systemd/journal", 0755);
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
                return 77;
        rv_log_init(RV_LOG_INFO, RV_LOG_JOURNAL);
        rv_log(RV_LOG_WARN, RV_EV_REVERTED, "reverted", "incident", "7f3c", "odd-key", "x\nPRIORITY=0", NULL);
        if (recv(fd, datagram, sizeof(datagram) - 1, 0) <= 0)
                return 1;
        static const char *const fields[] = {"MESSAGE=reverted: incident=7f3c odd-key=\"x PRIORITY=0\"\n",
                                             "PRIORITY=4\n", "REVERTD_INCIDENT=7f3c\n",
                                             "REVERTD_ODD_KEY=x PRIORITY=0\n", "MESSAGE_ID="};
        for (size_t i = 0; i < RV_ARRAY_SIZE(fields); i++)
                if (!strstr(datagram, fields[i]))
                        return 2;
        return strstr(datagram, "\nPRIORITY=0") ? 3 : 0;
}

static void journal_fields(void **state) {
        int status;

        (void)state;
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                _exit(log_to_a_journal());
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == 77)
                skip();
        assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(logfmt),
                cmocka_unit_test(hostile_values_stay_on_their_line),
                cmocka_unit_test(levels),
                cmocka_unit_test(formats),
                cmocka_unit_test(json_lines),
                cmocka_unit_test(many_pairs_and_long_values),
                cmocka_unit_test(knows_the_journal),
                cmocka_unit_test(journal_fields),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
