# SPDX-License-Identifier: Apache-2.0
"""A container that has GPUs and engines of its own: its image, and what the machine lacks for it."""

import json
import os
import pathlib
import shutil
import subprocess

import container
from engines import podman, process

DOCKER = ["dockerd", "docker", "containerd", "containerd-shim-runc-v2", "runc", "newuidmap",
          "newgidmap"]
# of a user's daemon, beside these
ROOTLESS = ["rootlesskit", "rootlesskit-docker-proxy"]
PODMAN = ["podman", "conmon", "runc", "crun", "newuidmap", "newgidmap"]
# without which newer versions do not start: of dockerd 28, of podman 5
HELPERS = ["/usr/sbin/docker-proxy", "/usr/lib/podman/netavark"]
PROGRAMS = "usr/local/bin"
USER = 1000
HOOKS_DIR = "usr/share/containers/oci/hooks.d"
# a low-level runtime that leaves out of a privileged container what this machine cannot give
WITH_FEWER_CAPABILITIES = """#!/usr/bin/python3
import json, os, re, sys
bounding = int(re.search(r"^CapBnd:\\s*(\\w+)", open("/proc/self/status").read(), re.M)[1], 16)
names = {names}
def change(path, edit):
    value = json.load(open(path))
    edit(value)
    json.dump(value, open(path, "w"))
def strip(process):
    for kind, given in (process.get("capabilities") or {{}}).items():
        process["capabilities"][kind] = [name for name in given if bounding >> names.index(name) & 1]
def whole(config):
    strip(config["process"])
    config.setdefault("hooks", {{}}).setdefault("prestart", []).insert(
        0, {{"path": "{hook}", "args": ["show", config["root"]["path"]]}})
words = sys.argv
if "--bundle" in words:
    change(words[words.index("--bundle") + 1] + "/config.json", whole)
elif "--process" in words:
    change(words[words.index("--process") + 1], strip)
os.execvp("runc", ["runc", *words[1:]])
"""
# procfs shows the driver everywhere; the simulated one is mounts of the host
SHOW_DRIVER = """#!/bin/sh
pid=$(sed -n 's/.*"pid": *\\([0-9][0-9]*\\).*/\\1/p' | head -n 1)
exec nsenter "--mount=/proc/$pid/ns/mnt" sh -c '
    for name in driver devices; do mount --bind -o ro /proc/$name "$1/proc/$name"; done' sh {root}
"""
CAPABILITIES = [f"CAP_{name}" for name in (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE "
    "NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO "
    "SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME "
    "SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG "
    "WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE").split()]


def write_program(path, text):
    path.write_text(text)
    path.chmod(0o755)
    return path


def show_driver(directory, root='"$1"'):
    return write_program(directory / "show-driver", SHOW_DRIVER.format(root=root))


def low_level(directory):
    """For Docker, whose privileged containers get every capability that the kernel knows."""
    return write_program(directory / "runc-here", WITH_FEWER_CAPABILITIES.format(
        names=CAPABILITIES, hook=show_driver(directory)))


def add_program(root, name, directory="usr/bin"):
    path = pathlib.Path(os.path.realpath(shutil.which(name)))
    target = root / directory / pathlib.Path(name).name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, target)
    container.copy_libraries(path, root, container.LIBRARY_DIRECTORIES["debian"])


def make_rootfs(root, tools, programs, image, engine):
    """An image with that engine (DOCKER or PODMAN), Grapnel's programs and an image for it."""
    container.make_rootfs(root, tools)
    for name in (*engine, "mount", "setpriv"):
        add_program(root, name)
    for path in filter(shutil.which, HELPERS):
        add_program(root, path, str(pathlib.Path(path).parent).lstrip("/"))
    add_program(root, "ldconfig", "sbin")
    names = subprocess.run(["busybox", "--list"], check=True, capture_output=True, text=True).stdout
    for name in names.split():
        if not (root / "usr/bin" / name).exists() and not (root / "bin" / name).exists():
            (root / "bin" / name).symlink_to("busybox")
    shutil.copytree(programs, root / PROGRAMS, symlinks=True)
    for directory in ("run", "root", "var/lib", "var/log", "var/tmp", "home/user"):
        (root / directory).mkdir(parents=True)
    (root / "var/tmp").chmod(0o1777)
    shutil.copy(image, root / "image.tar")
    (root / "image.tar").chmod(0o644)
    return root


def add_user(root):
    """With subordinate IDs."""
    for name in ("uid", "gid"):  # file capabilities: setuid needs more rights than a container has
        program = root / f"usr/bin/new{name}map"
        program.chmod(0o755)
        subprocess.run(["setcap", f"cap_set{name}=ep", program], check=True)
        (root / f"etc/sub{name}").write_text("user:10000:20000\n")
    with (root / "etc/passwd").open("a") as file:
        file.write(f"user:x:{USER}:{USER}::/home/user:/bin/sh\n")
    (root / "etc/group").write_text(f"root:x:0:\nuser:x:{USER}:\n")


def give_to_user(directory):
    for path in (directory, *directory.rglob("*")):
        os.chown(path, USER, USER)


def configure_docker(root):
    """As root, and as a user."""
    add_user(root)
    for program in filter(shutil.which, ROOTLESS):
        add_program(root, program)
    daemon = {"iptables": False, "ip6tables": False, "bridge": "none"}
    for directory, driver in {"etc/docker": "overlay2", "home/user/.config/docker": "vfs"}.items():
        (root / directory).mkdir(parents=True)
        (root / directory / "daemon.json").write_text(json.dumps({"storage-driver": driver, **daemon}))
    give_to_user(root / "home/user")


def configure_podman(root, tools):
    """As root, and as a user."""
    add_user(root)
    programs = root / "usr/bin"
    (programs / "crun").rename(programs / "crun.real")
    shutil.copy(tools.shim, root / "usr/lib/memlock_shim.so")
    write_program(programs / "crun", '#!/bin/sh\nLD_PRELOAD=/usr/lib/memlock_shim.so '
                                     'exec /usr/bin/crun.real "$@"\n')
    for directory, data, run in (("etc", "/var/lib/containers", "/run/containers"),
                                 ("home/user/.config", "/home/user/containers", "/run/user/1000")):
        settings = root / directory / "containers"
        settings.mkdir(parents=True)
        (settings / "storage.conf").write_text(
            f'[storage]\ndriver = "vfs"\ngraphroot = "{data}/storage"\nrunroot = "{run}/storage"\n')
    give_to_user(root / "home/user")
    settings = root / "etc/containers"
    (settings / "containers.conf").write_text(podman.CONTAINERS_CONF)
    (settings / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    hooks = root / HOOKS_DIR
    hooks.mkdir(parents=True)
    (hooks / "grapnel.json").write_text(hooks_file(f"/{PROGRAMS}/grapnel-hook"))


def hooks_file(program, *stages):
    return json.dumps({
        "version": "1.0.0", "when": {"always": True}, "stages": stages or ["prestart", "poststop"],
        "hook": {"path": str(program), "args": [pathlib.Path(program).name, "prestart"]}})


def outer_hooks(directory, programs, root):
    """A hooks.d directory for podman on the host."""
    process.make_reachable(directory)
    (directory / "00-show.json").write_text(
        hooks_file(show_driver(directory.parent, root), "prestart"))
    (directory / "grapnel.json").write_text(hooks_file(programs / "grapnel-hook"))
    return directory
