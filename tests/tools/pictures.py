# SPDX-License-Identifier: MIT
"""What the README shows, tried: tools/draw-terminal, which draws, and tools/fill-figures, which
writes the table. Both refuse what they would show wrongly."""
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as tree

SOURCE = os.environ.get("SKEP_SOURCE_DIR") or os.path.dirname(os.path.dirname(
    os.path.dirname(os.path.realpath(__file__))))
TOOL = os.path.join(SOURCE, "tools/draw-terminal")
SVG = "{http://www.w3.org/2000/svg}"


def run(text, *options):
    data = text if isinstance(text, bytes) else text.encode()
    done = subprocess.run([TOOL, *options], input=data, capture_output=True)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def equal(have, want):
    if have != want:
        raise AssertionError(f"{have!r}, not {want!r}")


class Picture:
    def __init__(self, text, *options):
        status, self.text, errors = run(text, *options)
        equal((status, errors), (0, ""))
        self.root = tree.fromstring(self.text)
        self.group = self.root.find(SVG + "g")

    def words(self):
        """(text, x, y) of all that stands on the screen; the title is not of it."""
        return [(t.text, float(t.get("x")), float(t.get("y")))
                for t in self.group.findall(SVG + "text") if t.get("text-anchor") is None]

    def said(self):
        return [w[0] for w in self.words()]

    def look(self, words, name):
        return next(t.get(name) for t in self.group.findall(SVG + "text") if t.text == words)

    def bars(self):
        return [(float(r.get("width")), r.get("fill")) for r in self.group.findall(SVG + "rect")]


def words_stand_on_a_grid():
    here = Picture("a\n  b  cd e\n").words()
    equal([w[0] for w in here], ["a", "b", "cd e"])
    (_, x0, y0), (_, x1, y1), (_, x2, _) = here
    equal((round((x1 - x0) / 7.8, 3), round((x2 - x0) / 7.8, 3), y1 - y0), (2, 5, 18))


def the_same_input_gives_the_same_picture():
    text = "\033[1mone\033[0m \033[33m██▌\033[0m\n"
    equal(run(text), run(text))
    equal(run(text), run(b"", "--", "printf", "%b", text.replace("\033", "\\033")))


def styles_come_and_go():
    picture = Picture("\033[1mbold\033[0m  \033[31mred\033[39m  \033[2mdim\033[22m  plain "
                      "\033[4;3mboth\033[0m\n")
    equal(picture.look("bold", "font-weight"), "bold")
    equal(picture.look("plain", "fill"), None)
    equal(picture.look("both", "font-style"), "italic")
    equal(picture.look("both", "text-decoration"), "underline")
    equal(len({picture.look(w, "fill") for w in ("red", "dim", "plain")}), 3)


def colours_of_all_three_kinds():
    picture = Picture("\033[91ma\033[0m  \033[38;5;196mb\033[0m  \033[38;2;1;2;3mc\033[0m  "
                      "\033[38;5;244md\033[0m\n")
    equal([picture.look(w, "fill") for w in "bcd"], ["#ff0000", "#010203", "#808080"])


def a_paper_is_a_rectangle():
    equal(Picture("\033[48;2;9;8;7mab\033[0m\n").bars(), [(15.6, "#090807")])


def bars_are_rectangles_to_the_eighth():
    equal([b[0] for b in Picture("██▌ █ \n").bars()], [19.5, 7.8])
    equal(Picture("██▌\n").said(), [])


def a_carriage_return_writes_over():
    equal(Picture("12 %\r100 %\n").said(), ["100 %"])
    equal(Picture("working\r\033[Kdone\n").said(), ["done"])
    equal(Picture("abc\b\bX\n").said(), ["aXc"])


def long_lines_wrap():
    equal(Picture("abcdef\n", "--columns", "4").said(), ["abcd", "ef"])


def wide_characters_take_two_cells():
    here = Picture("漢a\n").words()
    equal([w[0] for w in here], ["漢", "a"])
    equal(round(here[1][1] - here[0][1], 3), 15.6)
    equal(Picture("e\u0301a\n").said(), ["e\u0301", "a"])


def markup_is_text():
    equal(Picture("<b> & \"q\"\n", "--title", "<t>").said(), ["<b> & \"q\""])


def titles_of_the_terminal_draw_nothing():
    equal(Picture("\033]0;title\aone \033]8;;x\033\\two\n").said(), ["one two"])


def it_stops_before_a_line():
    equal(Picture("\none\n\nNext\ntwo\n", "--until", "Next").said(), ["one"])


