/* What is refused, and in which words. */
#include "config/load.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define FLEET "repositories: ( { name = \"fleet\"; url = \"/srv/fleet.git\"; } );"
#define PROD "prometheus: ( { name = \"prod\"; url = \"http://p\"; } );"
#define REPOSITORY "repositories: ( { name = \"a\"; url = \"/x\"; "
#define BASE FLEET PROD
#define RULE "rules: ( { name = \"r\"; expr = \"up\"; breach = \"< 1\"; paths = \"x\"; "
#define ALERTS "rules: ( { name = \"r\"; match = \"a=b\"; paths = \"x\"; "

static void assert_refused(const char *text, size_t n, const char *const *want, size_t n_want) {
        struct rv_config *config = NULL;
        struct rv_config_errors errors = {0};
        int r = rv_config_load_text(&config, "f", text, n, &errors);
        bool same = r == -EINVAL && errors.n == n_want;
        for (size_t i = 0; i < n_want && same; i++)
                same = strcmp(errors.text[i], want[i]) == 0;
        if (!same) {
                print_error("%s\n", text);
                for (size_t i = 0; i < errors.n; i++)
                        print_error("  %s\n", errors.text[i]);
                fail_msg("wanted %zu, first: %s", n_want, want[0]);
        }
        assert_null(config);
        rv_config_errors_done(&errors);
        assert_null(errors.text);
}

struct refused {
        const char *text;
        const char *want;
};

static void assert_each_refused(const struct refused *cases, size_t n) {
        for (size_t i = 0; i < n; i++)
                assert_refused(cases[i].text, strlen(cases[i].text), &cases[i].want, 1);
}

static void test_what_libconfig_would_let_pass(void **state) {
        static const struct refused cases[] = {
                {"budget = 99999999999;", "f:1: 99999999999 is too large a number"},
                {"\nbudget = 2147483648;", "f:2: 2147483648 is too large a number"},
                {"budget = -2147483649;", "f:1: -2147483649 is too large a number"},
                {"budget = 0xFFFFFFFF;", "f:1: 0xFFFFFFFF is too large a number"},
                {"budget = 99999999999999999999L;", "f:1: 99999999999999999999L is too large a number"},
                {"budget = 5000000000L;", "f:1: budget: 5000000000 is out of range: 0 to 1000"},
                {"budget = 1e999;", "f:1: 1e999 is too large a number"},
                {"budget = 010;", "f:1: 010: a number has no leading zeros"},
                {"budget = 15s;", "f:1: 15s is not a number; text stands in quotes, a duration too: \"15s\""},
                {"budget = 1e0;", "f:1: budget: a whole number is wanted, not a number"},
                {"@include \"/etc\"", "f:1: @include is not supported: rule_files reads further files"},
                {"/* x\n */ @include \"/dev/stdin\"", "f:2: @include is not supported: rule_files reads further files"},
                {"\xEF\xBB\xBF"
                 "budget = 1;",
                 "f:1: begins with a byte order mark: save the file as plain UTF-8, without one"},
                {"\n\nx = \"\xff\";", "f:3: is not valid UTF-8"},
                {"external_url = \"http://a\\x00b\";", "f:1: \\x00 in a string"},
                {"budget = 1;\n/* x\n\n", "f:2: a comment begins here and has no end"},
                {"\nexternal_url = \"x;\n\n", "f:2: a string begins here and has no end"},
                {"a = ((((((((((((((((( 1 )))))))))))))))));", "f:1: groups and lists more than 16 deep"},
        };
        static const char nul[] = "budget = 1;\n# \0";
        static const char *const nul_want = "f:2: holds a NUL byte: this is no text file";
        (void)state;
        assert_each_refused(cases, RV_ARRAY_SIZE(cases));
        assert_refused(nul, sizeof(nul) - 1, &nul_want, 1);
}

static void test_a_group_too_large_for_libconfig(void **state) {
        static const char *const want = "f:257: more than 256 settings in one group";
        char *text = NULL;
        size_t n = 0;
        FILE *f = open_memstream(&text, &n);
        (void)state;
        for (int i = 0; i < 300; i++)
                fprintf(f, "k%d = 1;\n", i);
        fclose(f);
        assert_refused(text, n, &want, 1);
        free(text);
}

