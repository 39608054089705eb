#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each row of doc/compatibility.md names a test that exists: a scenario, a test function, or a
suite (its file without ending)."""

import pathlib
import re
import sys

import tree

PAGE = "doc/compatibility.md"


def known_tests(root):
    tests = pathlib.Path(root) / "tests"
    names = {path.name for path in (tests / "scenario" / "cases").iterdir()}
    names |= {path.name for path in (tests / "configure" / "cases").iterdir()}
    for folder in ("integration", "hostile", "nightly", "unit", "gpu"):
        for path in (tests / folder).iterdir():
            names.add(path.stem)
            if path.suffix == ".py":
                names |= set(re.findall(r"^def (test_\w+)", path.read_text(), re.M))
    return names


def rows(page):
    for number, line in enumerate(page.splitlines(), 1):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells and not set(cells[0]) <= set("-: ") and cells[-1] != "test":
            yield number, cells


def main(root):
    known = known_tests(root)
    complaints = []
    found = 0
    for number, cells in rows(tree.text(root, PAGE)):
        found += 1
        if len(cells) != 4:
            complaints.append(f"{PAGE}:{number}: {len(cells)} columns, not 4")
            continue
        for name in cells[3].split(","):
            if name.strip() not in known:
                complaints.append(f"{PAGE}:{number}: there is no test {name.strip()!r}")
    assert found > 50, "the tables were not found"
    tree.finish(complaints)


if __name__ == "__main__":
    main(sys.argv[1])
