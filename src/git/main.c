/* revertd-git: the process that holds the deploy key. */
#include "git/askpass.h"
#include "git/confine.h"
#include "git/jail.h"
#include "git/worker.h"
#include "revertd/build.h"
#include "revertd/cleanup.h"
#include "revertd/log.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

static const char help[] = "Usage: revertd-git --config.file=FILE --repository=NAME --storage.path=DIR\n"
                           "\n"
                           "The Git worker of revertd(8). It is started by revertd, or by systemd through a socket,\n"
                           "and not by people. See revertd-git(8).\n"
                           "\n"
                           "  --config.file=FILE    configuration (default " RV_SYSCONFDIR "/revertd.conf)\n"
                           "  --repository=NAME     the repository of the configuration to serve\n"
                           "  --storage.path=DIR    the mirror is at DIR/git/NAME.git (default /var/lib/revertd)\n"
                           "  --config.fd=N         the configuration's text, in place of what stands in the file\n"
                           "  --socket-fd=N         the stream socket to serve on (default: systemd's)\n"
                           "  --read-only           refuse every push\n"
                           "  --log.level=LEVEL     error, warn, info, debug (default info)\n"
                           "  --log.format=FORMAT   logfmt, json (default logfmt; the journal under systemd)\n"
                           "  --version             print the version and exit\n"
                           "  --help                print this and exit\n";

struct arguments {
        const char *config_file, *repository, *storage_path;
        int socket_fd; /* −1: systemd's */
        bool is_read_only;
        int config_fd; /* −1: the file */
        enum rv_log_level level;
        enum rv_log_format format;
};

enum { EXIT_USAGE = 2 };
enum {
        OPT_CONFIG = 256,
        OPT_REPOSITORY,
        OPT_STORAGE,
        OPT_SOCKET,
        OPT_CONFIG_FD,
        OPT_READ_ONLY,
        OPT_LEVEL,
        OPT_FORMAT,
        OPT_VERSION,
        OPT_HELP
};

static int usage(const char *text, const char *what) {
        fprintf(stderr, "revertd-git: error: %s%s\n", text, what);
        return EXIT_USAGE;
}

static bool parse_descriptor(const char *text, int *ret) {
        char *end;

        errno = 0;
        long fd = strtol(text, &end, 10);
        *ret = (int)fd;
        return !errno && !*end && end != text && fd >= 3 && fd <= INT_MAX;
}

/* −1: go on; else the exit status. */
static int parse(int argc, char **argv, struct arguments *arguments) {
        static const struct option options[] = {
                {"config.file", required_argument, NULL, OPT_CONFIG},
                {"repository", required_argument, NULL, OPT_REPOSITORY},
                {"storage.path", required_argument, NULL, OPT_STORAGE},
                {"socket-fd", required_argument, NULL, OPT_SOCKET},
                {"config.fd", required_argument, NULL, OPT_CONFIG_FD},
                {"read-only", no_argument, NULL, OPT_READ_ONLY},
                {"log.level", required_argument, NULL, OPT_LEVEL},
                {"log.format", required_argument, NULL, OPT_FORMAT},
                {"version", no_argument, NULL, OPT_VERSION},
                {"help", no_argument, NULL, OPT_HELP},
                {},
        };
        int option;

        while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
                switch (option) {
                case OPT_CONFIG:
                        arguments->config_file = optarg;
                        break;
                case OPT_REPOSITORY:
                        arguments->repository = optarg;
                        break;
                case OPT_STORAGE:
                        arguments->storage_path = optarg;
                        break;
                case OPT_SOCKET:
                        if (!parse_descriptor(optarg, &arguments->socket_fd))
                                return usage("--socket-fd is no descriptor: ", optarg);
                        break;
                case OPT_CONFIG_FD:
                        if (!parse_descriptor(optarg, &arguments->config_fd))
                                return usage("--config.fd is no descriptor: ", optarg);
                        break;
                case OPT_READ_ONLY:
                        arguments->is_read_only = true;
                        break;
                case OPT_LEVEL:
                        if (rv_log_level_from_string(optarg, &arguments->level) < 0)
                                return usage("no such log level: ", optarg);
                        break;
                case OPT_FORMAT:
                        if (rv_log_format_from_string(optarg, &arguments->format) < 0)
                                return usage("no such log format: ", optarg);
                        break;
                case OPT_VERSION:
                        printf("revertd-git %s (%s)\n", RV_VERSION, RV_REVISION);
                        return 0;
                case OPT_HELP:
                        fputs(help, stdout);
                        return 0;
                default:
                        return EXIT_USAGE;
                }
        if (optind < argc)
                return usage("what is this: ", argv[optind]);
        if (!arguments->repository)
                return usage("--repository is missing", "");
        if (arguments->storage_path[0] != '/')
                return usage("--storage.path is not absolute: ", arguments->storage_path);
        return -1;
}

