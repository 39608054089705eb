# SPDX-License-Identifier: Apache-2.0
"""Images whose programs are of musl: Alpine, and Debian with its package musl."""

import os
import pathlib
import shutil
import subprocess

import compat_library
import container
import layouts
import make_driver
import pytest
from conftest import skip_or_fail

VERSION = make_driver.VERSION
PATH_FILE = "etc/ld-musl-x86_64.path"
DEFAULT = "/lib\n/usr/local/lib\n/usr/lib\n"
COMPAT = "/" + compat_library.PLACE


@pytest.fixture
def image(make_bundle, tools):
    def make(layout):
        if shutil.which("musl-gcc") is None:
            skip_or_fail("musl-tools is not installed")
        bundle = make_bundle("plain")
        layout(bundle.root, tools)
        return bundle.env("NVIDIA_VISIBLE_DEVICES=all")
    return make


@pytest.fixture
def alpine(image):
    return image(layouts.alpine)


def needs_cuda(engine, bundle, *queries):
    result = engine(bundle, args=["/bin/needs_cuda", *queries])
    assert result.code == 0, result.err
    return result


@pytest.fixture
def started(hand_made):
    def start(bundle):
        made = hand_made(bundle)
        done = made.hook(timeout=10)
        assert (done.returncode, done.stderr) == (0, "")
        return made
    return start


def test_alpine_finds_the_driver_without_a_path_file(engine, alpine):
    before = container.listing(alpine.root)
    result = needs_cuda(engine, alpine, "load:libnvidia-ml.so.1")
    assert result["needed"] == f"/usr/lib/libcuda.so.{VERSION} libcuda"
    assert result["load:libnvidia-ml.so.1"] == f"/usr/lib/libnvidia-ml.so.{VERSION} libnvidia-ml"
    assert container.listing(alpine.root) == before
    assert alpine.logged() == ""


def test_the_cache_is_made_for_gcompat(engine, alpine):
    needs_cuda(engine, alpine)
    cached = dict(container.cached_libraries(alpine.root / "etc/ld.so.cache"))
    assert cached["libcuda.so.1"] == "/usr/lib/libcuda.so.1"


def test_a_directory_unknown_to_musl_is_added(engine, alpine):
    (alpine.root / "usr/lib64").mkdir()
    before = container.listing(alpine.root)
    result = needs_cuda(engine, alpine)
    assert result["needed"] == f"/usr/lib64/libcuda.so.{VERSION} libcuda"
    assert container.listing(alpine.root) == before


def test_an_images_path_file_is_put_back(engine, image):
    bundle = image(layouts.debian_with_musl)
    before = container.listing(bundle.root)
    result = needs_cuda(engine, bundle)
    assert result["needed"] == f"/usr/lib/{container.MULTIARCH}/libcuda.so.{VERSION} libcuda"
    assert container.listing(bundle.root) == before


def test_path_file_comes_back_itself(engine, image):
    bundle = image(layouts.debian_with_musl)
    other = bundle.root / "etc/other-name"
    other.hardlink_to(bundle.root / PATH_FILE)
    container.mark(other)
    before = container.marks(bundle.root / PATH_FILE)
    needs_cuda(engine, bundle)
    assert container.marks(bundle.root / PATH_FILE) == before
    assert before == container.marks(other)


@pytest.fixture
def overlay(tmp_path):
    """A function that makes a bundle's root file system the lower layer of an overlay."""
    space = tmp_path / "layers"
    space.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", space], check=True)
    mounted = [space]

    def make(root):
        subprocess.run(["cp", "--archive", root, space / "lower"], check=True)
        for name in ("upper", "work"):
            (space / name).mkdir()
        options = f"lowerdir={space}/lower,upperdir={space}/upper,workdir={space}/work"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, root], check=True)
        mounted.append(root)
    yield make
    for place in reversed(mounted):
        subprocess.run(["umount", place], check=True)


