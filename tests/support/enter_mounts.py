#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Executes a program in the mount namespace of another process: enter_mounts.py PID PROGRAM ...

The program is opened before: it need not lie in that namespace, whose root can be another one."""

import ctypes
import os
import sys

CLONE_NEWNS = 0x20000

namespace = os.open(f"/proc/{sys.argv[1]}/ns/mnt", os.O_RDONLY)
program = os.open(sys.argv[2], os.O_RDONLY)
libc = ctypes.CDLL(None, use_errno=True)
if libc.setns(namespace, CLONE_NEWNS) != 0:
    sys.exit(f"setns: {os.strerror(ctypes.get_errno())}")
os.execve(program, sys.argv[2:], os.environ)
