# SPDX-License-Identifier: Apache-2.0
"""For tests of container programs that users of clusters run: an image that is a directory of the
user's, commands of that user, and scripts that call nvidia-container-cli as enroot and apptainer
do, unprivileged, in a user and a mount namespace of their own."""

import os
import shutil
import subprocess

import container
import container_cli
import make_driver
from engines import process

# GPU 0 has the minor 1: nothing answers behind a node that may be opened
GPU_0, GPU_1 = (f"open:/dev/nvidia{make_driver.minor(index, 2)}" for index in range(2))
DRIVER = ("load:libcuda.so.1", "load:libnvidia-ml.so.1", "stat:/usr/bin/nvidia-smi", GPU_0, GPU_1)

# what enroot does before its hooks: the root file system on itself, with /proc, /sys and /dev
START = """
set -e
mount --bind "$ROOTFS" "$ROOTFS"
mount --rbind /proc "$ROOTFS/proc"
mount -t tmpfs -o mode=0755 tmpfs "$ROOTFS/dev"
"""
# its hook for NVIDIA, from the container's environment to the command line
ENROOT = START + """
arguments=(--no-cgroups --ldconfig=@"$(command -v ldconfig.real || command -v ldconfig)")
[ "$NVIDIA_VISIBLE_DEVICES" = none ] || arguments+=(--device="$NVIDIA_VISIBLE_DEVICES")
IFS=, read -ra capabilities <<< "${NVIDIA_DRIVER_CAPABILITIES:-utility}"
for capability in "${capabilities[@]}"; do arguments+=("--$capability"); done
for name in $(compgen -e NVIDIA_REQUIRE_ || true); do arguments+=(--require="${!name}"); done
nvidia-container-cli --user configure "${arguments[@]}" "$ROOTFS"
"""
APPTAINER = START + """
mount --make-private "$ROOTFS"
nvidia-container-cli --user configure --no-cgroups --device="$NVIDIA_VISIBLE_DEVICES" --compute \\
    --utility --ldconfig=@/sbin/ldconfig "$ROOTFS"
"""


def has_driver(result):
    assert result.code == 0, result.err
    assert result["load:libcuda.so.1"].endswith(f"libcuda.so.{make_driver.VERSION} libcuda")
    assert result["load:libnvidia-ml.so.1"].endswith(" libnvidia-ml")
    assert result["stat:/usr/bin/nvidia-smi"].startswith("file 755 ")
    assert result[GPU_0] == "ENXIO"
    return True


def image_of_user(bundle):
    """With what these programs want to find in it."""
    (bundle.root / "sbin").mkdir()
    shutil.copy(shutil.which("ldconfig"), bundle.root / "sbin")
    for name in ("group", "hosts", "resolv.conf"):
        (bundle.root / "etc" / name).touch()
    container_cli.give(bundle.root, process.USER_ID)
    container_cli.make_reachable(bundle.root)
    return bundle.root


class Caller:
    """Runs a command as the user or as root, with Grapnel's programs first in its PATH."""

    def __init__(self, programs, directory):
        container_cli.make_reachable(programs)
        self.directory = directory
        self.home = directory / "home"
        self.home.mkdir()
        process.give_to_user(self.home)
        self.environment = {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(self.home),
                            "USER": process.USER}

    def __call__(self, *command, user=True, setup=":", **variables):
        script = f'{process.user_setup(self.directory)} && {setup} && exec "$@"'
        return process.answer(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh",
             *(process.as_user(command) if user else command)],
            cwd=self.home, env={**self.environment, **variables})
