#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a user can write is described where a user looks: each option, stage and command of the
programs in their manual pages, each key of the settings in theirs and in config/README.md, each
driver capability in the pages of requests; and nothing is described that does not exist."""

import re
import subprocess
import sys

import tree


# program: its manual page
PAGES = {
    "grapnel": "doc/grapnel.8.scd",
    "grapnel-cli": "doc/nvidia-container-cli.1.scd",
    "grapnel-hook": "doc/grapnel-hook.8.scd",
    "nvidia-cdi-hook": "doc/nvidia-cdi-hook.8.scd",
}


def table(generator, program):
    """Options and words of the program's own table: of its commands too."""
    lines = subprocess.run([generator, program, "list"], capture_output=True, text=True, check=True).stdout
    found = {"option": set(), "word": set()}
    for line in lines.splitlines():
        kind, *words = line.split()
        found[kind].add(words[-1])
    return found["option"], found["word"]


def keys(root):
    table = tree.text(root, "lib/settings/keys.cpp")
    table = table[table.index("& known_keys()") :]
    return set(re.findall(r'^\s+\{"([a-z0-9.-]+)",', table, re.M))


def check(wanted, found, where):
    for name in sorted(wanted - found):
        yield f"{where}: {name} is not described"
    for name in sorted(found - wanted):
        yield f"{where}: {name} is described but does not exist"


def program_complaints(root, generator, program, page):
    text = tree.text(root, page)
    options, words = table(generator, program)
    assert len(options) > 3 and words
    heads = "\n".join(line for line in text.splitlines() if line.startswith("*-"))
    yield from check(options, set(re.findall(r"\*(--[\w.-]+)\*", heads)), page)
    for word in sorted(words):
        if not re.search(rf"\*([\w-]+ )?{word}\*", text):
            yield f"{page}: {word} is not described"


def capability_complaints(root):
    """Of each list of driver capabilities in a page, those that are missing, in its order."""
    header = tree.text(root, "lib/base/driver_capability.hpp")
    names = re.findall(r'"(\w+)"', re.search(r"driver_capability_names\{(.*?)\}", header, re.DOTALL)[1])
    assert len(names) > 5
    rows = re.search(r"^\| driver capability .*?\n\n", tree.text(root, "doc/requests.md") + "\n\n",
                     re.M | re.DOTALL)[0]
    cells = " ".join(re.findall(r"^\| (`[^|]+) \|", rows, re.M))
    yield from check(set(names), set(re.findall(r"`(\w+)`", cells)), "doc/requests.md")
    hook = tree.text(root, "doc/grapnel-hook.8.scd")
    cli = tree.text(root, "doc/nvidia-container-cli.1.scd")
    for name in names:
        if not re.search(rf"\b_{name}_\b", hook):
            yield f"doc/grapnel-hook.8.scd: driver capability {name} is not described"
        if f"*--{name}*" not in cli:
            yield f"doc/nvidia-container-cli.1.scd: option --{name} is not described"
    default = f'supported-driver-capabilities{{}} = "{",".join(names)}"'
    for page, mark in {"doc/grapnel.toml.5.scd": "*", "config/config.toml": ""}.items():
        if default.format(mark) not in tree.text(root, page):
            yield f"{page}: there is no line {default.format(mark)}"


def main(root, generator):
    known_keys = keys(root)
    assert len(known_keys) > 20
    complaints = list(capability_complaints(root))
    for program, page in PAGES.items():
        complaints += program_complaints(root, generator, program, page)

    page = tree.text(root, "doc/grapnel.toml.5.scd")
    described = set(re.findall(r"^(?:- )?\*([a-z][a-z0-9.-]+)\*(?!\()", page, re.M))
    complaints += check(known_keys, described, "doc/grapnel.toml.5.scd")

    page = tree.text(root, "config/README.md")
    rows = set(re.findall(r"^\| `([a-z0-9.-]+)` \|", page, re.M))
    lists = set(re.findall(r"^- `([a-z0-9.-]+)`$", page, re.M))
    complaints += check(known_keys, rows | lists, "config/README.md")
    tree.finish(complaints)


main(*sys.argv[1:])
