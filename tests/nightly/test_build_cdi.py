# SPDX-License-Identifier: Apache-2.0
"""Builds of images with a device by CDI: `podman build --device` and `buildah build --device`."""

import json
import pathlib

import cdi_files
import make_driver
import pytest
from cdi_files import hooks  # noqa: F401
from conftest import built, need, skip_or_fail
from engines import podman as engine
from test_podman import CUDA, DENIED, NODES, REACHED, gpus_of, podman, rootless  # noqa: F401

MADE = [f"make:c:195:{make_driver.minor(index, 2)}" for index in range(2)]
DEVICE = "--device=nvidia.com/gpu=0"


@pytest.fixture(scope="module", autouse=True)
def live_file(hook, reachable_hook):
    if engine.major_version() < 5:
        skip_or_fail("podman before 5 builds no image with CDI devices")
    # podman 5.4 reads files in this directory alone when it builds
    path = pathlib.Path("/etc/cdi/grapnel.json")
    with cdi_files.live_file(built(hook, "grapnel", "grapnel"), reachable_hook, path):
        yield path
    path.parent.rmdir()


def build(made, *options, ask):
    """The answers of look.c in a step of the build."""
    context = made.directory / "home" / "context"
    context.mkdir(exist_ok=True)
    (context / "Containerfile").write_text(
        f"FROM {engine.IMAGE}\nRUN {json.dumps(['/bin/look', *ask])}\n")
    context.chmod(0o755)
    return made("build", "--no-cache", "--network=none", *options, context)


def check(result):
    assert gpus_of(result) == {0}
    assert result[CUDA].endswith(f"/libcuda.so.{make_driver.VERSION} libcuda")


def test_build_with_a_device(podman):  # noqa: F811
    result = build(podman, DEVICE, "--cap-add=MKNOD", "--tag=built:1", ask=[*NODES, *MADE, CUDA])
    check(result)
    assert [result[query] for query in MADE] == [REACHED, DENIED]
    # the image is without the driver
    plain = podman.run(image="localhost/built:1", ask=[*NODES, CUDA, "list:/usr/bin"])
    assert gpus_of(plain) == set() and "nvidia-smi" not in plain["list:/usr/bin"]
    assert plain[CUDA].startswith("libcuda.so.1: cannot open")


def test_user_builds_with_a_device(rootless):  # noqa: F811
    check(build(rootless, DEVICE, ask=[*NODES, CUDA]))


def test_build_without_a_device_has_none(podman):  # noqa: F811
    result = build(podman, ask=NODES)
    assert gpus_of(result) == set()


def test_buildah_with_a_device(podman):  # noqa: F811
    need("buildah")
    options = podman.options
    podman.program, podman.options = "buildah", [*options[:2]]
    try:
        check(build(podman, DEVICE, ask=[*NODES, CUDA]))
    finally:
        podman.program, podman.options = "podman", options
