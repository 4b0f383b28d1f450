/* SPDX-License-Identifier: MIT */
/* G05: the completions load in bash, zsh and fish, and offer what there is; the man pages lint. */
#include "suites.h"

#include <stdlib.h>
#include <string.h>

#include "run.h"

static const char *shell(const char *name)
{
    static char path[64];
    (void)snprintf(path, sizeof(path), "/usr/bin/%s", name);
    if (!harness_exists(path))
        harness_skip_test(SKIP_TOOL, name);
    return path;
}

/* Ask bash what the completion offers for these words, the last of which is being typed. */
static ran bash_offers(const char *words, int count)
{
    char script[1024];
    (void)snprintf(script, sizeof(script),
                   "source <(\"$0\" --completion bash) && COMP_WORDS=(%s) COMP_CWORD=%d && _skep"
                   " && printf '%%s\\n' \"${COMPREPLY[@]}\"",
                   words, count - 1);
    return run_program("/bin/bash",
                       (const char *const[]){"bash", "-c", script, run_skep_path(), NULL}, 0);
}

/* The same of fish, which takes the line as it is typed. */
static ran fish_offers(const char *line)
{
    char script[1024];
    ck_assert_int_eq(setenv("HOME", harness_dir(), 1), 0);
    (void)snprintf(script, sizeof(script), "%s --completion fish | source; complete -C '%s'",
                   run_skep_path(), line);
    return run_program(shell("fish"), (const char *const[]){"fish", "-c", script, NULL}, 0);
}

TEST(bash_completes_nouns_verbs_options_and_files)
{
    (void)FIXTURE("some.db", "CREATE TABLE t (a)");
    char words[512];
    ck_assert(contains(bash_offers("skep ''", 2).out, "tour\ndb\n"));
    ck_assert_str_eq(bash_offers("skep db sta", 3).out, "status\nstats\n");
    ck_assert_str_eq(bash_offers("skep --json -C / db q", 6).out, "query\n");
    ck_assert_str_eq(bash_offers("skep db query --wr", 4).out, "--write\n");
    ck_assert_str_eq(bash_offers("skep tour inv", 3).out, "inventory\n");
    ck_assert(contains(bash_offers("skep db status --", 4).out, "--json"));
    ck_assert(!contains(bash_offers("skep db status --", 4).out, "--write"));
    ck_assert(!contains(bash_offers("skep tour --", 3).out, "--crash-child"));
    (void)snprintf(words, sizeof(words), "skep db status %s/so", harness_dir());
    ck_assert(contains(bash_offers(words, 4).out, "/some.db\n"));
}

TEST(fish_completes_nouns_verbs_and_options)
{
    ran r = fish_offers("skep db sta");
    ck_assert_int_eq(r.status, 0);
    ck_assert(contains(r.out, "stats\t") && contains(r.out, "status\t"));
    ck_assert(!contains(r.out, "query"));
    ck_assert(contains(fish_offers("skep -C / --json bench ").out, "db\t"));
    ck_assert(!contains(fish_offers("skep bench ").out, "query"));
    ck_assert(contains(fish_offers("skep db query --wr").out, "--write\t"));
    ck_assert(!contains(fish_offers("skep db status --wr").out, "--write\t"));
    ck_assert(contains(fish_offers("skep tour ").out, "inventory"));
    ck_assert_str_eq(r.err, "");
}

TEST(zsh_loads_the_completion)
{
    char script[1024];
    ran made = SKEP("--completion", "zsh");
    harness_write_file(harness_path("_skep"), made.out, made.out_len);
    (void)snprintf(script, sizeof(script),
                   "zsh -n %s/_skep && fpath=(%s $fpath) && autoload -Uz compinit && compinit -u -D"
                   " && print $_comps[skep] && autoload +X -Uz _skep && whence -w _skep",
                   harness_dir(), harness_dir());
    ran r = run_program(shell("zsh"), (const char *const[]){"zsh", "-f", "-c", script, NULL}, 0);
    ck_assert_int_eq(r.status, 0);
    ck_assert_str_eq(r.out, "_skep\n_skep: function\n");
    ck_assert_str_eq(r.err, "");
}

