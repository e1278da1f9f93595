/* From libconfig's tree to the typed structs, by the schema. */
#pragma once

#include "config/problems.h"
#include "config/schema.h"

#include <libconfig.h>

struct rv_reader {
        struct rv_config *config;
        struct rv_problems *problems;
        const char *directory; /* of the main file, absolute: what relative files are relative to */
        const char *main_file;
        const char *other;          /* a key of the main file that is not ours; NULL: none */
        config_setting_t *defaults; /* the group of that name in the main file; NULL: none */

        /* Where it is now. */
        const char *file;
        enum rv_section section;
        config_setting_t *group;
        const char *name;          /* of the element; NULL: has none yet */
        bool in_defaults;          /* reading the group itself, not a rule */
        bool from_defaults;        /* reading a rule's key that stands there */
        bool given[RV_SCHEMA_MAX]; /* by index in the schema: stands in the group itself */
};

/* The whole main file, or (with `rules_only`) a rule file. -ENOMEM; else 0: what is wrong went to the problems. */
int rv_reader_main(struct rv_reader *reader, config_setting_t *root) RV_MUST_CHECK;
int rv_reader_rules(struct rv_reader *reader, config_setting_t *root) RV_MUST_CHECK;

/* For checks of a whole group: whether the key was given there, and a problem at the key's line (where it is absent,
 * at the group's). */
bool rv_reader_given(const struct rv_reader *reader, const char *key);
void rv_reader_problem(struct rv_reader *reader, const char *key, const char *fmt, ...) RV_PRINTF(3, 4);

/* Frees what the section's keys hold; the struct itself stays. */
void rv_section_done(enum rv_section section, void *base);

/* How the checks of whole groups are called: after all keys of the group were read. In check.c. -ENOMEM or 0. */
int rv_check_section(struct rv_reader *reader, enum rv_section section, void *base) RV_MUST_CHECK;
/* The same for a group of `events`, in events.c. */
void rv_check_event(struct rv_reader *reader, const struct rv_event_config *event);
/* Once, after all files were read. */
int rv_check_whole(struct rv_reader *reader) RV_MUST_CHECK;
