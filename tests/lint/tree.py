# SPDX-License-Identifier: Apache-2.0
"""The files of the project, and how a lint ends. Not a lint itself."""

import os
import pathlib
import subprocess
import sys

# programs beside lib/; probe/ uses none of its modules, completions/ runs while Grapnel is built
PROGRAMS = ("container-cli", "completions", "grapnel", "hook", "probe", "runtime")
SOURCES = ("lib/", *(program + "/" for program in PROGRAMS))


def files(root, endings=(), below=("",)):
    """Tracked files and those that git does not ignore, sorted, as paths relative to root. In an
    unpacked release, which has no git, everything but build directories."""
    listed = subprocess.run(
        ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
    )
    if listed.returncode == 0 and listed.stdout:
        names = listed.stdout.decode().split("\0")
    else:
        names = [
            os.path.relpath(os.path.join(directory, name), root)
            for directory, _, here in os.walk(root)
            for name in here
            if not os.path.relpath(directory, root).startswith(("build", ".git"))
        ]
    return sorted(
        pathlib.PurePath(name)
        for name in set(names)
        if name
        and os.path.isfile(os.path.join(root, name))
        and (not endings or name.endswith(tuple(endings)))
        and name.startswith(tuple(below))
    )


def text(root, path):
    return (pathlib.Path(root) / path).read_text(encoding="utf-8")


def code_lines(content):
    """(number, line) without // comments and without what stands in string literals."""
    for number, line in enumerate(content.splitlines(), 1):
        kept, quote, at = "", "", 0
        while at < len(line):
            c = line[at]
            if quote and c == "\\":
                at += 1
            elif quote:
                if c == quote:
                    quote = ""
                    kept += c
            elif line.startswith("//", at):
                break
            else:
                # 'x' is a character, 1'000 is a number
                if c == '"' or (c == "'" and not (kept and kept[-1].isalnum())):
                    quote = c
                kept += c
            at += 1
        yield number, kept


def skip(reason):
    print("skipped: " + reason)
    sys.exit(1 if os.environ.get("GRAPNEL_MUST_WORK") == "1" else 77)


def finish(complaints):
    for complaint in complaints:
        print(complaint)
    sys.exit(1 if complaints else 0)
