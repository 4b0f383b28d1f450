/* SPDX-License-Identifier: MIT */
#include "cli/data/ndjson.h"

#include <math.h>
#include <string.h>

/* A line while it is scanned. `bad` is set by the first fault; everything then returns. */
typedef struct scan {
    const char *begin;
    const char *at;
    const char *end;
    const char *bad_at;
    const char *bad;
} scan;

static bool fail(scan *s, const char *at, const char *what)
{
    if (s->bad == NULL) {
        s->bad = what;
        s->bad_at = at;
    }
    return false;
}

static void skip_blanks(scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\r'))
        s->at++;
}

static bool take(scan *s, char c)
{
    if (s->at >= s->end || *s->at != c)
        return false;
    s->at++;
    return true;
}

static long hex4(const char *at, const char *end)
{
    long value = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = cli_hex_digit(at[i]);
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* Behind a backslash: how many characters the escape has, 0 if it is none. Surrogates come in
 * pairs, or they are no text. */
static size_t escape_len(const char *at, const char *end)
{
    if (at >= end)
        return 0;
    if (*at != 'u')
        return *at != '\0' && strchr("\"\\/bfnrt", *at) != NULL;
    long point = hex4(at + 1, end);
    if (point < 0 || (point >= 0xdc00 && point <= 0xdfff))
        return 0;
    if (point < 0xd800 || point > 0xdbff)
        return 5;
    if (end - at < 11 || at[5] != '\\' || at[6] != 'u')
        return 0;
    long low = hex4(at + 7, end);
    return low >= 0xdc00 && low <= 0xdfff ? 11 : 0;
}

/* At the opening quote. */
static bool scan_string(scan *s, cli_json_span *out)
{
    const char *open = s->at++;
    out->data = s->at;
    out->escaped = false;
    for (; s->at < s->end; s->at++) {
        char c = *s->at;
        if (c == '"')
            break;
        if ((unsigned char)c < 0x20)
            return fail(s, s->at, "a control character in a string; write it as \\u00XX");
        if (c != '\\')
            continue;
        size_t len = escape_len(s->at + 1, s->end);
        if (len == 0)
            return fail(s, s->at, "an escape that JSON does not have");
        out->escaped = true;
        s->at += len;
    }
    if (s->at >= s->end)
        return fail(s, open, "a string that is not closed on its line");
    out->len = (size_t)(s->at - out->data);
    s->at++;
    return true;
}

static bool ends_word(char c)
{
    return c == ',' || c == '}' || c == ']' || c == ' ' || c == '\t' || c == '\r';
}

static bool scan_word(scan *s, cli_json_span *out, cli_json_kind *kind)
{
    static const char *const words[] = {
        [CLI_JSON_NULL] = "null", [CLI_JSON_FALSE] = "false", [CLI_JSON_TRUE] = "true"};
    const char *begin = s->at;
    while (s->at < s->end && !ends_word(*s->at))
        s->at++;
    *out = (cli_json_span){begin, (size_t)(s->at - begin), false};
    for (cli_json_kind k = CLI_JSON_NULL; k <= CLI_JSON_TRUE; k++)
        if (out->len == strlen(words[k]) && memcmp(begin, words[k], out->len) == 0) {
            *kind = k;
            return true;
        }
    *kind = CLI_JSON_NUMBER;
    if (cli_decimal_parse(begin, out->len).kind != CLI_DECIMAL_NONE)
        return true;
    return fail(s, begin,
                out->len == 0 ? "a value is missing"
                              : "neither a JSON value nor a number "
                                "within range");
}

static bool scan_leaf(scan *s)
{
    cli_json_span text;
    cli_json_kind kind;
    if (s->at < s->end && *s->at == '"')
        return scan_string(s, &text);
    return scan_word(s, &text, &kind);
}

/* A key and its colon. */
static bool scan_key(scan *s, cli_json_span *out)
{
    skip_blanks(s);
    if (s->at >= s->end || *s->at != '"')
        return fail(s, s->at, "a key in quotes is expected");
    if (!scan_string(s, out))
        return false;
    skip_blanks(s);
    if (!take(s, ':'))
        return fail(s, s->at, "a colon is expected behind the key");
    skip_blanks(s);
    return true;
}

/* The brackets that are open, and whether something stands in the innermost. */
typedef struct nest {
    char open[CLI_JSON_DEPTH_MAX];
    size_t depth;
    bool first; /* nothing stands in the innermost yet */
} nest;

/* Where a value stands: a leaf, or a bracket that opens. */
static bool nest_value(scan *s, nest *n)
{
    skip_blanks(s);
    char c = s->at < s->end ? *s->at : '\0';
    if (c != '{' && c != '[') {
        n->first = false;
        return scan_leaf(s);
    }
    if (n->depth >= CLI_JSON_DEPTH_MAX)
        return fail(s, s->at, "objects and arrays nested deeper than 128");
    n->open[n->depth++] = c;
    n->first = true;
    s->at++;
    return true;
}

/* Inside a bracket: its end, or the next thing in it. */
static bool nest_step(scan *s, nest *n)
{
    cli_json_span key;
    char open = n->open[n->depth - 1];
    skip_blanks(s);
    if (take(s, open == '{' ? '}' : ']')) {
        n->depth--;
        n->first = false;
        return true;
    }
    if (!n->first && !take(s, ','))
        return fail(s, s->at, "a comma or a closing bracket is expected");
    if (open == '{' && !scan_key(s, &key))
        return false;
    return nest_value(s, n);
}

static bool scan_nested(scan *s, cli_json_span *out)
{
    nest n = {.depth = 0};
    const char *begin = s->at;
    bool good = nest_value(s, &n);
    while (good && n.depth > 0)
        good = nest_step(s, &n);
    *out = (cli_json_span){begin, (size_t)(s->at - begin), false};
    return good;
}

static bool scan_value(scan *s, cli_json_member *member)
{
    char c = s->at < s->end ? *s->at : '\0';
    if (c == '"') {
        member->kind = CLI_JSON_STRING;
        return scan_string(s, &member->value);
    }
    if (c == '{' || c == '[') {
        member->kind = CLI_JSON_NESTED;
        return scan_nested(s, &member->value);
    }
    return scan_word(s, &member->value, &member->kind);
}

static bool scan_object(scan *s, cli_ndjson_record *out)
{
    skip_blanks(s);
    out->blank = s->at >= s->end;
    if (out->blank)
        return true;
    if (*s->at == '[')
        return fail(s, s->at, "an array; make a line of each object in it: jq -c '.[]'");
    if (!take(s, '{'))
        return fail(s, s->at, "a line is one JSON object, in braces");
    skip_blanks(s);
    bool more = !take(s, '}');
    while (more) {
        if (out->count >= CLI_COLUMNS_MAX)
            return fail(s, s->at, "more than 2,000 keys");
        cli_json_member *member = &out->members[out->count++];
        if (!scan_key(s, &member->key) || !scan_value(s, member))
            return false;
        skip_blanks(s);
        more = take(s, ',');
        if (!more && !take(s, '}'))
            return fail(s, s->at, "a comma or a closing brace is expected");
    }
    skip_blanks(s);
    return s->at >= s->end || fail(s, s->at, "text after the object; one object a line");
}

cli_scan cli_ndjson_scan(const char *data, size_t len, bool last, cli_ndjson_record *out)
{
    size_t end = cli_line_end(data, len, 0);
    bool whole = data[end - 1] == '\n';
    out->count = 0;
    out->blank = false;
    out->s = (cli_scanned){.used = end};
    if (!whole && !last)
        return CLI_SCAN_MORE;
    scan s = {data, data, data + end - (whole ? 1 : 0), NULL, NULL};
    if (scan_object(&s, out))
        return CLI_SCAN_RECORD;
    out->s.bad = s.bad;
    out->s.bad_at = (size_t)(s.bad_at - data);
    return CLI_SCAN_BAD;
}

/* ---- text ---- */

static size_t put_point(long point, char *out)
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (char)(0xc0 | point >> 6);
        out[1] = (char)(0x80 | (point & 63));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (char)(0xe0 | point >> 12);
        out[1] = (char)(0x80 | (point >> 6 & 63));
        out[2] = (char)(0x80 | (point & 63));
        return 3;
    }
    out[0] = (char)(0xf0 | point >> 18);
    out[1] = (char)(0x80 | (point >> 12 & 63));
    out[2] = (char)(0x80 | (point >> 6 & 63));
    out[3] = (char)(0x80 | (point & 63));
    return 4;
}

