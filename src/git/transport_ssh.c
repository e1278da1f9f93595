#include "git/askpass.h"
#include "git/key_file.h"
#include "git/transport_process.h"
#include "git/transport_remote.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

enum {
        ARGS_MAX = 80,
        CONNECT_SEC_MAX = 30,
        PERSIST_SEC = 120,
        /* ssh binds the control socket under a longer name first. */
        CONTROL_PATH_BYTES_MAX = sizeof(((struct sockaddr_un *)0)->sun_path) - 20,
};

struct args {
        const char *v[ARGS_MAX + 1];
        char *owned[ARGS_MAX];
        size_t n, n_owned;
        bool failed;
};

static void add(struct args *args, const char *arg) {
        if (args->n < ARGS_MAX)
                args->v[args->n++] = arg;
        else
                args->failed = true;
}

static void add_format(struct args *args, const char *fmt, ...) RV_PRINTF(2, 3);
static void add_format(struct args *args, const char *fmt, ...) {
        va_list list;
        char *text;

        va_start(list, fmt);
        int n = vasprintf(&text, fmt, list);
        va_end(list);
        if (n < 0 || args->n_owned == ARGS_MAX) {
                if (n >= 0)
                        free(text);
                args->failed = true;
                return;
        }
        args->owned[args->n_owned++] = text;
        add(args, text);
}

static void option(struct args *args, const char *text) {
        add(args, "-o");
        add(args, text);
}

/* A file's name as ssh's options take it: quoted, its percent signs doubled. */
static int add_file_option(struct args *args, const char *name, const char *path, struct rv_error *err) {
        _cleanup_free_ char *escaped = malloc(2 * strlen(path) + 1);
        char *p = escaped;

        if (!escaped)
                return rv_error_oom(err);
        for (const char *s = path; *s; s++) {
                if (*s == '"' || *s == '\\' || *s == '$' || (unsigned char)*s < ' ')
                        return rv_error_set(err, -EINVAL, "%s: ssh cannot be given a file of this name", path);
                if (*s == '%')
                        *p++ = '%';
                *p++ = *s;
        }
        *p = 0;
        add(args, "-o");
        add_format(args, "%s=\"%s\"", name, escaped);
        return 0;
}

static void args_done(struct args *args) {
        for (size_t i = 0; i < args->n_owned; i++)
                free(args->owned[i]);
}

static int key_path(struct rv_remote *remote, char **ret, struct rv_error *err) {
        if (!remote->key_copy && asprintf(&remote->key_copy, "%s/key", remote->state_directory) < 0) {
                remote->key_copy = NULL;
                return rv_error_oom(err);
        }
        return rv_key_file(remote->credentials_directory, remote->config->credential, remote->key_copy, ret, err);
}

/* Nothing is taken from the user's or the system's configuration of ssh: what it does is what stands here, and for the
 * rest, what the file of the repository says; ssh takes the first value that it meets, and these come first. */
static int add_options(struct rv_remote *remote, struct args *args, const struct rv_link_options *options,
                       struct rv_error *err) {
        int64_t left_sec = (options->deadline_usec - rv_clock_monotonic_usec()) / RV_USEC_PER_SEC;
        _cleanup_free_ char *key = NULL;
        int r = 0;

        if (!remote->config->known_hosts)
                return rv_error_set(err, -EINVAL, "known_hosts is not set: the remote's host key cannot be checked");
        add(args, "-F");
        add(args, remote->config->ssh_config ? remote->config->ssh_config : "none");
        add(args, "-T");
        add(args, "-a");
        add(args, "-x");
        /* In batch mode ssh would not ask for a passphrase; there is nothing else that it may ask for. */
        option(args, remote->config->passphrase ? "BatchMode=no" : "BatchMode=yes");
        option(args, "NumberOfPasswordPrompts=1");
        option(args, "StrictHostKeyChecking=yes");
        option(args, "GlobalKnownHostsFile=/dev/null");
        option(args, "UpdateHostKeys=no");
        option(args, "VerifyHostKeyDNS=no");
        option(args, "PasswordAuthentication=no");
        option(args, "KbdInteractiveAuthentication=no");
        option(args, "GSSAPIAuthentication=no");
        option(args, "HostbasedAuthentication=no");
        option(args, "ClearAllForwardings=yes");
        option(args, "PermitLocalCommand=no");
        option(args, "EscapeChar=none");
        option(args, "LogLevel=ERROR");
        option(args, "TCPKeepAlive=yes");
        option(args, "ServerAliveInterval=5");
        option(args, "ServerAliveCountMax=3");
        option(args, "SendEnv=GIT_PROTOCOL");
        add(args, "-o");
        add_format(args, "ConnectTimeout=%d",
                   left_sec < 1                 ? 1
                   : left_sec > CONNECT_SEC_MAX ? CONNECT_SEC_MAX
                                                : (int)left_sec);
        r = add_file_option(args, "UserKnownHostsFile", remote->config->known_hosts, err);
        if (r == 0 && remote->config->credential) {
                r = key_path(remote, &key, err);
                option(args, "IdentitiesOnly=yes");
                if (r == 0)
                        r = add_file_option(args, "IdentityFile", key, err);
        }
        if (r == 0 && remote->config->ssh_agent)
                r = add_file_option(args, "IdentityAgent", remote->config->ssh_agent, err);
        else if (remote->config->credential)
                option(args, "IdentityAgent=none");
        if (r == 0 && remote->control_path) {
                option(args, "ControlMaster=auto");
                add(args, "-o");
                add_format(args, "ControlPersist=%d", PERSIST_SEC);
                r = add_file_option(args, "ControlPath", remote->control_path, err);
        } else {
                option(args, "ControlMaster=no");
                option(args, "ControlPath=none");
        }
        return r;
}

