# SPDX-License-Identifier: Apache-2.0
"""The tarball, built from the programs of the packages, and used on hosts of several layouts."""

import json
import shutil

import container

LAYOUTS = ("usual", "flatcar", "ostree", "bottlerocket", "talos", "var", "nixos")


def build(system):
    """Of the build directory that the packages leave."""
    system.run("packaging/tarball /root obj-*")
    made = next((system.root / "root").glob("grapnel-*-linux-*.tar.xz"))
    system.run("cd /root && sha256sum -c *.tar.xz.sha256")
    return made


def make_bundle(directory, tools):
    container.make_rootfs(directory / "rootfs", tools)
    config = container.config_json(["nvidia-smi", "-L"], ["NVIDIA_VISIBLE_DEVICES=all"])
    config["linux"]["cgroupsPath"] = "/grapnel-package/in-layout"
    (directory / "config.json").write_text(json.dumps(config))


def copy_to(system, tarball, work):
    shutil.copy(tarball, system.root / "root")
    bundle = system.root / "root/bundle"
    bundle.mkdir()
    make_bundle(bundle, container.Tools(work / "tools"))


def use(machine, layout):
    name = next((machine.root / "root").glob("grapnel-*-linux-*.tar.xz")).name
    machine.run("apt-get install xz-utils")
    machine.run(f"tests/package/in_layout {layout} /root/{name} /root/bundle")
