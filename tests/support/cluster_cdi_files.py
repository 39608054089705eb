# SPDX-License-Identifier: Apache-2.0
"""CDI files as the programs of a cluster write them, in NVIDIA's form."""

import contextlib
import json
import os

import make_driver
import nvidia_cdi
import yaml
from cdi_files import DIRECTORY

CLAIM = "3ffbc2f1-3a3b-4d5b-8a4c-6e5a9d0c7b11"


def of_device_plugin(hook):
    """Of the strategies cdi-annotations and cdi-cri: the plugin's kind, GPUs by UUID."""
    made = nvidia_cdi.spec(hook)
    made["kind"] = "k8s.device-plugin.nvidia.com/gpu"
    for one in made["devices"]:
        one["name"] = {"0": make_driver.uuid(0), "1": make_driver.uuid(1)}.get(one["name"], "all")
    return {"k8s.device-plugin.nvidia.com-gpu.json": made}


def of_claim(hook):
    """Of a DRA driver: the node's devices, and one file a claim with the devices of it."""
    base = nvidia_cdi.spec(hook)
    base["kind"] = "k8s.gpu.nvidia.com/device"
    for one in base["devices"]:
        one["name"] = f"gpu-{one['name']}"
    claim = {"cdiVersion": "0.5.0", "kind": "k8s.gpu.nvidia.com/claim",
             "devices": [{"name": CLAIM, "containerEdits": {"env": [f"CLAIM={CLAIM}"]}}]}
    return {"k8s.gpu.nvidia.com-device_base.json": base,
            f"k8s.gpu.nvidia.com-claim_{CLAIM}.json": claim}


def of_whole_claim(hook):
    """Of a later DRA driver: all in one file a claim. It knows the numbers of nodes that it names."""
    made = nvidia_cdi.spec(hook)
    made["kind"] = "k8s.gpu.nvidia.com/claim"
    made["devices"] = [one for one in made["devices"] if one["name"] == "0"]
    for one in made["devices"]:
        one["name"] = f"{CLAIM}-gpu-0"
        for node in one["containerEdits"]["deviceNodes"]:
            number = os.stat(node["path"]).st_rdev
            node.update(type="c", major=os.major(number), minor=os.minor(number), fileMode=0o666,
                        permissions="rw")
    return {f"k8s.gpu.nvidia.com-claim_{CLAIM}.yaml": made}


# the names by which a container gets GPU 0
FORMS = {
    of_device_plugin: [f"k8s.device-plugin.nvidia.com/gpu={make_driver.uuid(0)}"],
    of_claim: [f"k8s.gpu.nvidia.com/claim={CLAIM}", "k8s.gpu.nvidia.com/device=gpu-0"],
    of_whole_claim: [f"k8s.gpu.nvidia.com/claim={CLAIM}-gpu-0"],
}


@contextlib.contextmanager
def written(files_of, hook):
    """The files where engines look for them; the names of GPU 0. `hook` is nvidia-cdi-hook."""
    files = files_of(hook)
    for name, made in files.items():
        as_text = yaml.safe_dump if name.endswith(".yaml") else json.dumps
        (DIRECTORY / name).write_text(as_text(json.loads(json.dumps(made))))
    try:
        yield FORMS[files_of]
    finally:
        for name in files:
            (DIRECTORY / name).unlink()
