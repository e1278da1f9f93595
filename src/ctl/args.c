#include "ctl/args.h"

#include "revertd/build.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SOCKET "/run/revertd/revertd.sock"
#define DEFAULT_TIMEOUT_USEC (30 * RV_USEC_PER_SEC)
enum { LIMIT_DEFAULT = 20, LIMIT_MAX = 500, LEFT_COLUMN = 28 };

/* What every verb takes, and what verbs that speak to the daemon do. */
static const char everywhere[] = "oh", connection[] = "SUTNAt";

/* key: the short letter too, where is_short. */
static const struct option_row {
        char key;
        bool is_short;
        const char *name;
        const char *argument; /* NULL: none */
        const char *help;
} rows[] = {
        {'r', true, "repository", "NAME", "the repository, by its name in the configuration"},
        {'R', false, "rule", "NAME", "the rule, by its name"},
        {'p', false, "path", "PATTERN", "only paths that match; may be given again"},
        {'m', false, "reason", "TEXT", "why: it is recorded; with revert and restore the commit has it"},
        {'f', false, "force", NULL, "override guards that a person may override; not the Git worker's budget"},
        {'n', true, "dry-run", NULL, "show what would be pushed, with its diff; push nothing"},
        {'y', true, "yes", NULL, "do not ask before the push; without a daemon only with --no-daemon"},
        {'w', false, "no-wait", NULL, "do not follow what becomes of it"},
        {'d', true, "diff", NULL, "show the plan's diff too"},
        {'i', false, "show", NULL, "show the incidents of each test, as 'revertctl show' does"},
        {'s', false, "state", "STATE", "open, ended, or a state such as verifying"},
        {'l', false, "limit", "N", "at most so many (default 20)"},
        {'B', false, "from", "TIME", "begin here: 2026-03-01, or 2026-03-01T10:00:00Z"},
        {'E', false, "to", "TIME", "end here (default now)"},
        {'O', false, "to", "COMMIT", "what the paths go back to: an id, its beginning, HEAD~2, or 9c1e2ab~1"},
        {'Z', false, "last", "DURATION", "the newest so much, such as 30d, in place of --from"},
        {'I', false, "step", "DURATION", "evaluate so often, in place of each rule's interval"},
        {'Y', false, "apply", "DURATION", "what a revert is taken to need from its push to its effect (default 2m)"},
        {'W', false, "file", "FILE", "write the report there; html is one file without outside parts"},
        {'P', false, "progress", NULL, "tell how far it is, also where standard error is no terminal"},
        {'F', false, "for", "DURATION", "end by itself after so long, such as 2h"},
        {'L', false, "no-daemon", NULL, "do not ask a daemon: run the Git worker from here"},
        {'C', false, "config.file", "FILE", "the configuration (default " RV_SYSCONFDIR "/revertd.conf)"},
        {'D', false, "storage.path", "FOLDER", "keep the mirror here (default ~/.cache/revertctl)"},
        {'G', false, "git.program", "FILE", "the worker, revertd-git"},
        {'o', true, "output", "FORMAT", "table (default) or json"},
        {'S', false, "socket", "PATH", "the daemon's socket (default " DEFAULT_SOCKET ")"},
        {'U', false, "url", "URL", "the daemon's URL; also $REVERTD_URL; unix:PATH is a socket"},
        {'T', false, "token-file", "FILE", "the token for a URL, or the password with --username"},
        {'N', false, "username", "NAME", "basic instead of bearer authentication"},
        {'A', false, "ca-file", "FILE", "trust these certificates, and not the system's"},
        {'t', false, "timeout", "DURATION", "for one request (default 30s)"},
        {'h', true, "help", NULL, "say this and exit"},
};
enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };

int args_complain(const struct args *args, const char *fmt, ...) {
        va_list ap;

        fputs("revertctl: error: ", stderr);
        va_start(ap, fmt);
        vfprintf(stderr, fmt, ap);
        va_end(ap);
        if (args->verb)
                fprintf(stderr, "\nTry 'revertctl %s --help'.\n", args->verb->name);
        else
                fputs("\nTry 'revertctl --help'.\n", stderr);
        return CTL_USAGE;
}

static bool takes(const struct verb *verb, char key) {
        if (strchr(everywhere, key) || !verb)
                return strchr(everywhere, key) || strchr(connection, key);
        return (!verb->is_local && strchr(connection, key)) || strchr(verb->takes, key);
}

static bool makes_html(const struct verb *verb) {
        return verb && strchr(verb->takes, 'W');
}

static void print_options(FILE *f, const struct verb *verb) {
        for (size_t i = 0; i < N_ROWS; i++) {
                char left[64];
                if (!takes(verb, rows[i].key))
                        continue;
                snprintf(left, sizeof(left), "%s--%s%s%s",
                         rows[i].is_short ? (char[]){'-', rows[i].key, ',', ' ', '\0'} : "    ", rows[i].name,
                         rows[i].argument ? "=" : "", rows[i].argument ? rows[i].argument : "");
                fprintf(f, "  %-*s %s\n", LEFT_COLUMN, left,
                        rows[i].key == 'o' && makes_html(verb) ? "table (default), json or html" : rows[i].help);
        }
}

