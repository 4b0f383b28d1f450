# SPDX-License-Identifier: MIT
"""C sources as the checkers read them: tokens, comments, includes and functions, with lines.

No compiler is asked: the checkers must run in a second, before anything is built. What needs types
is left to clang-tidy.
"""
import argparse
import os
import re
import subprocess
import sys

OWN_C = ("include", "src", "tests", "bench", "examples")
C_SUFFIXES = (".c", ".h", ".cc", ".cpp", ".hpp")
SKIPPED_FOLDERS = {".git", "build", "__pycache__", "node_modules"}

TOKEN = re.compile(
    r"""(?P<space>[ \t\r\f\v]+|\\\n)
      | (?P<line>\n)
      | (?P<block>/\*.*?\*/)
      | (?P<slash>//(?:[^\n\\]|\\.|\\\n)*)
      | (?P<string>(?:u8|[uUL])?"(?:\\.|[^"\\\n])*")
      | (?P<char>(?:[uUL])?'(?:\\.|[^'\\\n])*')
      | (?P<name>[A-Za-z_]\w*)
      | (?P<number>\.?\d(?:[eEpP][+-]|[\w.])*)
      | (?P<punct>->|\.\.\.|\+\+|--|<<=|>>=|<<|>>|[-+*/%&|^!=<>]=|&&|\|\||\#\#|.)
    """,
    re.VERBOSE | re.DOTALL,
)


class Token:
    """One token; `directive` tells whether it stands in a preprocessor line."""

    __slots__ = ("kind", "text", "line", "column", "directive")

    def __init__(self, kind, text, line, column, directive):
        self.kind = kind
        self.text = text
        self.line = line
        self.column = column
        self.directive = directive


class Comment:
    """One comment, with its first and last line."""

    __slots__ = ("text", "line", "last", "slash")

    def __init__(self, text, line, slash):
        self.text = text
        self.line = line
        self.last = line + text.count("\n")
        self.slash = slash

    def is_doc(self):
        return self.text.startswith("/**")

    def content(self):
        """(line, text) of each line, without the comment's own marks."""
        text = self.text[2:] if self.slash else self.text[2:-2].lstrip("*<")
        for n, line in enumerate(text.split("\n")):
            yield self.line + n, line.strip().lstrip("*").strip()


class Function:
    """A function's definition: `first` and `last` are the lines of its braces."""

    def __init__(self, name, line, first, params, inline):
        self.name = name
        self.line = line
        self.first = first
        self.last = first
        self.params = params
        self.inline = inline
        self.depth = 0
        self.deepest = first

    def lines(self):
        return self.last - self.first + 1


