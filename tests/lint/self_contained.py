#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each header can be included alone. A source file includes its own header before anything else,
so that the build proves it; a header without a source file is compiled here."""

import os
import re
import subprocess
import sys

import tree


def compiles_alone(root, compiler, header):
    flags = ["-std=c++20", "-D_GNU_SOURCE", "-DFMT_HEADER_ONLY", "-fsyntax-only", "-x", "c++", "-"]
    return subprocess.run(
        [*compiler, f"-I{root}/lib", f"-I{root}/hook", *flags],
        input=f'#include "{root}/{header}"\n',
        text=True,
    )


def main(root, *compiler):
    complaints = []
    for header in tree.files(root, (".hpp",), tree.SOURCES):
        if "#pragma once" not in tree.text(root, header):
            complaints.append(f"{header}: no #pragma once")
        source = header.with_suffix(".cpp")
        if os.path.exists(f"{root}/{source}"):
            own = header.relative_to(header.parts[0])
            first = re.search(r'^#include\s+[<"]([^>"]+)', tree.text(root, source), re.M)
            if not first or first[1] != str(own):
                complaints.append(f"{source}: its first include is not {own}")
        elif compiles_alone(root, compiler, header).returncode != 0:
            complaints.append(f"{header}: cannot be included alone")
    tree.finish(complaints)


main(*sys.argv[1:])
