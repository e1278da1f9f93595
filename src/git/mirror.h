/* The worker's own copy of the repository: bare, with the one branch of the one remote in it. It is a cache: damaged
 * or of another remote, it is thrown away and fetched anew. */
#pragma once

#include "git/libgit2.h"
#include "revertd/config.h"

struct rv_mirror;

/* Called while a fetch makes real progress; text is for people. */
typedef void (*rv_mirror_progress)(const char *text, void *userdata);

struct rv_mirror_options {
        const struct rv_repository_config *config; /* kept by reference */
        const char *credentials_directory;         /* NULL: none */
        const char *storage_path;
        rv_mirror_progress progress; /* NULL: none */
        void *userdata;
};

/* Opens nothing yet. */
int rv_mirror_new(struct rv_mirror **ret, const struct rv_mirror_options *options, struct rv_error *err) RV_MUST_CHECK;
struct rv_mirror *rv_mirror_free(struct rv_mirror *mirror);

/* For the time of one request: no other process works on the mirror. Opens it, builds it where there is none or a
 * wrong one. -EBUSY: held by another for wait_usec. */
int rv_mirror_acquire(struct rv_mirror *mirror, int64_t wait_usec, struct rv_error *err) RV_MUST_CHECK;
void rv_mirror_release(struct rv_mirror *mirror);

/* While acquired. */
git_repository *rv_mirror_repository(struct rv_mirror *mirror);

/* Throw the content away; the next sync fetches all. */
int rv_mirror_rebuild(struct rv_mirror *mirror, const char *why, struct rv_error *err) RV_MUST_CHECK;

/* The branch as last read. -ENOENT: never read. */
int rv_mirror_head(struct rv_mirror *mirror, git_oid *ret) RV_MUST_CHECK;

/* Read the branch at the remote, fetch what is new, and set the head: on success the mirror is what the remote was an
 * instant ago. -ENOENT: the remote has no such branch; -EBADMSG: the mirror is damaged; else the remote could not be
 * reached or understood. */
int rv_mirror_sync(struct rv_mirror *mirror, git_oid *ret_head, struct rv_error *err) RV_MUST_CHECK;

/* The remote is known to be at head now (a push); its objects are here. */
int rv_mirror_set_head(struct rv_mirror *mirror, const git_oid *head, struct rv_error *err) RV_MUST_CHECK;
