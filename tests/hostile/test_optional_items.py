# SPDX-License-Identifier: Apache-2.0
"""An image spoils the target of something that the driver brings. An optional item is left out with
a warning, and the container starts; a necessary one refuses the start in one line. Either way
nothing happens outside of the root file system. (CVE-2024-0133)"""

import os
import pathlib
import shutil
import socket

import container
import make_driver
import pytest

VERSION = make_driver.VERSION
LIBRARIES = "usr/lib/x86_64-linux-gnu"
FIRMWARE = f"usr/lib/firmware/nvidia/{VERSION}"
CUDA = "load:libcuda.so.1"

# an optional item as the log names it: the directories above its target, and the target's type
ITEMS = {
    f"/lib/firmware/nvidia/{VERSION}/gsp_ga10x.bin":
        (["usr/lib/firmware", "usr/lib/firmware/nvidia", FIRMWARE], "file"),
    "/run/nvidia-persistenced/socket": (["run", "run/nvidia-persistenced"], "file"),
    "/etc/vulkan/icd.d/nvidia_icd.json": (["etc/vulkan", "etc/vulkan/icd.d"], "file"),
    "/usr/share/glvnd/egl_vendor.d/10_nvidia.json":
        (["usr/share", "usr/share/glvnd/egl_vendor.d"], "file"),
    "/usr/share/grapnel": (["usr/share"], "directory"),
    "/etc/nvidia/nvidia-application-profiles-rc.d": (["etc", "etc/nvidia"], "directory"),
    f"/{LIBRARIES}/libcuda.so": ([], "link"),
    f"/{LIBRARIES}/gbm/nvidia-drm_gbm.so": ([f"{LIBRARIES}/gbm"], "link"),
    "/dev/dri/by-path/pci-0000:00:06.0-card": (["dev/dri/by-path"], "link"),
}
NECESSARY = {
    f"/{LIBRARIES}/libcuda.so.{VERSION}": ([LIBRARIES], "file"),
    f"/{LIBRARIES}/libcuda.so.1": ([], "link"),
    "/dev/nvidiactl": (["dev"], "file"),
    "/usr/bin/nvidia-smi": (["usr/bin"], "file"),
}
LINKS = ["a link to the canary", "a link by dots", "a link to itself", "a dangling link",
         "a magic link", "a deep path"]
FILES = ["a file", "a FIFO", "a socket", "a device", "a link to a file"]
# the image's own /dev, with no tmpfs on it
BASIS = 'mount --bind "$ROOT" "$ROOT"; cd "$ROOT"; [ ! -d proc ] || mount -t proc proc proc'


def spoil(root, place, kind, canary):
    path = root / place
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    links = {"a link to the canary": canary.directory,
             "a link by dots": "../" * 40 + str(canary.directory)[1:],
             "a link to itself": path.name, "a dangling link": "/nowhere/at/all",
             "a magic link": f"/proc/1/root{canary.directory}",
             "a deep path": "/deep" * 800, "a link to a file": "/etc/passwd"}
    if kind in links:
        path.symlink_to(links[kind])
    elif kind == "a directory":
        (path / "of/the/image").mkdir(parents=True)
    elif kind == "a file":
        path.write_text("the image's")
    elif kind == "a FIFO":
        os.mkfifo(path)
    elif kind == "a device":
        os.mknod(path, 0o20666, os.makedev(1, 3))
    else:
        here = os.getcwd()
        os.chdir(path.parent)  # the path of a socket is short
        socket.socket(socket.AF_UNIX).bind(path.name)
        os.chdir(here)


def spoilt_ways(items):
    """(item, spoilt place, kind) for each way that leaves no room for the item."""
    for item, (directories, target) in items.items():
        for place in directories:
            yield from ((item, place, kind) for kind in LINKS + FILES)
        place = item[1:].replace("lib/firmware", "usr/lib/firmware") \
            if item.startswith("/lib/firmware") else item[1:]
        yield from ((item, place, kind) for kind in
                    (FILES[:-1] if target == "directory" else ["a directory"]))


@pytest.fixture
def start(hand_made, bundle, canary, listening_socket):
    """Starts a container with everything to do from the image as it is by then."""
    bundle.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=all")
    listening_socket("/run/nvidia-persistenced/socket")

    def run():
        before = container.listing(bundle.root)
        mounts = pathlib.Path("/proc/self/mountinfo").read_text()
        made = hand_made(bundle, basis=BASIS)
        done = made.hook(timeout=20)
        answer = made.look(CUDA)[CUDA] if done.returncode == 0 else None
        made.end()
        poststop = bundle.call_hook("poststop")
        assert (poststop.returncode, poststop.stderr) == (0, "")
        assert container.listing(bundle.root) == before
        canary.check()
        assert pathlib.Path("/proc/self/mountinfo").read_text() == mounts
        return done, answer
    return run


@pytest.mark.parametrize("item, place, kind", spoilt_ways(ITEMS))
def test_spoilt_optional_item_is_left_out(start, bundle, canary, item, place, kind):
    spoil(bundle.root, place, kind, canary)
    done, answer = start()
    assert (done.returncode, done.stderr) == (0, "")
    assert answer.endswith(" libcuda")
    assert f"warning: {item} is left out: " in bundle.logged()


@pytest.mark.parametrize("item, place, kind", spoilt_ways(NECESSARY))
def test_spoilt_necessary_item_refuses_the_start(start, bundle, canary, item, place, kind):
    spoil(bundle.root, place, kind, canary)
    done, _ = start()
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert place in done.stderr


@pytest.mark.parametrize("kind", LINKS + FILES)
def test_spoilt_etc_leaves_the_cache_out(start, bundle, canary, kind):
    spoil(bundle.root, "etc", kind, canary)
    done, answer = start()
    assert (done.returncode, done.stderr) == (0, "")
    assert answer.endswith(" libcuda")
    assert "warning: the image has no /etc: no ld.so.cache is made" in bundle.logged()


@pytest.mark.parametrize("place", ["usr/lib/firmware/nvidia", FIRMWARE, "run/nvidia-persistenced",
                                   "etc/vulkan/icd.d"])
def test_spoilt_image_starts_in_a_real_runtime(engine, bundle, canary, listening_socket, place):
    listening_socket("/run/nvidia-persistenced/socket")
    bundle.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=all")
    spoil(bundle.root, place, "a link to the canary", canary)
    result = engine(bundle, CUDA)
    assert result.code == 0, result.err
    assert result[CUDA].endswith(" libcuda")
    assert "is left out: " in bundle.logged()
    canary.check()
