# SPDX-License-Identifier: Apache-2.0
"""What is mounted in a container, and how."""

import os
import pathlib
import re

import container
import make_driver
import pytest

LIBRARIES = "/usr/lib/x86_64-linux-gnu"
VERSION = make_driver.VERSION
FIRMWARE = f"/lib/firmware/nvidia/{VERSION}/gsp_ga10x.bin"
NODES = ["/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia0",
         "/dev/nvidia1"]


def driver_mounts(result):
    """The mounts of the driver: they name its files or lie where these do."""
    mounts = container.parse_mountinfo(result["mounts"])
    return {place: mount for place, mount in mounts.items()
            if "nvidia" in place or "libcuda" in place or "libnvcuvid" in place}


def test_files_are_read_only_nosuid_nodev_and_private(engine, bundle):
    bundle.env("NVIDIA_VISIBLE_DEVICES=all")
    mounts = driver_mounts(engine(bundle, "mounts"))
    files = {place: mount for place, mount in mounts.items() if place not in NODES}
    assert f"{LIBRARIES}/libcuda.so.{VERSION}" in files
    assert "/usr/bin/nvidia-smi" in files
    assert FIRMWARE.replace("/lib/", "/usr/lib/") in files  # /lib is a link in this image
    for place, (options, propagation, _) in files.items():
        assert {"ro", "nosuid", "nodev"} <= options, place
        assert propagation == [], place


def test_libraries_and_binaries_are_read_only_executables(engine, bundle):
    bundle.env("NVIDIA_VISIBLE_DEVICES=all")
    result = engine(bundle, "mounts", f"write:{LIBRARIES}/libcuda.so.1",
                    "write:/usr/bin/nvidia-smi", f"write:{FIRMWARE}")
    for place, (options, _, _) in driver_mounts(result).items():
        assert place in NODES or "noexec" not in options, place
    for place in (f"{LIBRARIES}/libcuda.so.1", "/usr/bin/nvidia-smi", FIRMWARE):
        assert result[f"write:{place}"] == "EROFS"


def test_nodes_are_writable_nosuid_noexec_and_private(engine, bundle):
    bundle.env("NVIDIA_VISIBLE_DEVICES=all")
    result = engine(bundle, "mounts", *(f"stat:{node}" for node in NODES))
    mounts = driver_mounts(result)
    for node in NODES:
        options, propagation, _ = mounts[node]
        assert {"ro", "nosuid", "noexec"} <= options and "nodev" not in options, node
        assert propagation == [], node
        assert result[f"stat:{node}"].startswith("character 666 "), node


def test_nvidia_smi_lists_the_chosen_gpu_only(engine, bundle):
    bundle.env("NVIDIA_VISIBLE_DEVICES=1")
    result = engine(bundle, args=["/usr/bin/nvidia-smi", "-L"])
    assert result.out == f"GPU 0: NVIDIA H200 (UUID: {make_driver.uuid(1)})\n", result.err


@pytest.mark.parametrize("name", [make_driver.uuid(1), make_driver.uuid(1).upper().replace(
    "GPU", "gpu"), "0000:01:06.0", "00000000:01:06.0", "1"])
def test_a_gpu_has_index_uuid_and_pci_address(make_bundle, engine, name):
    bundle = make_bundle().env(f"NVIDIA_VISIBLE_DEVICES={name}")
    result = engine(bundle, "open:/dev/nvidia0", "stat:/dev/nvidia1")
    assert result["open:/dev/nvidia0"] == "ENXIO"  # GPU 1 has minor 0
    assert result["stat:/dev/nvidia1"] == "ENOENT"


def test_proc_driver_nvidia_shows_the_chosen_gpu_only(engine, bundle):
    bundle.env("NVIDIA_VISIBLE_DEVICES=0").show_proc_driver()
    proc = "/proc/driver/nvidia"
    chosen = make_driver.pci(0)
    result = engine(bundle, f"list:{proc}/gpus", f"list:{proc}", f"text:{proc}/params",
                    f"text:{proc}/version", f"text:{proc}/gpus/{chosen}/information", "mounts",
                    f"write:{proc}/params", f"write:{proc}/gpus/{chosen}/registry")
    assert result[f"list:{proc}/gpus"] == chosen
    assert result[f"list:{proc}"] == "gpus params registry version"
    assert "ModifyDeviceFiles: 0\n" in result[f"text:{proc}/params"]
    assert "ModifyDeviceFiles: 1" not in result[f"text:{proc}/params"]
    assert VERSION in result[f"text:{proc}/version"]
    assert make_driver.uuid(0) in result[f"text:{proc}/gpus/{chosen}/information"]
    assert result[f"write:{proc}/params"] == "EROFS"
    assert result[f"write:{proc}/gpus/{chosen}/registry"] == "EROFS"
    mounts = container.parse_mountinfo(result["mounts"])
    for place in (proc, f"{proc}/gpus/{chosen}"):
        options, propagation, _ = mounts[place]
        assert {"ro", "nosuid", "nodev", "noexec"} <= options and propagation == [], place


