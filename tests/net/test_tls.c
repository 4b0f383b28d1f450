/* SPDX-License-Identifier: MIT */
/* TLS, with certificates and a server that openssl(1) makes. */
#include "fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NO_SUCH_PROGRAM = 127 };

/* Start openssl in the test's directory; its output goes to `out`. It ends with the test. */
static pid_t openssl(const char *const *args, int out)
{
    const char *argv[32] = {"openssl"};
    const char *dir = harness_dir();
    for (size_t n = 1; args[n - 1] != NULL; n++)
        argv[n] = args[n - 1];
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid > 0)
        return pid;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && chdir(dir) == 0 && dup2(out, 1) == 1 &&
        dup2(out, 2) == 2)
        (void)execvp("openssl", (char *const *)(uintptr_t)argv);
    _exit(NO_SUCH_PROGRAM);
}

/* A certificate for 127.0.0.1 that signs itself, in NAME.pem, and its key in NAME.key. */
static void make_certificate(const char *name, const char *subject)
{
    char key[32];
    char pem[32];
    int status = 0;
    (void)snprintf(key, sizeof(key), "%s.key", name);
    (void)snprintf(pem, sizeof(pem), "%s.pem", name);
    const char *const args[] = {
        "req",   "-x509", "-newkey",  "ec",      "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-days", "2",     "-nodes",   "-keyout", key,        "-out",
        pem,     "-subj", "/CN=test", "-addext", subject,    NULL};
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    pid_t pid = openssl(args, nowhere);
    (void)close(nowhere);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_SUCH_PROGRAM)
        harness_skip_test(SKIP_TOOL, "openssl");
    ck_assert_int_eq(status, 0);
}

typedef struct server {
    pid_t pid;
    FILE *out;
    char url[64];
} server;

/* -www answers each request with a page about its connection. */
static server serve(const char *name)
{
    server s = {0};
    char key[32];
    char pem[32];
    char line[512];
    int pipe_of[2];
    unsigned port = 0;
    (void)snprintf(key, sizeof(key), "%s.key", name);
    (void)snprintf(pem, sizeof(pem), "%s.pem", name);
    const char *const args[] = {"s_server", "-accept", "127.0.0.1:0", "-cert", pem,
                                "-key",     key,       "-www",        NULL};
    ck_assert_int_eq(pipe2(pipe_of, O_CLOEXEC), 0);
    s.pid = openssl(args, pipe_of[1]);
    (void)close(pipe_of[1]);
    s.out = fdopen(pipe_of[0], "r");
    ck_assert_ptr_nonnull(s.out);
    while (port == 0 && fgets(line, sizeof(line), s.out) != NULL)
        (void)sscanf(line, "ACCEPT 127.0.0.1:%u", &port);
    ck_assert_uint_ne(port, 0);
    (void)snprintf(s.url, sizeof(s.url), "https://127.0.0.1:%u/", port);
    return s;
}

static void stop(server *s)
{
    (void)kill(s->pid, SIGKILL);
    (void)waitpid(s->pid, NULL, 0);
    (void)fclose(s->out);
}

static int ask(const char *url, const char *ca_file)
{
    const skep__net_opts opts = {.ca_file = ca_file};
    skep__net_answer answer = {0};
    skep__net *net = NULL;
    assert_ok(skep__net_new(&opts, &net));
    const skep__net_request r = {.method = "GET", .url = url};
    int rc = skep__net_do(net, &r, &answer, NULL, NULL, NULL);
    ck_assert(rc < 0 || answer.status == 200);
    skep__net_free(net);
    return rc;
}

TEST(a_certificate_is_trusted_if_its_authority_is_named)
{
    make_certificate("right", "subjectAltName=IP:127.0.0.1");
    make_certificate("other", "subjectAltName=IP:127.0.0.1");
    server s = serve("right");
    assert_fails_with(ask(s.url, NULL), SKEP_EAUTH, SKEP_OUTCOME_NONE);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "127.0.0.1"));
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "ca_file"));
    assert_fails(ask(s.url, harness_path("other.pem")), SKEP_EAUTH);
    assert_ok(ask(s.url, harness_path("right.pem")));
    stop(&s);
}

TEST(a_certificate_for_another_name_is_refused)
{
    make_certificate("right", "subjectAltName=DNS:store.example.org");
    server s = serve("right");
    assert_fails(ask(s.url, harness_path("right.pem")), SKEP_EAUTH);
    stop(&s);
}

TEST(a_file_of_certificates_that_cannot_be_read_is_named)
{
    make_certificate("right", "subjectAltName=IP:127.0.0.1");
    server s = serve("right");
    assert_fails(ask(s.url, harness_path("none.pem")), SKEP_EINVALID);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, "none.pem"));
    harness_write_file(harness_path("text.pem"), "text", 4);
    assert_fails(ask(s.url, harness_path("text.pem")), SKEP_EINVALID);
    stop(&s);
}

TEST(plain_http_where_tls_is_wanted_fails)
{
    fixture x = fixture_open(0);
    char url[64];
    (void)snprintf(url, sizeof(url), "https%s/", front_url(x.f) + 4);
    assert_fails(ask(url, NULL), SKEP_ENET);
    ck_assert_ptr_nonnull(strstr(skep_last_error()->text, front_url(x.f) + 7));
    fixture_close(&x);
}

/* SIGPIPE would end this process. */
TEST(a_server_that_dies_while_a_body_is_sent_sends_no_signal)
{
    struct sigaction how = {.sa_handler = SIG_DFL};
    ck_assert_int_eq(sigaction(SIGPIPE, &how, NULL), 0);
    make_certificate("right", "subjectAltName=IP:127.0.0.1");
    server s = serve("right");
    const skep__net_opts opts = {.ca_file = harness_path("right.pem")};
    skep__net *net = NULL;
    skep__net_call *call = NULL;
    uint8_t *data = fixture_bytes(1000000);
    assert_ok(skep__net_new(&opts, &net));
    const skep__net_request r = {.method = "PUT", .url = s.url, .body_bytes = UINT64_C(1) << 40};
    assert_ok(skep__net_begin(net, &r, NULL, NULL, &call));
    int rc = skep__net_write(call, data, 1000000);
    stop(&s);
    for (int i = 0; i < 1000 && rc >= 0; i++)
        rc = skep__net_write(call, data, 1000000);
    ck_assert(rc == SKEP_ENET || rc == SKEP_ECONFLICT);
    skep__net_end(call);
    skep__net_free(net);
    free(data);
}

static const harness_test tests[] = {
    HARNESS_TEST(a_certificate_is_trusted_if_its_authority_is_named),
    HARNESS_TEST(a_certificate_for_another_name_is_refused),
    HARNESS_TEST(a_file_of_certificates_that_cannot_be_read_is_named),
    HARNESS_TEST(plain_http_where_tls_is_wanted_fails),
    HARNESS_TEST(a_server_that_dies_while_a_body_is_sent_sends_no_signal),
};
const harness_suite tls_suite = HARNESS_SUITE("tls", tests);
