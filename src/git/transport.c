#include "git/transport.h"

#include "git/transport_remote.h"
#include "revertd/cleanup.h"
#include "revertd/clock.h"

#include <errno.h>
#include <string.h>

#define IDLE_DEFAULT_USEC (30 * RV_USEC_PER_SEC)

const char *rv_remote_kind_to_string(enum rv_remote_kind kind) {
        static const char *const names[] = {
                [RV_REMOTE_LOCAL] = "local", [RV_REMOTE_HTTP] = "http", [RV_REMOTE_SSH] = "ssh"};

        return (unsigned)kind < RV_ARRAY_SIZE(names) ? names[kind] : "?";
}

int rv_remote_new(struct rv_remote **ret, const struct rv_repository_config *config, const char *credentials_directory,
                  const char *state_directory, struct rv_error *err) {
        struct rv_remote *remote = calloc(1, sizeof *remote);

        if (!remote)
                return rv_error_oom(err);
        remote->config = config;
        remote->idle_usec = config->timeout_usec > 0 ? config->timeout_usec : IDLE_DEFAULT_USEC;
        remote->state_directory = strdup(state_directory);
        int r = 0;
        if (credentials_directory && !(remote->credentials_directory = strdup(credentials_directory)))
                r = rv_error_oom(err);
        if (r == 0)
                r = remote->state_directory ? rv_remote_url_parse(&remote->url, config->url, err) : rv_error_oom(err);
        if (r == 0 && remote->url.kind == RV_REMOTE_SSH)
                r = rv_remote_ssh_init(remote, err);
        if (r < 0) {
                rv_remote_free(remote);
                return r;
        }
        *ret = remote;
        return 0;
}

struct rv_remote *rv_remote_free(struct rv_remote *remote) {
        if (!remote)
                return NULL;
        if (remote->url.kind == RV_REMOTE_SSH)
                rv_remote_ssh_done(remote);
        rv_remote_http_done(remote);
        rv_remote_url_done(&remote->url);
        free(remote->credentials_directory);
        free(remote->state_directory);
        free(remote);
        return NULL;
}

enum rv_remote_kind rv_remote_kind(const struct rv_remote *remote) {
        return remote->url.kind;
}

int rv_remote_ref_name(const char *branch, char **ret, struct rv_error *err) {
        int valid = 0;
        char *name;

        if (strlen(branch) > RV_REMOTE_BRANCH_BYTES_MAX)
                return rv_error_set(err, -EINVAL, "the branch's name is too long");
        if (asprintf(&name, "refs/heads/%s", branch) < 0)
                return rv_error_oom(err);
        if (git_reference_name_is_valid(&valid, name) < 0 || !valid || branch[0] == '-') {
                free(name);
                return rv_error_set(err, -EINVAL, "\"%s\" is no name of a branch", branch);
        }
        *ret = name;
        return 0;
}

int rv_remote_open_link(struct rv_remote *remote, const struct rv_link_options *options, struct rv_link **ret,
                        struct rv_error *err) {
        switch (remote->url.kind) {
        case RV_REMOTE_HTTP:
                return rv_remote_http_open(remote, options, ret, err);
        case RV_REMOTE_SSH:
                return rv_remote_ssh_open(remote, options, ret, err);
        case RV_REMOTE_LOCAL:
        case RV_REMOTE_KIND_MAX:
        default:
                return rv_remote_local_open(remote, options, ret, err);
        }
}

/* A connection that was kept may have died unseen; the next attempt makes a new one. */
static int after(struct rv_remote *remote, int r) {
        if (remote->url.kind == RV_REMOTE_SSH && (r == -ETIMEDOUT || r == -EREMOTEIO))
                rv_remote_ssh_forget(remote);
        return r;
}

static bool has_branch(git_repository *mirror, const char *branch) {
        git_reference *reference = NULL;
        bool has = git_branch_lookup(&reference, mirror, branch, GIT_BRANCH_LOCAL) == 0;

        git_reference_free(reference);
        return has;
}

int rv_remote_fetch(struct rv_remote *remote, git_repository *mirror, const char *branch, int64_t deadline_usec,
                    rv_remote_progress_fn progress, void *userdata, git_oid *ret_head, struct rv_error *err) {
        int r = 1;

        if (remote->url.kind == RV_REMOTE_LOCAL)
                return rv_remote_local_fetch(remote, mirror, branch, ret_head, err);
        if (!has_branch(mirror, branch))
                r = rv_remote_steps_fetch(remote, mirror, branch, deadline_usec, progress, userdata, ret_head, err);
        if (r == 1)
                r = rv_remote_smart_fetch(remote, mirror, branch, deadline_usec, progress, userdata, ret_head, err);
        return after(remote, r);
}

int rv_remote_read_ref(struct rv_remote *remote, const char *branch, int64_t deadline_usec, git_oid *ret,
                       struct rv_error *err) {
        if (remote->url.kind == RV_REMOTE_LOCAL)
                return rv_remote_local_read_ref(remote, branch, ret, err);
        return after(remote, rv_remote_smart_read_ref(remote, branch, deadline_usec, ret, err));
}
