/* SPDX-License-Identifier: MIT */
/* Files that hold secrets, or what admits to them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include <skep/sys/store_engine.h>

#include "http/keys.h"

#define KEY_BYTES 32
#define KEY_MARK "skep_"

static int fail_errno(const char *what, const char *path)
{
    int code = errno == ENOENT                      ? SKEP_ENOTFOUND
               : errno == EACCES || errno == EPERM  ? SKEP_EDENIED
               : errno == ENOSPC || errno == EDQUOT ? SKEP_EFULL
                                                    : SKEP_EIO;
    return skep_fail(code, "http", "%s: cannot %s it: %s", path, what, strerrordesc_np(errno));
}

static int check_file(int fd, const char *path, unsigned forbidden, size_t max, size_t *size)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return fail_errno("look at", path);
    if (!S_ISREG(st.st_mode))
        return skep_fail(SKEP_EINVALID, "http", "%s: it is no ordinary file", path);
    if ((st.st_mode & forbidden) != 0)
        return skep_fail(SKEP_EDENIED, "http",
                         "%s: others than its owner may use it (mode %03o); run: chmod %s '%s'",
                         path, (unsigned)st.st_mode & 0777u, forbidden == 07 ? "o=" : "600", path);
    if (st.st_uid != geteuid() && st.st_uid != 0)
        return skep_fail(SKEP_EDENIED, "http", "%s: it belongs to another user", path);
    if ((uint64_t)st.st_size > max)
        return skep_fail(SKEP_ELIMIT, "http", "%s: it is larger than %zu bytes", path, max);
    *size = (size_t)st.st_size;
    return SKEP_OK;
}

static int read_all(int fd, const char *path, char *out, size_t size, size_t *len)
{
    *len = 0;
    while (*len < size) {
        ssize_t n = read(fd, out + *len, size - *len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno("read", path);
        if (n == 0)
            break;
        *len += (size_t)n;
    }
    out[*len] = '\0';
    return SKEP_OK;
}

static int read_open(int fd, const char *path, unsigned forbidden, size_t max, char **out,
                     size_t *len)
{
    size_t size = 0;
    int rc = check_file(fd, path, forbidden, max, &size);
    if (rc < 0)
        return rc;
    char *text = malloc(size + 1);
    if (text == NULL)
        return skep_fail(SKEP_ENOMEM, "http", "out of memory");
    rc = read_all(fd, path, text, size, len);
    if (rc < 0) {
        sodium_memzero(text, size);
        free(text);
        return rc;
    }
    *out = text;
    return SKEP_OK;
}

int http_read_secret(const char *path, unsigned forbidden, size_t max, char **out, size_t *len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fail_errno("open", path);
    int rc = read_open(fd, path, forbidden, max, out, len);
    (void)close(fd);
    return rc;
}

/* ---- a new key ---- */

static int check_name(http_keys *keys, const char *file, const char *name)
{
    for (size_t i = 0; i < keys->count; i++)
        if (strcmp(keys->keys[i].name, name) == 0)
            return skep_fail(SKEP_EEXISTS, "http",
                             "%s: there is a key called %s already; choose another name, or remove "
                             "its line",
                             file, name);
    return SKEP_OK;
}

static void make_secret(char key[49], char hash_text[2 * HTTP_KEY_HASH + 1])
{
    uint8_t secret[KEY_BYTES], hash[HTTP_KEY_HASH];
    randombytes_buf(secret, sizeof(secret));
    (void)snprintf(key, 49, "%s", KEY_MARK);
    (void)sodium_bin2base64(key + strlen(KEY_MARK), 49 - strlen(KEY_MARK), secret, sizeof(secret),
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    (void)crypto_hash_sha256(hash, (const unsigned char *)key, strlen(key));
    (void)sodium_bin2hex(hash_text, 2 * HTTP_KEY_HASH + 1, hash, sizeof(hash));
    sodium_memzero(secret, sizeof(secret));
}

static int append(int fd, const char *file, const char *line, size_t len)
{
    ssize_t n = write(fd, line, len);
    if (n < 0 || fsync(fd) != 0)
        return fail_errno("write", file);
    if ((size_t)n != len)
        return skep_fail(SKEP_EFULL, "http", "%s: only a part of the line could be written", file);
    return SKEP_OK;
}

/* The new line is read as a server will: it has to say what it was made of, and no more. */
static int check_line(const char *line, const char *name, const char *prefix)
{
    http_keys *keys = NULL;
    int rc = http_keys_parse("the new key", skep_slice_str(line), &keys);
    if (rc >= 0 && (keys->count != 1 || strcmp(keys->keys[0].name, name) != 0 ||
                    strcmp(keys->keys[0].prefix, prefix) != 0))
        rc = skep_fail(SKEP_EINVALID, "http",
                       "the prefix of a key has no blank at an end, and the name none at all");
    http_keys_unref(keys);
    return rc;
}

static int add_line(int fd, const char *file, const char *line, const char *name)
{
    http_keys *keys = NULL;
    char *text = NULL;
    size_t len = 0;
    int rc = read_open(fd, file, 077, SKEP__HTTP_KEY_FILE_MAX, &text, &len);
    if (rc >= 0)
        rc = http_keys_parse(file, skep_slice_of(text, len), &keys);
    if (rc >= 0)
        rc = check_name(keys, file, name);
    if (rc >= 0 && keys->count == SKEP__HTTP_KEYS_MAX)
        rc = skep_fail(SKEP_ELIMIT, "http", "%s: it has %d keys, more it cannot have", file,
                       SKEP__HTTP_KEYS_MAX);
    if (rc >= 0) /* a last line without an end gets one */
        rc = append(fd, file, line + (len == 0 || text[len - 1] == '\n'),
                    strlen(line) - (len == 0 || text[len - 1] == '\n'));
    http_keys_unref(keys);
    free(text);
    return rc;
}

int skep_serve_make_key(const char *file, const char *name, const char *prefix, uint32_t flags,
                        char key[49])
{
    char made[49], hash[2 * HTTP_KEY_HASH + 1];
    char line[SKEP_SERVE_NAME_MAX + sizeof(hash) + SKEP_STORE_KEY_MAX + 16];
    if (file == NULL || name == NULL || key == NULL || (flags & ~(uint32_t)SKEP_SERVE_READONLY))
        return skep_fail(SKEP_EMISUSE, "http", "a key needs a file, a name and known flags");
    if (sodium_init() < 0)
        return skep_fail(SKEP_EINTERNAL, "http", "libsodium cannot be used");
    make_secret(made, hash);
    prefix = prefix != NULL ? prefix : "";
    int n = snprintf(line, sizeof(line), "\n%s %s %s%s%s\n", name, flags != 0 ? "ro" : "rw", hash,
                     prefix[0] != '\0' ? " " : "", prefix);
    if (n < 0 || (size_t)n >= sizeof(line))
        return skep_fail(SKEP_EINVALID, "http", "the name or the prefix of the key is too long");
    int rc = check_line(line, name, prefix);
    if (rc < 0)
        return rc;
    int fd = open(file, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0600);
    if (fd < 0)
        return fail_errno("open", file);
    rc = flock(fd, LOCK_EX) != 0 ? fail_errno("lock", file) : SKEP_OK;
    if (rc >= 0)
        rc = add_line(fd, file, line, name);
    (void)close(fd);
    if (rc >= 0)
        memcpy(key, made, sizeof(made));
    sodium_memzero(made, sizeof(made));
    return rc;
}
