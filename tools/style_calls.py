# SPDX-License-Identifier: MIT
"""Calls that own code does not make, what to use instead, and the exceptions with their reasons."""
import fnmatch
import re

# Banned in all own C.
EVERYWHERE = {
    "strcpy": "copy with a length: memcpy, skep__buf or snprintf",
    "strcat": "append to a skep__buf or use snprintf",
    "stpcpy": "copy with a length: memcpy, skep__buf or snprintf",
    "sprintf": "use snprintf and check what it returns",
    "vsprintf": "use vsnprintf and check what it returns",
    "gets": "use getline or fgets",
    "atoi": "use strtol and look at errno and the end pointer (base/num.h in the library)",
    "atol": "use strtol and look at errno and the end pointer (base/num.h in the library)",
    "atoll": "use strtoll and look at errno and the end pointer (base/num.h in the library)",
    "atof": "use strtod and look at errno and the end pointer",
    "strtok": "use strtok_r or walk a slice",
    "localtime": "use localtime_r; the library keeps UTC (base/time.h)",
    "gmtime": "use gmtime_r or base/time.h",
    "ctime": "use base/time.h",
    "asctime": "use base/time.h",
    "rand": "use getrandom, or the test's seed",
    "srand": "use getrandom, or the test's seed",
    "random": "use getrandom, or the test's seed",
    "system": "use posix_spawn with an argument list",
    "popen": "use posix_spawn with an argument list",
    "alloca": "use a fixed array with a named maximum, or the heap",
    "signal": "use sigaction",
    "atexit": "own what you open and close it; nothing runs at exit",
}

# Banned in library rooms: memory comes from base/mem.
ALLOCATION = dict.fromkeys(
    ("malloc", "calloc", "realloc", "reallocarray", "free", "strdup", "strndup", "asprintf",
     "vasprintf", "posix_memalign", "aligned_alloc", "memalign", "valloc", "getline",
     "open_memstream"),
    "use base/mem.h: all memory comes from the one allocator table")

# Banned in library rooms but `os`: files go through its call table, so that faults reach them.
FILES = dict.fromkeys(
    ("open", "open64", "openat", "creat", "close", "read", "write", "pread", "pwrite", "readv",
     "writev", "preadv", "pwritev", "fopen", "fdopen", "freopen", "fclose", "fread", "fwrite",
     "fgets", "fputs", "fgetc", "fputc", "fseek", "fflush", "rename", "renameat", "renameat2",
     "unlink", "unlinkat", "remove", "mkdir", "mkdirat", "rmdir", "stat", "fstat", "lstat",
     "fstatat", "access", "faccessat", "fsync", "fdatasync", "sync_file_range", "syncfs",
     "ftruncate", "truncate", "fallocate", "posix_fallocate", "mmap", "munmap", "mremap", "msync",
     "flock", "lockf", "fcntl", "opendir", "fdopendir", "readdir", "closedir", "link", "linkat",
     "symlink", "readlink", "realpath", "chmod", "fchmod", "chown", "fchown", "utimensat",
     "futimens", "mkstemp", "mkdtemp", "tmpfile", "lseek", "copy_file_range", "sendfile",
     "statvfs", "fstatvfs", "nftw", "umask"),
    "use the room `os` and its call table, so that the fault tests reach it")

# Banned in library rooms: they return errors and emit events.
OUTPUT = dict.fromkeys(
    ("printf", "vprintf", "puts", "putchar", "fprintf", "vfprintf", "dprintf", "perror", "syslog"),
    "return an error with its detail, or emit an event; the program prints")

ENGINE = dict.fromkeys(
    ("sqlite3_exec", "sqlite3_get_table", "sqlite3_mprintf", "sqlite3_snprintf"),
    "prepare, bind and step through the room `sql`")

SLEEPS = dict.fromkeys(
    ("sleep", "usleep", "nanosleep", "clock_nanosleep", "thrd_sleep"),
    "wait for the event itself: an injection point, a pipe, a condition or the fake clock")

# (path pattern, name, reason). An entry that nothing needs is a finding.
ALLOWED = [
    ("src/base/err.c", "fprintf", "a failed assertion ends the process: stderr is all there is"),
    ("src/http/metrics.c", "fprintf", "into memory: open_memstream"),
    ("tests/harness/crash.c", "clock_nanosleep", "the moment of a kill is left to chance"),
]

SQL_VERB = re.compile(
    r"\s*\(?\s*(select|insert\s+(or\s+\w+\s+)?into|replace\s+into|update\s+\S+\s+set|delete\s+from|"
    r"create\s+(temp|temporary|unique|virtual|table|index|view|trigger)|drop\s+(table|index|view|"
    r"trigger)|alter\s+table|pragma|attach|detach|vacuum\s+into|savepoint|release|with\s+\S+\s+as)"
    r"\b", re.IGNORECASE)
