/* Signed commits: what `git verify-commit` says of them, and which are the same when they are made again. */
#include "git/sign.h"

#include "git/askpass.h"
#include "repo.h"
#include "revertd/clock.h"

struct world {
        struct repo repo;
        git_repository *git;
        struct rv_repository_config config;
        struct rv_signer signer;
        char gpg_home[128];
        git_oid unsigned_commit;
        int64_t time_usec;
        struct rv_error err;
};

static int set_up(void **state) {
        struct world *world = calloc(1, sizeof *world);

        assert_non_null(world);
        repo_make(&world->repo);
        world->time_usec = rv_clock_realtime_usec() + 60 * RV_USEC_PER_SEC;
        repo_change(&world->repo, world->time_usec / RV_USEC_PER_SEC, "a", "1");
        world->git = repo_open(&world->repo);
        repo_id(&world->repo, "HEAD", &world->unsigned_commit);
        world->config.name = (char *)"fleet";
        world->signer = (struct rv_signer){.config = &world->config,
                                           .credentials_directory = world->repo.folder,
                                           .state_directory = world->repo.folder};
        *state = world;
        return 0;
}

static int tear_down(void **state) {
        struct world *world = *state;

        if (world->gpg_home[0])
                repo_run(&world->repo, "gpgconf --homedir gnupg --kill all");
        git_repository_free(world->git);
        repo_remove(&world->repo);
        free(world);
        return 0;
}

static int try_sign(struct world *world, const git_oid *known, git_oid *ret) {
        struct rv_oid known_id = {};

        if (known)
                rv_oid_from_git(&known_id, known);
        *ret = world->unsigned_commit;
        world->err = (struct rv_error){};
        return rv_sign_commit(&world->signer, world->git, &known_id, world->time_usec,
                              rv_clock_monotonic_usec() + 20 * RV_USEC_PER_SEC, ret, &world->err);
}

static void sign(struct world *world, const git_oid *known, git_oid *ret) {
        if (try_sign(world, known, ret) < 0)
                fail_msg("%s", world->err.text);
}

static void make_ssh_key(struct world *world, const char *options) {
        repo_run(&world->repo,
                 "ssh-keygen -q %s -C revertd -f key; echo \"ana@example.com $(cut -d' ' -f1,2 key.pub)\" >signers; "
                 "git -C work config gpg.format ssh; git -C work config gpg.ssh.allowedSignersFile \"$PWD/signers\"",
                 options);
        world->config.signing_key = (char *)"key";
}

static void verify(struct world *world, const git_oid *commit) {
        char hex[GIT_OID_HEXSZ + 1];

        git_oid_tostr(hex, sizeof hex, commit);
        repo_run(&world->repo,
                 "export GNUPGHOME=\"$PWD/gnupg\"; git -C work verify-commit %s 2>verified || "
                 "{ cat verified; exit 1; }; test -z \"$(git -C work fsck --strict --no-dangling 2>&1)\"",
                 hex);
        assert_false(git_oid_equal(commit, &world->unsigned_commit));
}

/* Ed25519 and RSA have no random number in their signatures. */
static void signs_the_same_again(struct world *world, const char *options) {
        git_oid first, second;

        make_ssh_key(world, options);
        sign(world, NULL, &first);
        verify(world, &first);
        repo_run(&world->repo, "grep -q 'Good \"git\" signature for ana@example.com' verified");
        sign(world, NULL, &second);
        assert_true(git_oid_equal(&first, &second));
}

static void test_ed25519_signs_the_same_again(void **state) {
        signs_the_same_again(*state, "-t ed25519 -N ''");
}

static void test_rsa_signs_the_same_again(void **state) {
        signs_the_same_again(*state, "-t rsa -b 2048 -N ''");
}

/* An ECDSA signature has a random number in it: the one that was made is taken again. */
static void test_the_earlier_one_is_taken(void **state) {
        struct world *world = *state;
        git_oid first, second, third;

        make_ssh_key(world, "-t ecdsa -N ''");
        sign(world, NULL, &first);
        verify(world, &first);
        sign(world, &first, &second);
        assert_true(git_oid_equal(&first, &second));
        sign(world, NULL, &second);
        assert_false(git_oid_equal(&first, &second));
        /* Not for another content. */
        repo_change(&world->repo, world->time_usec / RV_USEC_PER_SEC, "a", "2");
        repo_id(&world->repo, "HEAD", &world->unsigned_commit);
        sign(world, &first, &third);
        assert_false(git_oid_equal(&first, &third));
        verify(world, &third);
}

