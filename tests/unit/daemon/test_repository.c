/* When a reload may keep a repository's worker: never after a change of what the worker goes by. */
#include "daemon/daemon.h"

#include "revertd/cleanup.h"

#include "config/schema.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after the above */
#include <cmocka.h>

static struct rv_config *load(const char *root, const char *section) {
        char path[] = "/tmp/revertd-config-XXXXXX";
        struct rv_config_errors errors = {};
        struct rv_config *config = NULL;
        int fd = mkstemp(path);

        dprintf(fd, "%s repositories: ( { name = \"other\"; url = \"/srv/other.git\"; }, { name = \"fleet\"; %s } );\n",
                root, section);
        close(fd);
        int r = rv_config_load(&config, path, &errors);
        unlink(path);
        if (r < 0)
                fail_msg("%s", errors.text[0]);
        return config;
}

#define USUAL "url = \"https://git.example.com/a.git\";"
#define FORGE(kind, host, project, token)                                                                              \
        "forge = \"" kind "\"; forge_url = \"https://" host "/api/v1\"; forge_project = \"a/" project                  \
        "\"; forge_credential = \"" token "\";"
#define USUAL_FORGE FORGE("gitea", "a", "b", "t")
#define BY_SSH "url = \"ssh://git@git.example.com/a.git\"; known_hosts = \"/etc/known\"; credential = \"key\";"

struct change {
        const char *key, *before, *after, *usual; /* usual NULL: USUAL */
};
static const struct change changes[] = {
        {"url", "", "url = \"https://git.example.com/b.git\";"},
        {"branch", "", "branch = \"live\";"},
        {"credential", "credential = \"a\";", "credential = \"b\";"},
        {"username", "", "username = \"bot\";"},
        {"known_hosts", "", "known_hosts = \"/etc/x\";"},
        {"ca_file", "", "ca_file = \"/etc/ca.pem\";"},
        {"allow_paths", "allow_paths = [ \"a/**\" ];", "allow_paths = [ \"a/**\", \"b/**\" ];"},
        {"poll", "", "poll = \"1m\";"},
        {"timeout", "", "timeout = \"5s\";"},
        {"budget", "", "budget = 3;"},
        {"committer_name", "", "committer_name = \"bot\";"},
        {"committer_email", "", "committer_email = \"bot@example.com\";"},
        {"socket", "", "socket = \"/run/x.sock\";"},
        {"passphrase", "", "passphrase = \"words\";", BY_SSH},
        {"ssh_agent", "", "ssh_agent = \"/run/agent\";", BY_SSH},
        {"ssh_config", "", "ssh_config = \"/etc/ssh_config\";", BY_SSH},
        {"proxy", "", "proxy = \"http://127.0.0.1:3128\";"},
        {"proxy_login", "proxy = \"http://127.0.0.1:3128\";",
         "proxy = \"http://127.0.0.1:3128\"; proxy_login = \"login\";"},
        {"signing_key", "", "signing_key = \"sign\";"},
        {"gpg_home", "gpg_home = \"/etc/a\"; gpg_key = \"k\";", "gpg_home = \"/etc/b\"; gpg_key = \"k\";"},
        {"gpg_key", "gpg_home = \"/etc/a\"; gpg_key = \"k\";", "gpg_home = \"/etc/a\"; gpg_key = \"l\";"},
        {"forge", USUAL_FORGE, FORGE("github", "a", "b", "t")},
        {"forge_url", USUAL_FORGE, FORGE("gitea", "b", "b", "t")},
        {"forge_project", USUAL_FORGE, FORGE("gitea", "a", "c", "t")},
        {"forge_credential", USUAL_FORGE, FORGE("gitea", "a", "b", "u")},
        {"auto_merge", USUAL_FORGE, USUAL_FORGE "auto_merge = true;"},
        {"merge_method", USUAL_FORGE, USUAL_FORGE "merge_method = \"rebase\";"},
        {"signing_passphrase", "signing_key = \"sign\";", "signing_key = \"sign\"; signing_passphrase = \"words\";"},
};

static void test_changes(void **state) {
        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(changes); i++) {
                const struct change *c = &changes[i];
                _cleanup_free_ char *before = NULL, *after = NULL;
                const char *url = strcmp(c->key, "url") == 0 ? "" : c->usual ? c->usual : USUAL;

                assert_true(asprintf(&before, "%s%s", c->usual ? c->usual : USUAL, c->before) > 0);
                assert_true(asprintf(&after, "%s%s", url, c->after) > 0);
                struct rv_config *a = load("", before), *b = load("", after), *again = load("", before);
                if (rv_repository_is_unchanged(a, 1, b, 1))
                        fail_msg("a change of %s goes unseen", c->key);
                assert_true(rv_repository_is_unchanged(a, 1, again, 1));
                rv_config_unref(a);
                rv_config_unref(b);
                rv_config_unref(again);
        }
}

/* A key that comes later must be thought of here. */
static void test_no_key_is_forgotten(void **state) {
        (void)state;
        for (size_t i = 0; i < rv_schema_n; i++) {
                const struct rv_key *key = &rv_schema[i];
                /* The engine and the notices go by these. */
                static const char *const ours[] = {"name", "web_commit_url", "protect_paths", "protect_authors",
                                                   "image_updaters"};
                bool known = false;

                for (size_t k = 0; k < RV_ARRAY_SIZE(ours); k++)
                        known |= strcmp(key->name, ours[k]) == 0;
                for (size_t k = 0; k < RV_ARRAY_SIZE(changes); k++)
                        known |= strcmp(key->name, changes[k].key) == 0;
                if (key->section == RV_SECTION_REPOSITORY && !known)
                        fail_msg("nothing says whether a worker goes by %s", key->name);
        }
}

static void test_around_it(void **state) {
        struct rv_config *a = load("", USUAL),
                         *link = load("", USUAL "web_commit_url = \"https://git.example.com/{}\";");
        struct rv_config *moved = load("credentials_directory = \"/etc/other\";", USUAL);
        (void)state;

        assert_true(rv_repository_is_unchanged(a, 1, link, 1));
        assert_false(rv_repository_is_unchanged(a, 1, moved, 1));
        assert_false(rv_repository_is_unchanged(a, 1, a, 0));
        rv_config_unref(a);
        rv_config_unref(link);
        rv_config_unref(moved);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_changes),
                cmocka_unit_test(test_no_key_is_forgotten),
                cmocka_unit_test(test_around_it),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
