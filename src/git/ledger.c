#include "git/ledger.h"

#include "revertd/cleanup.h"
#include "revertd/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

enum { ENTRIES_MAX = 10000 };

struct entry {
        int64_t at_usec;
        git_oid commit;
};

struct entries {
        struct entry *entry;
        size_t n;
};

static int parse_line(const char *line, struct entry *ret) {
        char *end;

        errno = 0;
        ret->at_usec = strtoll(line, &end, 10);
        if (errno || end == line || *end != ' ' || strlen(end + 1) != GIT_OID_HEXSZ + 1 ||
            end[GIT_OID_HEXSZ + 1] != '\n')
                return -EINVAL;
        return git_oid_fromstrn(&ret->commit, end + 1, GIT_OID_HEXSZ) < 0 ? -EINVAL : 0;
}

static bool is_of_the_day(const struct entry *entry, int64_t now_usec) {
        int64_t age_usec;

        /* The clock may have been set either way. */
        return !__builtin_sub_overflow(now_usec, entry->at_usec, &age_usec) && age_usec <= RV_USEC_PER_DAY &&
               age_usec >= -RV_USEC_PER_DAY;
}

static int read_entries(const char *path, int64_t now_usec, struct entries *ret, struct rv_error *err) {
        _cleanup_fclose_ FILE *file = fopen(path, "re");
        _cleanup_free_ char *line = NULL;
        struct entry entry;
        size_t size = 0;

        if (!file && errno == ENOENT)
                return 0;
        if (!file)
                return rv_error_set(err, -errno, "%s: %s", path, strerror(errno));
        while (getline(&line, &size, file) >= 0) {
                if (parse_line(line, &entry) < 0)
                        return rv_error_set(err, -EINVAL, "%s: damaged; it counts pushes: remove it to start anew",
                                            path);
                if (!is_of_the_day(&entry, now_usec))
                        continue;
                if (ret->n >= ENTRIES_MAX)
                        return rv_error_set(err, -E2BIG, "%s: more than %d entries", path, ENTRIES_MAX);
                ret->entry[ret->n++] = entry;
        }
        return ferror(file) ? rv_error_set(err, -EIO, "%s: cannot be read", path) : 0;
}

static int write_file(const char *path, const struct entries *entries) {
        _cleanup_fclose_ FILE *file = fopen(path, "we");
        char hex[GIT_OID_HEXSZ + 1];

        if (!file)
                return -errno;
        for (size_t i = 0; i < entries->n; i++)
                fprintf(file, "%" PRId64 " %s\n", entries->entry[i].at_usec,
                        git_oid_tostr(hex, sizeof(hex), &entries->entry[i].commit));
        if (fflush(file) != 0 || fsync(fileno(file)) < 0)
                return -errno;
        return 0;
}

/* All of it or none: a temporary file, renamed. */
static int write_entries(const char *path, const struct entries *entries, struct rv_error *err) {
        _cleanup_free_ char *temporary = NULL;
        int r;

        if (asprintf(&temporary, "%s.new", path) < 0)
                return rv_error_oom(err);
        r = write_file(temporary, entries);
        if (r == 0 && rename(temporary, path) < 0)
                r = -errno;
        if (r < 0)
                return rv_error_set(err, r, "%s: %s", path, strerror(-r));
        return 0;
}

static size_t find(const struct entries *entries, const git_oid *commit) {
        size_t i = 0;

        while (i < entries->n && !git_oid_equal(&entries->entry[i].commit, commit))
                i++;
        return i;
}

static int load(const struct rv_ledger *ledger, int64_t now_usec, struct entries *ret, struct rv_error *err) {
        ret->entry = calloc(ENTRIES_MAX + 1, sizeof(*ret->entry)); /* one more can be entered */
        if (!ret->entry)
                return rv_error_oom(err);
        return read_entries(ledger->path, now_usec, ret, err);
}

int rv_ledger_enter(const struct rv_ledger *ledger, const git_oid *commit, int64_t now_usec, struct rv_error *err) {
        struct entries entries = {};
        int r;

        r = load(ledger, now_usec, &entries, err);
        if (r == 0 && find(&entries, commit) == entries.n) {
                if (entries.n >= (size_t)ledger->budget) {
                        rv_error_set(err, 0, "the worker's own budget of %d pushes in 24 hours is used up",
                                     ledger->budget);
                        r = 1;
                } else {
                        entries.entry[entries.n++] = (struct entry){.at_usec = now_usec, .commit = *commit};
                        r = write_entries(ledger->path, &entries, err);
                }
        }
        free(entries.entry);
        return r;
}

int rv_ledger_leave(const struct rv_ledger *ledger, const git_oid *commit, int64_t now_usec, struct rv_error *err) {
        struct entries entries = {};
        size_t i;
        int r;

        r = load(ledger, now_usec, &entries, err);
        if (r == 0 && (i = find(&entries, commit)) < entries.n) {
                entries.entry[i] = entries.entry[--entries.n];
                r = write_entries(ledger->path, &entries, err);
        }
        free(entries.entry);
        return r;
}
