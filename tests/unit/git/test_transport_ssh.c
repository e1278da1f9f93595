/* SSH remotes: a real sshd on the loopback, and what must be refused. */
#include "git/askpass.h"
#include "stall.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <sys/socket.h>

static const char *const sshd_paths[] = {"/usr/sbin/sshd", "/usr/local/sbin/sshd"};
static const char *sshd;

static int free_port(void) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t n = sizeof(address);
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &n), 0);
        close(fd);
        return ntohs(address.sin_port);
}

static void wait_until_open(int port) {
        struct sockaddr_in address = {
                .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
        int64_t until_usec = in_seconds(20);

        for (;;) {
                int fd = socket(AF_INET, SOCK_STREAM, 0);
                int r = connect(fd, (struct sockaddr *)&address, sizeof(address));
                close(fd);
                if (r == 0)
                        return;
                assert_true(rv_clock_monotonic_usec() < until_usec);
                poll(NULL, 0, 10);
        }
}

static void start_sshd(struct world *world) {
        char config[160];
        const char *argv[] = {sshd, "-D", "-e", "-f", config, NULL};

        world->server.port = free_port();
        snprintf(config, sizeof(config), "%s/sshd_config", world->repo.folder);
        repo_run(&world->repo,
                 "ssh-keygen -q -t ed25519 -N '' -f host; ssh-keygen -q -t ed25519 -N '' -f user_ed25519; "
                 "cat user_*.pub >authorized; "
                 "printf '%%s\\n' 'Port %d' 'ListenAddress 127.0.0.1' \"HostKey $PWD/host\" \"PidFile none\" "
                 "\"AuthorizedKeysFile $PWD/authorized\" 'StrictModes no' 'UsePAM no' 'PermitRootLogin yes' "
                 "'PasswordAuthentication no' 'AcceptEnv GIT_PROTOCOL' 'LogLevel VERBOSE' >sshd_config; "
                 "echo \"[127.0.0.1]:%d $(cut -d' ' -f1,2 host.pub)\" >known_hosts; mkdir -p -m 755 /run/sshd",
                 world->server.port, world->server.port);
        world->server.pid = fork();
        if (world->server.pid == 0) {
                int fd = open(world->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
                dup2(fd, STDERR_FILENO);
                dup2(fd, STDOUT_FILENO);
                execv(sshd, (char *const *)argv);
                _exit(127);
        }
        wait_until_open(world->server.port);
}

static char known_hosts[160];

static int setup(void **state) {
        struct world *world = malloc(sizeof(*world));
        const struct passwd *user = getpwuid(geteuid());

        assert_non_null(world);
        assert_non_null(user);
        world_make(world);
        start_sshd(world);
        snprintf(known_hosts, sizeof(known_hosts), "%s/known_hosts", world->repo.folder);
        snprintf(world->url, sizeof(world->url), "ssh://%s@127.0.0.1:%d%s", user->pw_name, world->server.port,
                 world->path);
        world->config.url = world->url;
        world->config.known_hosts = known_hosts;
        world->config.credential = (char *)"user_ed25519";
        world_connect(world);
        *state = world;
        return 0;
}

static int teardown(void **state) {
        world_remove(*state);
        free(*state);
        return 0;
}

static void round_trip(void **state) {
        world_round_trip(*state);
}

static void every_kind_of_key(void **state) {
        static const char *const keys[] = {"user_rsa", "user_ecdsa"};
        struct world *world = *state;
        git_oid head;

        repo_run(&world->repo, "for t in rsa ecdsa; do ssh-keygen -q -t $t -N '' -f user_$t; done; "
                               "cat user_*.pub >authorized");
        for (size_t i = 0; i < RV_ARRAY_SIZE(keys); i++) {
                world->config.credential = (char *)keys[i];
                world_connect(world);
                assert_int_equal(rv_remote_read_ref(world->remote, "main", in_seconds(20), &head, &world->err), 0);
        }
}

/* One authentication for everything that is asked within a while. */
static void connection_is_kept(void **state) {
        struct world *world = *state;
        git_oid head;

        world_fetch(world, &head);
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(rv_remote_read_ref(world->remote, "main", in_seconds(20), &head, &world->err), 0);
        assert_string_equal(repo_ask(&world->repo, "grep -c 'Accepted publickey' log"), "1");
}

/* A connection that died in between costs one attempt at most. */
static void connection_died(void **state) {
        struct world *world = *state;
        struct rv_error err = {};
        git_oid head;

        world_fetch(world, &head);
        repo_run(&world->repo, "for p in $(pgrep -P %d); do kill -9 $p; done", (int)world->server.pid);
        if (rv_remote_read_ref(world->remote, "main", in_seconds(20), &head, &err) < 0)
                assert_int_equal(rv_remote_read_ref(world->remote, "main", in_seconds(20), &head, &world->err), 0);
}

/* ssh refuses a key that others may read; credentials of some managers are such files. */
static void key_that_others_may_read(void **state) {
        struct world *world = *state;
        git_oid head;

        repo_run(&world->repo, "chmod 644 user_ed25519");
        assert_int_equal(rv_remote_read_ref(world->remote, "main", in_seconds(20), &head, &world->err), 0);
        assert_string_equal(repo_ask(&world->repo, "stat -c %%a state/key"), "600");
        world->remote = rv_remote_free(world->remote);
        assert_string_equal(repo_ask(&world->repo, "ls state"), "");
}

static void expect_failure(struct world *world, int64_t seconds, int code, const char *text) {
        git_oid head;

        for (unsigned i = 0; i < 2; i++) {
                struct rv_error err = {};
                int r = i == 0 ? rv_remote_read_ref(world->remote, "main", in_seconds(seconds), &head, &err)
                               : rv_remote_fetch(world->remote, world->mirror, "main", in_seconds(seconds), NULL, NULL,
                                                 &head, &err);
                if (r != code || !strstr(err.text, text))
                        fail_msg("%d: %s", r, err.text);
        }
}

static void host_is_unknown(void **state) {
        struct world *world = *state;

        repo_run(&world->repo, "echo >known_hosts");
        expect_failure(world, 20, -EREMOTEIO, "Host key verification failed");
}

static void host_key_changed(void **state) {
        struct world *world = *state;

        repo_run(&world->repo,
                 "ssh-keygen -q -t ed25519 -N '' -f other; "
                 "echo \"[127.0.0.1]:%d $(cut -d' ' -f1,2 other.pub)\" >known_hosts",
                 world->server.port);
        expect_failure(world, 20, -EREMOTEIO, "Host key verification failed");
}

static void host_key_is_revoked(void **state) {
        struct world *world = *state;

        repo_run(&world->repo, "sed 's/^/@revoked /' known_hosts >more; cat more >>known_hosts");
        expect_failure(world, 20, -EREMOTEIO, "Host key verification failed");
}

static void hashed_known_hosts(void **state) {
        struct world *world = *state;

        repo_run(&world->repo, "ssh-keygen -q -H -f known_hosts 2>/dev/null; ! grep -q 127.0.0.1 known_hosts");
        world_round_trip(world);
}

static void key_with_a_passphrase(void **state) {
        struct world *world = *state;
        git_oid head;

        repo_run(&world->repo, "ssh-keygen -q -p -P '' -N 'correct horse' -f user_ed25519 >/dev/null; "
                               "echo 'correct horse' >words; echo wrong >bad");
        world->config.passphrase = (char *)"words";
        world_connect(world);
        assert_int_equal(rv_remote_read_ref(world->remote, "main", in_seconds(20), &head, &world->err), 0);
        world->config.passphrase = (char *)"bad";
        world_connect(world);
        expect_failure(world, 20, -EREMOTEIO, "Permission denied");
        world->config.passphrase = (char *)"none";
        world_connect(world);
        assert_int_equal(rv_remote_read_ref(world->remote, "main", in_seconds(20), &head, &world->err), -EACCES);
        world->config.passphrase = NULL;
        world_connect(world);
        expect_failure(world, 20, -EREMOTEIO, "Permission denied");
}

/* A key that only an agent has, as with a hardware token; of several the one whose public key is the credential. */
static void key_of_an_agent(void **state) {
        struct world *world = *state;
        char agent[160];
        git_oid head;

        snprintf(agent, sizeof(agent), "%s/agent", world->repo.folder);
        repo_run(&world->repo, "ssh-keygen -q -t ed25519 -N '' -f other; ssh-agent -a agent >environment; "
                               ". ./environment >/dev/null; ssh-add -q other user_ed25519; rm user_ed25519");
        world->config.ssh_agent = agent;
        world->config.credential = (char *)"user_ed25519.pub";
        world_connect(world);
        assert_int_equal(rv_remote_read_ref(world->remote, "main", in_seconds(20), &head, &world->err), 0);
        world->config.credential = NULL;
        world_connect(world);
        assert_int_equal(rv_remote_read_ref(world->remote, "main", in_seconds(20), &head, &world->err), 0);
        world->config.credential = (char *)"other.pub";
        world_connect(world);
        expect_failure(world, 20, -EREMOTEIO, "Permission denied");
        repo_run(&world->repo, ". ./environment >/dev/null; kill $SSH_AGENT_PID");
}

/* By way of a host that is named in the file only; and the file cannot loosen what is checked of the remote. */
static void jump_host(void **state) {
        struct world *world = *state;
        const struct passwd *user = getpwuid(geteuid());
        char config[160];

        snprintf(config, sizeof(config), "%s/ssh_config", world->repo.folder);
        repo_run(&world->repo,
                 "printf '%%s\n' 'Host bastion' ' HostName 127.0.0.1' ' Port %d' ' User %s' "
                 "\" IdentityFile $PWD/user_ed25519\" \" UserKnownHostsFile $PWD/known_hosts\" 'Host 127.0.0.1' "
                 "' ProxyJump bastion' ' StrictHostKeyChecking no' >ssh_config",
                 world->server.port, user->pw_name);
        world->config.ssh_config = config;
        world_connect(world);
        world_round_trip(world);
        assert_string_equal(repo_ask(&world->repo, "grep -c 'Accepted publickey' log"), "2");
        repo_run(&world->repo,
                 "cp known_hosts jump_hosts; sed -i 's/known_hosts/jump_hosts/' ssh_config; echo >known_hosts");
        world_connect(world);
        expect_failure(world, 20, -EREMOTEIO, "Host key verification failed");
}

static void key_is_not_accepted(void **state) {
        struct world *world = *state;

        repo_run(&world->repo, "echo >authorized");
        expect_failure(world, 20, -EREMOTEIO, "Permission denied");
}

static void repository_is_missing(void **state) {
        struct world *world = *state;

        strcat(world->url, "x");
        world_connect(world);
        expect_failure(world, 20, -EREMOTEIO, "does not appear to be a git repository");
}

/* The path reaches the other end's shell as one word. */
static void path_with_shell_characters(void **state) {
        struct world *world = *state;
        git_oid head;

        repo_run(&world->repo, "cp -r remote.git \"rem'; touch pwned; echo ' \\$(touch pwned)!.git\"");
        strcpy(strstr(world->url, "/remote.git"), "/rem'; touch pwned; echo ' $(touch pwned)!.git");
        world_connect(world);
        assert_int_equal(rv_remote_read_ref(world->remote, "main", in_seconds(20), &head, &world->err), 0);
        repo_run(&world->repo, "test ! -e pwned -a ! -e ~/pwned");
}

static void refused_by_a_hook(void **state) {
        struct world *world = *state;
        struct rv_revert_result revert = {};
        struct rv_push_result push = {};
        git_oid head;

        repo_run(&world->repo, "printf '#!/bin/sh\\necho \"no deploys now\" >&2\\nexit 1\\n' "
                               ">remote.git/hooks/pre-receive; chmod +x remote.git/hooks/pre-receive");
        world_fetch(world, &head);
        world_revert(world, &head, &revert);
        world_push(world, &head, &revert, in_seconds(20), &push);
        assert_int_equal(push.outcome, RV_PUSH_REFUSED);
        assert_non_null(strstr(push.message, "no deploys now"));
        rv_push_result_done(&push);
        rv_revert_result_done(&revert);
}

static void misbehaving(struct world *world, const char *mode) {
        const struct passwd *user = getpwuid(geteuid());

        server_stop(&world->server);
        world_serve(world, mode, NULL);
        snprintf(world->url, sizeof(world->url), "%s@127.0.0.1:remote.git", user->pw_name);
        snprintf(world->url, sizeof(world->url), "ssh://%s@127.0.0.1:%d/remote.git", user->pw_name, world->server.port);
        world_connect(world);
        int64_t start_usec = rv_clock_monotonic_usec();
        struct rv_error err = {};
        git_oid head;
        int r = rv_remote_read_ref(world->remote, "main", in_seconds(2), &head, &err);
        if (r != -ETIMEDOUT && r != -EREMOTEIO)
                fail_msg("%d: %s", r, err.text);
        assert_true(rv_clock_monotonic_usec() - start_usec < 60 * RV_USEC_PER_SEC);
}

static void silent(void **state) {
        misbehaving(*state, "silent");
}

static void silent_after_the_banner(void **state) {
        misbehaving(*state, "banner");
}

/* The relay shows the key of the server behind it. */
static void go_through(struct world *world, int bytes, const char *how, struct server *ret) {
        const struct passwd *user = getpwuid(geteuid());

        stall_start(world, bytes, how, ret);
        repo_run(&world->repo, "echo \"[127.0.0.1]:%d $(cut -d' ' -f1,2 host.pub)\" >known_hosts", ret->port);
        snprintf(world->url, sizeof(world->url), "ssh://%s@127.0.0.1:%d%s", user->pw_name, ret->port, world->path);
        world_connect(world);
}

static void stalls_in_the_handshake(void **state) {
        struct world *world = *state;

        for (size_t i = 0; i < RV_ARRAY_SIZE(stall_hows); i++) {
                struct rv_error err = {};
                struct server relay;
                git_oid head;

                go_through(world, STALL_IN_HANDSHAKE_BYTES, stall_hows[i], &relay);
                int64_t start_usec = rv_clock_monotonic_usec();
                int r = rv_remote_fetch(world->remote, world->mirror, "main", in_seconds(STALL_DEADLINE_SEC), NULL,
                                        NULL, &head, &err);
                /* ssh may be the first to give up, in words of its own. */
                if (r != -ETIMEDOUT && (r != -EREMOTEIO || !strstr(err.text, "timed out")))
                        fail_msg("%d: %s", r, err.text);
                stall_check_time(start_usec);
                server_stop(&relay);
        }
}

static void stalls_in_the_pack(void **state) {
        struct world *world = *state;

        stall_make_pack_large(world);
        for (size_t i = 0; i < RV_ARRAY_SIZE(stall_hows); i++) {
                struct server relay;

                go_through(world, STALL_IN_PACK_BYTES, stall_hows[i], &relay);
                stall_expect_no_fetch(world);
                server_stop(&relay);
        }
}

static void stalls_in_the_report(struct world *world, const char *how) {
        struct server relay;

        stall_make_hook(world);
        go_through(world, STALL_NEVER_BYTES, how, &relay);
        stall_expect_lost(world);
        server_stop(&relay);
}

static void silent_in_the_report(void **state) {
        stalls_in_the_report(*state, "silent");
}

static void dripping_in_the_report(void **state) {
        stalls_in_the_report(*state, "drip");
}

/* A key that an authority signed, its certificate beside it, and a host that an authority vouches for. */
static void certificate_keys(void **state) {
        struct world *world = *state;
        const struct passwd *user = getpwuid(geteuid());
        git_oid head;

        repo_run(&world->repo,
                 "for n in user_ca host_ca; do ssh-keygen -q -t ed25519 -N '' -f $n; done; "
                 "ssh-keygen -q -s user_ca -I us -n %s user_ed25519.pub 2>/dev/null; "
                 "ssh-keygen -q -s host_ca -I it -h -n 127.0.0.1 host.pub 2>/dev/null; "
                 "echo \"cert-authority $(cat user_ca.pub)\" >authorized; "
                 "echo \"@cert-authority [127.0.0.1]:%d $(cat host_ca.pub)\" >known_hosts; "
                 "echo \"HostCertificate $PWD/host-cert.pub\" >>sshd_config; kill -HUP %d; "
                 "until ssh-keyscan -c -p %d 127.0.0.1 2>/dev/null | grep -q cert; do :; done",
                 user->pw_name, world->server.port, (int)world->server.pid, world->server.port);
        world_round_trip(world);
        /* Without the certificate the key is nobody's. */
        world->remote = rv_remote_free(world->remote);
        repo_run(&world->repo, "rm user_ed25519-cert.pub");
        world_connect(world);
        assert_int_equal(rv_remote_read_ref(world->remote, "main", in_seconds(20), &head, &world->err), -EREMOTEIO);
        assert_non_null(strstr(world->err.text, "Permission denied"));
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
                TEST(round_trip),
                TEST(every_kind_of_key),
                TEST(connection_is_kept),
                TEST(connection_died),
                TEST(key_that_others_may_read),
                TEST(host_is_unknown),
                TEST(host_key_changed),
                TEST(host_key_is_revoked),
                TEST(hashed_known_hosts),
                TEST(key_with_a_passphrase),
                TEST(key_of_an_agent),
                TEST(jump_host),
                TEST(key_is_not_accepted),
                TEST(repository_is_missing),
                TEST(path_with_shell_characters),
                TEST(refused_by_a_hook),
                TEST(silent),
                TEST(silent_after_the_banner),
                TEST(stalls_in_the_handshake),
                TEST(stalls_in_the_pack),
                TEST(silent_in_the_report),
                TEST(dripping_in_the_report),
                TEST(certificate_keys),
        };
        struct rv_error err = {};
        int r = rv_askpass_answer(argc, argv);

        if (r >= 0)
                return r;
        for (size_t i = 0; i < RV_ARRAY_SIZE(sshd_paths) && !sshd; i++)
                if (access(sshd_paths[i], X_OK) == 0)
                        sshd = sshd_paths[i];
        if (!sshd) {
                fprintf(stderr, "sshd is not installed\n");
                return 1;
        }
        if (rv_libgit2_init(&err) < 0)
                return 1;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
