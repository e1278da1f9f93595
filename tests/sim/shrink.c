/* A failing schedule made small: delta debugging (Zeller, Hildebrandt: Simplifying and isolating failure-inducing input,
 * 2002) over the decisions that are not the plain ones. What is left is a file that sim --replay takes. */
#include "sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS_MAX = 6000 };

static bool try_without(struct script *script, size_t from, size_t to, struct script *spare,
                        bool (*fails)(struct script *script, void *userdata), void *userdata) {
        spare->n = 0;
        spare->is_replayed = true;
        for (size_t i = 0; i < script->n; i++)
                if (i < from || i >= to)
                        script_add(spare, script->decision[i].who, script->decision[i].number,
                                   script->decision[i].value);
        if (!fails(spare, userdata))
                return false;
        struct script kept = *spare;
        *spare = *script;
        *script = kept;
        return true;
}

void script_shrink(struct script *script, bool (*fails)(struct script *script, void *userdata), void *userdata) {
        struct script spare = {0};
        unsigned runs = 0;
        bool has_shrunk = true;
        script_sort(script);
        script->is_replayed = true;
        for (size_t chunk = script->n / 2; chunk > 0 && runs<RUNS_MAX; chunk = chunk> 1 ? chunk / 2 : has_shrunk) {
                has_shrunk = false;
                for (size_t i = 0; i < script->n && runs < RUNS_MAX; runs++) {
                        size_t end = i + chunk < script->n ? i + chunk : script->n;
                        if (try_without(script, i, end, &spare, fails, userdata))
                                has_shrunk = true;
                        else
                                i += chunk;
                }
        }
        script_done(&spare);
}

int script_write(const struct script *script, uint64_t seed, FILE *f) {
        fprintf(f,
                "# Decisions of a schedule; all that are not listed are plain. Run: sim --replay THIS\nseed %" PRIu64
                "\n",
                seed);
        for (size_t i = 0; i < script->n; i++)
                fprintf(f, "%s %" PRIu64 " %" PRId64 "\n", script->decision[i].who, script->decision[i].number,
                        script->decision[i].value);
        return ferror(f) ? -EIO : 0;
}

/* A word, a number, and with value another one; nothing after them. */
static int read_line(char *line, const char **ret_word, uint64_t *ret_number, int64_t *ret_value) {
        char *rest, *end, *word = strtok_r(line, " \n", &rest), *number = strtok_r(NULL, " \n", &rest),
                          *value = strtok_r(NULL, " \n", &rest);
        if (!word || !number || !value != !ret_value)
                return -EINVAL;
        errno = 0;
        *ret_word = word;
        *ret_number = strtoull(number, &end, 10);
        if (*end != '\0' || errno != 0)
                return -EINVAL;
        if (!value)
                return 0;
        *ret_value = strtoll(value, &end, 10);
        return *end != '\0' || errno != 0 ? -EINVAL : 0;
}

int script_read(struct script *ret, uint64_t *ret_seed, FILE *f) {
        char line[256];
        const char *who;
        uint64_t number;
        int64_t value;
        bool has_seed = false;
        ret->is_replayed = true;
        while (fgets(line, sizeof(line), f)) {
                if (line[0] == '#')
                        continue;
                if (read_line(line, &who, has_seed ? &number : ret_seed, has_seed ? &value : NULL) < 0)
                        return -EINVAL;
                if (has_seed)
                        script_add(ret, who, number, value);
                else if (strcmp(who, "seed") != 0)
                        return -EINVAL;
                has_seed = true;
        }
        script_sort(ret);
        return has_seed ? 0 : -EINVAL;
}
