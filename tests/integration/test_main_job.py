# SPDX-License-Identifier: Apache-2.0
"""A container gets the host's driver: what a program inside it sees."""

LIBRARIES = "/usr/lib/x86_64-linux-gnu"
VERSION = "580.159.04"


def test_chosen_gpu_can_be_opened_and_nothing_else(engine, bundle):
    bundle.env("NVIDIA_VISIBLE_DEVICES=0")
    result = engine(bundle, "open:/dev/nvidiactl", "open:/dev/nvidia1", "open:/dev/nvidia-uvm",
                    "open:/dev/nvidia-uvm-tools", "stat:/dev/nvidia0", "make:c:195:1",
                    "make:c:195:0", "make:c:195:254", "make:c:241:1", "make:c:10:229")
    assert result.code == 0, result.err
    # GPU 0 has minor 1. ENXIO: the cgroup lets it through, and no driver is behind it
    for node in ("nvidiactl", "nvidia1", "nvidia-uvm", "nvidia-uvm-tools"):
        assert result[f"open:/dev/{node}"] == "ENXIO", node
    assert result["stat:/dev/nvidia0"] == "ENOENT"
    assert result["make:c:195:1"] == "ENXIO"
    for other in ("195:0", "195:254", "241:1", "10:229"):
        assert result[f"make:c:{other}"] == "EPERM", other


def test_without_the_hook_the_same_container_is_denied(engine, bundle):
    bundle.env("NVIDIA_VISIBLE_DEVICES=0").config.pop("hooks")
    result = engine(bundle, "stat:/dev/nvidiactl", "make:c:195:255", "load:libcuda.so.1")
    assert result["stat:/dev/nvidiactl"] == "ENOENT"
    assert result["make:c:195:255"] == "EPERM"
    assert "cannot open shared object" in result["load:libcuda.so.1"]


def test_libraries_load_by_soname(engine, bundle):
    bundle.env("NVIDIA_VISIBLE_DEVICES=all")
    result = engine(bundle, "load:libcuda.so.1", "load:libcuda.so", "load:libnvidia-ml.so.1",
                    "load:libnvidia-newthing.so.1", "load:libnvidia-encode.so.1")
    assert result.code == 0, result.err
    for query, name in (("libcuda.so.1", "libcuda"), ("libcuda.so", "libcuda"),
                        ("libnvidia-ml.so.1", "libnvidia-ml"),
                        ("libnvidia-newthing.so.1", "libnvidia-newthing")):
        assert result[f"load:{query}"] == f"{LIBRARIES}/{name}.so.{VERSION} {name}"
    # video was not asked for
    assert "cannot open shared object" in result["load:libnvidia-encode.so.1"]
