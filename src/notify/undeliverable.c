#include "notify/undeliverable.h"

#include "revertd/cleanup.h"
#include "revertd/json.h"
#include "revertd/outbox.h"

#include <errno.h>
#include <string.h>

static int delete_one(const struct rv_record *record, void *userdata) {
        return rv_batch_delete(userdata, RV_RECORD_UNDELIVERABLE, record->key);
}

static int make_room(struct rv_batch *batch, struct rv_store *store, const char *key, struct rv_error *err) {
        const char *slash = strchr(key, '/');
        _cleanup_free_ char *prefix = strndup(key, slash ? (size_t)(slash - key) + 1 : strlen(key));
        if (!prefix)
                return rv_error_oom(err);
        size_t n;
        int r = rv_store_count(store, RV_RECORD_UNDELIVERABLE, prefix, &n, err);
        if (r < 0 || n < RV_UNDELIVERABLE_MAX)
                return r;
        return rv_store_list(store, RV_RECORD_UNDELIVERABLE, prefix, false, n - RV_UNDELIVERABLE_MAX + 1, delete_one,
                             batch, err);
}

int undeliverable_put(struct rv_batch *batch, struct rv_store *store, const struct rv_record *notice, const char *error,
                      int64_t now_usec, struct rv_error *err) {
        int r = make_room(batch, store, notice->key, err);
        if (r < 0)
                return r;
        _cleanup_json_ json_t *value = json_copy(notice->value);
        if (!value || json_object_set_new(value, "error", json_string(error)) < 0 ||
            json_object_set_new(value, "given_up_usec", json_integer(now_usec)) < 0)
                return rv_error_oom(err);
        if (rv_batch_delete(batch, RV_RECORD_OUTBOX, notice->key) < 0 ||
            rv_batch_put(batch, RV_RECORD_UNDELIVERABLE, notice->key, now_usec, -1, json_incref(value)) < 0)
                return rv_error_oom(err);
        return 0;
}