TEST(zsh_and_fish_completions_know_every_command_and_option)
{
    static const char *const words[] = {"tour",  "version", "status", "query",     "param",
                                        "write", "csv",     "source", "inventory", "json"};
    ran zsh = SKEP("--completion", "zsh");
    ran fish = SKEP("--completion", "fish");
    ck_assert_int_eq(zsh.status | fish.status, 0);
    ck_assert_int_eq(strncmp(zsh.out, "#compdef skep\n", 14), 0);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        ck_assert(contains(zsh.out, words[i]));
        ck_assert(contains(fish.out, words[i]));
    }
    ck_assert(contains(zsh.out, "'(--query)--table[Export this table]:T:'"));
    ck_assert(contains(zsh.out, "'(--metrics --statements)--slow["));
    ck_assert(contains(zsh.out, "'--full["));
    ck_assert(!contains(zsh.out, "crash-child"));
    ck_assert(!contains(fish.out, "crash-child"));
}

/* Of one paragraph of a usage: what stands in no brackets, with single blanks and no markup. */
static void required_of(const char *text, char *to, size_t size)
{
    size_t len = 0;
    int depth = 0;
    for (; *text != '\0' && strncmp(text, "\n\n", 2) != 0 && len + 1 < size; text++) {
        bool blank = *text == ' ' || *text == '\n';
        depth += *text == '[';
        if (depth == 0 && strchr("*_\\.", *text) == NULL &&
            !(blank && (len == 0 || to[len - 1] == ' ')))
            to[len++] = blank ? ' ' : *text;
        depth -= *text == ']';
    }
    while (len > 0 && to[len - 1] == ' ')
        len--;
    to[len] = '\0';
}

/* `line` of a manual: "*skep NOUN VERB* ...", or "*skep NOUN* ...". False: it is of no command. */
static bool asks_for_the_same(const char *line)
{
    char words[64] = "";
    char manual[256];
    char usage[256];
    if (sscanf(line, "*skep %63[a-z ]*", words) != 1)
        return false;
    char *blank = strchr(words, ' ');
    if (blank != NULL)
        *blank = '\0';
    ran r = blank != NULL ? SKEP(words, blank + 1, "-h") : SKEP(words, "-h");
    ck_assert_int_eq(r.status, 0);
    required_of(line, manual, sizeof(manual));
    required_of(r.out + strlen("Usage: "), usage, sizeof(usage));
    ck_assert_str_eq(manual, usage);
    return true;
}

TEST(the_manuals_ask_for_the_same_as_the_program)
{
    static const char *const pages[] = {"skep.1", "skep-db.1", "skep-bench.1", "skep-key.1",
                                        "skep-store.1"};
    int seen = 0;
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        char path[256];
        (void)snprintf(path, sizeof(path), "%s/docs/man/%s.scd", getenv("SKEP_SOURCE_DIR"),
                       pages[i]);
        const char *page = harness_read_file(path, NULL);
        const char *end = strstr(page, "\n# DESCRIPTION");
        for (const char *at = page; (at = strstr(at, "\n*skep")) != NULL && at < end; at++)
            seen += asks_for_the_same(at + 1);
    }
    /* 24 commands, of which 22 are also on a page of their own. */
    ck_assert_int_eq(seen, 46);
}

TEST(every_man_page_is_made_without_a_complaint)
{
    static const char *const pages[] = {"skep.1",     "skep-db.1",    "skep-bench.1",
                                        "skep-key.1", "skep-store.1", "libskep.3"};
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        char script[1024];
        (void)snprintf(script, sizeof(script),
                       "scdoc <%s/docs/man/%s.scd >%s/page && MANWIDTH=80 man --warnings=all -l"
                       " %s/page >%s/text",
                       getenv("SKEP_SOURCE_DIR"), pages[i], harness_dir(), harness_dir(),
                       harness_dir());
        (void)shell("scdoc");
        (void)shell("man");
        ran r = run_program("/bin/sh", (const char *const[]){"sh", "-c", script, NULL}, 0);
        ck_assert_msg(r.status == 0, "%s: %s", pages[i], r.err);
        ck_assert_str_eq(r.err, "");
    }
}

static const harness_test tests[] = {
    HARNESS_TEST(bash_completes_nouns_verbs_options_and_files),
    HARNESS_TEST(fish_completes_nouns_verbs_and_options),
    HARNESS_TEST(zsh_loads_the_completion),
    HARNESS_TEST(zsh_and_fish_completions_know_every_command_and_option),
    HARNESS_TEST(the_manuals_ask_for_the_same_as_the_program),
    HARNESS_TEST(every_man_page_is_made_without_a_complaint),
};
const harness_suite complete_suite = HARNESS_SUITE("complete", tests);
