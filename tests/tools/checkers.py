# SPDX-License-Identifier: MIT
"""The checkers, checked: each accepts a small clean tree, and refuses it with one violation."""
import contextlib
import importlib.machinery
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import trees

SOURCE = os.environ.get("SKEP_SOURCE_DIR") or os.path.dirname(os.path.dirname(
    os.path.dirname(os.path.realpath(__file__))))
TOOLS = os.path.join(SOURCE, "tools")
FINDING = re.compile(r"^[^:\n]+:\d+: .+; .+$")


class Skip(Exception):
    """A program of the machine is missing."""


def write_tree(root, *changes):
    files = {}
    for change in changes:
        files.update(change)
    for rel, contents in files.items():
        if contents is None:
            continue
        path = os.path.join(root, rel)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(contents)


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    return done.returncode, done.stdout + done.stderr


def check(root, checker, *options):
    return run(os.path.join(TOOLS, checker), "--root", root, *options)


def load(checker):
    """A checker as a module: its many small cases then need no process each."""
    loader = importlib.machinery.SourceFileLoader(checker.replace("-", "_"),
                                                  os.path.join(TOOLS, checker))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def check_here(root, checker, loaded={}):
    if checker not in loaded:
        sys.path[:0] = [] if TOOLS in sys.path else [TOOLS]
        loaded[checker] = load(checker)
    out, before = io.StringIO(), sys.argv
    sys.argv = [os.path.join(TOOLS, checker), "--root", root]
    try:
        with contextlib.redirect_stdout(out):
            status = loaded[checker].main()
    finally:
        sys.argv = before
    return status, out.getvalue()


def expect(condition, what, output):
    if not condition:
        raise AssertionError(f"{what}\n{output}")


def refuses(checker, changes, wanted):
    """The clean tree with `changes` fails, and every line says where, what and what to do."""
    def test(root):
        write_tree(root, trees.CLEAN, changes)
        status, output = check_here(root, checker)
        expect(status == 1, f"status {status} instead of 1", output)
        expect(wanted in output, f"`{wanted}` is not said", output)
        for line in output.splitlines()[:-1]:
            expect(FINDING.match(line), f"not `file:line: what; what to do`: {line}", output)
    return test


def accepts(checker, changes):
    def test(root):
        write_tree(root, trees.CLEAN, changes)
        status, output = check(root, checker) if not changes else check_here(root, checker)
        expect(status == 0, f"status {status} instead of 0", output)
    return test


def needs(*programs):
    for program in programs:
        if shutil.which(program) is None:
            raise Skip(f"{program} is not installed")


def build_library(root, text, name="libskep.so"):
    needs("cc", "nm")
    source, library = os.path.join(root, "lib.c"), os.path.join(root, name)
    write_tree(root, {"lib.c": text})
    status, output = run("cc", "-shared", "-fPIC", "-o", library, source)
    expect(status == 0, "cc failed", output)
    return library


def ledger_matches(root):
    write_tree(root, {"docs/symbols": "# ledger\nskep_a\nskep_b\n"})
    library = build_library(root, "void skep_a(void){}\nvoid skep_b(void){}\n")
    status, output = check(root, "check-symbols", "--lib", library)
    expect(status == 0, f"status {status} instead of 0", output)


def ledger_differs(root):
    write_tree(root, {"docs/symbols": "# ledger\nskep_a\nskep_gone\n"})
    library = build_library(root, "void skep_a(void){}\nvoid skep_new(void){}\n"
                                  "void skep__inside(void){}\nvoid sqlite3_open(void){}\n")
    status, output = check(root, "check-symbols", "--lib", library)
    expect(status == 1, f"status {status} instead of 1", output)
    for wanted in ("docs/symbols:3: `skep_gone` is not exported", "`skep_new`, exported",
                   "it exports `skep__inside`", "it exports `sqlite3_open`"):
        expect(wanted in output, f"`{wanted}` is not said", output)


def ledger_is_written(root):
    write_tree(root, {"docs/symbols": "# ledger\n"})
    library = build_library(root, "void skep_b(void){}\nvoid skep_a(void){}\n"
                                  "void skep__inside(void){}\n")
    check(root, "check-symbols", "--lib", library, "--update")
    with open(os.path.join(root, "docs/symbols"), encoding="utf-8") as f:
        lines = [line.strip() for line in f if not line.startswith("#")]
    expect(lines == ["skep_a", "skep_b"], "the ledger is not the sorted public symbols", str(lines))


def library_is_missing(root):
    status, output = check(root, "check-symbols")
    expect(status == 1 and "the library is not built" in output, f"status {status}", output)


def build_objects(root, text, rel="src/db/x.c"):
    """One source in a compile database, compiled."""
    needs("cc", "nm")
    write_tree(root, {rel: text})
    folder = os.path.join(root, "build/dev")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(root, rel)
    command = f"cc -O2 -g -fPIC -std=gnu11 -I{root}/src -o x.o -c {path}"
    with open(os.path.join(folder, "compile_commands.json"), "w", encoding="utf-8") as f:
        json.dump([{"directory": folder, "file": path, "command": command}], f)
    status, output = run(*command.split(), cwd=folder)
    expect(status == 0, "cc failed", output)


def globals_are_found(root):
    build_objects(root, "int data = 1;\nint bss;\n__thread int tls = 2;\n"
                        "int *f(void) { static int local; return tls ? &local : &bss; }\n")
    status, output = check(root, "check-globals")
    expect(status == 1, f"status {status} instead of 1", output)
    for line, name in ((1, "data"), (2, "bss"), (3, "tls"), (4, "local")):
        expect(f"src/db/x.c:{line}: `{name}` is" in output, f"`{name}` is not found", output)


