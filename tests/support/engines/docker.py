# SPDX-License-Identifier: Apache-2.0
"""A dockerd of our own: data, sockets and PATH apart from the machine's."""

import json
import os
import subprocess

import container
from engines import process

IMAGE = "look:1"


def version():
    """Of dockerd, as numbers."""
    said = subprocess.run(["dockerd", "--version"], check=True, capture_output=True, text=True).stdout
    return tuple(map(int, said.split()[2].split("+")[0].rstrip(",").split(".")[:2]))


class Docker:
    def __init__(self, directory, cgroup, programs, archive, remap=False, cdi=False):
        """`programs` is the directory with Grapnel's programs; None: there is none.
        `remap`: the containers' root is another user of the host. `cdi`: CDI files are read."""
        directory.mkdir(parents=True)
        process.make_reachable(directory)
        self.directory = directory
        self.cgroup = cgroup
        self.socket = f"unix://{directory}/docker.sock"
        self.log = directory / "grapnel.log"
        self.settings = directory / "config.toml"
        self.set_settings("")
        options = {
            "data-root": str(directory / "data"), "exec-root": str(directory / "exec"),
            "hosts": [self.socket], "pidfile": str(directory / "pid"),
            "storage-driver": "overlay2", "iptables": False, "ip6tables": False,
            "bridge": "none", "cgroup-parent": container.CGROUP, "shutdown-timeout": 1}
        if programs:
            options["runtimes"] = {"nvidia": {"path": f"{programs}/nvidia-container-runtime"}}
        if cdi:
            options["features"] = {"cdi": True}
        if remap:
            options["userns-remap"] = process.USER
        (directory / "daemon.json").write_text(json.dumps(options))
        path = [*([str(programs)] if programs else []), os.environ["PATH"]]
        self.daemon = process.Daemon(
            ["dockerd", "--config-file", str(directory / "daemon.json")], cgroup,
            directory / "dockerd.log", lambda: self("version").code == 0,
            # the hook gets this environment, as nothing that dockerd has is kept from it
            env={"PATH": ":".join(path), "NVIDIA_CTK_CONFIG_FILE_PATH": str(self.settings),
                 "LD_PRELOAD": "", "HTTP_PROXY": "http://nowhere.invalid"},
            setup=" && ".join((process.user_setup(directory), process.whole_proc_setup(directory)))
            if remap else ":")
        self.import_image(archive)

    def set_settings(self, text):
        self.settings.write_text(f'log = "{self.log}"\n{text}')

    def command(self, *words):
        return ["docker", "--host", self.socket, *(str(word) for word in words)]

    def __call__(self, *words):
        return process.answer(self.command(*words))

    def import_image(self, archive, name=IMAGE, *changes):
        options = [word for change in changes for word in ("--change", change)]
        done = self("import", *options, archive, name)
        assert done.code == 0, done.err

    def run(self, *options, ask=(), image=IMAGE):
        """Runs a container to its end; `ask` are queries of look.c."""
        return self("run", "--rm", "--network=none", *options, image, "/bin/look", *ask)

    def logged(self):
        return self.log.read_text() if self.log.exists() else ""

    def end(self):
        self.daemon.end()


class RootlessDocker(Docker):
    """A user's own: dockerd in a user namespace that rootlesskit made. No setting names it."""

    def __init__(self, directory, cgroup, programs, archive, cdi=None):
        """`cdi` is a directory of CDI files: Docker before 29 does not follow the links that rootlesskit makes
        of /etc/cdi and /run/cdi."""
        directory.mkdir(parents=True)
        process.make_reachable(directory)
        self.directory = directory
        self.socket = f"unix://{directory}/docker.sock"
        for name in ("home", "run"):
            (directory / name).mkdir()
        (directory / "daemon.json").write_text(json.dumps({
            "data-root": str(directory / "data"), "exec-root": str(directory / "exec"),
            "hosts": [self.socket], "pidfile": str(directory / "pid"), "storage-driver": "vfs",
            "iptables": False, "ip6tables": False, "bridge": "none", "shutdown-timeout": 1,
            **({"features": {"cdi": True}, "cdi-spec-dirs": [str(cdi)]} if cdi else {}),
            "runtimes": {"nvidia": {"path": f"{programs}/nvidia-container-runtime"}}}))
        setup = " && ".join((process.user_setup(directory), process.whole_proc_setup(directory)))
        process.give_to_user(directory)
        self.daemon = process.Daemon(
            process.as_user(["rootlesskit", "--net=host", "--copy-up=/etc", "--copy-up=/run",
                             "--propagation=rslave", f"--state-dir={directory}/rootlesskit",
                             # links to what root's has there, as dockerd-rootless.sh removes them
                             "sh", "-c", 'rm -f /run/docker /run/containerd; exec "$@"', "sh",
                             "dockerd", "--rootless", "--config-file",
                             str(directory / "daemon.json")]),
            cgroup, directory / "dockerd.log", lambda: self("image", "ls").code == 0,
            env={"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(directory / "home"),
                 "XDG_RUNTIME_DIR": str(directory / "run")}, setup=setup)
        self.import_image(archive)
