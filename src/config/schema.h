/* The schema: every key of the configuration once, with its type, range, default and documentation. Reading, defaults,
 * unknown keys, messages and freeing all go by it, and a test holds the manual pages to it. */
#pragma once

#include "config/types.h"

enum rv_section {
        RV_SECTION_ROOT,
        RV_SECTION_LISTEN,
        RV_SECTION_REPOSITORY,
        RV_SECTION_PROMETHEUS,
        RV_SECTION_ALERTMANAGER,
        RV_SECTION_EVENT,
        RV_SECTION_SIGNATURE,
        RV_SECTION_OPERATOR,
        RV_SECTION_RECEIVER,
        RV_SECTION_RULE,
        RV_SECTION_MAX
};

struct rv_section_info {
        const char *name;   /* the key of the group, or of the list of groups */
        const char *one;    /* one of it, for messages */
        bool list;          /* of groups */
        size_t size;        /* of its struct */
        size_t offset;      /* of the struct in struct rv_config, or of the pointer to an array of it */
        size_t offset_n;    /* list: of the number of elements */
        size_t offset_at;   /* list: of struct rv_location in the struct */
        size_t offset_name; /* list: of the element's name */
};

enum rv_key_flags {
        RV_KEY_REQUIRED = 1 << 0,
        RV_KEY_NONEMPTY = 1 << 1,    /* a list that is given has an element */
        RV_KEY_MAY_CLEAR = 1 << 2,   /* "" is taken for: none */
        RV_KEY_IN_DEFAULTS = 1 << 3, /* of a rule: may stand in the group `defaults` */
};

struct rv_key {
        enum rv_section section;
        const char *name;
        const struct rv_type *type;
        size_t offset;   /* of the field in the section's struct */
        size_t offset_n; /* of the number of elements, where the type has one */
        unsigned flags;
        int64_t min, max;     /* integers and durations (microseconds) */
        const char *fallback; /* the default as it would be written; NULL: none */
        const char *absent;   /* no default: what its absence means, in a word or two */
        const char *doc;
};

extern const struct rv_key rv_schema[];
extern const size_t rv_schema_n;
enum { RV_SCHEMA_MAX = 160 };

const struct rv_section_info *rv_section_info(enum rv_section section);
const struct rv_key *rv_schema_find(enum rv_section section, const char *name); /* NULL: no such key */

/* The key of the section (or, at the root, also the section) most like name; NULL: none is like it. */
const char *rv_schema_suggest(enum rv_section section, const char *name);

enum { RV_KEY_TEXT_MAX = 160 };
/* "1s to 1h", "observe, approve, enforce", ""; "15s", "required", "none". Return buf. */
char *rv_key_range(const struct rv_key *key, char buf[static RV_KEY_TEXT_MAX]);
char *rv_key_default(const struct rv_key *key, char buf[static RV_KEY_TEXT_MAX]);
