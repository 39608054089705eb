# SPDX-License-Identifier: Apache-2.0
"""A container without a runtime: a process in a mount namespace of its own, in which a bundle's
rootfs is mounted on itself with a /proc and a /dev. It is there in milliseconds, stays until the
test ends, and the hook is called for it by hand, as often as a test likes."""

import contextlib
import json
import os
import pathlib
import subprocess

import container

SETUP = """
mount --bind "$ROOT" "$ROOT" && cd "$ROOT" || exit 1
mount -t tmpfs -o mode=0755,nosuid tmpfs "$ROOT/dev"
mount -t proc proc "$ROOT/proc"
"""


class HandMade:
    def __init__(self, bundle, setup=":", basis=SETUP, namespace=True, cgroup=None):
        """`setup` is shell, run inside after `basis`, with the rootfs as $ROOT. `namespace`: whether
        it gets a mount namespace, or the command that makes one."""
        self.bundle = bundle
        bundle.write_config(["/bin/true"])
        script = f"set -e\n{basis}\n{setup}\necho ready\nexec cat"
        unshare = ["unshare", "--mount", "--propagation", "unchanged"] if namespace is True \
            else namespace or []
        self.process = subprocess.Popen(
            [*unshare, "sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={**os.environ, "ROOT": str(bundle.root)}, text=True)
        assert self.process.stdout.readline() == "ready\n", "the container was not made"
        self.pid = self.process.pid
        if cgroup is not None:
            (cgroup / "cgroup.procs").write_text(str(self.pid))

    def end(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)
        self.process.stdout.close()

    def state(self, **changes):
        return self.bundle.state(pid=self.pid, **changes)

    def hook(self, *arguments, stage="prestart", prefix=(), state=None, env=None, **options):
        """Runs the hook for this container; `prefix` is a command that runs it."""
        self.bundle.write_config(["/bin/true"])
        command = [*prefix, self.bundle.hook, f"--config={self.bundle.settings}", *arguments, stage]
        options = {"capture_output": True, "text": True, "timeout": 60, **options}
        return subprocess.run(command, input=self.state() if state is None else state,
                              env=env or {}, check=False, **options)

    def inside(self, *command, cgroup=None):
        """Runs a command in the container."""
        enter = ["nsenter", f"--mount=/proc/{self.pid}/ns/mnt", "chroot", str(self.bundle.root)]
        joined = ["sh", "-c", 'echo $$ >"$0" && exec "$@"', str(cgroup / "cgroup.procs")] \
            if cgroup is not None else []
        return container.Result(subprocess.run([*joined, *enter, *command], input="",
                                               capture_output=True, text=True, timeout=60,
                                               check=False))

    def look(self, *queries, cgroup=None):
        return self.inside("/bin/look", *queries, cgroup=cgroup)

    def mountinfo(self):
        return pathlib.Path(f"/proc/{self.pid}/mountinfo").read_text()

    def mounts(self):
        """What is mounted below the rootfs: {place inside: line of mountinfo}."""
        out = {}
        for line in self.mountinfo().splitlines():
            point = line.split(" ")[4].replace("\\040", " ")
            with contextlib.suppress(ValueError):
                out["/" + str(pathlib.Path(point).relative_to(self.bundle.root))] = line
        return out


class Cgroups:
    """Cgroups for containers made by hand, removed by end()."""

    def __init__(self, directory):
        self.version2 = directory / "cgroup2"
        self.made = []

    def make(self, version, path):
        """The directory of the tests' cgroup/PATH, with every parent."""
        if version == "v2" and not self.version2.exists():
            self.version2.mkdir()
            subprocess.run(["mount", "-t", "cgroup2", "none", self.version2], check=True)
        directory = self.version2 if version == "v2" else pathlib.Path("/sys/fs/cgroup/devices")
        for name in (container.CGROUP[1:], *path.split("/")):
            directory = directory / name
            if not directory.exists():
                directory.mkdir()
                self.made.append(directory)
        return directory

    def remove(self):
        while self.made:
            self.made.pop().rmdir()

    def end(self):
        self.remove()
        if self.version2.exists():
            subprocess.run(["umount", self.version2], check=True)


def crun_state(made):
    """The state as crun 1.28 writes it: every slash is escaped."""
    text = json.dumps({
        "ociVersion": "1.0", "id": made.bundle.name, "pid": made.pid,
        "root": str(made.bundle.root), "bundle": str(made.bundle.directory),
        "status": "created", "annotations": {"a/b": "c\\d"}})
    return text.replace("/", "\\/")