TEXT_CONVERSION = re.compile(r"%[-+ #0]*(\*|\d+)?(\.(\*|\d+))?[sqQw]")
PRINTER = re.compile(r"(sn|as|sqlite3_m|sqlite3_sn|vsn|vas)printf$|_printf$|_appendf?$|_format$|"
                     r"^skep__buf_")
COMPOSERS = ("src/sql/ddl.c", "src/query/*", "src/schema/*")


class Exceptions:
    """Looks up ALLOWED and remembers what was needed."""

    def __init__(self):
        self.needed = set()

    def allow(self, rel, name):
        for i, (pattern, allowed, _) in enumerate(ALLOWED):
            if allowed == name and fnmatch.fnmatch(rel, pattern):
                self.needed.add(i)
                return True
        return False

    def report_stale(self, rels, report):
        for i, (pattern, name, _) in enumerate(ALLOWED):
            if i not in self.needed and any(fnmatch.fnmatch(rel, pattern) for rel in rels):
                report.finding("tools/style_calls.py", 1,
                               f"ALLOWED has `{name}` for {pattern}, where nothing calls it",
                               "remove the entry")


# Rooms outside libskep, which have neither its allocator nor its call table.
ON_PUBLIC_HEADERS = ("http", "cli")


def tables(source):
    """The ban tables that hold for a file."""
    yield EVERYWHERE
    room, folder = source.room(), source.rel.split("/")[0]
    if room and room not in ON_PUBLIC_HEADERS:
        if source.rel not in ("src/base/mem.c", "src/base/mem.h"):
            yield ALLOCATION
        if room != "os":
            yield FILES
    if room and room != "cli":
        yield OUTPUT
    if folder in ("src", "include", "examples") and room != "sql":
        yield ENGINE
    if folder == "tests":
        yield SLEEPS


def is_declaration(tokens, i):
    """`int close(…)`: a type before the name, so nothing is called here."""
    before = tokens[i - 1] if i else None
    return before is not None and before.kind == "name" and before.text not in (
        "return", "else", "do", "case", "sizeof", "goto")


def check_calls(source, exceptions, report):
    bans = list(tables(source))
    for i, t in source.calls():
        for table in bans:
            if t.text in table and not is_declaration(source.tokens, i) and \
                    not exceptions.allow(source.rel, t.text):
                report.finding(source.rel, t.line, f"{t.text}() is not called here", table[t.text])
    if ALLOCATION in bans:
        check_passed(source, exceptions, report)
    if source.rel.startswith("tests/"):
        check_hidden_sleep(source, report)


def check_passed(source, exceptions, report):
    """`free` handed over as a function: SKEP__CLEANUP(free), .release = free."""
    tokens = source.tokens
    for i, t in enumerate(tokens[1:-1], 1):
        if t.text in ("malloc", "calloc", "realloc", "free") and \
                tokens[i - 1].text in ("(", ",", "=", "?", ":", "&", "return") and \
                tokens[i + 1].text in (",", ")", ";", "}", ":") and \
                not exceptions.allow(source.rel, t.text):
            report.finding(source.rel, t.line, f"{t.text} is handed over", ALLOCATION[t.text])


def check_hidden_sleep(source, report):
    """poll and select with nothing to wait for are sleeps by another name."""
    for i, t in source.calls():
        texts = [x.text for x in source.tokens[i + 2:i + 4]]
        if t.text in ("poll", "ppoll") and texts[:2] == ["NULL", ","] or \
                t.text in ("select", "pselect") and texts[:2] == ["0", ","]:
            report.finding(source.rel, t.line, f"{t.text}() without descriptors is a sleep",
                           SLEEPS["sleep"])


def check_sql(source, report):
    """SQL text that a printing function composes."""
    folder = source.rel.split("/")[0]
    if folder not in ("src", "examples") or \
            any(fnmatch.fnmatch(source.rel, p) for p in COMPOSERS):
        return
    callers, i, tokens = [], 0, source.tokens
    while i < len(tokens):
        t = tokens[i]
        if t.text == "(":
            callers.append(tokens[i - 1].text if i and tokens[i - 1].kind == "name" else "")
        elif t.text == ")" and callers:
            callers.pop()
        elif t.kind == "string":
            first, text = t, ""
            while i < len(tokens) and tokens[i].kind in ("string", "name"):
                text += tokens[i].text.strip('"') if tokens[i].kind == "string" else "0"
                i += 1
            caller = callers[-1] if callers else ""
            composed = TEXT_CONVERSION.search(text) or caller.startswith("skep__buf_")
            if PRINTER.search(caller) and SQL_VERB.match(text) and composed:
                report.finding(source.rel, first.line, f"{caller}() composes SQL",
                               "bind values to parameters; names go through src/sql/ddl.c")
            continue
        i += 1