static void test_operators(void **state) {
#define OPERATORS "operators: ( { name = \"argo\"; type = \"argocd\"; url = \"http://a\"; } );"
#define FLUX "operators: ( { name = \"flux\"; type = \"flux\"; url = \"http://k\"; } );"
        static const struct refused cases[] = {
                {"operators: ( { name = \"x\"; type = \"spinnaker\"; url = \"http://a\"; } );",
                 "f:1: operator x: type: 'spinnaker' is none of: argocd, argocd-kubernetes, flux"},
                {"operators: ( { name = \"x\"; type = \"flux\"; url = \"http://a\"; nudge = \"yes\"; } );",
                 "f:1: operator x: nudge: true or false is wanted, not a string"},
                {BASE RULE "application = \"checkout\"; } );", "f:1: rule r: operator: is missing, and there is none"},
                {BASE OPERATORS "\n" RULE "\noperator = \"flux\"; application = \"x\"; } );",
                 "f:3: rule r: operator: there is no operator named 'flux'"},
                {BASE OPERATORS "\n" RULE "\noperator = \"argo\"; } );",
                 "f:3: rule r: operator: needs application, what the operator calls that which it applies"},
                {BASE OPERATORS RULE "namespace = \"shop\"; } );", "f:1: rule r: namespace: needs application"},
                {BASE FLUX RULE "application = \"checkout\"; } );",
                 "f:1: rule r: namespace: is missing: Kubernetes knows the application by it too"},
                {BASE FLUX "\n" RULE "namespace = \"a\";\napplication = \"HelmRelease/{{ $labels.app }}\"; } );",
                 "f:3: rule r: application: a HelmRelease names no commit: give the Kustomization that applies it"},
                {BASE OPERATORS RULE "application = \"Checkout\"; } );",
                 "f:1: rule r: application: 'Checkout' is no name of an object: lower-case letters, digits, '-' and "
                 "'.'"},
                {BASE OPERATORS RULE "application = \"a/{{ $labels.app }}\"; } );",
                 "f:1: rule r: application: 'a/{{ $labels.app }}' is no name of an object: lower-case letters, digits, "
                 "'-' and '.'"},
                {BASE OPERATORS RULE "application = \"{{ $label }}\"; } );",
                 "f:1: rule r: application: column 4: expected $labels.NAME or $value"},
        };
        (void)state;
        assert_each_refused(cases, RV_ARRAY_SIZE(cases));
}

static void test_syntax_errors_show_the_line(void **state) {
        static const struct refused cases[] = {
                {"budget = 1;\n  budge == 2; # here\n", "f:2: syntax error at or before: budge == 2; # here"},
                {"listen: {\n budget = 1;\n", "f:3: syntax error; is something left open above?"},
                {"budget = 1; budget = 2;", "f:1: duplicate setting name at or before: budget = 1; budget = 2;"},
                {"rule_files = [ 1, \"x\" ];",
                 "f:1: mismatched element type in array at or before: rule_files = [ 1, \"x\" ];"},
                {"budget = yes;", "f:1: syntax error at or before: budget = yes;"},
        };
        (void)state;
        assert_each_refused(cases, RV_ARRAY_SIZE(cases));
}

static void test_keys_and_types(void **state) {
        static const struct refused cases[] = {
                {"buget = 3;", "f:1: buget: unknown key; did you mean budget?"},
                {"repositores: ();", "f:1: repositores: unknown key; did you mean repositories?"},
                {"colour = 1;", "f:1: colour: unknown key"},
                {"listen: { adress = \":1\"; };", "f:1: listen: adress: unknown key; did you mean address?"},
                {BASE RULE "intreval = \"1s\"; } );", "f:1: rule r: intreval: unknown key; did you mean interval?"},
                {"budget = \"4\";", "f:1: budget: a whole number is wanted, not a string"},
                {"budget = true;", "f:1: budget: a whole number is wanted, not true or false"},
                {"budget = -1;", "f:1: budget: -1 is out of range: 0 to 1000"},
                {"retention = 90;", "f:1: retention: a string in quotes (duration) is wanted, not a number"},
                {"retention = \"90\";", "f:1: retention: '90' is no duration: \"30s\", \"5m\", \"1h30m\", \"7d\""},
                {"retention = \"1h\";", "f:1: retention: 1h is out of range: 1d to 10y"},
                {"retention = \"200y\";", "f:1: retention: 200y is out of range: 1d to 10y"},
                {"rule_files = { };",
                 "f:1: rule_files: a string in quotes (list of file patterns) is wanted, not a group { }"},
                {"rule_files = [ 1 ];",
                 "f:1: rule_files: a string in quotes (list of file patterns) is wanted, not a number"},
                {"external_url = \"\";", "f:1: external_url: is empty"},
                {"listen = 1;", "f:1: listen: a group { } is wanted, not a number"},
                {"rules = [ ];", "f:1: rule: a list of groups ( { }, \xe2\x80\xa6 ) is wanted, not an array [ ]"},
                {"rules = ( 1 );", "f:1: rule: a group { } is wanted, not a number"},
                {"defaults = 1;", "f:1: defaults: a group { } is wanted, not a number"},
                {"defaults: { expr = \"up\"; };", "f:1: defaults: expr: belongs in a rule, not in defaults"},
                {"defaults: { mode = \"push\"; };",
                 "f:1: defaults: mode: 'push' is none of: observe, approve, propose, enforce"},
                {"prometheus: ( { name = \"p\"; } );", "f:1: prometheus p: url: is missing"},
                {"receivers: ( { name = \"s\"; type = \"slack\"; } );", "f:1: receiver s: credential: is missing"},
                {"receivers: ( { name = \"s\"; type = \"irc\"; credential = \"x\"; } );",
                 "f:1: receiver s: type: 'irc' is none of: slack"},
                {"repositories: ( { name = \"a/b\"; url = \"/x\"; } );",
                 "f:1: repository: name: 'a/b' is no name: letters, digits, '.', '_' and '-' only"},
        };
        (void)state;
        assert_each_refused(cases, RV_ARRAY_SIZE(cases));
}

