/* Texts merged here and by git: the same text, or a conflict in both. */
#include "git/textmerge.h"

#include "repo.h"

enum { TEXTS_DEFAULT = 3000, LINES_MAX = 400, BASE = 0, OURS, THEIRS, SIDES };

static uint64_t state;

static unsigned pick(unsigned n) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return (unsigned)((state >> 16) % n);
}

/* Few different lines, as in manifests: then what came from where is a question of the algorithm. */
struct lines {
        unsigned ids[LINES_MAX + 64];
        unsigned n;
        bool is_open; /* the last has no newline */
};

static void put_in(struct lines *lines, unsigned at, const unsigned *ids, unsigned n) {
        if (lines->n + n > LINES_MAX)
                return;
        memmove(lines->ids + at + n, lines->ids + at, (lines->n - at) * sizeof(unsigned));
        memcpy(lines->ids + at, ids, n * sizeof(unsigned));
        lines->n += n;
}

static void take_out(struct lines *lines, unsigned at, unsigned n) {
        n = n < lines->n - at ? n : lines->n - at;
        memmove(lines->ids + at, lines->ids + at + n, (lines->n - at - n) * sizeof(unsigned));
        lines->n -= n;
}

static void edit(struct lines *lines, unsigned words, unsigned times) {
        unsigned block[6];

        for (; times > 0; times--) {
                unsigned what = pick(5), n = 1 + pick(RV_ARRAY_SIZE(block));
                for (unsigned i = 0; i < n; i++)
                        block[i] = pick(words);
                if (lines->n >= n && what >= 2) {
                        unsigned from = pick(lines->n - n + 1);
                        memcpy(block, lines->ids + from, n * sizeof(unsigned));
                        if (what >= 3)
                                take_out(lines, from, n);
                }
                if (what == 0 && lines->n > 0)
                        lines->ids[pick(lines->n)] = block[0];
                else if (what < 4)
                        put_in(lines, pick(lines->n + 1), block, n);
        }
        if (pick(12) == 0)
                lines->is_open = !lines->is_open;
}

static void make(struct lines sides[SIDES]) {
        static const unsigned vocabularies[] = {2, 3, 5, 8, 20, 1000}, lengths[] = {3, 6, 10, 20, 40, 100, LINES_MAX};
        unsigned words = vocabularies[pick(6)];
        struct lines common;

        memset(sides, 0, SIDES * sizeof *sides);
        for (unsigned n = pick(lengths[pick(7)] + 1); sides[BASE].n < n;)
                sides[BASE].ids[sides[BASE].n++] = pick(words);
        common = sides[BASE];
        edit(&common, words, pick(3));
        for (unsigned side = OURS; side < SIDES; side++) {
                sides[side] = pick(2) ? common : sides[BASE];
                edit(&sides[side], words, 1 + pick(4));
        }
}

static char *print(const struct lines *lines, size_t *ret_n) {
        char *text = NULL;
        FILE *out = open_memstream(&text, ret_n);

        assert_non_null(out);
        for (unsigned i = 0; i < lines->n; i++)
                fprintf(out, "%u%s%s", lines->ids[i], lines->ids[i] % 7 == 6 ? "\r" : "",
                        lines->is_open && i + 1 == lines->n ? "" : "\n");
        assert_int_equal(fclose(out), 0);
        return text;
}

struct texts {
        char *text[SIDES];
        size_t n[SIDES];
};

static void write_commit(const struct texts *texts, unsigned n, unsigned side, FILE *out) {
        static const char *const branches[SIDES] = {"main", "ours", "theirs"};

        fprintf(out, "commit refs/heads/%s\nmark :%u\ncommitter T <t@example.com> 1700000000 +0000\ndata 0\n%s",
                branches[side], side + 1, side ? "from :1\n" : "");
        for (unsigned i = 0; i < n; i++) {
                fprintf(out, "M 644 inline f%u\ndata %zu\n", i, texts[i].n[side]);
                fwrite(texts[i].text[side], 1, texts[i].n[side], out);
                putc('\n', out);
        }
}

/* All of them in one merge; git's tree, and which of them it could not merge. */
static void ask_git(struct repo *repo, const struct texts *texts, unsigned n, bool *conflicts, git_oid *ret_tree) {
        char path[128], line[256];

        snprintf(path, sizeof path, "%s/stream", repo->folder);
        FILE *f = fopen(path, "we");
        assert_non_null(f);
        for (unsigned side = 0; side < SIDES; side++)
                write_commit(texts, n, side, f);
        fclose(f);
        repo_run(repo, "git -C work fast-import --quiet --force <stream; "
                       "git -C work merge-tree --write-tree --no-messages ours theirs >merged || [ $? = 1 ]");
        snprintf(path, sizeof path, "%s/merged", repo->folder);
        f = fopen(path, "re");
        assert_non_null(f);
        assert_non_null(fgets(line, sizeof line, f));
        assert_int_equal(git_oid_fromstr(ret_tree, line), 0);
        while (fgets(line, sizeof line, f)) {
                const char *name = strchr(line, '\t');
                assert_non_null(name);
                conflicts[strtoul(name + 2, NULL, 10)] = true;
        }
        fclose(f);
}

