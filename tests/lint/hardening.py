#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The installed program is a static-pie with every protection that the linker can give."""

import re
import shutil
import subprocess
import sys

import tree


def readelf(option, program):
    return subprocess.run(
        ["readelf", "-W", option, program], capture_output=True, text=True, check=True
    ).stdout


def complaints_about(program):
    headers = readelf("-l", program)
    dynamic = readelf("-d", program)
    segments = re.findall(r"^\s+(\w+)\s+0x\w+ 0x\w+ 0x\w+ 0x\w+ 0x\w+ ([RWE ]{3})", headers, re.M)
    flags = {name: rights for name, rights in segments if name != "LOAD"}
    if "DYN" not in readelf("-h", program):
        yield "is not position independent"
    if "INTERP" in flags:
        yield "needs a loader (PT_INTERP): LD_PRELOAD would have an effect"
    if "NEEDED" in dynamic:
        yield "needs shared libraries"
    if "GNU_RELRO" not in flags:
        yield "has no GNU_RELRO segment"
    if "BIND_NOW" not in dynamic and not re.search(r"FLAGS_1\).*\bNOW\b", dynamic):
        yield "does not bind its symbols at start (BIND_NOW)"
    if "E" in flags.get("GNU_STACK", "E"):
        yield "has an executable stack"
    if "TEXTREL" in dynamic:
        yield "relocates its code (TEXTREL)"
    if re.search(r"\((RPATH|RUNPATH)\)", dynamic):
        yield "has a search path for libraries"
    if any("W" in rights and "E" in rights for _, rights in segments):
        yield "has a segment that can be written and executed"


def main(*programs):
    if shutil.which("readelf") is None:
        tree.skip("readelf is not installed")
    tree.finish(
        [
            f"{program} {complaint}"
            for program in programs
            for complaint in complaints_about(program)
        ]
    )


main(*sys.argv[1:])
