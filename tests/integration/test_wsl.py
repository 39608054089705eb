# SPDX-License-Identifier: Apache-2.0
"""A virtual machine of Windows: the driver store and /dev/dxg, at their own places."""

import os
import pathlib
import shutil
import stat
import subprocess

import compat_library
import make_driver
import pytest

STORE = "/usr/lib/wsl/drivers/nv_dispi.inf_amd64_0123456789abcdef"
OWN = "/usr/lib/wsl/lib"
NUMBER = (10, 125)


@pytest.fixture
def wsl(tmp_path):
    """Instead of the simulated host's driver; /usr/lib gets an empty directory for a mount."""
    made = not os.path.exists("/usr/lib/wsl")
    os.makedirs("/usr/lib/wsl", exist_ok=True)
    misc = tmp_path / "misc"
    misc.write_text(f"{NUMBER[1]} dxg\n")
    devices = tmp_path / "devices"
    devices.write_text(make_driver.DEVICES.replace("238 nvidia-uvm\n", ""))
    script = f"""
        mount -t tmpfs tmpfs /usr/lib/wsl
        mkdir -p {STORE} {OWN}
        cp /opt/nvidia/lib64/libnvidia-ml.so.{make_driver.VERSION} {STORE}/libnvidia-ml.so.1
        cp /opt/nvidia/lib64/libcuda.so.{make_driver.VERSION} {STORE}/libcuda.so.1.1
        cp /opt/nvidia/lib64/libnvidia-cfg.so.{make_driver.VERSION} {OWN}/libdxcore.so
        cp /opt/nvidia/bin/nvidia-smi {STORE}/
        echo cubins >{STORE}/nvcubins.bin
        echo setup >{STORE}/nv_dispi.inf
        mount --bind {misc} /proc/misc
        mount --bind {devices} /proc/devices
        mount -t tmpfs tmpfs /proc/driver
    """
    subprocess.run(["sh", "-ec", script], check=True)
    os.mknod("/dev/dxg", stat.S_IFCHR | 0o666, os.makedev(*NUMBER))
    yield
    os.unlink("/dev/dxg")
    subprocess.run(["umount", "/usr/lib/wsl", "/proc/misc", "/proc/devices", "/proc/driver"],
                   check=True)
    if made:
        os.rmdir("/usr/lib/wsl")


def test_the_driver_store_is_at_its_own_place(engine, bundle, wsl):
    result = engine(bundle.env("NVIDIA_VISIBLE_DEVICES=all"), "load:libcuda.so.1",
                    "load:libnvidia-ml.so.1", "load:libdxcore.so", f"text:{STORE}/nvcubins.bin",
                    f"list:{STORE}", "stat:/dev/dxg", "stat:/dev/nvidiactl",
                    f"write:{STORE}/nvcubins.bin", "make:c:10:125", "make:c:10:126")
    assert result.code == 0, result.err
    assert result["load:libcuda.so.1"] == f"{STORE}/libcuda.so.1.1 libcuda"
    assert result["load:libnvidia-ml.so.1"] == f"{STORE}/libnvidia-ml.so.1 libnvidia-ml"
    assert result[f"text:{STORE}/nvcubins.bin"] == "cubins\n"
    assert "nv_dispi.inf" not in result[f"list:{STORE}"].split()
    assert result["stat:/dev/nvidiactl"] == "ENOENT"
    assert result[f"write:{STORE}/nvcubins.bin"] == "EROFS"
    # what is behind 10:125 here, if anything, is no matter: the cgroup lets it through
    assert result["make:c:10:125"] != "EPERM"
    assert result["make:c:10:126"] == "EPERM"


def test_nvidia_smi_is_a_link_into_the_store(engine, bundle, wsl):
    result = engine(bundle.env("NVIDIA_VISIBLE_DEVICES=all"), args=[
        "/bin/busybox", "readlink", "/usr/bin/nvidia-smi"])
    assert result.code == 0, result.err
    assert result.out == f"{STORE}/nvidia-smi\n"
    assert not (bundle.root / "usr/bin/nvidia-smi").is_symlink()


def test_a_container_without_gpus_gets_no_device(bundle, hand_made, wsl):
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=none"))
    done = made.hook()
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{STORE}/libcuda.so.1.1" in made.mounts()
    assert "/dev/dxg" not in made.mounts()