/* Behind the backslash; the scan has seen that it is an escape. */
static size_t put_escape(const char **at, const char *end, char *out)
{
    static const char names[] = "bfnrt";
    static const char means[] = "\b\f\n\r\t";
    char c = *(*at)++;
    if (c != 'u') {
        const char *name = strchr(names, c);
        *out = name != NULL ? means[name - names] : c;
        return 1;
    }
    long point = hex4(*at, end);
    *at += 4;
    if (point >= 0xd800 && point <= 0xdbff) {
        point = 0x10000 + ((point - 0xd800) << 10) + (hex4(*at + 2, end) - 0xdc00);
        *at += 6;
    }
    return put_point(point, out);
}

size_t cli_json_plain(const cli_json_span *text, char *out)
{
    const char *at = text->data;
    const char *end = at + text->len;
    size_t len = 0;
    while (at < end) {
        const char *slash = memchr(at, '\\', (size_t)(end - at));
        size_t piece = (size_t)((slash != NULL ? slash : end) - at);
        memcpy(out + len, at, piece);
        len += piece;
        at += piece;
        if (slash != NULL) {
            at++;
            len += put_escape(&at, end, out + len);
        }
    }
    return len;
}

static bool is_text(const cli_json_span *text, const char *word)
{
    return text->len == strlen(word) && memcmp(text->data, word, text->len) == 0;
}

