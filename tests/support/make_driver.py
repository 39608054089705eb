#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the files of a simulated NVIDIA driver:

  make_driver.py DIRECTORY [--gpus N] [--special] [--without-32bit]

With --special the first GPU is cut into MIG devices, and there are IMEX channels and the nodes of
nvidia-fs, RDMA verbs, gdrdrv and NVSwitches.

The /proc files read as those of a host with driver 580.159.04. Libraries are real shared objects
with the SONAMEs of the driver's. GPU indices (by PCI address), minors and the numbers of DRM nodes
differ on purpose."""

import argparse
import json
import pathlib
import platform
import shutil
import subprocess

VERSION = "580.159.04"

# name: SONAME suffix; "" for a library whose SONAME is its file name
LIBRARIES = {
    "libcuda": "1",
    "libcudadebugger": "1",
    "libnvidia-allocator": "1",
    "libnvidia-cfg": "1",
    "libnvidia-eglcore": "",
    "libnvidia-encode": "1",
    "libnvidia-glcore": "",
    "libGLX_nvidia": "0",
    "libEGL_nvidia": "0",
    "libnvidia-gpucomp": "",
    "libnvidia-ml": "1",
    "libnvidia-nvvm": "4",
    "libnvidia-opencl": "1",
    "libnvidia-opticalflow": "1",
    "libnvidia-ptxjitcompiler": "1",
    "libnvcuvid": "1",
    "libnvidia-newthing": "1",  # no table knows it
}
LIBRARIES_32BIT = ("libcuda", "libnvidia-ml", "libnvidia-allocator", "libGLX_nvidia")

# Files of loaders below share. The last one names its library by the place on this host.
ICD = {"glvnd/egl_vendor.d/10_nvidia.json": "libEGL_nvidia.so.0",
       "egl/egl_external_platform.d/15_nvidia_gbm.json": "libnvidia-egl-gbm.so.1",
       "vulkan/icd.d/nvidia_icd.json": "libGLX_nvidia.so.0",
       "vulkan/implicit_layer.d/nvidia_layers.json": "/opt/nvidia/lib64/libGLX_nvidia.so.0"}

NOTE = ('{"format":1,"CUDA version":"13.0","driver":[535,550,565,570,575,580],'
        '"device":[1,2,7,8,9,10,11,12,13,14]}')

INFORMATION = """Model: \t\t NVIDIA H200
IRQ:   \t\t 41
GPU UUID: \t {uuid}
Video BIOS: \t 96.00.a5.00.1a
Bus Type: \t PCIe
DMA Size: \t 52 bits
DMA Mask: \t 0xfffffffffffff
Bus Location: \t {pci}
Device Minor: \t {minor}
GPU Firmware: \t {version}
GPU Excluded:\t No
"""

PARAMS = """ResmanDebugLevel: 4294967295
ModifyDeviceFiles: 1
DeviceFileUID: 0
DeviceFileGID: 0
DeviceFileMode: 438
ImexChannelCount: 2048
CreateImexChannel0: 0
RegistryDwords: ""
"""

DEVICES = """Character devices:
  1 mem
  5 /dev/tty
195 nvidia
195 nvidiactl
226 drm
238 nvidia-uvm
239 nvidia-nvswitch
240 nvidia-nvlink
241 nvidia-caps
242 nvidia-caps-imex-channels

Block devices:
  8 sd
