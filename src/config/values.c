#include "config/values.h"

#include "revertd/cleanup.h"
#include "revertd/config.h"
#include "revertd/text.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char letters_and_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

static const char host_characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";

static bool is_control(char c) {
        return (unsigned char)c < 0x20 || c == 0x7f;
}

static bool starts_with(const char *s, const char *prefix) {
        return strncmp(s, prefix, strlen(prefix)) == 0;
}

static int check_plain(const char *s, size_t max_bytes, const char *allowed, struct rv_error *err) {
        size_t n = strlen(s);
        if (s[strspn(s, " \t\r\n")] == '\0')
                return rv_error_set(err, -EINVAL, "is empty");
        if (n > max_bytes)
                return rv_error_set(err, -EINVAL, "is longer than %zu bytes", max_bytes);
        if (!rv_text_is_utf8(s, n))
                return rv_error_set(err, -EINVAL, "is not valid UTF-8");
        for (const char *p = s; *p; p++)
                if (is_control(*p) && !strchr(allowed, *p))
                        return rv_error_set(err, -EINVAL, "holds a control character (0x%02x)", (unsigned char)*p);
        return 0;
}

int rv_value_check_text(const char *s, struct rv_error *err) {
        return check_plain(s, RV_CONFIG_TEXT_BYTES_MAX, "", err);
}

int rv_value_check_expression(const char *s, struct rv_error *err) {
        return check_plain(s, RV_CONFIG_EXPR_BYTES_MAX, "\t\r\n", err);
}

int rv_value_check_name(const char *s, struct rv_error *err) {
        size_t n = strlen(s);
        if (n == 0)
                return rv_error_set(err, -EINVAL, "is empty");
        if (n > RV_CONFIG_NAME_BYTES_MAX)
                return rv_error_set(err, -EINVAL, "is longer than %d characters", RV_CONFIG_NAME_BYTES_MAX);
        if (strspn(s, letters_and_digits) == 0 && s[0] != '_')
                return rv_error_set(err, -EINVAL, "'%s' does not begin with a letter, a digit or _", s);
        for (const char *p = s; *p; p++)
                if (!strchr(letters_and_digits, *p) && !strchr("._-", *p))
                        return rv_error_set(err, -EINVAL, "'%s' is no name: letters, digits, '.', '_' and '-' only", s);
        return 0;
}

bool rv_config_is_object_name(const char *s) {
        static const char ends[] = "abcdefghijklmnopqrstuvwxyz0123456789";
        size_t n = strlen(s);

        return n > 0 && n <= 253 && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789.-") == n && strchr(ends, s[0]) &&
               strchr(ends, s[n - 1]) && !strstr(s, "..");
}

/* user@, where it may be: an SSH remote names its user there. */
static int check_user(const char *user, size_t n, bool allowed, struct rv_error *err) {
        if (!allowed)
                return rv_error_set(
                        err, -EINVAL,
                        "holds a user name: that, and the secret, belong in the keys username and credential");
        if (memchr(user, ':', n))
                return rv_error_set(err, -EINVAL, "holds a password: secrets belong in credentials");
        /* What begins with a dash could be taken for an option by ssh(1). */
        if (n == 0 || *user == '-')
                return rv_error_set(err, -EINVAL, "its user name is not usable");
        return 0;
}

static int check_host(const char *host, size_t n, struct rv_error *err) {
        char address[INET6_ADDRSTRLEN];
        struct in6_addr in6;
        if (n == 0)
                return rv_error_set(err, -EINVAL, "names no host");
        if (*host != '[') {
                if (*host == '-' || strspn(host, host_characters) < n)
                        return rv_error_set(err, -EINVAL, "its host is not usable");
                return 0;
        }
        if (host[n - 1] != ']' || n - 2 >= sizeof(address))
                return rv_error_set(err, -EINVAL, "its IPv6 address is not usable");
        memcpy(address, host + 1, n - 2);
        address[n - 2] = '\0';
        if (inet_pton(AF_INET6, address, &in6) != 1)
                return rv_error_set(err, -EINVAL, "[%s] is no IPv6 address", address);
        return 0;
}

static int check_port(const char *port, size_t n, struct rv_error *err) {
        enum { PORT_DIGITS_MAX = 5 };
        unsigned long value =
                n > 0 && n <= PORT_DIGITS_MAX && strspn(port, "0123456789") >= n ? strtoul(port, NULL, 10) : 0;
        if (value == 0 || value > UINT16_MAX)
                return rv_error_set(err, -EINVAL, "its port is not a number from 1 to 65535");
        return 0;
}