@pytest.fixture
def jetson(tmp_path):
    lists = tmp_path / "lists"
    lists.mkdir()
    files = pathlib.Path("/opt/tegra")
    (files / "share").mkdir(parents=True)
    (files / "share" / "data").write_text("data\n")
    shutil.copy(f"/opt/nvidia/lib64/libcuda.so.{make_driver.VERSION}", files / "libcuda.so.1.1")
    (files / "libcuda.so.1").symlink_to("libcuda.so.1.1")
    (lists / "drivers.csv").write_text(f"lib, {files}/libcuda.so.1.1\nsym, {files}/libcuda.so.1\n"
                                       f"dir, {files}/share\nnonsense\n")
    (lists / "devices.csv").write_text("dev, /dev/nvmap\ndev, /dev/not-here\n")
    os.mknod("/dev/nvmap", stat.S_IFCHR | 0o666, os.makedev(195, 77))
    yield ('[nvidia-container-runtime]\nmode = "csv"\n'
           f'[nvidia-container-runtime.modes.csv]\nmount-spec-path = "{lists}"\n')
    os.unlink("/dev/nvmap")
    shutil.rmtree(files)


def test_jetpacks_lists_say_what_is_given(engine, bundle, jetson):
    bundle.set_settings(jetson)
    result = engine(bundle.env("NVIDIA_VISIBLE_DEVICES=all"), "load:libcuda.so.1",
                    "text:/opt/tegra/share/data", "write:/opt/tegra/share/data", "open:/dev/nvmap",
                    "stat:/dev/nvidiactl")
    assert result.code == 0, result.err
    assert result["load:libcuda.so.1"] == "/opt/tegra/libcuda.so.1.1 libcuda"
    assert result["text:/opt/tegra/share/data"] == "data\n"
    assert result["write:/opt/tegra/share/data"] == "EROFS"
    assert result["open:/dev/nvmap"] == "ENXIO"
    assert result["stat:/dev/nvidiactl"] == "ENOENT"
    assert "passed over: 'nonsense'" in bundle.logged()
    assert "not on this host: /dev/not-here" in bundle.logged()


def test_a_jetson_images_newer_libcuda_is_loaded(engine, bundle, jetson):
    bundle.set_settings(jetson)
    compat_library.make(bundle.root, text=compat_library.note(cuda="13.1"),
                        place="usr/local/cuda/compat_orin")
    result = engine(bundle.env("NVIDIA_VISIBLE_DEVICES=all"), "load:libcuda.so.1")
    assert result.code == 0, result.err
    assert result["load:libcuda.so.1"] == (
        "/usr/local/cuda/compat_orin/libcuda.so.590.44.01 compat libcuda")


@pytest.fixture
def board():
    """GPU 0 is a Thor's own; the driver's nodes are in the lists."""
    information = pathlib.Path("/proc/driver/nvidia/gpus", make_driver.pci(0), "information")
    before = information.read_text()
    information.write_text(before.replace(before.splitlines()[0], "Model: \t\t NVIDIA Thor"))
    yield make_driver.minor(0, 2)
    information.write_text(before)


@pytest.mark.parametrize("devices, given", [("0", {0}), ("1", {1}), ("all", {0, 1})])
def test_a_board_and_its_card_are_two_gpus(engine, bundle, jetson, board, devices, given):
    lists = pathlib.Path(jetson.split('"')[3])
    with open(lists / "devices.csv", "a") as devices_list:
        devices_list.write("dev, /dev/nvidia[0-9]\ndev, /dev/nvidiactl\n")
    bundle.set_settings(jetson)
    nodes = [f"open:/dev/nvidia{minor}" for minor in (board, 1 - board)]
    result = engine(bundle.env(f"NVIDIA_VISIBLE_DEVICES={devices}"), "load:libcuda.so.1",
                    "open:/dev/nvmap", *nodes)
    assert result.code == 0, result.err
    assert result["load:libcuda.so.1"] == "/opt/tegra/libcuda.so.1.1 libcuda"
    assert result["open:/dev/nvmap"] == "ENXIO"
    assert {index for index, node in enumerate(nodes) if result[node] == "ENXIO"} == given
