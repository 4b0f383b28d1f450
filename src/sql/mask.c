/* SPDX-License-Identifier: MIT */
/*
 * A tokenizer that sees the same borders as SQLite's, where it matters: what SQLite takes for a
 * string, a blob or a number must not come out. Where SQLite would refuse a token, whatever looks
 * like the beginning of a literal or of a quoted name is masked up to the end of the text.
 */
#include "sql/mask.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"

typedef enum token {
    TOKEN_SPACE, /* blanks and comments */
    TOKEN_VALUE, /* a literal, or the parameter `?` */
    TOKEN_WORD,  /* a keyword, a name, quoted or not, a parameter with a name or number */
    TOKEN_COMMA,
    TOKEN_OTHER /* one byte */
} token;

typedef struct scan {
    const char *at;
    const char *end;
} scan;

static char peek(const scan *s, size_t ahead)
{
    return ahead < (size_t)(s->end - s->at) ? s->at[ahead] : '\0';
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '$' || (unsigned char)c >= 0x80;
}

/* Behind the first `closing` that is not doubled; false at the end of the text. */
static bool skip_quoted(scan *s, char closing, bool doubles)
{
    s->at++;
    while (s->at < s->end) {
        char c = *s->at++;
        if (c != closing)
            continue;
        if (!doubles || peek(s, 0) != closing)
            return true;
        s->at++;
    }
    return false;
}

static void skip_line(scan *s)
{
    while (s->at < s->end && *s->at != '\n')
        s->at++;
}

static void skip_block(scan *s)
{
    s->at += 2;
    while (s->at < s->end && !(*s->at == '*' && peek(s, 1) == '/'))
        s->at++;
    s->at = s->end - s->at < 2 ? s->end : s->at + 2;
}

static bool skip_space(scan *s)
{
    const char *start = s->at;
    for (;;) {
        if (is_space(peek(s, 0)))
            s->at++;
        else if (peek(s, 0) == '-' && peek(s, 1) == '-')
            skip_line(s);
        else if (peek(s, 0) == '/' && peek(s, 1) == '*')
            skip_block(s);
        else
            return s->at > start;
    }
}

/* Everything that could belong to it: `1e+5`, `0x1F`, `1_000`, and what follows in error. */
static void skip_number(scan *s)
{
    bool hex = peek(s, 0) == '0' && (peek(s, 1) == 'x' || peek(s, 1) == 'X');
    for (;;) {
        char c = peek(s, 0);
        char next = peek(s, 1);
        if (!hex && (c == 'e' || c == 'E') && (next == '+' || next == '-'))
            s->at += 2;
        else if (is_name(c) || c == '.')
            s->at++;
        else
            return;
    }
}

static void skip_name(scan *s)
{
    while (is_name(peek(s, 0)))
        s->at++;
}

static token scan_quoted(scan *s)
{
    switch (peek(s, 0)) {
    case '"':
    case '`':
        return skip_quoted(s, *s->at, true) ? TOKEN_WORD : TOKEN_VALUE;
    case '[':
        return skip_quoted(s, ']', false) ? TOKEN_WORD : TOKEN_VALUE;
    default:
        (void)skip_quoted(s, '\'', true);
        return TOKEN_VALUE;
    }
}

static token scan_parameter(scan *s)
{
    bool numbered = *s->at++ == '?';
    if (numbered && !is_digit(peek(s, 0)))
        return TOKEN_VALUE;
    if (!is_name(peek(s, 0)))
        return TOKEN_OTHER;
    while (numbered && is_digit(peek(s, 0)))
        s->at++;
    if (!numbered)
        skip_name(s);
    return TOKEN_WORD;
}

static token scan_token(scan *s)
{
    char c = peek(s, 0);
    if (skip_space(s))
        return TOKEN_SPACE;
    if ((c == 'x' || c == 'X') && peek(s, 1) == '\'') {
        s->at++;
        return scan_quoted(s);
    }
    if (c == '\'' || c == '"' || c == '`' || c == '[')
        return scan_quoted(s);
    if (c == '?' || c == ':' || c == '@' || c == '#' || c == '$')
        return scan_parameter(s);
    if (is_digit(c) || (c == '.' && is_digit(peek(s, 1)))) {
        skip_number(s);
        return TOKEN_VALUE;
    }
    if (is_name(c)) {
        skip_name(s);
        return TOKEN_WORD;
    }
    s->at++;
    return c == ',' ? TOKEN_COMMA : TOKEN_OTHER;
}

typedef struct mask {
    char *out;
    size_t len;
    bool space; /* there was one; it comes out before the next token */
    enum { LIST_NONE, LIST_ONE, LIST_MANY } list; /* values that stand in a row, so far */
    bool comma;                                   /* held back: a value may follow it */
    bool comma_space;                             /* there was a blank before it */
    bool begun;        /* the word that says what kind of statement it is was there */
    bool pragma;       /* and it was PRAGMA */
    bool pragma_value; /* the rest is what the pragma is given */
} mask;

static void put(mask *m, const char *text, size_t len)
{
    memcpy(m->out + m->len, text, len);
    m->len += len;
}

static void put_comma(mask *m)
{
    if (m->comma)
        put(m, m->comma_space ? " ," : ",", m->comma_space ? 2 : 1);
    m->comma = false;
}

static void put_token(mask *m, const char *text, size_t len)
{
    put_comma(m);
    if (m->space && m->len > 0)
        put(m, " ", 1);
    put(m, text, len);
    m->space = false;
    m->list = LIST_NONE;
}

static void put_value(mask *m)
{
    if (m->comma) {
        if (m->list == LIST_ONE)
            put(m, ", ...", 5);
        m->list = LIST_MANY;
        m->comma = false;
        m->space = false;
        return;
    }
    put_token(m, "?", 1);
    m->list = LIST_ONE;
}

static void hold_comma(mask *m)
{
    if (m->list == LIST_NONE || m->comma) {
        put_token(m, ",", 1);
        return;
    }
    m->comma = true;
    m->comma_space = m->space;
    m->space = false;
}

static bool is_word(const char *text, size_t len, const char *word)
{
    return len == strlen(word) && strncasecmp(text, word, len) == 0;
}

static void put_word(mask *m, const char *text, size_t len)
{
    if (m->pragma_value) {
        put_value(m);
        return;
    }
    if (!m->begun && !is_word(text, len, "EXPLAIN") && !is_word(text, len, "QUERY") &&
        !is_word(text, len, "PLAN")) {
        m->begun = true;
        m->pragma = is_word(text, len, "PRAGMA");
    }
    put_token(m, text, len);
}

size_t skep__sql_mask(const char *sql, size_t len, char *out)
{
    scan s = {sql, sql + strnlen(sql, len)};
    mask m = {.out = out};
    while (s.at < s.end) {
        const char *start = s.at;
        switch (scan_token(&s)) {
        case TOKEN_SPACE:
            m.space = true;
            break;
        case TOKEN_VALUE:
            put_value(&m);
            break;
        case TOKEN_WORD:
            put_word(&m, start, (size_t)(s.at - start));
            break;
        case TOKEN_COMMA:
            hold_comma(&m);
            break;
        case TOKEN_OTHER:
            put_token(&m, start, (size_t)(s.at - start));
            m.pragma_value |= m.pragma && (*start == '=' || *start == '(');
            break;
        }
    }
    put_comma(&m);
    while (m.len > 0 && (out[m.len - 1] == ';' || out[m.len - 1] == ' '))
        m.len--;
    ASSERT(m.len < SKEP__SQL_MASK_SIZE(len));
    out[m.len] = '\0';
    return m.len;
}
