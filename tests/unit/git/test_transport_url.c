/* The forms of a repository's URL, and those that must not reach a command line. */
#include "git/transport_url.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
        const char *text;
        enum rv_remote_kind kind;
        const char *user, *host, *path; /* path: or the HTTP URL */
        int port;
} accepted[] = {
        {"/srv/git/fleet.git", RV_REMOTE_LOCAL, NULL, NULL, "/srv/git/fleet.git", 0},
        {"file:///srv/git/fleet.git", RV_REMOTE_LOCAL, NULL, NULL, "/srv/git/fleet.git", 0},
        {"/srv/odd:name", RV_REMOTE_LOCAL, NULL, NULL, "/srv/odd:name", 0},
        {"https://git.example.com/fleet.git/", RV_REMOTE_HTTP, NULL, NULL, "https://git.example.com/fleet.git", 0},
        {"HTTP://127.0.0.1:80/x", RV_REMOTE_HTTP, NULL, NULL, "HTTP://127.0.0.1:80/x", 0},
        {"ssh://git@git.example.com/platform/fleet.git", RV_REMOTE_SSH, "git", "git.example.com", "/platform/fleet.git",
         0},
        {"ssh://git.example.com:2222/~ana/fleet", RV_REMOTE_SSH, NULL, "git.example.com", "~ana/fleet", 2222},
        {"ssh://git@[::1]:2222/fleet", RV_REMOTE_SSH, "git", "::1", "/fleet", 2222},
        {"git@git.example.com:platform/fleet.git", RV_REMOTE_SSH, "git", "git.example.com", "platform/fleet.git", 0},
        {"git.example.com:/srv/a b'c.git", RV_REMOTE_SSH, NULL, "git.example.com", "/srv/a b'c.git", 0},
        {"git@[2001:db8::1]:fleet", RV_REMOTE_SSH, "git", "2001:db8::1", "fleet", 0},
        {"host:a[b", RV_REMOTE_SSH, NULL, "host", "a[b", 0},
};

static const char *const refused[] = {
        "",
        "relative/path",
        "./here:there",
        "git://git.example.com/fleet",
        "ftp://example.com/x",
        "ext::sh -c touch% /tmp/pwned",
        "ssh://-oProxyCommand=touch/x",
        "ssh://git@-oProxyCommand=touch/x",
        "-oProxyCommand=touch:x",
        "ssh://-lroot@host/x",
        "ssh://host:-1/x",
        "ssh://host:99999/x",
        "ssh://host:/x",
        "ssh://host",
        "ssh://ho st/x",
        "ssh://ho$(x)st/x",
        "host:-upload-pack=touch",
        "host:",
        "git@:x",
        "[::1",
        "[::1]",
        "https://user:secret@git.example.com/x",
        "https://git.example.com/x?token=1",
        "https://git.example.com/x#y",
        "https://",
        "/srv/git\n/x",
        "host:x\033",
};

static const char *or_empty(const char *s) {
        return s ? s : "";
}

static void forms(void **state) {
        (void)state;
        for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
                struct rv_remote_url url;
                struct rv_error err = {};
                if (rv_remote_url_parse(&url, accepted[i].text, &err) < 0)
                        fail_msg("%s: %s", accepted[i].text, err.text);
                assert_int_equal(url.kind, accepted[i].kind);
                assert_int_equal(url.port, accepted[i].port);
                assert_string_equal(or_empty(url.user), or_empty(accepted[i].user));
                assert_string_equal(or_empty(url.host), or_empty(accepted[i].host));
                assert_string_equal(url.kind == RV_REMOTE_HTTP ? url.http : url.path, accepted[i].path);
                rv_remote_url_done(&url);
        }
}

static void refusals(void **state) {
        (void)state;
        for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
                struct rv_remote_url url;
                struct rv_error err = {};
                if (rv_remote_url_parse(&url, refused[i], &err) != -EINVAL)
                        fail_msg("accepted: %s", refused[i]);
                assert_null(strstr(err.text, "secret"));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {cmocka_unit_test(forms), cmocka_unit_test(refusals)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
