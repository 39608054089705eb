#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""All C++ is laid out as .clang-format says."""

import re
import shutil
import subprocess
import sys

import tree


def main(root):
    program = shutil.which("clang-format-14") or shutil.which("clang-format")
    if program is None:
        tree.skip("clang-format is not installed")
    checked = subprocess.run(
        [program, "--dry-run", "-Werror", *map(str, tree.files(root, (".cpp", ".hpp")))],
        cwd=root, capture_output=True, check=False, text=True)
    wrong = sorted(set(re.findall(r"^(\S+?):\d+:\d+: error:", checked.stderr, re.M)))
    assert bool(wrong) == (checked.returncode != 0), checked.stderr
    if wrong:
        print(f"not as .clang-format says; run {program} -i on:")
    tree.finish(wrong)


main(sys.argv[1])
