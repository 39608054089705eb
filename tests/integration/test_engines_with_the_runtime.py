# SPDX-License-Identifier: Apache-2.0
"""docker run --runtime=nvidia, podman --runtime, ctr --runc-binary, and podman's precreate."""

import json

import container
import make_driver
import pytest
from conftest import need
from engines import containerd as containerd_engine
from engines import docker as docker_engine
from engines import podman as podman_engine
from engines import process

# both GPUs' nodes, and nodes of their numbers that the container makes itself
NODES = [f"open:/dev/nvidia{make_driver.minor(index, 2)}" for index in range(2)]
NUMBERS = [f"make:c:195:{make_driver.minor(index, 2)}" for index in range(2)]
CUDA = "load:libcuda.so.1"
QUESTIONS = [*NODES, *NUMBERS, CUDA]


def check(result, *given):
    assert result.code == 0, result.err
    for index in range(2):
        expected = ("ENXIO", "ENXIO") if index in given else ("ENOENT", "EPERM")
        assert (result[NODES[index]], result[NUMBERS[index]]) == expected, index
    assert result[CUDA].endswith(" libcuda") == bool(given)


@pytest.fixture(scope="module", params=["v1", "v2"])
def docker(request, tmp_path_factory, programs, image_archive):
    need("dockerd")
    directory = tmp_path_factory.mktemp("docker") / request.param
    made = docker_engine.Docker(directory, request.param, programs, image_archive)
    yield made
    made.end()


def devices(names):
    return ("--env", f"NVIDIA_VISIBLE_DEVICES={names}")


@pytest.mark.parametrize("names, given", [("all", (0, 1)), ("1", (1,)), (make_driver.uuid(0), (0,)),
                                          ("void", ())])
def test_docker_with_the_runtime(docker, names, given):
    check(docker.run("--runtime=nvidia", *devices(names), ask=QUESTIONS), *given)


def test_docker_with_the_runtime_and_gpus(docker):
    """The daemon has added the hook by one of its names already."""
    check(docker.run("--runtime=nvidia", "--gpus", "device=1", ask=QUESTIONS), 1)


@pytest.mark.parametrize("options", [(), ("--gpus", "device=0")])
def test_dockers_container_keeps_its_own_cache(docker, options):
    name = f"leaves-{len(options)}"
    done = docker("run", "--name", name, "--network=none", "--runtime=nvidia", *options,
                  *(() if options else devices("0")), docker_engine.IMAGE, "/bin/look", *QUESTIONS)
    check(done, 0)
    changed = {line.split(" ", 1)[1] for line in docker("diff", name).out.splitlines()}
    docker("rm", name)
    assert "/etc/ld.so.cache" in changed
    assert not [path for path in changed if "nvidia" in path or "libcuda" in path]


def test_docker_tells_why_the_runtime_made_no_container(docker):
    result = docker.run("--runtime=nvidia", *devices("7"), ask=QUESTIONS)
    assert result.code != 0
    assert "unknown device '7': this host has" in result.err


def test_docker_restarts_a_container_of_the_runtime(docker):
    made = docker("create", "--name=again", "--network=none", "--runtime=nvidia", *devices("0"),
                  docker_engine.IMAGE, "/bin/look", *QUESTIONS)
    assert made.code == 0, made.err
    for _ in range(2):
        check(docker("start", "--attach", "again"), 0)
    docker("rm", "again")


def make_podman(request, tmp_path_factory, programs, image_archive, tools, stage=None):
    runtime, cgroup = request.param.split("-")
    need("podman", runtime)
    hooks = tmp_path_factory.mktemp("hooks.d")
    process.make_reachable(hooks)
    if stage:
        entry = {"path": str(programs / "grapnel-hook"), "args": ["grapnel-hook", stage], "env": []}
        (hooks / "grapnel.json").write_text(json.dumps(
            {"version": "1.0.0", "hook": entry, "when": {"always": True}, "stages": [stage]}))
    return podman_engine.Podman(cgroup, runtime, hooks, image_archive, tools)


# from podman 5 on a container may not by itself
MAY_MAKE_NODES = ("--cap-add", "MKNOD")
ENGINES = [f"{runtime}-{cgroup}" for runtime in ("runc", "crun") for cgroup in ("v1", "v2")]


@pytest.fixture(params=ENGINES)
def podman_and_runtime(request, tmp_path_factory, programs, image_archive, tools):
    made = make_podman(request, tmp_path_factory, programs, image_archive, tools)
    made.use_the_runtime(programs)
    yield made
    made.end()


@pytest.fixture(params=ENGINES)
def podman_and_precreate(request, tmp_path_factory, programs, image_archive, tools):
    made = make_podman(request, tmp_path_factory, programs, image_archive, tools, "precreate")
    yield made
    made.end()


def test_podman_with_the_runtime(podman_and_runtime):
    check(podman_and_runtime.run(*MAY_MAKE_NODES, *devices("1"), ask=QUESTIONS), 1)
    check(podman_and_runtime.run(*MAY_MAKE_NODES, ask=QUESTIONS))


def test_podman_with_the_stage_precreate(podman_and_precreate):
    check(podman_and_precreate.run(*MAY_MAKE_NODES, *devices("1"), ask=QUESTIONS), 1)
    check(podman_and_precreate.run(*MAY_MAKE_NODES, ask=QUESTIONS))


@pytest.mark.parametrize("cgroup", ["v1", "v2"])
def test_ctr_with_the_runtime(cgroup, bundle, programs, tmp_path_factory):
    need("containerd", "ctr")
    del bundle.config["hooks"]
    bundle.name = bundle.name[-60:].strip("-")
    before = container.listing(bundle.root)
    made = containerd_engine.Containerd(tmp_path_factory.mktemp("containerd") / cgroup, cgroup)
    try:
        bundle.env("NVIDIA_VISIBLE_DEVICES=0")
        check(made.run(bundle, "--runc-binary", programs / "nvidia-container-runtime", ask=QUESTIONS), 0)
    finally:
        made.end()
    assert container.listing(bundle.root) == before
