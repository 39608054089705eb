# SPDX-License-Identifier: Apache-2.0
"""Limits of the hook's own resources."""

import json
import os
import pathlib
import random
import re
import signal
import subprocess
import time

import container
import pytest
import waiting_hook

LATE = ("grapnel-hook: config.json or the image took more CPU time than the limit of 60 seconds, or "
        "the lower one of its caller: make config.json smaller, or the configuration of the image's "
        "loader\n")


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
    assert found["Max cpu time"] == ("60", "61")  # a signal with a handler, then one that kills
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
    assert "unknown device '9'" in bundle.log.read_text()  # a long log goes on in a new file


def test_too_little_memory_is_one_line(made, bundle):
    bundle.env("NVIDIA_VISIBLE_DEVICES=all", *(f"KEY{i}=" + "x" * 100 for i in range(40_000)))
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


def test_a_cpu_eating_config_json_is_one_line(bundle):
    """Each process has the limit for itself: one of them parses for seconds, the others for none."""
    bundle.write_config(["/bin/true"])
    names = random.Random(1).sample(range(1 << 24), 1_250_000)
    bundle.config["process"]["user"].update({f"{name:x}": "" for name in names})
    text = json.dumps(bundle.config, separators=(",", ":"))
    done = subprocess.run(["prlimit", "--cpu=2", bundle.hook, f"--config={bundle.settings}", "precreate"],
                          input=text, text=True, capture_output=True, timeout=60, env={}, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", LATE)


def test_too_long_file_is_one_line(made, bundle, tmp_path):
    looks = container.inventory_cache_in(tmp_path / "cache", "ro")
    done = made.hook(prefix=[*looks, "prlimit", "--fsize=512"])
    assert done.returncode == 1
    assert re.fullmatch(r"grapnel-hook: the look at the host could not write its result: .*\n", done.stderr)
    assert "/dev/nvidia0" not in made.mounts()


@pytest.mark.parametrize("most", [3, 5, 8, 16])
def test_too_few_descriptors_are_one_line(made, bundle, most):
    bundle.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=all")
    before = made.mountinfo()
    done = made.hook(prefix=["prlimit", f"--nofile={most}"])
    assert done.returncode == 1
    assert re.fullmatch(r"grapnel-hook: .*: Too many open files.*\n", done.stderr)
    assert made.mountinfo() == before


@pytest.fixture
def waiting(made, tools):
    hook = waiting_hook.WaitingHook(made, tools)
    yield hook
    hook.end()


def test_every_process_of_a_start_is_limited(waiting, bundle):
    """The hook, which parses config.json, the process that reads the image, its helper; ldconfig."""
    mebibyte = 1 << 20
    for pid in waiting.processes():
        found = {name: hard for name, (_, hard) in limits(pid).items()}
        is_ldconfig = pid == waiting.pid
        assert found["Max cpu time"] == ("20" if is_ldconfig else "61")
        assert found["Max data size"] == str((512 if is_ldconfig else 1024) * mebibyte)
        assert int(found["Max open files"]) <= (64 if is_ldconfig else 8192)
        own = 16 * mebibyte if is_ldconfig else 256 * mebibyte
        assert own <= int(found["Max file size"]) <= own + len(bundle.logged()) + mebibyte
        assert found["Max core file size"] == "0"


def test_cpu_eating_container_work_is_one_line(waiting, bundle):
    """The kernel's signal is sent by hand: no image makes that work take a minute."""
    work = next(pid for pid in waiting.processes()
                if waiting_hook.parent_of(pid) == waiting.process.pid)
    os.kill(work, signal.SIGXCPU)
    assert waiting.wait() == (1, LATE)
    assert bundle.logged().count(LATE.removeprefix("grapnel-hook: ").strip()) == 1
