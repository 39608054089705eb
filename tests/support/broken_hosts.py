# SPDX-License-Identifier: Apache-2.0
"""The faults of hosts that doc/troubleshooting.md describes, made on the machine of pages.py."""

import dataclasses

import make_driver
import pages

KERNEL_LINE = "4,100,5000000,-;NVRM: Xid (PCI:0000:00:06): 79, GPU has fallen off the bus."
FIRST_GPU = f"/proc/driver/nvidia/gpus/{make_driver.pci(0)}"
NODE = f"/dev/nvidia{make_driver.minor(0, 2)}"
NO_MODULES = "printf '[nvidia-container-cli]\\nload-kmods = false\\n' > /etc/grapnel/config.toml"

# The kernel modules are simulated: these programs, first in PATH, show and hide their files.
PROGRAMS = {
    "modprobe": "mount --bind /run/loaded /proc/driver/nvidia",
    "rmmod": "umount /proc/driver/nvidia",
    "nvidia-modprobe": f"mknod -m 666 {NODE} c 195 {make_driver.minor(0, 2)}",
}


@dataclasses.dataclass
class Fault:
    make: str  # shell
    mended: bool = True  # by the commands of its section
    undo: str = ":"  # shell, if they do not


FAULTS = {  # by the heading in doc/troubleshooting.md
    "the NVIDIA driver is not loaded (no /proc/driver/nvidia/version)": Fault(
        f"{NO_MODULES}; mkdir /run/empty; mount --bind /run/empty /proc/driver; "
        "mkdir /proc/driver/nvidia",
        undo="umount -R /proc/driver"),
    "driver ... is loaded but the libraries are ...": Fault(
        "cp -a /run/loaded /run/former; sed -i s/580.159.04/575.57.08/ /run/former/version; "
        "mount --bind /run/former /proc/driver/nvidia; systemctl start nvidia-persistenced",
        undo="umount /proc/driver/nvidia"),
    "driver ... is loaded but its libraries ... were not found": Fault(
        "mkdir /opt/driver; mount --bind /opt/nvidia /opt/driver; mount -t tmpfs tmpfs /opt/nvidia; "
        "ldconfig; echo /opt/driver/lib64 > /etc/ld.so.conf.d/driver.conf",
        undo="umount /opt/nvidia /opt/driver; rm /etc/ld.so.conf.d/driver.conf"),
    "GPU ... cannot be given to a container": Fault(
        f"sed 's/^GPU UUID:.*/GPU UUID: \\t GPU-????????-????-????-????-????????????/; "
        f"/^Device Minor/d' {FIRST_GPU}/information > /run/information; "
        f"mount --bind /run/information {FIRST_GPU}/information",
        mended=False, undo=f"umount {FIRST_GPU}/information"),
    "the nvidia driver holds none of this host's NVIDIA GPUs, which are ...": Fault(
        "mkdir -p /run/gpus /run/pci/devices /run/pci/drivers/vfio-pci; "
        "mount --bind /run/gpus /proc/driver/nvidia/gpus; "
        "device=/run/pci/devices/0000:01:00.0; mkdir $device; echo 0x10de > $device/vendor; "
        "echo 0x2335 > $device/device; echo 0x030200 > $device/class; "
        "ln -s ../../drivers/vfio-pci $device/driver; mount --bind /run/pci /sys/bus/pci",
        mended=False, undo="umount /proc/driver/nvidia/gpus /sys/bus/pci"),
    "/dev/... is missing": Fault(f"{NO_MODULES}; rm {NODE}"),
}


def prepare(machine):
    """Once on a machine: the programs above, and the files of the loaded module."""
    machine.shell("cp -a /proc/driver/nvidia /run/loaded")
    machine.shell("mkdir /run/sbin; mount --bind /run/sbin /usr/local/sbin")
    for name, command in PROGRAMS.items():
        machine.shell(f"printf '%s\\n' '#!/bin/sh' '{command}' > /run/sbin/{name}; "
                      f"chmod 755 /run/sbin/{name}")
    machine.shell(f"echo '{KERNEL_LINE}' > /dev/kmsg")


def commands():
    """Those of each section, by its heading: a line of Grapnel's."""
    out = {}
    for block in pages.blocks(pages.TOP / "doc/troubleshooting.md"):
        if block.place == "host":
            out.setdefault(block.section.strip("`"), []).extend(block.commands())
    return out
