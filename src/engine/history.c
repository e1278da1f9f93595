/* When commits arrived at the branch: seen by ourselves, which no committer's clock can bend. */
#include "core.h"

#include "revertd/json.h"
#include "revertd/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Between the worker's look at the branch and its answer a commit may arrive. */
#define LOOK_USEC (10 * RV_USEC_PER_SEC)

static struct seen *seen_find(const struct repository *repository, const char *hex) {
        struct seen *seen;

        HASH_FIND_STR(repository->seen, hex, seen);
        return seen;
}

static int seen_add(struct repository *repository, const char *hex, int64_t first_usec, int64_t not_before_usec) {
        struct seen *seen = calloc(1, sizeof(*seen));

        if (!seen)
                return -ENOMEM;
        snprintf(seen->id.hex, sizeof(seen->id.hex), "%s", hex);
        seen->first_usec = first_usec;
        seen->not_before_usec = not_before_usec;
        HASH_ADD_STR(repository->seen, id.hex, seen);
        if (seen->hh.tbl)
                return 0;
        free(seen);
        return -ENOMEM;
}

static int seen_key(const struct repository *repository, const char *hex, char **ret) {
        return asprintf(ret, "%s/%s", repository->name, hex) < 0 ? -ENOMEM : 0;
}

static int seen_store(struct turn *t, const struct repository *repository, const char *hex, int64_t not_before_usec) {
        char *key;
        int r = seen_key(repository, hex, &key);

        if (r < 0)
                return r;
        r = rv_batch_put(&t->step->batch, RV_RECORD_SEEN, key, t->now_usec, -1,
                         json_pack("{s:I, s:I}", "first_seen_usec", (json_int_t)t->now_usec, "not_before_usec",
                                   (json_int_t)not_before_usec));
        free(key);
        return r;
}

/* How long it may matter when a commit arrived. */
static int64_t kept_usec(const struct rv_engine *engine) {
        int64_t longest = 0;

        for (size_t i = 0; i < engine->config->n_rules; i++) {
                int64_t usec = engine->config->rules[i].window_usec + engine->config->rules[i].max_age_usec;

                if (usec > longest)
                        longest = usec;
        }
        return longest + RV_USEC_PER_DAY;
}

static int prune(struct turn *t, struct repository *repository) {
        int64_t oldest_usec = t->now_usec - kept_usec(t->engine);
        struct seen *seen, *next;

        HASH_ITER (hh, repository->seen, seen, next) {
                char *key;
                int r;

                if (seen->first_usec >= oldest_usec && HASH_COUNT(repository->seen) <= SEEN_MAX)
                        break;
                r = seen_key(repository, seen->id.hex, &key);
                if (r == 0) {
                        r = rv_batch_delete(&t->step->batch, RV_RECORD_SEEN, key);
                        free(key);
                }
                if (r < 0)
                        return r;
                HASH_DEL(repository->seen, seen);
                free(seen);
        }
        return 0;
}

static int note_fresh(struct turn *t, struct repository *repository, const struct rv_git_reply *reply) {
        int64_t not_before_usec = repository->synced_usec - LOOK_USEC;

        for (size_t i = 0; i < reply->n_fresh; i++) {
                const char *hex = reply->fresh[i].hex;
                int r;

                if (seen_find(repository, hex))
                        continue;
                r = seen_add(repository, hex, t->now_usec, not_before_usec);
                if (r == 0)
                        r = seen_store(t, repository, hex, not_before_usec);
                if (r < 0)
                        return r;
        }
        return prune(t, repository);
}

static int note_pause(struct repository *repository, const char *text, bool *ret_has_changed) {
        char *copy = text ? rv_text_line(text, RV_PAUSE_BYTES_MAX) : NULL;

        if (text && !copy)
                return -ENOMEM;
        *ret_has_changed = !copy != !repository->pause || (copy && strcmp(copy, repository->pause) != 0);
        free(repository->pause);
        repository->pause = copy;
        return 0;
}

