# SPDX-License-Identifier: Apache-2.0
"""The users' pages: their blocks of code, and a machine on which their commands run.

A block that is fenced as `sh` is for the machine below, as root. A second word names another place
(PLACES): another user, or a machine that no test has.
"""

import dataclasses
import json
import pathlib
import re
import shutil

import booted_systemd
import container
from engines import process

TOP = pathlib.Path(__file__).resolve().parents[2]
IMAGE = "docker.io/library/look:1"

# second word of a block: how its commands are run
PLACES = {
    "": "on the machine, as root",
    "user": "on the machine, as a user without rights",
    "build": "by the test of a fresh machine: tests/fresh",
    "charliecloud": "by test_charliecloud, as a user",
    "cluster": "in a cluster with Kubernetes, which no test has",
    "crio": "on a node with CRI-O, which Debian does not have",
    "enroot": "on a cluster with enroot and Slurm; enroot is no package of Debian",
    "apptainer": "by tests/nightly: Debian 12 does not have it",
    "nested": "by test_nested, on the host of a container that has an engine",
    "inside": "by test_nested, in that container as root",
    "insideuser": "by test_nested, in that container as a user",
    "inrootless": "by test_nested, in a container of a user's",
    "unprivileged": "by test_nested, on the host of a container without privileges",
    "inunprivileged": "by test_nested, in that container as a user",
    "selinux": "on a host with SELinux",
    "host": "on a host with the fault that the page describes",
}


@dataclasses.dataclass
class Block:
    page: pathlib.Path
    line: int
    language: str
    place: str
    text: str

    def commands(self):
        """A line each; a line that ends with a backslash goes on."""
        joined = self.text.replace("\\\n", " ")
        return [line.strip() for line in joined.splitlines()
                if line.strip() and not line.lstrip().startswith("#")]


def pages():
    found = [TOP / "README.md", *sorted((TOP / "doc").glob("*.md"))]
    return [page for page in found if blocks(page)]


def blocks(page):
    """Those that are fenced, also in a list."""
    text = page.read_text()
    found = []
    for match in re.finditer(r"^( *)```(\w+)(?: (\w+))?\n(.*?)^\1```$", text, re.M | re.S):
        indent, language, place, body = match.groups()
        body = re.sub(f"^{indent}", "", body, flags=re.M)
        found.append(Block(page, text.count("\n", 0, match.start()) + 1, language, place or "", body))
    return found


DOCKER = {"storage-driver": "vfs", "iptables": False, "ip6tables": False, "bridge": "none", "ip-forward": False,
          "exec-opts": ["native.cgroupdriver=systemd"]}
CONTAINERS_CONF = """[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
netns = "none"
pids_limit = 0
log_driver = "k8s-file"
[engine]
cgroup_manager = "systemd"
events_logger = "file"
runtime = "runc"
"""
STORAGE_CONF = """[storage]
driver = "vfs"
graphroot = "/var/lib/containers/storage"
runroot = "/run/containers/storage"
"""
UNIT = """[Unit]
DefaultDependencies=no
StartLimitIntervalSec=0
[Service]
Type=notify
Delegate=yes
KillMode=process
TimeoutStopSec=10
ExecStart={}
StandardError=file:{}
"""


