#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SECURITY.md and tests/hostile/defences agree: each promise names files that exist, tests that
exist, and a defence that tests/hostile/without can take out of the sources as they are; each attack
on record stands in the table."""

import pathlib
import re
import sys

import compatibility
import tree

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))

import defences  # noqa: E402

# of NVIDIA's toolkit, and of runtimes where the hook could have the same weakness
ATTACKS = """CVE-2024-0132 CVE-2024-0133 CVE-2024-0134 CVE-2024-0135 CVE-2024-0136 CVE-2024-0137
CVE-2025-23266 CVE-2025-23267 CVE-2025-23359 CVE-2026-24260
CVE-2019-5736 CVE-2024-21626 CVE-2025-31133 CVE-2025-52565 CVE-2025-52881 CVE-2026-41579
CVE-2026-47766 CVE-2025-24965 CVE-2022-27650 CVE-2019-18837""".split()


def check_defence(root, defence, known):
    """What is wrong with one file of tests/hostile/defences."""
    try:
        defences.applied(root, defence)
    except (ValueError, OSError) as error:
        yield str(error)
    if re.search(defence.cause, "assert False"):
        yield f"{defences.DIRECTORY}/{defence.name}.toml: its cause fits every failed assertion"
    for test in defence.tests:
        unit = defences.UNIT.fullmatch(test)
        name = unit[2] if unit else test.split("::")[1].partition("[")[0]
        if name not in known:
            yield f"{defences.DIRECTORY}/{defence.name}.toml: there is no test {name!r}"


def unit_cases(root):
    for path in (pathlib.Path(root) / "tests/unit").glob("*.cpp"):
        yield from re.findall(r'^TEST_CASE\("(.+?)"\)', path.read_text(), re.M)


def check_row(root, row, known_tests, known_defences):
    """What is wrong with one row of the table."""
    for path in defences.names(row["defence"]):
        if "/" in path and not (pathlib.Path(root) / path).exists():
            yield f"there is no {path}"
    for test in (name.strip() for name in row["test"].split(",")):
        if test not in known_tests:
            yield f"there is no test {test!r}"
    if not row["without"]:
        yield "no defence is taken out"
    for name in (name.strip() for name in row["without"].split(",")):
        if name not in known_defences:
            yield f"there is no {defences.DIRECTORY}/{name}.toml"
            continue
        for file in known_defences[name].files:
            if file not in row["defence"]:
                yield f"{name} changes {file}, which is not named"
        for test in known_defences[name].test_names:
            if test not in row["test"]:
                yield f"{name} is shown by {test}, which is not named"


def main(root):
    known_defences = defences.load(root)
    known_tests = compatibility.known_tests(root)
    cases = known_tests | set(unit_cases(root))
    complaints = [complaint for defence in known_defences.values()
                  for complaint in check_defence(root, defence, cases)]
    rows = list(defences.rows(root))
    for number, row in rows:
        complaints += [f"{defences.PAGE}:{number}: {text}"
                       for text in check_row(root, row, known_tests, known_defences)]
    named = {name.strip() for _, row in rows for name in row["without"].split(",")}
    complaints += [f"{defences.PAGE}: no row names {name}" for name in known_defences.keys() - named]
    recorded = " ".join(row["attack"] for _, row in rows)
    complaints += [f"{defences.PAGE}: no row is of {attack}" for attack in ATTACKS
                   if attack not in recorded]
    assert len(rows) > 30, "the tables were not found"
    tree.finish(complaints)


if __name__ == "__main__":
    main(sys.argv[1])
