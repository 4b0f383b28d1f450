# SPDX-License-Identifier: MIT
"""The shape of sources: sizes, comments, first lines, and public options that are proved."""
import os
import re

import csource

FUNCTION_LINES = 70
FUNCTION_PARAMS = 6
FUNCTION_NESTING = 3
INLINE_LINES = 5
CMAKE_LINES = 60
FILE_REVIEW = 600
FILE_LINES = 1000
COLUMNS = 100
COMMENT_SHARE = 0.30
COMMENT_SHARE_FROM = 40  # lines: a short file with one good comment is no smell

SPDX = "SPDX-License-Identifier: MIT"
SPDX_NAMES = ("CMakeLists.txt", "Makefile", ".clang-format", ".clang-tidy")
SPDX_SUFFIXES = csource.C_SUFFIXES + (".py", ".sh", ".bash", ".fish", ".zsh", ".cmake", ".map",
                                      ".supp", ".yml", ".yaml", ".js", ".mjs")
# Written so that this file does not find itself.
MARKER = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
ISSUE = re.compile(r"#\d+|\bissue \d+")
RULER = re.compile(r"([-=*_~#+/])\1{7,}")
TEXT_SUFFIXES = (".md", ".scd", ".txt", ".in", ".cmake", ".json")

CODE_LINE = [re.compile(p) for p in (
    r"(if|for|while|switch) \(.*\)\s*\{?$",
    r"(return|goto|break|continue)\b[\w\s.\->()\[\]+*-]*;$",
    r"\}?\s*else\s*(\{|$)",
    r"\*?[A-Za-z_][\w.\[\]]*(->[\w.\[\]]+)*\s*([-+|&]?=)\s*[^=].*;$",
    r"[A-Za-z_]\w*\(.*\);$",
    r"#\s*(if|ifdef|ifndef|include|define|endif|else)\b",
    r"(static|const|int|char|void|size_t|bool|u?int\d+_t|struct \w+)\b[^.]*[;{]$",
)]


# (source, function): another library decides what it takes.
GIVEN_SHAPE = (("src/http/request.c", "http_request_step"),)


def check_functions(source, report):
    for f in source.functions():
        name = f"{f.name}()"
        if f.lines() > FUNCTION_LINES:
            report.finding(source.rel, f.line, f"{name} has {f.lines()} lines, most are "
                           f"{FUNCTION_LINES}", "let the parent decide and helpers work")
        if f.params > FUNCTION_PARAMS and (source.rel, f.name) not in GIVEN_SHAPE:
            report.finding(source.rel, f.line, f"{name} has {f.params} parameters, most are "
                           f"{FUNCTION_PARAMS}", "pass a struct")
        if f.depth > FUNCTION_NESTING:
            report.finding(source.rel, f.deepest, f"{name} nests {f.depth} deep, most is "
                           f"{FUNCTION_NESTING}", "return early or move the inner block out")
        if f.inline and source.rel.startswith("src/"):
            check_inline(source, f, name, report)


def check_inline(source, f, name, report):
    if not source.is_header():
        report.finding(source.rel, f.line, f"{name} is inline in a source file",
                       "leave it to the compiler: static is enough")
    elif f.lines() - 2 > INLINE_LINES:
        report.finding(source.rel, f.line, f"{name} is inline and has {f.lines() - 2} lines, most "
                       f"are {INLINE_LINES}", "move it to the source file")


def check_size(rel, lines, report):
    if lines > FILE_LINES:
        report.finding(rel, FILE_LINES, f"the file has {lines} lines, most are {FILE_LINES}",
                       "split it by what it is about")
    elif lines > FILE_REVIEW:
        report.note(rel, FILE_REVIEW, f"the file has {lines} lines, review starts at {FILE_REVIEW}",
                    "see whether it is about one thing")


def check_columns(rel, lines, report):
    for n, line in enumerate(lines, 1):
        if len(line.expandtabs(8)) > COLUMNS:
            report.finding(rel, n, f"the line has {len(line.expandtabs(8))} columns, most are "
                           f"{COLUMNS}", "break it")


def check_comments(source, report):
    commented = set()
    for c in source.comments:
        commented.update(range(c.line, c.last + 1))
        if c.slash:
            report.finding(source.rel, c.line, "a // comment", "write /* … */")
        for n, line in c.content():
            if RULER.search(line):
                report.finding(source.rel, n, "a ruler in a comment",
                               "remove it; functions and files give the order")
            if not source.is_header() and any(p.match(line) for p in CODE_LINE):
                report.finding(source.rel, n, "commented-out code",
                               "delete it: git keeps it; or say it in words")
    for n, line in enumerate(source.lines, 1):
        if re.match(r"\s*#\s*if\s+0\b", line):
            report.finding(source.rel, n, "#if 0", "delete the code: git keeps it")
    full = sum(1 for line in source.lines if line.strip())
    share = len(commented) / full if full else 0
    if not source.is_header() and full >= COMMENT_SHARE_FROM and share > COMMENT_SHARE:
        report.note(source.rel, 1, f"{share:.0%} of the lines are comments",
                    "keep why, crash, race and unit; drop what the code says")


def check_volatile(source, report):
    for i, t in enumerate(source.tokens):
        if t.text != "volatile":
            continue
        near = {x.text for x in source.tokens[max(0, i - 1):i + 2]}
        if near & {"sig_atomic_t", "__asm__", "asm", "void"}:
            continue
        report.finding(source.rel, t.line, "volatile orders nothing between threads",
                       "use _Atomic; taken are `volatile sig_atomic_t` and `volatile void *`")