static void print_program_help(FILE *f) {
        fputs("Usage: revertctl [options] VERB [options] [arguments]\n"
              "\n"
              "Ask revertd, and tell it: what it sees, what it did and why, and what it shall do.\n"
              "\n"
              "Verbs:\n",
              f);
        for (const struct verb *verb = verbs; verb->name; verb++)
                fprintf(f, "  %-14s%s\n", verb->name, verb->summary);
        fputs("\nOptions:\n", f);
        print_options(f, NULL);
        fputs("      --version                say the version and exit\n"
              "\n"
              "Begin with:\n"
              "  revertctl status                  is it well, is it paused, what is open\n"
              "  revertctl incidents               what happened lately\n"
              "  revertctl show 7f3c               everything about one incident\n"
              "  revertctl VERB --help             more about a verb, with examples\n"
              "\n"
              "The exit status is 0, 1 for a failure, or 2 for a command that cannot be understood.\n",
              f);
}

static void print_verb_help(FILE *f, const struct verb *verb) {
        fprintf(f, "Usage: revertctl %s [options]%s%s\n\n%s\n\nOptions:\n", verb->name, verb->operands[0] ? " " : "",
                verb->operands, verb->text);
        print_options(f, verb);
        fprintf(f, "\nExamples:\n%s", verb->examples);
}

static const struct verb *find_verb(const char *name) {
        for (const struct verb *verb = verbs; verb->name; verb++)
                if (strcmp(verb->name, name) == 0)
                        return verb;
        return NULL;
}

static int set_number(struct args *args, const char *value) {
        char *end;
        long n = strtol(value, &end, 10);

        if (end == value || *end || n < 1 || n > LIMIT_MAX)
                return args_complain(args, "--limit: not a number from 1 to %d: %s", LIMIT_MAX, value);
        args->limit = (int)n;
        return -1;
}

static int set_output(struct args *args, const char *value) {
        if (strcmp(value, "html") == 0 && makes_html(args->verb)) {
                args->output = CTL_HTML;
                return -1;
        }
        if (strcmp(value, "table") != 0 && strcmp(value, "json") != 0)
                return args_complain(args, "--output: %s: %s",
                                     makes_html(args->verb) ? "none of table, json and html" : "neither table nor json",
                                     value);
        args->output = strcmp(value, "json") == 0 ? CTL_JSON : CTL_TABLE;
        return -1;
}

static int set_span(struct args *args, const char *name, const char *value, int64_t *ret) {
        if (rv_duration_parse(value, ret) < 0 || *ret == 0)
                return args_complain(args, "--%s: not a duration such as 30s: %s", name, value);
        return -1;
}

static int set_timeout(struct args *args, const char *value) {
        return set_span(args, "timeout", value, &args->timeout_usec);
}

static int set_duration(struct args *args, const char *value) {
        int64_t usec;

        if (rv_duration_parse(value, &usec) < 0 || usec == 0)
                return args_complain(args, "--for: not a duration such as 2h or 1h30m: %s", value);
        args->duration = value;
        return -1;
}

static int add_path(struct args *args, const char *value) {
        if (args->n_paths == CTL_PATHS_MAX)
                return args_complain(args, "--path: more than %d", CTL_PATHS_MAX);
        args->path[args->n_paths++] = value;
        return -1;
}

/* −1: go on; else the exit status. */
static int apply(struct args *args, char key, const char *value) {
        const struct {
                char key;
                const char **text;
        } texts[] = {
                {'r', &args->repository},  {'R', &args->rule},         {'m', &args->reason},      {'s', &args->state},
                {'C', &args->config_file}, {'D', &args->storage_path}, {'G', &args->git_program}, {'S', &args->socket},
                {'U', &args->url},         {'T', &args->token_file},   {'N', &args->username},    {'A', &args->ca_file},
                {'B', &args->from},        {'E', &args->to},           {'O', &args->to},          {'Z', &args->last},
                {'W', &args->file},
        };
        const struct {
                char key;
                bool *flag;
        } flags[] = {
                {'f', &args->force}, {'n', &args->dry_run},   {'y', &args->yes},      {'w', &args->no_wait},
                {'d', &args->diff},  {'L', &args->no_daemon}, {'P', &args->progress}, {'i', &args->show},
        };

        for (size_t i = 0; i < RV_ARRAY_SIZE(texts); i++)
                if (texts[i].key == key) {
                        *texts[i].text = value;
                        return -1;
                }
        for (size_t i = 0; i < RV_ARRAY_SIZE(flags); i++)
                if (flags[i].key == key) {
                        *flags[i].flag = true;
                        return -1;
                }
        switch (key) {
        case 'o':
                return set_output(args, value);
        case 'l':
                return set_number(args, value);
        case 't':
                return set_timeout(args, value);
        case 'I':
                return set_span(args, "step", value, &args->step_usec);
        case 'Y':
                return set_span(args, "apply", value, &args->apply_usec);
        case 'F':
                return set_duration(args, value);
        case 'p':
                return add_path(args, value);
        case 'h':
                if (args->verb)
                        print_verb_help(stdout, args->verb);
                else
                        print_program_help(stdout);
                return CTL_OK;
        default:
                printf("revertctl, version %s (branch: %s, revision: %s)\n", RV_VERSION, RV_BRANCH, RV_REVISION);
                return CTL_OK;
        }
}