class Machine:
    """A booted systemd with Docker, containerd and podman, each as a package installs it, and
    Grapnel's programs in /usr/local/bin. /etc, /run and the engines' data are its own."""

    def __init__(self, directory, programs, archive):
        self.directory = directory
        self.systemd = booted_systemd.BootedSystemd("v2", directory)
        self.programs = programs
        self.archive = archive
        self.environment = {"IMAGE": IMAGE, "BUNDLE": "/run/bundle", "NAME": "page"}
        try:
            self._cover()
            self._make_units()
            self._make_images()
            self._add_user()
        except BaseException:
            self.systemd.end()
            raise

    def shell(self, script, check=True):
        return self.systemd.run("/bin/bash", "-c", f"PATH=/usr/local/sbin:/usr/local/bin:$PATH; {script}",
                                check=check, timeout=120)

    def _cover(self):
        """Places of the machine that a page writes to, and that /etc and /run are not."""
        shared = self.directory / "usr-share-containers"
        shutil.copytree("/usr/share/containers", shared, symlinks=True)
        (shared / "oci/hooks.d").mkdir(parents=True, exist_ok=True)
        data = self.directory / "data"
        for name in ("docker", "containerd", "containers"):
            (data / name).mkdir(parents=True)
            pathlib.Path("/var/lib", name).mkdir(exist_ok=True)
        covered = {self.programs: "/usr/local/bin", shared: "/usr/share/containers",
                   **{data / name: f"/var/lib/{name}" for name in ("docker", "containerd", "containers")}}
        for source, place in covered.items():
            self.shell(f"mount --bind {source} {place}")

    def _make_units(self):
        self.configure_engines()
        etc = self.directory / "machine/etc"
        for name, text in {"containers.conf": CONTAINERS_CONF,
                           "storage.conf": STORAGE_CONF,
                           "policy.json": '{"default": [{"type": "insecureAcceptAnything"}]}'}.items():
            (etc / "containers" / name).write_text(text)
        for name, command in {"docker": "/usr/sbin/dockerd", "containerd": "/usr/bin/containerd"}.items():
            unit = self.directory / f"machine/units/{name}.service"
            unit.write_text(UNIT.format(command, self.directory / f"{name}.log"))
        self.systemd.systemctl("daemon-reload")

    def configure_engines(self):
        """The state before Grapnel is configured."""
        etc = self.directory / "machine/etc"
        for name in ("docker", "containerd", "grapnel", "nvidia-container-runtime"):
            shutil.rmtree(etc / name, ignore_errors=True)
            (etc / name).mkdir()
        (etc / "docker/daemon.json").write_text(json.dumps(DOCKER, indent=4) + "\n")
        (etc / "containerd/config.toml").write_text("version = 2\n")
        (etc / "grapnel/config.toml").write_text("")
        (etc / "nvidia-container-runtime/config.toml").write_text("")
        (etc / "containers").mkdir(exist_ok=True)

    def _add_user(self):
        """With podman's configuration from the page; its storage holds the image."""
        home = self.directory / "home"
        config = home / ".config/containers"
        config.mkdir(parents=True)
        (home / "run").mkdir(mode=0o700)
        (config / "containers.conf").write_text(CONTAINERS_CONF.replace('"systemd"', '"cgroupfs"'))
        (config / "storage.conf").write_text(
            f'[storage]\ndriver = "vfs"\ngraphroot = "{home}/storage"\nrunroot = "{home}/run/c"\n')
        for path, line in process.USER_FILES.items():
            with open(self.directory / "machine" / path.lstrip("/"), "a", encoding="utf-8") as file:
                file.write(line)
        process.make_reachable(home)
        process.give_to_user(home)
        self.shell(process.whole_proc_setup(self.directory))
        self.run_as_user(f"podman import --quiet --change 'ENV PATH=/bin:/usr/bin' {self.archive} {IMAGE}")

    def run_as_user(self, command):
        home = self.directory / "home"
        script = self.fill_in(command)
        return self.systemd.run(
            "/usr/bin/setpriv", *process.as_user([])[1:], "env", f"HOME={home}", f"XDG_RUNTIME_DIR={home}/run",
            "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "/bin/bash", "-c", script,
            check=False, directory=home, timeout=120)

    def _make_images(self):
        self.systemd.systemctl("start", "docker", "containerd")
        self.shell(f"docker import --change 'ENV PATH=/bin:/usr/bin' {self.archive} {IMAGE}")
        self.shell(f"docker save --output {self.directory}/saved.tar {IMAGE}")
        self.shell(f"ctr images import {self.directory}/saved.tar")
        self.shell(f"podman import --quiet --change 'ENV PATH=/bin:/usr/bin' {self.archive} {IMAGE}")

    def fill_in(self, command):
        """The page's words in capitals are the reader's."""
        for word, value in self.environment.items():
            command = re.sub(rf"\b{word}\b", value, command)
        return command

    def run(self, command):
        return self.shell(self.fill_in(command), check=False)

    def log(self, name):
        log = self.directory / f"{name}.log"
        return log.read_text()[-3000:] if log.exists() else ""

    def end(self):
        self.shell("systemctl stop docker containerd", check=False)
        self.systemd.end()


def archive_with_commands(directory, tools):
    """The small image, with the commands of busybox that pages use."""
    root = container.make_rootfs(directory / "image", tools)
    for name in ("sleep", "ls", "cat"):
        (root / "bin" / name).symlink_to("busybox")
    made = directory / "image.tar"
    container.subprocess.run(["tar", "-C", root, "-cf", made, "."], check=True)
    process.make_reachable(directory)
    return made
