/* SPDX-License-Identifier: MIT */
/* skep serve as its user meets it: a process over a directory. */
#include "suites.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <curl/curl.h>

#include "../cli/run.h"
#include "support.h"

typedef struct served {
    running process;
    world w; /* its port alone */
    char url[128];
} served;

static const char *store_uri(void)
{
    char *uri = keep(4096);
    (void)snprintf(uri, 4096, "file:%s", harness_path("store"));
    return uri;
}

/* `more`: further arguments, up to four. */
static served serve(const char *const more[4])
{
    served s = {.w = {NULL, NULL, 0}};
    const char *argv[16] = {"skep",     "serve",       "--store", store_uri(),
                            "--listen", "127.0.0.1:0", "--json",  "-q"};
    for (size_t i = 0; i < 4 && more[i] != NULL; i++)
        argv[8 + i] = more[i];
    s.process = run_start(argv);
    char line[4096];
    size_t len = 0;
    while (len < sizeof(line) - 1 && read(s.process.out, line + len, 1) == 1 && line[len] != '\n')
        len++;
    line[len] = '\0';
    json_t *said = parse_json(line);
    (void)snprintf(s.url, sizeof(s.url), "%s", json_string_value(json_object_get(said, "url")));
    json_decref(said);
    s.w.port = (uint32_t)strtoul(strrchr(s.url, ':') + 1, NULL, 10);
    return s;
}
#define SERVE(...) serve((const char *const[4]){__VA_ARGS__})

static void check_ends(served *s, int sig, int status)
{
    if (sig != 0)
        ck_assert_int_eq(kill(s->process.pid, sig), 0);
    ck_assert_int_eq(run_wait(&s->process), status);
}

static bool is_deaf(void *ctx)
{
    const served *s = ctx;
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)s->w.port),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool refused = connect(fd, (const struct sockaddr *)&at, sizeof(at)) != 0;
    (void)close(fd);
    return refused;
}

/* The server has begun to store it: else it would not ask for the body. */
static int half_a_put(const served *s)
{
    int fd = wire_open(&s->w);
    ck_assert(wire_say(fd, "PUT /v1/objects/half HTTP/1.1\r\nHost: localhost\r\n"
                           "Content-Length: 6\r\nExpect: 100-continue\r\n\r\n"));
    ck_assert_int_eq(wire_answer(fd, false).status, 100);
    ck_assert(wire_say(fd, "abc"));
    return fd;
}

TEST(a_directory_is_served_and_keeps_what_was_put)
{
    for (int round = 0; round < 2; round++) {
        served s = SERVE(NULL);
        if (round == 0)
            ck_assert_int_eq(ask_with(&s.w, "PUT", "/v1/objects/a/b", "", "content").status, 200);
        ck_assert_str_eq(ask_for(&s.w, "GET", "/v1/objects/a/b", "").body, "content");
        ck_assert_ptr_nonnull(strstr(ask_for(&s.w, "GET", "/metrics", "").body, "skep_store_"));
        check_ends(&s, round == 0 ? SIGTERM : SIGINT, 0);
    }
}

TEST(a_signal_lets_a_put_end_and_a_second_one_cuts_it)
{
    served s = SERVE(NULL);
    int fd = half_a_put(&s);
    ck_assert_int_eq(kill(s.process.pid, SIGTERM), 0);
    await(is_deaf, &s);
    ck_assert(wire_say(fd, "def"));
    ck_assert_int_eq(wire_answer(fd, false).status, 200);
    wire_close(fd);
    check_ends(&s, 0, 0);

    s = SERVE(NULL);
    ck_assert_str_eq(ask_for(&s.w, "GET", "/v1/objects/half", "").body, "abcdef");
    ck_assert_int_eq(ask_for(&s.w, "DELETE", "/v1/objects/half", "").status, 204);
    fd = half_a_put(&s);
    ck_assert_int_eq(kill(s.process.pid, SIGTERM), 0);
    await(is_deaf, &s);
    check_ends(&s, SIGTERM, 1);
    wire_close(fd);
    s = SERVE("--grace", "0");
    ck_assert_int_eq(ask_for(&s.w, "GET", "/v1/objects/half", "").status, 404);
    fd = half_a_put(&s);
    check_ends(&s, SIGTERM, 1);
    wire_close(fd);
}

