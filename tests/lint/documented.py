#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a user can write is described where a user looks: each option, stage and command of the
programs in their manual pages, each key of the settings in theirs and in config/README.md, each
driver capability in the pages of requests; and nothing is described that does not exist."""

import re
import subprocess
import sys

import tree


def help_of(*command):
    return subprocess.run([*command, "--help"], capture_output=True, text=True, check=True).stdout


def long_options(text):
    return set(re.findall(r"^  (?:-\w, )?(--[\w-]+)", text, re.M))


def options(program):
    text = help_of(program)
    stages = re.search(r"^stages:\n(.*?)\n\n", text, re.M | re.DOTALL)[1]
    named = re.findall(r"^  ((?:\w+, )*\w+)  ", stages, re.M)
    return long_options(text), {
        stage for line in named for stage in line.split(", ")
    }


def keys(root):
    table = tree.text(root, "lib/settings/keys.cpp")
    table = table[table.index("& known_keys()") :]
    return set(re.findall(r'^\s+\{"([a-z0-9.-]+)",', table, re.M))


def check(wanted, found, where):
    for name in sorted(wanted - found):
        yield f"{where}: {name} is not described"
    for name in sorted(found - wanted):
        yield f"{where}: {name} is described but does not exist"


def tool_complaints(root, tool):
    """Of grapnel: each command, and its options, in the manual page."""
    page = tree.text(root, "doc/grapnel.8.scd")
    text = help_of(tool)
    commands = re.findall(r"^  (\w+)  ", re.search(r"^commands:\n(.*?)\n\n", text, re.M | re.DOTALL)[1], re.M)
    assert commands
    known = long_options(text)
    for command in commands:
        known |= long_options(help_of(tool, command))
        if f"*grapnel {command}*" not in page:
            yield f"doc/grapnel.8.scd: command {command} is not described"
    heads = "\n".join(line for line in page.splitlines() if line.startswith("*-"))
    yield from check(known, set(re.findall(r"\*(--[\w-]+)\*", heads)), "doc/grapnel.8.scd")


def cli_options(program):
    """Long options of the program and of each of its commands."""
    out = set()
    for command in ([], ["configure"], ["list"], ["info"]):
        text = subprocess.run(
            [program, *command, "--help"], capture_output=True, text=True, check=True
        ).stdout
        out |= set(re.findall(r"^  (?:-.,|   ) (--[\w-]+)", text, re.M))
    return out


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


def main(root, program, tool, cli):
    known_options, known_stages = options(program)
    known_keys = keys(root)
    assert len(known_options) > 3 and len(known_stages) > 3 and len(known_keys) > 20
    complaints = list(capability_complaints(root))

    page = tree.text(root, "doc/grapnel-hook.8.scd")
    heads = "\n".join(line for line in page.splitlines() if line.startswith("*-"))
    complaints += check(
        known_options, set(re.findall(r"\*(--[\w-]+)\*", heads)), "doc/grapnel-hook.8.scd"
    )
    for stage in sorted(known_stages):
        if not re.search(rf"\*{stage}\*", page):
            complaints.append(f"doc/grapnel-hook.8.scd: stage {stage} is not described")

    complaints += tool_complaints(root, tool)
    page = tree.text(root, "doc/nvidia-container-cli.1.scd")
    heads = "\n".join(line for line in page.splitlines() if line.startswith("*-"))
    found = set(re.findall(r"\*(--[\w-]+)\*", heads))
    complaints += check(cli_options(cli), found, "doc/nvidia-container-cli.1.scd")

    page = tree.text(root, "doc/grapnel.toml.5.scd")
    described = set(re.findall(r"^(?:- )?\*([a-z][a-z0-9.-]+)\*(?!\()", page, re.M))
    complaints += check(known_keys, described, "doc/grapnel.toml.5.scd")

    page = tree.text(root, "config/README.md")
    rows = set(re.findall(r"^\| `([a-z0-9.-]+)` \|", page, re.M))
    lists = set(re.findall(r"^- `([a-z0-9.-]+)`$", page, re.M))
    complaints += check(known_keys, rows | lists, "config/README.md")
    tree.finish(complaints)


main(*sys.argv[1:])
