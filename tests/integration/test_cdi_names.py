# SPDX-License-Identifier: Apache-2.0
"""Devices of NVIDIA's by their CDI names: in the environment, as volume mounts, in annotations."""

import container
import make_driver
import pytest

CHANNELS = "/dev/nvidia-caps-imex-channels"
MANAGEMENT = "NVIDIA_VISIBLE_DEVICES=management.nvidia.com/gpu=all"


def privileged(bundle):
    for kind in bundle.config["process"]["capabilities"].values():
        kind.append("CAP_SYS_ADMIN")
    return bundle


def test_kinds_beside_a_gpu(engine, special_bundle):
    special_bundle.env("NVIDIA_VISIBLE_DEVICES=nvidia.com/gpu=0,nvidia.com/gds=all,"
                       "nvidia.com/imex-channel=3")
    result = engine(special_bundle, "open:/dev/nvidia1", "open:/dev/nvidia-fs0",
                    f"list:{CHANNELS}", f"open:{CHANNELS}/channel3", "load:libcuda.so.1",
                    "stat:/dev/gdrdrv", "make:c:236:0", "make:c:242:0")
    assert result.code == 0, result.err
    assert result["open:/dev/nvidia1"] == result["open:/dev/nvidia-fs0"] == "ENXIO"
    assert result[f"list:{CHANNELS}"] == "channel3"
    assert result[f"open:{CHANNELS}/channel3"] == "ENXIO"
    assert result["load:libcuda.so.1"].endswith(" libcuda")
    assert result["stat:/dev/gdrdrv"] == "ENOENT"
    assert result["make:c:236:0"] == result["make:c:242:0"] == "EPERM"


def test_a_device_group_alone_brings_no_driver(engine, special_bundle):
    before = container.listing(special_bundle.root)
    special_bundle.env("NVIDIA_VISIBLE_DEVICES=nvidia.com/mofed=all")
    result = engine(special_bundle, "open:/dev/infiniband/uverbs0", "stat:/dev/nvidiactl",
                    "stat:/dev/nvidia1", "make:c:195:255", "stat:/usr/bin/nvidia-smi",
                    "load:libcuda.so.1", setup="umount -l /proc/driver")
    assert result.code == 0, result.err
    assert result["open:/dev/infiniband/uverbs0"] == "ENXIO"
    assert result["make:c:195:255"] == "EPERM"
    for path in ("/dev/nvidiactl", "/dev/nvidia1", "/usr/bin/nvidia-smi"):
        assert result[f"stat:{path}"] == "ENOENT"
    assert "libcuda.so.1" in result["load:libcuda.so.1"] and "cannot" in result["load:libcuda.so.1"]
    assert container.listing(special_bundle.root) == before


def test_a_missing_device_group_is_a_warning(engine, bundle):
    bundle.env("NVIDIA_VISIBLE_DEVICES=nvidia.com/gds=all")
    result = engine(bundle, "stat:/dev/nvidiactl")
    assert result.code == 0, result.err
    assert result["stat:/dev/nvidiactl"] == "ENOENT"
    assert "GDS is asked for, and this host has no such device" in bundle.logged()


def test_another_makers_name_is_the_engines(engine, special_bundle):
    special_bundle.env("NVIDIA_VISIBLE_DEVICES=0,vendor.com/nic=eth0")
    assert engine(special_bundle, "list:/dev").code != 0
    assert ("unknown device 'vendor.com/nic=eth0': its kind is none of NVIDIA's devices: have the "
            "engine give it by a CDI file") in special_bundle.logged()


def test_volume_mounts_name_each_kind(engine, special_bundle):
    special_bundle.set_settings("accept-nvidia-visible-devices-as-volume-mounts = true\n")
    special_bundle.env("NVIDIA_VISIBLE_DEVICES=all")
    special_bundle.config["mounts"] += [
        {"destination": f"/var/run/nvidia-container-devices/cdi/{name}", "type": "bind",
         "source": "/dev/null", "options": ["bind"]}
        for name in ("nvidia.com/gpu/1", "nvidia.com/gdrcopy/all")]
    result = engine(special_bundle, "open:/dev/nvidia0", "open:/dev/gdrdrv", "stat:/dev/nvidia1")
    assert result.code == 0, result.err
    assert result["open:/dev/nvidia0"] == result["open:/dev/gdrdrv"] == "ENXIO"
    assert result["stat:/dev/nvidia1"] == "ENOENT"


