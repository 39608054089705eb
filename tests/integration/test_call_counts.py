# SPDX-License-Identifier: Apache-2.0
"""System calls of a start, an end and a container without a GPU, beside those that are recorded in
tests/bench/system_calls.json. Calls are counted because they are the same on every run; times are
for tests/bench/run."""

import json
import os
import pathlib
import platform
import time

import container
import pytest
from conftest import need
from faults import starts

RECORD = pathlib.Path(__file__).parent.parent / "bench" / "system_calls.json"
GROWTH = 1.05
TICK = 2.1  # seconds: directories that changed just now are neither kept in mind nor set back
ENVIRONMENT = ("debian 12", "x86_64", False)  # where the counts were recorded
REST = ("resumed>", "+++ ", "--- ")    # lines that are no calls


@pytest.fixture
def counted(bundle, hand_made, tmp_path):
    """A function that runs a stage of the hook and returns its system calls and processes."""
    need("strace")
    trace = tmp_path / "trace"
    cache = container.inventory_cache_in(tmp_path / "cache")

    def run(made, stage="prestart", **options):
        done = made.hook(stage=stage, prefix=[*cache, "strace", "-f", "-qq", "-o", str(trace)], **options)
        assert done.returncode == 0, done.stderr
        lines = trace.read_text().splitlines()
        return {"processes": len({line.split()[0] for line in lines}),
                "calls": sum(not any(mark in line for mark in REST) for line in lines)}
    return run


def environment(hook):
    """A hook with sanitizers has a loader, and many calls more."""
    release = platform.freedesktop_os_release()
    system = f"{release.get('ID')} {release.get('VERSION_ID', '')}".strip()
    return system, platform.machine(), b"ld-linux" in pathlib.Path(hook).read_bytes()[:4096]


def test_system_calls_do_not_grow(bundle, hand_made, counted):
    found = {}
    bundle.env("NVIDIA_VISIBLE_DEVICES=0")
    time.sleep(TICK)
    for name in ("first start", "one GPU"):  # the first one fills the caches below /run/grapnel
        starts.age(bundle.root)
        made = hand_made(bundle, setup='mount --bind /proc/driver "$ROOT/proc/driver"')
        found[name] = counted(made)
        made.end()
        found["poststop"] = counted(made, stage="poststop", state=bundle.state())
    bundle.env()
    made = hand_made(bundle)
    found["no GPU"] = counted(made)
    if os.environ.get("GRAPNEL_UPDATE_GOLDEN") == "1":
        RECORD.write_text(json.dumps(found, indent=2) + "\n")
    recorded = json.loads(RECORD.read_text())
    assert found.keys() == recorded.keys()
    if environment(bundle.hook) != ENVIRONMENT:
        return
    for name, count in found.items():
        for kind, number in count.items():
            most = recorded[name][kind] * GROWTH
            assert number <= most, f"{name}: {number} {kind}, {recorded[name][kind]} are recorded"
