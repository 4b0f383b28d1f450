# SPDX-License-Identifier: MIT
"""A tiny project that every checker accepts, and the changes that each must refuse."""

MIT = "/* SPDX-License-Identifier: MIT */\n"
SH = "#!/bin/sh\n# SPDX-License-Identifier: MIT\n"
HEADINGS = ("Promise", "Vocabulary", "Data on disk", "Threads and lock order",
            "Failure and recovery", "Not here")
README = "# Room\n\n" + "\n\n".join(f"## {h}\n\nNothing." for h in HEADINGS) + "\n"


def body(n):
    return "".join(f"    x += {i};\n" for i in range(n))


def function(lines="", params="int x"):
    return f"{MIT}\nint skep__f({params})\n{{\n{lines}    return x;\n}}\n"


HEADER = MIT + """#ifndef SKEP_A_H
#define SKEP_A_H

#include <stdint.h>

/** Options of an a. */
typedef struct skep_a_opts {
    uint32_t size;
    uint32_t depth; /**< levels; 3 */
} skep_a_opts;

/** Open `path`. */
SKEP_API int skep_a_open(const char *path, const skep_a_opts *opts);

#endif
"""

CLEAN = {
    "src/FLOORS": "# comment\nbase :\nos : base\nsql : base\ndb : base os sql\ncli :\n",
    "src/base/README.md": README,
    "src/base/a.c": MIT + '#include "base/a.h"\n\n#include <stdio.h>\n',
    "src/base/a.h": MIT,
    "src/os/README.md": README,
    "src/os/file.c": MIT + '#include "base/a.h"\n\nvoid skep__g(void)\n{\n    close(1);\n}\n',
    "src/os/os.h": MIT,
    "src/sql/README.md": README,
    "src/sql/conn.c": MIT + '#include "base/a.h"\n\n#include <sqlite3.h>\n',
    "src/sql/sql.h": MIT,
    "src/db/README.md": README,
    "src/db/db.c": MIT + '#include "base/a.h"\n#include "os/os.h"\n#include "sql/sql.h"\n\n'
    "int skep_a_open(const char *path, const skep_a_opts *opts)\n{\n    return opts->depth;\n}\n",
    "src/cli/README.md": README,
    "src/cli/commands.c": MIT + "#include <skep/a.h>\n\nconst cli_command cli_commands[] = {\n"
    '    {"db", "query", "Run", "skep-db(1)", db_options},\n    {0},\n};\n',
    "include/skep/a.h": HEADER,
    "tests/db/test.c": MIT + "void t(skep_a_opts *o)\n{\n    o->depth = 4;\n}\n",
    "docs/guide/a.md": "# A guide\n\nThe option `depth`. See [below](#next-step) and "
    "[the room](../../src/db/README.md#promise).\n\n## Next step\n\nDone.\n",
    "docs/symbols": "# ledger\nskep_a_open\n",
    "docs/man/skep-db.1.scd": "skep-db(1)\n\n# NAME\n\nquery\n",
    "tools/go": SH + "exit 0\n",
    "CMakeLists.txt": "# SPDX-License-Identifier: MIT\nproject(a)\n",
}