static void test_groups_that_do_not_fit_together(void **state) {
        static const struct refused cases[] = {
                {"listen: { address = \"0.0.0.0:80\"; };",
                 "f:1: listen: address: '0.0.0.0:80' is reachable from other machines: that needs credential or "
                 "client_ca_file"},
                {"listen: { address = [ \"127.0.0.1:1\", \":2\" ]; };",
                 "f:1: listen: address: ':2' is reachable from other machines: that needs credential or "
                 "client_ca_file"},
                {"listen: { cert_file = \"c\"; };", "f:1: listen: cert_file: needs key_credential, its private key"},
                {"listen: { key_credential = \"c\"; };",
                 "f:1: listen: key_credential: needs cert_file, its certificate"},
                {"listen: { username = \"c\"; };", "f:1: listen: username: needs credential, its password"},
                {"listen: { client_ca_file = \"c\"; };",
                 "f:1: listen: client_ca_file: needs cert_file: there are client certificates only in TLS"},
                {"prometheus: ( { name = \"p\";\nurl = \"http://p/api/v1/\"; } );",
                 "f:2: prometheus p: url: the address is wanted without /api/v1, which is added to it"},
                {"alertmanagers: ( { name = \"a\"; url = \"http://a/api/v2\"; } );",
                 "f:1: alertmanager a: url: the address is wanted without /api/v2, which is added to it"},
                {"operators: ( { name = \"o\"; type = \"argocd\";\nurl = \"https://argo/api/v1\"; } );",
                 "f:2: operator o: url: the address is wanted without /api/v1, which is added to it"},
                {"operators: ( { name = \"o\"; type = \"flux\"; url = \"https://k8s/apis\"; } );",
                 "f:1: operator o: url: the address is wanted without /apis, which is added to it"},
                {"prometheus: ( { name = \"p\"; url = \"http://p\"; username = \"c\"; } );",
                 "f:1: prometheus p: username: needs credential, its password"},
                {"prometheus: ( { name = \"p\"; url = \"http://p\"; cert_file = \"c\"; } );",
                 "f:1: prometheus p: cert_file: needs key_credential, its private key"},
                {"repositories: ( { name = \"a\"; url = \"git@h:x\"; } );",
                 "f:1: repository a: known_hosts: is missing: an SSH remote is known by its host key"},
                {REPOSITORY "passphrase = \"p\"; } );",
                 "f:1: repository a: passphrase: needs credential, the key that it opens"},
                {REPOSITORY "credential = \"c\"; passphrase = \"p\"; } );",
                 "f:1: repository a: passphrase: is for SSH remotes"},
                {REPOSITORY "ssh_agent = \"/a\"; } );",
                 "f:1: repository a: ssh_agent: is for SSH remotes and for signing_key"},
                {REPOSITORY "ssh_config = \"/a\"; } );", "f:1: repository a: ssh_config: is for SSH remotes"},
                {REPOSITORY "auto_merge = \"true\"; } );",
                 "f:1: repository a: auto_merge: true or false is wanted, not a string"},
                {REPOSITORY "auto_merge = true; } );",
                 "f:1: repository a: auto_merge: needs forge, which one it is of"},
                {REPOSITORY "forge_project = \"a/b\"; } );",
                 "f:1: repository a: forge_project: needs forge, which one it is of"},
                {REPOSITORY "forge = \"svn\"; } );",
                 "f:1: repository a: forge: 'svn' is none of: none, github, gitlab, gitea"},
                {REPOSITORY "forge = \"github\"; forge_credential = \"t\"; } );",
                 "f:1: repository a: forge: needs forge_project, which repository there it is"},
                {REPOSITORY "forge = \"github\"; forge_project = \"a/b\"; } );",
                 "f:1: repository a: forge: needs forge_credential, a token"},
                {REPOSITORY "forge = \"gitea\"; forge_project = \"a/b\"; forge_credential = \"t\"; } );",
                 "f:1: repository a: forge: needs forge_url, the base of its API"},
                {REPOSITORY "forge = \"gitea\"; forge_url = \"http://h/\"; forge_project = \"a/b\"; "
                            "forge_credential = \"t\"; } );",
                 "f:1: repository a: forge_url: is not the base of its API, which ends in /api/v1"},
                {REPOSITORY "forge = \"github\"; forge_project = \"b\"; forge_credential = \"t\"; } );",
                 "f:1: repository a: forge_project: 'b' is no OWNER/NAME"},
                {REPOSITORY "forge = \"github\"; forge_project = \"a/b/c\"; forge_credential = \"t\"; } );",
                 "f:1: repository a: forge_project: is no OWNER/NAME"},
                {REPOSITORY "forge = \"github\"; forge_project = \"7\"; forge_credential = \"t\"; } );",
                 "f:1: repository a: forge_project: is no OWNER/NAME"},
                {REPOSITORY "forge = \"gitlab\"; forge_url = \"http://h/api/v4\"; forge_project = \"a/../b\"; "
                            "forge_credential = \"t\"; } );",
                 "f:1: repository a: forge_project: 'a/../b' is no OWNER/NAME"},
                {REPOSITORY "forge = \"gitlab\"; forge_url = \"http://h/api/v4\"; forge_project = \"a/b?c\"; "
                            "forge_credential = \"t\"; } );",
                 "f:1: repository a: forge_project: 'a/b?c' is no project: letters, digits, '.', '_', '-' and '/' "
                 "only"},
                {REPOSITORY "forge = \"gitlab\"; forge_url = \"http://h/api/v4\"; forge_project = \"7\"; "
                            "forge_credential = \"t\"; merge_method = \"rebase\"; } );",
                 "f:1: repository a: merge_method: GitLab rebases where the project's own settings say so: merge or "
                 "squash"},
                {REPOSITORY "proxy = \"http://p\"; } );",
                 "f:1: repository a: proxy: is for HTTP remotes; for SSH there is ssh_config"},
                {REPOSITORY "proxy_login = \"p\"; } );", "f:1: repository a: proxy_login: needs proxy"},
                {REPOSITORY "gpg_home = \"/g\"; } );",
                 "f:1: repository a: gpg_home: needs gpg_key, which of its keys signs"},
                {REPOSITORY "gpg_key = \"k\"; } );", "f:1: repository a: gpg_key: needs gpg_home, where it is"},
                {REPOSITORY "gpg_key = \"k\"; gpg_home = \"/g\"; signing_key = \"s\"; } );",
                 "f:1: repository a: gpg_home: a commit is signed by signing_key or by gpg_key, not both"},
                {REPOSITORY "signing_passphrase = \"p\"; } );",
                 "f:1: repository a: signing_passphrase: needs signing_key or gpg_key"},
                {"repositories: ( { name = \"a\"; url = \"/x\"; },\n{ name = \"a\"; url = \"/y\"; } );",
                 "f:2: repository a: the name is taken: f:1 has it"},
        };
        (void)state;
        assert_each_refused(cases, RV_ARRAY_SIZE(cases));
}