/* [user@]host[:port], up to the first '/', '?' or '#'. */
static int check_authority(const char *s, bool with_user, struct rv_error *err) {
        size_t n = strcspn(s, "/?#");
        const char *at = memrchr(s, '@', n);
        if (at) {
                int r = check_user(s, (size_t)(at - s), with_user, err);
                if (r < 0)
                        return r;
                n -= (size_t)(at + 1 - s);
                s = at + 1;
        }
        const char *close = *s == '[' ? memchr(s, ']', n) : NULL;
        const char *port = close ? (close + 1 < s + n && close[1] == ':' ? close + 1 : NULL) : memchr(s, ':', n);
        int r = check_host(s, port ? (size_t)(port - s) : n, err);
        if (r == 0 && port)
                r = check_port(port + 1, n - (size_t)(port + 1 - s), err);
        return r;
}

static int check_http(const char *s, struct rv_error *err) {
        const char *scheme_end = strstr(s, "://");
        if (!starts_with(s, "http://") && !starts_with(s, "https://"))
                return rv_error_set(err, -EINVAL, "'%s' does not begin with http:// or https://", s);
        if (strpbrk(s, " \"<>\\^`|"))
                return rv_error_set(err, -EINVAL, "'%s' holds a character that no URL has", s);
        return check_authority(scheme_end + 3, false, err);
}

int rv_value_check_page(const char *s, struct rv_error *err) {
        int r = rv_value_check_text(s, err);
        if (r == 0)
                r = check_http(s, err);
        return r;
}

int rv_value_check_url(const char *s, struct rv_error *err) {
        int r = rv_value_check_page(s, err);
        if (r == 0 && strpbrk(s, "?#"))
                return rv_error_set(err, -EINVAL, "'%s' has a query or a fragment", s);
        return r;
}

int rv_value_check_link(const char *s, struct rv_error *err) {
        int r = rv_value_check_page(s, err);
        if (r < 0)
                return r;
        const char *place = strstr(s, "{}");
        if (!place || strstr(place + 2, "{}"))
                return rv_error_set(err, -EINVAL, "'%s' does not hold {} once, where the commit's id goes", s);
        return 0;
}

/* host:path, as scp(1) has it: a colon before any slash. */
static bool is_scp_form(const char *s) {
        size_t n = strcspn(s, ":/");
        return !strstr(s, "://") && s[n] == ':';
}

bool rv_remote_is_ssh(const char *remote) {
        return starts_with(remote, "ssh://") || is_scp_form(remote);
}

static int check_scp_form(const char *s, struct rv_error *err) {
        _cleanup_free_ char *authority = strndup(s, strcspn(s, ":"));
        if (!authority)
                return rv_error_oom(err);
        if (s[strlen(authority) + 1] == '\0')
                return rv_error_set(err, -EINVAL, "'%s' names no path", s);
        return check_authority(authority, true, err);
}

int rv_value_check_remote(const char *s, struct rv_error *err) {
        int r = rv_value_check_text(s, err);
        if (r < 0)
                return r;
        if (starts_with(s, "http://") || starts_with(s, "https://"))
                return rv_value_check_url(s, err);
        if (strpbrk(s, " \\\"'`$;|&<>"))
                return rv_error_set(err, -EINVAL, "'%s' holds a blank or a character that a shell would read", s);
        if (starts_with(s, "ssh://")) {
                const char *authority = s + strlen("ssh://");
                if (authority[strcspn(authority, "/")] != '/')
                        return rv_error_set(err, -EINVAL, "'%s' names no path", s);
                return check_authority(authority, true, err);
        }
        if (strstr(s, "://"))
                return rv_error_set(err, -EINVAL,
                                    "'%s': only http, https and ssh are supported, and local paths without "
                                    "a scheme",
                                    s);
        if (is_scp_form(s))
                return check_scp_form(s, err);
        if (s[0] != '/')
                return rv_error_set(err, -EINVAL, "'%s' is neither a URL nor an absolute path", s);
        return 0;
}

int rv_value_check_branch(const char *s, struct rv_error *err) {
        size_t n = strlen(s);
        int r = rv_value_check_text(s, err);
        if (r < 0)
                return r;
        if (starts_with(s, "refs/"))
                return rv_error_set(err, -EINVAL, "'%s': the short name is wanted, without refs/heads/", s);
        if (strcmp(s, "@") == 0 || strcmp(s, "HEAD") == 0)
                return rv_error_set(err, -EINVAL, "'%s' is no branch", s);
        if (strpbrk(s, " ~^:?*[\\") || strstr(s, "..") || strstr(s, "//") || strstr(s, "@{") || strstr(s, "/.") ||
            strstr(s, ".lock/") || strchr("-/.", s[0]) || strchr("/.", s[n - 1]) ||
            (n >= 5 && strcmp(s + n - 5, ".lock") == 0) || n > 200)
                return rv_error_set(err, -EINVAL, "'%s' is no name that Git allows for a branch", s);
        return 0;
}

