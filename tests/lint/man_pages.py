#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`mandoc -Tlint` has no complaint about a manual page, and each page has the sections in which a
reader looks."""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import tree

EVERY = ("NAME", "DESCRIPTION", "EXAMPLES", "SEE ALSO")
OF_A_PROGRAM = ("SYNOPSIS", "OPTIONS", "EXIT STATUS", "FILES")


def complaints(page, text):
    with tempfile.NamedTemporaryFile("w", suffix=page.stem) as file:
        file.write(text)
        file.flush()
        done = subprocess.run(["mandoc", "-Tlint", file.name], capture_output=True, text=True)
    for line in (done.stdout + done.stderr).splitlines():
        yield line.replace(file.name, str(page))


def missing_sections(page, source):
    found = re.findall(r"^# (.*)$", source, re.M)
    is_of_program = page.stem.endswith((".1", ".8"))
    for section in EVERY + (OF_A_PROGRAM if is_of_program else ()):
        if not any(name.startswith(section) for name in found):
            yield f"{page}: the section {section} is missing"


def main(root):
    for program in ("scdoc", "mandoc"):
        if shutil.which(program) is None:
            tree.skip(f"{program} is not installed")
    sys.path.insert(0, f"{root}/doc")
    import man_page
    found = []
    for page in sorted(pathlib.Path(root, "doc").glob("*.scd")):
        found += missing_sections(page, page.read_text())
        found += complaints(page, man_page.page("scdoc", page))
    print("\n".join(found))
    sys.exit(bool(found))


main(sys.argv[1])