"""


# with --special
SPECIAL_DEVICES = """231 infiniband_verbs
234 nvidia-fs
236 gdrdrv
"""
SPECIAL_NODES = """nvidia-caps-imex-channels/channel0 242 0 666
nvidia-caps-imex-channels/channel3 242 3 666
nvidia-fs0 234 0 666
nvidia-fs1 8 1 666
gdrdrv 236 0 666
infiniband/uverbs0 231 192 666
nvidia-nvswitchctl 239 255 666
nvidia-nvswitch0 239 0 666
"""
# GPU instance and compute instance; index 0 to 2
MIG_DEVICES = ((1, 0), (1, 1), (2, 0))


def uuid(index):
    return f"GPU-6df8bb41-bcfb-e198-a6df-649e812d96{index:02x}"


def pci(index):
    return f"0000:{index:02x}:06.0"


def minor(index, count):
    return count - 1 - index


def drm(index):
    """The numbers of its DRM nodes: no machine has so many that they are there."""
    return 60 + index, 188 + index


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def compile_library(directory, name, soname, flags=(), version=VERSION):
    file = directory / f"{name}.so.{version}"
    source = f'const char grapnel_simulated[] = "{name}";\n'
    if name == "libcuda":
        payload = NOTE.replace('"', '\\"')
        owner = "NVIDIA Corporation"
        source += ('__asm__(".pushsection .note.cuda.fwd_compatibility,\\"a\\",@note\\n"\n'
                   f'".long {len(owner) + 1}\\n.long {len(NOTE)}\\n.long 1\\n"\n'
                   f'".asciz \\"{owner}\\"\\n.balign 4\\n"\n'
                   '".ascii \\"' + payload.replace('\\"', '\\\\\\"') + '\\"\\n.balign 4\\n"\n'
                   '".popsection\\n");\n')
    subprocess.run(["gcc", "-shared", "-fPIC", "-nostdlib", *flags, "-x", "c", "-", "-o", file,
                    f"-Wl,-soname,{soname}"], input=source.encode(), check=True)
    if soname != file.name:
        (directory / soname).symlink_to(file.name)
    if soname != f"{name}.so":
        (directory / f"{name}.so").symlink_to(soname)


def make_libraries(directory, names=LIBRARIES, flags=()):
    directory.mkdir(parents=True)
    for name in names:
        suffix = LIBRARIES[name]
        soname = f"{name}.so.{suffix}" if suffix else f"{name}.so.{VERSION}"
        compile_library(directory, name, soname, flags)
    (directory / "vdpau").mkdir()
    compile_library(directory / "vdpau", "libvdpau_nvidia", "libvdpau_nvidia.so.1", flags)


def make_graphics(root):
    """Libraries with a version of their own, files of loaders, modules of the X server."""
    compile_library(root / "lib64", "libnvidia-egl-gbm", "libnvidia-egl-gbm.so.1", version="1.1.2")
    for name, library in ICD.items():
        write(root / "share" / name, json.dumps({"ICD": {"library_path": library}}, indent=4))
    write(root / "share" / "OpenCL" / "vendors" / "nvidia.icd", "libnvidia-opencl.so.1\n")
    write(root / "share" / "nvidia" / "nvoptix.bin", "data\n")
    write(root / "share" / "X11" / "xorg.conf.d" / "10-nvidia.conf", 'Section "OutputClass"\n')
    modules = root / "lib64" / "xorg" / "modules"
    (modules / "extensions").mkdir(parents=True)
    compile_library(modules / "extensions", "libglxserver_nvidia", "libglxserver_nvidia.so")
    write(modules / "drivers" / "nvidia_drv.so", "module\n")


def make_binaries(directory, gpus):
    """nvidia-smi lists the GPUs that it can open; the others do nothing."""
    directory.mkdir(parents=True)
    source = pathlib.Path(__file__).parent / "simulated_smi.c"
    table = ",".join(f'{{{minor(index, gpus)},"{uuid(index)}"}}' for index in range(gpus))
    subprocess.run(["gcc", "-static", "-O1", f"-DGPUS={table}", source,
                    "-o", directory / "nvidia-smi"], check=True)
    for name in ("nvidia-debugdump", "nvidia-cuda-mps-control", "nvidia-xconfig"):
        shutil.copy(directory / "nvidia-smi", directory / name)


def make_proc(directory, gpus):
    nvidia = directory / "driver" / "nvidia"
    write(nvidia / "version",
          f"NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  {VERSION}  Release Build"
          "  (builder@)  \nGCC version:  gcc version 15.3.0 (GCC) \n")
    write(nvidia / "params", PARAMS)
    write(nvidia / "registry", 'Binary: ""\n')
    write(nvidia / "suspend", "suspend hibernate resume\n")
    for index in range(gpus):
        gpu = nvidia / "gpus" / pci(index)
        write(gpu / "information", INFORMATION.format(
            uuid=uuid(index), pci=pci(index), minor=minor(index, gpus), version=VERSION))
        write(gpu / "power", "Runtime D3 status:          Disabled by default\n")
        write(gpu / "registry", 'Binary: ""\n')
    write(nvidia / "capabilities" / "mig" / "config",
          "DeviceFileMinor: 1\nDeviceFileMode: 256\nDeviceFileModify: 1\n")
    write(directory / "devices", DEVICES)


def mig_minor(gpu_minor, gpu_instance, compute_instance=None):
    """As the driver numbers them: 15 GPU instances a GPU, 8 compute instances each, from 3 on."""
    base = 3 + gpu_minor * 135 + gpu_instance * 9
    return base if compute_instance is None else base + 1 + compute_instance


def mig_instances(gpu_minor):
    """The capabilities of the MIG devices, as mig-minors names them, with their minors."""
    out = {}
    for part, compute in MIG_DEVICES:
        out[f"gpu{gpu_minor}/gi{part}"] = mig_minor(gpu_minor, part)
        out[f"gpu{gpu_minor}/gi{part}/ci{compute}"] = mig_minor(gpu_minor, part, compute)
    return out


def mig_minors(gpus):
    lines = ["config 1", "monitor 2"]
    for gpu in range(gpus):
        for part in range(15):
            lines.append(f"gpu{gpu}/gi{part}/access {mig_minor(gpu, part)}")
            lines += [f"gpu{gpu}/gi{part}/ci{compute}/access {mig_minor(gpu, part, compute)}"
                      for compute in range(8)]
    return "\n".join(lines) + "\n"


def make_special(directory, gpus):
    """What --special adds to /proc and /dev."""
    driver = directory / "proc" / "driver"
    lines = SPECIAL_NODES
    for capability, number in mig_instances(minor(0, gpus)).items():
        gpu, rest = capability.split("/", 1)
        write(driver / "nvidia" / "capabilities" / gpu / "mig" / rest / "access",
              f"DeviceFileMinor: {number}\nDeviceFileMode: 292\nDeviceFileModify: 1\n")
        lines += f"nvidia-caps/nvidia-cap{number} 241 {number} 444\n"
    write(driver / "nvidia" / "capabilities" / "mig" / "monitor",
          "DeviceFileMinor: 2\nDeviceFileMode: 292\nDeviceFileModify: 1\n")
    write(driver / "nvidia-caps" / "mig-minors", mig_minors(gpus))
    write(directory / "proc" / "devices",
          DEVICES.replace("238 nvidia-uvm\n", SPECIAL_DEVICES + "238 nvidia-uvm\n"))
    write(directory / "nodes", nodes(gpus) + lines)


def nodes(gpus):
    lines = ["nvidiactl 195 255 666", "nvidia-uvm 238 0 666", "nvidia-uvm-tools 238 1 666"]
    lines += [f"nvidia{minor(index, gpus)} 195 {minor(index, gpus)} 666" for index in range(gpus)]
    lines += [f"dri/card{drm(index)[0]} 226 {drm(index)[0]} 660" for index in range(gpus)]
    lines += [f"dri/renderD{drm(index)[1]} 226 {drm(index)[1]} 666" for index in range(gpus)]
    lines += ["nvidia-modeset 195 254 666"]
    lines += ["nvidia-caps/nvidia-cap1 241 1 400", "nvidia-caps/nvidia-cap2 241 2 444"]
    return "\n".join(lines) + "\n"


def make(directory, gpus, special=False, with_32bit=True):
    directory.mkdir(parents=True)
    root = directory / "opt" / "nvidia"
    make_libraries(root / "lib64")
    if with_32bit and platform.machine() == "x86_64":
        # ldconfig takes a 32-bit library that needs no libc for one of another time
        make_libraries(root / "lib32", LIBRARIES_32BIT, ["-m32", "-Wl,--no-as-needed", "-lc"])
    else:
        (root / "lib32").mkdir()
    make_graphics(root)
    make_binaries(root / "bin", gpus)
    write(root / "firmware" / "nvidia" / VERSION / "gsp_ga10x.bin", "firmware\n")
    write(directory / "firmware_path", "/opt/nvidia/firmware\n")
    make_proc(directory / "proc", gpus)
    for index in range(gpus):
        for name in (f"card{drm(index)[0]}", f"renderD{drm(index)[1]}", "version"):
            (directory / "pci" / "devices" / pci(index) / "drm" / name).mkdir(parents=True)
    write(directory / "nodes", nodes(gpus))
    if special:
        make_special(directory, gpus)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--gpus", type=int, default=2)
    parser.add_argument("--special", action="store_true")
    parser.add_argument("--without-32bit", action="store_true", help="gcc-multilib is not needed")
    arguments = parser.parse_args()
    make(arguments.directory, arguments.gpus, arguments.special, not arguments.without_32bit)


if __name__ == "__main__":
    main()
