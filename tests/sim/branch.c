/* A branch: one line of commits, each with the apps it touches, what it breaks, and what it undoes. A change is in force
 * until it is undone; undoing what undid it brings it back. */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

const char *const author_names[] = {[AUTHOR_PERSON] = "ana",
                                    [AUTHOR_SRE] = "sre",
                                    [AUTHOR_ARGOCD] = "argocd-image-updater",
                                    [AUTHOR_ROBOT] = "robot"};

static void make_id(struct branch *branch, struct rv_oid *id) {
        snprintf(id->hex, sizeof(id->hex), "%08x%032x", 0x10000000u + branch->made * 0x9e3779u, branch->made);
        branch->made++;
}

void branch_init(struct sim *sim, struct branch *branch) {
        branch->change = calloc(COMMITS_MAX, sizeof(*branch->change));
        SIM_MUST(branch->change ? 0 : -1);
        branch->made = 1 + (unsigned)(branch - sim->branch) * 100000;
        branch_append(branch, &(struct change){.breaks = -1, .commit_usec = sim->now_usec - RV_USEC_PER_DAY});
        branch_deploy(branch, sim->now_usec);
}

void branch_done(struct branch *branch) {
        free(branch->change);
        branch->change = NULL;
        forge_done(branch);
}

ssize_t branch_find(const struct branch *branch, const struct rv_oid *id) {
        for (size_t i = branch->n; i-- > 0;)
                if (strcmp(branch->change[i].id.hex, id->hex) == 0)
                        return (ssize_t)i;
        return -1;
}

const struct rv_oid *branch_head(const struct branch *branch) {
        return &branch->change[branch->n - 1].id;
}

struct change *branch_append(struct branch *branch, const struct change *change) {
        SIM_MUST(branch->n < COMMITS_MAX ? 0 : -1);
        struct change *new = &branch->change[branch->n++];
        *new = *change;
        if (new->id.hex[0] == '\0')
                make_id(branch, &new->id);
        return new;
}

static void set_effect(struct branch *branch, size_t i, unsigned apps, bool on) {
        struct change *change = &branch->change[i];
        unsigned changed = apps & change->apps & (on ? ~change->effect : change->effect);
        change->effect ^= changed;
        for (size_t k = 0; k < change->n_undoes; k++)
                set_effect(branch, change->undoes[k], changed, !on);
}

void branch_settle(struct branch *branch, size_t n) {
        for (size_t i = 0; i < branch->n; i++)
                branch->change[i].effect = 0;
        for (size_t i = 0; i < n; i++)
                set_effect(branch, i, branch->change[i].apps, true);
}

unsigned scope_apps(char *const *scope, size_t n) {
        unsigned apps = n == 0 ? (1u << APPS) - 1 : 0;
        for (size_t i = 0; i < n; i++)
                for (int app = 0; app < APPS; app++)
                        if (strncmp(scope[i], "apps/", 5) == 0 &&
                            strncmp(scope[i] + 5, label_value(app), strlen(label_value(app))) == 0)
                                apps |= 1u << app;
        return apps;
}

