# SPDX-License-Identifier: Apache-2.0
"""Unprivileged containers of LXC, with the hook for NVIDIA's driver that it brings."""

import contextlib
import os
import pathlib
import subprocess

import container
import container_cli
from engines import process

HOOK = pathlib.Path("/usr/share/lxc/hooks/nvidia")
CONFIG = """
lxc.uts.name = {name}
lxc.rootfs.path = dir:{root}
lxc.mount.auto = proc:mixed sys:ro
lxc.mount.entry = /proc/driver proc/driver none rbind 0 0
{request}
lxc.net.0.type = empty
lxc.idmap = u 0 {user} 65536
lxc.idmap = g 0 {user} 65536
lxc.tty.max = 0
lxc.pty.max = 1
lxc.console.path = none
lxc.apparmor.profile = unconfined
lxc.cgroup.relative = 1
"""
REQUEST = """lxc.hook.mount = {hook}
lxc.environment = NVIDIA_VISIBLE_DEVICES={devices}
lxc.environment = NVIDIA_DRIVER_CAPABILITIES={capabilities}
"""


class Lxc:
    def __init__(self, bundle, programs, directory):
        """`programs` is the directory with Grapnel's programs, `directory` an own one."""
        self.bundle = bundle
        self.directory = directory
        self.environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
        first = process.FIRST_SUBID
        container_cli.give(bundle.root, first)
        # at this level LXC's hook has the program write a log there; LXC's own log can lack the
        # last words of a hook that failed
        self.log = bundle.directory / "hook"
        self.log.mkdir()
        container_cli.give(self.log, first)
        for place in (bundle.root, programs, directory):
            container_cli.make_reachable(place)
        (directory / "ids").write_text(f"root:{first}:65536\n")
        # newer LXC enters a cpuset of version 1 without giving it a CPU, which the kernel refuses
        self.setup = " && ".join((
            "{ umount /sys/fs/cgroup/cpuset 2>/dev/null || true; }",
            process.whole_proc_setup(directory),
            f"mount --bind {directory}/ids /etc/subuid", f"mount --bind {directory}/ids /etc/subgid"))

    def command(self, *command, devices="0", capabilities="utility,compute", version="v1",
                request=REQUEST):
        """The command that starts the container, and ends with it."""
        name = self.bundle.name
        directory = self.directory / "lxc" / name
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "config").write_text(CONFIG.format(
            name=name, root=self.bundle.root, user=process.FIRST_SUBID, request=request.format(
                devices=devices, capabilities=capabilities, hook=HOOK)))
        start = ["lxc-start", "-P", directory.parent, "-n", name, "-F",
                 "-o", self.directory / "lxc.log", "-l", "DEBUG", "--", *command]
        return container.in_cgroup_view(version, start, self.setup)

    def __call__(self, *command, **options):
        result = container.Result(subprocess.run(
            self.command(*command, **options), input="", capture_output=True, text=True,
            timeout=60, env=self.environment, check=False))
        log = self.log / "nvidia.log"
        result.log = log.read_text() if log.exists() else ""
        return result

    @staticmethod
    def end():
        for left in pathlib.Path("/sys/fs/cgroup").glob("*/lxc.pivot"):  # LXC never removes it
            with contextlib.suppress(OSError):
                left.rmdir()
