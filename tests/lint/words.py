#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Comments of the programs use nouns and terms (doc/dev/glossary.md): words by which a sentence
gets around a term are rare. A name of the code in backticks does not count. A test and a case have
names of at most eight words."""

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


TITLE = re.compile(r'^(?:def test_(\w+)|TEST_CASE\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\))', re.M)
WORDS_OF_A_NAME = 8


def names_of_tests(root):
    """(path, name, with blanks between its words) of each test and case."""
    for directory in ("tests/scenario/cases", "tests/configure/cases"):
        for case in {path.parts[3] for path in tree.files(root, below=(directory + "/",))}:
            yield directory, case.replace("-", " ")
    for path in tree.files(root, (".cpp", ".py"), ("tests/",)):
        for python, cpp in TITLE.findall(tree.text(root, path)):
            yield path, python.replace("_", " ") or "".join(re.findall(r'"(.*?)"', cpp))


def long_names(root):
    found = list(names_of_tests(root))
    assert len(found) > 1500
    return sorted(f"{path}: more than {WORDS_OF_A_NAME} words: '{name}'" for path, name in found
                  if len(name.split()) > WORDS_OF_A_NAME)


def rare_words(root):
    total, complaints = 0, []
    for path, number, text in comments(root):
        total += len(text.split())
        complaints += [f"{path}:{number}: '{word}'" for word in WORDS.findall(text)]
    assert total > 10000
    print(f"{len(complaints)} of {total} words of comments, at most {LIMIT} of 1,000")
    return complaints if len(complaints) * 1000 > total * LIMIT else []


def main(root):
    tree.finish(long_names(root) or rare_words(root))


main(sys.argv[1])
