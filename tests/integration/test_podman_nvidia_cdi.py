# SPDX-License-Identifier: Apache-2.0
"""podman with a CDI file in nvidia-ctk's form, whose hooks are Grapnel's."""

import json
import pathlib

import cluster_cdi_files
import make_driver
import nvidia_cdi
import pytest
from cdi_files import hooks, toolkit_device  # noqa: F401
from engines import podman as engine
from engines import process
from test_podman import (CUDA, DENIED, NODES, REACHED, WHAT_STAYS, changes, gpus_of,  # noqa: F401
                         logged, podman, rootless)

FOLDER = nvidia_cdi.HOST_LIBRARIES
FILE = pathlib.Path("/run/cdi/nvidia.json")


@pytest.fixture(scope="module")
def nvidia_file(reachable_hook):
    link = reachable_hook.parent / "nvidia-cdi-hook"
    link.symlink_to(reachable_hook.name)
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(nvidia_cdi.spec(link)))
    yield FILE
    FILE.unlink()
    link.unlink()


def device(name):
    return f"--device=nvidia.com/gpu={name}"


def assert_listed(result):
    assert set(result[f"list:{FOLDER}"].split()) == nvidia_cdi.listing()
    assert result[CUDA] == f"{FOLDER}/libcuda.so.{make_driver.VERSION} libcuda"


@pytest.mark.parametrize("name, expected", [("0", {0}), ("all", {0, 1})])
def test_podman_with_nvidia_file(nvidia_file, podman, name, expected):
    result = podman.run(device(name), ask=[*NODES, CUDA, f"list:{FOLDER}"])
    assert gpus_of(result) == expected
    assert_listed(result)


def test_rootless_podman_with_nvidia_file(nvidia_file, rootless):
    result = rootless.run(device("1"), ask=[*NODES, CUDA, f"list:{FOLDER}"])
    assert gpus_of(result) == {1}
    assert_listed(result)


@pytest.mark.parametrize("toolkit", nvidia_cdi.EARLIER_TOOLKITS)
def test_podman_with_file_of_earlier_toolkit(toolkit_device, podman, toolkit):  # noqa: F811
    result = podman.run(f"--device={toolkit_device(toolkit)}", ask=[*NODES, CUDA, f"list:{FOLDER}"])
    assert gpus_of(result) == {0}
    assert_listed(result)


@pytest.mark.parametrize("toolkit", nvidia_cdi.EARLIER_TOOLKITS)
def test_rootless_podman_with_file_of_earlier_toolkit(toolkit_device, rootless, toolkit):  # noqa: F811
    result = rootless.run(f"--device={toolkit_device(toolkit)}", ask=[*NODES, CUDA, f"list:{FOLDER}"])
    assert gpus_of(result) == {0}
    assert_listed(result)


def test_other_gpu_is_denied_with_nvidia_file(nvidia_file, podman):
    made = [f"make:c:195:{make_driver.minor(index, 2)}" for index in range(2)]
    result = podman.run(device("0"), "--cap-add", "MKNOD", ask=made)
    assert [result[query] for query in made] == [REACHED, DENIED]


def reason_of_refusal(podman, options):
    """Of options with which a hook of the stage createContainer cannot work; empty: it can."""
    new_crun = podman.runtime == "crun" and engine.crun_version() >= (1, 28)
    if options == ["--read-only"] and podman.runtime == "crun" and not new_crun:
        # crun makes the root file system read-only before its hooks run
        return "Read-only file system: give the container"
    if options[0].startswith("--uidmap") and engine.major_version() >= 5 and not new_crun:
        # its bundles are closed to the container's root, as whom these hooks run
        return "a live file of 'grapnel cdi generate'" if podman.runtime == "runc" else "exit code: 1"
    return ""


@pytest.mark.parametrize("options", [
    ["--read-only"], ["--user=1000"], ["--uidmap=0:200000:65536"], ["--pid=host"]], ids=" ".join)
def test_options_of_podman_with_nvidia_file(nvidia_file, podman, options):
    setup = podman.setup
    podman.setup = process.whole_proc_setup(podman.directory)
    result = podman.run(device("0"), *options, ask=[CUDA])
    podman.setup = setup
    if reason := reason_of_refusal(podman, options):
        assert result.code != 0 and reason in result.err + logged()
        return
    assert result.code == 0, result.err + logged()
    assert result[CUDA] == f"{FOLDER}/libcuda.so.{make_driver.VERSION} libcuda"


@pytest.mark.parametrize("files_of", cluster_cdi_files.FORMS)
def test_file_of_a_cluster_gives_its_gpu(nvidia_file, reachable_hook, podman, files_of):
    with cluster_cdi_files.written(files_of, reachable_hook.parent / "nvidia-cdi-hook") as devices:
        result = podman.run(*(f"--device={name}" for name in devices),
                            ask=[*NODES, CUDA, f"list:{FOLDER}"])
    assert gpus_of(result) == {0}
    assert_listed(result)


def test_container_of_nvidia_file_starts_again(nvidia_file, podman):
    name = podman("create", device("0"), engine.IMAGE, "/bin/look", *NODES, CUDA,
                  f"list:{FOLDER}").out.strip()
    for _ in range(2):
        result = podman.start(name)
        assert gpus_of(result) == {0}
        assert_listed(result)
    podman("rm", name)
