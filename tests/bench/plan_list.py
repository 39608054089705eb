#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Turns a plan (JSON of --dry-run on stdin) into the list that floor.c reads."""

import json
import sys

ATTRIBUTES = {"ro": 1, "nosuid": 2, "nodev": 4, "noexec": 8}  # MOUNT_ATTR_* of linux/mount.h


def main():
    plan = json.load(sys.stdin)
    for mount in plan["mounts"]:
        if mount["kind"] != "proc":
            attributes = sum(ATTRIBUTES[option] for option in mount["options"])
            print(f"mount {mount['host']} {mount['inside']} {attributes:x}")
    for link in plan["links"]:
        print(f"link {link['inside']} {link['target']}")
    for file in plan["files"]:
        print(f"file {file['inside'].rsplit('/', 1)[1]}")
    for rule in plan["device_rules"]:
        major, minor = rule.split()[1].split(":")
        print(f"rule 2 {major} {minor}")


if __name__ == "__main__":
    main()
