# SPDX-License-Identifier: Apache-2.0
"""A file system of the host's driver whose server stops answering (FUSE, NFS) while the hook looks at
it: a call on it cannot be interrupted, not even by SIGKILL. The start ends in time with one line."""

import concurrent.futures
import contextlib
import os
import pathlib
import shutil
import subprocess
import threading
import time

import container
import hand_made
import pytest
import slow_machine
from conftest import built, skip_or_fail
from test_silent_file_systems import LIMIT, SPARE, Server

LOOK_LIMIT = 45  # seconds: of the process that looks at the host
PROBED = "NVIDIA_REQUIRE_ARCH=arch>=5.0 brand=tesla"  # the look comes before grapnel-probe is asked
READS = ("LOOKUP", "GETATTR", "READLINK", "OPEN", "READ", "OPENDIR", "READDIR", "FLUSH")
CASES = [(place, operation, probed) for place in ("driver-root", "libraries") for operation in READS
         for probed in (False, True) if not probed or operation in ("LOOKUP", "READ")]
LATE_LOOK = (f"grapnel-hook: the look at the host took longer than {LOOK_LIMIT} seconds: a file system of "
             "the host does not answer: look at its mounts (FUSE, NFS)\n")
LATE_WORK = (f"grapnel-hook: the work in the container took longer than {LIMIT} seconds: a file system "
             "does not answer (FUSE, NFS): look at the container's volumes, at where the image's links "
             "lead, and at the directories of the driver\n")


def copy(source, target):
    shutil.copytree(source, target, dirs_exist_ok=True, symlinks=True, copy_function=shutil.copyfile)


class Start:
    """A start whose driver lies in that file system: below a driver root, or where ld.so.cache says."""

    def __init__(self, bundle, place, operation, probed):
        self.server = Server(bundle.directory, operation)
        volume = self.server.place
        self.prefix = []
        if place == "driver-root":
            copy("/opt/nvidia", volume / "opt/nvidia")
            (volume / "usr").mkdir()
            (volume / "usr/lib").symlink_to("/opt/nvidia/lib64")
            (volume / "etc").mkdir()
            shutil.copyfile("/etc/ld.so.cache", volume / "etc/ld.so.cache")
            bundle.set_settings(f'[nvidia-container-cli]\nroot = "{volume}"\n')
        else:
            copy("/opt/nvidia", volume)
            self.prefix = ["unshare", "--mount", "sh", "-c",
                           f'mount --bind {volume} /opt/nvidia && touch {self.server.trigger} && exec "$@"',
                           "sh"]
        bundle.env("NVIDIA_VISIBLE_DEVICES=0", *[PROBED] * probed)
        self.bundle = bundle
        self.made = hand_made.HandMade(bundle)
        self.before = container.listing(bundle.root), self.made.mountinfo()

    def run(self):
        """Only once all are made: a process that is forked meanwhile would have open files of theirs."""
        if not self.prefix:
            self.server.trigger.touch()
        began = time.monotonic()
        too_late = threading.Timer(2 * LIMIT, self.server.end)  # nothing else ends a hook that hangs
        too_late.start()
        self.done = self.made.hook(prefix=self.prefix, timeout=3 * LIMIT)
        self.seconds = time.monotonic() - began
        too_late.cancel()
        self.after = container.listing(self.bundle.root), self.made.mountinfo()

    def processes(self):
        for directory in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if str(self.bundle.settings).encode() in (directory / "cmdline").read_bytes():
                    yield int(directory.name)

    def end(self):
        self.server.end()
        self.made.end()


@pytest.fixture(scope="module")
def starts(tmp_path_factory, hook, tools):
    """All at once: each can take the whole time."""
    if not os.path.exists("/dev/fuse"):
        skip_or_fail("this machine has no /dev/fuse")
    made = {}
    try:
        for case in CASES:
            bundle = container.Bundle(tmp_path_factory.mktemp("silent") / f"{len(made)}", hook, tools)
            made[case] = Start(bundle, *case)
        with concurrent.futures.ThreadPoolExecutor(len(made)) as pool:
            list(pool.map(Start.run, made.values()))
    finally:
        for start in made.values():
            start.end()
    return made


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))
def test_silent_driver_never_holds_a_start(starts, case):
    start = starts[case]
    assert start.seconds < LIMIT + slow_machine.seconds(SPARE)
    assert start.done.returncode == 1
    assert start.done.stderr in (LATE_LOOK, LATE_WORK)
    assert start.bundle.logged().count(" error: ") == 1
    assert start.after == start.before
    assert list(start.processes()) == []
    assert start.bundle.call_hook("poststop").returncode == 0


