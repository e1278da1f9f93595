/* What the files of the transport share: the remote itself, and how each kind is reached. */
#pragma once

#include "git/transport_link.h"
#include "git/transport_url.h"

#include <curl/curl.h>

struct rv_remote {
        const struct rv_repository_config *config;
        char *credentials_directory; /* NULL: none */
        char *state_directory;
        struct rv_remote_url url;
        int64_t idle_usec; /* config->timeout_usec, or a default */

        /* HTTP */
        CURLM *multi;           /* keeps the connections */
        bool speaks_protocol_2; /* seen: the advertisement need not be asked for again */

        /* SSH */
        char *control_path; /* NULL: no shared connection */
        char *key_copy;     /* NULL: none made */
};

int rv_remote_http_open(struct rv_remote *remote, const struct rv_link_options *options, struct rv_link **ret,
                        struct rv_error *err) RV_MUST_CHECK;
void rv_remote_http_done(struct rv_remote *remote);

int rv_remote_ssh_init(struct rv_remote *remote, struct rv_error *err) RV_MUST_CHECK;
int rv_remote_ssh_open(struct rv_remote *remote, const struct rv_link_options *options, struct rv_link **ret,
                       struct rv_error *err) RV_MUST_CHECK;
/* The shared connection is not to be trusted any more. */
void rv_remote_ssh_forget(struct rv_remote *remote);
void rv_remote_ssh_done(struct rv_remote *remote);

/* Local repositories are opened afresh each time: whoever owns one may replace it. */
int rv_remote_local_repository(struct rv_remote *remote, git_repository **ret, struct rv_error *err) RV_MUST_CHECK;
int rv_remote_local_read_ref(struct rv_remote *remote, const char *branch, git_oid *ret,
                             struct rv_error *err) RV_MUST_CHECK;
int rv_remote_local_fetch(struct rv_remote *remote, git_repository *mirror, const char *branch, git_oid *ret,
                          struct rv_error *err) RV_MUST_CHECK;
int rv_remote_local_open(struct rv_remote *remote, const struct rv_link_options *options, struct rv_link **ret,
                         struct rv_error *err) RV_MUST_CHECK;

/* Through libgit2's smart protocol over a link. */
int rv_remote_smart_fetch(struct rv_remote *remote, git_repository *mirror, const char *branch, int64_t deadline_usec,
                          rv_remote_progress_fn progress, void *userdata, git_oid *ret_head,
                          struct rv_error *err) RV_MUST_CHECK;
/* The same, for a mirror without the branch. 1: the remote cannot, and nothing is said against it. */
int rv_remote_steps_fetch(struct rv_remote *remote, git_repository *mirror, const char *branch, int64_t deadline_usec,
                          rv_remote_progress_fn progress, void *userdata, git_oid *ret_head,
                          struct rv_error *err) RV_MUST_CHECK;
int rv_remote_smart_read_ref(struct rv_remote *remote, const char *branch, int64_t deadline_usec, git_oid *ret,
                             struct rv_error *err) RV_MUST_CHECK;

/* "refs/heads/<branch>"; -EINVAL: not a branch's name. Caller frees. */
int rv_remote_ref_name(const char *branch, char **ret, struct rv_error *err) RV_MUST_CHECK;
