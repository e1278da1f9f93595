/* The worker's own copy of the repository: bare, with the one branch of the one remote in it. It is a cache: damaged
 * or of another remote, it is thrown away and fetched anew. */
#pragma once

#include "git/libgit2.h"
#include "git/transport.h"

struct rv_mirror;

enum { RV_MIRROR_CLONE_SEC_MAX = 3600 }; /* a first fetch that keeps making progress */

/* Called when a fetch has made real progress; text is for people. */
typedef void (*rv_mirror_progress)(const char *text, void *userdata);

struct rv_mirror_options {
        const struct rv_repository_config *config; /* kept by reference */
        const char *credentials_directory;         /* NULL: none */
        const char *storage_path;                  /* absolute */
        rv_mirror_progress progress;               /* NULL: none */
        void *userdata;
};

/* Opens nothing yet. */
int rv_mirror_new(struct rv_mirror **ret, const struct rv_mirror_options *options, struct rv_error *err) RV_MUST_CHECK;
struct rv_mirror *rv_mirror_free(struct rv_mirror *mirror);

/* For the time of one request: no other process works on the mirror. Opens it; builds it where there is none, or a
 * damaged one, or that of another remote. -EBUSY: another process has held it until deadline_usec (monotonic). */
int rv_mirror_acquire(struct rv_mirror *mirror, int64_t deadline_usec, struct rv_error *err) RV_MUST_CHECK;
void rv_mirror_release(struct rv_mirror *mirror);

/* While acquired: the repository, which rv_mirror_rebuild() replaces, and the remote. */
git_repository *rv_mirror_repository(const struct rv_mirror *mirror);
unsigned rv_mirror_generation(const struct rv_mirror *mirror); /* how often it was opened */
struct rv_remote *rv_mirror_remote(const struct rv_mirror *mirror);

/* While acquired: false if somebody took a folder of the mirror away. What fails then fails for that reason. */
bool rv_mirror_is_complete(const struct rv_mirror *mirror);

/* Throw the content away; the next sync fetches all. */
int rv_mirror_rebuild(struct rv_mirror *mirror, struct rv_error *err) RV_MUST_CHECK;

/* The branch as last read. -ENOENT: never read. */
int rv_mirror_head(const struct rv_mirror *mirror, git_oid *ret) RV_MUST_CHECK;

/* Read the branch at the remote, fetch what is new, and set the head. Errors as in transport.h. */
int rv_mirror_sync(struct rv_mirror *mirror, int64_t deadline_usec, git_oid *ret_head,
                   struct rv_error *err) RV_MUST_CHECK;

/* The remote is known to be at head now (a push); its objects are here. */
int rv_mirror_set_head(struct rv_mirror *mirror, const git_oid *head, struct rv_error *err) RV_MUST_CHECK;
