# SPDX-License-Identifier: Apache-2.0
"""A containerd of our own, spoken to with ctr."""

import contextlib
import json
import os
import pathlib
import signal

from engines import process

LEFT_OUT = ("io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt",
            "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
            "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs")


class Containerd:
    def __init__(self, directory, cgroup):
        directory.mkdir(parents=True)
        self.directory = directory
        self.cgroup = cgroup
        self.socket = directory / "containerd.sock"
        settings = directory / "containerd.toml"
        settings.write_text(
            f'version = 2\nroot = "{directory}/root"\nstate = "{directory}/state"\n'
            f"disabled_plugins = {json.dumps(LEFT_OUT)}\n"
            f'[grpc]\naddress = "{self.socket}"\n[ttrpc]\naddress = "{self.socket}.ttrpc"\n')
        self.daemon = process.Daemon(["containerd", "--config", str(settings)], cgroup,
                                     directory / "containerd.log", self.command("version"))

    def command(self, *words):
        return ["ctr", "--address", str(self.socket), *(str(word) for word in words)]

    def __call__(self, *words):
        # ctr mounts a root file system itself, so it has to see what the daemon sees
        return process.answer(["nsenter", f"--mount=/proc/{self.daemon.process.pid}/ns/mnt",
                               *self.command(*words)])

    def run(self, bundle, *options, ask=()):
        """Runs a bundle's config.json to its end; `ask` are queries of look.c."""
        bundle.config["root"]["path"] = str(bundle.root)
        bundle.write_config(["/bin/look", *ask])
        return self("run", "--rm", *options, "--config", bundle.directory / "config.json",
                    bundle.name)

    def end(self):
        """A shim outlives the daemon where its container could not be removed."""
        self.daemon.end()
        for process_directory in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (process_directory / "cmdline").read_bytes().split(b"\0")
                if b"shim" in words[0] and str(self.socket).encode() in words:
                    os.kill(int(process_directory.name), signal.SIGKILL)
