/* What a confined worker can and cannot do, by trying. */
#include "git/confine.h"
#include "git/sanitizer.h"

#include "repo.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static struct repo repo;
static char storage[128];

static int set_up(void **state) {
        (void)state;
        repo_make(&repo);
        snprintf(storage, sizeof storage, "%s/state", repo.folder);
        repo_run(&repo, "mkdir state credentials home; echo all >state/revertd.db; echo secret >credentials/key; "
                        "echo mine >home/diary");
        return 0;
}

static int tear_down(void **state) {
        (void)state;
        repo_remove(&repo);
        return 0;
}

static int try_open(const char *name, int flags) {
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s/%s", repo.folder, name) < 0)
                return -ENOMEM;
        int fd = open(path, flags, 0600);
        if (fd < 0)
                return -errno;
        close(fd);
        return 0;
}

static int try_run(const char *command) {
        int status = system(command);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* In a child, for there is no way back. */
static void confined(const char *url, void (*attempts)(void)) {
        pid_t pid = fork();
        int status;

        assert_true(pid >= 0);
        if (pid == 0) {
                struct rv_repository_config config = {.name = (char *)"fleet", .url = (char *)url};
                _cleanup_free_ char *credentials = NULL;
                const char *missing = NULL;
                struct rv_error err = {};

                assert_true(asprintf(&credentials, "%s/credentials", repo.folder) > 0);
                /* As rv_jail_enter() does; neither works without. */
                assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
                if (rv_confine(&config, credentials, storage, &missing, &err) < 0)
                        fail_msg("%s", err.text);
                if (missing) {
                        print_message("this kernel has no %s\n", missing);
                        _exit(0);
                }
                attempts();
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

#define EXPECT(expression, wanted)                                                                                     \
        do {                                                                                                           \
                int got_ = (expression);                                                                               \
                if (got_ != (wanted)) {                                                                                \
                        fprintf(stderr, "%s: %d\n", #expression, got_);                                                \
                        _exit(1);                                                                                      \
                }                                                                                                      \
        } while (0)

static void try_files(void) {
        char from[256], to[256];

        EXPECT(try_open("home/diary", O_RDONLY), -EACCES);
        EXPECT(try_open("state/revertd.db", O_RDONLY), -EACCES);
        EXPECT(try_open("state/revertd.db", O_WRONLY), -EACCES);
        EXPECT(try_open("state/new", O_WRONLY | O_CREAT), -EACCES);
        EXPECT(try_open("home/new", O_WRONLY | O_CREAT), -EACCES);
        EXPECT(try_open("credentials/key", O_RDONLY), 0);
        EXPECT(try_open("credentials/key", O_WRONLY), -EACCES);
        EXPECT(open("/etc/revertd-test", O_WRONLY | O_CREAT, 0600) < 0 ? errno : 0, EACCES);
        EXPECT(try_open("state/git/program", O_WRONLY | O_CREAT), 0);
        /* From one folder of the mirror to another, as git does. */
        snprintf(from, sizeof from, "%s/git/program", storage);
        snprintf(to, sizeof to, "%s/git/deep", storage);
        EXPECT(mkdir(to, 0700), 0);
        snprintf(to, sizeof to, "%s/git/deep/program", storage);
        EXPECT(rename(from, to), 0);
        /* What can be written cannot be executed; the system's programs can, and are confined as well. */
        EXPECT(chmod(to, 0700), 0);
        EXPECT(execl(to, to, (char *)NULL) < 0 ? errno : 0, EACCES);
        EXPECT(try_run("ssh -V 2>/dev/null && git --version >/dev/null"), 0);
        snprintf(from, sizeof from, "cat %s/home/diary 2>/dev/null", repo.folder);
        EXPECT(try_run(from), 1);
}

static void try_files_freely(void) {
        EXPECT(try_open("home/diary", O_RDONLY), 0);
        EXPECT(try_open("home/new", O_WRONLY | O_CREAT), 0);
}

static void try_calls(void) {
        EXPECT(ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 ? errno : 0, EPERM);
        EXPECT(unshare(CLONE_NEWUSER) < 0 ? errno : 0, EPERM);
        EXPECT((int)syscall(SYS_io_uring_setup, 1, NULL) < 0 ? errno : 0, EPERM);
        EXPECT((int)syscall(SYS_bpf, 0, NULL, 0) < 0 ? errno : 0, EPERM);
        EXPECT((int)syscall(SYS_keyctl, 0, 0, 0, 0, 0) < 0 ? errno : 0, EPERM);
        EXPECT(socket(AF_PACKET, SOCK_RAW, 0) < 0 ? errno : 0, EAFNOSUPPORT);
        EXPECT(socket(AF_VSOCK, SOCK_STREAM, 0) < 0 ? errno : 0, EAFNOSUPPORT);
        EXPECT(socket(AF_ALG, SOCK_SEQPACKET, 0) < 0 ? errno : 0, EAFNOSUPPORT);
        EXPECT(socket(AF_INET, SOCK_STREAM, 0) < 0, 0);
        EXPECT(socket(AF_INET6, SOCK_STREAM, 0) < 0 && errno == EPERM, 0);
        EXPECT(socket(AF_UNIX, SOCK_STREAM, 0) < 0, 0);
        EXPECT(try_run("unshare -U true 2>/dev/null"), 1);
}

static void test_files(void **state) {
        (void)state;
        confined("ssh://git@git.example.com/fleet.git", try_files);
}

/* Hooks of a repository on this machine may do what they please. */
static void test_files_of_a_local_remote(void **state) {
        (void)state;
        confined("/srv/fleet.git", try_files_freely);
}

static void test_calls(void **state) {
        (void)state;
#ifndef HAVE_ADDRESS_SANITIZER /* calls are free then */
        confined("https://git.example.com/fleet.git", try_calls);
#else
        (void)try_calls;
#endif
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_files, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_files_of_a_local_remote, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_calls, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
