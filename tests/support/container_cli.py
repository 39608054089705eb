# SPDX-License-Identifier: Apache-2.0
"""nvidia-container-cli called for containers that were made by hand, and by programs of others."""

import os
import pathlib
import subprocess

import container

CALLED_BY_CTR = ("--compute", "--compat32", "--graphics", "--utility", "--video", "--display")


class ContainerCli:
    """The program; calls return the process that has ended."""

    def __init__(self, program, directory):
        self.program = program
        self.settings = directory / "nvidia-container-runtime" / "config.toml"
        self.settings.parent.mkdir()
        self.log = directory / "cli.log"
        self.set_settings("")

    def set_settings(self, text):
        self.settings.write_text(f'log = "{self.log}"\n{text}')

    @property
    def environment(self):
        return {"PATH": os.environ["PATH"], "NVIDIA_CTK_CONFIG_FILE_PATH": str(self.settings)}

    def __call__(self, *words, prefix=(), timeout=60):
        return subprocess.run([*prefix, self.program, *(str(word) for word in words)],
                              env=self.environment, input="", capture_output=True, text=True,
                              timeout=timeout, check=False)

    def configure(self, made, *options, **more):
        """For a container made by hand, by its process."""
        return self("configure", *options, f"--pid={made.pid}", made.bundle.root, **more)

    def logged(self):
        return container.without_starts(self.log)


def make_reachable(directory):
    """Every user may look names up on the way there."""
    for parent in (directory, *directory.parents):
        mode = parent.stat().st_mode
        if mode & 0o005 != 0o005:
            parent.chmod(mode | 0o055)


def give(directory, user):
    for path, names, files in os.walk(directory):
        for name in [".", *names, *files]:
            os.lchown(os.path.join(path, name), user, user)


def mount_numbers():
    """The numbers of mount namespaces by the processes that are in them."""
    out = {}
    for directory in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            out[int(directory.name)] = (directory / "ns/mnt").stat().st_ino
        except OSError:
            continue
    return out
