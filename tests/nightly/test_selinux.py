# SPDX-License-Identifier: Apache-2.0
"""Containers where Debian's SELinux policy is enforced. tests/nightly/kernels --selinux boots it; an
administrator (unconfined_t) runs these tests."""

import os
import pathlib
import subprocess

import pytest

import container
import make_driver
import pages

ENFORCE = pathlib.Path("/sys/fs/selinux/enforce")
PROCESS = "system_u:system_r:container_t:s0:c1,c2"
FILES = "system_u:object_r:container_file_t:s0:c1,c2"
NODE = f"open:/dev/nvidia{make_driver.minor(0, 2)}"
LIBRARY = "load:libcuda.so.1"
PARAMS = "text:/proc/driver/nvidia/params"

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


@pytest.fixture
def labels_of_the_page():
    """Called, it runs the commands of doc/hosts.md; the machine's labels are undone."""
    def run():
        for command in pages.commands("hosts.md", "selinux"):
            subprocess.run(["sh", "-c", " ".join(command)], check=True)
    yield run
    for command in ("setsebool -P container_use_dri off", "semanage fcontext --deleteall",
                    "restorecon -RF /dev"):
        subprocess.run(["sh", "-c", command], check=True)


def run_confined(engine, confined, *command):
    """The output goes through the root file system: container_t may not write to a pipe of an
    administrator's."""
    done = engine(confined, args=["/bin/sh", "-c", f"{' '.join(command)} >/output"])
    done.out = (confined.root / "output").read_text()
    done.answers = container.answers(done.out)
    return done


def test_confined_container_opens_labelled_nodes(confined, engine, labels_of_the_page):
    confined.config["process"]["noNewPrivileges"] = False
    confined.show_proc_driver()
    before = run_confined(engine, confined, "/bin/look", NODE, LIBRARY, PARAMS)
    assert before[NODE] == "EACCES"
    labels_of_the_page()
    after = run_confined(engine, confined, "/bin/look", NODE, LIBRARY, PARAMS)
    assert after[NODE] == "ENXIO"
    for seen in (before, after):
        assert seen[LIBRARY].endswith(" libcuda")
        assert "ModifyDeviceFiles: 0" in seen[PARAMS]
    listed = run_confined(engine, confined, "nvidia-smi", "-L")
    assert (listed.code, listed.out.count("UUID: GPU-")) == (0, 2), listed.err


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