def test_late_look_ends_before_the_start_does(starts):
    late = {case: start for case, start in starts.items() if start.done.stderr == LATE_LOOK}
    assert len(late) >= len(CASES) / 2, [start.done.stderr for start in starts.values()]
    assert all(start.seconds < LOOK_LIMIT + slow_machine.seconds(SPARE) for start in late.values())


MODULES_LIMIT = 110  # of programs that may load kernel modules, as on the simulated host
DESCRIPTIONS = {
    "grapnel-runtime": ("grapnel-runtime", "create", "-b", "{bundle}", "c1"),
    "nvidia-container-cli-list": ("nvidia-container-cli", "list"),
    "nvidia-container-cli-info": ("nvidia-container-cli", "info"),
    "grapnel-list": ("grapnel", "list"),
    "grapnel-info": ("grapnel", "info"),
    "grapnel-cdi-generate": ("grapnel", "cdi", "generate"),
    "grapnel-cdi-generate-static": ("grapnel", "cdi", "generate", "--static"),
    "grapnel-cdi-list": ("grapnel", "cdi", "list"),
    "grapnel-doctor": ("grapnel", "doctor"),
}
LIMITS = {"grapnel-doctor": 120,  # it runs programs
          "grapnel-runtime": LOOK_LIMIT,  # a child that asks the inventory cache
          **dict.fromkeys(("nvidia-container-cli-list", "nvidia-container-cli-info"), MODULES_LIMIT)}


def describe(bundle, program, *words):
    """Its result, and the seconds until the end of its output: a process that hangs has no part of it."""
    began = time.monotonic()
    done = subprocess.run([program, *(word.format(bundle=bundle.directory) for word in words)],
                          capture_output=True, env={"NVIDIA_CTK_CONFIG_FILE_PATH": str(bundle.settings)},
                          text=True, check=False)
    return done, time.monotonic() - began


@pytest.fixture(scope="module")
def descriptions(tmp_path_factory, hook, tools, programs):
    """A server for each, and all at once."""
    if not os.path.exists("/dev/fuse"):
        skip_or_fail("this machine has no /dev/fuse")
    servers, bundles = {}, {}
    too_late = threading.Timer(2 * MODULES_LIMIT, lambda: [server.end() for server in servers.values()])
    try:
        for name in DESCRIPTIONS:
            bundle = bundles[name] = container.Bundle(tmp_path_factory.mktemp("look") / "b", hook, tools)
            servers[name] = Server(bundle.directory, "LOOKUP")
            del bundle.config["hooks"]
            bundle.set_settings(f'[nvidia-container-runtime]\nruntimes = ["/bin/true"]\n'
                                f'[nvidia-container-cli]\nroot = "{servers[name].place}/driver"\n')
            bundle.env("NVIDIA_VISIBLE_DEVICES=0").write_config(["/bin/true"])
        for server in servers.values():
            server.trigger.touch()
        too_late.start()
        paths = {name: programs / name for name in ("grapnel-runtime", "nvidia-container-cli")}
        paths["grapnel"] = built(hook, "grapnel", "grapnel")
        with concurrent.futures.ThreadPoolExecutor(len(servers)) as pool:
            ends = {name: pool.submit(describe, bundles[name], paths[words[0]], *words[1:])
                    for name, words in DESCRIPTIONS.items()}
            return {name: end.result() for name, end in ends.items()}
    finally:
        too_late.cancel()
        for server in servers.values():
            server.end()


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_silent_driver_never_holds_a_description(descriptions, name):
    done, seconds = descriptions[name]
    limit = LIMITS.get(name, LIMIT)
    assert seconds < limit + slow_machine.seconds(SPARE)
    assert (done.returncode, done.stdout) == (1, "")
    program, _, line = done.stderr.partition(": ")
    assert program in ("grapnel", "grapnel-runtime", "nvidia-container-cli")
    assert line == (f"the look at the host took longer than {limit} seconds: a file system of the host does "
                    "not answer: look at its mounts (FUSE, NFS)\n")
