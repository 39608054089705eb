# SPDX-License-Identifier: Apache-2.0
"""The attack of test_volumes.py with engines whose containers have a user namespace: an image whose
directories lead to a volume of the host's root gets nothing made there. Docker puts an /etc of its
own in the place of an image's link."""

import os
import shutil
import subprocess

import container
import make_driver
import pytest
from conftest import need
from engines import docker as docker_engine
from engines import podman as podman_engine
from engines import process

IMAGE = "linked:1"
ENGINES_OWN = ("hosts", "resolv.conf", "hostname", "passwd", "group", "mtab")
FIRMWARE = {f"{make_driver.VERSION}/gsp_ga10x.bin"}
CONFIGURATION = {"OpenCL/vendors/nvidia.icd", "vulkan/icd.d/nvidia_icd.json"}
REQUEST = ("--env=NVIDIA_VISIBLE_DEVICES=all", "--env=NVIDIA_DRIVER_CAPABILITIES=all")


@pytest.fixture(scope="module")
def linked_image(tmp_path_factory, tools):
    """An image whose /etc and directory of firmware are links to /data."""
    directory = tmp_path_factory.mktemp("linked")
    process.make_reachable(directory)
    root = container.make_rootfs(directory / "image", tools)
    (root / "etc").rename(root / "data")
    (root / "etc").symlink_to("/data")
    (root / "usr/lib/firmware").mkdir()
    (root / "usr/lib/firmware/nvidia").symlink_to("/data")
    archive = directory / "image.tar"
    subprocess.run(["tar", "-C", root, "-cf", archive, "."], check=True)
    archive.chmod(0o644)
    return archive


@pytest.fixture
def make_volume(tmp_path, linked_image):
    """A copy of what the image has there, of that user; engines find their own files made."""
    def make(owner):
        volume = tmp_path / "volume"
        shutil.copytree(linked_image.parent / "image/data", volume, symlinks=True)
        for name in ENGINES_OWN:
            (volume / name).touch()
        for path in (volume, *volume.rglob("*")):
            os.lchown(path, owner, owner)
        process.make_reachable(volume)
        return volume
    return make


def made_by(run, volume):
    """The names that are new on the volume after a container ran."""
    before = container.listing(volume, without=())
    result = run("--volume", f"{volume}:/data", *REQUEST)
    assert result.code == 0, result.err
    assert result["load:libcuda.so.1"].endswith(" libcuda")
    after = container.listing(volume, without=())
    assert {name: after[name] for name in before} == before
    return set(after) - set(before)


@pytest.fixture(scope="module")
def docker(tmp_path_factory, programs, linked_image):
    need("dockerd")
    cgroup = "v2" if container.cgroup_version_possible("v2") else "v1"
    made = docker_engine.Docker(tmp_path_factory.mktemp("docker") / "remap", cgroup, programs,
                                linked_image, remap=True)
    made.import_image(linked_image, IMAGE)
    yield made
    made.end()


@pytest.mark.parametrize("user", [0, 1000])
@pytest.mark.parametrize("whose", ["of root", "of the user"])
def test_docker_with_userns_remap_spares_volume_of_root(docker, make_volume, whose, user):
    volume = make_volume(0 if whose == "of root" else process.FIRST_SUBID + user)
    made = made_by(lambda *options: docker.run("--runtime=nvidia", f"--user={user}", *options,
                                               image=IMAGE, ask=["load:libcuda.so.1"]), volume)
    if whose == "of root":
        assert not made
        assert "on a volume, as the container's user: Permission denied" in docker.logged()
    else:
        assert FIRMWARE <= made


@pytest.fixture(scope="module")
def podman(tmp_path_factory, programs, linked_image, tools):
    need("podman")
    cgroup = "v2" if container.cgroup_version_possible("v2") else "v1"
    hooks = tmp_path_factory.mktemp("hooks")
    process.make_reachable(hooks)
    (hooks / "grapnel.json").write_text(
        '{"version": "1.0.0", "hook": {"path": "%s", "args": ["grapnel-hook", "prestart"]}, '
        '"when": {"always": true}, "stages": ["prestart"]}' % (programs / "grapnel-hook"))
    made = podman_engine.Podman(cgroup, "runc", hooks, linked_image, tools, rootless=True)
    yield made
    made.end()


@pytest.mark.parametrize("whose", ["of root", "of the user"])
def test_rootless_podman_spares_volume_of_root(podman, make_volume, whose):
    volume = make_volume(0 if whose == "of root" else process.USER_ID)
    made = made_by(lambda *options: podman.run("--no-hosts", *options, ask=["load:libcuda.so.1"]),
                   volume)
    assert made == set() if whose == "of root" else CONFIGURATION <= made
