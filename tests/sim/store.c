/* The store and the log as the queues of notices have them. What a queue asks of the store goes through here, by the
 * linker's --wrap, so that it can fail; and so that what became of a notice is seen as it becomes durable. */
#include "sim.h"

static struct sim *asking; /* a queue of its present replica is at work; NULL: none */
static struct store_fault fault;

int __real_rv_store_commit(struct rv_store *store, const struct rv_batch *batch, struct rv_error *err);
int __wrap_rv_store_commit(struct rv_store *store, const struct rv_batch *batch, struct rv_error *err);
int __wrap_rv_store_commit(struct rv_store *store, const struct rv_batch *batch, struct rv_error *err) {
        if (asking && fault.commit_fails) {
                TRACE(asking, "a queue's commit fails");
                return rv_error_set(err, -ENOSPC, "the disk is full");
        }
        int r = __real_rv_store_commit(store, batch, err);
        if (asking && r == 0)
                notices_settled(asking, batch);
        return r;
}

int __real_rv_store_list(struct rv_store *store, enum rv_record_kind kind, const char *prefix, bool descending,
                         size_t limit, int (*fn)(const struct rv_record *record, void *userdata), void *userdata,
                         struct rv_error *err);
int __wrap_rv_store_list(struct rv_store *store, enum rv_record_kind kind, const char *prefix, bool descending,
                         size_t limit, int (*fn)(const struct rv_record *record, void *userdata), void *userdata,
                         struct rv_error *err);
int __wrap_rv_store_list(struct rv_store *store, enum rv_record_kind kind, const char *prefix, bool descending,
                         size_t limit, int (*fn)(const struct rv_record *record, void *userdata), void *userdata,
                         struct rv_error *err) {
        if (asking && fault.list_fails)
                return rv_error_set(err, -EIO, "the disk cannot be read");
        return __real_rv_store_list(store, kind, prefix, descending, limit, fn, userdata, err);
}

int __real_rv_store_count(struct rv_store *store, enum rv_record_kind kind, const char *prefix, size_t *ret,
                          struct rv_error *err);
int __wrap_rv_store_count(struct rv_store *store, enum rv_record_kind kind, const char *prefix, size_t *ret,
                          struct rv_error *err);
int __wrap_rv_store_count(struct rv_store *store, enum rv_record_kind kind, const char *prefix, size_t *ret,
                          struct rv_error *err) {
        if (asking && fault.count_fails)
                return rv_error_set(err, -EIO, "the disk cannot be read");
        return __real_rv_store_count(store, kind, prefix, ret, err);
}

void __wrap_rv_log(enum rv_log_level level, enum rv_log_event event, const char *message, ...);
void __wrap_rv_log(enum rv_log_level level, enum rv_log_event event, const char *message, ...) {
        (void)level, (void)event, (void)message;
}

void store_fails_for(struct sim *sim, const struct store_fault *with) {
        asking = sim;
        fault = with ? *with : (struct store_fault){0};
        memory_fail_after(with && with->is_tight ? with->allocations : -1);
}
