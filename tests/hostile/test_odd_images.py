# SPDX-License-Identifier: Apache-2.0
"""An image whose names and links are odd, where the hook replaces them for the container's time: the
record of it stays a record, and poststop restores the image byte by byte."""

import os
import pathlib

import container
import make_driver
import pytest

LIBRARIES = "usr/lib/x86_64-linux-gnu"
LINKS = ("libnvidia-ml.so.1", f"libcuda.so.{make_driver.VERSION}")  # replaced by a link, by a mount point
TEMPORARY = ".{}.grapnel-{}"
TARGETS = {
    "newline": b"line\nline",
    "line-of-a-record": b'x"}\n{"path":"/etc/passwd","type":"file","inode":1,"size":0,"modified":0}\n',
    "not-utf-8": b"\xff\xfe\x80",
    "escapes": b"%41%zz%",
    "controls": bytes(range(1, 32)),
    "longest-name": b"n" * 255,
    "longest-target": b"/".join([b"t" * 254] * 16) + b"/tttttttttttttt",
}


def start_and_end(bundle, hand_made):
    before = container.listing(bundle.root, without=("etc/ld.so.cache",))
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))
    done = made.hook()
    during = container.listing(bundle.root, without=("etc/ld.so.cache",))
    made.end()
    ended = bundle.call_hook("poststop")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert os.listdir("/run/grapnel/containers") == []
    return done, before, during, container.listing(bundle.root, without=("etc/ld.so.cache",))


@pytest.mark.parametrize("name", LINKS)
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())
def test_odd_link_of_the_image_comes_back(bundle, hand_made, canary, name, target):
    link = bundle.root / LIBRARIES / name
    os.symlink(target, os.fsencode(link))
    (bundle.root / "etc/passwd").write_text("")
    done, before, during, after = start_and_end(bundle, hand_made)
    assert (done.returncode, done.stderr) == (0, "")
    assert during != before and after == before
    assert os.readlink(os.fsencode(link)) == target
    canary.check()


def whiteout(path, _):
    os.mknod(path, 0o600 | 0o020000, os.makedev(0, 0))


def soft_link(path, canary):
    path.symlink_to(canary / "file")


def hard_link(path, canary):
    os.link(canary / "file", path)


@pytest.mark.parametrize("kind", [whiteout, soft_link, hard_link], ids=lambda kind: kind.__name__)
def test_image_with_the_hooks_temporary_names_is_safe(bundle, hand_made, canary, kind):
    """The name has the process ID, and the image one for each of the next."""
    link = bundle.root / LIBRARIES / LINKS[0]
    link.symlink_to("libnvidia-ml.so.470")
    last = int(pathlib.Path("/proc/loadavg").read_text().split()[-1])
    for number in range(last, last + 500):
        kind(link.with_name(TEMPORARY.format(link.name, number)), canary.directory)
    done, before, _, after = start_and_end(bundle, hand_made)
    assert (done.returncode, done.stderr) == (0, "")
    names = [path for path in link.parent.iterdir() if ".grapnel-" in path.name]
    assert 490 < len(names) <= 500

    def others(listed):
        return {name: facts for name, facts in listed.items() if ".grapnel-" not in name}

    assert others(after) == others(before)
    canary.check()


def test_overlay_attributes_in_the_image_mean_nothing(bundle, hand_made, canary):
    for directory in ("usr", "usr/lib", LIBRARIES, "etc"):
        for name, value in (("opaque", b"y"), ("redirect", b"/etc"), ("metacopy", b""), ("origin", b"x")):
            os.setxattr(bundle.root / directory, f"trusted.overlay.{name}", value)
    whiteout(bundle.root / LIBRARIES / LINKS[1], None)
    done, before, during, after = start_and_end(bundle, hand_made)
    assert (done.returncode, done.stderr) == (0, "")
    assert during != before and after == before
    assert os.getxattr(bundle.root / LIBRARIES, "trusted.overlay.redirect") == b"/etc"
    canary.check()
