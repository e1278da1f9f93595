/* What a worker is given: a configuration that reads back as the same repository, and nothing of the rest. */
#include "revertd/config.h"

#include "revertd/cleanup.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after the above */
#include <cmocka.h>

static struct rv_config *load(const char *text) {
        char path[] = "/tmp/revertd-config-XXXXXX";
        struct rv_config_errors errors = {};
        struct rv_config *config = NULL;
        int fd = mkstemp(path);

        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        close(fd);
        int r = rv_config_load(&config, path, &errors);
        unlink(path);
        if (r < 0)
                fail_msg("%s", errors.text[0]);
        return config;
}

static struct rv_config *write_and_load(const struct rv_config *config, size_t index) {
        _cleanup_free_ char *text = NULL;
        size_t n;
        FILE *f = open_memstream(&text, &n);

        assert_int_equal(rv_config_write_repository(config, index, f), 0);
        fclose(f);
        return load(text);
}

static void test_all_keys(void **state) {
        struct rv_config *config = load(
                "credentials_directory = \"/etc/cred \\\"x\\\"\";\n"
                "repositories: ( { name = \"other\"; url = \"/srv/other.git\"; },\n"
                "  { name = \"fleet\"; url = \"ssh://git@git.example.com:2222/fleet.git\"; branch = \"release/1\";\n"
                "    credential = \"key\"; known_hosts = \"/etc/known hosts\"; allow_paths = [ \"apps/**\", \"a\\\\b\" "
                "];\n"
                "    poll = \"1m30s\"; timeout = \"7s\"; budget = 9; committer_name = \"Révert\";\n"
                "    committer_email = \"r@example.com\"; web_commit_url = \"https://git.example.com/{}\";\n"
                "    passphrase = \"words\"; ssh_agent = \"/run/agent\"; ssh_config = \"/etc/jump\"; gpg_home = "
                "\"/g\";\n"
                "    gpg_key = \"0123\"; signing_passphrase = \"more\";\n"
                "    forge = \"gitlab\"; forge_url = \"https://gitlab.example.com/api/v4/\"; forge_project = "
                "\"a/b/c\";\n"
                "    forge_credential = \"token\"; auto_merge = true; merge_method = \"squash\";\n"
                "    socket = \"/run/x.sock\"; } );\n");
        struct rv_config *read = write_and_load(config, 1);
        const struct rv_repository_config *a = &config->repositories[1], *b = &read->repositories[0];
        (void)state;

        assert_int_equal(read->n_repositories, 1);
        assert_string_equal(read->credentials_directory, config->credentials_directory);
        assert_string_equal(b->name, "fleet");
        assert_string_equal(b->url, a->url);
        assert_string_equal(b->branch, "release/1");
        assert_string_equal(b->credential, "key");
        assert_string_equal(b->known_hosts, "/etc/known hosts");
        assert_string_equal(b->allow_paths[0], "apps/**");
        assert_string_equal(b->allow_paths[1], a->allow_paths[1]);
        assert_null(b->allow_paths[2]);
        assert_int_equal(b->poll_usec, 90 * 1000000);
        assert_int_equal(b->timeout_usec, 7 * 1000000);
        assert_int_equal(b->budget, 9);
        assert_string_equal(b->committer_name, a->committer_name);
        assert_string_equal(b->committer_email, "r@example.com");
        assert_string_equal(b->web_commit_url, a->web_commit_url);
        assert_string_equal(b->passphrase, "words");
        assert_string_equal(b->ssh_agent, "/run/agent");
        assert_string_equal(b->ssh_config, "/etc/jump");
        assert_string_equal(b->gpg_home, "/g");
        assert_string_equal(b->gpg_key, "0123");
        assert_string_equal(b->signing_passphrase, "more");
        assert_int_equal(b->forge, RV_FORGE_GITLAB);
        assert_string_equal(b->forge_url, "https://gitlab.example.com/api/v4");
        assert_string_equal(b->forge_project, "a/b/c");
        assert_string_equal(b->forge_credential, "token");
        assert_true(b->auto_merge);
        assert_int_equal(b->merge_method, RV_MERGE_SQUASH);
        assert_string_equal(b->socket, "/run/x.sock");
        rv_config_unref(read);
        rv_config_unref(config);
}

static void test_defaults(void **state) {
        struct rv_config *config = load("repositories: ( { name = \"other\"; url = \"/srv/other.git\"; } );\n");
        struct rv_config *read = write_and_load(config, 0);
        (void)state;

        assert_null(read->credentials_directory);
        assert_null(read->repositories[0].credential);
        assert_null(read->repositories[0].allow_paths);
        assert_int_equal(read->repositories[0].forge, RV_FORGE_NONE);
        assert_false(read->repositories[0].auto_merge);
        assert_int_equal(read->repositories[0].poll_usec, config->repositories[0].poll_usec);
        rv_config_unref(read);
        rv_config_unref(config);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_all_keys),
                cmocka_unit_test(test_defaults),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
