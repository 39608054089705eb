#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every source names its licence in its first line, or in its second after #!."""

import sys

import tree

LINE = "SPDX-License-Identifier: Apache-2.0"
ENDINGS = (".cpp", ".hpp", ".c", ".h", ".py", ".sh", ".bats", "meson.build", "meson_options.txt")


def is_source(root, path):
    if str(path).endswith(ENDINGS):
        return True
    if path.suffix:
        return False
    with open(f"{root}/{path}", "rb") as file:
        return file.read(2) == b"#!"


def main(root):
    complaints = []
    for path in tree.files(root):
        if path.parts[:3] == ("tests", "fuzz", "corpus") or not is_source(root, path):
            continue
        content = tree.text(root, path)
        lines = content.splitlines()[:2]
        if lines and not lines[0].startswith("#!"):
            lines = lines[:1]
        if content and not any(LINE in line for line in lines):
            complaints.append(f"{path}: the first line is not '{LINE}'")
    tree.finish(complaints)


main(sys.argv[1])
