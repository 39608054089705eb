# SPDX-License-Identifier: Apache-2.0
"""A hook that waits for an ldconfig that never ends, and its processes."""

import contextlib
import pathlib
import subprocess

from booted_systemd import wait_until


def parent_of(pid):
    """Nothing if the process has ended."""
    with contextlib.suppress(OSError):
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
        state, parent = stat.rpartition(")")[2].split()[:2]
        return None if state == "Z" else int(parent)  # a zombie has nothing to look at
    return None


def descendants(pid):
    """Process IDs, the process itself first."""
    parents = {int(entry.name): parent_of(entry.name)
               for entry in pathlib.Path("/proc").glob("[0-9]*")}
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


class WaitingHook:
    def __init__(self, made, tools):
        self.ldconfig = tools.never_ends
        made.bundle.set_settings(
            f'ldcache = "ldconfig"\n[nvidia-container-cli]\nldconfig = "@{self.ldconfig}"\n')
        made.bundle.write_config(["/bin/true"])
        self.process = subprocess.Popen(
            [made.bundle.hook, f"--config={made.bundle.settings}", "prestart"], env={},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.process.stdin.write(made.state())
        self.process.stdin.close()
        self.process.stdin = None
        self.pid = wait_until(self.find_ldconfig, "ldconfig runs")

    def find_ldconfig(self):
        assert self.process.poll() is None, self.process.communicate()
        for pid in self.processes():
            with contextlib.suppress(OSError):
                if pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().startswith(
                        bytes(self.ldconfig) + b"\0"):
                    return pid
        return None

    def processes(self):
        return descendants(self.process.pid)

    def wait(self, timeout=60):
        """(exit code, standard error)."""
        _, error = self.process.communicate(timeout=timeout)
        return self.process.returncode, error

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
