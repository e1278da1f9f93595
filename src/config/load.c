#include "config/load.h"

#include "config/files.h"
#include "config/reader.h"
#include "config/scan.h"

#include "revertd/cleanup.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* What a reading holds besides the configuration itself. */
struct loading {
        struct rv_config *config;
        struct rv_problems problems;
        struct rv_reader reader;
        char *directory;
        struct rv_file *seen; /* without their texts: which files were read */
        size_t n_seen;
};

/* -- One file -- */

/* The name goes to the configuration, which the problems and locations point into. */
static int enter_file(struct loading *loading, const char *path) {
        struct rv_config *config = loading->config;
        char **grown = reallocarray(config->files, config->n_files + 1, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        config->files = grown;
        config->files[config->n_files] = strdup(path);
        if (!config->files[config->n_files])
                return -ENOMEM;
        config->n_files++;
        loading->problems.files = config->files;
        loading->problems.n_files = config->n_files;
        loading->reader.file = config->files[config->n_files - 1];
        return 0;
}

/* what: "syntax error", "duplicate setting name", "mismatched element type in array". */
static void report_syntax(struct rv_problems *problems, const char *what, const char *text, int line) {
        enum { SHOWN_BYTES_MAX = 120 };
        const char *p = text;
        for (int i = 1; i < line && strchr(p, '\n'); i++)
                p = strchr(p, '\n') + 1;
        p += strspn(p, " \t\r");
        int n = (int)strcspn(p, "\r\n");
        if (n > 0)
                rv_problems_add(problems, NULL, (unsigned)line, "%s at or before: %.*s", what,
                                n < SHOWN_BYTES_MAX ? n : SHOWN_BYTES_MAX, p);
        else
                rv_problems_add(problems, NULL, (unsigned)line, "%s; is something left open above?", what);
}

/* Whether there is a tree. */
static bool parse(struct loading *loading, const char *text, size_t n, config_t *ret) {
        if (!rv_scan(text, n, &loading->problems))
                return false;
        if (config_read_string(ret, text) == CONFIG_TRUE)
                return true;
        report_syntax(&loading->problems, config_error_text(ret), text, config_error_line(ret));
        return false;
}

static bool is_seen(const struct loading *loading, const struct rv_file *file) {
        for (size_t i = 0; i < loading->n_seen; i++)
                if (loading->seen[i].device == file->device && loading->seen[i].inode == file->inode)
                        return true;
        return false;
}

static int remember(struct loading *loading, const struct rv_file *file) {
        struct rv_file *grown = reallocarray(loading->seen, loading->n_seen + 1, sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        loading->seen = grown;
        loading->seen[loading->n_seen++] = (struct rv_file){.device = file->device, .inode = file->inode};
        return 0;
}

/* -- The rule files -- */

static int read_rule_text(struct loading *loading, const char *text, size_t n) {
        config_t tree;
        int r = 0;
        config_init(&tree);
        if (parse(loading, text, n, &tree))
                r = rv_reader_rules(&loading->reader, config_root_setting(&tree));
        config_destroy(&tree);
        return r;
}

/* line: of the main file, which names it. */
static int read_rule_file(struct loading *loading, const char *path, unsigned line) {
        struct rv_file file = {0};
        struct rv_error err = {0};
        int r = rv_file_read(&file, path, &err);
        if (r == 0 && is_seen(loading, &file)) {
                rv_file_done(&file);
                return 0;
        }
        if (r == -ENOMEM)
                return r;
        int problem = r;
        r = enter_file(loading, path);
        if (r == 0 && problem < 0)
                rv_problems_add(&loading->problems, loading->reader.main_file, line, "rule_files: %s: %s", path,
                                err.text);
        else if (r == 0)
                r = remember(loading, &file);
        if (r == 0 && problem == 0)
                r = read_rule_text(loading, file.text, file.n);
        rv_file_done(&file);
        return r;
}

static int read_rule_files(struct loading *loading, config_setting_t *root) {
        config_setting_t *setting = config_setting_get_member(root, "rule_files");
        for (char **pattern = loading->config->rule_files; pattern && *pattern; pattern++) {
                config_setting_t *element =
                        config_setting_is_aggregate(setting)
                                ? config_setting_get_elem(setting, (unsigned)(pattern - loading->config->rule_files))
                                : setting;
                struct rv_error err = {0};
                char **paths = NULL;
                int r = rv_files_glob(&paths, loading->directory, *pattern, &err);
                if (r == -ENOMEM)
                        return r;
                if (r < 0) {
                        rv_problems_add(&loading->problems, loading->reader.main_file, element->line,
                                        "rule_files: '%s': %s", *pattern, err.text);
                        continue;
                }
                for (char **path = paths; *path && r == 0; path++) {
                        if (loading->n_seen > RV_CONFIG_FILES_MAX) {
                                rv_problems_add(&loading->problems, loading->reader.main_file, element->line,
                                                "rule_files: more than %d files", RV_CONFIG_FILES_MAX);
                                break;
                        }
                        r = read_rule_file(loading, *path, element->line);
                }
                rv_files_free(paths);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* -- The whole -- */

static int begin(struct loading *loading, const char *path) {
        loading->config = calloc(1, sizeof(*loading->config));
        if (!loading->config)
                return -ENOMEM;
        loading->config->refs = 1;
        loading->config->file = strdup(path);
        if (!loading->config->file)
                return -ENOMEM;
        int r = enter_file(loading, path);
        if (r < 0)
                return r;
        loading->reader.config = loading->config;
        loading->reader.problems = &loading->problems;
        loading->reader.main_file = loading->config->files[0];
        loading->reader.directory = loading->directory;
        return 0;
}

static int read_text(struct loading *loading, const char *text, size_t n, bool follow) {
        config_t tree; /* the rule files' rules look up `defaults` in it */
        int r = 0;
        config_init(&tree);
        if (parse(loading, text, n, &tree)) {
                r = rv_reader_main(&loading->reader, config_root_setting(&tree));
                if (r == 0 && follow)
                        r = read_rule_files(loading, config_root_setting(&tree));
                if (r == 0)
                        r = rv_check_whole(&loading->reader);
        }
        config_destroy(&tree);
        return r;
}

/* Hands over the configuration, or what is wrong with it. */
static int end(struct loading *loading, int r, struct rv_config **ret, struct rv_config_errors *errors) {
        if (r == 0)
                r = rv_problems_finish(&loading->problems, errors);
        rv_problems_done(&loading->problems);
        if (r == 0)
                *ret = RV_TAKE(loading->config);
        rv_config_unref(loading->config);
        free(loading->directory);
        free(loading->seen);
        return r;
}

/* The folder of path, absolute. */
static int find_directory(const char *path, char **ret) {
        const char *slash = strrchr(path, '/');
        int length = slash ? (int)(slash - path) : 0;
        if (path[0] == '/')
                return asprintf(ret, "%.*s", length, path) < 0 ? -ENOMEM : 0;
        _cleanup_free_ char *cwd = getcwd(NULL, 0);
        if (!cwd)
                return -errno;
        return asprintf(ret, "%s%s%.*s", cwd, length > 0 ? "/" : "", length, path) < 0 ? -ENOMEM : 0;
}

/* The main file, opened by its path or (fd >= 0) as it was handed over. */
static int load(struct rv_config **ret, const char *path, int fd, const char *other, struct rv_config_errors *errors) {
        struct loading loading = {.reader.other = other};
        struct rv_file file = {0};
        struct rv_error err = {0};

        int r = find_directory(path, &loading.directory);
        if (r < 0)
                return r;
        r = begin(&loading, path);
        if (r < 0)
                return end(&loading, r, ret, errors);
        r = fd >= 0 ? rv_file_read_fd(&file, fd, &err) : rv_file_read(&file, path, &err);
        if (r == 0) {
                r = remember(&loading, &file);
                if (r == 0)
                        r = read_text(&loading, file.text, file.n, fd < 0);
                loading.config->text = RV_TAKE(file.text);
        } else if (r != -ENOMEM) {
                rv_problems_add(&loading.problems, NULL, 0, "%s", err.text);
                r = 0;
        }
        rv_file_done(&file);
        return end(&loading, r, ret, errors);
}

int rv_config_load(struct rv_config **ret, const char *path, struct rv_config_errors *errors) {
        return load(ret, path, -1, NULL, errors);
}

int rv_config_load_beside(struct rv_config **ret, const char *path, const char *other,
                          struct rv_config_errors *errors) {
        return load(ret, path, -1, other, errors);
}

int rv_config_load_fd(struct rv_config **ret, const char *path, int fd, struct rv_config_errors *errors) {
        return load(ret, path, fd, NULL, errors);
}

int rv_config_load_text(struct rv_config **ret, const char *name, const char *text, size_t n,
                        struct rv_config_errors *errors) {
        struct loading loading = {.directory = strdup("")};
        _cleanup_free_ char *copy = malloc(n + 2);
        if (!loading.directory || !copy)
                return end(&loading, -ENOMEM, ret, errors);
        memcpy(copy, text, n);
        n = rv_file_close_text(copy, n);
        int r = begin(&loading, name);
        if (r == 0)
                r = read_text(&loading, copy, n, false);
        return end(&loading, r, ret, errors);
}
