/* SPDX-License-Identifier: MIT */
#include "cli/line/param.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/show/text.h"

/* A value without a prefix becomes a number only if it is written exactly as the number is printed:
 * then nothing is lost when SQL takes it as text after all, and 007 or 1e3 stay what they are. */

static bool read_int(const char *text, int64_t *out)
{
    char *end = NULL;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || isspace((unsigned char)text[0]))
        return false;
    *out = n;
    return true;
}

static bool read_real(const char *text, double *out)
{
    char *end = NULL;
    double r = strtod(text, &end);
    if (end == text || *end != '\0' || isnan(r) || isspace((unsigned char)text[0]))
        return false;
    *out = r;
    return true;
}

static skep_value guess(const char *text)
{
    char printed[32];
    int64_t i = 0;
    double r = 0;
    if (read_int(text, &i)) {
        (void)snprintf(printed, sizeof(printed), "%" PRId64, i);
        return strcmp(printed, text) == 0 ? skep_int(i) : skep_text(text);
    }
    if (read_real(text, &r) && isfinite(r) && strcmp(cli_real(r).s, text) == 0)
        return skep_real(r);
    return skep_text(text);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    int lower = tolower((unsigned char)c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* False: it is not hex. The bytes go to the store of `params`, which has room for them. */
static bool read_blob(cli_params *params, const char *hex, skep_value *out)
{
    size_t len = strlen(hex);
    unsigned char *bytes = params->bytes + params->bytes_len;
    if (len % 2 != 0)
        return false;
    for (size_t i = 0; i < len; i += 2) {
        int high = hex_digit(hex[i]);
        int low = hex_digit(hex[i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i / 2] = (unsigned char)(high << 4 | low);
    }
    params->bytes_len += len / 2;
    *out = skep_blob(bytes, len / 2);
    return true;
}

/* The text after `prefix`, or NULL. */
static const char *after(const char *text, const char *prefix)
{
    size_t len = strlen(prefix);
    return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

static cli_exit read_one(cli_params *params, const cli_call *call, const char *text,
                         skep_value *out)
{
    const char *rest;
    int64_t i = 0;
    double r = 0;
    if ((rest = after(text, "text:")) != NULL) {
        *out = skep_text(rest);
    } else if ((rest = after(text, "int:")) != NULL) {
        if (!read_int(rest, &i))
            return cli_usage(call->ui, call->page, "--param %s: no 64-bit integer", text);
        *out = skep_int(i);
    } else if ((rest = after(text, "real:")) != NULL) {
        if (!read_real(rest, &r))
            return cli_usage(call->ui, call->page, "--param %s: no number", text);
        *out = skep_real(r);
    } else if ((rest = after(text, "blob:")) != NULL) {
        if (!read_blob(params, rest, out))
            return cli_usage(call->ui, call->page,
                             "--param %s: a blob is pairs of hexadecimal digits", text);
    } else if (strcmp(text, "null:") == 0) {
        *out = skep_null();
    } else {
        *out = guess(text);
    }
    return CLI_DONE;
}

cli_exit cli_params_read(cli_params *params, const cli_call *call)
{
    cli_exit status = CLI_DONE;
    size_t room = 1;
    for (size_t i = 0; i < call->given_count; i++)
        if (call->given[i].id == CLI_OPT_PARAM)
            room += strlen(call->given[i].value) / 2;
    params->values = calloc(call->given_count + 1, sizeof(*params->values));
    params->bytes = malloc(room);
    if (params->values == NULL || params->bytes == NULL)
        return cli_fail_memory(call->ui);
    for (size_t i = 0; i < call->given_count && status == CLI_DONE; i++)
        if (call->given[i].id == CLI_OPT_PARAM)
            status = read_one(params, call, call->given[i].value, &params->values[params->count++]);
    return status;
}

void cli_params_dispose(cli_params *params)
{
    free(params->values);
    free(params->bytes);
    memset(params, 0, sizeof(*params));
}
