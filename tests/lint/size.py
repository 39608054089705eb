#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A file has at most 400 lines, a function of the product at most 60."""

import re
import sys

import tree

FILE_LIMIT = 400
FUNCTION_LIMIT = 60
HEAD = re.compile(r"^( {0,4})[\w~:<].*[^;=]\{$")
NOT_A_FUNCTION = re.compile(
    r"^\s*(namespace|class|struct|enum|union|extern|template|public|private|constexpr std::array)\b"
    r"|=\s*\{+$"
)


def long_functions(lines):
    """By layout: the head ends with a brace, the body with one below the head's first column."""
    for at, line in enumerate(lines):
        head = HEAD.match(line)
        if not head or NOT_A_FUNCTION.match(line) or line.rstrip().endswith("={{"):
            continue
        for length, after in enumerate(lines[at:], 1):
            if after.startswith(head[1] + "}"):
                if length > FUNCTION_LIMIT:
                    yield at + 1, length
                break


def main(root):
    complaints = []
    for path in tree.files(root, (".cpp", ".hpp", ".py"), (*tree.SOURCES, "tests/")):
        lines = tree.text(root, path).splitlines()
        if len(lines) > FILE_LIMIT and path.parts[0] != "tests":
            complaints.append(f"{path}: {len(lines)} lines, more than {FILE_LIMIT}")
        if path.parts[0] != "tests":
            for line, length in long_functions(lines):
                complaints.append(f"{path}:{line}: {length} lines, more than {FUNCTION_LIMIT}")
    tree.finish(complaints)


main(sys.argv[1])
