# SPDX-License-Identifier: Apache-2.0
"""A process in the container exchanges directories with links while the hook works, as fast as it
can: whatever the hook sees, it changes and mounts nothing outside of the root file system.
(CVE-2025-23359, CVE-2026-24260)"""

import json
import os
import pathlib
import shutil
import subprocess
import time

import compat_library
import make_driver
import pytest
import slow_machine

SECONDS = 4
ROUNDS = 5  # at least, however slow the machine is
PLACES = {
    "libraries": "usr/lib/x86_64-linux-gnu",
    "a parent": "usr/lib",
    "binaries": "usr/bin",
    "firmware": f"usr/lib/firmware/nvidia/{make_driver.VERSION}",
    "etc": "etc",
}


def race(bundle, hand_made, canary, tools, place, link, call=lambda made: made.hook(timeout=40)):
    """Hooks, or what `call` runs, in a loop beside a racer; how often and how it ended."""
    path = bundle.root / place
    path.mkdir(parents=True, exist_ok=True)
    other = bundle.root / "tmp" / "other"
    other.symlink_to(link)
    racer = subprocess.Popen([tools.racer, path, other], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
    outcomes = {0: 0, 1: 0}
    host = pathlib.Path("/proc/self/mountinfo").read_text()
    deadline = time.monotonic() + SECONDS
    made = None
    try:
        while time.monotonic() < deadline or sum(outcomes.values()) < ROUNDS:
            made = hand_made(bundle)
            done = call(made)
            assert done.returncode in (0, 1), done
            assert done.stderr.count("\n") == done.returncode, done
            outcomes[done.returncode] += 1
            mounted = made.mountinfo()
            assert f" {canary.directory}" not in mounted
            made.end()
            assert bundle.call_hook("poststop").returncode in (0, 1)
            assert pathlib.Path("/proc/self/mountinfo").read_text() == host
            canary.check_names()
    finally:
        if made is not None:
            made.end()
        swaps = racer.communicate("")[0].split()
    canary.check()
    assert int(swaps[0]) > 1000, "the racer did not run"
    return outcomes


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
def test_an_exchanged_directory_never_leads_to_the_host(bundle, hand_made, canary, tools, place):
    bundle.env("NVIDIA_VISIBLE_DEVICES=all")
    (bundle.root / "usr/lib/x86_64-linux-gnu/libcuda.so.1").symlink_to("libcuda.so.470")
    for directory in ("usr/lib/x86_64-linux-gnu", "x86_64-linux-gnu", "firmware", "nvidia"):
        (canary.directory / directory).mkdir(parents=True, exist_ok=True)
    canary.at_start = canary.state()
    race(bundle, hand_made, canary, tools, place, canary.directory)


@pytest.mark.parametrize("place", ["usr/lib/x86_64-linux-gnu", "usr/lib", "etc"])
def test_an_exchanged_directory_never_leads_cli_outside(
                                                        bundle, hand_made, canary, tools, cli, place):
    for directory in ("usr/lib/x86_64-linux-gnu", "x86_64-linux-gnu"):
        (canary.directory / directory).mkdir(parents=True, exist_ok=True)
    canary.at_start = canary.state()
    race(bundle, hand_made, canary, tools, place, canary.directory, call=lambda made: cli.configure(
        made, "--device=all", "--compute", "--utility", "--no-cgroups", timeout=40))


def test_an_exchanged_parent_with_dots_never_leaves(bundle, hand_made, canary, tools):
    bundle.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=utility")
    shutil.copytree(bundle.root / "usr/lib", canary.directory / "lib", symlinks=True)
    canary.at_start = canary.state()
    dots = "../" * 30 + str(canary.directory)[1:] + "/lib"
    race(bundle, hand_made, canary, tools, "usr/lib", dots)


COMPAT_PLACES = {"its directory": compat_library.PLACE, "a parent": "usr/local/cuda",
                 "the configuration": "etc/ld.so.conf.d"}


@pytest.mark.parametrize("place", COMPAT_PLACES.values(), ids=COMPAT_PLACES.keys())
def test_an_exchanged_place_of_libcuda_never_leaves(bundle, hand_made, canary, tools, place):
    bundle.env("NVIDIA_VISIBLE_DEVICES=all")
    for root in (bundle.root, canary.directory):
        compat_library.make(root, text=compat_library.note(), links=False)
    canary.at_start = canary.state()
    race(bundle, hand_made, canary, tools, place, canary.directory / place)


@pytest.mark.parametrize("kind", ["fifo", "link", "shorter"])
def test_a_libcuda_exchanged_while_read_never_blocks(bundle, hand_made, canary, tools, kind):
    bundle.env("NVIDIA_VISIBLE_DEVICES=all")
    file = compat_library.make(bundle.root, text=compat_library.note())
    other = bundle.root / "tmp/other"
    if kind == "fifo":
        os.mkfifo(other)
    elif kind == "link":
        other.symlink_to(canary.directory / "file")
    else:
        other.write_bytes(file.read_bytes()[:200])
    made = hand_made(bundle)
    racer = subprocess.Popen([tools.racer, file, other], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
    plans = []
    try:
        deadline = time.monotonic() + slow_machine.seconds(SECONDS)
        while time.monotonic() < deadline:
            done = made.hook("--dry-run", timeout=5)
            assert (done.returncode, done.stderr) == (0, "")
            plans.append("compat" in json.loads(done.stdout))
    finally:
        swaps = racer.communicate("")[0].split()
    assert int(swaps[0]) > 1000, "the racer did not run"
    assert {True, False} == set(plans), "one of the two was never seen"