def test_path_file_of_a_layer_comes_back(started, image, overlay):
    bundle = image(layouts.debian_with_musl)
    own = bundle.root / PATH_FILE
    (own.parent / "other-name").hardlink_to(own)
    container.mark(own)
    overlay(bundle.root)
    of_layer = {"inode": None, "names": None}  # an overlay copies it to the upper layer
    before = {**container.marks(own), **of_layer}
    made = started(bundle)
    assert container.marks(own)["time"] != before["time"]
    made.end()
    assert bundle.call_hook("poststop").returncode == 0
    assert {**container.marks(own), **of_layer} == before
    assert not {name for name in os.listdir(own.parent) if "grapnel" in name}


def test_replaced_path_file_is_like_the_images(started, image):
    bundle = image(layouts.debian_with_musl)
    own = bundle.root / PATH_FILE
    container.mark(own)
    before = container.marks(own)
    started(bundle)
    after = container.marks(own)
    assert after["inode"] != before["inode"]
    assert after["mode"] == before["mode"] & ~0o4000  # for another content
    assert (after["owner"], after["attributes"]) == (before["owner"], before["attributes"])


def test_what_the_image_says_comes_first(started, image):
    bundle = image(layouts.debian_with_musl)
    own = pathlib.Path("/" + PATH_FILE).read_text()
    started(bundle)
    assert (bundle.root / PATH_FILE).read_text() == (
        f"{own.rstrip()}\n/usr/lib/{container.MULTIARCH}\n")


def test_directories_between_colons_are_known(started, alpine):
    (alpine.root / PATH_FILE).write_text("/lib:/opt:/usr/lib")
    assert "/dev/nvidiactl" in started(alpine).mountinfo()
    assert (alpine.root / PATH_FILE).read_text() == "/lib:/opt:/usr/lib"


def test_an_images_newer_libcuda_comes_first(engine, alpine):
    compat_library.make(alpine.root, text=compat_library.note())
    before = container.listing(alpine.root)
    result = needs_cuda(engine, alpine, "load:libnvidia-ml.so.1")
    assert result["needed"] == f"{COMPAT}/libcuda.so.590.44.01 compat libcuda"
    assert result["load:libnvidia-ml.so.1"].endswith(" libnvidia-ml")
    assert container.listing(alpine.root) == before


def test_an_unsuitable_libcuda_does_not_stay(started, alpine):
    compat_library.make(alpine.root, version="570.10.01", text=compat_library.note())
    (alpine.root / PATH_FILE).write_text(f"{COMPAT}\n{DEFAULT}")
    made = started(alpine)
    assert made.inside("/bin/needs_cuda")["needed"] == f"/usr/lib/libcuda.so.{VERSION} libcuda"
    assert (alpine.root / PATH_FILE).read_text() == DEFAULT


def test_a_second_run_changes_nothing(started, alpine):
    (alpine.root / "usr/lib64").mkdir()
    made = started(alpine)
    assert (alpine.root / PATH_FILE).read_text() == f"{DEFAULT}/usr/lib64\n"
    before = (alpine.root / PATH_FILE).stat()
    assert made.hook().returncode == 0
    after = (alpine.root / PATH_FILE).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.parametrize("kind", ["link", "fifo", "directory", "huge"])
def test_a_special_path_file_stays_with_a_warning(started, alpine, canary, kind):
    (alpine.root / "usr/lib64").mkdir()
    place = alpine.root / PATH_FILE
    if kind == "link":
        place.symlink_to(canary.directory / "file")
    elif kind == "fifo":
        os.mkfifo(place)
    elif kind == "directory":
        place.mkdir()
    else:
        place.write_bytes(b"/x\n" * 40_000)
    before = container.listing(alpine.root, without=("etc/ld.so.cache",))
    started(alpine)
    assert f"warning: '/{PATH_FILE}' " in alpine.logged()
    after = container.listing(alpine.root, without=("etc/ld.so.cache",))
    assert after[PATH_FILE] == before[PATH_FILE]
    canary.check()
