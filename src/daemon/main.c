#include "daemon.h"

#include "revertd/build.h"
#include "revertd/cleanup.h"
#include "revertd/log.h"
#include "revertd/path.h"

#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>

enum { ADDRESSES_MAX = 16, EXIT_USAGE = 2 };

enum flag {
        OPT_CONFIG_FILE = 256,
        OPT_STORAGE_PATH,
        OPT_LISTEN_ADDRESS,
        OPT_LOG_LEVEL,
        OPT_LOG_FORMAT,
        OPT_GIT_PROGRAM,
        OPT_VERSION,
};

static const struct option long_options[] = {
        {"config.file", required_argument, NULL, OPT_CONFIG_FILE},
        {"storage.path", required_argument, NULL, OPT_STORAGE_PATH},
        {"web.listen-address", required_argument, NULL, OPT_LISTEN_ADDRESS},
        {"log.level", required_argument, NULL, OPT_LOG_LEVEL},
        {"log.format", required_argument, NULL, OPT_LOG_FORMAT},
        {"git.program", required_argument, NULL, OPT_GIT_PROGRAM},
        {"version", no_argument, NULL, OPT_VERSION},
        {"help", no_argument, NULL, 'h'},
        {},
};

struct arguments {
        struct rv_options options;
        char *addresses[ADDRESSES_MAX + 1];
        size_t n_addresses;
        enum rv_log_level level;
        enum rv_log_format format;
        bool has_format;
};

static const char help[] =
        "usage: revertd [OPTION]...\n"
        "\n"
        "Watches rules, finds the change that broke one, reverts it in Git, and proves that it worked.\n"
        "\n"
        "  --config.file=FILE             the configuration (default " RV_SYSCONFDIR "/revertd.conf)\n"
        "  --storage.path=DIRECTORY       the store and the mirrors (default $STATE_DIRECTORY, or /var/lib/revertd)\n"
        "  --web.listen-address=HOST:PORT listen here and not as configured; may be given more than once\n"
        "  --log.level=LEVEL              error, warn, info or debug (default info)\n"
        "  --log.format=FORMAT            logfmt or json (default: the journal under systemd, else logfmt)\n"
        "  --git.program=FILE             the Git worker (default: revertd-git, where revertd is installed)\n"
        "  --version                      say the version and exit\n"
        "  -h, --help                     say this and exit\n"
        "\n"
        "SIGHUP loads the configuration anew; SIGTERM and SIGINT stop. See revertd(8) and revertd.conf(5).\n";

static void print_version(void) {
        struct utsname host = {};

        uname(&host);
        printf("revertd, version %s (branch: %s, revision: %s)\n  platform: %s/%s\n", RV_VERSION, RV_BRANCH,
               RV_REVISION, host.sysname, host.machine);
}

static int usage_error(const char *what, const char *value) {
        fprintf(stderr, "revertd: error: %s%s%s\nTry 'revertd --help'.\n", what, value ? ": " : "", value ? value : "");
        return EXIT_USAGE;
}

/* −1: go on; else the exit status. */
static int parse_one(int option, struct arguments *args) {
        switch (option) {
        case OPT_CONFIG_FILE:
                args->options.config_file = optarg;
                return -1;
        case OPT_STORAGE_PATH:
                args->options.storage_path = optarg;
                return -1;
        case OPT_GIT_PROGRAM:
                args->options.git_program = optarg;
                return -1;
        case OPT_LISTEN_ADDRESS:
                if (args->n_addresses == ADDRESSES_MAX)
                        return usage_error("too many addresses to listen on", NULL);
                args->addresses[args->n_addresses++] = optarg;
                args->options.listen_addresses = args->addresses;
                return -1;
        case OPT_LOG_LEVEL:
                return rv_log_level_from_string(optarg, &args->level) < 0 ? usage_error("no such log level", optarg)
                                                                          : -1;
        case OPT_LOG_FORMAT:
                args->has_format = true;
                return rv_log_format_from_string(optarg, &args->format) < 0 ? usage_error("no such log format", optarg)
                                                                            : -1;
        case OPT_VERSION:
                print_version();
                return EXIT_SUCCESS;
        case 'h':
                fputs(help, stdout);
                return EXIT_SUCCESS;
        default:
                fputs("Try 'revertd --help'.\n", stderr);
                return EXIT_USAGE;
        }
}

static int parse(int argc, char **argv, struct arguments *args) {
        int option;

        while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
                int status = parse_one(option, args);
                if (status >= 0)
                        return status;
        }
        return optind < argc ? usage_error("unexpected argument", argv[optind]) : -1;
}

/* $STATE_DIRECTORY may list several, separated by colons; the unit asks for one. */
static const char *default_storage_path(void) {
        char *path = getenv("STATE_DIRECTORY");

        if (!path || !path[0])
                return "/var/lib/revertd";
        path[strcspn(path, ":")] = '\0';
        return path;
}

/* Signals are received by the loop, and the workers' ends too. */
static void prepare_process(void) {
        struct rlimit files;
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGHUP);
        sigaddset(&set, SIGCHLD);
        sigprocmask(SIG_BLOCK, &set, NULL);
        signal(SIGPIPE, SIG_IGN);
        signal(SIGXFSZ, SIG_IGN); /* a write that fails is dealt with where it is made */

        if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
                files.rlim_cur = files.rlim_max;
                setrlimit(RLIMIT_NOFILE, &files);
        }
        mallopt(M_ARENA_MAX, 1);          /* curl's resolver threads would each bring an arena */
        mallopt(M_TRIM_THRESHOLD, 65536); /* what an alert storm took goes back */
}

/* Workers are given both, and start elsewhere. Caller frees the two. */
static int make_absolute(struct rv_options *options, char **ret_config, char **ret_storage, struct rv_error *err) {
        int r = rv_path_absolute(options->config_file, ret_config, err);

        if (r < 0)
                return rv_error_prefix(err, r, "--config.file");
        r = rv_path_absolute(options->storage_path, ret_storage, err);
        if (r < 0)
                return rv_error_prefix(err, r, "--storage.path");
        options->config_file = *ret_config;
        options->storage_path = *ret_storage;
        return 0;
}

int main(int argc, char **argv) {
        _cleanup_free_ char *config_file = NULL, *storage_path = NULL;
        struct arguments args = {.level = RV_LOG_INFO};
        struct rv_daemon *daemon = NULL;
        struct rv_error err = {};

        args.options.config_file = RV_SYSCONFDIR "/revertd.conf";
        args.options.storage_path = default_storage_path();
        int status = parse(argc, argv, &args);
        if (status >= 0)
                return status;
        if (!args.has_format)
                args.format = rv_log_is_journal() ? RV_LOG_JOURNAL : RV_LOG_LOGFMT;
        rv_log_init(args.level, args.format);
        prepare_process();

        int r = make_absolute(&args.options, &config_file, &storage_path, &err);
        if (r == 0)
                r = rv_daemon_new(&daemon, &args.options, &err);
        if (r < 0) {
                rv_log(RV_LOG_ERROR, RV_EV_NONE, "revertd cannot start", "error", err.text[0] ? err.text : strerror(-r),
                       NULL);
                return EXIT_FAILURE;
        }
        r = rv_daemon_run(daemon);
        rv_daemon_free(daemon);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
