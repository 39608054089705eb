# SPDX-License-Identifier: Apache-2.0
"""A containerd of our own with its CRI plugin, and images for it."""

import contextlib
import functools
import hashlib
import io
import json
import tarfile

import container
import cri
from engines import containerd

IMAGE = "localhost/grapnel-test:1"
IMAGE_OF_ALL = "localhost/grapnel-test:all"  # it asks for every GPU
# Ends at SIGTERM, which a first process without a handler ignores: CRI-O waits for the pause program.
STAY = ["/bin/busybox", "sh", "-c", "trap exit TERM; sleep infinity & wait"]
# This machine may lack what a node has: controllers of cgroup v2, the right to lower a score.
SETTINGS = """
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{image}"
restrict_oom_score_adj = true
disable_cgroup = {disable_cgroup}
enable_cdi = {cdi}
"""


def limits_resources(cgroup):
    """Whether that cgroup version has the controllers of a container's resources here."""
    return cgroup == "v1" or {"cpu", "cpuset", "memory", "pids"} <= set(container.controllers_of_version_2())


def lacks(cgroup):
    """What this machine does not have for pods on that cgroup version, or nothing."""
    if (cgroup == "v2" and containerd.major_version() >= 2
            and "cpu" not in container.controllers_of_version_2()):
        return "containerd 2 needs the controller cpu, which this machine has in version 1"
    return None


def add(archive, name, content):
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def image_archive(root, target, name, env=()):
    """An OCI image of one layer whose containers stay until they are ended."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        archive.add(root, arcname=".")
    blobs = {}

    def blob(kind, content):
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        digest = hashlib.sha256(content).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = content
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}",
                "size": len(content)}
    packed = blob("layer.v1.tar", layer.getvalue())
    config = blob("config.v1+json", {
        "architecture": "amd64", "os": "linux", "config": {"Cmd": STAY, "Env": ["PATH=/bin", *env]},
        "rootfs": {"type": "layers", "diff_ids": [packed["digest"]]}})
    manifest = blob("manifest.v1+json", {"schemaVersion": 2, "config": config, "layers": [packed]})
    manifest["annotations"] = {"io.containerd.image.name": name}
    with tarfile.open(target, "w") as archive:
        add(archive, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        add(archive, "index.json", json.dumps({"schemaVersion": 2, "manifests": [manifest]}).encode())
        for name, content in blobs.items():
            add(archive, name, content)
    return target


def settings(cgroup, runtimes, cdi):
    """`runtimes` is the configuration of its runtimes, in TOML. `cdi`: CDI files are read."""
    more = SETTINGS.format(image=IMAGE, disable_cgroup=json.dumps(not limits_resources(cgroup)),
                           cdi=json.dumps(cdi or containerd.major_version() >= 2))
    return f"{runtimes}\n{more}"


class Containerd(containerd.Containerd):
    """`runtimes` and `cdi` as in settings()."""

    def __init__(self, directory, cgroup, runtimes, tools, env, cdi=False):
        super().__init__(directory, cgroup, settings(cgroup, runtimes, cdi), env)
        try:
            root = container.make_rootfs(directory / "image", tools)
            self.import_image(image_archive(root, directory / "image.tar", IMAGE))
            self.import_image(image_archive(root, directory / "all.tar", IMAGE_OF_ALL,
                                            ["NVIDIA_VISIBLE_DEVICES=all"]))
        except BaseException:
            self.end()
            raise

    @functools.cached_property
    def client(self):
        return cri.Client(self.socket)

    def is_ready(self):
        if not super().is_ready():
            return False
        with contextlib.suppress(cri.Refused):
            return bool(self.client("Version", timeout=5))
        return False

    def import_image(self, archive):
        done = self("--namespace", "k8s.io", "images", "import", archive)
        assert done.code == 0, done.err

    def end(self):
        self.client.end()
        return super().end()
