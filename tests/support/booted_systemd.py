# SPDX-License-Identifier: Apache-2.0
"""A systemd of its own, booted on a simulated host, and containers whose cgroups it manages."""

import contextlib
import os
import pathlib
import signal
import subprocess
import time

import container
import make_driver

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def version():
    said = subprocess.run(["systemctl", "--version"], check=True, capture_output=True, text=True)
    return int(said.stdout.split()[1])


def wait_until(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if (found := condition()):
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {seconds} seconds")


class BootedSystemd:
    """On cgroup version "v1" or "v2". Its host has the files of the machine, but devices, /run,
    /etc and /var/log of its own; the driver is simulated, or the one that is there already."""

    def __init__(self, version, directory, simulated=True):
        self.version = version
        self.name = f"grapnel-test-{version}-{os.getpid()}"
        self.log = directory / "log"
        (directory / "machine").mkdir()
        if simulated:
            make_driver.make(directory / "driver", gpus=2)
        else:
            (directory / "driver").mkdir()
        host = container.SUPPORT / ("simulated-host" if simulated else "own-places")
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [host, directory / "driver", container.SUPPORT / "boot-systemd", version,
                 self.name, directory / "machine"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        try:
            self.pid = wait_until(self._first_process, "systemd is started")
            wait_until(lambda: self.systemctl("is-system-running", check=False) == "running\n",
                       "systemd is up")
        except BaseException:
            self.end()
            raise AssertionError(self.log.read_text()) from None

    def _first_process(self):
        """The only child of what `unshare --fork` is, once it has become systemd."""
        assert self.process.poll() is None, self.log.read_text()
        with contextlib.suppress(OSError):
            own = f"/proc/{self.process.pid}"
            for child in pathlib.Path(own, "task", str(self.process.pid), "children") \
                    .read_text().split():
                if pathlib.Path("/proc", child, "comm").read_text() == "systemd\n":
                    return int(child)
        return None

    def command(self, *words, directory="/", path=PATH):
        return ["nsenter", "--target", str(self.pid), "--all", "env", "--ignore-environment",
                f"--chdir={directory}", f"PATH={path}", "HOME=/root", *map(str, words)]

    def run(self, *words, check=True, directory="/", **options):
        options = {"input": "", "capture_output": True, "text": True, "timeout": 60, **options}
        done = subprocess.run(self.command(*words, directory=directory), check=False, **options)
        assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done

    def systemctl(self, *words, check=True):
        return self.run("systemctl", *words, check=check).stdout

    def property(self, unit, name):
        return self.systemctl("show", "--value", f"--property={name}", unit).strip()

    def reexec(self):
        self.systemctl("daemon-reexec")
        wait_until(lambda: self.systemctl("is-system-running", check=False) == "running\n",
                   "systemd is up again")

    def end(self):
        # all processes of its namespace end with it, and before its parent does
        try:
            os.kill(self.pid, signal.SIGKILL)
        except (AttributeError, ProcessLookupError):  # it was never there, or ended by itself
            self.process.kill()
        self.process.wait(timeout=30)
        script = f'find /sys/fs/cgroup -depth -type d -path "*/{self.name}*" -exec rmdir {{}} ";"'
        subprocess.run(container.in_cgroup_view(self.version, ["sh", "-c", script]), check=False,
                       stderr=subprocess.DEVNULL)


class Scope:
    """A bundle's container, running in a scope of a booted systemd."""

    def __init__(self, systemd, bundle, command):
        """`command` is what starts the runtime, up to its options."""
        self.systemd = systemd
        self.bundle = bundle
        self.command = [*command, "--systemd-cgroup"]
        self.unit = f"oci-{bundle.name}.scope"
        bundle.config["linux"]["cgroupsPath"] = f"system.slice:oci:{bundle.name}"
        bundle.write_config(["/bin/busybox", "sleep", "1000"])
        errors = bundle.directory / "errors"
        with open(errors, "w", encoding="utf-8") as output:
            # a pipe: what runs on keeps its standard error, and runtimes change stdin's owner
            started = subprocess.run(
                systemd.command(*self.command, "run", "--detach", bundle.name,
                                directory=bundle.directory),
                input=b"", stdout=output, stderr=output, timeout=60, check=False)
        assert started.returncode == 0, errors.read_text() + bundle.logged()

    def call(self, *words, **options):
        return self.systemd.run(*self.command, *words, directory=self.bundle.directory, **options)

    def look(self, *queries):
        return container.Result(self.call("exec", self.bundle.name, "/bin/look", *queries))

    def update(self):
        """As engines do it; on version 2 a machine may have no controller to be changed."""
        resources = '{"pids": {"limit": 100}}' if self.systemd.version == "v1" else "{}"
        self.call("update", "--resources", "-", self.bundle.name, input=resources)

    def end(self):
        self.call("delete", "--force", self.bundle.name, check=False)