TEST(a_kill_in_the_middle_of_a_put_leaves_nothing_to_see)
{
    served s = SERVE(NULL);
    ck_assert_int_eq(ask_with(&s.w, "PUT", "/v1/objects/whole", "", "x").status, 200);
    int fd = half_a_put(&s);
    check_ends(&s, SIGKILL, 128 + SIGKILL);
    wire_close(fd);
    s = SERVE(NULL);
    ck_assert_int_eq(ask_for(&s.w, "GET", "/v1/objects/half", "").status, 404);
    answer a = ask_for(&s.w, "GET", "/v1/objects", "");
    ck_assert_ptr_nonnull(strstr(a.body, "\"whole\""));
    ck_assert_ptr_null(strstr(a.body, "\"half\""));
    ck_assert_int_eq(ask_with(&s.w, "PUT", "/v1/objects/half", "", "y").status, 200);
    check_ends(&s, SIGTERM, 0);
}

static const char *generate(const char *name, const char *file)
{
    ran r = SKEP("serve", "--generate-key", name, "--api-key-file", file);
    ck_assert_int_eq(r.status, 0);
    ck_assert_uint_eq(r.out_len, 49);
    char *header = keep(128);
    (void)snprintf(header, 128, "Authorization: Bearer %.48s\r\n", r.out);
    return header;
}

typedef struct waiting {
    const served *s;
    const char *header;
} waiting;

static bool is_let_in(void *ctx)
{
    const waiting *w = ctx;
    return ask_for(&w->s->w, "GET", "/v1/caps", w->header).status == 200;
}

TEST(keys_and_the_log_are_opened_again_on_sighup)
{
    const char *file = harness_path("keys"), *log = harness_path("log");
    const char *first = generate("first", file);
    served s = SERVE("--api-key-file", file, "--access-log", log);
    ck_assert_int_eq(ask_with(&s.w, "PUT", "/v1/objects/k", first, "x").status, 200);
    const char *second = generate("second", file);
    ck_assert_int_eq(ask_for(&s.w, "GET", "/v1/caps", second).status, 401);
    ck_assert_int_eq(rename(log, harness_path("log.1")), 0);
    waiting w = {&s, second};
    ck_assert_int_eq(kill(s.process.pid, SIGHUP), 0);
    await(is_let_in, &w);
    check_ends(&s, SIGTERM, 0);
    ck_assert(harness_exists(log));
    for (int i = 0; i < 2; i++) {
        const char *text = harness_read_file(i == 0 ? log : harness_path("log.1"), NULL);
        ck_assert_ptr_null(strstr(text, first + 22));
        ck_assert_ptr_null(strstr(text, second + 22));
    }
}

TEST(the_log_has_a_line_for_each_request)
{
    const char *log = harness_path("log");
    served s = SERVE("--access-log", log);
    ck_assert_int_eq(ask_with(&s.w, "PUT", "/v1/objects/k", "", "abc").status, 200);
    ck_assert_int_eq(ask_for(&s.w, "GET", "/v1/objects/%22%0a?", "").status, 400);
    check_ends(&s, SIGTERM, 0);
    /* -q is about standard error: who asks for a file gets all. */
    const char *lines = harness_read_file(log, NULL);
    ck_assert_ptr_nonnull(strstr(lines, "/v1/objects/k"));
    ck_assert_ptr_nonnull(strstr(lines, "400"));
    ck_assert_int_eq(unlink(log), 0);

    const char *argv[] = {"skep",        "serve",        "--store", store_uri(), "--listen",
                          "127.0.0.1:0", "--access-log", log,       "--json",    NULL};
    s.process = run_start(argv);
    char line[4096] = "";
    for (size_t len = 0; read(s.process.out, line + len, 1) == 1 && line[len] != '\n';)
        len++;
    json_t *said = parse_json(line);
    s.w.port = (uint32_t)strtoul(strrchr(json_string_value(json_object_get(said, "url")), ':') + 1,
                                 NULL, 10);
    json_decref(said);
    ck_assert_int_eq(ask_with(&s.w, "PUT", "/v1/objects/k", "", "abc").status, 200);
    check_ends(&s, SIGTERM, 0);
    json_t *entry = parse_json(harness_read_file(log, NULL));
    ck_assert_str_eq(json_string_value(json_object_get(entry, "path")), "/v1/objects/k");
    ck_assert_int_eq(json_integer_value(json_object_get(entry, "status")), 200);
    ck_assert_int_eq(json_integer_value(json_object_get(entry, "in")), 3);
    json_decref(entry);
}

