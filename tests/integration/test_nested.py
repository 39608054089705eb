# SPDX-License-Identifier: Apache-2.0
"""Engines in a container that has GPUs: Docker in Docker and podman in podman, with the commands of
doc/nested.md. The outer container has GPU 1 alone."""

import shutil
import subprocess

import make_driver
import nested
import pages
import pytest
from conftest import built, need, need_cgroup
from engines import docker as docker_engine
from engines import podman as podman_engine
from engines import process

OUTER_GPU, OTHER_GPU = (f"open:/dev/nvidia{make_driver.minor(index, 2)}" for index in (1, 0))
CUDA = "load:libcuda.so.1"
LOOK = ["/bin/look", OUTER_GPU, OTHER_GPU, CUDA]
UNKNOWN = f"unknown device '1': this host has 0 ({make_driver.uuid(1)}, "
PAGE = pages.TOP / "doc/nested.md"


def commands(place, program=""):
    """Those of the page, with the question of this test in the place of nvidia-smi."""
    found = [command for block in pages.blocks(PAGE) if block.place == place
             for command in block.commands() if command.startswith(program)]
    assert found, place
    return [command.replace(" IMAGE nvidia-smi -L", f" look:1 {' '.join(LOOK)}")
            for command in found]


def check(result):
    assert result.code == 0, result.err
    assert (result[OUTER_GPU], result[OTHER_GPU]) == ("ENXIO", "ENOENT")
    assert result[CUDA].endswith(" libcuda")


@pytest.fixture(scope="module")
def installed(programs, hook, tmp_path_factory):
    """Grapnel's programs, with the administrator's tool."""
    directory = tmp_path_factory.mktemp("installed") / "bin"
    process.make_reachable(directory.parent)
    shutil.copytree(programs, directory, symlinks=True)
    subprocess.run(["strip", "-o", directory / "grapnel", built(hook, "grapnel", "grapnel")],
                   check=True)
    return directory


@pytest.fixture(scope="module")
def docker_image(tmp_path_factory, tools, installed, image_archive):
    need(*nested.DOCKER, "setcap")
    need_cgroup("v2")
    directory = tmp_path_factory.mktemp("outer")
    root = nested.make_rootfs(directory / "root", tools, installed, image_archive, nested.DOCKER)
    nested.configure_docker(root)
    subprocess.run(["tar", "--xattrs", "--xattrs-include=security.capability", "-C", root, "-cf",
                    directory / "outer.tar", "."], check=True)
    shutil.rmtree(root)
    return directory / "outer.tar"


@pytest.fixture(scope="module", params=["v1", "v2"])
def outer_docker(request, tmp_path_factory, programs, image_archive, docker_image):
    """The outer container, with a daemon; called, it runs a line of shell there."""
    need_cgroup(request.param)
    directory = tmp_path_factory.mktemp("docker")
    docker = docker_engine.Docker(directory / request.param, request.param, programs, image_archive)

    def inside(line):
        return docker("exec", "outer", "sh", "-c", line)
    try:
        docker.set_settings(
            f'[nvidia-container-runtime]\nruntimes = ["{nested.low_level(directory)}"]\n')
        docker.import_image(docker_image, "outer:1")
        for command in commands("nested", "docker "):
            words = command.replace(" OUTER ", " outer:1 ").split(" ")[1:]
            done = docker(*words)
            assert done.code == 0, done.err
        ready = inside("for i in $(seq 300); do docker version && break; sleep 0.1; done; "
                       "docker import /image.tar look:1")
        assert ready.code == 0, ready.err
        yield inside
    finally:
        docker("exec", "outer", "sh", "-c", "kill $(cat /var/run/docker.pid)")
        docker("rm", "--force", "--volumes", "outer")
        docker.end()


@pytest.mark.parametrize("command", commands("inside", "docker "))
def test_docker_in_docker_gives_gpus(outer_docker, command):
    check(outer_docker(command))


def test_docker_in_docker_refuses_other_gpus(outer_docker):
    for options in ("--gpus device=1", "--runtime=nvidia --env NVIDIA_VISIBLE_DEVICES=1"):
        done = outer_docker(f"docker run --rm {options} look:1 /bin/look")
        assert done.code == 125 and UNKNOWN in done.err, done.err


def test_docker_in_docker_denies_other_gpus(outer_docker):
    query = f"make:c:195:{make_driver.minor(0, 2)}"
    done = outer_docker(f"docker run --rm --gpus all look:1 /bin/look {query}")
    assert done[query] == "EPERM"


def beside_users_daemon(outer, *lines):
    """Runs lines of shell as a user who started dockerd in the outer container."""
    configure, daemon, _ = commands("insidedockeruser")
    script = "\n".join((
        "export DOCKER_HOST=unix:///run/user/1000/docker.sock", configure,
        daemon.replace(" &", " 2>/tmp/log &"),
        # dockerd 28 answers no `docker version` below rootlesskit --net=host
        "for i in $(seq 300); do docker image ls >/dev/null 2>&1 && break; sleep 0.1; done",
        "docker import /image.tar look:1 >/dev/null || cat /tmp/log >&2",
        *lines, "code=$?",
        "kill $(cat $XDG_RUNTIME_DIR/docker.pid)", "wait", "exit $code"))
    return outer(AS_USER.replace("sh -e -c", "sh -c").format(script))


