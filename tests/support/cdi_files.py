# SPDX-License-Identifier: Apache-2.0
"""The CDI file of `grapnel cdi generate` where engines look for it."""

import contextlib
import pathlib
import subprocess

DIRECTORY = pathlib.Path("/run/cdi")
SPEC = DIRECTORY / "grapnel.json"


@contextlib.contextmanager
def live_file(grapnel, hook):
    """`hook` is the program that the file names."""
    done = subprocess.run([grapnel, "cdi", "generate", f"--hook-path={hook}", f"--output={SPEC}"],
                          capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"made {SPEC}\n"), done.stderr
    yield SPEC
    SPEC.unlink()
