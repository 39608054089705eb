# SPDX-License-Identifier: Apache-2.0
"""The hook is killed at a system call, as by a runtime's time limit or for want of memory. What it
made in the root file system goes with poststop; where that never comes, with the next container."""

import collections
import contextlib
import datetime
import os
import pathlib
import random
import signal
import subprocess
import time

import container
import pytest
import slow_machine
from conftest import need

LIBRARIES = "usr/lib/x86_64-linux-gnu"
PATH_FILE = "etc/ld-musl-x86_64.path"
CHANGES = ("mkdirat", "openat", "symlinkat", "renameat", "unlinkat", "write", "move_mount",
           "setfsuid", "execveat", "waitid", "clone", "statx")
SAMPLE = max(5, int(30 / slow_machine.SLOWNESS))  # of a thousand and more; another one each day


@pytest.fixture
def killed(hand_made, bundle):
    """Kills the hook at the call of that name and number."""
    need("strace")
    # an image of which links and a file are replaced for the container's time
    (bundle.root / "usr/lib/ld-musl-x86_64.so.1").write_bytes(b"musl's loader")
    (bundle.root / PATH_FILE).write_text("/lib:/usr/lib\n")
    (bundle.root / LIBRARIES / "libcuda.so.1").symlink_to("libcuda.so.470.57.02")
    (bundle.root / "usr/bin/nvidia-smi").symlink_to("/nowhere")
    bundle.set_settings('ldcache = "ldconfig"\n')
    bundle.env("NVIDIA_VISIBLE_DEVICES=all")

    def kill(call, number):
        made = hand_made(bundle)
        done = made.hook(prefix=["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
                                 "-e", f"inject={call}:signal=KILL:when={number}"],
                         env={"PATH": os.environ["PATH"]})
        made.end()
        return done.returncode

    return kill


@pytest.fixture
def calls(killed, bundle, hand_made, tmp_path):
    """(name, number) of each call that changes something, in the process that does the work."""
    trace = tmp_path / "trace"
    made = hand_made(bundle)
    done = made.hook(prefix=["strace", "-ff", "-qq", "-o", str(trace)],
                     env={"PATH": os.environ["PATH"]})
    assert (done.returncode, done.stderr) == (0, "")
    made.end()
    assert bundle.call_hook("poststop").returncode == 0
    largest = max(tmp_path.glob("trace.*"), key=lambda path: path.stat().st_size)
    counts = collections.Counter(line.split("(")[0] for line in
                                 largest.read_text().splitlines())
    return [(name, number + 1) for name in CHANGES for number in range(counts[name])]


def sample_of(calls):
    seed = datetime.date.today().isoformat()
    print("seed", seed)
    return random.Random(seed).sample(calls, SAMPLE)


@pytest.mark.parametrize("call, number", [("waitid", 1), ("execveat", 1), ("move_mount", 5)])
def test_poststop_removes_what_a_killed_hook_made(killed, bundle, call, number):
    before = container.listing(bundle.root)
    assert killed(call, number) != 0
    done = bundle.call_hook("poststop")
    assert (done.returncode, done.stderr) == (0, "")
    assert container.listing(bundle.root) == before
    assert os.listdir("/run/grapnel/containers") == []


def test_poststop_after_a_kill_at_any_call(calls, killed, bundle):
    before = container.listing(bundle.root)
    left = {}
    for call, number in sample_of(calls):
        killed(call, number)
        done = bundle.call_hook("poststop")
        now = container.listing(bundle.root)
        if (done.returncode, done.stderr) != (0, "") or now != before:
            left[call, number] = done.stderr, sorted(set(now.items()) ^ set(before.items()))
            break
    assert left == {}


def test_next_start_after_a_kill_at_any_call(calls, killed, bundle, hand_made):
    before = container.listing(bundle.root)
    name = bundle.name
    for call, number in sample_of(calls)[:SAMPLE // 2]:
        killed(call, number)
        bundle.name = f"{name}-next"
        made = hand_made(bundle)
        assert made.hook().returncode == 0
        made.end()
        done = bundle.call_hook("poststop")
        assert (done.returncode, done.stderr) == (0, "")
        bundle.name = name
        assert container.listing(bundle.root) == before, (call, number)


def test_unreadable_link_of_the_image_stays(killed, bundle, hand_made):
    before = container.listing(bundle.root)
    for number in range(1, 5):
        made = hand_made(bundle)
        made.hook(prefix=["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=readlinkat", "-e",
                          f"inject=readlinkat:error=EIO:when={number}"],
                  env={"PATH": os.environ["PATH"]})
        made.end()
        assert bundle.call_hook("poststop").returncode == 0
        assert container.listing(bundle.root) == before, number


def children(pid):
    with contextlib.suppress(OSError):
        return [int(word) for word in
                pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def lives(pid):
    """A machine's first process can leave the dead as they are."""
    with contextlib.suppress(OSError):
        return ") Z " not in pathlib.Path(f"/proc/{pid}/stat").read_text()
    return False


def work_of(hook):
    """The process that works in the container: the hook's child, which is the child of strace."""
    for _ in range(500):
        for supervisor in children(hook.pid):
            for worker in children(supervisor):
                call = pathlib.Path(f"/proc/{worker}/syscall").read_text().split(" ")[0]
                if call == "429":  # move_mount
                    return supervisor, worker
        time.sleep(0.01)
    raise AssertionError("the work in the container was not seen")


def test_work_ends_with_the_hook(hand_made, bundle):
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))
    bundle.write_config(["/bin/true"])
    hook = subprocess.Popen(
        ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=move_mount", "-e",
         "inject=move_mount:delay_enter=3s:when=1", bundle.hook, f"--config={bundle.settings}",
         "prestart"], stdin=subprocess.PIPE, text=True)
    hook.stdin.write(made.state())
    hook.stdin.close()
    supervisor, worker = work_of(hook)
    os.kill(supervisor, signal.SIGKILL)
    hook.wait(timeout=20)
    assert not lives(worker)
    assert "/dev/nvidia0" not in made.mounts()
