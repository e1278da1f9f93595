/* How the one remote of a worker is reached: a local path (or file://), http(s):// through libcurl, ssh:// and the
 * scp form through the OpenSSH client.
 *
 * Every call takes a deadline on the monotonic clock (rv_clock_monotonic_usec()) and ends by it, whatever the remote
 * does; what the remote sends is bounded. Besides plain failures of our own (-ENOMEM, …), calls return
 *   -EREMOTEIO  the remote could not be reached, said no to us altogether, or was not understood
 *   -ETIMEDOUT  it did not answer in time
 *   -ENOENT     it has no such branch
 *   -EBADMSG    the mirror is damaged: an object it must have is missing or corrupt; rebuild it
 * The first two are RV_GIT_UNAVAILABLE. Connections are kept open between calls where that saves a handshake. */
#pragma once

#include "revertd/config.h"
#include "revertd/error.h"

#include <git2.h>
#include <stdbool.h>
#include <stdint.h>

enum {
        RV_REMOTE_REFS_BYTES_MAX = 64 << 20,   /* a ref advertisement */
        RV_REMOTE_MESSAGE_BYTES_MAX = 8 << 10, /* what is kept of a server's words */
        RV_REMOTE_BRANCH_BYTES_MAX = 1024,
};

enum rv_remote_kind { RV_REMOTE_LOCAL, RV_REMOTE_HTTP, RV_REMOTE_SSH, RV_REMOTE_KIND_MAX };
const char *rv_remote_kind_to_string(enum rv_remote_kind kind);

struct rv_remote;

/* config must outlive the remote. The credential (config->credential) is found as credential.h says; it is read when
 * it is first needed and again at each new connection, so that a rotated one is taken. state_directory: an existing
 * private directory for sockets and key copies (0700); it may be relative to nothing, give it absolute. Opens no
 * connection. -EINVAL: a URL that is none of the kinds, or one that could be read as an option. */
int rv_remote_new(struct rv_remote **ret, const struct rv_repository_config *config, const char *credentials_directory,
                  const char *state_directory, struct rv_error *err) RV_MUST_CHECK;
struct rv_remote *rv_remote_free(struct rv_remote *remote);

enum rv_remote_kind rv_remote_kind(const struct rv_remote *remote);

/* Called now and then while objects arrive. */
typedef void (*rv_remote_progress_fn)(void *userdata, const git_indexer_progress *progress);

/* Bring refs/heads/<branch> of the mirror (a bare repository) to what the remote has, with all objects it reaches; no
 * tags, no other refs. Cheap when nothing is new. progress may be NULL. */
int rv_remote_fetch(struct rv_remote *remote, git_repository *mirror, const char *branch, int64_t deadline_usec,
                    rv_remote_progress_fn progress, void *userdata, git_oid *ret_head,
                    struct rv_error *err) RV_MUST_CHECK;

/* What refs/heads/<branch> is at the remote now. As cheap as the remote allows: no objects, one ref. */
int rv_remote_read_ref(struct rv_remote *remote, const char *branch, int64_t deadline_usec, git_oid *ret,
                       struct rv_error *err) RV_MUST_CHECK;