def check_markers_c(source, report):
    for c in source.comments:
        for n, line in c.content():
            report_marker(source.rel, n, line, report)


def report_marker(rel, n, line, report):
    m = MARKER.search(line)
    if m and not ISSUE.search(line):
        report.finding(rel, n, f"{m.group()} without an issue",
                       "do it now, or name the issue: `#12`")


def check_text(root, rel, report):
    """Scripts, build files and documents: first line, markers, sizes, sleeps."""
    name = os.path.basename(rel)
    script = csource.is_script(root, rel)
    needs_spdx = script or name in SPDX_NAMES or rel.endswith(SPDX_SUFFIXES)
    if not needs_spdx and not rel.endswith(TEXT_SUFFIXES):
        return
    with open(os.path.join(root, rel), encoding="utf-8", errors="replace") as f:
        lines = f.read().splitlines()
    if needs_spdx:
        check_spdx(rel, lines, report)
    for n, line in enumerate(lines, 1):
        report_marker(rel, n, line.partition("#")[2] if script else line, report)
        # Servers of others tell nobody when they are ready or gone: those are asked again.
        if script and rel.startswith("tests/") and not rel.startswith("tests/services/") and \
                re.match(r"\s*sleep\s+[\d.$]", line):
            report.finding(rel, n, "a test sleeps", "wait for the event itself")
    if script:
        check_size(rel, len(lines), report)
        check_columns(rel, lines, report)
    if name == "CMakeLists.txt" or rel.endswith(".cmake"):
        check_cmake(rel, lines, report)


def check_cmake(rel, lines, report):
    if rel.endswith("CMakeLists.txt") and len(lines) > CMAKE_LINES:
        report.finding(rel, CMAKE_LINES, f"the file has {len(lines)} lines, most are {CMAKE_LINES}",
                       "move functions to cmake/, folders to their own CMakeLists.txt")
    for n, line in enumerate(lines, 1):
        if re.match(r"\s*file\s*\(\s*GLOB", line, re.IGNORECASE):
            report.finding(rel, n, "file(GLOB) misses new files until the next configure",
                           "name each source")


def check_spdx(rel, lines, report):
    first = lines[0] if lines else ""
    if first.startswith(("#!", "#compdef")):
        first = lines[1] if len(lines) > 1 else ""
    if SPDX not in first:
        line = f"/* {SPDX} */" if rel.endswith(csource.C_SUFFIXES) else f"# {SPDX}"
        report.finding(rel, 1, "the licence is not in the first line", f"begin with `{line}`")


class Words:
    """All words of a set of files, to ask whether something is mentioned."""

    def __init__(self, root, rels):
        self.words = set()
        for rel in rels:
            with open(os.path.join(root, rel), encoding="utf-8", errors="replace") as f:
                self.words.update(re.findall(r"\w+", f.read()))

    def __contains__(self, word):
        return word in self.words


def public_options(source):
    """(line, struct, field) of each option that callers may set."""
    for m in re.finditer(r"typedef struct (skep_\w*opts)\s*\{(.*?)\n\}", source.text, re.DOTALL):
        body = re.sub(r"/\*.*?\*/", lambda c: re.sub(r"[^\n]", " ", c.group()), m.group(2),
                      flags=re.DOTALL)
        first = source.text.count("\n", 0, m.start(2)) + 1
        for field in re.finditer(r"(\w+)\s*(\[[^]]*\])?\s*;", body):
            if field.group(1) not in ("size", "reserved"):
                yield first + body.count("\n", 0, field.start()), m.group(1), field.group(1)


def public_constants(source):
    """(line, name) of each enumerator but those that give 0 a name."""
    for m in re.finditer(r"enum\s*\w*\s*\{(.*?)\n\}", source.text, re.DOTALL):
        body = re.sub(r"/\*.*?\*/", lambda c: re.sub(r"[^\n]", " ", c.group()), m.group(1),
                      flags=re.DOTALL)
        first = source.text.count("\n", 0, m.start(1)) + 1
        for name in re.finditer(r"\b(SKEP_[A-Z0-9_]+)\b\s*(?:=(?!\s*0\b)|,|\n|$)", body):
            yield first + body.count("\n", 0, name.start()), name.group(1)


def check_options(root, files, sources, report):
    """An option is read by the library, set by a test, and explained beyond its header."""
    used = Words(root, [s.rel for s in sources if s.rel.startswith("src/")])
    proofs = {
        "the library does not read it": used,
        "no test sets it": Words(root, [s.rel for s in sources if s.rel.startswith("tests/")]),
        "no guide or man page explains it": Words(
            root, [f for f in files if f.endswith((".md", ".scd")) and
                   (f.startswith("docs/") or f == "README.md")]),
    }
    headers = [s for s in sources if s.rel.startswith("include/")]
    for source in headers:
        for line, struct, field in public_options(source):
            lacking = [p for p, words in proofs.items() if field not in words]
            if lacking:
                report.finding(source.rel, line, f"{struct}.{field}: {', '.join(lacking)}",
                               "prove and explain the option, or remove it")
    in_headers = [t.text for s in headers for t in s.tokens if t.kind == "name"]
    for source in headers:
        for line, name in public_constants(source):
            if name not in used and in_headers.count(name) < 2:
                report.note(source.rel, line, f"the library never uses {name}",
                            "remove it until something does")
