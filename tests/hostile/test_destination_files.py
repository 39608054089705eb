# SPDX-License-Identifier: Apache-2.0
"""An image puts something odd where a file of the driver belongs: no open blocks, nothing is
written through it, and the driver's file or a clean failure comes of it."""

import os
import shutil
import socket

import compat_library
import container
import make_driver
import pytest

LIBRARIES = "usr/lib/x86_64-linux-gnu"
VERSION = make_driver.VERSION
FILES = [f"{LIBRARIES}/libcuda.so.{VERSION}", f"{LIBRARIES}/libcuda.so.1",
         f"{LIBRARIES}/libcuda.so", "usr/bin/nvidia-smi",
         f"usr/lib/firmware/nvidia/{VERSION}/gsp_ga10x.bin"]
KINDS = ["a link to the canary", "a link by dots", "a link to nowhere", "a link to itself",
         "a magic link", "fifo", "socket", "device", "file", "a file with two names"]


def put(root, place, kind, canary):
    path = root / place
    path.parent.mkdir(parents=True, exist_ok=True)
    target = canary.directory / "file"
    links = {"a link to the canary": target, "a link by dots": "../" * 30 + str(target)[1:],
             "a link to nowhere": canary.directory / "new", "a link to itself": path.name,
             "a magic link": "/proc/self/exe"}
    if kind in links:
        path.symlink_to(links[kind])
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        here = os.getcwd()
        os.chdir(path.parent)  # a socket's path is short
        socket.socket(socket.AF_UNIX).bind(path.name)
        os.chdir(here)
    elif kind == "device":
        os.mknod(path, 0o20666, os.makedev(1, 3))
    elif kind == "file":
        path.write_text("the image's")
    else:
        path.write_text("the image's")
        os.link(path, root / "other-name")


@pytest.fixture
def gpu_bundle(bundle):
    return bundle.env("NVIDIA_VISIBLE_DEVICES=all")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", FILES)
def test_the_drivers_file_is_all_that_changed(hand_made, gpu_bundle, canary, place, kind):
    put(gpu_bundle.root, place, kind, canary)
    before = container.listing(gpu_bundle.root)
    made = hand_made(gpu_bundle)
    done = made.hook(timeout=20)
    assert (done.returncode, done.stderr) == (0, "")
    canary.check()
    result = made.look("load:libcuda.so.1", f"stat:/{place}")
    assert result["load:libcuda.so.1"].startswith(f"/{LIBRARIES}/libcuda.so.")
    assert result["load:libcuda.so.1"].endswith(" libcuda")
    assert result[f"stat:/{place}"].split(" ")[0] in ("file", "link")
    made.end()
    assert gpu_bundle.call_hook("poststop").returncode == 0
    assert container.listing(gpu_bundle.root) == before
    canary.check()


@pytest.mark.parametrize("place", [f"{LIBRARIES}/libcuda.so.{VERSION}", "usr/bin/nvidia-smi",
                                   f"{LIBRARIES}/libcuda.so.1"])
def test_a_directory_as_file_is_a_clean_failure(hand_made, gpu_bundle, canary, place):
    (gpu_bundle.root / place).mkdir(parents=True)
    done = hand_made(gpu_bundle).hook(timeout=20)
    assert done.returncode == 1
    assert f"'/{place}'" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("kind", ["a link to the canary", "fifo", "file", "device"])
def test_a_node_of_the_images_dev_is_covered(hand_made, gpu_bundle, canary, kind):
    # no tmpfs on /dev: the image's own directory
    put(gpu_bundle.root, "dev/nvidiactl", kind, canary)
    made = hand_made(gpu_bundle, basis='mount --bind "$ROOT" "$ROOT"; mount -t proc proc '
                                       '"$ROOT/proc"')
    done = made.hook(timeout=20)
    assert (done.returncode, done.stderr) == (0, "")
    result = made.look("stat:/dev/nvidiactl", "open:/dev/nvidiactl")
    assert result["stat:/dev/nvidiactl"].startswith("character ")
    assert result["open:/dev/nvidiactl"] == "ENXIO"
    canary.check()


def test_a_volumes_file_instead_of_a_library_stays(engine, gpu_bundle, canary):
    # CVE-2024-0132: what the container brings is never the source of a mount
    place = f"/{LIBRARIES}/libcuda.so.{VERSION}"
    gpu_bundle.config["mounts"].append(
        {"destination": place, "type": "bind", "source": str(canary.directory / "file"),
         "options": ["bind", "rw"]})
    result = engine(gpu_bundle, "load:libcuda.so.1")
    assert result["load:libcuda.so.1"].endswith(" libcuda")
    canary.check()


def overflowing_library(path, tmp_path):
    """The first note's size is changed to one that overflows."""
    whole = compat_library.make(tmp_path, text=compat_library.note()).read_bytes()
    name = b"NVIDIA Corporation\0"
    at = whole.index(name) - 8
    path.write_bytes(whole[:at] + b"\xff" * 4 + whole[at + 4:])


@pytest.mark.parametrize("kind", ["directory", "link", "file", "huge", "cut", "overflowing", "several",
                                  "fifo", "parent"])
def test_compatibility_libraries_of_the_image_are_no_source(engine, gpu_bundle, canary, tmp_path,
                                                            kind):
    compat = gpu_bundle.root / "usr/local/cuda/compat"
    compat.mkdir(parents=True)
    library = compat / "libcuda.so.999.1"
    if kind == "directory":
        library.mkdir()
    elif kind == "link":
        library.symlink_to("../" * 20 + str(canary.directory)[1:])
    elif kind == "fifo":
        os.mkfifo(library)
    elif kind == "overflowing":
        overflowing_library(library, tmp_path)
    elif kind == "parent":
        compat.rmdir()
        compat.symlink_to("../" * 20 + str(canary.directory)[1:])
    else:
        library.write_text("not a library")
    if kind == "huge":
        os.truncate(library, 1 << 40)
    if kind == "cut":
        shutil.copy("/opt/nvidia/lib64/libcuda.so.1", library)
        os.truncate(library, 100)
    if kind == "several":
        (compat / "libcuda.so.999.2").symlink_to(canary.directory / "file")
        shutil.copy("/opt/nvidia/lib64/libcuda.so.1", compat / "libcuda.so.999.3")
    result = engine(gpu_bundle, "mounts", f"list:/{LIBRARIES}", "load:libcuda.so.1")
    assert result.code == 0, result.err
    assert str(canary.directory) not in result["mounts"]
    assert "999.1" not in result[f"list:/{LIBRARIES}"]
    assert result["load:libcuda.so.1"].endswith(" libcuda")
    canary.check()