static void test_events_that_cannot_be(void **state) {
#define EVENT(more) "events: ( { name = \"e\"; labels = \"a=/b\"; " more " } );"
        static const struct refused cases[] = {
                {"events: ( { name = \"e\"; ok = \"x\"; verdict = \"/v\"; firing = \"y\"; } );",
                 "f:1: event e: labels: is missing"},
                {"events: ( { name = \"e\"; labels = []; resolve_after = \"1m\"; } );",
                 "f:1: event e: labels: is empty"},
                {EVENT(""), "f:1: event e: has neither ok nor resolve_after: what fires would never be over"},
                {EVENT("verdict = \"/v\"; ok = \"x\";"),
                 "f:1: event e: verdict: needs firing, what it says where something is wrong"},
                {EVENT("firing = \"x\"; resolve_after = \"1m\";"),
                 "f:1: event e: firing: needs verdict, where it is looked for"},
                {EVENT("inconclusive = \"x\"; resolve_after = \"1m\";"),
                 "f:1: event e: inconclusive: needs verdict, where it is looked for"},
                {EVENT("verdict = \"/v\"; firing = [ \"x\", \"y\" ]; ok = [ \"z\", \"y\" ];"),
                 "f:1: event e: ok: 'y' stands in firing too"},
                {EVENT("verdict = \"/v\"; firing = \"x\"; ok = \"y\"; inconclusive = \"y\";"),
                 "f:1: event e: inconclusive: 'y' stands in ok too"},
                {EVENT("resolve_after = \"0\";"), "f:1: event e: resolve_after: 0 is out of range: 1s to 30d"},
                {EVENT("resolve_after = \"1m\"; start = \"time\";"),
                 "f:1: event e: start: 'time' is no JSON pointer: it begins with /"},
                {EVENT("resolve_after = \"1m\"; items = \"/a~b\";"),
                 "f:1: event e: items: '/a~b' is no JSON pointer: after ~ comes 0 or 1"},
                {"events: ( { name = \"e\"; resolve_after = \"1m\"; labels = \"app\"; } );",
                 "f:1: event e: labels: 'app' is no label: name=value, or name=/pointer"},
                {"events: ( { name = \"e\"; resolve_after = \"1m\"; labels = \"1a=b\"; } );",
                 "f:1: event e: labels: '1a=b' is no label: name=value, or name=/pointer"},
                {"events: ( { name = \"e\"; resolve_after = \"1m\"; labels = \"a=\"; } );",
                 "f:1: event e: labels: 'a=' has no value"},
                {"events: ( { name = \"e\"; resolve_after = \"1m\"; labels = \"a=/~\"; } );",
                 "f:1: event e: labels: '/~' is no JSON pointer: after ~ comes 0 or 1"},
                {"events: ( { name = \"e\"; resolve_after = \"1m\"; labels = [ \"a=b\", \"a=/c\" ]; } );",
                 "f:1: event e: labels: 'a=/c': there is a label a before it"},
                {"events: ( { name = \"e\"; resolve_after = \"1m\"; labels = \"event=x\"; } );",
                 "f:1: event e: labels: 'event=x': that label is always the name of the event source"},
                {"signatures: ( { webhook = \"event/x\"; credential = \"k\"; } );",
                 "f:1: signature: webhook: there is no event source named 'x'"},
                {"signatures: ( { webhook = \"slack\"; credential = \"k\"; } );",
                 "f:1: signature: webhook: 'slack' is none of: alertmanager, grafana, event/NAME"},
                {"signatures: ( { webhook = \"grafana\"; } );", "f:1: signature: credential: is missing"},
                {"signatures: ( { webhook = \"grafana\"; credential = \"k\"; header = \"X-A: b\"; } );",
                 "f:1: signature: header: 'X-A: b' is no name of a header"},
                {"signatures: ( { webhook = \"grafana\"; credential = \"k\"; },\n"
                 "{ webhook = \"grafana\"; credential = \"l\"; } );",
                 "f:2: signature grafana: the name is taken: f:1 has it"},
                {EVENT("resolve_after = \"1m\"; word = \"x\";"), "f:1: event e: word: unknown key"},
                {"events: ( { name = \"e\"; resolve_after = \"1m\"; labels = \"a=b\"; },\n"
                 "{ name = \"e\"; resolve_after = \"1m\"; labels = \"a=b\"; } );",
                 "f:2: event e: the name is taken: f:1 has it"},
        };
        (void)state;
        assert_each_refused(cases, RV_ARRAY_SIZE(cases));
}

