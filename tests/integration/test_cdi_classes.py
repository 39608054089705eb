# SPDX-License-Identifier: Apache-2.0
"""Classes of CDI devices beside gpu, given by podman: live files of a host that has all of them."""

import shlex

import container
import make_driver
import pytest
from cdi_files import hooks  # noqa: F401
from conftest import built
from test_podman import podman  # noqa: F401

MODES = ("gpu", "gds", "mofed", "gdrcopy", "nvswitch", "imex", "management")
DIRECTORIES = ("/dev", "/dev/infiniband", "/dev/nvidia-caps", "/dev/nvidia-caps-imex-channels")
ASK = [*(f"list:{directory}" for directory in DIRECTORIES), "load:libcuda.so.1",
       "stat:/usr/bin/nvidia-smi"]


@pytest.fixture(scope="module")
def run(podman, hook, reachable_hook, special_driver):  # noqa: F811
    """Runs a container with devices on the host with that driver."""
    grapnel = built(hook, "grapnel", "grapnel")
    files = " && ".join(shlex.join([
        str(grapnel), "cdi", "generate", f"--mode={mode}", f"--hook-path={reachable_hook}",
        f"--output=/run/cdi/{mode}.json"]) + " > /dev/null" for mode in MODES)

    def ask(*names, more=(), options=()):
        podman.host = [container.SUPPORT / "simulated-host", special_driver, "sh", "-c",
                       f'{files} && exec "$@"', "sh"]
        try:
            result = podman.run(*(f"--device={name}" for name in names), "--cap-add=MKNOD", *options,
                                ask=[*ASK, *more])
        finally:
            podman.host = []
        assert result.code == 0, result.err
        return result
    return ask


def nodes(result):
    """The nodes and directories in /dev, by their paths below it."""
    found = set()
    for directory in DIRECTORIES:
        names = result[f"list:{directory}"]
        if names != "ENOENT":
            found |= {f"{directory}/{name}"[len("/dev/"):] for name in names.split()}
    return found


@pytest.fixture(scope="module")
def plain(run):
    return nodes(run())


@pytest.mark.parametrize("name, expected, denied", [
    ("nvidia.com/gds=all", {"nvidia-fs0"}, "c:234:1"),
    ("nvidia.com/mofed=all", {"infiniband", "infiniband/uverbs0"}, "c:195:255"),
    ("nvidia.com/gdrcopy=all", {"gdrdrv"}, "c:195:255"),
    ("nvidia.com/nvswitch=all", {"nvidia-nvswitchctl", "nvidia-nvswitch0"}, "c:195:255"),
    ("nvidia.com/imex-channel=3", {"nvidia-caps-imex-channels", "nvidia-caps-imex-channels/channel3"},
     "c:242:0"),
    ("nvidia.com/imex-channel=all", {"nvidia-caps-imex-channels", "nvidia-caps-imex-channels/channel0",
                                     "nvidia-caps-imex-channels/channel3"}, "c:195:255")])
def test_class_gives_its_nodes_alone(run, plain, name, expected, denied):
    result = run(name, more=[f"make:{denied}"])
    assert nodes(result) - plain == expected
    assert result["load:libcuda.so.1"].startswith("libcuda.so.1: cannot open")
    assert result["stat:/usr/bin/nvidia-smi"] == "ENOENT"
    assert result[f"make:{denied}"] == "EPERM"


def test_class_beside_a_gpu_gives_both(run, plain):
    result = run("nvidia.com/gpu=1", "nvidia.com/gdrcopy=all", more=["make:c:234:0"])
    given = nodes(result) - plain
    assert {"gdrdrv", f"nvidia{make_driver.minor(1, 2)}", "nvidiactl"} <= given
    assert not {f"nvidia{make_driver.minor(0, 2)}", "nvidia-fs0", "infiniband"} & given
    assert result["load:libcuda.so.1"].endswith(" libcuda")
    assert result["make:c:234:0"] == "EPERM"


def test_management_gives_every_node_of_the_driver(run, plain):
    given = nodes(run("management.nvidia.com/gpu=all", options=["--cap-add=SYS_ADMIN"])) - plain
    assert {"nvidia0", "nvidia1", "nvidiactl", "nvidia-caps/nvidia-cap1", "nvidia-caps/nvidia-cap2",
            "nvidia-caps-imex-channels/channel0"} <= given
    assert not {"nvidia-fs0", "gdrdrv", "nvidia-nvswitchctl", "infiniband"} & given