static uint64_t hash_text(uint64_t hash, const char *s) {
        for (; *s; s++)
                hash = (hash ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
        return (hash ^ 0xff) * UINT64_C(0x100000001b3);
}

/* The same object for the same specification. */
static void make_revert_id(const struct rv_revert_spec *spec, struct rv_oid *id) {
        char number[32];
        uint64_t hash = hash_text(UINT64_C(0xcbf29ce484222325), spec->base.hex);
        for (size_t i = 0; i < spec->n_commits; i++)
                hash = hash_text(hash, spec->commits[i].hex);
        for (size_t i = 0; i < spec->n_scope; i++)
                hash = hash_text(hash, spec->scope[i]);
        hash = hash_text(hash, spec->message);
        snprintf(number, sizeof(number), "%lld", (long long)spec->time_usec);
        hash = hash_text(hash, number);
        snprintf(id->hex, sizeof(id->hex), "%016llx%024x", (unsigned long long)hash, 0xeeeeeeu);
}

static void read_incident(const char *message, char ret[static RV_INCIDENT_ID_MAX]) {
        static const char trailer[] = "\nRevertd-Incident: ";
        const char *at = strstr(message, trailer);
        if (at)
                snprintf(ret, RV_INCIDENT_ID_MAX, "%.16s", at + sizeof(trailer) - 1);
}

static bool is_in_conflict(const struct branch *branch, size_t culprit, size_t base, unsigned apps) {
        for (size_t i = culprit + 1; i <= base; i++) {
                const struct change *later = &branch->change[i];
                if (later->is_entangled && (later->effect & apps))
                        return true;
        }
        return false;
}

/* As the worker has it: all that touched the scope since, newest first, and nothing of ours whose culprits stay. */
static bool may_restore(const struct branch *branch, const struct rv_revert_spec *spec, size_t base, unsigned scope) {
        ssize_t to = branch_find(branch, &spec->restore);
        size_t n = 0;
        if (to < 0 || (size_t)to > base || spec->n_scope == 0)
                return false;
        for (size_t i = base; i > (size_t)to; i--) {
                const struct change *change = &branch->change[i];
                if (!(change->apps & scope))
                        continue;
                if (n == spec->n_commits || strcmp(spec->commits[n++].hex, change->id.hex) != 0)
                        return false;
                for (size_t k = 0; change->incident[0] && k < change->n_undoes; k++)
                        if (change->undoes[k] <= (size_t)to)
                                return false;
        }
        return n == spec->n_commits;
}

enum rv_git_outcome branch_plan(struct branch *branch, const struct rv_revert_spec *spec, struct change *ret) {
        ssize_t base = spec->base.hex[0] ? branch_find(branch, &spec->base) : (ssize_t)branch->n - 1;
        unsigned scope = scope_apps(spec->scope, spec->n_scope);
        *ret = (struct change){.breaks = -1, .commit_usec = spec->time_usec, .says_so = true};
        read_incident(spec->message, ret->incident);
        if (base < 0)
                return RV_GIT_NOT_FOUND;
        bool is_restore = spec->restore.hex[0] != '\0';
        if (is_restore && !may_restore(branch, spec, (size_t)base, scope))
                return RV_GIT_POLICY;
        branch_settle(branch, (size_t)base + 1);
        for (size_t i = 0; i < spec->n_commits; i++) {
                ssize_t culprit = branch_find(branch, &spec->commits[i]);
                if (culprit < 0 || culprit > base)
                        return RV_GIT_NOT_FOUND;
                unsigned apps = branch->change[culprit].effect & scope;
                if (!is_restore && is_in_conflict(branch, (size_t)culprit, (size_t)base, apps))
                        return RV_GIT_CONFLICT;
                ret->apps |= apps;
                ret->undoes[ret->n_undoes++] = (size_t)culprit;
        }
        make_revert_id(spec, &ret->id);
        return ret->apps ? RV_GIT_OK : RV_GIT_EMPTY;
}

static bool is_undone_by(const struct rv_revert_spec *spec, const struct rv_oid *id) {
        for (size_t i = 0; i < spec->n_commits; i++)
                if (strcmp(spec->commits[i].hex, id->hex) == 0)
                        return true;
        return false;
}

const struct change *branch_dependent(const struct branch *branch, const struct rv_revert_spec *spec) {
        unsigned scope = scope_apps(spec->scope, spec->n_scope);
        ssize_t base = branch_find(branch, &spec->base);
        for (size_t i = 0; i < spec->n_commits && !spec->restore.hex[0]; i++) {
                ssize_t culprit = branch_find(branch, &spec->commits[i]);
                for (ssize_t k = culprit + 1; culprit >= 0 && k <= base; k++) {
                        const struct change *later = &branch->change[k];
                        if (later->is_beside && (later->apps & branch->change[culprit].apps & scope) &&
                            !is_undone_by(spec, &later->id))
                                return later;
                }
        }
        return NULL;
}

void branch_deploy(struct branch *branch, int64_t now_usec) {
        for (; branch->deployed < branch->n; branch->deployed++)
                branch->change[branch->deployed].deployed_usec = now_usec;
        branch_settle(branch, branch->deployed);
        for (int app = 0; app < APPS; app++) {
                branch->broken_usec[app] = RV_USEC_INFINITY;
                for (size_t i = 0; i < branch->deployed; i++) {
                        const struct change *change = &branch->change[i];
                        int64_t usec = change->deployed_usec + change->breaks_after_usec;
                        if (change->breaks == app && (change->effect & (1u << app)) && usec < branch->broken_usec[app])
                                branch->broken_usec[app] = usec;
                }
        }
}