def refuses(text, wanted, *options):
    def test():
        status, out, errors = run(text, *options)
        equal((status, out), (1, ""))
        if wanted not in errors:
            raise AssertionError(f"{errors!r} does not say `{wanted}`")
    test.__name__ = "it_refuses_" + re.sub(r"\W+", "_", wanted)
    return test


def a_command_has_a_terminal():
    status, out, errors = run(b"", "--columns", "72", "--", "sh", "-c",
                              "test -t 1 && stty size <&1 && echo note >&2")
    equal((status, errors), (0, "note\n"))
    equal(re.findall(r">([^<>\n]+)</text>", out)[-1], "50 72")


def a_failure_leaves_the_old_picture():
    with tempfile.TemporaryDirectory(prefix="skep-picture-") as root:
        path = os.path.join(root, "x.svg")
        equal(run("one\n", "-o", path), (0, "", ""))
        with open(path, encoding="utf-8") as f:
            before = f.read()
        equal(before, run("one\n")[1])
        equal(run("\033[2J", "-o", path)[0], 1)
        with open(path, encoding="utf-8") as f:
            equal(f.read(), before)


MEASURED = """
| what                            | durability of both | skep     | peer           | skep's   |
|---------------------------------|--------------------|----------|----------------|----------|
| small write transactions        | FULL | skep, 16 | plain pool, 16 | 51.7 k/s [50.0..52.0] | \
4.56 k/s [4..5] | 11.34x [11..12] | ≥ 8x | hit |
| small write transactions, p99.9 | FULL | skep, 16 | plain pool, 16 | 2.50 ms | 1.00 s | – | \
≤ 20.0 ms | hit |
"""
PAGE = """# A page

<!-- figures: bench/run --markdown | tools/fill-figures -->
old
<!-- end of figures -->

Text.
"""


def fill(page, markdown):
    with tempfile.TemporaryDirectory(prefix="skep-figures-") as root:
        path = os.path.join(root, "x.md")
        with open(path, "w", encoding="utf-8") as f:
            f.write(page)
        done = subprocess.run([os.path.join(SOURCE, "tools/fill-figures"), path],
                              input=markdown.encode(), capture_output=True)
        with open(path, encoding="utf-8") as f:
            return done.returncode, f.read(), done.stderr.decode()


def figures_come_between_the_marks():
    status, page, notes = fill(PAGE, MEASURED)
    equal(status, 0)
    rows = [[c.strip() for c in line.split("|")[1:-1]] for line in page.split("\n")
            if line.startswith("|")]
    equal([row[2:] for row in rows[2:]],
          [["51.7 k/s", "4.56 k/s", "11.3x"], ["2.50 ms", "1.00 s", "400x"]])
    equal((page.startswith("# A page\n\n<!--"), page.endswith("-->\n\nText.\n"), "old" in page),
          (True, True, False))
    equal("not measured: opening a database" in notes, True)
    equal(fill(page, MEASURED)[1], page)


def figures_need_their_marks_and_their_rows():
    equal(fill("# No marks\n", MEASURED)[:2], (1, "# No marks\n"))
    equal(fill(PAGE, "nothing\n")[:2], (1, PAGE))


TESTS = (
    figures_come_between_the_marks, figures_need_their_marks_and_their_rows,
    words_stand_on_a_grid, the_same_input_gives_the_same_picture, styles_come_and_go,
    colours_of_all_three_kinds, a_paper_is_a_rectangle, bars_are_rectangles_to_the_eighth,
    a_carriage_return_writes_over, long_lines_wrap, wide_characters_take_two_cells, markup_is_text,
    titles_of_the_terminal_draw_nothing, it_stops_before_a_line, a_command_has_a_terminal,
    a_failure_leaves_the_old_picture,
    refuses("", "nothing to draw"),
    refuses("a\033[2Jb", "unknown sequence ESC [2J"),
    refuses("a\033[99mb", "unknown style 99"),
    refuses("a\033[38;5;300mb", "neither 5;N nor 2;R;G;B"),
    refuses("a\x07b", "control character 0x07"),
    refuses(b"\xff\n", "not UTF-8"),
    refuses("one\n", "no line begins with `two`", "--until", "two"),
    refuses("", "`false` ended with status 1", "--", "false"),
    refuses("", "/no/such/program", "--", "/no/such/program"),
)


def main():
    failed = 0
    for test in TESTS:
        try:
            test()
        except (AssertionError, tree.ParseError, StopIteration) as e:
            print(f"fail {test.__name__}: {e!r}")
            failed += 1
    print(f"harness: {len(TESTS) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
