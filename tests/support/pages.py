# SPDX-License-Identifier: Apache-2.0
"""The users' pages: their blocks of code, and a machine on which their commands run.

A block that is fenced as `sh` is for the machine below, as root. A second word names another test,
which runs its commands (RUN_BY).
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

# second word of a block: the test that runs its commands
RUN_BY = {
    "": "integration/test_pages.py",  # as root
    "user": "integration/test_pages.py",  # as an unprivileged user
    "host": "support/broken_hosts.py",  # with the fault that its section describes
    "build": "fresh/run",
    "package": "package/run",
    "charliecloud": "integration/test_charliecloud.py",
    "apptainer": "nightly/test_apptainer.py",  # Debian 12 lacks it
    "selinux": "nightly/test_selinux.py",  # needs a kernel with Debian's policy
    "nested": "integration/test_nested.py",  # on the host of a container that has an engine
    "inside": "integration/test_nested.py",  # in that container as root
    "insideuser": "integration/test_nested.py",  # in that container as a user
    "insidedockeruser": "integration/test_nested.py",
    "inrootless": "integration/test_nested.py",  # in a container of a user's
    "unprivileged": "integration/test_nested.py",  # on the host of an unprivileged container
    "inunprivileged": "integration/test_nested.py",  # in that container as a user
}


@dataclasses.dataclass
class Block:
    page: pathlib.Path
    line: int
    section: str  # the last heading above
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
        headings = re.findall(r"^#+ (.*)$", text[:match.start()], re.M)
        found.append(Block(page, text.count("\n", 0, match.start()) + 1, headings[-1], language,
                           place or "", body))
    return found


def commands(page, place, **words):
    """Those of the blocks for a place, each as words, with the reader's in capitals replaced."""
    found = [command for block in blocks(TOP / "doc" / page) if block.place == place
             for command in block.commands()]
    assert found, (page, place)
    return [[str(words.get(word, word)) for word in command.split(" ")] for command in found]


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


# no package of Debian's main archive has them: a process in their place is started and stopped
ABSENT_SERVICES = ("crio", "nvidia-persistenced")


class Machine:
    """A booted systemd with Docker, containerd and podman, each as a package installs it, and
    Grapnel's programs in /usr/local/bin. /etc, /run and the engines' data are its own."""

    def __init__(self, directory, programs, archive):
        self.directory = directory
        self.systemd = booted_systemd.BootedSystemd("v2", directory)
        self.programs = programs
        self.archive = archive
        self.environment = {"IMAGE": IMAGE, "BUNDLE": "/run/bundle", "NAME": "page", "ID": "page",
                            "FILE": str(directory / "file")}
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
        units = self.directory / "machine/units"
        for name, command in {"docker": "/usr/sbin/dockerd", "containerd": "/usr/bin/containerd"}.items():
            (units / f"{name}.service").write_text(UNIT.format(command, self.directory / f"{name}.log"))
        for name in ABSENT_SERVICES:
            (units / f"{name}.service").write_text(
                "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/bin/sleep infinity\n")
        self.systemd.systemctl("daemon-reload")

    def configure_engines(self):
        """The state before Grapnel is configured."""
        etc = self.directory / "machine/etc"
        for name in ("docker", "containerd", "crio", "grapnel", "nvidia-container-runtime"):
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
        self.shell(f"ctr --namespace k8s.io images import {self.directory}/saved.tar")
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