def test_rootless_docker_in_docker_gives_gpus(outer_docker):
    need(*nested.ROOTLESS)
    need_cgroup("v2")
    command = commands("insidedockeruser")[-1]
    refused = beside_users_daemon(outer_docker, command)
    assert refused.code != 0
    assert ("grapnel-runtime: /proc cannot be mounted in the container's user namespace: "
            "/proc/driver/nvidia covers a part of this container's own: run 'mkdir") in refused.err, refused.err
    for line in (line for line in commands("inside") if "/run/proc" in line):
        assert outer_docker(line).code == 0
    check(beside_users_daemon(outer_docker, command))


@pytest.fixture(scope="module")
def podman_image(tmp_path_factory, tools, installed, image_archive):
    need(*nested.PODMAN, "setcap")
    need_cgroup("v2")
    directory = tmp_path_factory.mktemp("outer")
    process.make_reachable(directory)
    root = nested.make_rootfs(directory / "root", tools, installed, image_archive, nested.PODMAN)
    nested.configure_podman(root, tools)
    return root


class OuterPodman:
    def __init__(self, cgroup, root, programs, image, tools, directory, rootless):
        (directory / "hooks.d").mkdir()
        hooks = nested.outer_hooks(directory / "hooks.d", programs, root)
        self.root = root
        self.podman = podman_engine.Podman(cgroup, "runc", hooks, image, tools, rootless)

    def __call__(self, *lines, options=("--privileged",)):
        """Runs lines of shell in an outer container."""
        command, = commands("nested", "podman ")
        words = command.replace("--privileged", " ".join(options)).split(" ")[1:]
        words[words.index("OUTER"):] = [
            "--tmpfs=/run", "--tmpfs=/var/tmp", "--rm", "--rootfs", self.root, "sh", "-c",
            "\n".join(["set -e", *lines])]
        return self.podman(*words)


IMPORT = "podman import --quiet /image.tar look:1 >/dev/null"
AS_USER = ("mkdir -p /run/user/1000; chown 1000 /run/user/1000; export HOME=/home/user "
           "XDG_RUNTIME_DIR=/run/user/1000; exec /usr/bin/setpriv --reuid=1000 --regid=1000 "
           "--clear-groups sh -e -c '{}'")


@pytest.fixture(params=["v1", "v2"])
def outer_podman(request, podman_image, reachable_hook, programs, image_archive, tools, tmp_path):
    need_cgroup(request.param)
    process.make_reachable(tmp_path)
    made = OuterPodman(request.param, podman_image, programs, image_archive, tools, tmp_path, False)
    yield made
    made.podman.end()


def test_podman_in_podman_gives_gpus(outer_podman):
    for command in commands("inside", "podman "):
        check(outer_podman(IMPORT, command))


def test_podman_in_podman_refuses_other_gpus(outer_podman):
    command = commands("inside", "podman ")[0].replace("=all", "=1")
    done = outer_podman(IMPORT, command)
    assert done.code != 0 and UNKNOWN in done.err, done.err


def test_podman_in_podman_lacks_other_driver_capabilities(outer_podman):
    command = commands("inside", "podman ")[0].replace(
        "--env", "--env NVIDIA_DRIVER_CAPABILITIES=compute --env")
    done = outer_podman(IMPORT, command, options=(
        "--privileged", "--env", "NVIDIA_DRIVER_CAPABILITIES=utility"))
    assert done.code != 0
    assert "grapnel-runtime: driver capability compute needs libcuda" in done.err, done.err


def test_rootless_podman_in_podman_gives_gpus(outer_podman):
    for command in commands("insideuser"):
        prepared = [line for line in commands("inside") if "/run/proc" in line]
        assert len(prepared) == 2
        as_user = AS_USER.format("; ".join((IMPORT, command)))
        check(outer_podman(*prepared, as_user))
        refused = outer_podman(as_user)
        assert refused.code != 0
        assert ("grapnel-runtime: /proc cannot be mounted in the container's user namespace: "
                "/proc/driver/nvidia covers a part of this container's own: run 'mkdir") in refused.err


def test_rootless_podman_in_unprivileged_podman_gives_gpus(outer_podman):
    outer, = commands("unprivileged")
    options = [word for word in outer.split(" ") if word.startswith("--security-opt=")]
    for command in commands("inunprivileged"):
        check(outer_podman(AS_USER.format("; ".join((IMPORT, command))), options=options))


def test_podman_in_rootless_podman_gives_gpus(podman_image, programs, image_archive, tools, tmp_path):
    need("newuidmap")
    need_cgroup("v2")
    process.make_reachable(tmp_path)
    process.give_to_user(podman_image)  # the last test of this image
    made = OuterPodman("v2", podman_image, programs, image_archive, tools, tmp_path, True)
    try:
        for command in commands("inrootless"):
            check(made(IMPORT, command))
    finally:
        made.podman.end()