# (what the checker must see, checker, {path: contents or None to remove}, part of its finding)
VIOLATIONS = [
    ("a room that includes a higher one", "check-floors",
     {"src/base/b.c": MIT + '#include "db/db.h"\n'}, "src/base/b.c:2: `base` may not include"),
    ("a room missing in FLOORS", "check-floors",
     {"src/kv/kv.c": MIT}, "src/kv has no line"),
    ("a line for no room", "check-floors",
     {"src/FLOORS": "base :\nos : base\nsql : base\ndb : base os sql\ncli :\nnet : base\n"},
     "src/FLOORS:6: there is no room `net`"),
    ("an unknown room on the right", "check-floors",
     {"src/FLOORS": "base :\nos : base\nsql : base\ndb : base os sql nix\ncli :\n"},
     "src/FLOORS:4: `nix` is no room"),
    ("an unused entry", "check-floors",
     {"src/FLOORS": "base :\nos : base\nsql : base os\ndb : base os sql\ncli :\n"},
     "src/FLOORS:3: no file of `sql` includes a header of `os`"),
    ("an entry that points upwards", "check-floors",
     {"src/FLOORS": "base :\nos : base sql\nsql : base\ndb : base os sql\ncli :\n",
      "src/os/b.c": MIT + '#include "sql/sql.h"\n'}, "`sql` does not stand above `os`"),
    ("a program that includes a room", "check-floors",
     {"src/cli/x.c": MIT + '#include "base/a.h"\n'}, "use the public headers"),
    ("sqlite3.h outside sql", "check-floors",
     {"src/db/x.c": MIT + "#include <sqlite3.h>\n"}, "src/db/x.c:2: `sqlite3.h` is included"),
    ("sqlite3.h in a public header", "check-floors",
     {"include/skep/b.h": MIT + "#include <sqlite3.h>\n"}, "a public header includes"),
    ("an example that looks inside", "check-floors",
     {"examples/x.c": MIT + '#include "base/a.h"\n'}, "an example includes"),
    ("a private header of another room", "check-floors",
     {"src/sql/sql_private.h": MIT, "src/db/x.c": MIT + '#include "sql/sql_private.h"\n'},
     "is private to `sql`"),

    ("a banned call", "check-style", {"src/db/x.c": function("    strcpy(a, b);\n")},
     "src/db/x.c:5: strcpy()"),
    ("a banned call in a test", "check-style", {"tests/db/x.c": function("    rand();\n")},
     "tests/db/x.c:5: rand()"),
    ("raw allocation in a room", "check-style",
     {"src/db/x.c": function("    p = malloc(3);\n")}, "malloc() is not called here"),
    ("free handed over", "check-style",
     {"src/db/x.c": function("    SKEP__CLEANUP(free) char *p = NULL;\n")}, "free is handed over"),
    ("a raw file call outside os", "check-style",
     {"src/db/x.c": function("    fsync(x);\n")}, "fsync() is not called here"),
    ("printing in a room", "check-style",
     {"src/db/x.c": function('    printf("x");\n')}, "printf() is not called here"),
    ("sqlite3_exec outside sql", "check-style",
     {"src/db/x.c": function("    sqlite3_exec(h, s, 0, 0, 0);\n")}, "sqlite3_exec()"),
    ("SQL that snprintf composes", "check-style",
     {"src/db/x.c": function('    snprintf(s, n, "SELECT * FROM "\n             "%s", t);\n')},
     "src/db/x.c:5: snprintf() composes SQL"),
    ("SQL that a buffer composes", "check-style",
     {"src/db/x.c": function('    skep__buf_text(b, "DELETE FROM ");\n')}, "composes SQL"),
    ("a source without licence", "check-style", {"src/db/x.c": "int x;\n"},
     "src/db/x.c:1: the licence"),
    ("a script without licence", "check-style", {"tools/x": "#!/bin/sh\nexit 0\n"},
     "tools/x:1: the licence"),
    ("a // comment", "check-style", {"src/db/x.c": MIT + "int x; // no\n"}, "a // comment"),
    ("commented-out code", "check-style",
     {"src/db/x.c": MIT + "/* Old:\n *     x = skep__g(1);\n */\n"}, "src/db/x.c:3: commented-out"),
    ("code under #if 0", "check-style", {"src/db/x.c": MIT + "#if 0\nint x;\n#endif\n"}, "#if 0"),
    ("a ruler", "check-style", {"src/db/x.c": MIT + "/* ------------ */\n"}, "a ruler"),
    ("a promise without issue", "check-style",
     {"src/db/x.c": MIT + "/* TO" "DO: later */\n"}, "without an issue"),
    ("a promise in a script", "check-style",
     {"tools/x": SH + "exit 0 # FIX" "ME\n"}, "tools/x:3: FIX"),
    ("a sleeping test", "check-style", {"tests/db/x.c": function("    usleep(3);\n")}, "usleep()"),
    ("a test that polls nothing", "check-style",
     {"tests/db/x.c": function("    poll(NULL, 0, 5);\n")}, "is a sleep"),
    ("a sleeping test script", "check-style", {"tests/db/x.sh": SH + "sleep 1\n"}, "a test sleeps"),
    ("volatile", "check-style", {"src/db/x.c": MIT + "volatile int x;\n"}, "volatile orders"),
    ("a function of 71 lines", "check-style", {"src/db/x.c": function(body(68))},
     "src/db/x.c:3: skep__f() has 71 lines"),
    ("seven parameters", "check-style",
     {"src/db/x.c": function("", "int a, int b, int c, int d, int e, int (*f)(int, int), int x")},
     "has 7 parameters"),
    ("four levels of nesting", "check-style",
     {"src/db/x.c": function("    if (x) {\n        while (x) {\n            if (x) {\n"
                             "                do {\n                    x--;\n"
                             "                } while (x);\n            }\n        }\n    }\n")},
     "src/db/x.c:8: skep__f() nests 4 deep"),
    ("a file of 1001 lines", "check-style",
     {"src/db/x.c": MIT + "int x;\n" * 1000}, "the file has 1001 lines"),
    ("101 columns", "check-style", {"src/db/x.c": MIT + "/* " + "x" * 95 + " */\n"},
     "the line has 101 columns"),
    ("an option without test", "check-style",
     {"tests/db/test.c": MIT}, "include/skep/a.h:10: skep_a_opts.depth: no test sets it"),
    ("an option without page", "check-style",
     {"docs/guide/a.md": "# A guide\n"}, "skep_a_opts.depth: no guide or man page explains it"),
    ("a long CMakeLists.txt", "check-style",
     {"CMakeLists.txt": "# SPDX-License-Identifier: MIT\n" + "project(a)\n" * 60},
     "the file has 61 lines"),
    ("a glob", "check-style",
     {"CMakeLists.txt": "# SPDX-License-Identifier: MIT\nfile(GLOB x *.c)\n"}, "file(GLOB)"),

    ("a link that leads nowhere", "check-docs",
     {"docs/x.md": "See [it](no.md).\n"}, "docs/x.md:1: `no.md` leads nowhere"),
    ("a heading that is not there", "check-docs",
     {"docs/x.md": "See [it](guide/a.md#nope).\n"}, "has no such heading"),
    ("a link out of the repository", "check-docs",
     {"docs/x.md": "See [it](../../x.md).\n"}, "leaves the repository"),
    ("a path out of the repository", "check-docs",
     {"src/db/x.c": MIT + "/* As ../sha" "red/x.md says. */\n"}, "src/db/x.c:2: `../sha"),
    ("the workplace's folder", "check-docs",
     {"tools/x": SH + "cd /wo" "rk/main\n"}, "tools/x:3: `/wo"),
    ("a function outside the ledger", "check-docs",
     {"docs/symbols": "# ledger\n"}, "include/skep/a.h:14: skep_a_open() is not in docs/symbols"),
    ("a ledger entry without header", "check-docs",
     {"docs/symbols": "# ledger\nskep_a_open\nskep_z\n"}, "docs/symbols:3: no public header"),
    ("a command without man page", "check-docs",
     {"docs/man/skep-db.1.scd": None}, "src/cli/commands.c:5: `skep db query` has no man page"),
    ("a page that forgets a verb", "check-docs",
     {"docs/man/skep-db.1.scd": "skep-db(1)\n"}, "says nothing of `skep db query`"),
    ("an option that no page explains", "check-docs",
     {"src/cli/commands.c": CLEAN["src/cli/commands.c"] +
      'static const cli_option db_options[] = {\n    {CLI_OPT_CSV, 0, "csv", NULL, CLI_NOTHING,'
      ' NULL, "Print CSV", false},\n    {0},\n};\n'}, "no man page explains `--csv`"),
    ("C from nowhere in a guide", "check-docs",
     {"docs/guide/b.md": "Text.\n\n```c\nint x;\n```\n"},
     "docs/guide/b.md:3: C that no test compiles"),
    ("C that is not what its example says", "check-docs",
     {"examples/x.c": MIT + "int x = 1;\n", "README.md": "```c examples/x.c\nint x;\n```\n"},
     "README.md:1: these lines do not stand in `examples/x.c`"),
    ("C from an example that is gone", "check-docs",
     {"docs/guide/b.md": "```c examples/no.c\nint x;\n```\n"}, "there is no `examples/no.c`"),
    ("a proof without a test", "check-docs",
     {"docs/proofs.md": "| id | where |\n| --- | --- |\n| B01 | `tests/db` |\n"},
     "docs/proofs.md:3: B01 does not stand in `tests/db`"),
    ("a proof that names none", "check-docs",
     {"docs/proofs.md": "| B01 | somewhere |\n"}, "docs/proofs.md:1: B01 names no test"),
    ("a room without README", "check-docs", {"src/db/README.md": None}, "the room has no README"),
    ("a README without a heading", "check-docs",
     {"src/db/README.md": README.replace("Vocabulary", "Words")}, "no heading `Vocabulary`"),
]