static void test_rules_that_cannot_be(void **state) {
        static const struct refused cases[] = {
                {BASE "rules: ( { name = \"r\"; paths = \"x\"; } );", "f:1: rule r: has neither expr nor match"},
                {BASE RULE "match = \"a=b\"; } );", "f:1: rule r: match: a rule has expr or match, not both"},
                {BASE RULE "confirm = \"up\"; } );", "f:1: rule r: confirm: is for rules with match"},
                {BASE ALERTS "require = \"up\"; } );", "f:1: rule r: require: is for rules with expr"},
                {BASE ALERTS "breach = \"> 1\"; } );", "f:1: rule r: breach: is for rules with expr or confirm"},
                {BASE ALERTS "breach = \"> 0\"; confirm = \"up{a={{ $labels.a }}}\"; } );",
                 "f:1: rule r: confirm: {{ }} stands outside of double quotes"},
                {BASE ALERTS "breach = \"> 0\"; confirm = \"up{a='{{ $labels.a }}'}\"; } );",
                 "f:1: rule r: confirm: {{ }} stands outside of double quotes"},
                {BASE ALERTS "breach = \"> 0\"; confirm = \"up{b=\\\"\\\\\\\"\\\"} {{ $labels.a }}\"; } );",
                 "f:1: rule r: confirm: {{ }} stands outside of double quotes"},
                {BASE ALERTS "confirm = \"up\"; } );", "f:1: rule r: breach: is missing: confirm needs it"},
                {BASE "rules: ( { name = \"r\"; expr = \"up\"; paths = \"x\"; } );",
                 "f:1: rule r: breach: is missing: expr needs it"},
                {BASE "rules: ( { name = \"r\"; expr = \" \"; breach = \"> 1\"; paths = \"x\"; } );",
                 "f:1: rule r: expr: is empty"},
                {BASE "rules: ( { name = \"r\"; expr = \"up\"; breach = \"=> 1\"; paths = \"x\"; } );",
                 "f:1: rule r: breach: '=> 1' is no threshold: >, >=, <, <=, == or != and a number"},
                {BASE "rules: ( { name = \"r\"; expr = \"up\"; breach = \"> 0,5\"; paths = \"x\"; } );",
                 "f:1: rule r: breach: '> 0,5': '0,5' is not a number"},
                {BASE "rules: ( { name = \"r\"; expr = \"up\"; breach = \"> NaN\"; paths = \"x\"; } );",
                 "f:1: rule r: breach: '> NaN': 'NaN' is not a number"},
                {BASE "rules: ( { name = \"r\"; expr = \"up\"; breach = \">\"; paths = \"x\"; } );",
                 "f:1: rule r: breach: '>': '' is not a number"},
                {BASE
                 "rules: ( { name = \"r\"; expr = \"up\"; breach = \"> 5\"; paths = \"x\"; breaches = \"4 of 3\"; } );",
                 "f:1: rule r: breaches: 4 of 3 is out of range: 1 to all of at most 60"},
                {BASE "rules: ( { name = \"r\"; expr = \"up\"; breach = \"> 5\"; paths = \"x\"; breaches = \"0\"; } );",
                 "f:1: rule r: breaches: 0 is out of range: 1 to all of at most 60"},
                {BASE
                 "rules: ( { name = \"r\"; expr = \"up\"; breach = \"> 5\"; paths = \"x\"; breaches = \"3 of\"; } );",
                 "f:1: rule r: breaches: '3 of' is no count: \"3 of 5\", or \"3\" that follow one another"},
                {BASE
                 "rules: ( { name = \"r\"; expr = \"up\"; breach = \"> 5\"; paths = \"x\"; breaches = \"-1\"; } );",
                 "f:1: rule r: breaches: '-1' is no count: \"3 of 5\", or \"3\" that follow one another"},
                {BASE "rules: ( { name = \"r\"; expr = \"up\"; breach = \"> 5\"; paths = \"x\"; breaches = \"2\"; for "
                      "= \"1m\"; } );",
                 "f:1: rule r: breaches: a rule has for or breaches, not both"},
                {BASE "rules: ( { name = \"r\"; expr = \"up\"; breach = \"> 5\"; paths = \"x\"; clear = \"> 2\"; } );",
                 "f:1: rule r: clear: does not face breach: < or <= where that has > or >=, and so on"},
                {BASE "rules: ( { name = \"r\"; expr = \"up\"; breach = \"> 5\"; paths = \"x\"; clear = \"< 6\"; } );",
                 "f:1: rule r: clear: has values in common with breach"},
                {BASE ALERTS "keep_firing_for = \"1m\"; } );", "f:1: rule r: keep_firing_for: is for rules with expr"},
                {BASE
                 "rules: ( { name = \"r\"; expr = \"up\"; breach = \"> 5\"; paths = \"x\"; confidence = \"1.1\"; } );",
                 "f:1: rule r: confidence: '1.1' is no ratio: a number from 0 to 1"},
                {BASE
                 "rules: ( { name = \"r\"; expr = \"up\"; breach = \"> 5\"; paths = \"x\"; outside = \"half\"; } );",
                 "f:1: rule r: outside: 'half' is none of: leave, whole, decline"},
                {BASE
                 "rules: ( { name = \"r\"; expr = \"up\"; breach = \"> 5\"; paths = \"x\"; fallback = \"revert\"; } );",
                 "f:1: rule r: fallback: 'revert' is none of: decline, restore, propose"},
                {BASE
                 "rules: ( { name = \"r\"; expr = \"up\"; breach = \"> 5\"; paths = \"x\";\n mode = \"propose\"; } );",
                 "f:2: rule r: mode: repository fleet has no forge, where a pull request could be made"},
                {BASE "rules: ( { name = \"r\"; expr = \"up\"; breach = \"> 5\"; paths = \"x\"; fallback = "
                      "\"propose\"; } );",
                 "f:1: rule r: fallback: repository fleet has no forge, where a pull request could be made"},
                {BASE "rules: ( { name = \"r\"; expr = \"up\"; breach = \"> 5\"; paths = \"x\"; outside = \"whole\"; "
                      "suspects = \"restore\"; } );",
                 "f:1: rule r: suspects: a restore puts back the rule's paths alone, which outside = \"whole\" "
                 "forbids"},
                {BASE
                 "rules: ( { name = \"r\"; expr = \"up\"; breach = \"> 5\"; paths = \"x\"; shared_cause = 101; } );",
                 "f:1: rule r: shared_cause: 101 is out of range: 0 to 100"},
                {BASE "rules: ( { name = \"r\"; expr = \"up\"; breach = \"< 1\"; } );",
                 "f:1: rule r: paths: is missing"},
                {BASE "rules: ( { name = \"r\"; expr = \"up\"; breach = \"< 1\"; paths = [ ]; } );",
                 "f:1: rule r: paths: is empty"},
                {BASE "rules: ( { name = \"r\"; match = ( ); paths = \"x\"; } );", "f:1: rule r: match: is empty"},
                {BASE RULE "repository = \"flet\"; } );",
                 "f:1: rule r: repository: there is no repository named 'flet'"},
                {BASE RULE "prometheus = \"p\"; } );", "f:1: rule r: prometheus: there is no prometheus named 'p'"},
                {BASE RULE "receivers = \"ops\"; } );", "f:1: rule r: receivers: there is no receiver named 'ops'"},
                {PROD RULE "} );", "f:1: rule r: repository: is missing, and there is none"},
                {FLEET RULE "} );", "f:1: rule r: prometheus: is missing, and there is none"},
                {"repositories: ( { name = \"a\"; url = \"/a\"; }, { name = \"b\"; url = \"/b\"; } );" PROD RULE "} );",
                 "f:1: rule r: repository: is missing, and there are several"},
                {BASE RULE "window = \"7h\"; } );", "f:1: rule r: window: window (7h) is longer than max_age (6h)"},
                {BASE RULE "\nmax_age = \"1m\"; } );",
                 "f:2: rule r: max_age: window (30m) is longer than max_age (1m)"},
                {BASE RULE "recover = \"1h\"; } );",
                 "f:1: rule r: recover: recover (1h) is longer than verify_timeout (15m)"},
                {BASE RULE "summary = \"{{ $value \"; } );", NULL},
                {BASE
                 "rules: ( { name = \"r\"; expr = \"up\"; breach = \"< 1\"; paths = \"../{{ $labels.app }}\"; } );",
                 NULL},
                {BASE "rules: ( { name = \"r\"; expr = \"up\"; breach = \"< 1\"; paths = \"/etc\"; } );", NULL},
                {BASE "rules: ( { name = \"r\"; expr = \"up\"; breach = \"< 1\"; paths = \"a//b\"; } );", NULL},
        };
        (void)state;
        for (size_t i = 0; i < RV_ARRAY_SIZE(cases); i++) {
                if (cases[i].want) {
                        assert_each_refused(&cases[i], 1);
                        continue;
                }
                /* Here the words are those of the template and the path pattern. */
                struct rv_config *config = NULL;
                struct rv_config_errors errors = {0};
                assert_int_equal(rv_config_load_text(&config, "f", cases[i].text, strlen(cases[i].text), &errors),
                                 -EINVAL);
                assert_int_equal(errors.n, 1);
                assert_int_equal(strncmp(errors.text[0], "f:1: rule r: ", strlen("f:1: rule r: ")), 0);
                rv_config_errors_done(&errors);
        }
}