/* At the very first look nothing is known to have arrived: what is there has been there for some time. */
int history_note(struct turn *t, struct repository *repository, const struct rv_git_reply *reply, int64_t asked_usec) {
        bool is_first = !*repository->head.hex, has_changed = false;
        int r = 0;

        if (!*reply->head.hex)
                return 0;
        if (!is_first)
                r = note_fresh(t, repository, reply);
        if (r == 0)
                r = note_pause(repository, reply->pause, &has_changed);
        if (r == 0 && (has_changed || strcmp(repository->head.hex, reply->head.hex) != 0)) {
                repository->head = reply->head;
                r = rv_batch_put(&t->step->batch, RV_RECORD_HEAD, repository->name, t->now_usec, -1,
                                 json_pack("{s:s, s:I, s:s?}", "head", reply->head.hex, "synced_usec",
                                           (json_int_t)asked_usec, "pause", repository->pause));
        }
        if (r == 0)
                r = good_stand(repository, &reply->head, t->now_usec);
        if (asked_usec > repository->synced_usec || asked_usec < t->now_usec - RV_USEC_PER_DAY)
                repository->synced_usec = asked_usec;
        return r;
}

/* It cannot have been live before it was made; that also tells apart what came between two looks. */
struct rv_live history_live(const struct rv_commit *commit, void *userdata) {
        const struct repository *repository = userdata;
        const struct seen *seen = seen_find(repository, commit->id.hex);
        struct rv_live live = {commit->commit_usec, commit->commit_usec, false};

        if (!seen)
                return live;
        live.observed = true;
        live.seen_usec = seen->first_usec;
        if (live.not_before_usec < seen->not_before_usec)
                live.not_before_usec = seen->not_before_usec;
        if (live.not_before_usec > seen->first_usec)
                live.not_before_usec = seen->first_usec;
        return live;
}

static int compare_age(const struct seen *a, const struct seen *b) {
        return (a->first_usec > b->first_usec) - (a->first_usec < b->first_usec);
}

void history_sort(struct rv_engine *engine) {
        struct repository *repository, *next;

        HASH_ITER (hh, engine->repositories, repository, next)
                HASH_SORT(repository->seen, compare_age);
}

void history_done(struct repository *repository) {
        struct seen *seen, *next;

        HASH_ITER (hh, repository->seen, seen, next) {
                HASH_DEL(repository->seen, seen);
                free(seen);
        }
        free(repository->stood);
        free(repository->pause);
}

static int load_head(struct repository *repository, const json_t *json, struct rv_error *err) {
        const char *head = rv_json_string(json, "head", ""), *pause = rv_json_string(json, "pause", NULL);

        if (!*head || strlen(head) > RV_OID_HEX_MAX)
                return rv_error_set(err, -EINVAL, "head: not an object id");
        snprintf(repository->head.hex, sizeof(repository->head.hex), "%s", head);
        repository->synced_usec = rv_json_int(json, "synced_usec", 0);
        free(repository->pause);
        repository->pause = pause ? strdup(pause) : NULL;
        return pause && !repository->pause ? -ENOMEM : 0;
}

int history_load(struct rv_engine *engine, const struct rv_record *record, struct rv_error *err) {
        const char *slash = record->kind == RV_RECORD_SEEN ? strrchr(record->key, '/') : NULL;
        char *name = slash ? strndup(record->key, (size_t)(slash - record->key)) : strdup(record->key);
        struct repository *repository = name ? repository_find(engine, name) : NULL;
        int r = name ? 0 : -ENOMEM;

        free(name);
        if (r < 0)
                return r;
        if (!repository)
                return rv_batch_delete(&engine->leftovers, record->kind, record->key);
        if (record->kind == RV_RECORD_HEAD)
                return load_head(repository, record->value, err);
        if (!slash || strlen(slash + 1) > RV_OID_HEX_MAX || !slash[1])
                return rv_error_set(err, -EINVAL, "key: not a repository and a commit");
        if (seen_find(repository, slash + 1))
                return 0;
        return seen_add(repository, slash + 1, rv_json_int(record->value, "first_seen_usec", 0),
                        rv_json_int(record->value, "not_before_usec", 0));
}
