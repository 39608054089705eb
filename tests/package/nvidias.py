# SPDX-License-Identifier: Apache-2.0
"""Packages with the names and the files of NVIDIA's Container Toolkit, and how a package is built again
with a higher version."""

import pathlib
import subprocess

import make_driver

# In the files and the scripts that NVIDIA's have in 2026: no package owns the link.
RUNTIME = "#!/bin/sh\nexec runc \"$@\"\n"
HOOK = "#!/bin/sh\necho called >> /tmp/nvidias-hook\n"
SETTINGS = '[nvidia-container-cli]\n\n[nvidia-container-runtime]\nruntimes = ["runc"]\n'
UNIT = "[Service]\nType=oneshot\nExecStart=/usr/bin/nvidia-ctk cdi generate\n"
PACKAGES = {
    "libnvidia-container-tools": ({"usr/bin/nvidia-container-cli": "#!/bin/sh\n"}, ""),
    "nvidia-container-toolkit-base": ({"usr/bin/nvidia-container-runtime": RUNTIME,
                                       "usr/bin/nvidia-ctk": "#!/bin/sh\n",
                                       "usr/bin/nvidia-cdi-hook": "#!/bin/sh\n",
                                       "usr/lib/systemd/system/nvidia-cdi-refresh.service": UNIT,
                                       "etc/nvidia-container-runtime/config.toml": SETTINGS}, ""),
    "nvidia-container-toolkit": ({"usr/bin/nvidia-container-runtime-hook": HOOK},
                                 "libnvidia-container-tools, nvidia-container-toolkit-base (= 1.18.0-1)"),
}
# As nvidia-ctk cdi generate writes it, with one GPU and one library.
LIBRARIES = "/opt/nvidia/lib64"
CDI_FILE = """cdiVersion: 0.5.0
containerEdits:
  hooks:
  - args:
    - {words}
    - update-ldcache
    - --folder
    - {libraries}
    hookName: createContainer
    path: {program}
  mounts:
  - containerPath: {libraries}/libcuda.so.{version}
    hostPath: {libraries}/libcuda.so.{version}
    options:
    - ro
    - nosuid
    - rbind
devices:
- containerEdits:
    deviceNodes:
    - path: /dev/nvidia{minor}
  name: "0"
kind: {kind}
"""
LINK = "/usr/bin/nvidia-container-toolkit"
HOOK_PATH = "/usr/bin/nvidia-container-runtime-hook"
POSTINST = f"#!/bin/sh\nif [ \"$1\" = configure ] && [ ! -e {LINK} ]; then ln -s {HOOK_PATH} {LINK}; fi\n"
POSTRM = f"#!/bin/sh\nif [ \"$1\" = purge ] && [ -L {LINK} ]; then rm {LINK}; fi\n"
RPM_SCRIPTS = (f"%posttrans\nln -sf {HOOK_PATH} {LINK}\n"
               f"%postun\nif [ \"$1\" = 0 ] && [ -L {LINK} ]; then rm -f {LINK}; fi\n")


def cdi_file(kind, *words):
    """With a hook of these first words, whose first is the program's name."""
    return CDI_FILE.format(kind=kind, words="\n    - ".join(words), program=f"/usr/bin/{words[0]}",
                           libraries=LIBRARIES, version=make_driver.VERSION, minor=make_driver.minor(0, 2))


def make(directory):
    """Builds the packages in a directory; their files."""
    made = []
    for name, (files, depends) in PACKAGES.items():
        tree = directory / name
        for path, text in files.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_text(text)
            (tree / path).chmod(0o755 if path.startswith("usr/bin") else 0o644)
        control = tree / "DEBIAN/control"
        control.parent.mkdir()
        if name == "nvidia-container-toolkit":
            for script, text in (("postinst", POSTINST), ("postrm", POSTRM)):
                (control.parent / script).write_text(text)
                (control.parent / script).chmod(0o755)
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
