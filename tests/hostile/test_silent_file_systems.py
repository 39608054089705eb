# SPDX-License-Identifier: Apache-2.0
"""A volume whose server stops answering (FUSE, NFS) while the hook works in the container: a call on
it cannot be interrupted, not even by SIGKILL. The start ends in time all the same."""

import concurrent.futures
import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import time
import types

import container
import hand_made
import pytest
import slow_machine
from conftest import skip_or_fail
from test_nvidia_cdi_hooks import HOOKS

LIMIT = 60  # seconds: the hook's own
SPARE = 15
LATE = "took longer than 60 seconds"
FAILED = "fstatfs on a mount': Input/output error"
LDCONFIG_LATE = "hangs in the kernel and cannot be ended"  # it has a limit of its own
# where a link of the image leads to the volume, and the operations that the hook asks of it there
CASES = [(place, operation) for place, operations in {
    "etc": ("LOOKUP", "GETATTR", "MKNOD", "MKDIR", "FLUSH"),
    "etc/ld.so.conf.d": ("OPEN", "READ", "READDIR"),
    "usr/lib/x86_64-linux-gnu": ("LOOKUP", "GETATTR", "MKNOD", "SYMLINK", "READLINK", "RENAME2"),
}.items() for operation in operations]


class Server:
    def __init__(self, directory, operation):
        self.place = directory / "volume"
        self.place.mkdir()
        self.trigger = directory / "trigger"
        self.process = subprocess.Popen(
            [sys.executable, container.SUPPORT / "silent_fuse.py", self.place, operation, self.trigger],
            stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def end(self):
        """Who waits for an answer gets an error then."""
        self.process.kill()
        self.process.wait()
        subprocess.run(["umount", "--lazy", self.place], check=False)


def lead_to_the_volume(bundle, place, server):
    path = bundle.root / place
    if path.is_dir() and any(path.iterdir()):
        shutil.copytree(path, server.place, dirs_exist_ok=True, symlinks=True,
                        copy_function=shutil.copyfile)
    shutil.rmtree(path, ignore_errors=True)
    path.symlink_to("/data")
    (bundle.root / "data").mkdir()
    bundle.config["mounts"].append({"destination": "/data", "type": "bind",
                                    "source": str(server.place), "options": ["rbind", "rw"]})


def hooks_of(bundle):
    for directory in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str(bundle.settings).encode() in (directory / "cmdline").read_bytes():
                yield int(directory.name)


def start(bundle, place, operation):
    server = Server(bundle.directory, operation)
    try:
        lead_to_the_volume(bundle, place, server)
        bundle.env("NVIDIA_VISIBLE_DEVICES=0")
        bundle.add_hook("prestart", shutil.which("touch"), server.trigger, first=True)
        began = time.monotonic()
        result = bundle.run("runc", "v2", args=["/bin/busybox", "true"], timeout=2 * LIMIT)
        result.seconds = time.monotonic() - began
    finally:
        server.end()
    return result


CDI_CASES = [("create-symlinks", "usr/lib/x86_64-linux-gnu", "LOOKUP"),
             ("create-symlinks", "usr/lib/x86_64-linux-gnu", "SYMLINK"),
             ("update-ldcache", "etc", "LOOKUP"),
             ("update-ldcache", "usr/lib/x86_64-linux-gnu", "READDIR"),
             ("enable-cuda-compat", "usr/local/cuda", "LOOKUP"),
             ("chmod", "etc", "LOOKUP"),
             ("update-application-profile", "etc", "MKNOD"),
             ("create-soname-symlinks", "usr/lib/x86_64-linux-gnu", "READDIR")]


def call_cdi_hook(bundle, program, name, place, operation):
    server = Server(bundle.directory, operation)
    try:
        lead_to_the_volume(bundle, place, server)
        made = hand_made.HandMade(bundle, basis=hand_made.SETUP,
                                  setup=f'mknod "$ROOT/dev/nvidia0" c 195 0; mount --bind {server.place} "$ROOT/data"')
        server.trigger.touch()
        began = time.monotonic()
        done = subprocess.run(
            ["nsenter", f"--mount=/proc/{made.pid}/ns/mnt", program, name, *HOOKS[name]],
            input=made.state(), capture_output=True, text=True, timeout=2 * LIMIT, env={}, check=False)
        done.seconds = time.monotonic() - began
        made.process.stdin.close()
    finally:
        server.end()
    made.end()
    return done


@pytest.fixture(scope="module")
def works(tmp_path_factory, hook, tools, programs):
    """Starts, and hooks of a CDI file, all at once: each can take the whole time."""
    if not os.path.exists("/dev/fuse"):
        skip_or_fail("this machine has no /dev/fuse")
    bundles = [container.Bundle(tmp_path_factory.mktemp("silent") / f"{number}", hook, tools)
               for number in range(len(CASES) + len(CDI_CASES))]
    of_starts, of_hooks = bundles[:len(CASES)], bundles[len(CASES):]
    for bundle in of_hooks:
        (bundle.root / "usr/local/cuda/compat").mkdir(parents=True)
    with concurrent.futures.ThreadPoolExecutor(len(bundles)) as pool:
        return types.SimpleNamespace(
            starts={case: (bundle, pool.submit(start, bundle, *case))
                    for case, bundle in zip(CASES, of_starts, strict=True)},
            cdi_hooks=[pool.submit(call_cdi_hook, bundle, programs / "nvidia-cdi-hook", *case)
                       for case, bundle in zip(CDI_CASES, of_hooks, strict=True)])


@pytest.fixture
def starts(works):
    return {case: (bundle, future.result()) for case, (bundle, future) in works.starts.items()}


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_silent_volume_never_holds_a_start(starts, case):
    bundle, result = starts[case]
    assert result.seconds < LIMIT + slow_machine.seconds(SPARE)
    said = result.err + bundle.logged()
    # without mount_setattr each mount is asked for its flags, which that server fails to say
    assert result.code == 0 or any(line in said for line in (LATE, LDCONFIG_LATE, FAILED)), said
    assert list(hooks_of(bundle)) == []


def test_most_cases_reach_the_silent_operation(starts):
    late = [case for case, (bundle, result) in starts.items() if LATE in bundle.logged()]
    assert len(late) >= 3, late


def test_late_start_names_cause_and_cure(starts):
    bundle, result = starts["etc", "LOOKUP"]
    assert result.code != 0
    assert "a file system does not answer (FUSE, NFS): look at the container's volumes" in result.err
    assert bundle.logged().count("error") == 1


def test_silent_volume_never_holds_a_cdi_hook(works):
    ended = [future.result() for future in works.cdi_hooks]
    for case, done in zip(CDI_CASES, ended, strict=True):
        assert done.seconds < LIMIT + slow_machine.seconds(SPARE), case
        assert done.returncode == 0 or LATE in done.stderr or LDCONFIG_LATE in done.stderr, (case, done)
    assert sum(LATE in done.stderr for done in ended) >= 3, ended
