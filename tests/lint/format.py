#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""All C++ is laid out as .clang-format says."""

import pathlib
import shutil
import subprocess
import sys

import tree


def main(root):
    program = shutil.which("clang-format-14") or shutil.which("clang-format")
    if program is None:
        tree.skip("clang-format is not installed")
    wrong = [
        path
        for path in tree.files(root, (".cpp", ".hpp"))
        if subprocess.run([program, str(path)], cwd=root, capture_output=True, check=True).stdout
        != (pathlib.Path(root) / path).read_bytes()
    ]
    if wrong:
        print(f"not as .clang-format says; run {program} -i on:")
    tree.finish(wrong)


main(sys.argv[1])