# (what a checker must let through, checker, {path: contents})
ACCEPTED = [
    ("members and prototypes that are named like calls", "check-style",
     {"src/db/x.c": MIT + "struct t {\n    int (*close)(int fd);\n};\nint skep__f(struct t *t)\n{\n"
      "    return t->close(1);\n}\n"}),
    ("a banned name in a comment or a text", "check-style",
     {"src/db/x.c": function('    /* No malloc() here. */\n    skep__say("malloc(1)");\n')}),
    ("prose in comments", "check-style",
     {"src/db/x.c": MIT + "/* If a reader waits, it is woken; the writer\n"
      " * goes on (see skep__g). Returns x. */\nint x;\n"}),
    ("SQL as a constant, and errors that quote it", "check-style",
     {"src/db/x.c": function('    skep__run("SELECT 1");\n'
                             '    SKEP__FAIL(1, "PRAGMA %s is not allowed", x);\n')}),
    ("a function of 70 lines", "check-style", {"src/db/x.c": function(body(67))}),
    ("initialisers in nested braces", "check-style",
     {"src/db/x.c": function("    struct t v = {{{{1}}}};\n    g((struct t){{{{1}}}});\n")}),
    ("a flag for signals, and SQLite's own types", "check-style",
     {"src/cli/x.c": MIT + "static volatile sig_atomic_t stop;\nint g(void volatile **map);\n"}),
    ("a promise with an issue", "check-style",
     {"src/db/x.c": MIT + "/* TO" "DO(#12): later. */\n"}),
    ("SQL composed in ddl.c", "check-style",
     {"src/sql/ddl.c": function('    skep__buf_text(b, "CREATE TABLE ");\n')}),
    ("both branches of a condition that open a brace", "check-style",
     {"src/db/x.c": function("#ifdef A\n    if (x) {\n#else\n    if (!x) {\n#endif\n"
                             "        x = 1;\n    }\n")}),
    ("includes inside a comment", "check-floors",
     {"src/base/b.c": MIT + '/* For example\n#include "db/db.h"\n*/\n'}),
    ("sqlite3.h in tests", "check-floors", {"tests/db/x.c": MIT + "#include <sqlite3.h>\n"}),
    ("links in code and to other sites", "check-docs",
     {"docs/x.md": "`[a](b.md)` [c](https://example.org/x)\n\n```\n[d](e.md)\n```\n"}),
    ("proofs whose tests have their ids", "check-docs",
     {"tests/db/a.c": MIT + "/* B01: one at a time. */\nTEST(b02_all_at_once)\n",
      "docs/proofs.md": "| B01 | `tests/db/a.c` |\n| B02 | `tests/db` |\n"}),
    ("C from an example, and none in other pages", "check-docs",
     {"examples/x.c": MIT + "int x;\nint y;\nint z;\n",
      "docs/guide/b.md": "```c examples/x.c\nint x;\nint y;\n```\n\n```sh\nls\n```\n",
      "docs/x.md": "```c\nint anything;\n```\n"}),
    ("words that only look like the workplace", "check-docs",
     {"docs/x.md": "src/workload and ~/wo" "rk and the wo" "rk/life balance\n"}),
]