int rv_value_check_project(const char *s, struct rv_error *err) {
        if (s[0] && strspn(s, "0123456789") == strlen(s) && strlen(s) < 20)
                return 0;
        if (strlen(s) > 255 || !strchr(s, '/') || s[0] == '/' || s[strlen(s) - 1] == '/' || strstr(s, "//") ||
            starts_with(s, ".") || strstr(s, "/."))
                return rv_error_set(err, -EINVAL, "'%s' is no OWNER/NAME", s);
        for (const char *p = s; *p; p++)
                if (!strchr(letters_and_digits, *p) && !strchr("._-/", *p))
                        return rv_error_set(err, -EINVAL,
                                            "'%s' is no project: letters, digits, '.', '_', '-' and '/' only", s);
        return 0;
}

/* Splits into host (without brackets) and port. */
static int split_address(const char *s, char host[static INET6_ADDRSTRLEN], struct rv_error *err) {
        const char *port = strrchr(s, ':');
        const char *begin = s, *end = port;
        if (!port)
                return rv_error_set(err, -EINVAL, "'%s' has no port: HOST:PORT", s);
        if (*s == '[') {
                if (port == s || port[-1] != ']')
                        return rv_error_set(err, -EINVAL, "'%s' is not [IPV6]:PORT", s);
                begin = s + 1;
                end = port - 1;
        } else if (memchr(s, ':', (size_t)(port - s))) {
                return rv_error_set(err, -EINVAL, "'%s': an IPv6 address stands in brackets", s);
        }
        if ((size_t)(end - begin) >= INET6_ADDRSTRLEN)
                return rv_error_set(err, -EINVAL, "'%s' is no numeric address with a port", s);
        memcpy(host, begin, (size_t)(end - begin));
        host[end - begin] = '\0';

        size_t digits = strspn(port + 1, "0123456789");
        if (digits == 0 || digits > 5 || port[1 + digits] || strtoul(port + 1, NULL, 10) > UINT16_MAX)
                return rv_error_set(err, -EINVAL, "'%s': the port is not a number up to 65535", s);
        return 0;
}

int rv_value_check_address(const char *s, struct rv_error *err) {
        char host[INET6_ADDRSTRLEN];
        unsigned char binary[sizeof(struct in6_addr)];
        int r = rv_value_check_text(s, err);
        if (r == 0)
                r = split_address(s, host, err);
        if (r < 0)
                return r;
        if (s[0] == '[')
                return inet_pton(AF_INET6, host, binary) == 1
                               ? 0
                               : rv_error_set(err, -EINVAL, "'%s': %s is no IPv6 address", s, host);
        if (host[0] && strcmp(host, "localhost") != 0 && inet_pton(AF_INET, host, binary) != 1)
                return rv_error_set(err, -EINVAL, "'%s': a numeric address or localhost is wanted, not '%s'", s, host);
        return 0;
}

bool rv_address_is_loopback(const char *address) {
        char host[INET6_ADDRSTRLEN];
        if (split_address(address, host, NULL) < 0)
                return false;
        struct in6_addr in6;
        struct in_addr in;
        if (inet_pton(AF_INET6, host, &in6) == 1)
                return IN6_IS_ADDR_LOOPBACK(&in6);
        if (inet_pton(AF_INET, host, &in) == 1)
                return ntohl(in.s_addr) >> 24 == 127;
        return strcmp(host, "localhost") == 0;
}

static size_t header_name_bytes(const char *s) {
        return strspn(s, "!#$%&'*+-.^_`|~ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");
}

int rv_value_check_header_name(const char *s, struct rv_error *err) {
        int r = rv_value_check_text(s, err);
        if (r == 0 && s[header_name_bytes(s)] != '\0')
                return rv_error_set(err, -EINVAL, "'%s' is no name of a header", s);
        return r;
}

int rv_value_check_header(const char *s, struct rv_error *err) {
        static const char *const reserved[] = {"Host",       "Content-Length", "Content-Type",   "Transfer-Encoding",
                                               "Connection", "Expect",         "Accept-Encoding"};
        static const char *const secret[] = {"Authorization", "Proxy-Authorization", "Cookie"};
        size_t n = strcspn(s, ":");
        int r = rv_value_check_text(s, err);
        if (r < 0)
                return r;
        if (s[n] != ':' || n == 0 || header_name_bytes(s) < n)
                return rv_error_set(err, -EINVAL, "is not a header: \"Name: value\"");
        for (size_t i = 0; i < RV_ARRAY_SIZE(reserved); i++)
                if (strlen(reserved[i]) == n && strncasecmp(s, reserved[i], n) == 0)
                        return rv_error_set(err, -EINVAL, "%s is set by revertd itself", reserved[i]);
        for (size_t i = 0; i < RV_ARRAY_SIZE(secret); i++)
                if (strlen(secret[i]) == n && strncasecmp(s, secret[i], n) == 0)
                        return rv_error_set(err, -EINVAL, "%s would be a secret: use the key credential", secret[i]);
        return 0;
}
