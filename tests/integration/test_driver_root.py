# SPDX-License-Identifier: Apache-2.0
"""A driver below a root of its own, as a driver container has it: its files come from there, with
links as if that root were /, and its nodes from there or from the host."""

import os
import pathlib
import shutil
import stat
import subprocess

import make_driver
import pytest

LIBRARIES = "/usr/lib/x86_64-linux-gnu"
VERSION = make_driver.VERSION
ROOT = "/run/nvidia/driver"
SETTINGS = f'[nvidia-container-cli]\nroot = "{ROOT}"\n'


def shell(script):
    return subprocess.run(["sh", "-ec", script], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def driver_root():
    """The driver moved to a root where one absolute link after the other leads to it, each of
    which would lead to nothing, or to something else, on the host."""
    shell(f"""
        mkdir -p {ROOT}/usr/lib {ROOT}/etc/alternatives {ROOT}/srv/store {ROOT}/lib
        cp -a /opt/nvidia/lib64 {ROOT}/srv/store/
        cp -a /opt/nvidia/bin {ROOT}/srv/
        cp -a /opt/nvidia/firmware {ROOT}/lib/
        mount -t tmpfs tmpfs /opt/nvidia
        ln -s /etc/alternatives/nvidia-libraries {ROOT}/usr/lib/x86_64-linux-gnu
        ln -s /srv/store/lib64 {ROOT}/etc/alternatives/nvidia-libraries
        mkdir -p {ROOT}/usr/bin
        ln -s /srv/bin/nvidia-smi {ROOT}/usr/bin/nvidia-smi
    """)
    yield
    shell("umount /opt/nvidia; rm -rf /run/nvidia")


def test_files_come_from_below_the_root(engine, bundle, driver_root):
    bundle.env("NVIDIA_VISIBLE_DEVICES=0")
    bundle.set_settings(SETTINGS)
    firmware = f"/lib/firmware/nvidia/{VERSION}"
    result = engine(bundle, "load:libcuda.so.1", "load:libnvidia-ml.so.1", "open:/dev/nvidia1",
                    "stat:/usr/bin/nvidia-smi", f"list:{firmware}", f"write:{LIBRARIES}/libcuda.so")
    assert result.code == 0, result.err
    assert result["load:libcuda.so.1"] == f"{LIBRARIES}/libcuda.so.{VERSION} libcuda"
    assert result["load:libnvidia-ml.so.1"] == f"{LIBRARIES}/libnvidia-ml.so.{VERSION} libnvidia-ml"
    assert result["open:/dev/nvidia1"] == "ENXIO"
    assert result["stat:/usr/bin/nvidia-smi"].startswith("file 755")
    assert "gsp_ga10x.bin" in result[f"list:{firmware}"]
    assert result[f"write:{LIBRARIES}/libcuda.so"] == "EROFS"


def test_without_the_setting_there_is_no_driver(bundle, driver_root, hand_made):
    done = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=0")).hook()
    assert done.returncode == 1
    assert f"driver {VERSION} is loaded but its libraries" in done.stderr


def mount_of(plan, inside):
    return next(mount["host"] for mount in plan["mounts"] if mount["inside"] == inside)


def test_sources_have_no_link_in_them(bundle, driver_root):
    bundle.env("NVIDIA_VISIBLE_DEVICES=0")
    bundle.set_settings(SETTINGS)
    plan = bundle.plan()
    assert (mount_of(plan, f"{LIBRARIES}/libcuda.so.{VERSION}")
            == f"{ROOT}/srv/store/lib64/libcuda.so.{VERSION}")
    assert mount_of(plan, "/usr/bin/nvidia-smi") == f"{ROOT}/srv/bin/nvidia-smi"
    assert mount_of(plan, "/dev/nvidiactl") == "/dev/nvidiactl"


@pytest.fixture
def nodes_of_its_own(driver_root):
    """In a dev of the driver root; the host's have other names."""
    shell(f"""
        mkdir {ROOT}/dev
        cp -a /dev/nvidia* {ROOT}/dev/
        mkdir /dev/away && mv /dev/nvidia* /dev/away/
    """)
    yield
    shell("mv /dev/away/* /dev/ && rmdir /dev/away")


def test_nodes_come_from_the_driver_root_first(engine, bundle, nodes_of_its_own):
    bundle.env("NVIDIA_VISIBLE_DEVICES=0")
    bundle.set_settings(SETTINGS)
    result = engine(bundle, "open:/dev/nvidiactl", "open:/dev/nvidia1", "open:/dev/nvidia-uvm",
                    "stat:/dev/nvidia0")
    assert result.code == 0, result.err
    for node in ("nvidiactl", "nvidia1", "nvidia-uvm"):
        assert result[f"open:/dev/{node}"] == "ENXIO", node
    assert result["stat:/dev/nvidia0"] == "ENOENT"


def test_missing_nodes_are_made_in_driver_roots_dev(bundle, nodes_of_its_own, hand_made):
    """A host that knows where the driver root is need not be told where its nodes are."""
    shell(f"rm {ROOT}/dev/nvidia1; rm -rf /dev/char")
    bundle.env("NVIDIA_VISIBLE_DEVICES=0")
    bundle.set_settings(SETTINGS)
    try:
        done = hand_made(bundle).hook()
        assert (done.returncode, done.stderr) == (0, "")
        made = os.stat(f"{ROOT}/dev/nvidia1")
        assert (stat.S_ISCHR(made.st_mode), made.st_rdev) == (True, os.makedev(195, 1))
        assert not os.path.exists("/dev/nvidia1")
        links = {link.name: os.readlink(link) for link in pathlib.Path("/dev/char").iterdir()}
        assert links == {"195:1": f"{ROOT}/dev/nvidia1", "195:255": f"{ROOT}/dev/nvidiactl",
                         "238:0": f"{ROOT}/dev/nvidia-uvm",
                         "238:1": f"{ROOT}/dev/nvidia-uvm-tools"}
    finally:
        shutil.rmtree("/dev/char", ignore_errors=True)


def test_nodes_come_from_the_settings_device_root(bundle, driver_root, hand_made):
    shell(f"mkdir -p /run/nodes/dev {ROOT}/dev && cp -a /dev/nvidia* /run/nodes/dev/ "
          f"&& cp -a /dev/nvidia* {ROOT}/dev/")
    try:
        bundle.env("NVIDIA_VISIBLE_DEVICES=0")
        bundle.set_settings(f'device-root = "/run/nodes"\n{SETTINGS}')
        made = hand_made(bundle)
        done = made.hook()
        assert (done.returncode, done.stderr) == (0, "")
        assert mount_of(bundle.plan(), "/dev/nvidia1") == "/run/nodes/dev/nvidia1"
        assert "/dev/nvidia1" in made.mounts()
    finally:
        shutil.rmtree("/run/nodes")


def test_a_root_that_is_not_there_is_named(bundle, hand_made):
    bundle.env("NVIDIA_VISIBLE_DEVICES=0")
    bundle.set_settings(SETTINGS)
    done = hand_made(bundle).hook()
    assert done.returncode == 1
    assert f"nvidia-container-cli.root = '{ROOT}' is not there" in done.stderr
