# SPDX-License-Identifier: Apache-2.0
"""gVisor, which finds the hook in config.json and calls nvidia-container-cli in its place."""

import shutil
import subprocess

import clusters
import container
import pytest


@pytest.fixture
def runsc(bundle, programs):
    """A function that runs look.c in a container of the bundle."""
    if shutil.which("runsc") is None:
        pytest.skip("this suite has no gVisor")
    # by this name
    bundle.config["hooks"] = {"prestart": [
        container.hook_entry(programs / "nvidia-container-runtime-hook", "prestart")]}

    def run(devices):
        bundle.env(f"NVIDIA_VISIBLE_DEVICES={devices}", "NVIDIA_DRIVER_CAPABILITIES=all")
        bundle.write_config(["/bin/look", *clusters.DRIVER])
        # the driver that is simulated is newer than what it knows
        options = ["--nvproxy", "--nvproxy-driver-version=latest", "--network=none",
                   "--ignore-cgroups", f"--root={bundle.directory}/state"]
        return container.Result(subprocess.run(
            ["runsc", *options, "run", bundle.name], cwd=bundle.directory, input="",
            capture_output=True, text=True, timeout=120, check=False,
            env={"PATH": f"{programs}:/usr/sbin:/usr/bin:/sbin:/bin"}))
    return run


def test_gvisor_with_a_gpu(runsc):
    one = runsc("0")
    assert clusters.has_driver(one) and one[clusters.GPU_1] == "ENOENT"


def test_gvisor_with_all_gpus(runsc):
    both = runsc("all")
    assert clusters.has_driver(both) and both[clusters.GPU_1] == "ENXIO"


def test_gvisor_tells_why_there_is_no_container(runsc):
    done = runsc("7")
    assert done.code != 0
    assert "device error: unknown device '7': this host has " in done.err