def test_annotations_of_the_container_come_first(engine, special_bundle):
    special_bundle.env("NVIDIA_VISIBLE_DEVICES=void")
    special_bundle.config["annotations"] = {
        "cdi.k8s.io/plugin_gpu": "nvidia.com/gpu=1", "cdi.k8s.io/nic": "vendor.com/nic=eth0"}
    result = engine(special_bundle, "open:/dev/nvidia0", "stat:/dev/nvidia1", "make:c:195:1")
    assert result.code == 0, result.err
    assert result["open:/dev/nvidia0"] == "ENXIO"
    assert result["stat:/dev/nvidia1"] == "ENOENT"
    assert result["make:c:195:1"] == "EPERM"
    assert "'vendor.com/nic=eth0' is passed over" in special_bundle.logged()


@pytest.mark.parametrize("settings", [
    'nvidia-container-runtime.mode = "legacy"\n',
    "nvidia-container-runtime.modes.cdi.annotation-prefixes = []\n",
    "accept-nvidia-visible-devices-envvar-when-unprivileged = false\n",
], ids=["legacy", "no-prefix", "not-privileged"])
def test_annotations_count_only_where_the_settings_say_so(engine, special_bundle, settings):
    special_bundle.set_settings(settings)
    special_bundle.config["annotations"] = {"cdi.k8s.io/plugin_gpu": "nvidia.com/gpu=all"}
    result = engine(special_bundle, "stat:/dev/nvidiactl", "make:c:195:255")
    assert result.code == 0, result.err
    assert result["stat:/dev/nvidiactl"] == "ENOENT"
    assert result["make:c:195:255"] == "EPERM"


def test_management_is_all_nodes_and_proc_files(engine, special_bundle):
    privileged(special_bundle).show_proc_driver().env(MANAGEMENT)
    caps = [f"nvidia-cap{number}" for number in make_driver.mig_instances(1).values()]
    result = engine(special_bundle, "list:/dev/nvidia-caps", f"list:{CHANNELS}",
                    "open:/dev/nvidia0", "open:/dev/nvidia1", "open:/dev/nvidia-uvm-tools",
                    f"open:/dev/nvidia-caps/{caps[0]}", "open:/dev/nvidia-caps/nvidia-cap1",
                    f"open:{CHANNELS}/channel0", "stat:/dev/nvidia-fs0", "stat:/dev/gdrdrv",
                    "stat:/dev/nvidia-nvswitchctl", "make:c:239:255",
                    "text:/proc/driver/nvidia/params", "list:/proc/driver/nvidia/capabilities")
    assert result.code == 0, result.err
    assert set(result["list:/dev/nvidia-caps"].split()) == {"nvidia-cap1", "nvidia-cap2", *caps}
    assert result[f"list:{CHANNELS}"] == "channel0 channel3"
    for node in ("nvidia0", "nvidia1", "nvidia-uvm-tools", f"nvidia-caps/{caps[0]}",
                 "nvidia-caps/nvidia-cap1"):
        assert result[f"open:/dev/{node}"] == "ENXIO", node
    assert result[f"open:{CHANNELS}/channel0"] == "ENXIO"
    for node in ("nvidia-fs0", "gdrdrv", "nvidia-nvswitchctl"):
        assert result[f"stat:/dev/{node}"] == "ENOENT", node
    assert result["make:c:239:255"] == "EPERM"
    assert "ModifyDeviceFiles: 1" in result["text:/proc/driver/nvidia/params"]
    assert "mig" in result["list:/proc/driver/nvidia/capabilities"]


@pytest.mark.parametrize("how", ["environment", "annotation"])
def test_management_is_not_for_who_asks_alone(engine, special_bundle, how):
    if how == "environment":
        special_bundle.env(MANAGEMENT)
    else:
        special_bundle.set_settings('nvidia-container-runtime.mode = "cdi"\n')
        special_bundle.config["annotations"] = {
            "cdi.k8s.io/x": "management.nvidia.com/gpu=all"}
    assert engine(special_bundle, "list:/dev").code != 0
    assert "management.nvidia.com/gpu needs a privileged container" in special_bundle.logged()
