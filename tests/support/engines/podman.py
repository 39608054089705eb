# SPDX-License-Identifier: Apache-2.0
"""podman with storage and configuration of its own, as root or as a user without rights."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

import container
from engines import process

IMAGE = "localhost/look:1"
# What this project's tests need no part of; a limit that is not raised needs no right.
CONTAINERS_CONF = """[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
netns = "none"
log_driver = "k8s-file"
pids_limit = 0
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
"""


def version_of(program):
    """As numbers."""
    said = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout
    return tuple(map(int, re.findall(r"\d+", said.split()[2])[:2]))


def major_version():
    return version_of("podman")[0]


def crun_version():
    return version_of("crun")


def output_of(log):
    """What a container wrote to its standard output, of a log of conmon's: TIME STREAM F or P TEXT."""
    entries = [line.split(" ", 3) for line in log.splitlines()]
    return "".join(text + ("\n" if tag == "F" else "") for _, stream, tag, text in entries if stream == "stdout")


class Podman:
    program = "podman"
    host = ()  # a command that makes another host, up to its command

    def __init__(self, cgroup, runtime, hooks, archive, tools, rootless=False):
        """`hooks` is the directory of hooks.d files."""
        # the names of sockets have 108 bytes: where conmon's are longer, podman waits six seconds
        # for an exit that nobody tells it
        directory = pathlib.Path(tempfile.mkdtemp(prefix="pod", dir="/tmp"))
        process.make_reachable(directory)
        self.directory = directory
        self.cgroup = cgroup
        self.rootless = rootless
        for name in ("home", "run", "state", "tmp"):
            (directory / name).mkdir()
        (directory / "containers.conf").write_text(CONTAINERS_CONF)
        (directory / "storage.conf").write_text(
            f'[storage]\ndriver = "vfs"\ngraphroot = "{directory}/home/storage"\n'
            f'runroot = "{directory}/run"\n')
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": f"{directory}/home", "TMPDIR": f"{directory}/tmp",
            "XDG_RUNTIME_DIR": f"{directory}/run",
            "CONTAINERS_CONF": f"{directory}/containers.conf",
            "CONTAINERS_STORAGE_CONF": f"{directory}/storage.conf",
            "PODMAN_IGNORE_CGROUPSV1_WARNING": "1"}
        low_level = shutil.which(runtime)
        if runtime == "crun":
            low_level = process.crun_with_few_rights(directory, tools)
        self.options = ["--runtime", low_level, "--hooks-dir", hooks,
                        "--tmpdir", directory / "state"]
        self.setup = ":"
        if rootless:
            self.setup = " && ".join((process.user_setup(directory),
                                      process.whole_proc_setup(directory)))
            process.give_to_user(directory)
        done = self("import", "--quiet", archive, IMAGE)
        assert done.code == 0, done.err

    def use_the_runtime(self, programs):
        """grapnel-runtime by NVIDIA's name, above the low-level runtime."""
        settings = self.directory / "config.toml"
        settings.write_text(
            f'log = ""\n[nvidia-container-runtime]\nruntimes = ["{self.options[1]}"]\n')
        # podman gives its own environment to the runtime at create alone
        front = self.directory / "nvidia-container-runtime"
        front.write_text(f"#!/bin/sh\nNVIDIA_CTK_CONFIG_FILE_PATH={settings} "
                         f'exec {programs}/nvidia-container-runtime "$@"\n')
        front.chmod(0o755)
        self.options[1] = front

    def __call__(self, *words):
        command = [self.program, *map(str, self.options), *map(str, words)]
        if self.rootless:
            command = process.as_user(command)
        elif words[0] in ("run", "create"):
            command.insert(command.index(words[0]) + 1, f"--cgroup-parent={container.CGROUP}")
        return process.answer([*self.host, *container.in_cgroup_view(self.cgroup, command, self.setup)],
                              env=self.environment, cwd=self.directory / "home")

    def is_busy(self):
        """After a container's end podman starts itself once more, to tidy up."""
        name = os.fsencode(self.directory)
        for command in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if name in command.read_bytes():
                    return True
        return False

    def end(self):
        """Without root a process stays that holds podman's user namespace."""
        deadline = time.monotonic() + 30
        while self.is_busy() and time.monotonic() < deadline:
            time.sleep(0.05)
        for pid in self.directory.rglob("pause.pid"):
            os.kill(int(pid.read_text()), signal.SIGKILL)
        shutil.rmtree(self.directory)

    def run(self, *options, ask=(), image=IMAGE):
        """Runs a container to its end; `ask` are queries of look.c. podman 4.3 loses the output of a short
        program when the machine is busy: that of the log counts."""
        log = self.directory / "home/container.log"
        result = self("run", "--rm", f"--log-opt=path={log}", *options, image, "/bin/look", *ask)
        if log.exists():
            result.out = output_of(log.read_text())
            result.answers = container.answers(result.out)
            log.unlink()
        return result

    def start(self, name):
        """Starts a container and waits for its end; the output is that of this start. podman 4.3 loses
        the output of a short program at `start --attach` when the machine is busy."""
        earlier = self("logs", name).out
        started = self("start", name)
        if started.code == 0:
            started.code = int(self("wait", name).out)
            started.out = self("logs", name).out.removeprefix(earlier)
            started.answers = container.answers(started.out)
        return started