skep_value cli_json_special(const cli_json_member *member, char *out)
{
    scan s = {member->value.data, member->value.data, member->value.data + member->value.len, NULL,
              NULL};
    cli_json_span key;
    cli_json_span value;
    size_t len = 0;
    if (member->kind != CLI_JSON_NESTED || !take(&s, '{') || !scan_key(&s, &key) || s.at >= s.end ||
        *s.at != '"' || !scan_string(&s, &value))
        return skep_null();
    skip_blanks(&s);
    if (!take(&s, '}') || s.at != s.end || value.escaped)
        return skep_null();
    if (is_text(&key, "real") && is_text(&value, "Infinity"))
        return skep_real(HUGE_VAL);
    if (is_text(&key, "real") && is_text(&value, "-Infinity"))
        return skep_real(-HUGE_VAL);
    bool text = is_text(&key, "text_base64");
    if ((!text && !is_text(&key, "base64")) || !cli_base64_read(value.data, value.len, out, &len))
        return skep_null();
    return text ? skep_text_slice(skep_slice_of(out, len)) : skep_blob(out, len);
}

size_t cli_json_quote(const char *text, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    static const char special[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    size_t at = 0;
    out[at++] = '"';
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x20 && c != '"' && c != '\\') {
            out[at++] = (char)c;
            continue;
        }
        out[at++] = '\\';
        const char *name = c == '\0' ? NULL : strchr(special, c);
        if (name != NULL) {
            out[at++] = letters[name - special];
            continue;
        }
        out[at] = 'u';
        out[at + 1] = '0';
        out[at + 2] = '0';
        out[at + 3] = digits[c >> 4];
        out[at + 4] = digits[c & 15];
        at += 5;
    }
    out[at++] = '"';
    return at;
}
