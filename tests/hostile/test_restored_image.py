# SPDX-License-Identifier: Apache-2.0
"""A system call of the hook fails while it replaces links and files of the image: poststop leaves
the image as it was. Nothing goes before all that brings it back is known."""

import collections
import os
import re

import compat_library
import container
import make_driver
import pytest
from conftest import need

LIBRARIES = "usr/lib/x86_64-linux-gnu"
MOST = 16  # times that a call fails, over all that the hook makes
OF_THE_HOST = re.compile(r"/run|\.json|lock").search  # the records among it
LINKS = {f"{LIBRARIES}/libcuda.so.{make_driver.VERSION}": "libcuda.so.470",
         f"{LIBRARIES}/libcuda.so.1": "libcuda.so.470", "usr/bin/nvidia-smi": "/nowhere",
         "etc/nvidia/nvidia-application-profiles-rc.d": "/nowhere"}


@pytest.fixture
def replaced(bundle):
    """A bundle with a link or a file of the image wherever the hook puts something of its own."""
    need("strace")
    bundle.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=all")
    for place, target in LINKS.items():
        (bundle.root / place).parent.mkdir(parents=True, exist_ok=True)
        (bundle.root / place).symlink_to(target)
    compat_library.make(bundle.root, text=compat_library.note())
    (bundle.root / "usr/lib/ld-musl-x86_64.so.1").touch()
    (bundle.root / "etc/ld-musl-x86_64.path").write_text("/before\n")
    return bundle


def start(made, bundle, *options):
    (bundle.root / "etc/ld.so.cache").unlink(missing_ok=True)  # so that each start writes it
    done = made.hook(prefix=["strace", "-f", "-qq", "-s", "256", *options], timeout=60)
    assert done.returncode in (0, 1), done
    assert done.stderr.count("\n") == done.returncode, done
    made.end()
    assert bundle.call_hook("poststop").returncode == 0
    return done


def test_file_set_aside_survives_failed_poststop(replaced, hand_made, tmp_path):
    own = replaced.root / "etc/ld-musl-x86_64.path"
    container.mark(own)
    before = container.marks(own)
    made = hand_made(replaced)
    assert made.hook().returncode == 0
    assert container.marks(own)["inode"] != before["inode"]
    made.end()
    done = made.hook(stage="poststop", state=made.state(status="stopped"), prefix=[
        "strace", "-f", "-qq", "-o", os.devnull, "-e", "trace=renameat", "-P", own.parent, "-e",
        "inject=renameat:error=EIO"])
    assert done.returncode == 1, done
    assert container.marks(own)["inode"] != before["inode"]
    assert replaced.call_hook("poststop").returncode == 0
    assert container.marks(own) == before


@pytest.mark.parametrize("error", ["EIO", "ENOMEM", "EMFILE"])
@pytest.mark.parametrize("call", ["readlinkat", "unlinkat", "mkdirat", "symlinkat", "renameat",
                                  "openat", "statx"])
def test_image_is_whole_after_a_failed_call(replaced, hand_made, tmp_path, call, error):
    before = container.listing(replaced.root)
    record = tmp_path / "calls"
    assert start(hand_made(replaced), replaced, "-o", record).returncode == 0
    assert container.listing(replaced.root) == before
    made = collections.Counter()
    inside = {}  # strace counts the calls of each process by themselves
    for process, arguments in re.findall(rf"^(\d+) +{call}\((.*)", record.read_text(), re.M):
        made[process] += 1
        if not OF_THE_HOST(arguments):
            inside[made[process]] = arguments
    assert inside
    for when in sorted(inside)[::max(1, len(inside) // MOST)]:
        start(hand_made(replaced), replaced, "-o", os.devnull, "-e", f"trace={call}", "-e",
              f"inject={call}:error={error}:when={when}")
        assert container.listing(replaced.root) == before, inside[when]
