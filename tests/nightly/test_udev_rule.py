# SPDX-License-Identifier: Apache-2.0
"""The form of the rule by which udev starts grapnel-cdi-refresh.service: udevadm of Debian 12 has no verify."""

import shutil
import subprocess

import refresh_units
from conftest import skip_or_fail


def test_rule_is_valid():
    if shutil.which("udevadm") is None:
        skip_or_fail("udev is not installed")
    done = subprocess.run(["udevadm", "verify", refresh_units.RULES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
