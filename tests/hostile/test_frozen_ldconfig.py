# SPDX-License-Identifier: Apache-2.0
"""ldconfig is frozen while a start waits for it: the start ends in time with one line, and nothing is
left."""

import os
import pathlib
import signal
import time

import container
import pytest
import waiting_hook
from conftest import skip_or_fail

TIME_LIMIT = 45  # seconds: the 30 that ldconfig has, and a busy machine


def stop(pid, _):
    os.kill(pid, signal.SIGSTOP)


def freeze(pid, cgroups):
    cgroup = cgroups.make("v2", "frozen")
    (cgroup / "cgroup.procs").write_text(str(pid))
    (cgroup / "cgroup.freeze").write_text("1")


WAYS = {"stopped": stop, "frozen": freeze}


@pytest.fixture
def waiting(hand_made, bundle, tools):
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))
    made.before = container.listing(bundle.root)
    hook = waiting_hook.WaitingHook(made, tools)
    hook.made = made
    yield hook
    hook.end()


def check_that_nothing_is_left(hook):
    hook.made.end()
    bundle = hook.made.bundle
    done = bundle.call_hook("poststop")
    assert (done.returncode, done.stderr) == (0, "")
    assert container.listing(bundle.root) == hook.made.before
    assert os.listdir("/run/grapnel/containers") == []
    assert not pathlib.Path(f"/proc/{hook.pid}").exists()


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_frozen_ldconfig_is_ended_with_one_line(waiting, cgroups, way):
    if way is freeze and not container.cgroup_version_possible("v2"):
        skip_or_fail("this kernel has no cgroup v2")
    start = time.monotonic()
    way(waiting.pid, cgroups)
    code, error = waiting.wait(timeout=90)
    assert time.monotonic() - start < TIME_LIMIT
    assert code == 1
    assert error == (f"grapnel-hook: update ld.so.cache: {waiting.ldconfig} took longer than 30 "
                     'seconds: ldcache = "off" in the settings starts the container without it\n')
    check_that_nothing_is_left(waiting)
