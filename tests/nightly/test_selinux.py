# SPDX-License-Identifier: Apache-2.0
"""Containers where Debian's SELinux policy is enforced. tests/nightly/kernels --selinux boots it; an
administrator (unconfined_t) runs these tests."""

import os
import pathlib
import subprocess

import pytest

import container

ENFORCE = pathlib.Path("/sys/fs/selinux/enforce")
PROCESS = "system_u:system_r:container_t:s0:c1,c2"
FILES = "system_u:object_r:container_file_t:s0:c1,c2"

pytestmark = pytest.mark.skipif(not ENFORCE.exists(),
                                reason="this kernel enforces no SELinux policy")


def label_of(path):
    return os.getxattr(path, "security.selinux", follow_symlinks=False).decode().rstrip("\0")


@pytest.fixture(scope="module", autouse=True)
def labelled_driver():
    """The driver's files and nodes as the policy labels them on a host."""
    subprocess.run(["restorecon", "-RF", "/opt", "/dev", "/run"], check=True)


@pytest.fixture
def confined(bundle):
    """A bundle as engines make one for a confined container."""
    bundle.config["process"]["selinuxLabel"] = PROCESS
    bundle.config["linux"]["mountLabel"] = FILES
    subprocess.run(["chcon", "-R", FILES, bundle.root], check=True)
    return bundle.env("NVIDIA_VISIBLE_DEVICES=all")


def test_loader_cache_keeps_its_label(confined, hand_made):
    cache = confined.root / "etc/ld.so.cache"
    other = "system_u:object_r:container_file_t:s0:c3,c4"
    subprocess.run(["chcon", other, cache], check=True)
    inode = cache.stat().st_ino
    done = hand_made(confined).hook()
    assert (done.returncode, done.stderr) == (0, "")
    assert cache.stat().st_ino != inode
    assert label_of(cache) == other
    assert "libcuda.so.1" in dict(container.cached_libraries(cache))


def test_mounts_keep_the_labels_of_the_host(confined, hand_made):
    made = hand_made(confined)
    assert made.hook().returncode == 0
    labels = {}
    for place in made.mounts():
        inside = f"/proc/{made.pid}/root{confined.root}{place}"
        labels[place] = label_of(inside).split(":")[2]
    libraries = [place for place in labels if "/libcuda.so." in place]
    assert {labels[place] for place in libraries} == {"lib_t"}
    assert labels["/usr/bin/nvidia-smi"] == "bin_t"
    assert labels["/dev/nvidiactl"] == "xserver_misc_device_t"
    # what is made in the image is labelled as its directory is
    firmware = next(confined.root.glob("usr/lib/firmware"))
    assert label_of(firmware).split(":")[2] == "container_file_t"


PROFILES = "etc/nvidia/nvidia-application-profiles-rc.d"


@pytest.fixture
def with_profiles(confined):
    """A bundle that gets a synthetic directory."""
    return confined.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=all")


def labels_of_profiles(made):
    inside = pathlib.Path(f"/proc/{made.pid}/root{made.bundle.root}", PROFILES)
    files = list(inside.iterdir())
    assert files
    return {label_of(path) for path in (inside, *files)}


def test_synthetic_directories_have_the_mount_label(with_profiles, hand_made):
    made = hand_made(with_profiles)
    assert made.hook().returncode == 0
    assert labels_of_profiles(made) == {FILES}


def test_without_mount_label_synthetic_directories_are_the_hooks(with_profiles, hand_made):
    del with_profiles.config["linux"]["mountLabel"]
    made = hand_made(with_profiles)
    assert made.hook().returncode == 0
    assert all(label.split(":")[2].endswith("tmpfs_t") for label in labels_of_profiles(made))


def test_label_that_the_policy_lacks_keeps_no_container(with_profiles, hand_made):
    with_profiles.config["linux"]["mountLabel"] = "system_u:object_r:no_such_t:s0"
    done = hand_made(with_profiles).hook()
    assert (done.returncode, done.stderr) == (0, "")
