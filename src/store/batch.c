/* Batches: what is to be written, gathered. */
#include "revertd/store.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <string.h>

enum { BATCH_FIRST_CAPACITY = 8 };

void rv_record_done(struct rv_record *record) {
        free(record->key);
        json_decref(record->value);
        *record = (struct rv_record){0};
}

static int batch_grow(struct rv_batch *batch) {
        if (batch->n < batch->capacity)
                return 0;
        size_t capacity = batch->capacity > 0 ? batch->capacity * 2 : BATCH_FIRST_CAPACITY;
        struct rv_write *write = reallocarray(batch->write, capacity, sizeof(*write));
        if (!write)
                return -ENOMEM;
        batch->write = write;
        batch->capacity = capacity;
        return 0;
}

static int batch_add(struct rv_batch *batch, const struct rv_write *write) {
        _cleanup_free_ char *key = strdup(write->key);
        if (!key)
                return -ENOMEM;
        int r = batch_grow(batch);
        if (r < 0)
                return r;
        batch->write[batch->n] = *write;
        batch->write[batch->n++].key = RV_TAKE(key);
        return 0;
}

int rv_batch_put(struct rv_batch *batch, enum rv_record_kind kind, const char *key, int64_t sort, int64_t expect,
                 json_t *value) {
        if (!value) /* what a failed json_pack() gives: never to be taken for a delete */
                return -ENOMEM;
        int r = batch_add(
                batch,
                &(struct rv_write){.kind = kind, .key = (char *)key, .sort = sort, .expect = expect, .value = value});
        if (r < 0)
                json_decref(value);
        return r;
}

int rv_batch_delete(struct rv_batch *batch, enum rv_record_kind kind, const char *key) {
        return batch_add(batch, &(struct rv_write){.kind = kind, .key = (char *)key, .expect = -1});
}

void rv_batch_done(struct rv_batch *batch) {
        for (size_t i = 0; i < batch->n; i++) {
                free(batch->write[i].key);
                json_decref(batch->write[i].value);
        }
        free(batch->write);
        *batch = (struct rv_batch){0};
}
