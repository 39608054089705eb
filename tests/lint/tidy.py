#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The modules and programs are clean by .clang-tidy, except the build's own program.

Most of clang-tidy's time is spent on the headers of the standard library, so several sources of one
directory are checked as one text. A source that cannot stand in it, because it gives a name of
another one to something else, is checked alone.

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
            return set().union(*map(self.check, self.without_clashes(text, done.stdout)))
        found = {self.located(text, *finding) for finding in FINDING.findall(done.stdout)}
        return found if found or done.returncode == 0 else {f"{group}: {done.stderr}"}

    def without_clashes(self, text, output):
        """Smaller groups: each source with an error, and the others."""
        clashing = {self.place(text, file, line)[0] for file, line, what in FINDING.findall(output)
                    if "clang-diagnostic-error" in what}
        alone = [path for path in text.paths if path in clashing]
        others = [path for path in text.paths if path not in clashing]
        if not alone or not others:
            half = len(text.paths) // 2
            return text.paths[:half], text.paths[half:]
        return [others, *([path] for path in alone)]

    def run(self, text, directory):
        entry = self.known[text.paths[0]]
        source = f" -I{self.root}/{os.path.dirname(text.paths[0])} -c {text.file}"
        database = [{"directory": entry["directory"], "file": text.file,
                     "command": re.sub(r" -c \S+", source, entry["command"])}]
        pathlib.Path(directory, "compile_commands.json").write_text(json.dumps(database))
        return subprocess.run([self.program, "--quiet", f"--config-file={self.root}/.clang-tidy",
                               "-p", directory, text.file], capture_output=True, text=True)

    def place(self, text, file, line):
        if file == text.file:
            return text.place(int(line))
        directory = self.known[text.paths[0]]["directory"]
        return os.path.relpath(os.path.join(directory, file), self.root), line

    def located(self, text, file, line, what):
        file, line = self.place(text, file, line)
        return f"{file}:{line}: {what}"


def main(root, build, *paths):
    program = shutil.which("clang-tidy-14") or shutil.which("clang-tidy")
    if program is None:
        tree.skip("clang-tidy is not installed")
    checker = Checker(program, str(pathlib.Path(root).resolve()), build)
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        # the largest first: at the end no processor waits for one
        found = pool.map(checker.check, sorted(groups(paths or checker.known), key=len, reverse=True))
        tree.finish(sorted(set().union(*found)))


main(*sys.argv[1:])