static void test_passphrase(void **state) {
        struct world *world = *state;
        git_oid commit;

        make_ssh_key(world, "-t ed25519 -N 'correct horse'");
        repo_run(&world->repo, "echo 'correct horse' >words; echo wrong >bad");
        world->config.signing_passphrase = (char *)"words";
        sign(world, NULL, &commit);
        verify(world, &commit);
        world->config.signing_passphrase = (char *)"bad";
        assert_int_equal(try_sign(world, NULL, &commit), -EKEYREJECTED);
        assert_non_null(strstr(world->err.text, "incorrect passphrase"));
        world->config.signing_passphrase = (char *)"none";
        assert_int_equal(try_sign(world, NULL, &commit), -EACCES);
        world->config.signing_passphrase = NULL;
        assert_int_equal(try_sign(world, NULL, &commit), -EKEYREJECTED);
}

static void test_agent(void **state) {
        struct world *world = *state;
        char socket[128];
        git_oid commit;

        make_ssh_key(world, "-t ed25519 -N ''");
        snprintf(socket, sizeof socket, "%s/agent", world->repo.folder);
        repo_run(&world->repo, "ssh-agent -a agent >environment; . ./environment >/dev/null; ssh-add -q key; rm key");
        world->config.signing_key = (char *)"key.pub";
        world->config.ssh_agent = socket;
        sign(world, NULL, &commit);
        verify(world, &commit);
        repo_run(&world->repo, ". ./environment >/dev/null; kill $SSH_AGENT_PID");
        assert_int_equal(try_sign(world, NULL, &commit), -EKEYREJECTED);
}

static void test_no_key(void **state) {
        struct world *world = *state;
        git_oid commit;

        world->config.signing_key = (char *)"nothing";
        assert_int_equal(try_sign(world, NULL, &commit), -EACCES);
        repo_run(&world->repo, "echo rubbish >nothing; chmod 600 nothing");
        assert_int_equal(try_sign(world, NULL, &commit), -EKEYREJECTED);
        assert_true(git_oid_equal(&commit, &world->unsigned_commit));
}

static void make_gpg_key(struct world *world, const char *passphrase) {
        repo_run(&world->repo,
                 "mkdir -m 700 gnupg; gpg --homedir gnupg --batch --quiet --pinentry-mode loopback --passphrase '%s' "
                 "--quick-generate-key 'Revertd <revertd@example.com>' ed25519 sign never 2>/dev/null",
                 passphrase);
        snprintf(world->gpg_home, sizeof world->gpg_home, "%s/gnupg", world->repo.folder);
        world->config.gpg_home = world->gpg_home;
        world->config.gpg_key = (char *)"revertd@example.com";
}

static void test_gpg_signs_the_same_again(void **state) {
        struct world *world = *state;
        git_oid first, second;

        make_gpg_key(world, "");
        sign(world, NULL, &first);
        verify(world, &first);
        sign(world, NULL, &second);
        assert_true(git_oid_equal(&first, &second));
        world->config.gpg_key = (char *)"nobody@example.com";
        assert_int_equal(try_sign(world, NULL, &first), -EKEYREJECTED);
        assert_non_null(strstr(world->err.text, "No secret key"));
}

static void test_gpg_passphrase(void **state) {
        struct world *world = *state;
        git_oid commit;

        make_gpg_key(world, "correct horse");
        repo_run(&world->repo, "gpgconf --homedir gnupg --kill all; echo 'correct horse' >words; echo wrong >bad");
        world->config.signing_passphrase = (char *)"bad";
        assert_int_equal(try_sign(world, NULL, &commit), -EKEYREJECTED);
        world->config.signing_passphrase = (char *)"words";
        sign(world, NULL, &commit);
        verify(world, &commit);
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                TEST(test_ed25519_signs_the_same_again),
                TEST(test_rsa_signs_the_same_again),
                TEST(test_the_earlier_one_is_taken),
                TEST(test_passphrase),
                TEST(test_agent),
                TEST(test_no_key),
                TEST(test_gpg_signs_the_same_again),
                TEST(test_gpg_passphrase),
        };
        struct rv_error err = {};
        int r = rv_askpass_answer(argc, argv);

        if (r >= 0)
                return r;
        if (rv_libgit2_init(&err) < 0)
                return 1;
        r = cmocka_run_group_tests(tests, NULL, NULL);
        git_libgit2_shutdown();
        return r;
}
