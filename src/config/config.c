#include "revertd/config.h"

#include "config/schema.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/reader.h"

static const char *const modes[RV_MODE_MAX] = {[RV_MODE_OBSERVE] = "observe",
                                               [RV_MODE_APPROVE] = "approve",
                                               [RV_MODE_PROPOSE] = "propose",
                                               [RV_MODE_ENFORCE] = "enforce"};

static const char *const outsides[RV_OUTSIDE_MAX] = {
        [RV_OUTSIDE_LEAVE] = "leave", [RV_OUTSIDE_WHOLE] = "whole", [RV_OUTSIDE_DECLINE] = "decline"};

static const char *const breach_ops[RV_BREACH_OP_MAX] = {
        [RV_BREACH_GT] = ">",  [RV_BREACH_GE] = ">=", [RV_BREACH_LT] = "<",
        [RV_BREACH_LE] = "<=", [RV_BREACH_EQ] = "==", [RV_BREACH_NE] = "!=",
};

static const char *const operator_types[RV_OPERATOR_TYPE_MAX] = {
        [RV_OPERATOR_ARGOCD] = "argocd",
        [RV_OPERATOR_ARGOCD_KUBERNETES] = "argocd-kubernetes",
        [RV_OPERATOR_FLUX] = "flux",
};

static const char *const receiver_types[RV_RECEIVER_TYPE_MAX] = {[RV_RECEIVER_SLACK] = "slack"};

const char *rv_mode_to_string(enum rv_mode mode) {
        return mode < RV_MODE_MAX ? modes[mode] : NULL;
}

int rv_mode_from_string(const char *s, enum rv_mode *ret) {
        for (enum rv_mode mode = 0; mode < RV_MODE_MAX; mode++)
                if (strcmp(modes[mode], s) == 0) {
                        *ret = mode;
                        return 0;
                }
        return -EINVAL;
}

const char *rv_suspects_to_string(enum rv_suspects suspects) {
        static const char *const words[] = {
                [RV_SUSPECTS_NEWEST] = "newest", [RV_SUSPECTS_ALL] = "all", [RV_SUSPECTS_RESTORE] = "restore"};

        return suspects < RV_SUSPECTS_POLICY_MAX ? words[suspects] : NULL;
}

const char *rv_fallback_to_string(enum rv_fallback fallback) {
        static const char *const words[] = {[RV_FALLBACK_DECLINE] = "decline",
                                            [RV_FALLBACK_RESTORE] = "restore",
                                            [RV_FALLBACK_PROPOSE] = "propose"};

        return fallback < RV_FALLBACK_MAX ? words[fallback] : NULL;
}

const char *rv_unrecovered_to_string(enum rv_unrecovered unrecovered) {
        static const char *const words[] = {
                [RV_UNRECOVERED_STOP] = "stop", [RV_UNRECOVERED_FURTHER_BACK] = "further_back"};

        return unrecovered < RV_UNRECOVERED_MAX ? words[unrecovered] : NULL;
}

const char *rv_image_updates_to_string(enum rv_image_updates image_updates) {
        static const char *const words[] = {
                [RV_IMAGE_UPDATES_DECLINE] = "decline", [RV_IMAGE_UPDATES_REVERT] = "revert"};

        return image_updates < RV_IMAGE_UPDATES_MAX ? words[image_updates] : NULL;
}

const char *rv_dependents_to_string(enum rv_dependents dependents) {
        static const char *const words[] = {[RV_DEPENDENTS_DECLINE] = "decline", [RV_DEPENDENTS_ALLOW] = "allow"};

        return dependents < RV_DEPENDENTS_MAX ? words[dependents] : NULL;
}

const char *rv_outside_to_string(enum rv_outside outside) {
        return outside < RV_OUTSIDE_MAX ? outsides[outside] : NULL;
}

const char *rv_operator_type_to_string(enum rv_operator_type type) {
        return type < RV_OPERATOR_TYPE_MAX ? operator_types[type] : NULL;
}

const char *rv_forge_to_string(enum rv_forge forge) {
        static const char *const words[] = {[RV_FORGE_NONE] = "none",
                                            [RV_FORGE_GITHUB] = "github",
                                            [RV_FORGE_GITLAB] = "gitlab",
                                            [RV_FORGE_GITEA] = "gitea"};

        return forge < RV_FORGE_MAX ? words[forge] : NULL;
}

const char *rv_merge_method_to_string(enum rv_merge_method method) {
        static const char *const words[] = {
                [RV_MERGE_COMMIT] = "merge", [RV_MERGE_SQUASH] = "squash", [RV_MERGE_REBASE] = "rebase"};

        return method < RV_MERGE_METHOD_MAX ? words[method] : NULL;
}

const char *rv_breach_op_to_string(enum rv_breach_op op) {
        return op < RV_BREACH_OP_MAX ? breach_ops[op] : NULL;
}

char *rv_condition_format(enum rv_breach_op op, double value, char buf[static RV_CONDITION_TEXT_MAX]) {
        char number[RV_NUMBER_TEXT_MAX];

        snprintf(buf, RV_CONDITION_TEXT_MAX, "%s %s", rv_breach_op_to_string(op), rv_number_format(value, number));
        return buf;
}

const char *rv_receiver_type_to_string(enum rv_receiver_type type) {
        return type < RV_RECEIVER_TYPE_MAX ? receiver_types[type] : NULL;
}

/* -- Life -- */

struct rv_config *rv_config_ref(struct rv_config *config) {
        config->refs++;
        return config;
}

static void done_section(struct rv_config *config, enum rv_section section) {
        const struct rv_section_info *info = rv_section_info(section);
        char *field = (char *)config + info->offset;
        if (!info->list) {
                rv_section_done(section, section == RV_SECTION_ROOT ? (char *)config : field);
                return;
        }
        char *array = *(char **)field;
        size_t n = *(size_t *)((char *)config + info->offset_n);
        for (size_t i = 0; i < n; i++)
                rv_section_done(section, array + i * info->size);
        free(array);
}

struct rv_config *rv_config_unref(struct rv_config *config) {
        if (!config || --config->refs > 0)
                return NULL;
        for (enum rv_section section = 0; section < RV_SECTION_MAX; section++)
                done_section(config, section);
        for (size_t i = 0; i < config->n_files; i++)
                free(config->files[i]);
        free(config->files);
        free(config->rules_by_name);
        free(config->file);
        free(config->text);
        free(config);
        return NULL;
}

/* -- Finding -- */

int rv_config_find_rule(const struct rv_config *config, const char *name) {
        size_t low = 0, high = config->n_rules;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                unsigned index = config->rules_by_name[middle];
                int r = strcmp(name, config->rules[index].name);
                if (r == 0)
                        return (int)index;
                if (r < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        return -1;
}

int rv_config_find_repository(const struct rv_config *config, const char *name) {
        for (size_t i = 0; i < config->n_repositories; i++)
                if (strcmp(config->repositories[i].name, name) == 0)
                        return (int)i;
        return -1;
}

int rv_config_find_event(const struct rv_config *config, const char *name) {
        for (size_t i = 0; i < config->n_events; i++)
                if (strcmp(config->events[i].name, name) == 0)
                        return (int)i;
        return -1;
}
