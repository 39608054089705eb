# SPDX-License-Identifier: Apache-2.0
"""grapnel-probe has GPUs of the host open, and runs as a user that containers can have as well.
Who is that user and sees it, as with the host's PID namespace, must not get hold of it."""

import pathlib
import subprocess
import sys

import container
import make_driver
import pytest
from booted_systemd import wait_until
from conftest import built, skip_or_fail

LIBRARY = pathlib.Path(f"/opt/nvidia/lib64/libnvidia-ml.so.{make_driver.VERSION}")
FACTS = pathlib.Path("/opt/nvidia/facts")
USER = 65534  # what the settings name where they name none
ATTACK = """
import ctypes, os, sys

victim = int(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)

def call(function, *arguments):
    if function(*map(ctypes.c_long, arguments)) < 0:
        raise OSError(ctypes.get_errno(), "refused")

PIDFD_GETFD, PTRACE_ATTACH = 438, 16
WAYS = {
    "memory": lambda: os.open(f"/proc/{victim}/mem", os.O_RDWR),
    "descriptor": lambda: call(libc.syscall, PIDFD_GETFD, os.pidfd_open(victim), 1, 0),
    "root": lambda: os.open(f"/proc/{victim}/root/dev", os.O_PATH),
    "trace": lambda: call(libc.ptrace, PTRACE_ATTACH, victim, 0, 0)}
for name, way in WAYS.items():
    try:
        way()
        print(name)
    except PermissionError:
        pass
"""


@pytest.fixture
def waiting_library():
    """In the place of the simulated one; it waits until grapnel-probe is ended."""
    saved = LIBRARY.with_suffix(".saved")
    LIBRARY.rename(saved)
    container.compile_program("stand_in_nvml.c", LIBRARY, "-shared", "-fPIC", f'-DFACTS="{FACTS}"',
                              "-Wl,-soname,libnvidia-ml.so.1", "-Wno-format-truncation",
                              "-Wno-array-bounds")
    FACTS.write_text("hang\n")
    yield
    FACTS.unlink()
    saved.rename(LIBRARY)


def ways_into(victim):
    """Those by which a process of its user, without Linux capabilities, gets hold of it."""
    done = subprocess.run([sys.executable, "-c", ATTACK, str(victim)], user=USER,
                          group=USER, extra_groups=(), cwd="/", env={}, capture_output=True,
                          text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.fixture
def all_ways():
    """As they are open into another process of that user."""
    other = subprocess.Popen(["sleep", "60"], user=USER, group=USER, extra_groups=(), cwd="/")
    ways = ways_into(other.pid)
    other.kill()
    other.wait()
    if len(ways) < 4:
        skip_or_fail(f"this kernel lets a user into its own processes by {ways} alone")
    return ways


def process_of(program):
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() \
                    and (entry / "cmdline").read_bytes().startswith(bytes(program) + b"\0"):
                return int(entry.name)
        except OSError:  # it has ended
            continue
    return None


def test_no_process_of_its_user_reaches_the_probe(bundle, hand_made, waiting_library, all_ways):
    probe = built(bundle.hook, "probe", "grapnel-probe")
    bundle.set_settings(f'probe = "{probe}"\n')
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all",
                                "NVIDIA_REQUIRE_CUDA=brand=tesla,driver>=470"))
    hook = subprocess.Popen([bundle.hook, f"--config={bundle.settings}", "prestart"], env={},
                            stdin=subprocess.PIPE, text=True)
    try:
        hook.stdin.write(made.state())
        hook.stdin.close()
        running = wait_until(lambda: process_of(probe), "grapnel-probe runs")
        status = pathlib.Path(f"/proc/{running}/status").read_text()
        assert f"\nUid:\t{USER}\t" in status
        assert ways_into(running) == set()
    finally:
        hook.kill()
        hook.wait(timeout=10)
