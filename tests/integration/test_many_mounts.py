# SPDX-License-Identifier: Apache-2.0
"""A host with as many mounts as a mount namespace may have (fs.mount-max)."""

import subprocess
import sys
import time

import pytest

COPIES = 95
NAME = "a-directory-of-a-host-with-very-many-volumes-of-very-many-containers-" * 2
# a thousand mounts are made one by one, and copied at once by a recursive bind mount
MAKE = f"""
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
top = sys.argv[1].encode() + b"/{NAME}"
def mount(source, target, kind, flags):
    os.mkdir(target)
    if libc.mount(source or target, target, kind, flags, None) != 0:
        sys.exit(os.strerror(ctypes.get_errno()))
MS_BIND, MS_REC = 4096, 16384
mount(b"tmpfs", top, b"tmpfs", 0)
mount(b"tmpfs", top + b"/first", b"tmpfs", 0)
for number in range(999):
    mount(None, top + b"/first/%d" % number, None, MS_BIND)
for number in range(1, {COPIES}):
    mount(top + b"/first", top + b"/%d" % number, None, MS_BIND | MS_REC)
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def crowded(tmp_path):
    """A command that enters a mount namespace with so many mounts."""
    holder = subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", sys.executable, "-c", MAKE, tmp_path],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "ready\n"
    yield ["nsenter", f"--mount=/proc/{holder.pid}/ns/mnt"]
    holder.communicate("")


def test_container_starts_among_100000_mounts(hand_made, bundle, crowded, record_property):
    bundle.env("NVIDIA_VISIBLE_DEVICES=all")
    made = hand_made(bundle, namespace=[*crowded, "unshare", "--mount", "--propagation", "unchanged"])
    assert len(made.mountinfo()) > 16 << 20
    begun = time.monotonic()
    done = made.hook(prefix=crowded)
    taken = time.monotonic() - begun
    record_property("seconds", taken)
    assert (done.returncode, done.stderr) == (0, "")
    assert "/dev/nvidia0" in made.mounts()
    assert taken < 20
    made.end()
    assert subprocess.run([*crowded, bundle.hook, f"--config={bundle.settings}", "poststop"],
                          input=bundle.state(), text=True, env={}, check=False).returncode == 0
