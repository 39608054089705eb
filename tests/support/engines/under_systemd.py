# SPDX-License-Identifier: Apache-2.0
"""Engines below a booted systemd, which can manage the cgroups of their containers."""

import json

import booted_systemd
import container

IMAGE = "grapnel-test:1"


class Docker:
    """dockerd 20.10 and newer run the hook for --gpus, by this name and from their PATH."""

    def __init__(self, systemd, directory, hook, archive, cdi=False):
        self.systemd = systemd
        self.log = directory / "log"
        (directory / "bin").mkdir(parents=True)
        (directory / "bin" / "nvidia-container-runtime-hook").symlink_to(hook)
        settings = {
            "exec-opts": ["native.cgroupdriver=systemd"], "storage-driver": "vfs",
            "iptables": False, "ip6tables": False, "bridge": "none",
            "data-root": str(directory / "data")}
        if cdi:
            settings["features"] = {"cdi": True}
        (directory / "daemon.json").write_text(json.dumps(settings))
        # its sockets are in /run, which is this systemd's own
        systemd.run("systemd-run", "--unit=docker-test.service", "--property=Delegate=yes",
                    f"--property=StandardError=file:{self.log}",
                    f"--setenv=PATH={directory}/bin:{booted_systemd.PATH}",
                    "dockerd", "--config-file", directory / "daemon.json")
        booted_systemd.wait_until(self.is_up, "dockerd is up")
        self("import", archive, IMAGE)

    def __call__(self, *words, **options):
        return self.systemd.run("docker", *words, **options)

    def is_up(self):
        assert self.systemd.property("docker-test.service", "ActiveState") == "active", \
            self.log.read_text()
        return self("version", check=False).returncode == 0

    def ask(self, name, *command):
        return container.Result(self("exec", name, *command))

    def end(self):
        self.systemd.systemctl("stop", "docker-test.service")


class Podman:
    """`entry` is the hook as a prestart hook of config.json."""

    def __init__(self, systemd, directory, entry, archive):
        self.systemd = systemd
        self.directory = directory
        (directory / "hooks.d").mkdir(parents=True)
        (directory / "hooks.d" / "gpu.json").write_text(json.dumps(
            {"version": "1.0.0", "hook": entry, "when": {"always": True}, "stages": ["prestart"]}))
        (directory / "containers.conf").write_text(
            '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n'
            'netns = "none"\npids_limit = 0\nlog_driver = "k8s-file"\n'
            '[engine]\ncgroup_manager = "systemd"\nevents_logger = "file"\nruntime = "runc"\n')
        (directory / "storage.conf").write_text(
            f'[storage]\ndriver = "vfs"\ngraphroot = "{directory}/root"\n'
            f'runroot = "{directory}/run"\n')
        self("import", archive, IMAGE)

    def __call__(self, *words, **options):
        directory = self.directory
        return self.systemd.run(
            "env", f"CONTAINERS_CONF={directory}/containers.conf", f"TMPDIR={directory}",
            f"CONTAINERS_STORAGE_CONF={directory}/storage.conf", "podman",
            f"--hooks-dir={directory}/hooks.d", f"--tmpdir={directory}/tmp", *words, **options)

    def ask(self, name, *command):
        return container.Result(self("exec", name, *command))
