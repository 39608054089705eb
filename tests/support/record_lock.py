# SPDX-License-Identifier: Apache-2.0
"""The lock that the hook takes before it changes a record of what it made."""

import contextlib
import fcntl
import os
import pathlib
import struct

MACHINES = pathlib.Path("/run/grapnel/containers.lock")


@contextlib.contextmanager
def kept(lock=MACHINES):
    """Of all root file systems."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(lock, os.O_WRONLY | os.O_CREAT, 0o200)
    whole = struct.pack("hhqqi0q", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    fcntl.fcntl(file, fcntl.F_OFD_SETLK, whole)
    try:
        yield
    finally:
        os.close(file)