/* The peer: the socket handed over, or the first connection to the one that systemd listens on for us. */
static int take_socket(int fd, struct rv_error *err) {
        int listening = 0, peer;
        socklen_t n = sizeof(listening);

        if (fd < 0) {
                if (sd_listen_fds(1) != 1)
                        return rv_error_set(err, -ENOTCONN, "started without a socket: revertd starts this program");
                fd = SD_LISTEN_FDS_START;
        }
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) < 0)
                return rv_error_set(err, -errno, "socket: %s", strerror(errno));
        if (!listening) {
                if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
                        return rv_error_set(err, -errno, "socket: %s", strerror(errno));
                return fd;
        }
        peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        if (peer < 0)
                return rv_error_set(err, -errno, "accept: %s", strerror(errno));
        close(fd);
        return peer;
}

static int load(const struct arguments *arguments, struct rv_config **ret, struct rv_error *err) {
        struct rv_config_errors errors = {};
        int r;

        if (arguments->config_fd >= 0) {
                r = rv_config_load_fd(ret, arguments->config_file, arguments->config_fd, &errors);
                close(arguments->config_fd);
        } else
                r = rv_config_load(ret, arguments->config_file, &errors);
        if (r < 0)
                rv_error_set(err, r, "%s", errors.n > 0 ? errors.text[0] : strerror(-r));
        rv_config_errors_done(&errors);
        return r;
}

/* Without a repository section nobody can be served; the peer hears why. */
static int fail(int fd, const char *repository, const struct rv_error *why) {
        struct rv_git_hello hello = {
                .version = RV_GITWIRE_VERSION, .repository = (char *)repository, .error = (char *)why->text};
        struct rv_line line = {.fd = fd};
        _cleanup_free_ char *text = NULL;
        struct rv_error err = {};

        if (rv_git_hello_encode(&hello, &text) < 0 || rv_line_write(&line, text, &err) < 0)
                rv_log(RV_LOG_WARN, RV_EV_NONE, "hello could not be said", "error", err.text, NULL);
        return -EINVAL;
}

static int confine(const struct rv_worker_options *options, struct rv_error *err) {
        const char *missing = NULL;
        int r = rv_confine(options->repository, options->config->credentials_directory, options->storage_path, &missing,
                           err);

        if (r == 0 && missing)
                rv_log(RV_LOG_INFO, RV_EV_NONE, "the kernel cannot confine the worker fully", "repository",
                       options->repository->name, "missing", missing, NULL);
        return r;
}

static int run(const struct arguments *arguments, struct rv_error *err) {
        struct rv_worker_options options = {.storage_path = arguments->storage_path,
                                            .is_read_only = arguments->is_read_only};
        _cleanup_close_ int fd = -1;
        struct rv_config *config = NULL;
        int index, r;

        fd = take_socket(arguments->socket_fd, err);
        if (fd < 0)
                return fd;
        r = load(arguments, &config, err);
        if (r < 0)
                return fail(fd, arguments->repository, err);
        index = rv_config_find_repository(config, arguments->repository);
        if (index < 0) {
                rv_error_set(err, -ENOENT, "%s: no repository \"%s\"", arguments->config_file, arguments->repository);
                r = fail(fd, arguments->repository, err);
        } else {
                options.config = config;
                options.repository = &config->repositories[index];
                options.fd = fd;
                r = confine(&options, err);
                if (r == 0)
                        r = rv_worker_run(&options, err);
                else
                        r = fail(fd, arguments->repository, err);
        }
        rv_config_unref(config);
        return r;
}

int main(int argc, char **argv) {
        struct arguments arguments = {
                .config_file = RV_SYSCONFDIR "/revertd.conf",
                .storage_path = "/var/lib/revertd",
                .socket_fd = -1,
                .config_fd = -1,
                .level = RV_LOG_INFO,
                .format = rv_log_is_journal() ? RV_LOG_JOURNAL : RV_LOG_LOGFMT,
        };
        struct rv_error err = {};
        int r;

        r = rv_askpass_answer(argc, argv);
        if (r >= 0)
                return r;
        r = parse(argc, argv, &arguments);
        if (r >= 0)
                return r;
        rv_log_init(arguments.level, arguments.format);
        r = rv_jail_enter(&err);
        if (r == 0)
                r = rv_libgit2_init(&err);
        if (r == 0) {
                r = run(&arguments, &err);
                git_libgit2_shutdown();
        }
        if (r == 0)
                return EXIT_SUCCESS;
        rv_log(RV_LOG_ERROR, RV_EV_NONE, err.text, "repository", arguments.repository, NULL);
        return r == -EBADMSG ? RV_GITWIRE_EXIT_PROTOCOL : EXIT_FAILURE;
}