/* Before the verb (args->verb is NULL) up to it, after it all. −1: go on; else the exit status. */
static int parse_options(struct args *args, int argc, char **argv) {
        struct option options[N_ROWS + 2] = {0};
        char letters[2 * N_ROWS + 2];
        size_t n = 0, n_letters = 0;
        int key;

        letters[n_letters++] = args->verb ? ':' : '+';
        if (!args->verb)
                letters[n_letters++] = ':';
        for (size_t i = 0; i < N_ROWS; i++) {
                if (!takes(args->verb, rows[i].key))
                        continue;
                options[n++] = (struct option){rows[i].name, rows[i].argument ? required_argument : no_argument, NULL,
                                               rows[i].key};
                if (rows[i].is_short)
                        letters[n_letters++] = rows[i].key;
                if (rows[i].is_short && rows[i].argument)
                        letters[n_letters++] = ':';
        }
        letters[n_letters] = '\0';
        if (!args->verb)
                options[n++] = (struct option){"version", no_argument, NULL, 'V'};

        optind = 0; /* glibc: anew */
        while ((key = getopt_long(argc, argv, letters, options, NULL)) != -1) {
                const char *culprit = argv[optind - 1];
                if (key == ':')
                        return args_complain(args, "%s needs a value", culprit);
                if (key == '?' && optopt > 0 && optopt < 0x80 && culprit[1] != '-')
                        return args_complain(args, "there is no option -%c here", optopt);
                if (key == '?')
                        return args_complain(args, "there is no option %s here", culprit);
                int status = apply(args, (char)key, optarg);
                if (status >= 0)
                        return status;
        }
        return -1;
}

static int settle_connection(struct args *args) {
        static const char unix_prefix[] = "unix:";

        if (args->socket && args->url)
                return args_complain(args, "--socket and --url are two ways of saying where the daemon is");
        if (!args->socket && !args->url) {
                const char *url = getenv("REVERTD_URL");
                args->url = url && url[0] ? url : NULL;
        }
        if (args->url && strncmp(args->url, unix_prefix, sizeof(unix_prefix) - 1) == 0) {
                args->socket = args->url + sizeof(unix_prefix) - 1;
                args->url = NULL;
        }
        args->is_default_socket = !args->socket && !args->url;
        if (args->is_default_socket)
                args->socket = DEFAULT_SOCKET;
        if (args->url && strncmp(args->url, "http://", 7) != 0 && strncmp(args->url, "https://", 8) != 0)
                return args_complain(args, "not an http://, https:// or unix: URL: %s", args->url);
        if (args->username && !args->token_file)
                return args_complain(args, "--username needs --token-file, which holds the password");
        return -1;
}

static int check_operands(const struct args *args) {
        const struct verb *verb = args->verb;

        if (args->n_operands < verb->min_operands)
                return args_complain(args, "%s needs %s", verb->name, verb->operands);
        if (verb->max_operands >= 0 && args->n_operands > verb->max_operands)
                return args_complain(args, "unexpected argument: %s", args->operand[verb->max_operands]);
        return -1;
}

/* "revertctl help", "revertctl help show" */
static int help(const struct args *args, int argc, char **argv) {
        const struct verb *verb = argc > 1 ? find_verb(argv[1]) : NULL;

        if (argc > 1 && !verb)
                return args_complain(args, "there is no verb %s", argv[1]);
        if (verb)
                print_verb_help(stdout, verb);
        else
                print_program_help(stdout);
        return CTL_OK;
}

int args_parse(int argc, char **argv, struct args *ret) {
        struct args args = {.timeout_usec = DEFAULT_TIMEOUT_USEC, .limit = LIMIT_DEFAULT};
        int status = parse_options(&args, argc, argv);

        if (status >= 0)
                return status;
        argc -= optind;
        argv += optind;
        if (argc == 0) {
                print_program_help(stderr);
                return CTL_USAGE;
        }
        if (strcmp(argv[0], "help") == 0)
                return help(&args, argc, argv);
        const struct verb *verb = find_verb(argv[0]);
        if (!verb)
                return args_complain(&args, "there is no verb %s", argv[0]);
        args.verb = verb;
        status = parse_options(&args, argc, argv);
        if (status >= 0)
                return status;
        args.operand = argv + optind;
        args.n_operands = argc - optind;
        status = check_operands(&args);
        if (status < 0)
                status = settle_connection(&args);
        *ret = args;
        return status;
}
