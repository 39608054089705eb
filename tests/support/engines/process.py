# SPDX-License-Identifier: Apache-2.0
"""Daemons and users for tests of engines, and how their answers are read."""

import os
import shutil
import pathlib
import subprocess
import time

import container

# The user is not one of the machine: where it is needed these files are covered by copies.
USER = "grapnel-test"
USER_ID = 61317
FIRST_SUBID = 700000
USER_FILES = {
    "/etc/passwd": f"{USER}:x:{USER_ID}:{USER_ID}::/:/bin/sh\n",
    "/etc/group": f"{USER}:x:{USER_ID}:\n",
    "/etc/subuid": f"{USER}:{FIRST_SUBID}:65536\n",
    "/etc/subgid": f"{USER}:{FIRST_SUBID}:65536\n",
}


def user_setup(directory):
    """Shell that gives a mount namespace the user."""
    commands = []
    for place, line in USER_FILES.items():
        there = pathlib.Path(place)
        copy = directory / there.name
        copy.write_text((there.read_text() if there.exists() else "") + line)
        commands.append(f"{{ [ -e {place} ] || touch {place}; }} && mount --bind {copy} {place}")
    return " && ".join(commands)


def whole_proc_setup(directory):
    """Shell that mounts a procfs and a sysfs of which nothing is covered: where a mount namespace
    has none, as on a simulated host, the kernel gives a user namespace no new ones."""
    commands = []
    for kind in ("proc", "sysfs"):
        (directory / f"whole-{kind}").mkdir(exist_ok=True)
        commands.append(f"mount -t {kind} {kind} {directory}/whole-{kind}")
    return " && ".join(commands)


def crun_with_few_rights(directory, tools):
    """crun, behind a program that lets it go on where a limit cannot be raised."""
    shim = directory / "memlock_shim.so"
    shutil.copy(tools.shim, shim)
    program = directory / "crun"
    program.write_text(f'#!/bin/sh\nLD_PRELOAD={shim} exec {shutil.which("crun")} "$@"\n')
    program.chmod(0o755)
    return program


def as_user(command):
    return ["setpriv", f"--reuid={USER_ID}", f"--regid={USER_ID}", "--clear-groups", *command]


def share(directory):
    """Shell that makes a directory a shared mount, as engines ask of a volume with rshared."""
    return f"mount --bind {directory} {directory} && mount --make-shared {directory}"


def mounts_seen_by(pid):
    return pathlib.Path(f"/proc/{pid}/mountinfo").read_text()


def make_reachable(directory):
    """Every user may look names up on the way there."""
    for parent in (directory, *directory.parents):
        if parent.is_relative_to("/tmp") and str(parent) != "/tmp":
            parent.chmod(parent.stat().st_mode | 0o055)


def give_to_user(directory):
    for path, names, files in os.walk(directory):
        for name in [".", *names, *files]:
            os.lchown(os.path.join(path, name), USER_ID, USER_ID)


class Daemon:
    """A program that runs in a cgroup view of its own until end(); `is_ready` is a function that
    says whether it can be asked."""

    def __init__(self, command, cgroup, log, is_ready, env=None, setup=":"):
        with open(log, "w") as out:
            # every step up to the program is an exec: its PID is the program's
            self.process = subprocess.Popen(container.in_cgroup_view(cgroup, command, setup),
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            env={**os.environ, **(env or {})})
        deadline = time.monotonic() + 60
        while not is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.end()
                raise RuntimeError(f"{command[0]} did not start: {log.read_text()[-2000:]}")
            time.sleep(0.05)

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def answer(command, **options):
    """Runs the command and reads what look.c printed."""
    # a pipe: crun changes the owner of what is its stdin in a user namespace
    return container.Result(subprocess.run(
        [str(word) for word in command], input="", capture_output=True, text=True, timeout=120,
        check=False, **options))


def image_archive(directory, tools):
    """The small image as a tar file, made once."""
    archive = directory / "image.tar"
    if not archive.exists():
        root = container.make_rootfs(directory / "image", tools)
        subprocess.run(["tar", "-C", root, "-cf", archive, "."], check=True)
        archive.chmod(0o644)
    return archive
