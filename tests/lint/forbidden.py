#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Calls that are not to be used, each with its reason: forbidden.txt."""

import pathlib
import re
import sys

import tree


def rules():
    lines = pathlib.Path(__file__).with_name("forbidden.txt").read_text(encoding="utf-8")
    for line in lines.splitlines():
        if line and not line.startswith("#"):
            pattern, exempt, reason = line.split("\t")
            yield re.compile(pattern), tuple(exempt.split(",")), reason


def main(root):
    complaints = []
    table = list(rules())
    for path in tree.files(root, (".cpp", ".hpp"), (*tree.SOURCES, "tests/")):
        applying = [rule for rule in table if not str(path).startswith(rule[1])]
        for number, line in tree.code_lines(tree.text(root, path)):
            for pattern, _, reason in applying:
                found = pattern.search(line)
                if found:
                    complaints.append(f"{path}:{number}: {found[0].strip()}: {reason}")
    tree.finish(complaints)


main(sys.argv[1])