static void test_all_in_one_pass(void **state) {
        static const char text[] = "budget = 5000;\n"
                                   "repositories: (\n"
                                   "  { name = \"fleet\"; url = \"ftp://x\"; },\n"
                                   "  { name = \"fleet\"; branch = \"a..b\"; url = \"/x\"; } );\n"
                                   "rules: (\n"
                                   "  { name = \"r\"; repository = \"fleet\";\n"
                                   "    match = [ \"a=b\",\n"
                                   "      \"a=~(\" ];\n"
                                   "    paths = \"x\";\n"
                                   "    hold = \"2d\"; } );\n"
                                   "unknown = 1;\n";
        static const char *const want[] = {
                "f:1: budget: 5000 is out of range: 0 to 1000",
                "f:3: repository fleet: url: 'ftp://x': only http, https and ssh are supported, and local paths "
                "without a "
                "scheme",
                "f:4: repository fleet: branch: 'a..b' is no name that Git allows for a branch",
                "f:4: repository fleet: the name is taken: f:3 has it",
                "f:8: rule r: match: 'a=~(': bad regular expression at character 2: missing closing parenthesis",
                "f:10: rule r: hold: 2d is out of range: 0 to 1d",
                "f:11: unknown: unknown key",
        };
        (void)state;
        assert_refused(text, strlen(text), want, RV_ARRAY_SIZE(want));
}

