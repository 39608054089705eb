#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The modules and programs are clean by .clang-tidy, except the build's own program.

Most of clang-tidy's time is spent on the headers of the standard library, so several sources of one
directory are checked as one text. Sources that cannot stand in one text, because they give one name
to two things, are checked in smaller groups.

    tidy.py ROOT BUILD [FILE...]
"""

import bisect
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import tree

GROUP = 24
# of GCC; and warnings are the compiler's to give
UNKNOWN_TO_CLANG = re.compile(r" (?:-W(?!l,)\S+|-ftrivial-auto-var-init=\S+)")
UNITY_FILE = re.compile(r"-unity\d+\.cpp$")
FINDING = re.compile(r"^(\S+?):(\d+):\d+: (?:error|warning): (.*)$", re.M)


def sources_of(entry):
    """The sources that it compiles: a unity build's file includes them."""
    file = pathlib.Path(entry["directory"], entry["file"])
    if not UNITY_FILE.search(file.name):
        return [file]
    return [file.parent / name for name in re.findall(r'^#include *["<](.*)[">]', file.read_text(), re.M)]


def commands(root, build):
    """{path: its entry of compile_commands.json, without options that clang does not know}"""
    entries = {}
    for entry in json.loads((pathlib.Path(build) / "compile_commands.json").read_text()):
        for source in sources_of(entry):
            path = os.path.relpath(source.resolve(), root)
            if path.startswith(tree.SOURCES) and path != "lib/confine/generate_filters.cpp":
                entries[path] = {**entry, "command": UNKNOWN_TO_CLANG.sub("", entry["command"])}
    return entries


def groups(paths):
    by_directory = collections.defaultdict(list)
    for path in sorted(paths):
        by_directory[os.path.dirname(path)].append(path)
    for members in by_directory.values():
        for at in range(0, len(members), GROUP):
            yield members[at : at + GROUP]


class Text:
    """Several sources as one file, which knows where each line is from."""

    def __init__(self, root, paths, file):
        self.paths, self.starts, self.file = paths, [], file
        lines = 1
        with open(file, "w") as out:
            for path in paths:
                content = tree.text(root, path)
                self.starts.append(lines)
                lines += content.count("\n")
                out.write(content)

    def place(self, line):
        index = bisect.bisect_right(self.starts, line) - 1
        return self.paths[index], line - self.starts[index] + 1


class Checker:
    def __init__(self, program, root, build):
        self.program, self.root = program, root
        self.known = commands(root, build)
        assert len(self.known) > 100, "there are no compile commands: run ninja first"

    def check(self, group):
        """Findings as PATH:LINE: TEXT."""
        with tempfile.TemporaryDirectory() as directory:
            text = Text(self.root, group, os.path.join(directory, "text.cpp"))
            done = self.run(text, directory)
        if len(group) > 1 and "clang-diagnostic-error" in done.stdout:
            half = len(group) // 2
            return self.check(group[:half]) | self.check(group[half:])
        found = {self.located(text, *finding) for finding in FINDING.findall(done.stdout)}
        return found if found or done.returncode == 0 else {f"{group}: {done.stderr}"}

    def run(self, text, directory):
        entry = self.known[text.paths[0]]
        source = f" -I{self.root}/{os.path.dirname(text.paths[0])} -c {text.file}"
        database = [{"directory": entry["directory"], "file": text.file,
                     "command": re.sub(r" -c \S+", source, entry["command"])}]
        pathlib.Path(directory, "compile_commands.json").write_text(json.dumps(database))
        return subprocess.run([self.program, "--quiet", f"--config-file={self.root}/.clang-tidy",
                               "-p", directory, text.file], capture_output=True, text=True)

    def located(self, text, file, line, what):
        if file == text.file:
            file, line = text.place(int(line))
        else:
            file = os.path.relpath(os.path.join(self.known[text.paths[0]]["directory"], file), self.root)
        return f"{file}:{line}: {what}"


def main(root, build, *paths):
    program = shutil.which("clang-tidy-14") or shutil.which("clang-tidy")
    if program is None:
        tree.skip("clang-tidy is not installed")
    checker = Checker(program, str(pathlib.Path(root).resolve()), build)
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        found = pool.map(checker.check, groups(paths or checker.known))
        tree.finish(sorted(set().union(*found)))


main(*sys.argv[1:])