/* Quoted for the shell at the other end, as Git quotes it. */
static char *remote_command(const char *service, const char *path) {
        char *text = NULL;
        size_t n;
        FILE *out = open_memstream(&text, &n);

        if (!out)
                return NULL;
        fprintf(out, "%s '", service);
        for (; *path; path++) {
                if (*path == '\'' || *path == '!')
                        fprintf(out, "'\\%c'", *path);
                else
                        putc(*path, out);
        }
        putc('\'', out);
        if (fclose(out) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

static void add_destination(struct rv_remote *remote, struct args *args, const char *command) {
        if (remote->url.port) {
                add(args, "-p");
                add_format(args, "%d", remote->url.port);
        }
        if (remote->url.user) {
                add(args, "-l");
                add(args, remote->url.user);
        }
        add(args, "--");
        add(args, remote->url.host);
        if (command)
                add(args, command);
        args->v[args->n] = NULL;
}

static int add_passphrase(struct rv_remote *remote, struct rv_askpass *askpass, const char **env, size_t *n_env,
                          struct rv_error *err) {
        if (!remote->config->passphrase)
                return 0;
        int r = rv_askpass_init(askpass, remote->credentials_directory, remote->config->passphrase, err);
        for (size_t i = 0; r == 0 && askpass->env[i]; i++)
                env[(*n_env)++] = askpass->env[i];
        return r;
}

int rv_remote_ssh_open(struct rv_remote *remote, const struct rv_link_options *options, struct rv_link **ret,
                       struct rv_error *err) {
        _cleanup_free_ char *command = remote_command(rv_service_name(options->service), remote->url.path);
        _cleanup_free_ char *agent = NULL;
        const char *socket = getenv("SSH_AUTH_SOCK");
        const char *env[RV_ASKPASS_ENV_MAX + 3] = {0};
        _cleanup_askpass_ struct rv_askpass askpass = {0};
        struct args args = {0};
        size_t n_env = 0;

        if (!command)
                return rv_error_oom(err);
        if (options->protocol_2)
                env[n_env++] = "GIT_PROTOCOL=version=2";
        if (!remote->config->credential && socket) {
                if (asprintf(&agent, "SSH_AUTH_SOCK=%s", socket) < 0) {
                        agent = NULL;
                        return rv_error_oom(err);
                }
                env[n_env++] = agent;
        }
        add(&args, "ssh");
        int r = add_passphrase(remote, &askpass, env, &n_env, err);
        if (r == 0)
                r = add_options(remote, &args, options, err);
        if (r == 0)
                add_destination(remote, &args, command);
        if (r == 0 && args.failed)
                r = rv_error_oom(err);
        if (r == 0) {
                const struct rv_process_options process = {.argv = args.v,
                                                           .env = env,
                                                           .deadline_usec = options->deadline_usec,
                                                           .idle_usec = remote->idle_usec};
                r = rv_process_link(ret, &process, err);
        }
        args_done(&args);
        return r;
}

static uint64_t hash(uint64_t sum, const char *s) {
        do
                sum = (sum ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
        while (*s++);
        return sum;
}

/* The shared connection's name tells what it was made with, so that a worker finds that of the one before it, and
 * never one to somewhere else. */
int rv_remote_ssh_init(struct rv_remote *remote, struct rv_error *err) {
        const struct rv_repository_config *config = remote->config;
        uint64_t sum = hash(UINT64_C(0xcbf29ce484222325), config->url);
        _cleanup_free_ char *path = NULL;

        sum = hash(sum, config->credential ? config->credential : "");
        sum = hash(sum, config->known_hosts ? config->known_hosts : "");
        sum = hash(sum, config->ssh_agent ? config->ssh_agent : "");
        sum = hash(sum, config->ssh_config ? config->ssh_config : "");
        if (asprintf(&path, "%s/ssh-%016" PRIx64, remote->state_directory, sum) < 0) {
                path = NULL;
                return rv_error_oom(err);
        }
        if (strlen(path) < CONTROL_PATH_BYTES_MAX)
                remote->control_path = RV_TAKE(path);
        return 0;
}

/* Ask the one that holds the connection to go; should it not listen, nobody finds its socket any more. */
void rv_remote_ssh_forget(struct rv_remote *remote) {
        struct rv_error ignored = {0};
        struct rv_link *link = NULL;
        struct args args = {0};
        char byte;
        size_t n;

        if (!remote->control_path || access(remote->control_path, F_OK) < 0)
                return;
        add(&args, "ssh");
        add(&args, "-F");
        add(&args, "none");
        add(&args, "-O");
        add(&args, "exit");
        if (add_file_option(&args, "ControlPath", remote->control_path, &ignored) == 0) {
                const struct rv_process_options process = {
                        .argv = args.v, .deadline_usec = rv_clock_monotonic_usec() + RV_USEC_PER_SEC};
                add_destination(remote, &args, NULL);
                if (!args.failed && rv_process_link(&link, &process, &ignored) == 0) {
                        (void)!rv_link_read(link, &byte, 1, &n, &ignored);
                        rv_link_free(link);
                }
        }
        args_done(&args);
        unlink(remote->control_path);
}

void rv_remote_ssh_done(struct rv_remote *remote) {
        rv_remote_ssh_forget(remote);
        free(remote->control_path);
        remote->control_path = NULL;
        if (remote->key_copy)
                unlink(remote->key_copy);
        free(remote->key_copy);
        remote->key_copy = NULL;
}
