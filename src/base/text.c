#include "revertd/text.h"

#include "revertd/cleanup.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

static const char ellipsis[] = "\xE2\x80\xA6";
static const char replacement[] = "\xEF\xBF\xBD";
enum { ELLIPSIS_BYTES = 3, REPLACEMENT_BYTES = 3 };

/* One character of well-formed UTF-8 (Unicode 15, table 3-7). Returns its length, 0: not well-formed. */
static size_t decode(const unsigned char *s, size_t n, uint32_t *ret) {
        size_t length = s[0] < 0x80 ? 1 : s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : s[0] < 0xF5 ? 4 : 0;
        uint32_t c = length == 1 ? s[0] : s[0] & (0x7FU >> length);

        if (length == 0 || length > n)
                return 0;
        for (size_t i = 1; i < length; i++) {
                if ((s[i] & 0xC0) != 0x80)
                        return 0;
                c = c << 6 | (s[i] & 0x3FU);
        }
        bool overlong = (length == 3 && c < 0x800) || (length == 4 && c < 0x10000);
        if (overlong || (c >= 0xD800 && c <= 0xDFFF) || c > 0x10FFFF)
                return 0;
        *ret = c;
        return length;
}

bool rv_text_is_utf8(const char *s, size_t n) {
        uint32_t c;

        for (size_t i = 0, length; i < n; i += length) {
                length = decode((const unsigned char *)s + i, n - i, &c);
                if (length == 0)
                        return false;
        }
        return true;
}

static bool is_control(uint32_t c) {
        return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x2028 || c == 0x2029;
}

/* What takes no room on the screen but changes what is read: bidirectional controls, zero-width characters, fillers,
 * tags, variation selectors beyond the 16 of emoji. */
static bool is_invisible(uint32_t c) {
        static const struct {
                uint32_t first, last;
        } ranges[] = {
                {0x00AD, 0x00AD}, {0x034F, 0x034F},   {0x061C, 0x061C},   {0x115F, 0x1160},
                {0x17B4, 0x17B5}, {0x180B, 0x180F},   {0x200B, 0x200F},   {0x202A, 0x202E},
                {0x2060, 0x206F}, {0x3164, 0x3164},   {0xFEFF, 0xFEFF},   {0xFFA0, 0xFFA0},
                {0xFFF0, 0xFFFB}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF},
        };

        for (size_t i = 0; i < RV_ARRAY_SIZE(ranges); i++)
                if (c >= ranges[i].first && c <= ranges[i].last)
                        return true;
        return false;
}

/* What is shown for the character or stray byte at s; *ret_bytes of the input are used up. */
static const char *show(const unsigned char *s, size_t n, bool block, size_t *ret_bytes, size_t *ret_shown) {
        uint32_t c;
        size_t length = decode(s, n, &c);

        *ret_bytes = length > 0 ? length : 1;
        if (length == 0) {
                *ret_shown = REPLACEMENT_BYTES;
                return replacement;
        }
        if (is_invisible(c) || (block && c == '\r' && n > 1 && s[1] == '\n')) {
                *ret_shown = 0;
                return "";
        }
        if (is_control(c) && !(block && (c == '\n' || c == '\t'))) {
                *ret_shown = 1;
                return " ";
        }
        *ret_shown = length;
        return (const char *)s;
}

static char *make_safe(const char *text, size_t max_bytes, bool block) {
        const unsigned char *s = (const unsigned char *)(text ? text : "");
        size_t n = strlen((const char *)s);
        size_t room = n > max_bytes / REPLACEMENT_BYTES ? max_bytes : n * REPLACEMENT_BYTES;
        char *out = malloc(room + 1);
        size_t used = 0, cut = 0; /* cut: the last boundary that leaves room for the ellipsis */

        if (!out)
                return NULL;
        while (n > 0) {
                size_t bytes, shown;
                const char *piece = show(s, n, block, &bytes, &shown);
                if (used + shown > max_bytes) {
                        used = cut;
                        if (cut + ELLIPSIS_BYTES <= max_bytes) {
                                memcpy(out + cut, ellipsis, ELLIPSIS_BYTES);
                                used += ELLIPSIS_BYTES;
                        }
                        break;
                }
                memcpy(out + used, piece, shown);
                used += shown;
                if (used + ELLIPSIS_BYTES <= max_bytes)
                        cut = used;
                s += bytes;
                n -= bytes;
        }
        out[used] = '\0';
        return out;
}

char *rv_text_line(const char *s, size_t max_bytes) {
        return make_safe(s, max_bytes, false);
}

char *rv_text_block(const char *s, size_t max_bytes) {
        return make_safe(s, max_bytes, true);
}

static bool is_word(char c) {
        return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '-';
}

static bool begins_word(const char *text, const char *at) {
        return at == text || !is_word(at[-1]);
}

bool rv_text_has_word(const char *text, size_t n, const char *word) {
        const char *end = text + n, *at;

        if (word[0] == 'v' && isdigit((unsigned char)word[1]))
                word++;
        size_t n_word = strlen(word);
        for (const char *from = text; n_word > 0 && (at = memmem(from, (size_t)(end - from), word, n_word));
             from = at + 1) {
                bool begins = begins_word(text, at) ||
                              (isdigit((unsigned char)*word) && at[-1] == 'v' && begins_word(text, at - 1));

                if (begins && (at + n_word == end || !is_word(at[n_word])))
                        return true;
        }
        return false;
}

bool rv_text_equal_secret(const char *a, const char *b) {
        size_t n = strlen(a), m = strlen(b);
        volatile unsigned char different = n != m;

        for (size_t i = 0; i < n; i++)
                different |= (unsigned char)(a[i] ^ b[i < m ? i : m]);
        return !different;
}
