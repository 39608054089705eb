#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The table of THIRD-PARTY.md has the software that is in the programs, and nothing else: by the
packages of the headers that the compiler read and of the archives that the linker reads."""

import fnmatch
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import tree

PAGE = "THIRD-PARTY.md"


def ninja(build, tool, *arguments):
    return subprocess.run(["ninja", "-C", build, "--quiet", "-t", tool, *arguments],
                          capture_output=True, text=True, check=True).stdout


def headers(root, build):
    """Outside of the project, of the objects of the modules and programs. The file of a group of
    sources names these by absolute paths."""
    project = pathlib.Path(root).resolve()
    wanted = False
    for line in ninja(build, "deps").splitlines():
        if line and not line.startswith(" "):
            wanted = line.startswith(tree.SOURCES) and "STALE" not in line
        elif wanted and line.startswith("    /"):
            file = pathlib.Path(line.strip()).resolve()
            if not file.is_relative_to(project):
                yield str(file)


def archives(build, program):
    """Outside of the project, by a second link."""
    name = str(pathlib.Path(program).relative_to(build))
    link = ninja(build, "commands", "-s", name).strip()
    with tempfile.TemporaryDirectory() as directory:
        link = link.replace(f"-o {name} ", f"-o {directory}/program -Wl,--trace ", 1)
        assert directory in link, link
        traced = subprocess.run(link, shell=True, cwd=build, capture_output=True, text=True, check=True)
    yield from re.findall(r"^\(?(/[^()\s]+)", traced.stdout, re.M)


def packages(files):
    """{package: one of its files}"""
    found = {}
    real = sorted({str(pathlib.Path(file).resolve()) for file in files})
    listed = subprocess.run(["dpkg-query", "-S", *real], capture_output=True, text=True)
    for line in listed.stdout.splitlines():
        owners, _, file = line.rpartition(": ")
        for owner in owners.split(", "):
            found[owner.partition(":")[0]] = file
    for file in re.findall(r"no path found matching pattern (.*)", listed.stderr):
        found[f"(no package) {file}"] = file
    return found


def named(root):
    rows = re.findall(r"^\|.*\| ([^|]+) \|$", tree.text(root, PAGE), re.M)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def main(root, build, *programs):
    if shutil.which("dpkg-query") is None:
        tree.skip("which software a header belongs to is asked of dpkg")
    files = set(headers(root, build))
    assert len(files) > 100, "the build has no dependencies: run ninja first"
    for program in programs:
        files.update(archives(build, program))
    found = packages(files)
    names = named(root)
    complaints = [f"{PAGE}: {package} is missing: {file} is part of a program"
                  for package, file in sorted(found.items())
                  if not any(fnmatch.fnmatchcase(package, name) for name in names)]
    complaints += [f"{PAGE}: no file of {name} is part of a program"
                   for name in names if not fnmatch.filter(found, name)]
    tree.finish(complaints)


main(*sys.argv[1:])
