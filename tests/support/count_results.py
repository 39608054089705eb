#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Adds up JUnit files, one line a suite and one line for all; fails if a test failed."""

import argparse
import os
import pathlib
import sys
import xml.etree.ElementTree


def count(path):
    passed = failed = skipped = 0
    for case in xml.etree.ElementTree.parse(path).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
            print(f"failed: {case.get('classname')}::{case.get('name')}")
        elif case.find("skipped") is not None:
            skipped += 1
            print(f"skipped: {case.get('name')}: {case.find('skipped').get('message') or ''}")
        else:
            passed += 1
    return passed, failed, skipped


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--broken", type=int, default=0, help="suites that could not be run")
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    arguments = parser.parse_args()
    passed = skipped = 0
    failed = arguments.broken
    for path in arguments.files:
        counts = count(path)
        print(f"{path.stem}: %d passed, %d failed, %d skipped" % counts)
        passed, failed, skipped = passed + counts[0], failed + counts[1], skipped + counts[2]
    if os.environ.get("GRAPNEL_MUST_WORK") == "1":
        failed, skipped = failed + skipped, 0
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(failed != 0 or passed == 0)


if __name__ == "__main__":
    main()