TEST(a_command_line_that_would_expose_the_store_is_refused)
{
    const char *file = harness_path("keys");
    (void)generate("all", file);
    ran r = SKEP("serve", "--store", store_uri(), "--listen", "0.0.0.0:0");
    ck_assert_int_eq(r.status, 3);
    ck_assert(contains(r.err, "API keys"));
    r = SKEP("serve", "--store", store_uri(), "--listen", "0.0.0.0:0", "--api-key-file", file);
    ck_assert_int_eq(r.status, 3);
    ck_assert(contains(r.err, "TLS"));
    r = SKEP("serve", "--store", store_uri(), "--listen", "everywhere");
    ck_assert_int_eq(r.status, 3);
    ck_assert(contains(r.err, "ADDR:PORT"));
    r = SKEP("serve", "--store", store_uri(), "--tls-cert", "x");
    ck_assert_int_eq(r.status, 3);
    r = SKEP("serve", "--generate-key", "x");
    ck_assert_int_eq(r.status, 2);
    r = SKEP("serve", "--store", store_uri(), "--prefix", "x");
    ck_assert_int_eq(r.status, 2);
    r = SKEP("serve", "--store", store_uri(), "--max-connections", "0");
    ck_assert_int_eq(r.status, 2);
    r = SKEP("serve", "--store", store_uri(), "--access-log", harness_path("no/log"));
    ck_assert_int_eq(r.status, 3);
    r = SKEP("serve", "--generate-key", "all", "--api-key-file", file);
    ck_assert_int_eq(r.status, 3);
    ck_assert(contains(r.err, "already"));
}

/* ---- TLS ---- */

static void make_certificate(const char *cert, const char *key)
{
    const char *argv[] = {"openssl",
                          "req",
                          "-x509",
                          "-newkey",
                          "ec",
                          "-pkeyopt",
                          "ec_paramgen_curve:P-256",
                          "-nodes",
                          "-subj",
                          "/CN=localhost",
                          "-addext",
                          "subjectAltName=IP:127.0.0.1",
                          "-keyout",
                          key,
                          "-out",
                          cert,
                          NULL};
    if (access("/usr/bin/openssl", X_OK) != 0)
        harness_skip_test(SKIP_TOOL, "openssl is not there to make a certificate");
    ck_assert_int_eq(run_program("/usr/bin/openssl", argv, 0).status, 0);
}

static size_t take(char *data, size_t size, size_t n, void *ctx)
{
    char *body = ctx;
    size_t len = strlen(body);
    if (len + size * n < 4096)
        memcpy(body + len, data, size * n);
    return size * n;
}

static long get_by_tls(const served *s, const char *cert, char *body)
{
    char url[256];
    long status = 0;
    CURL *curl = curl_easy_init();
    (void)snprintf(url, sizeof(url), "%s/v1/objects", s->url);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CAINFO, cert);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    ck_assert_int_eq(curl_easy_perform(curl), CURLE_OK);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    return status;
}

TEST(a_certificate_makes_it_https)
{
    const char *cert = harness_path("cert.pem"), *key = harness_path("key.pem");
    char *body = keep(4097);
    make_certificate(cert, key);
    ran r = SKEP("serve", "--store", store_uri(), "--listen", "127.0.0.1:0", "--tls-cert", key,
                 "--tls-key", key);
    ck_assert_int_eq(r.status, 3);
    ck_assert(contains(r.err, "PEM"));
    served s = SERVE("--tls-cert", cert, "--tls-key", key);
    ck_assert(contains(s.url, "https://127.0.0.1:"));
    ck_assert_int_eq(get_by_tls(&s, cert, body), 200);
    ck_assert_str_eq(body, "{\"objects\":[],\"more\":false}");
    /* Who speaks plain HTTP to it gets nowhere. */
    ck_assert_int_eq(ask_for(&s.w, "GET", "/livez", "").status, 0);
    check_ends(&s, SIGTERM, 0);
}

static const harness_test tests[] = {
    HARNESS_TEST(a_directory_is_served_and_keeps_what_was_put),
    HARNESS_TEST(a_signal_lets_a_put_end_and_a_second_one_cuts_it),
    HARNESS_TEST(a_kill_in_the_middle_of_a_put_leaves_nothing_to_see),
    HARNESS_TEST(keys_and_the_log_are_opened_again_on_sighup),
    HARNESS_TEST(the_log_has_a_line_for_each_request),
    HARNESS_TEST(a_command_line_that_would_expose_the_store_is_refused),
    HARNESS_TEST(a_certificate_makes_it_https),
};
const harness_suite process_suite = HARNESS_SUITE("process", tests);
