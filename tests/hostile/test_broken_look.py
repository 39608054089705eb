# SPDX-License-Identifier: Apache-2.0
"""The process that looks at the host for a start is stopped, killed, or answers with other bytes than an
inventory: the start ends in time with one line, and nothing is left."""

import concurrent.futures
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import time

import container
import pytest
import slow_machine

LIMIT = 45  # seconds: the look's own
SPARE = 15
LATE = (f"grapnel-hook: the look at the host took longer than {LIMIT} seconds: a file system of the host "
        "does not answer: look at its mounts (FUSE, NFS)\n")
RECORDS = pathlib.Path("/run/grapnel/containers")
WRITE, PWRITE64, EXIT_GROUP = 1, 18, 231
NOT_OF_THE_FORM = r"grapnel-hook: .*not of the form.*\n"


@pytest.fixture
def made(hand_made, bundle):
    shutil.rmtree("/run/grapnel-inventory", ignore_errors=True)  # an earlier start's: no look is needed
    return hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))


class Refused:
    """Runs the hook below a command; at the end nothing may be left."""

    def __init__(self, made):
        self.made = made
        self.bundle = made.bundle

    def __call__(self, *prefix):
        before = container.listing(self.bundle.root), self.made.mountinfo()
        done = self.made.hook(prefix=[str(word) for word in prefix], timeout=120)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
        assert (container.listing(self.bundle.root), self.made.mountinfo()) == before
        assert self.bundle.logged().count(" error: ") == 1
        assert self.bundle.call_hook("poststop").returncode == 0
        assert list(RECORDS.glob("*")) == []
        return done.stderr


@pytest.fixture
def refused(made):
    return Refused(made)


def signalled(name):
    """A prefix: the look, which alone makes that call so often, gets a signal at it."""
    return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=landlock_add_rule", "-e",
            f"inject=landlock_add_rule:signal={name}:when=10"]


def looks_below(pid):
    """Processes with CAP_DAC_READ_SEARCH alone, which are stopped."""
    for line in subprocess.run(["ps", "-eo", "pid,stat,args"], capture_output=True, text=True,
                               check=True).stdout.splitlines():
        words = line.split(maxsplit=2)
        if str(pid) in words[2] and words[1].startswith(("t", "T")):
            yield int(words[0])


def test_killed_look_is_one_line(refused):
    for name, number in (("KILL", signal.SIGKILL), ("SEGV", signal.SIGSEGV), ("BUS", signal.SIGBUS)):
        refused.bundle.log.unlink(missing_ok=True)
        assert refused(*signalled(name)) == (
            f"grapnel-hook: the look at the host was ended by signal {number}\n")


def test_stopped_look_is_ended_in_time(refused):
    began = time.monotonic()
    assert refused(*signalled("STOP")) == LATE
    assert time.monotonic() - began < LIMIT + slow_machine.seconds(SPARE)
    assert list(looks_below(refused.bundle.settings)) == []


@pytest.mark.parametrize("call, line", [
    ((EXIT_GROUP, 0), NOT_OF_THE_FORM),
    ((EXIT_GROUP, 7), r"grapnel-hook: the look at the host failed with status 7\n"),
    ((WRITE, 1, "x", 1), NOT_OF_THE_FORM),
    ((WRITE, 1, "\ngrapnel inventory 9\n", 21), NOT_OF_THE_FORM),
    ((WRITE, 1, "\n" * 200, 200), NOT_OF_THE_FORM),
    ((PWRITE64, 1, "x", 1, 200 << 20), r"grapnel-hook: .*pwrite64.*\n")],
    ids=["nothing", "status", "one-byte", "other-version", "newlines", "over-long"])
def test_look_that_answers_otherwise_is_one_line(refused, tools, call, line):
    said = refused(tools.take_over, "--powerful", *call, "--")
    assert re.fullmatch(line, said), said


@pytest.fixture
def endless_cache(tmp_path):
    """A prefix: ld.so.cache has a million entries of libcuda, in as many directories."""
    entries = 1 << 20
    text = b"libcuda.so.1\0/a/libcuda.so.1\0"
    header = b"glibc-ld.so.cache1.1".ljust(20, b"\0") + struct.pack("<II20x", entries, len(text))
    start = len(header) + 24 * entries
    entry = struct.pack("<iIIIQ", 0x0303, start, start + 13, 0, 0)
    cache = tmp_path / "cache"
    cache.write_bytes(header + entry * entries + text)
    return ["unshare", "--mount", "sh", "-c", f'mount --bind {cache} /etc/ld.so.cache && exec "$@"', "sh"]


def test_look_that_lacks_memory_is_one_line(refused, endless_cache):
    said = refused(*endless_cache, "prlimit", f"--data={24 << 20}")
    assert said == ("grapnel-hook: out of memory: the machine's, the cgroup's, or its own limit of "
                    "1 GiB\n"), said
