#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""All shell scripts pass shellcheck."""

import re
import shutil
import subprocess
import sys

import tree


def is_shell(root, path):
    if path.suffix in (".sh", ".bats"):
        return True
    with open(f"{root}/{path}", "rb") as file:
        first = file.readline(100)
    return re.match(rb"#!\s*(/usr)?/bin/(env )?(ba|da)?sh\b", first) is not None


def main(root):
    if shutil.which("shellcheck") is None:
        tree.skip("shellcheck is not installed")
    scripts = [str(path) for path in tree.files(root) if is_shell(root, path)]
    if scripts:
        sys.exit(subprocess.run(["shellcheck", *scripts], cwd=root).returncode)


main(sys.argv[1])
