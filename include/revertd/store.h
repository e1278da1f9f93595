/* The store: atomic batches of versioned JSON records. SQLite today; no other module knows. */
#pragma once

#include "revertd/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* X(NAME, name) */
#define RV_RECORD_KINDS(X)                                                                                             \
        X(INCIDENT, "incident")           /* key: incident id; sort: opened_usec */                                    \
        X(TRANSITION, "transition")       /* key: incident id/number; sort: its time */                                \
        X(SERIES, "series")               /* key: rule/fingerprint; sort: onset */                                     \
        X(ACT, "act")                     /* key: incident id; a push intended; sort: time */                          \
        X(PAUSE, "pause")                 /* key: scope of the pause */                                                \
        X(SEEN, "seen")                   /* key: repository/commit; sort: first seen */                               \
        X(HEAD, "head")                   /* key: repository; the newest head known */                                 \
        X(OUTBOX, "outbox")               /* a notice to send: see notice.h */                                         \
        X(THREAD, "thread")               /* key: receiver/incident: where it was posted */                            \
        X(UNDELIVERABLE, "undeliverable") /* a notice given up: as OUTBOX, with "error" and "given_up_usec" */         \
        X(GOOD, "good")                   /* key: repository/scope; the last good head; sort: when proven */           \
        X(CLOCK, "clock")                 /* how the wall clock stood to the time since boot */

enum rv_record_kind {
#define X(name, str) RV_RECORD_##name,
        RV_RECORD_KINDS(X)
#undef X
                RV_RECORD_KIND_MAX
};

struct rv_record {
        enum rv_record_kind kind;
        char *key;
        int64_t sort;    /* what lists are ordered by */
        int64_t version; /* 1 at creation, then +1 at each write */
        json_t *value;
};
void rv_record_done(struct rv_record *record);

/* One write of a batch. */
struct rv_write {
        enum rv_record_kind kind;
        char *key;
        int64_t sort;
        int64_t expect; /* version it must have; 0: must not exist; −1: any */
        json_t *value;  /* NULL: delete */
};

struct rv_batch {
        struct rv_write *write;
        size_t n, capacity;
};
/* Both take the reference to value, also on failure. expect: as above. */
int rv_batch_put(struct rv_batch *batch, enum rv_record_kind kind, const char *key, int64_t sort, int64_t expect,
                 json_t *value) RV_MUST_CHECK;
int rv_batch_delete(struct rv_batch *batch, enum rv_record_kind kind, const char *key) RV_MUST_CHECK;
void rv_batch_done(struct rv_batch *batch); /* leaves it empty and usable */

struct rv_store;

/* Opens or creates <directory>/revertd.db, brings its schema up to date. -EUCLEAN: the database is corrupt or of a
 * newer revertd; -EBUSY: another revertd has it. */
int rv_store_open(struct rv_store **ret, const char *directory, struct rv_error *err) RV_MUST_CHECK;
/* The same store without a file, for simulations: gone when closed. */
int rv_store_open_memory(struct rv_store **ret, struct rv_error *err) RV_MUST_CHECK;
struct rv_store *rv_store_close(struct rv_store *store);

/* All of the batch is durable, or none. -ESTALE: a version was not as expected; -ENOSPC; -EIO; -EUCLEAN. While the
 * disk is full, batches that open an incident or intend a push are refused first (-ENOSPC), so that what is under way
 * can still be brought to its end. */
int rv_store_commit(struct rv_store *store, const struct rv_batch *batch, struct rv_error *err) RV_MUST_CHECK;

/* -ENOENT: no such record. */
int rv_store_get(struct rv_store *store, enum rv_record_kind kind, const char *key, struct rv_record *ret,
                 struct rv_error *err) RV_MUST_CHECK;

/* fn gets each record of the kind whose key begins with prefix ("" all), by sort then key, newest first if
 * `descending`, at most limit (0: all). fn returning non-zero stops and is returned. The record is lent. */
int rv_store_list(struct rv_store *store, enum rv_record_kind kind, const char *prefix, bool descending, size_t limit,
                  int (*fn)(const struct rv_record *record, void *userdata), void *userdata,
                  struct rv_error *err) RV_MUST_CHECK;

/* How many records of the kind have a key that begins with prefix. */
int rv_store_count(struct rv_store *store, enum rv_record_kind kind, const char *prefix, size_t *ret,
                   struct rv_error *err) RV_MUST_CHECK;

/* Bytes on disk, for the metrics. */
int64_t rv_store_size_bytes(struct rv_store *store);
