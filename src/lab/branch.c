/* The branches of a test: commits and reverts, and what of them is in force. */
#include "lab/lab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int lab_length(const config_setting_t *list) {
        return list ? config_setting_length(list) : 0;
}

const char *lab_item(const config_setting_t *list, int i) {
        return config_setting_get_string_elem(list, i);
}

ssize_t lab_branch_find(const struct lab_branch *branch, const char *hex) {
        for (size_t i = branch->n; *hex && i-- > 0;)
                if (strncmp(branch->change[i].id.hex, hex, strlen(hex)) == 0)
                        return (ssize_t)i;
        return -1;
}

ssize_t lab_branch_find_name(const struct lab_branch *branch, const char *name) {
        for (size_t i = branch->n; i-- > 0;)
                if (branch->change[i].commit && strcmp(branch->change[i].commit->name, name) == 0)
                        return (ssize_t)i;
        return -1;
}

struct rv_oid lab_branch_head(const struct lab_branch *branch) {
        return branch->n > 0 ? branch->change[branch->n - 1].id : (struct rv_oid){{0}};
}

static void set_force(struct lab_branch *branch, size_t i, bool on);

static void each_undone(struct lab_branch *branch, const struct lab_change *change, bool on) {
        for (size_t k = 0; !change->commit && k < change->spec.n_commits; k++) {
                ssize_t at = lab_branch_find(branch, change->spec.commits[k].hex);
                if (at >= 0)
                        set_force(branch, (size_t)at, on);
        }
        for (int k = 0; change->commit && k < lab_length(change->commit->reverts); k++) {
                ssize_t at = lab_branch_find_name(branch, lab_item(change->commit->reverts, k));
                if (at >= 0)
                        set_force(branch, (size_t)at, on);
        }
}

static void set_force(struct lab_branch *branch, size_t i, bool on) {
        if (branch->change[i].in_force == on)
                return;
        branch->change[i].in_force = on;
        each_undone(branch, &branch->change[i], !on);
}

int lab_branch_append(struct lab_branch *branch, const struct lab_change *change) {
        struct lab_change *grown = reallocarray(branch->change, branch->n + 1, sizeof(*grown));

        if (!grown)
                return -ENOMEM;
        branch->change = grown;
        grown[branch->n] = *change;
        grown[branch->n].in_force = false;
        set_force(branch, branch->n++, true);
        return 0;
}

void lab_branch_lose_pushes(struct lab_branch *branch) {
        while (branch->n > 0 && !branch->change[branch->n - 1].commit) {
                set_force(branch, branch->n - 1, false);
                rv_revert_spec_done(&branch->change[--branch->n].spec);
        }
}

void lab_branch_done(struct lab_branch *branch) {
        for (size_t i = 0; i < branch->n; i++)
                rv_revert_spec_done(&branch->change[i].spec);
        free(branch->change);
        lab_proposals_done(branch);
        *branch = (struct lab_branch){0};
}

static void read_incident(const char *message, char ret[static RV_INCIDENT_ID_MAX]) {
        static const char trailer[] = "\nRevertd-Incident: ";
        const char *at = strstr(message, trailer);

        snprintf(ret, RV_INCIDENT_ID_MAX, "%.16s", at ? at + sizeof(trailer) - 1 : "0000000000000000");
}

int lab_branch_push(struct lab_branch *branch, const struct rv_revert_spec *spec, const struct rv_oid *id,
                    int64_t now_usec) {
        struct lab_change made = {.id = *id, .made_usec = spec->time_usec};

        read_incident(spec->message, made.incident);
        if (rv_revert_spec_copy(&made.spec, spec) < 0)
                return -ENOMEM;
        if (branch->n_pushes++ == 0)
                branch->pushed_usec = now_usec;
        return lab_branch_append(branch, &made);
}