def test_utility_alone_gives_no_cuda(engine, bundle):
    bundle.env("NVIDIA_VISIBLE_DEVICES=0", "NVIDIA_DRIVER_CAPABILITIES=utility")
    result = engine(bundle, "load:libnvidia-ml.so.1", "load:libcuda.so.1", "stat:/dev/nvidia-uvm",
                    "stat:/usr/bin/nvidia-smi", "stat:/usr/bin/nvidia-cuda-mps-control")
    assert "libnvidia-ml" in result["load:libnvidia-ml.so.1"].split(" ")
    assert "cannot open shared object" in result["load:libcuda.so.1"]
    assert result["stat:/dev/nvidia-uvm"] == "ENOENT"
    assert result["stat:/usr/bin/nvidia-smi"].startswith("file 755")
    assert result["stat:/usr/bin/nvidia-cuda-mps-control"] == "ENOENT"


def test_the_persistence_daemons_socket_can_be_connected_to(engine, bundle, listening_socket):
    listening_socket("/run/nvidia-persistenced/socket")
    bundle.env("NVIDIA_VISIBLE_DEVICES=0")
    result = engine(bundle, "mounts", "stat:/run/nvidia-persistenced/socket")
    assert result["stat:/run/nvidia-persistenced/socket"].startswith("other ")
    options, propagation, _ = container.parse_mountinfo(
        result["mounts"])["/run/nvidia-persistenced/socket"]
    assert {"nosuid", "nodev", "noexec"} <= options and propagation == []


def test_a_clean_start_logs_nothing(engine, bundle):
    bundle.env("NVIDIA_VISIBLE_DEVICES=all")
    assert engine(bundle).code == 0
    assert bundle.logged() == ""


def test_a_nodes_mode_and_owner_stay_the_hosts(engine, bundle):
    nodes = [pathlib.Path("/dev") / name for name in ("nvidiactl", "nvidia1")]
    before = [(node.stat().st_mode, node.stat().st_uid) for node in nodes]
    bundle.env("NVIDIA_VISIBLE_DEVICES=0")
    script = " ".join(f"chmod 600 {node}; chown 1 {node}; /bin/look open:{node};" for node in nodes)
    result = engine(bundle, args=["/bin/busybox", "sh", "-c", script])
    after = [(node.stat().st_mode, node.stat().st_uid) for node in nodes]
    for node, (mode, owner) in zip(nodes, before):
        node.chmod(mode & 0o7777)
        os.chown(node, owner, 0)
    assert after == before
    for node in nodes:
        assert result[f"open:{node}"] == "ENXIO"


PROFILES = "/etc/nvidia/nvidia-application-profiles-rc.d"
LABEL = "system_u:object_r:container_file_t:s0:c1,c2"


def contexts_of(made, record):
    """The SELinux labels that the hook asks the kernel for, one for each file system of its own."""
    done = made.hook(prefix=["strace", "-f", "-qq", "-s", "200", "-o", record, "-e", "trace=fsconfig"])
    assert (done.returncode, done.stderr) == (0, "")
    return re.findall(r'FSCONFIG_SET_STRING, "context", "([^"]+)"', record.read_text())


def test_mount_label_is_the_context_of_synthetic_directories(hand_made, bundle, tmp_path):
    bundle.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=all")
    bundle.config["linux"]["mountLabel"] = LABEL
    made = hand_made(bundle)
    assert set(contexts_of(made, tmp_path / "calls")) == {LABEL}
    assert PROFILES in made.mounts()


def test_without_mount_label_no_context_is_asked_for(hand_made, bundle, tmp_path):
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=all"))
    assert contexts_of(made, tmp_path / "calls") == []
    assert PROFILES in made.mounts()
