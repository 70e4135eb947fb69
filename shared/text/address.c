#include "shared/text/address.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <strings.h>

#include <unicode/uchar.h>
#include <unicode/uidna.h>
#include <unicode/utf16.h>

#include "shared/text/text.h"
#include "shared/text/utf16.h"

#define HOST_BYTES_MAX 253
#define LOCAL_PART_BYTES_MAX 64
#define PORT_DIGITS_MAX 5
#define PORT_MAX 65535

static pthread_once_t once = PTHREAD_ONCE_INIT;
static UIDNA *names; /* immutable; kept for the life of the process */

static void open_names(void)
{
    UErrorCode error = U_ZERO_ERROR;
    names = uidna_openUTS46(UIDNA_USE_STD3_RULES | UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ |
                                UIDNA_NONTRANSITIONAL_TO_ASCII,
                            &error);
    if (U_FAILURE(error))
        names = NULL;
}

static bool all_digits(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
    return text.len > 0;
}

/* A name of two labels or more that UTS #46 can turn into ASCII, or four numbers. */
static bool is_host(struct slice host)
{
    if (pthread_once(&once, open_names) != 0 || !names || host.len == 0 ||
        host.len > HOST_BYTES_MAX)
        return false;
    char ascii[HOST_BYTES_MAX + 1];
    UIDNAInfo info = UIDNA_INFO_INITIALIZER;
    UErrorCode error = U_ZERO_ERROR;
    int32_t len = uidna_nameToASCII_UTF8(names, host.ptr, (int32_t)host.len, ascii, HOST_BYTES_MAX,
                                         &info, &error);
    if (U_FAILURE(error) || info.errors || len <= 0)
        return false;
    ascii[len] = '\0';
    struct slice rest = slice_make(ascii, (size_t)len), label = {0};
    size_t labels = 0;
    for (; rest.len; labels++)
        label = slice_cut(&rest, '.');
    if (ascii[len - 1] == '.' || labels < 2)
        return false;
    struct in_addr address;
    return !all_digits(label) || inet_pton(AF_INET, ascii, &address) == 1;
}

static enum status refuse(struct fault *fault, const char *field, const char *text)
{
    return fault_set(fault, STATUS_INVALID_ARGUMENT, field, "%s", text);
}

/* NFC and trimmed, without anything that does not belong into an address. */
static enum status plain(struct slice input, size_t chars_max, const char *field,
                         struct arena *arena, struct slice *ret_text, struct fault *fault)
{
    struct utf16 text;
    enum status status = utf16_from_utf8(input, arena, &text);
    if (status == STATUS_OK)
        status = utf16_normalise(text, UTF16_NFC, arena, &text);
    if (status == STATUS_INVALID_ARGUMENT)
        return refuse(fault, field, "is not valid UTF-8");
    if (status != STATUS_OK)
        return fault_set(fault, status, field, "cannot be looked at");
    utf16_collapse(&text);
    if (utf16_chars(text) > chars_max)
        return fault_set(fault, STATUS_INVALID_ARGUMENT, field, "is longer than %zu characters",
                         chars_max);
    for (int32_t i = 0; i < text.len;) {
        UChar32 c;
        U16_NEXT(text.ptr, i, text.len, c);
        if (u_isUWhiteSpace(c) || char_is_control(c) || char_is_invisible(c) ||
            char_is_unassignable(c) || c == '\\' || c == '"' || c == '<' || c == '>')
            return fault_set(fault, STATUS_INVALID_ARGUMENT, field,
                             "holds a character that no address has: U+%04X", (unsigned)c);
    }
    status = utf16_to_utf8(text, arena, ret_text);
    return status == STATUS_OK ? status : fault_set(fault, status, field, "cannot be looked at");
}

/* True and cut off when `text` begins with `scheme` in any case. */
static bool cut_scheme(struct slice *text, const char *scheme)
{
    size_t len = strlen(scheme);
    if (text->len < len || strncasecmp(text->ptr, scheme, len) != 0)
        return false;
    *text = slice_make(text->ptr + len, text->len - len);
    return true;
}

/* What stands before the path, the query or the fragment. */
static struct slice authority_of(struct slice text)
{
    size_t len = 0;
    while (len < text.len && text.ptr[len] != '/' && text.ptr[len] != '?' && text.ptr[len] != '#')
        len++;
    return slice_make(text.ptr, len);
}

static bool is_port(struct slice port)
{
    if (port.len > PORT_DIGITS_MAX || !all_digits(port))
        return false;
    unsigned number = 0;
    for (size_t i = 0; i < port.len; i++)
        number = number * 10 + (unsigned)(port.ptr[i] - '0');
    return number >= 1 && number <= PORT_MAX;
}

enum status text_check_webpage(struct slice webpage, size_t chars_max, const char *field,
                               struct arena *arena, struct slice *ret_webpage, struct fault *fault)
{
    struct slice text;
    enum status status = plain(webpage, chars_max, field, arena, &text, fault);
    if (status != STATUS_OK)
        return status;
    struct slice rest = text;
    if (!cut_scheme(&rest, "https://") && !cut_scheme(&rest, "http://"))
        return refuse(fault, field, "must begin with http:// or https://");
    struct slice authority = authority_of(rest);
    if (authority.len && memchr(authority.ptr, '@', authority.len))
        return refuse(fault, field, "must not hold a user name or password");
    bool has_port = authority.len && memchr(authority.ptr, ':', authority.len);
    struct slice host = slice_cut(&authority, ':');
    if (!is_host(host) || (has_port && !is_port(authority)))
        return refuse(fault, field, "has no valid host name");
    *ret_webpage = text;
    return STATUS_OK;
}

/* RFC 5322 atext. */
static bool is_atext(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

static bool is_local_part(struct slice local)
{
    if (local.len == 0 || local.len > LOCAL_PART_BYTES_MAX)
        return false;
    for (size_t i = 0; i < local.len; i++) {
        bool inner_dot =
            local.ptr[i] == '.' && i > 0 && i + 1 < local.len && local.ptr[i - 1] != '.';
        if (!inner_dot && !is_atext(local.ptr[i]))
            return false;
    }
    return true;
}

enum status text_check_mail(struct slice mail, size_t chars_max, const char *field,
                            struct arena *arena, struct slice *ret_mail, struct fault *fault)
{
    struct slice text;
    enum status status = plain(mail, chars_max, field, arena, &text, fault);
    if (status != STATUS_OK)
        return status;
    struct slice domain = text;
    struct slice local = slice_cut(&domain, '@');
    struct in_addr address;
    char dotted[INET_ADDRSTRLEN];
    bool numeric = false;
    if (domain.len > 0 && domain.len < sizeof(dotted)) {
        memcpy(dotted, domain.ptr, domain.len);
        dotted[domain.len] = '\0';
        numeric = inet_pton(AF_INET, dotted, &address) == 1;
    }
    if (!is_local_part(local) || numeric || !is_host(domain))
        return refuse(fault, field, "is not an e-mail address");
    *ret_mail = text;
    return STATUS_OK;
}
