#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the names of the cases in a directory, list_cases.py DIRECTORY. With names as further
arguments: fails if those are not all of them, because a case was added or removed since the build
directory was configured."""

import pathlib
import sys

cases = pathlib.Path(sys.argv[1])
names = sorted(entry.name for entry in cases.iterdir() if entry.is_dir())

if len(sys.argv) == 2:
    print("\n".join(names))
elif sys.argv[2:] != names:
    difference = sorted(set(sys.argv[2:]) ^ set(names))
    sys.exit("not registered as a test, or gone: " + " ".join(difference)
             + "\nrun 'meson setup --reconfigure'")
