# SPDX-License-Identifier: Apache-2.0
"""The state of a host and of a container's root file system, to be compared before and after."""

import contextlib
import os
import pathlib
import re
import stat

SMALL = 65536
KEPT = re.compile("containers|containers.lock|roots(/[0-9a-f]{2})?")  # of /run/grapnel


def facts(path):
    status = path.lstat()
    mode, content = status.st_mode, None
    if stat.S_ISLNK(mode):
        content = os.readlink(path)
    elif stat.S_ISREG(mode):
        content = path.read_bytes() if status.st_size <= SMALL else status.st_mtime_ns
    size = status.st_size if stat.S_ISREG(mode) else None
    return (oct(mode), status.st_uid, status.st_gid, size, status.st_rdev, content)


def tree(top, without=()):
    """{place: facts} of everything below a directory."""
    found = {}
    for directory, names, files in os.walk(top):
        for name in names + files:
            path = pathlib.Path(directory) / name
            place = str(path.relative_to(top))
            if place not in without:
                with contextlib.suppress(FileNotFoundError):
                    found[place] = facts(path)
    return found


def mounts(made):
    """Mounts below the root of a container made by hand, without numbers that differ each time;
    and the content of each tmpfs that the hook made."""
    found, inside = [], {}
    below = str(made.bundle.root) + "/"
    for line in made.mountinfo().splitlines():
        words = line.split(" ")
        if not words[4].startswith(below):
            continue
        place = words[4].removeprefix(below)
        kind = words[words.index("-") + 1]
        found.append((place, words[3], words[5], kind))
        if kind == "tmpfs" and place != "dev":
            seen = pathlib.Path(f"/proc/{made.pid}/root{words[4]}")
            inside[place] = tree(seen) if seen.is_dir() else facts(seen)
    return sorted(found), inside


def host_state():
    """What a start must leave as it is."""
    grapnel = tree("/run/grapnel")
    return {
        "mounts": {line.split()[0]  # the ID: others may rename what it lies in
                   for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()},
        "/run/grapnel": {place for place in grapnel if not KEPT.fullmatch(place)},
        "/dev": {name for name in tree("/dev") if not name.startswith(("pts/", "char"))},
    }


def difference(before, now):
    """The differences of two values, of which dictionaries and lists are compared item by item."""
    if isinstance(before, dict) and isinstance(now, dict):
        return {key: difference(before.get(key), now.get(key))
                for key in sorted({*before, *now}, key=str) if before.get(key) != now.get(key)}
    if isinstance(before, (list, set)) and isinstance(now, (list, set)):
        return {"missing": [item for item in before if item not in now],
                "more": [item for item in now if item not in before]}
    return f"{before!r} -> {now!r}"
