# SPDX-License-Identifier: Apache-2.0
"""Devices that podman gives by the Container Device Interface, with the file of `grapnel cdi`."""

import json
import pathlib
import subprocess

import cdi_files
import make_driver
import pytest
from cdi_files import hooks  # noqa: F401
from conftest import built
from engines import podman as engine
from engines import process
from test_podman import (CUDA, DENIED, NODES, REACHED, WHAT_STAYS, asks, changes,  # noqa: F401
                         gpus_of, logged, podman, rootless, shipped_file)

MOUNTS = "text:/proc/self/mountinfo"


def call(hook, *words):
    return subprocess.run([built(hook, "grapnel", "grapnel"), "cdi", *map(str, words)],
                          capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def cdi_file(hook, reachable_hook):
    """The file where engines look for it, with a hook that users can reach."""
    with cdi_files.live_file(built(hook, "grapnel", "grapnel"), reachable_hook) as path:
        yield path


def device(name):
    return f"--device=nvidia.com/gpu={name}"


def has_cuda(result):
    return result[CUDA].endswith(f"/libcuda.so.{make_driver.VERSION} libcuda")


@pytest.mark.parametrize("names, expected", [
    (["0"], {0}), ([make_driver.uuid(1)], {1}), (["0", "1"], {0, 1}), (["all"], {0, 1})])
def test_podman_gives_cdi_devices(cdi_file, podman, names, expected):
    result = podman.run(*map(device, names), ask=[*NODES, CUDA])
    assert gpus_of(result) == expected
    assert has_cuda(result)


def test_mapped_root_gets_cdi_devices(cdi_file, podman):
    setup, podman.setup = podman.setup, process.whole_proc_setup(podman.directory)
    result = podman.run(device("1"), "--uidmap=0:200000:65536", ask=[*NODES, CUDA])
    podman.setup = setup
    assert gpus_of(result) == {1}
    assert has_cuda(result)


def test_user_without_rights_gets_cdi_devices(cdi_file, rootless):
    result = rootless.run(device("1"), ask=[*NODES, CUDA])
    assert gpus_of(result) == {1}
    assert has_cuda(result)


def test_other_gpu_than_the_cdi_device_is_denied(cdi_file, podman):
    made = [f"make:c:195:{make_driver.minor(index, 2)}" for index in range(2)]
    result = podman.run(device("0"), "--cap-add", "MKNOD", ask=made)
    assert [result[query] for query in made] == [REACHED, DENIED]


@pytest.fixture
def registered_hook(hooks, reachable_hook):
    """In hooks.d as well."""
    file = hooks / "grapnel.json"
    file.write_text(shipped_file(reachable_hook))
    yield
    file.unlink()


def test_cdi_and_hooks_give_one_driver(cdi_file, registered_hook, podman):
    """The user asks for another GPU by the variable, which a CDI device overrides."""
    result = podman.run(*asks("1"), device("0"), ask=[*NODES, CUDA])
    assert gpus_of(result) == {0} and has_cuda(result)


def test_several_cdi_devices_bring_one_driver(cdi_file, podman):
    result = podman.run(device("0"), device("1"), ask=[*NODES, CUDA, MOUNTS])
    assert gpus_of(result) == {0, 1} and has_cuda(result)
    points = [line.split()[4] for line in result[MOUNTS].splitlines()]
    given = [point for point in points if "nvidia" in point or "libcuda" in point]
    assert given and len(given) == len(set(given))


def test_first_of_several_cdi_hooks_serves_all(hook, bundle):
    names = [f"nvidia.com/gpu={index}" for index in range(2)]
    bundle.config["hooks"] = {"createRuntime": [
        {"path": str(hook), "args": ["grapnel-hook", f"--cdi-device={name}", "createRuntime"]}
        for name in names]}
    bundle.write_config(["/bin/true"])
    state = json.dumps({"id": "x", "bundle": str(bundle.directory)})
    gpus = []
    for name in names:
        done = subprocess.run([hook, f"--config={bundle.settings}", "--dry-run", f"--cdi-device={name}",
                               "createRuntime"], input=state, capture_output=True, text=True, check=True)
        gpus.append([gpu["index"] for gpu in json.loads(done.stdout).get("gpus", [])])
    assert gpus == [[0, 1], []]


def test_image_has_no_say_in_cdi_devices(cdi_file, podman):
    result = podman.run(device("0"), "--env=NVIDIA_DRIVER_CAPABILITIES=utility",
                        "--env=NVIDIA_REQUIRE_CUDA=cuda>=99.0", ask=[*NODES, CUDA])
    assert gpus_of(result) == {0}
    assert has_cuda(result)


def test_nothing_stays_of_cdi_devices(cdi_file, podman):
    name = podman("create", device("0"), engine.IMAGE, "/bin/look", *NODES, CUDA).out.strip()
    for _ in range(2):
        result = podman.start(name)
        assert gpus_of(result) == {0} and has_cuda(result)
    assert changes(podman, name) <= WHAT_STAYS
    podman("rm", name)
    assert list(pathlib.Path("/run/grapnel/containers").iterdir()) == []


def test_cdi_makes_missing_nodes(cdi_file, podman):
    """As after a boot: the file was written while the nodes were there."""
    nodes = [pathlib.Path("/dev", name) for name in
             ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "nvidia-uvm-tools")]
    numbers = {node: node.stat().st_rdev for node in nodes}
    for node in nodes:
        node.unlink()
    result = podman.run(device("all"), ask=[*NODES, CUDA])
    assert gpus_of(result) == {0, 1} and has_cuda(result)
    assert {node: node.stat().st_rdev for node in nodes} == numbers


def test_cdi_device_that_is_gone_is_refused(cdi_file, podman):
    text = cdi_file.read_text()
    cdi_file.write_text(text.replace('"0"', '"7"').replace("gpu=0", "gpu=7"))
    try:
        result = podman.run(device("7"), ask=NODES)
    finally:
        cdi_file.write_text(text)
    assert result.code != 0
    assert "unknown device '7': this host has 0 (" in (
        result.err if podman.runtime == "runc" else logged())


def test_cdi_file_names_each_device(hook, tmp_path):
    path = tmp_path / "etc/cdi/grapnel.json"
    assert call(hook, "generate", "--output", path).stdout == f"made {path}\n"
    assert path.stat().st_mode & 0o777 == 0o644
    assert call(hook, "generate", "--output", path).stdout == "nothing to change\n"
    spec = json.loads(path.read_text())
    assert spec["kind"] == "nvidia.com/gpu"
    assert [one["name"] for one in spec["devices"]] == [
        "0", make_driver.uuid(0), "1", make_driver.uuid(1), "all"]
    done = call(hook, "generate", "--device-name-strategy=type-index")
    assert [one["name"] for one in json.loads(done.stdout)["devices"]] == ["gpu0", "gpu1", "all"]


@pytest.mark.parametrize("words, code, line", [
    ((), 2, "the command is missing: see 'grapnel cdi --help'"),
    (("genrate",), 2, "unknown command 'genrate': did you mean 'generate'?"),
    (("generate", "more"), 2, "one word too many: 'more'"),
    (("generate", "--device-name-strategy=uid"), 2, "did you mean 'uuid'?"),
    (("generate", "--output=/dev/full"), 1, "/dev/full"),
])
def test_mistake_in_cdi_command_is_one_line(hook, words, code, line):
    done = call(hook, *words)
    assert done.returncode == code and done.stdout == ""
    assert line in done.stderr and done.stderr.count("\n") == 1