class Source:
    """One file, read once."""

    def __init__(self, root, rel):
        self.rel = rel
        with open(os.path.join(root, rel), encoding="utf-8", errors="replace") as f:
            self.text = f.read()
        self.lines = self.text.split("\n")
        if self.lines and self.lines[-1] == "":
            self.lines.pop()
        self.tokens = []
        self.comments = []
        self._scan()

    def is_header(self):
        return self.rel.endswith((".h", ".hpp"))

    def room(self):
        parts = self.rel.split("/")
        return parts[1] if parts[0] == "src" and len(parts) > 2 else None

    def _scan(self):
        line, start, at_start, directive = 1, 0, True, False
        for m in TOKEN.finditer(self.text):
            kind, text = m.lastgroup, m.group()
            if kind == "line":
                at_start, directive = True, False
            elif kind in ("block", "slash"):
                self.comments.append(Comment(text, line, kind == "slash"))
            elif kind != "space":
                if text == "#" and at_start:
                    directive = True
                at_start = False
                self.tokens.append(Token(kind, text, line, m.start() - start, directive))
            if "\n" in text:
                line += text.count("\n")
                start = m.start() + text.rindex("\n") + 1

    def includes(self):
        """(line, path, "<" or '"') of each #include."""
        wanted = re.compile(r'\s*#\s*include\s*(["<])([^">]+)[">]')
        hidden = set()
        for c in self.comments:
            hidden.update(range(c.line + 1, c.last + 1))
        for n, text in enumerate(self.lines, 1):
            m = wanted.match(text)
            if m and n not in hidden:
                yield n, m.group(2), m.group(1)

    def calls(self):
        """(index, token) of each name before a `(` that is no member and no macro's definition."""
        for i, t in enumerate(self.tokens):
            if t.kind != "name" or i + 1 >= len(self.tokens) or self.tokens[i + 1].text != "(":
                continue
            before = self.tokens[i - 1].text if i else ""
            if before in (".", "->"):
                continue
            if before == "define":
                continue
            yield i, t

    def active_tokens(self):
        """Tokens outside directives; of #if … #else … #endif the first branch only, so that braces
        balance."""
        skipping, stack = 0, []
        i, tokens = 0, self.tokens
        while i < len(tokens):
            t = tokens[i]
            if not t.directive:
                if not skipping:
                    yield t
                i += 1
                continue
            word = tokens[i + 1].text if i + 1 < len(tokens) else ""
            if word in ("if", "ifdef", "ifndef"):
                stack.append(False)
            elif word in ("else", "elif") and stack:
                skipping += 0 if stack[-1] else 1
                stack[-1] = True
            elif word == "endif" and stack:
                skipping -= 1 if stack.pop() else 0
            i += 1
            while i < len(tokens) and tokens[i].directive and tokens[i].text != "#":
                i += 1

    def functions(self):
        return FunctionFinder(list(self.active_tokens())).find()


class FunctionFinder:
    """Finds definitions by their braces: at the top level, a `{` after a parameter list."""

    CONTROL = ("if", "for", "while", "switch")

    def __init__(self, tokens):
        self.tokens = tokens

    def find(self):
        found, i, start = [], 0, 0
        while i < len(self.tokens):
            text = self.tokens[i].text
            if text in (";", "}"):
                start = i + 1
            elif text == "{":
                head = self._head(start, i)
                if head == "open":
                    start = i + 1
                elif head is None:
                    i = self._skip(i)
                    start = i if self._is_macro_body(i) else start
                else:
                    i = self._body(head, i)
                    found.append(head)
                    start = i + 1
            i += 1
        return found

    def _is_macro_body(self, i):
        return i + 1 < len(self.tokens) and self.tokens[i + 1].text not in (";", ",", "=")

    def _skip(self, i):
        depth = 0
        while i < len(self.tokens):
            depth += {"{": 1, "}": -1}.get(self.tokens[i].text, 0)
            if depth == 0:
                return i
            i += 1
        return i

    def _head(self, start, brace):
        """The function that begins at `brace`, "open" for extern "C" and namespaces, or None."""
        words = self.tokens[start:brace]
        texts = [t.text for t in words]
        if texts[:1] == ["extern"] and len(words) == 2 or "namespace" in texts[:2]:
            return "open"
        depth, groups = 0, []
        for i, t in enumerate(texts):
            if t == "(":
                if depth == 0:
                    groups.append([i, None])
                depth += 1
            elif t == ")":
                depth -= 1
                if depth == 0 and groups:
                    groups[-1][1] = i
            elif t == "=" and depth == 0:
                return None
        for first, last in groups:
            name = words[first - 1] if first else None
            if name is None or name.kind != "name" or name.text in ("__attribute__", "_Alignas"):
                continue
            if last is None:
                return None
            return Function(self._name(texts, first, name.text), name.line,
                            self.tokens[brace].line, self._params(texts[first + 1:last]),
                            "inline" in texts[:first])
        return None

    def _name(self, texts, first, name):
        if name in ("START_TEST", "TEST", "SKEP_TEST") and first + 1 < len(texts):
            return texts[first + 1]
        return name

    def _params(self, texts):
        if not texts or texts == ["void"]:
            return 0
        depth, count = 0, 1
        for t in texts:
            depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(t, 0)
            count += t == "," and depth == 0
        return count

    def _body(self, function, brace):
        """Walk a body: nesting counts blocks, not the braces of initialisers."""
        stack, i = [], brace
        while i < len(self.tokens):
            text = self.tokens[i].text
            if text == "{":
                stack.append(i == brace or self._is_block(i))
                depth = sum(stack) - 1
                if depth > function.depth:
                    function.depth, function.deepest = depth, self.tokens[i].line
            elif text == "}":
                stack.pop()
                if not stack:
                    break
            i += 1
        function.last = self.tokens[min(i, len(self.tokens) - 1)].line
        return i

    def _is_block(self, i):
        before = self.tokens[i - 1].text
        if before in (";", "{", "}", "else", "do", ":"):
            return True
        if before != ")":
            return False
        depth = 0
        while i > 0:
            i -= 1
            depth += {")": 1, "(": -1}.get(self.tokens[i].text, 0)
            if depth == 0:
                break
        opener = self.tokens[i - 1]
        return opener.kind == "name" and opener.text not in ("return", "sizeof", "case")


