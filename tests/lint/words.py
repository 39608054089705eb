#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Comments of the programs use nouns and terms (doc/dev/glossary.md): words by which a sentence
gets around a term are rare. A name of the code in backticks does not count."""

import re
import sys

import tree

WORDS = re.compile(r"\b(?:what|none|those|that one|whose|who|anew|of which)\b", re.I)
# of 1,000 words
LIMIT = 3
COMMENT = re.compile(r"(?:^|[^:\"'])//+<?\s(.*)$")


def comments(root):
    """(path, line number, text) of each line of a comment."""
    for path in tree.files(root, (".cpp", ".hpp"), tree.SOURCES):
        for number, line in enumerate(tree.text(root, path).splitlines(), 1):
            if found := COMMENT.search(line):
                yield path, number, re.sub(r"`[^`]*`", "", found[1])


def main(root):
    total, complaints = 0, []
    for path, number, text in comments(root):
        total += len(text.split())
        complaints += [f"{path}:{number}: '{word}'" for word in WORDS.findall(text)]
    assert total > 10000
    print(f"{len(complaints)} of {total} words of comments, at most {LIMIT} of 1,000")
    tree.finish(complaints if len(complaints) * 1000 > total * LIMIT else [])


main(sys.argv[1])
