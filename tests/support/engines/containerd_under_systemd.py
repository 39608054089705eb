# SPDX-License-Identifier: Apache-2.0
"""containerd below a booted systemd, asked as kubelet asks it."""

import contextlib

import booted_systemd
import cri


class Containerd:
    """As with the unit of Debian's package, containers outlive the service."""

    UNIT = "containerd-test.service"
    SOCKET = "/run/containerd-test.sock"

    def __init__(self, systemd, directory, settings, archive):
        self.systemd = systemd
        self.log = directory / "log"
        directory.mkdir(parents=True)
        (directory / "config.toml").write_text(settings)
        places = [directory / name for name in ("root", "state")]
        for place in places:
            place.mkdir()
            systemd.run("mount", "-t", "tmpfs", "tmpfs", place)
        self.client = cri.Client(f"/proc/{systemd.pid}/root{self.SOCKET}")
        systemd.run("systemd-run", f"--unit={self.UNIT}", "--property=Delegate=yes",
                    "--property=KillMode=process", f"--property=StandardError=append:{self.log}",
                    "containerd", "--config", directory / "config.toml", "--address", self.SOCKET,
                    "--root", places[0], "--state", places[1])
        booted_systemd.wait_until(self.is_up, "containerd is up")
        systemd.run("ctr", "--address", self.SOCKET, "--namespace", "k8s.io", "images", "import", archive)

    def is_up(self):
        assert self.systemd.property(self.UNIT, "ActiveState") == "active", self.log.read_text()
        with contextlib.suppress(cri.Refused):
            return bool(self.client("Version", timeout=5))
        return False

    def restart(self):
        self.systemd.systemctl("restart", self.UNIT)
        booted_systemd.wait_until(self.is_up, "containerd is up again")

    def end(self):
        self.client.end()
        self.systemd.systemctl("stop", self.UNIT)
