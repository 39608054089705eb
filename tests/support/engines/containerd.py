# SPDX-License-Identifier: Apache-2.0
"""A containerd of our own, spoken to with ctr."""

import contextlib
import itertools
import json
import os
import pathlib
import signal
import subprocess
import time

from engines import process

LEFT_OUT = [f"io.containerd.{name}" for name in (
    "grpc.v1.cri", "internal.v1.opt", "snapshotter.v1.btrfs", "snapshotter.v1.zfs",
    "snapshotter.v1.devmapper", "snapshotter.v1.aufs")]
NUMBERS = itertools.count()
WITHOUT_KUBERNETES = f"version = 2\ndisabled_plugins = {json.dumps(LEFT_OUT)}\n"


def major_version():
    said = subprocess.run(["containerd", "--version"], check=True, capture_output=True, text=True)
    return int(said.stdout.split()[2].split(".")[0])


def prints_answers(words):
    """Whether that command of ctr runs look.c."""
    text = " ".join(map(str, words))
    if "--config" in words:
        text += pathlib.Path(words[words.index("--config") + 1]).read_text()
    return words[0] == "run" and "/bin/look" in text


class Containerd:
    """`settings` is its configuration, in TOML. Its directories lie on a tmpfs of its mount
    namespace, and are gone with it."""

    def __init__(self, directory, cgroup, settings=WITHOUT_KUBERNETES, env=None):
        self.directory = directory
        self.cgroup = cgroup
        self.environment = {**os.environ, **(env or {})}  # ctr's too: it looks for programs itself
        # a short path, and one of its own
        self.socket = pathlib.Path(f"/run/containerd-{os.getpid()}-{next(NUMBERS)}.sock")
        places = {name: directory / name for name in ("root", "state")}
        for place in places.values():
            place.mkdir(parents=True)
        (directory / "config.toml").write_text(settings)
        self.daemon = process.Daemon(
            ["containerd", "--config", directory / "config.toml", "--address", self.socket,
             "--root", places["root"], "--state", places["state"]], cgroup,
            directory / "containerd.log", self.is_ready, env,
            " && ".join(f"mount -t tmpfs tmpfs {place}" for place in places.values()))

    def command(self, *words):
        return ["ctr", "--address", self.socket, *words]

    def is_ready(self):
        return process.answer(self.command("version")).code == 0

    def __call__(self, *words):
        """On a loaded machine containerd 1.6 can lose the last output of a container that ends at
        once: such a container runs again."""
        for _ in range(3):
            # ctr mounts a root file system itself, so it has to see what the daemon sees
            result = process.answer(["nsenter", f"--mount=/proc/{self.daemon.process.pid}/ns/mnt",
                                     *self.command(*words)], env=self.environment)
            if result.code != 0 or result.answers or not prints_answers(words):
                break
        return result

    def run(self, bundle, *options, ask=()):
        """Runs a bundle's config.json to its end; `ask` are queries of look.c."""
        bundle.config["root"]["path"] = str(bundle.root)
        bundle.write_config(["/bin/look", *ask])
        return self("run", "--rm", *options, "--config", bundle.directory / "config.json",
                    bundle.name)

    def shims(self):
        """The processes that keep our containers: they name our socket and outlive containerd."""
        for directory in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (directory / "cmdline").read_bytes().split(b"\0")
                if str(self.socket).encode() in words and b"shim" in words[0]:
                    yield int(directory.name)

    def end(self):
        """Returns the shims that had to be killed."""
        deadline = time.monotonic() + 10  # those of containers that were removed end by themselves
        while list(self.shims()) and time.monotonic() < deadline:
            time.sleep(0.05)
        left = list(self.shims())
        for shim in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(shim, signal.SIGKILL)
        self.daemon.end()
        return left
