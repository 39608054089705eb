# SPDX-License-Identifier: Apache-2.0
"""Tests of several processes share the machine; one that changes a setting of the whole machine has it
alone. The second file is held while a test waits for that, so that no other test begins."""

import fcntl
import os

USE, TURN = (os.open(f"/tmp/grapnel-tests.{name}", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
             for name in ("use", "turn"))


def share():
    fcntl.flock(TURN, fcntl.LOCK_EX)
    fcntl.flock(USE, fcntl.LOCK_SH)
    fcntl.flock(TURN, fcntl.LOCK_UN)


def have_alone():
    """For a test that shares it now; until it releases it."""
    fcntl.flock(USE, fcntl.LOCK_UN)
    fcntl.flock(TURN, fcntl.LOCK_EX)
    fcntl.flock(USE, fcntl.LOCK_EX)


def release():
    fcntl.flock(USE, fcntl.LOCK_UN)
    fcntl.flock(TURN, fcntl.LOCK_UN)
