# SPDX-License-Identifier: Apache-2.0
"""Limits of the hook's own resources."""

import pathlib
import re
import subprocess
import time

import pytest


def limits(pid):
    text = pathlib.Path(f"/proc/{pid}/limits").read_text()
    return {name.strip(): (soft, hard) for name, soft, hard in
            re.findall(r"^(Max [a-z ]+?)\s{2,}(\S+)\s+(\S+)", text, re.M)}


def test_resources_are_limited_before_the_state_is_read(made):
    process = subprocess.Popen(
        [made.bundle.hook, f"--config={made.bundle.settings}", "prestart"], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={})
    for _ in range(400):
        if "\nSeccomp:\t2\n" in pathlib.Path(f"/proc/{process.pid}/status").read_text():
            break
        time.sleep(0.01)
    found = limits(process.pid)
    out, err = process.communicate(made.state(), timeout=60)
    assert (process.returncode, out, err) == (0, "", "")
    assert found["Max data size"] == (str(1 << 30),) * 2
    assert found["Max cpu time"] == ("60", "60")
    assert found["Max core file size"] == ("0", "0")
    assert int(found["Max open files"][1]) <= 8192


@pytest.fixture
def made(hand_made, bundle):
    return hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))


def test_length_of_files_is_limited_beyond_the_log(made, bundle, tmp_path):
    length = 3 << 30
    with open(bundle.log, "ab") as log:
        log.truncate(length)
    record = tmp_path / "calls"
    bundle.env("NVIDIA_VISIBLE_DEVICES=9")
    done = made.hook(prefix=["strace", "-f", "-qq", "-o", record, "-e", "trace=prlimit64"])
    assert done.returncode == 1
    most = length + (256 << 20)
    assert re.search(rf"RLIMIT_FSIZE, {{rlim_cur=({most}|{most // 1024}\*1024), ", record.read_text())
    with open(bundle.log, "rb") as log:
        log.seek(length)
        assert b"unknown device '9'" in log.read()


def test_too_little_memory_is_one_line(made, bundle):
    bundle.config["annotations"] = {f"key{i}": "x" * 100 for i in range(40_000)}
    done = made.hook(prefix=["prlimit", f"--data={6 << 20}"])
    assert done.returncode == 1
    assert done.stderr == ("grapnel-hook: out of memory: the machine's, the cgroup's, or its own limit "
                           "of 1 GiB\n")
    assert "/dev/nvidia0" not in made.mounts()


def test_many_devices_stay_below_the_limits(made, bundle):
    """Descriptors: a tenth of the limit is enough for two GPUs with everything."""
    bundle.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=all")
    done = made.hook(prefix=["prlimit", "--nofile=819"])
    assert (done.returncode, done.stderr) == (0, "")
