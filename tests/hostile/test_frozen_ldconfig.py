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
from conftest import need_cgroup

TIME_LIMIT = 45  # seconds: the 30 that ldconfig has, and a busy machine


def stop(pid, _):
    os.kill(pid, signal.SIGSTOP)


def freeze(pid, cgroups):
    cgroup = cgroups.make("v2", "frozen")
    (cgroup / "cgroup.procs").write_text(str(pid))
    (cgroup / "cgroup.freeze").write_text("1")


WAYS = {"stopped": stop, "frozen": freeze}


@pytest.fixture
def waiting(hand_made, make_bundle, tools):
    """A hook for each way: they have their 30 seconds at the same time."""
    hooks = {}
    for way in WAYS:
        bundle = make_bundle(name=way)
        made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))
        made.before = container.listing(bundle.root)
        hooks[way] = waiting_hook.WaitingHook(made, tools)
        hooks[way].made = made
    yield hooks
    for hook in hooks.values():
        hook.end()


def check_that_nothing_is_left(hook):
    hook.made.end()
    bundle = hook.made.bundle
    done = bundle.call_hook("poststop")
    assert (done.returncode, done.stderr) == (0, "")
    assert container.listing(bundle.root) == hook.made.before
    assert not pathlib.Path(f"/proc/{hook.pid}").exists()


def test_frozen_ldconfig_is_ended_with_one_line(waiting, cgroups):
    need_cgroup("v2")
    start = time.monotonic()
    for way, hook in waiting.items():
        WAYS[way](hook.pid, cgroups)
    for way, hook in waiting.items():
        code, error = hook.wait(timeout=90)
        assert time.monotonic() - start < TIME_LIMIT, way
        assert code == 1, way
        assert error == (f"grapnel-hook: update ld.so.cache: {hook.ldconfig} took longer than 30 "
                         'seconds: ldcache = "off" in the settings starts the container without it\n')
    for hook in waiting.values():
        check_that_nothing_is_left(hook)
    assert os.listdir("/run/grapnel/containers") == []
