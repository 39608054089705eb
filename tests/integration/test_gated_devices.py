# SPDX-License-Identifier: Apache-2.0
"""NVIDIA_GDS, NVIDIA_MOFED, NVIDIA_GDRCOPY and NVIDIA_NVSWITCH."""

import container

ALL = [f"NVIDIA_{name}=enabled" for name in ("GDS", "MOFED", "GDRCOPY", "NVSWITCH")]
# a copy of the host's /etc with a cufile.json, and devices that udev knows
# and would be told by the socket
WITH_FILES = ('mkdir -p /run/udev/data && echo S:disk >/run/udev/data/b8:0 && '
              'touch /run/udev/control && '
              'cp -a /etc /run/etc && echo "{}" >/run/etc/cufile.json && mount --bind /run/etc /etc')


def test_all_of_them_and_the_gpu(engine, special_bundle):
    special_bundle.env("NVIDIA_VISIBLE_DEVICES=0", *ALL)
    nodes = ("nvidia-fs0", "infiniband/uverbs0", "gdrdrv", "nvidia-nvswitchctl",
             "nvidia-nvswitch0", "nvidia1")
    result = engine(special_bundle, *(f"open:/dev/{node}" for node in nodes),
                    "stat:/dev/nvidia-fs1", "make:c:234:1", "make:c:8:1")
    assert result.code == 0, result.err
    for node in nodes:
        assert result[f"open:/dev/{node}"] == "ENXIO", node
    # nvidia-fs1 has the number of another driver
    assert result["stat:/dev/nvidia-fs1"] == "ENOENT"
    assert result["make:c:234:1"] == result["make:c:8:1"] == "EPERM"


def test_each_brings_its_own_alone(engine, special_bundle):
    special_bundle.env("NVIDIA_VISIBLE_DEVICES=0", "NVIDIA_GDRCOPY=enabled", "NVIDIA_GDS=1")
    result = engine(special_bundle, "open:/dev/gdrdrv", "stat:/dev/nvidia-fs0", "make:c:234:0",
                    "stat:/dev/infiniband", "stat:/dev/nvidia-nvswitchctl", "make:c:239:0")
    assert result.code == 0, result.err
    assert result["open:/dev/gdrdrv"] == "ENXIO"
    for path in ("nvidia-fs0", "infiniband", "nvidia-nvswitchctl"):
        assert result[f"stat:/dev/{path}"] == "ENOENT"
    assert result["make:c:234:0"] == result["make:c:239:0"] == "EPERM"
    assert "NVIDIA_GDS='1' is passed over" in special_bundle.logged()


def test_gds_shows_udevs_facts_read_only(engine, special_bundle):
    special_bundle.env("NVIDIA_VISIBLE_DEVICES=0", "NVIDIA_GDS=enabled")
    before = container.listing(special_bundle.root)
    result = engine(special_bundle, "text:/run/udev/data/b8:0", "write:/run/udev/data/b8:0",
                    "text:/etc/cufile.json", "write:/etc/cufile.json", "list:/run/udev",
                    setup=WITH_FILES)
    assert result.code == 0, result.err
    assert result["text:/run/udev/data/b8:0"] == "S:disk\n"
    assert result["list:/run/udev"] == "data"
    assert result["text:/etc/cufile.json"] == "{}\n"
    for path in ("/run/udev/data/b8:0", "/etc/cufile.json"):
        assert result[f"write:{path}"] == "EROFS"
    assert container.listing(special_bundle.root) == before


def test_nothing_there_is_a_remark(engine, bundle):
    bundle.env("NVIDIA_VISIBLE_DEVICES=0", *ALL)
    result = engine(bundle, "list:/dev", "open:/dev/nvidia1", "stat:/run/udev")
    assert result.code == 0, result.err
    assert result["open:/dev/nvidia1"] == "ENXIO"
    assert result["stat:/run/udev"] == "ENOENT"
    for name in ("GDS", "MOFED", "GDRCOPY", "NVSWITCH"):
        assert f"{name} is asked for, and this host has no such device" in bundle.logged()