static void expect_git_has(git_repository *git, const git_oid *tree, unsigned i, const char *text, size_t n) {
        char spec[GIT_OID_HEXSZ + 32], hex[GIT_OID_HEXSZ + 1];
        git_object *blob = NULL;

        snprintf(spec, sizeof spec, "%s:f%u", git_oid_tostr(hex, sizeof hex, tree), i);
        assert_int_equal(git_revparse_single(&blob, git, spec), 0);
        if (git_blob_rawsize((git_blob *)blob) != (git_object_size_t)n ||
            memcmp(git_blob_rawcontent((git_blob *)blob), text, n) != 0)
                fail_msg("text %u: git's is another", i);
        git_object_free(blob);
}

static void same_as_git(void **unused) {
        const char *seed_text = getenv("RV_PROPERTY_SEED"), *n_text = getenv("RV_PROPERTY_TEXTS");
        uint64_t seed = seed_text ? strtoull(seed_text, NULL, 0) : UINT64_C(20261121);
        unsigned n = n_text ? (unsigned)strtoul(n_text, NULL, 10) : TEXTS_DEFAULT, clean = 0, declined = 0;
        struct texts *texts = calloc(n, sizeof *texts);
        bool *conflicts = calloc(n, sizeof *conflicts);
        struct repo repo;
        git_oid tree;

        (void)unused;
        assert_true(texts && conflicts);
        printf("seed %llu\n", (unsigned long long)seed);
        state = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
        repo_make(&repo);
        for (unsigned i = 0; i < n; i++) {
                struct lines sides[SIDES];
                make(sides);
                for (unsigned side = 0; side < SIDES; side++)
                        texts[i].text[side] = print(&sides[side], &texts[i].n[side]);
        }
        ask_git(&repo, texts, n, conflicts, &tree);
        git_repository *git = repo_open(&repo);
        for (unsigned i = 0; i < n; i++) {
                struct rv_text_merge_input inputs[SIDES];
                _cleanup_free_ char *merged = NULL;
                bool in_conflict;
                size_t n_merged;
                for (unsigned side = 0; side < SIDES; side++)
                        inputs[side] = (struct rv_text_merge_input){.text = texts[i].text[side], .n = texts[i].n[side]};
                assert_int_equal(rv_text_merge(&inputs[0], &inputs[1], &inputs[2], &merged, &n_merged, &in_conflict),
                                 0);
                if (conflicts[i] && !in_conflict)
                        fail_msg("text %u: git finds a conflict", i);
                clean += !in_conflict;
                declined += in_conflict && !conflicts[i];
                if (!in_conflict)
                        expect_git_has(git, &tree, i, merged, n_merged);
                for (unsigned side = 0; side < SIDES; side++)
                        free(texts[i].text[side]);
        }
        printf("%u texts: %u merged, %u declined here only\n", n, clean, declined);
        assert_true(clean > n / 5);
        assert_int_equal(declined, 0);
        git_repository_free(git);
        repo_remove(&repo);
        free(texts);
        free(conflicts);
}

static void merge(const char *base, const char *ours, const char *theirs, const char *wanted) {
        struct rv_text_merge_input inputs[] = {{base, strlen(base)}, {ours, strlen(ours)}, {theirs, strlen(theirs)}};
        _cleanup_free_ char *text = NULL;
        bool in_conflict;
        size_t n;

        assert_int_equal(rv_text_merge(&inputs[0], &inputs[1], &inputs[2], &text, &n, &in_conflict), 0);
        assert_int_equal(in_conflict, wanted == NULL);
        if (wanted) {
                assert_int_equal(n, strlen(wanted));
                assert_memory_equal(text, wanted, n);
        }
}

static void by_hand(void **unused) {
        (void)unused;
        merge("a\nb\nc\n", "A\nb\nc\n", "a\nb\nC\n", "A\nb\nC\n");
        merge("a\nb\n", "A\nb\n", "a\nB\n", NULL); /* nothing lies between */
        merge("a\nb\nc\n", "a\nX\nc\n", "a\nX\nc\n", "a\nX\nc\n");
        merge("a\nb\nc\n", "a\nX\nc\n", "a\nY\nc\n", NULL);
        merge("", "", "a\n", "a\n");
        merge("a\n", "", "a\n", "");
        merge("a\nb\nc", "a\nb\nC", "A\nb\nc", "A\nb\nC");
        /* Where Myers' algorithm sees a block deleted at the end, this one sees it at the start. */
        merge("}\nw\n9\n9\n7\n5\nw\n}\nw\n9\n7\n5\n", "}\nw\n9\n7\n5\nw\n", "}\nw\n9\n7\n5\nw\n}\nw\n9\n7\n5\n", NULL);
}

/* What is made to cost much is in conflict instead. */
static void costs_are_bounded(void **unused) {
        enum { N = RV_TEXT_MERGE_LINES_MAX + 1 };
        _cleanup_free_ char *many = malloc(N + 1), *wide = malloc(4 * N), *other = malloc(4 * N);

        (void)unused;
        assert_true(many && wide && other);
        memset(many, '\n', N);
        many[N] = 0;
        merge(many, "a\n", "b\n", NULL);
        for (size_t i = 0; i < N - 2; i++) {
                snprintf(wide + 3 * i, 4, "%02zx\n", i % 251);
                snprintf(other + 3 * i, 4, "%02zx\n", i % 241);
        }
        merge(wide, other, "a\n", NULL);
}

int main(void) {
        const struct CMUnitTest tests[] = {cmocka_unit_test(by_hand), cmocka_unit_test(costs_are_bounded),
                                           cmocka_unit_test(same_as_git)};
        struct rv_error err = {0};

        if (rv_libgit2_init(&err) < 0)
                return 1;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
