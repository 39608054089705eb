# SPDX-License-Identifier: Apache-2.0
"""A container replaces what the hook made in its root file system before it ends: poststop removes
nothing of the container's own and nothing outside, and ends."""

import os
import pathlib
import shutil
import socket

import container
import make_driver
import pytest

LIBRARIES = "usr/lib/x86_64-linux-gnu"
LIBRARY = f"{LIBRARIES}/libcuda.so.{make_driver.VERSION}"
LINK = f"{LIBRARIES}/libcuda.so.1"
DIRECTORY = "usr/lib/firmware"
REPLACED = f"{LIBRARIES}/libnvidia-ml.so.1"  # of the image, for the container's time
PLACES = {"file": LIBRARY, "link": LINK, "directory": DIRECTORY, "replaced": REPLACED}


def hard_link(path, canary):
    os.link(canary / "file", path)


def soft_link(path, canary):
    path.symlink_to(canary / "file")


def link_to_directory(path, canary):
    path.symlink_to(canary / "subdirectory")


def directory(path, _):
    path.mkdir()


def full_directory(path, _):
    path.mkdir()
    (path / "mine").write_text("mine")


def other_file(path, _):
    path.write_text("mine")


def other_link(path, _):
    path.symlink_to("mine")


def fifo(path, _):
    os.mkfifo(path)


def node(path, _):
    os.mknod(path, 0o600 | 0o020000, os.makedev(1, 3))


def listening(path, _):
    here = os.open(path.parent, os.O_PATH)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"/proc/self/fd/{here}/{path.name}")
    os.close(here)


def inode_used_again(path, _):
    """The next file of a file system often gets the number of the one that went last."""
    for number in range(64):
        other = path.with_name(f"mine-{number}")
        other.write_text("mine")
        if number == 0:
            other.rename(path)


KINDS = (hard_link, soft_link, link_to_directory, directory, full_directory, other_file, other_link,
         fifo, node, listening, inode_used_again)


@pytest.fixture
def ended(hand_made, bundle):
    """A container that has run."""
    (bundle.root / REPLACED).symlink_to("libnvidia-ml.so.470")
    before = container.listing(bundle.root, without=("etc/ld.so.cache",))
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))
    assert made.hook().returncode == 0
    made.end()
    bundle.before = before
    return bundle


def take_away(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


@pytest.mark.parametrize("kind", KINDS, ids=[kind.__name__ for kind in KINDS])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
def test_poststop_spares_what_a_container_put_there(ended, canary, place, kind):
    path = ended.root / place
    take_away(path)
    kind(path, canary.directory)
    canary.at_start = canary.state()  # a hard link counts there
    mine = {name: facts for name, facts in container.listing(ended.root).items()
            if name == place or name.startswith(f"{place}/") or "mine" in name}
    done = ended.call_hook("poststop")
    assert (done.returncode, done.stderr) == (0, "")
    after = container.listing(ended.root)
    canary.check()
    if kind is not directory or place != DIRECTORY:  # an empty one in the place of an empty one
        assert {name: after.get(name) for name in mine} == mine
    others = {name for name in after if name not in mine}
    assert others == {name for name in ended.before if name not in mine}
    assert os.listdir("/run/grapnel/containers") == []


PARENTS = ("usr/lib", LIBRARIES, "usr", "etc")


@pytest.mark.parametrize("parent", PARENTS)
def test_poststop_goes_nowhere_through_a_new_parent(ended, canary, parent):
    """With files of the same names and inodes' sizes in the directory that a link leads to."""
    path = ended.root / parent
    copy = canary.directory / "subdirectory/copy"
    shutil.copytree(path, copy, symlinks=True)
    path.rename(path.with_name("moved"))
    path.symlink_to(copy)
    canary.at_start = canary.state()
    done = ended.call_hook("poststop")
    assert (done.returncode, done.stderr) == (0, "")
    canary.check()
    assert os.listdir("/run/grapnel/containers") == []


def test_poststop_spares_a_hard_link_to_a_creation(ended, canary):
    """The name of the hook's goes, another name of the same inode stays."""
    other = ended.root / "home-of-the-user"
    os.link(ended.root / LIBRARY, other)
    assert ended.call_hook("poststop").returncode == 0
    assert other.exists() and not (ended.root / LIBRARY).exists()
    assert pathlib.Path(canary.directory / "file").exists()