static void test_many_errors_are_counted(void **state) {
        struct rv_config *config = NULL;
        struct rv_config_errors errors = {0};
        char *text = NULL;
        size_t n = 0;
        FILE *f = open_memstream(&text, &n);
        (void)state;
        fputs(FLEET "rules: (", f);
        for (int i = 0; i < 5000; i++)
                fprintf(f, "%s{ name = \"r%d\"; match = \"a=b\"; paths = \"x\"; mode = 1; }\n", i > 0 ? "," : "", i);
        fputs(");", f);
        fclose(f);
        assert_int_equal(rv_config_load_text(&config, "f", text, n, &errors), -EINVAL);
        assert_int_equal(errors.n, RV_CONFIG_ERRORS_MAX + 1);
        assert_string_equal(errors.text[0], "f:1: rule r0: mode: a string in quotes (word) is wanted, not a number");
        assert_string_equal(errors.text[RV_CONFIG_ERRORS_MAX], "and 4900 more");
        rv_config_errors_done(&errors);
        free(text);
}

/* An error in `defaults` is one error, however many rules there are. */
static void test_an_error_in_defaults_is_said_once(void **state) {
        static const char text[] = BASE "\ndefaults: { hold = \"x\"; receivers = \"nobody\"; };\n" RULE
                                        "}, { name = \"s\"; match = \"a=b\"; paths = \"x\"; } );";
        static const char *const want[] = {
                "f:2: defaults: hold: 'x' is no duration: \"30s\", \"5m\", \"1h30m\", \"7d\"",
                "f:2: defaults: receivers: there is no receiver named 'nobody'",
        };
        (void)state;
        assert_refused(text, strlen(text), want, RV_ARRAY_SIZE(want));
}

