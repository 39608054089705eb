# SPDX-License-Identifier: Apache-2.0
"""One live CDI file, never written again, on hosts that changed since."""

import json
import shutil
import subprocess
import sys

import container
import make_driver
import nvidia_cdi
import pytest

CUDA = "load:libcuda.so.1"
UVM = "/dev/nvidia-uvm"
NEW_VERSION = "590.44.01"
NEW_MAJOR = 511


def node(index, gpus=2):
    return f"/dev/nvidia{make_driver.minor(index, gpus)}"


@pytest.fixture(scope="module")
def live_file(special_driver, grapnel, hook):
    """Of a host with two GPUs, the first with MIG devices."""
    done = subprocess.run([container.SUPPORT / "simulated-host", special_driver, grapnel.program, "cdi",
                           "generate", f"--hook-path={hook}"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def updated(directory):
    """With the driver of another version."""
    program = shutil.copytree(container.SUPPORT, directory.parent / "support") / "make_driver.py"
    program.write_text(program.read_text().replace(f'VERSION = "{make_driver.VERSION}"',
                                                   f'VERSION = "{NEW_VERSION}"'))
    subprocess.run([sys.executable, program, directory], check=True)


def with_another_major(directory):
    make_driver.make(directory, gpus=2)
    for name in ("proc/devices", "nodes"):
        path = directory / name
        lines = [line.replace(line.split()[0] if name == "proc/devices" else line.split()[1],
                              str(NEW_MAJOR), 1) if "nvidia-uvm" in line else line
                 for line in path.read_text().splitlines()]
        path.write_text("\n".join(lines) + "\n")


def without_nodes(directory):
    """As after a boot."""
    make_driver.make(directory, gpus=2)
    (directory / "nodes").write_text("")


def with_one_gpu(directory):
    make_driver.make(directory, gpus=1)


def without_mig(directory):
    make_driver.make(directory, gpus=2)


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    made = {}

    def make(change):
        if change not in made:
            made[change] = tmp_path_factory.mktemp("host") / "driver"
            change(made[change])
        return (container.SUPPORT / "simulated-host", made[change])
    return make


@pytest.fixture
def start(engine, bundle, live_file, host):
    def run(change, device, *queries, **how):
        bundle.config["hooks"] = {}
        nvidia_cdi.apply_to(bundle.config, live_file, device)
        for hook in (hook for hooks in bundle.config["hooks"].values() for hook in hooks):
            # the log of a host of its own is gone with it
            hook["env"] = [*hook.get("env", []), f"NVIDIA_CTK_CONFIG_FILE_PATH={bundle.settings}"]
        bundle.host = host(change)
        return engine(bundle, *queries, **how)
    return run


def test_updated_driver_is_given(start):
    result = start(updated, "0", f"open:{node(0)}", CUDA)
    assert result.code == 0, result.err
    assert result[CUDA].endswith(f"/libcuda.so.{NEW_VERSION} libcuda")


def test_changed_major_is_given(start):
    result = start(with_another_major, "0", args=["/bin/busybox", "stat", "-c", "%t:%T", UVM])
    assert result.code == 0, result.err
    assert result.out == f"{NEW_MAJOR:x}:0\n"


def test_nodes_are_made_after_a_boot(start):
    queries = [f"open:{node(index)}" for index in range(2)]
    result = start(without_nodes, "1", *queries, CUDA)
    assert [result[query] for query in queries] == ["ENOENT", "ENXIO"]
    assert result[CUDA].endswith(" libcuda")


@pytest.mark.parametrize("change, device, line", [
    (with_one_gpu, "1", "unknown device '1': this host has 0 ("),
    (without_mig, "0:0", "unknown device '0:0': GPU 0 has no MIG device: ")])
def test_device_that_is_gone_is_refused(start, bundle, change, device, line):
    result = start(change, device, CUDA)
    assert result.code != 0 and line in result.err + bundle.log.read_text()
