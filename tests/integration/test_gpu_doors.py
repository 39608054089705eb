# SPDX-License-Identifier: Apache-2.0
"""The suite for a machine with a GPU, as far as one without can tell: its engines and its words."""

import os
import re
import shutil
import subprocess

import container
import pytest
from conftest import skip_or_fail
from engines import process

DOORS = container.SUPPORT.parent / "gpu" / "doors"


@pytest.fixture
def environment(programs, tools, tmp_path):
    process.make_reachable(tmp_path)
    with_crun = tmp_path / "crun"
    with_crun.mkdir()
    process.crun_with_few_rights(with_crun, tools)
    path = f"/opt/nvidia/bin:{with_crun}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "GRAPNEL_BIN": str(programs), "GRAPNEL_MUST_WORK": "1"}


def test_every_door_of_the_suite_for_gpus(environment, tmp_path):
    for program in ("runc", "crun", "dockerd", "docker", "podman", "containerd", "ctr"):
        if shutil.which(program) is None:
            skip_or_fail(f"{program} is not installed")
    if not container.cgroup_version_possible("v2"):
        skip_or_fail("this kernel has no cgroup v2")
    done = subprocess.run(
        container.in_cgroup_view("v2", [DOORS], process.whole_proc_setup(tmp_path)),
        env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert re.search(r"^[1-9]\d* passed, 0 failed, 0 skipped$", done.stdout, re.M), \
        done.stdout + done.stderr
    assert done.returncode == 0
