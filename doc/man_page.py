#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A manual page of a scdoc source, without what `mandoc -Tlint` dislikes in scdoc's output: empty
paragraphs, long input lines, a title in lower case.

    man_page.py SCDOC doc/grapnel.8.scd > grapnel.8
"""

import re
import subprocess
import sys

WIDTH = 80
LITERAL = {".nf": ".fi", ".TS": ".TE"}  # lines stay as they are between these


def without_empty_paragraphs(lines):
    """A .P after a heading or before a line that begins a block has no text; one at the end of an
    indented block moves behind it."""
    out = []
    for line in lines:
        begins = re.match(r"\.(P|SH|SS|RE)\b", line) is not None
        had_paragraph = begins and bool(out) and out[-1] == ".P"
        if had_paragraph:
            out.pop()
        if line == ".P" and out and re.match(r"\.(SH|SS)\b", out[-1]):
            continue
        out.append(line)
        if line == ".RE" and had_paragraph:
            out.append(".P")
    while out and out[-1] == ".P":
        out.pop()
    return out


def width(text):
    """As mandoc counts: a character beyond ASCII is an escape of 8 bytes."""
    return len(text.encode("ascii", "xmlcharrefreplace"))


def folded(line):
    """Parts of a line of text; a line that begins with a dot or a quote would be a request."""
    words = line.split(" ")
    part = words[0]
    for word in words[1:]:
        if width(f"{part} {word}") <= WIDTH:
            part += f" {word}"
            continue
        yield part
        part = f"\\&{word}" if word.startswith((".", "'")) else word
    yield part


def with_short_lines(lines):
    end = None
    for line in lines:
        if end is None and not line.startswith((".", "'")):
            yield from folded(line)
            continue
        if end is None:
            end = LITERAL.get(line)
        elif line == end:
            end = None
        yield line


def tidy(text):
    text = re.sub(r'^\.TH "([^"]*)"', lambda head: f'.TH "{head[1].upper()}"', text, flags=re.M)
    return "\n".join(with_short_lines(without_empty_paragraphs(text.splitlines()))) + "\n"


def page(scdoc, source):
    with open(source, encoding="utf-8") as file:
        done = subprocess.run([scdoc], stdin=file, capture_output=True, text=True, check=True)
    return tidy(done.stdout)


if __name__ == "__main__":
    sys.stdout.write(page(*sys.argv[1:]))
