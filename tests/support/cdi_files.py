# SPDX-License-Identifier: Apache-2.0
"""The CDI file of `grapnel cdi generate` where engines look for it."""

import contextlib
import pathlib
import subprocess

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