def constants_are_no_globals(root):
    build_objects(root, "extern int g(void), h(void);\n"
                        "int (*const calls[])(void) = {g, h};\nstatic const char *const t[] = "
                        '{"a", "b"};\nconst char *f(int i) { return i ? t[i] : __func__; }\n')
    status, output = check(root, "check-globals")
    expect(status == 0, f"status {status} instead of 0", output)


def lint(root, *names):
    """The real tools/lint, over a copy of itself in a tree of its own."""
    for name in os.listdir(TOOLS):
        path = os.path.join(TOOLS, name)
        if os.path.isfile(path):
            os.makedirs(os.path.join(root, "tools"), exist_ok=True)
            shutil.copy(path, os.path.join(root, "tools", name))
    for name in (".clang-format", ".clang-tidy"):
        shutil.copy(os.path.join(SOURCE, name), os.path.join(root, name))
    return run(os.path.join(root, "tools/lint"), *names)


def lint_sees_format(root):
    needs("clang-format")
    write_tree(root, {"src/db/x.c": "int f(void) { return 1; }\n"})
    status, output = lint(root, "format")
    expect(status == 1 and "src/db/x.c:1:" in output, f"status {status}", output)
    expect(output.endswith("lint: 0 passed, 1 failed\n"), "the last line", output)
    run(os.path.join(root, "tools/lint"), "--fix")
    status, output = run(os.path.join(root, "tools/lint"), "format")
    expect(status == 0, f"status {status} after --fix", output)
    expect(output.endswith("lint: 1 passed, 0 failed\n"), "the last line", output)


def lint_sees_scripts(root):
    write_tree(root, {"tools/broken": trees.SH + "if true; then\n"})
    status, output = lint(root, "scripts")
    expect(status == 1 and "tools/broken" in output, f"status {status}", output)


def lint_sees_tidy(root):
    needs("clang-tidy")
    write_tree(root, {"src/db/x.c": ""})
    build_objects(root, "int f(int *p);\nint f(int *p)\n{\n    return p ? 1 : *p;\n}\n")
    status, output = lint(root, "tidy")
    expect(status == 1 and "src/db/x.c:4:" in output, f"status {status}", output)
    again = run(os.path.join(root, "tools/lint"), "tidy")
    expect(again[0] == 1 and "src/db/x.c:4:" in again[1], "the cache forgot the finding", again[1])
    build_objects(root, "int f(int *p);\nint f(int *p)\n{\n    return p ? *p : 1;\n}\n")
    status, output = run(os.path.join(root, "tools/lint"), "tidy")
    expect(status == 0, "the cache outlived a change of the source", output)


LEAKS = """#include "base/mem.h"
int leak(int x);
int leak(int x)
{
    char *p = skep__alloc(8);
    if (p == NULL || x)
        return -1;
    skep__free(p);
    return 0;
}
int twice(int x);
int twice(int x)
{
    char *p = skep__alloc(8);
    skep__free(p);
    if (x)
        skep__free(p);
    return 0;
}
int give(char *note, char **out);
int give(char *note, char **out)
{
    char *p = skep__alloc(8);
    if (p == NULL)
        return -1;
    note[0] = 1;
    *out = p;
    return 0;
}
int into(char *note, char **list, int n);
int into(char *note, char **list, int n)
{
    note[0] = 1;
    list[n] = skep__alloc(8);
    return list[n] == NULL ? -1 : 0;
}
"""


def lint_sees_leaks(root):
    status, output = run("cc", "--version")
    if status or "Free Software Foundation" not in output:
        raise Skip("cc is not GCC")
    for rel in ("include/skep", "src/base"):
        shutil.copytree(os.path.join(SOURCE, rel), os.path.join(root, rel))
    os.makedirs(os.path.join(root, "src/db"))
    shutil.copytree(os.path.join(SOURCE, "include/skep"), os.path.join(root, "src/skep"))
    build_objects(root, LEAKS)
    status, output = lint(root, "analyzer")
    expect(status == 1, f"status {status}", output)
    expect("src/db/x.c:6:" in output and "malloc-leak" in output, "the leak is not seen", output)
    expect("src/db/x.c:17:" in output and "double-free" in output, "nor the double free", output)
    expect(output.count("warning:") == 2, "more than the two are seen", output)


def all_tests():
    for checker in ("check-floors", "check-style", "check-docs"):
        yield f"{checker}_accepts_a_clean_tree", accepts(checker, {})
    for what, checker, changes, wanted in trees.VIOLATIONS:
        yield f"{checker}_refuses {what}", refuses(checker, changes, wanted)
    for what, checker, changes in trees.ACCEPTED:
        yield f"{checker}_accepts {what}", accepts(checker, changes)
    for test in (ledger_matches, ledger_differs, ledger_is_written, library_is_missing,
                 globals_are_found, constants_are_no_globals, lint_sees_format, lint_sees_scripts,
                 lint_sees_tidy, lint_sees_leaks):
        yield test.__name__, test


def main():
    passed = failed = skipped = 0
    for name, test in all_tests():
        name = re.sub(r"\W+", "_", name)
        with tempfile.TemporaryDirectory(prefix="skep-tools-") as root:
            try:
                test(root)
                passed += 1
            except Skip as e:
                print(f"skip {name}: tool ({e})")
                skipped += 1
            except (AssertionError, OSError) as e:
                print(f"fail {name}: {e}")
                failed += 1
    print(f"harness: {passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
