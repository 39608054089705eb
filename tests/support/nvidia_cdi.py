# SPDX-License-Identifier: Apache-2.0
"""A CDI file in the form in which nvidia-ctk writes them, of the simulated driver: nodes and mounts
by path, and the hooks that it names."""

import os
import pathlib
import stat
import typing

import make_driver

HOST_LIBRARIES = pathlib.Path("/opt/nvidia/lib64")
MOUNT_OPTIONS = ["ro", "nosuid", "nodev", "rbind", "rprivate"]
CONTROL_NODES = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia-modeset")
PROGRAM = "/usr/bin/nvidia-smi"
LINKS = {"libcuda.so": "libcuda.so.1", "libnvidia-opticalflow.so": "libnvidia-opticalflow.so.1",
         "libGLX_indirect.so.0": f"libGLX_nvidia.so.{make_driver.VERSION}"}


class Toolkit(typing.NamedTuple):
    """How a version of NVIDIA's toolkit names its hooks."""
    called: tuple
    has_environment: bool
    names: tuple


TOOLKITS = {
    "1.14": Toolkit(("nvidia-ctk", "hook"), False, ("create-symlinks", "update-ldcache", "chmod")),
    "1.16": Toolkit(("nvidia-cdi-hook",), False, ("create-symlinks", "update-ldcache", "chmod")),
    "1.17": Toolkit(("nvidia-cdi-hook",), True,
                    ("create-symlinks", "enable-cuda-compat", "update-ldcache", "chmod")),
    "1.18": Toolkit(("nvidia-cdi-hook",), True,
                    ("create-symlinks", "enable-cuda-compat", "update-ldcache",
                     "disable-device-node-modification")),
    "1.20": Toolkit(("nvidia-cdi-hook",), True,
                    ("create-symlinks", "enable-cuda-compat", "update-ldcache",
                     "disable-device-node-modification", "update-application-profile")),
}


EARLIER_TOOLKITS = [version for version in TOOLKITS if version != "1.20"]


def libraries():
    return sorted(HOST_LIBRARIES.glob(f"lib*.so.{make_driver.VERSION}"))


def listing():
    """As ldconfig and the links of the file leave the directory of the libraries."""
    sonames = {f"{name}.so.{suffix}" for name, suffix in make_driver.LIBRARIES.items() if suffix}
    return {path.name for path in libraries()} | sonames | set(LINKS)


def all_hooks(program, folder, toolkit="1.20", called=None):
    """`called`: other first words of the hooks' arguments."""
    form = TOOLKITS[toolkit]
    arguments = {
        "create-symlinks": [word for link, target in LINKS.items()
                            for word in ("--link", f"{target}::{folder}/{link}")],
        "enable-cuda-compat": [f"--host-driver-version={make_driver.VERSION}",
                               *(["--cuda-compat-container-root=/usr/local/cuda/compat"]
                                 if toolkit == "1.20" else [])],
        "update-ldcache": ["--folder", str(folder)],
        "chmod": ["--mode", "755", "--path", "/dev/dri"]}
    environment = {"env": ["NVIDIA_CTK_DEBUG=false"]} if form.has_environment else {}
    return [{"hookName": "createContainer", "path": str(program),
             "args": [*(called or form.called), name, *arguments.get(name, [])], **environment}
            for name in form.names]


def spec(program, folder=HOST_LIBRARIES, gpus=2, **how):
    """`program` is nvidia-cdi-hook; the libraries are mounted in `folder` of the container."""
    mounts = [{"hostPath": str(path), "containerPath": f"{folder}/{path.name}",
               "options": MOUNT_OPTIONS} for path in libraries()]
    mounts.append({"hostPath": "/opt/nvidia/bin/nvidia-smi", "containerPath": PROGRAM,
                   "options": MOUNT_OPTIONS})
    nodes = {str(index): [f"/dev/nvidia{make_driver.minor(index, gpus)}"] for index in range(gpus)}
    nodes["all"] = sorted(path for paths in nodes.values() for path in paths)
    return {
        "cdiVersion": "0.5.0", "kind": "nvidia.com/gpu",
        "devices": [{"name": name, "containerEdits": {"deviceNodes": [{"path": path} for path in paths]}}
                    for name, paths in nodes.items()],
        "containerEdits": {
            "env": ["NVIDIA_VISIBLE_DEVICES=void", f"NVIDIA_CTK_LIBCUDA_DIR={folder}"],
            "deviceNodes": [{"path": path} for path in CONTROL_NODES if os.path.exists(path)],
            "hooks": all_hooks(program, folder, **how), "mounts": mounts}}


def toolkit_file(toolkit, directory):
    """As that version writes it, of a kind of its own; `directory` has the programs of its hooks."""
    made = spec(directory / TOOLKITS[toolkit].called[0], toolkit=toolkit)
    return {**made, "kind": f"toolkit-{toolkit.replace('.', '-')}.nvidia.com/gpu"}


def apply_to(config, made, device):
    """Edits a config.json as an engine does that resolved the device."""
    chosen = next(one for one in made["devices"] if one["name"] == device)
    for edits in (made["containerEdits"], chosen["containerEdits"]):
        config["process"]["env"] += edits.get("env", [])
        for node in edits.get("deviceNodes", []):
            number = os.stat(node["path"]).st_rdev
            device_number = {"major": os.major(number), "minor": os.minor(number)}
            config["linux"].setdefault("devices", []).append(
                {"path": node["path"], "type": "c", "fileMode": stat.S_IMODE(0o666), "uid": 0,
                 "gid": 0, **device_number})
            config["linux"]["resources"]["devices"].append(
                {"allow": True, "type": "c", "access": "rwm", **device_number})
        config["mounts"] += [{"destination": mount["containerPath"], "source": mount["hostPath"],
                              "type": "bind", "options": mount["options"]}
                             for mount in edits.get("mounts", [])]
        for entry in edits.get("hooks", []):
            config["hooks"].setdefault(entry["hookName"], []).append(
                {key: value for key, value in entry.items() if key != "hookName"})
