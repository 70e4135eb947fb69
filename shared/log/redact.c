#include "shared/log/redact.h"

#include <strings.h>

#include "shared/log/log.h"

/* Beginnings of a JWT's header: base64url of {" and of { with a blank or line end behind it. */
#define JWT_HEADER_BYTES_MIN 8
/* Any three parts of at least this length, joined by dots, are taken for a token: the shortest header,
 * {"alg":"ES256"}, has 20; host names and method paths have shorter words. */
#define TOKEN_PART_BYTES_MIN 20

/* ---- keys ------------------------------------------------------------------------------------- */

/* Telling wherever they stand in a word: "accesstoken", "clientSecret". */
static const char *const telling_parts[] = {
    "token", "authori", "cookie", "passw", "passphrase", "secret", "credential",
};
static const char telling_letters[] = "tacps"; /* that they begin with: most letters need no more */
/* Telling only as a word of its own: "code" but not "decoder". */
static const char *const telling_words[] = {
    "code", "key", "apikey", "jwt", "assertion", "signature",
};

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || is_upper(c) || (c >= '0' && c <= '9');
}

static bool begins_with(struct slice text, const char *word)
{
    size_t len = strlen(word);
    return text.len >= len && strncasecmp(text.ptr, word, len) == 0;
}

static bool word_is_telling(struct slice word)
{
    for (size_t i = 0; i < sizeof(telling_words) / sizeof(telling_words[0]); i++) {
        size_t len = strlen(telling_words[i]);
        bool plural = word.len == len + 1 && (word.ptr[len] == 's' || word.ptr[len] == 'S');
        if ((word.len == len || plural) && begins_with(word, telling_words[i]))
            return true;
    }
    for (size_t at = 0; at < word.len; at++) {
        struct slice tail = slice_make(word.ptr + at, word.len - at);
        if (!strchr(telling_letters, tail.ptr[0] | 0x20))
            continue;
        for (size_t i = 0; i < sizeof(telling_parts) / sizeof(telling_parts[0]); i++) {
            if (begins_with(tail, telling_parts[i]))
                return true;
        }
    }
    return false;
}

bool log_key_is_secret(struct slice key)
{
    size_t start = 0;
    for (size_t i = 0; i <= key.len; i++) {
        bool separator = i == key.len || !is_letter_or_digit(key.ptr[i]);
        bool hump = !separator && i > 0 && is_upper(key.ptr[i]) && !is_upper(key.ptr[i - 1]);
        if (!separator && !hump)
            continue;
        if (i > start && word_is_telling(slice_make(key.ptr + start, i - start)))
            return true;
        start = separator ? i + 1 : i;
    }
    return false;
}

/* ---- texts ------------------------------------------------------------------------------------ */

/* The alphabet of base64url, which is also that of most names. */
static bool is_word(char c)
{
    return is_letter_or_digit(c) || c == '_' || c == '-';
}

static size_t word_len(struct slice text, size_t from)
{
    size_t at = from;
    while (at < text.len && is_word(text.ptr[at]))
        at++;
    return at - from;
}

/* Up to a blank, a quote, or what separates values in URLs, headers and lists. */
static size_t value_len(struct slice text, size_t from)
{
    size_t at = from;
    while (at < text.len && (unsigned char)text.ptr[at] > ' ' &&
           !strchr("\"'&;,<>()[]{}", text.ptr[at]))
        at++;
    return at - from;
}

/* The length of the JWT that the word at the beginning is the first part of; 0 when it is none. */
static size_t jwt_len(struct slice text, size_t word)
{
    if (word >= text.len || text.ptr[word] != '.' || word < JWT_HEADER_BYTES_MIN)
        return 0;
    size_t second = word_len(text, word + 1);
    size_t end = word + 1 + second;
    size_t third = end < text.len && text.ptr[end] == '.' ? word_len(text, end + 1) : 0;
    bool header = text.ptr[0] == 'e' && (text.ptr[1] == 'y' || text.ptr[1] == 'w') && second > 0;
    bool parts = word >= TOKEN_PART_BYTES_MIN && second >= TOKEN_PART_BYTES_MIN &&
                 third >= TOKEN_PART_BYTES_MIN;
    if (!header && !parts)
        return 0;
    /* With every further part: an encrypted one has five. */
    while (end < text.len && text.ptr[end] == '.')
        end += 1 + word_len(text, end + 1);
    return end;
}

/* "Bearer" or "Basic", blanks, and what follows them; 0 when the word is neither. */
static size_t credentials_len(struct slice text, size_t word)
{
    bool scheme =
        (word == 6 && begins_with(text, "bearer")) || (word == 5 && begins_with(text, "basic"));
    if (!scheme)
        return 0;
    size_t at = word;
    while (at < text.len && (text.ptr[at] == ' ' || text.ptr[at] == '\t' || text.ptr[at] == '+'))
        at++;
    if (at == word && text.len - at >= 3 && memcmp(text.ptr + at, "%20", 3) == 0)
        at += 3;
    size_t value = at > word ? value_len(text, at) : 0;
    return value > 0 ? at + value : 0;
}

/* Where the value of `word=value` or `"word":"value"` begins, when the word is a secret's key; else 0. */
static size_t secret_value_at(struct slice text, size_t word)
{
    size_t at = word;
    bool quoted = at < text.len && text.ptr[at] == '"';
    if (quoted)
        at++;
    while (at < text.len && text.ptr[at] == ' ')
        at++;
    if (at == text.len || text.ptr[at] != (quoted ? ':' : '='))
        return 0;
    if (!log_key_is_secret(slice_make(text.ptr, word)))
        return 0;
    at++;
    while (at < text.len && (text.ptr[at] == ' ' || text.ptr[at] == '"'))
        at++;
    return at;
}

/* Up to the closing quote. */
static size_t quoted_len(struct slice text)
{
    size_t at = 0;
    while (at < text.len && text.ptr[at] != '"')
        at += text.ptr[at] == '\\' && at + 1 < text.len ? 2 : 1;
    return at;
}

static void take(struct redact *redact, size_t len, bool secret, struct redact_piece *ret_piece)
{
    struct slice rest = redact->rest;
    *ret_piece = (struct redact_piece){slice_make(rest.ptr, len), secret};
    redact->rest = slice_make(rest.ptr + len, rest.len - len);
}

bool redact_next(struct redact *redact, struct redact_piece *ret_piece)
{
    struct slice rest = redact->rest;
    if (rest.len == 0)
        return false;
    size_t word = word_len(rest, 0);
    size_t secret = jwt_len(rest, word);
    if (secret == 0)
        secret = credentials_len(rest, word);
    if (secret == 0 && redact->value_due)
        secret = redact->quoted ? quoted_len(rest) : value_len(rest, 0);
    redact->value_due = false;
    if (secret > 0) {
        take(redact, secret, true, ret_piece);
        return true;
    }
    size_t value = word > 0 ? secret_value_at(rest, word) : 0;
    if (value > 0) {
        redact->value_due = true;
        redact->quoted = rest.ptr[value - 1] == '"';
        take(redact, value, false, ret_piece);
        return true;
    }
    /* The word, and what is between it and the next one. */
    while (word < rest.len && !is_word(rest.ptr[word]))
        word++;
    take(redact, word, false, ret_piece);
    return true;
}
