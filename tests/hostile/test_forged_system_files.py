# SPDX-License-Identifier: Apache-2.0
"""An image brings files where the kernel has its own (/proc, /sys, /dev): the hook writes to none of
them, reads no fact of the driver there, and follows no link of theirs.
(CVE-2025-31133, CVE-2025-52565, CVE-2025-52881, CVE-2026-41579, CVE-2026-47766)"""

import os
import pathlib
import shutil

import container
import pytest

CUDA = "load:libcuda.so.1"
OWN = 'mount --bind "$ROOT" "$ROOT"; cd "$ROOT"'  # with no file system of the kernel on top
PROC = ("self/attr/exec", "self/attr/current", "self/uid_map", "self/mountinfo", "1/oom_score_adj",
        "sys/kernel/modprobe", "sys/kernel/core_pattern", "devices", "filesystems",
        "driver/nvidia/version", "driver/nvidia/params")


@pytest.fixture
def gpu_bundle(bundle):
    return bundle.env("NVIDIA_VISIBLE_DEVICES=0")


def forge(root, places):
    for place in places:
        path = root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("forged\n")


@pytest.fixture(params=["files of the image", "a tmpfs", "a tmpfs of links"])
def forged_proc(request, hand_made, gpu_bundle, canary):
    """A container whose /proc is no procfs."""
    forge(gpu_bundle.root / "proc", PROC)
    if request.param == "files of the image":
        return hand_made(gpu_bundle, basis=OWN)
    if request.param == "a tmpfs of links":
        shutil.rmtree(gpu_bundle.root / "proc/self")
        (gpu_bundle.root / "proc/self").symlink_to(canary.directory)
        (gpu_bundle.root / "proc/driver/nvidia/params").unlink()
        (gpu_bundle.root / "proc/driver/nvidia/params").symlink_to(canary.directory / "file")
    source = gpu_bundle.directory / "forged"
    (gpu_bundle.root / "proc").rename(source)
    (gpu_bundle.root / "proc").mkdir()
    return hand_made(gpu_bundle, basis=OWN, setup=f'mount -t tmpfs tmpfs "$ROOT/proc"; '
                                                  f'cp -a {source}/. "$ROOT/proc/"')


def test_forged_procfs_is_neither_believed_nor_changed(forged_proc, gpu_bundle, canary):
    inside = pathlib.Path(f"/proc/{forged_proc.pid}/root{gpu_bundle.root}/proc")
    before = container.listing(inside, without=())
    done = forged_proc.hook(timeout=20)
    assert (done.returncode, done.stderr) == (0, "")
    canary.check()
    # the view of the driver covers what is forged, and nothing else is there than before
    after = container.listing(inside, without=())
    changed = {name for name in after if after[name] != before.get(name)}
    assert all(name.startswith("driver/nvidia") for name in changed), changed
    result = forged_proc.look("text:/proc/driver/nvidia/params", CUDA)
    assert "forged" not in result["text:/proc/driver/nvidia/params"]
    assert result[CUDA].endswith(" libcuda")


@pytest.mark.parametrize("target", ["the canary", "/etc", "/", "/nowhere"])
def test_linked_driver_view_stays_below_the_root(hand_made, gpu_bundle, canary, target):
    (gpu_bundle.root / "proc/driver").mkdir()
    (gpu_bundle.root / "proc/driver/nvidia").symlink_to(
        canary.directory if target == "the canary" else target)
    made = hand_made(gpu_bundle, basis=OWN)
    mounts = pathlib.Path("/proc/self/mountinfo").read_text()
    done = made.hook(timeout=20)
    assert done.returncode in (0, 1) and done.stderr.count("\n") == done.returncode
    canary.check()
    assert pathlib.Path("/proc/self/mountinfo").read_text() == mounts


@pytest.mark.parametrize("kind", ["a link to the canary", "a link to itself", "a FIFO"])
def test_forged_device_files_are_left_alone(hand_made, gpu_bundle, canary, kind):
    directory = gpu_bundle.root / "dev"
    names = ("null", "zero", "console", "tty", "ptmx", "char", "pts")
    for name in names:
        if kind == "a FIFO":
            os.mkfifo(directory / name)
        else:
            (directory / name).symlink_to(
                name if kind == "a link to itself" else canary.directory / "file")
    made = hand_made(gpu_bundle, basis=OWN)
    done = made.hook(timeout=20)
    assert (done.returncode, done.stderr) == (0, "")
    canary.check()
    result = made.look("open:/dev/nvidia1", CUDA)
    assert result["open:/dev/nvidia1"] == "ENXIO"
    assert result[CUDA].endswith(" libcuda")
    made.end()
    assert gpu_bundle.call_hook("poststop").returncode == 0
    assert sorted(os.listdir(directory)) == sorted(names)


def test_forged_facts_of_the_driver_are_not_read(hand_made, gpu_bundle):
    """The same places that the host's driver is found at."""
    forge(gpu_bundle.root, ("sys/module/nvidia/version", "sys/bus/pci/devices/x/vendor",
                            "etc/grapnel/config.toml", "etc/nvidia-container-runtime/config.toml",
                            "run/grapnel/probe", "opt/nvidia/lib64/libcuda.so.1.1"))
    made = hand_made(gpu_bundle, basis=OWN)
    done = made.hook(timeout=20)
    assert (done.returncode, done.stderr) == (0, "")
    assert made.look(CUDA)[CUDA].endswith(" libcuda")
    assert gpu_bundle.logged() == ""
