# SPDX-License-Identifier: Apache-2.0
"""A sample of the system calls of starts, ends and the runtime fails, or the program is killed at one
of them: a whole container or one line, and nothing stays. Another sample each day; the nightly run
has all of them fail (tests/support/failing_calls.py)."""

import datetime
import subprocess

import container
import pytest
from conftest import need, need_cgroup

SAMPLE = 150


def test_sample_of_failing_system_calls(hook, tmp_path):
    need_cgroup("v2")
    seed = datetime.date.today().isoformat()
    done = subprocess.run(
        [container.SUPPORT / "failing_calls.py", "--sample", str(SAMPLE), "--seed", seed,
         tmp_path / "work"], capture_output=True, text=True, timeout=600, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("error", ["EIO", "ENOMEM", "EMFILE"])
def test_unanswered_lookup_in_the_image_refuses_start(bundle, hand_made, error):
    """/etc/debian_version tells where libraries belong in this image: see lib/image/layout.cpp."""
    need("strace")
    bundle.env("NVIDIA_VISIBLE_DEVICES=all")
    done = hand_made(bundle).hook(
        prefix=["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=openat2", "-e",
                f"inject=openat2:error={error}:when=2"])
    assert done.returncode == 1
    assert done.stderr.startswith("grapnel-hook: openat2 '/etc'") and done.stderr.count("\n") == 1
