# SPDX-License-Identifier: Apache-2.0
"""The CDI file of `grapnel cdi generate` where engines look for it."""

import contextlib
import json
import pathlib
import shutil
import subprocess

import nvidia_cdi
import pytest
from engines import process

DIRECTORY = pathlib.Path("/run/cdi")
SPEC = DIRECTORY / "grapnel.json"


@contextlib.contextmanager
def live_file(grapnel, hook, path=SPEC):
    """`hook` is the program that the file names."""
    done = subprocess.run([grapnel, "cdi", "generate", f"--hook-path={hook}", f"--output={path}"],
                          capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"made {path}\n"), done.stderr
    yield path
    path.unlink()


@pytest.fixture(scope="module")
def hooks(tmp_path_factory):
    """For test_podman.podman: an empty hooks.d, so that CDI files alone start hooks."""
    directory = tmp_path_factory.mktemp("hooks.d")
    process.make_reachable(directory)
    return directory


@pytest.fixture(scope="module")
def toolkit_device(tmp_path_factory, hook, grapnel):
    """Files of earlier versions of NVIDIA's toolkit; a function from a version to the name of GPU 0."""
    programs = tmp_path_factory.mktemp("toolkits")
    process.make_reachable(programs)
    shutil.copy(hook, programs / "nvidia-cdi-hook")
    shutil.copy(grapnel.program, programs / "nvidia-ctk")
    DIRECTORY.mkdir(exist_ok=True)
    files = {DIRECTORY / f"toolkit-{version}.json": nvidia_cdi.toolkit_file(version, programs)
             for version in nvidia_cdi.EARLIER_TOOLKITS}
    for path, made in files.items():
        path.write_text(json.dumps(made))
    yield lambda version: f"{files[DIRECTORY / f'toolkit-{version}.json']['kind']}=0"
    for path in files:
        path.unlink()