def list_files(root):
    """Paths of the project's own files: what git tracks or would track; else every file."""
    try:
        top = subprocess.run(["git", "-C", root, "rev-parse", "--show-toplevel"],
                             capture_output=True, text=True, check=True).stdout.strip()
        if os.path.realpath(top) == os.path.realpath(root):
            out = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard", "-z"],
                                 capture_output=True, text=True, check=True).stdout
            return sorted(p for p in set(out.split("\0")) if p and
                          p.split("/")[0] not in SKIPPED_FOLDERS and
                          os.path.isfile(os.path.join(root, p)))
    except (OSError, subprocess.CalledProcessError):
        pass
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(d for d in folders if d not in SKIPPED_FOLDERS)
        found += [os.path.relpath(os.path.join(folder, n), root) for n in names]
    return sorted(found)


def is_own_c(rel):
    return rel.split("/")[0] in OWN_C and rel.endswith(C_SUFFIXES)


def c_sources(root, files=None):
    return [Source(root, rel) for rel in (files or list_files(root)) if is_own_c(rel)]


def is_script(root, rel):
    """Whether a file is run by an interpreter, told by its name or its first line."""
    if rel.endswith((".py", ".sh", ".bash")):
        return True
    if "." in os.path.basename(rel):
        return False
    with open(os.path.join(root, rel), "rb") as f:
        return f.read(2) == b"#!"


class Report:
    """Findings fail the check; notes ask for a look and do not."""

    def __init__(self, name):
        self.name = name
        self.findings = []
        self.notes = []

    def finding(self, rel, line, what, instead):
        self.findings.append((rel, line, what, instead))

    def note(self, rel, line, what, instead):
        self.notes.append((rel, line, what, instead))

    def finish(self, looked_at):
        """Print everything and give the exit status."""
        for rel, line, what, instead in sorted(self.findings):
            print(f"{rel}:{line}: {what}; {instead}")
        for rel, line, what, instead in sorted(self.notes):
            print(f"{rel}:{line}: note: {what}; {instead}")
        print(f"{self.name}: {count(len(self.findings), 'finding')}, "
              f"{count(len(self.notes), 'note')} in {looked_at}")
        return 1 if self.findings else 0


def count(n, word):
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


def arguments(about):
    """The parser that all checkers share: --root, by default the tree that the checker is in."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--root", default=os.path.dirname(os.path.dirname(
        os.path.realpath(sys.argv[0]))), help="the project's folder")
    return parser


def built(root, preset):
    """The build folder of a preset, or exit with what to do."""
    folder = os.path.join(root, "build", preset)
    if not os.path.isfile(os.path.join(folder, "compile_commands.json")):
        print(f"build/{preset}:1: not built; run `cmake --preset {preset} && "
              f"cmake --build build/{preset}`")
        sys.exit(1)
    return folder
