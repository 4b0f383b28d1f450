/* SPDX-License-Identifier: MIT */
#include "cli/show/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/show/text.h"

static int put_piece(const char *data, size_t len, void *ctx)
{
    cli_put(ctx, data, len);
    return 0; /* a failed write is remembered by the output itself */
}

/* jansson prints all reals with one precision: choose it for this value. */
static size_t real_flags(const json_t *value)
{
    char text[40];
    double r = json_real_value(value);
    int digits = 15;
    for (; digits < 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, r);
        if (strtod(text, NULL) == r)
            break;
    }
    return JSON_REAL_PRECISION((size_t)digits);
}

bool cli_json_put(cli_out *out, const json_t *value)
{
    size_t flags = JSON_COMPACT | JSON_ENCODE_ANY;
    if (json_is_real(value))
        flags |= real_flags(value);
    return value != NULL && json_dump_callback(value, put_piece, out, flags) == 0;
}

cli_exit cli_json_end(const cli_ui *ui, json_t *object, cli_exit status)
{
    cli_out out = {stdout, 0};
    size_t shape = ui->out_tty ? JSON_INDENT(2) : JSON_COMPACT;
    if (object == NULL ||
        json_dump_callback(object, put_piece, &out, shape | JSON_REAL_PRECISION(15)) != 0) {
        json_decref(object);
        return cli_fail_memory(ui);
    }
    json_decref(object);
    cli_putc(&out, '\n');
    return cli_out_end(&out, ui, status);
}

static json_t *base64(const char *key, skep_slice bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = bytes.data;
    char *text = malloc(bytes.len / 3 * 4 + 5);
    if (text == NULL)
        return NULL;
    size_t at = 0;
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        unsigned three = (unsigned)in[i] << 16 | (left > 1 ? (unsigned)in[i + 1] << 8 : 0) |
                         (left > 2 ? (unsigned)in[i + 2] : 0);
        text[at++] = digits[three >> 18];
        text[at++] = digits[three >> 12 & 63];
        text[at++] = left > 1 ? digits[three >> 6 & 63] : '=';
        text[at++] = left > 2 ? digits[three & 63] : '=';
    }
    json_t *object = json_pack("{s:s#}", key, text, at);
    free(text);
    return object;
}

json_t *cli_json_text(skep_slice text)
{
    if (!cli_is_utf8(text))
        return base64("text_base64", text);
    return json_stringn_nocheck(text.len > 0 ? text.data : "", text.len);
}

json_t *cli_json_path(const char *path)
{
    char *whole = realpath(path, NULL);
    json_t *text = cli_json_text(skep_slice_str(whole != NULL ? whole : path));
    free(whole);
    return text;
}

json_t *cli_json_blob(skep_slice blob)
{
    return base64("base64", blob);
}

json_t *cli_json_value(const skep_value *value)
{
    switch (value->type) {
    case SKEP_INT:
    case SKEP_TIME:
        return json_integer(value->u.i);
    case SKEP_REAL:
        if (isnan(value->u.r))
            return json_null();
        if (isinf(value->u.r))
            return json_pack("{s:s}", "real", value->u.r > 0 ? "Infinity" : "-Infinity");
        return json_real(value->u.r);
    case SKEP_TEXT:
        return cli_json_text(value->u.s);
    case SKEP_BLOB:
        return cli_json_blob(value->u.s);
    case SKEP_BOOL:
        return json_boolean(value->u.i != 0);
    default:
        return json_null();
    }
}

json_t *cli_json_rounded(double r, int decimals)
{
    double scale = pow(10, decimals);
    return json_real(round(r * scale) / scale);
}
