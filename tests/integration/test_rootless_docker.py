# SPDX-License-Identifier: Apache-2.0
"""Docker of a user without rights: its own words, and nothing to set."""


import make_driver
import pytest
from conftest import need, need_cgroup
from engines import docker as engine

NODES = [f"open:/dev/nvidia{make_driver.minor(index, 2)}" for index in range(2)]
CUDA = "load:libcuda.so.1"


@pytest.fixture(scope="module", params=["v1", "v2"])
def docker(request, tmp_path_factory, programs, image_archive):
    need("dockerd", "rootlesskit", "newuidmap")
    need_cgroup(request.param)
    directory = tmp_path_factory.mktemp("docker") / request.param
    made = engine.RootlessDocker(directory, request.param, programs, image_archive)
    yield made
    made.end()


BY_VARIABLE = ("--runtime=nvidia", "--env", "NVIDIA_VISIBLE_DEVICES=1")


@pytest.mark.parametrize("options, expected", [
    (("--gpus", "all"), {0, 1}), (("--gpus", "device=1"), {1}), (BY_VARIABLE, {1}),
    (("--runtime=nvidia", "--gpus", "1"), {0}), (("--runtime=nvidia",), set())])
def test_a_users_docker_gives_what_is_asked_for(docker, options, expected):
    result = docker.run(*options, ask=[*NODES, CUDA])
    assert result.code == 0, result.err
    assert {result[node] for node in NODES} <= {"ENXIO", "ENOENT"}
    assert {index for index, node in enumerate(NODES) if result[node] == "ENXIO"} == expected
    assert result[CUDA].endswith(" libcuda") == bool(expected)


def test_a_users_docker_explains_the_missing_gpu(docker):
    result = docker.run("--gpus", "device=7")
    assert result.code != 0
    assert "unknown device '7': this host has" in result.err