/* What people read on a terminal must not steer it. */
static void test_errors_are_safe_to_show(void **state) {
        static const char text[] = "external_url = \"x\\x1b[2Jy\\x0az\";";
        struct rv_config *config = NULL;
        struct rv_config_errors errors = {0};
        (void)state;
        assert_int_equal(rv_config_load_text(&config, "f", text, strlen(text), &errors), -EINVAL);
        assert_int_equal(errors.n, 1);
        for (const char *p = errors.text[0]; *p; p++)
                assert_true((unsigned char)*p >= 0x20);
        rv_config_errors_done(&errors);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_libconfig_would_let_pass),
                cmocka_unit_test(test_a_group_too_large_for_libconfig),
                cmocka_unit_test(test_operators),
                cmocka_unit_test(test_syntax_errors_show_the_line),
                cmocka_unit_test(test_keys_and_types),
                cmocka_unit_test(test_groups_that_do_not_fit_together),
                cmocka_unit_test(test_events_that_cannot_be),
                cmocka_unit_test(test_rules_that_cannot_be),
                cmocka_unit_test(test_all_in_one_pass),
                cmocka_unit_test(test_many_errors_are_counted),
                cmocka_unit_test(test_an_error_in_defaults_is_said_once),
                cmocka_unit_test(test_errors_are_safe_to_show),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
