# SPDX-License-Identifier: Apache-2.0
"""Packages with the names and the files of NVIDIA's Container Toolkit, and how a package is built again
with a higher version."""

import pathlib
import subprocess

RUNTIME = "#!/bin/sh\nexec runc \"$@\"\n"
HOOK = "#!/bin/sh\necho called >> /tmp/nvidias-hook\n"
SETTINGS = '[nvidia-container-cli]\n\n[nvidia-container-runtime]\nruntimes = ["runc"]\n'
PACKAGES = {
    "libnvidia-container-tools": ({"usr/bin/nvidia-container-cli": "#!/bin/sh\n"}, ""),
    "nvidia-container-toolkit-base": ({"usr/bin/nvidia-container-runtime": RUNTIME,
                                       "usr/bin/nvidia-ctk": "#!/bin/sh\n",
                                       "etc/nvidia-container-runtime/config.toml": SETTINGS}, ""),
    "nvidia-container-toolkit": ({"usr/bin/nvidia-container-runtime-hook": HOOK},
                                 "libnvidia-container-tools, nvidia-container-toolkit-base (= 1.18.0-1)"),
}
LINK = "usr/bin/nvidia-container-toolkit"  # of the toolkit's package


def make(directory):
    """Builds the packages in a directory; their files."""
    made = []
    for name, (files, depends) in PACKAGES.items():
        tree = directory / name
        for path, text in files.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_text(text)
            (tree / path).chmod(0o755 if path.startswith("usr/bin") else 0o644)
        if name == "nvidia-container-toolkit":
            (tree / LINK).symlink_to("nvidia-container-runtime-hook")
        control = tree / "DEBIAN/control"
        control.parent.mkdir()
        control.write_text(f"Package: {name}\nVersion: 1.18.0-1\nArchitecture: all\n"
                           "Maintainer: nobody <nobody@localhost>\nDescription: stand-in\n"
                           + (f"Depends: {depends}\n" if depends else ""))
        if "config.toml" in "".join(files):
            (tree / "DEBIAN/conffiles").write_text("/etc/nvidia-container-runtime/config.toml\n")
        made.append(build(tree, directory))
    return made


def build(tree, directory):
    done = subprocess.run(["dpkg-deb", "-Znone", "--root-owner-group", "--build", tree, directory], check=True,
                          capture_output=True, text=True)
    return pathlib.Path(done.stdout.split("'")[3])


def with_higher_version(package, directory):
    """The same package as a newer one."""
    tree = directory / package.stem
    subprocess.run(["dpkg-deb", "--raw-extract", package, tree], check=True)
    control = tree / "DEBIAN/control"
    lines = control.read_text().splitlines()
    control.write_text("".join(f"{line}+newer\n" if line.startswith("Version:") else f"{line}\n"
                               for line in lines))
    return build(tree, directory)
