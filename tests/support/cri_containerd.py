# SPDX-License-Identifier: Apache-2.0
"""A containerd of our own with its CRI plugin, and images for it."""

import contextlib
import hashlib
import io
import json
import os
import pathlib
import signal
import subprocess
import tarfile
import time

import container
import cri

IMAGE = "localhost/grapnel-test:1"
IMAGE_OF_ALL = "localhost/grapnel-test:all"  # it asks for every GPU
STAY = ["/bin/busybox", "sleep", "infinity"]
# This machine may lack what a node has: controllers of cgroup v2, the right to lower a score.
SETTINGS = """
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{image}"
restrict_oom_score_adj = true
disable_cgroup = {disable_cgroup}
"""


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


class Containerd:
    """`runtimes` is the configuration of its runtimes, in TOML. Its directories lie on a tmpfs of
    its mount namespace, and are gone with it."""

    def __init__(self, directory, cgroup, runtimes, tools, env):
        directory.mkdir(parents=True)
        for name in ("root", "state"):
            (directory / name).mkdir()
        self.cgroup = cgroup
        self.log = directory / "containerd.log"
        self.socket = pathlib.Path(f"/run/grapnel-test-{os.getpid()}-{cgroup}.sock")  # a short path
        settings = directory / "containerd.toml"
        more = SETTINGS.format(image=IMAGE, disable_cgroup=json.dumps(cgroup == "v2"))
        settings.write_text(
            f'{runtimes}\n{more}\n[grpc]\naddress = "{self.socket}"\n'
            f'[ttrpc]\naddress = "{self.socket}.ttrpc"\n')
        setup = " && ".join(f"mount -t tmpfs tmpfs {directory}/{name}" for name in ("root", "state"))
        command = container.in_cgroup_view(cgroup, [
            "containerd", "--config", settings, "--root", directory / "root",
            "--state", directory / "state"], setup)
        with open(self.log, "w") as out:
            # every step up to the program is an exec: its PID is the program's
            self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=out, env={**os.environ, **env})
        self.client = cri.Client(self.socket)
        try:
            self.wait_until_ready()
            root = container.make_rootfs(directory / "image", tools)
            self.import_image(image_archive(root, directory / "image.tar", IMAGE))
            self.import_image(image_archive(root, directory / "all.tar", IMAGE_OF_ALL,
                                            ["NVIDIA_VISIBLE_DEVICES=all"]))
        except BaseException:
            self.end()
            raise

    def wait_until_ready(self):
        deadline = time.monotonic() + 60
        while True:
            try:
                return self.client("Version", timeout=5)
            except cri.Refused as refused:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"containerd: {refused}\n{self.log.read_text()[-3000:]}") from None
            time.sleep(0.1)

    def import_image(self, archive):
        subprocess.run(["nsenter", f"--mount=/proc/{self.process.pid}/ns/mnt", "ctr", "--address",
                        self.socket, "--namespace", "k8s.io", "images", "import", archive],
                       check=True, capture_output=True)

    def shims(self):
        """The processes that keep our containers: they name our socket and outlive containerd."""
        for directory in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (directory / "cmdline").read_bytes().split(b"\0")
                if str(self.socket).encode() in words and b"shim" in words[0]:
                    yield int(directory.name)

    def end(self):
        """Returns the shims that had to be killed."""
        self.client.end()
        deadline = time.monotonic() + 10  # those of pods that were removed end by themselves
        while list(self.shims()) and time.monotonic() < deadline:
            time.sleep(0.05)
        left = list(self.shims())
        for shim in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(shim, signal.SIGKILL)
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        return left
