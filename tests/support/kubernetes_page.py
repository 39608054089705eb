# SPDX-License-Identifier: Apache-2.0
"""What doc/kubernetes.md shows: its configuration files, named in their first line, and the
manifests beside it."""

import pathlib
import re
import tomllib

import yaml

PAGE = pathlib.Path(__file__).parents[2] / "doc" / "kubernetes.md"
MANIFESTS = PAGE.with_suffix("")
CONTAINERD_1 = "/etc/containerd/config.toml, containerd 1.6 and 1.7"
CONTAINERD_2 = "/etc/containerd/config.toml, containerd 2"
CRIO = "/etc/crio/crio.conf.d/99-grapnel.toml"
ONLY_THE_PLUGIN = "/etc/grapnel/config.toml, GPUs by the device plugin alone"
DRIVER_CONTAINER = "/etc/grapnel/config.toml, a driver container"


def text():
    return PAGE.read_text()


def blocks(language="toml"):
    """{first line, without its #: the block}"""
    found = re.findall(rf"^```{language}\n# ([^\n]*)\n(.*?)^```$", text(), re.M | re.DOTALL)
    assert len(found) == text().count(f"```{language}\n"), "a block without the name of its file"
    return {name: f"# {name}\n{content}" for name, content in found}


def containerd_runtimes(name):
    table = tomllib.loads(blocks()[name])
    plugin = {2: "io.containerd.grpc.v1.cri", 3: "io.containerd.cri.v1.runtime"}[table["version"]]
    return table["plugins"][plugin]["containerd"]["runtimes"]


def runtimes(name):
    """{handler: program} of a documented configuration."""
    if name == CRIO:
        table = tomllib.loads(blocks()[name])["crio"]["runtime"]["runtimes"]
        return {handler: runtime["runtime_path"] for handler, runtime in table.items()}
    return {handler: runtime["options"].get("BinaryName", "runc")
            for handler, runtime in containerd_runtimes(name).items()}


def runtimes_of(program, systemd=False):
    """containerd 1's as the page says it, for a program in a place of its own and a machine with or
    without systemd."""
    found = blocks()[CONTAINERD_1]
    path = runtimes(CONTAINERD_1)["nvidia"]
    assert path in found and "SystemdCgroup = true" in found
    return found.replace(path, str(program)).replace("SystemdCgroup = true", f"SystemdCgroup = {str(systemd).lower()}")


def manifest(name):
    return yaml.safe_load((MANIFESTS / name).read_text())


def pod_of(document):
    """The pod that a manifest makes, or None."""
    if document["kind"] == "Pod":
        return document["spec"]
    return document["spec"]["template"]["spec"] if document["kind"] == "DaemonSet" else None
