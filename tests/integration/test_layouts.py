# SPDX-License-Identifier: Apache-2.0
"""Images as distributions lay them out, images with driver files of their own, and users that
are not root: the loader of the image finds the host's driver."""

import os
import pathlib
import shutil
import subprocess

import compat_library
import container
import layouts
import make_driver
import pytest

VERSION = make_driver.VERSION
MULTIARCH = f"/usr/lib/{container.MULTIARCH}"
LAYOUTS = {
    "debian_before_merge": MULTIARCH,
    "fedora": "/usr/lib64",
    "opensuse": "/usr/lib64",
    "arch": "/usr/lib",
    "distroless": MULTIARCH,
    "busybox": "/usr/lib",
    "absolute_links": "/usr/elsewhere",
}


@pytest.fixture
def image(make_bundle, tools):
    def make(name):
        bundle = make_bundle("plain")
        getattr(layouts, name)(bundle.root, tools)
        return bundle.env("NVIDIA_VISIBLE_DEVICES=all")
    return make


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_loader_finds_the_driver_and_nothing_stays(engine, image, name):
    bundle = image(name)
    before = container.listing(bundle.root)
    result = engine(bundle, args=["/bin/needs_cuda", "load:libnvidia-ml.so.1", "load:libcuda.so"])
    assert result.code == 0, result.err
    assert result["needed"] == f"{LAYOUTS[name]}/libcuda.so.{VERSION} libcuda"
    assert result["load:libcuda.so"] == result["needed"]
    assert result["load:libnvidia-ml.so.1"] == (
        f"{LAYOUTS[name]}/libnvidia-ml.so.{VERSION} libnvidia-ml")
    assert container.listing(bundle.root) == before
    assert bundle.logged() == ""


@pytest.mark.parametrize("name", [name for name in LAYOUTS if name != "debian_before_merge"])
def test_an_images_newer_libcuda_is_found_in_each(hand_made, image, name):
    bundle = image(name)
    compat_library.make(bundle.root, text=compat_library.note())
    made = hand_made(bundle)
    done = made.hook()
    assert (done.returncode, done.stderr) == (0, "")
    assert made.inside("/bin/needs_cuda")["needed"] == (
        f"/{compat_library.PLACE}/libcuda.so.590.44.01 compat libcuda")


@pytest.mark.parametrize("name", LAYOUTS)
def test_another_user_than_root_has_it_too(engine, image, name):
    bundle = image(name)
    bundle.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    result = engine(bundle, "load:libcuda.so.1", "open:/dev/nvidia0", "open:/dev/nvidiactl",
                    "open:/dev/nvidia-uvm")
    assert result["load:libcuda.so.1"] == f"{LAYOUTS[name]}/libcuda.so.{VERSION} libcuda"
    # the node was reached: what answers is the missing device behind it
    for node in ("nvidia0", "nvidiactl", "nvidia-uvm"):
        assert result[f"open:/dev/{node}"] == "ENXIO"


def test_a_static_programs_image_gets_the_driver(engine, image):
    bundle = image("scratch")
    result = engine(bundle, args=["/look", f"stat:/usr/lib64/libcuda.so.{VERSION}",
                                  "open:/dev/nvidia0", "stat:/usr/bin/nvidia-smi"])
    assert result.code == 0, result.err
    assert result[f"stat:/usr/lib64/libcuda.so.{VERSION}"].startswith("file ")
    assert result["open:/dev/nvidia0"] == "ENXIO"
    assert result["stat:/usr/bin/nvidia-smi"].startswith("file 755 ")
    assert "the image has no /etc: no ld.so.cache is made" in bundle.logged()
    assert sorted(set(os.listdir(bundle.root)) - {"dev", "etc", "proc", "sys"}) == ["look"]


def bake(root, version, directory, stubs=False):
    """The driver of another host, as an image has it that was built or committed there."""
    for name, suffix in (("libcuda", "1"), ("libnvidia-ml", "1"), ("libnvidia-ptxjitcompiler", "1"),
                         ("libnvidia-opticalflow", "1")):
        file = compat_library.make(root, name, version, place=directory)
        if stubs:
            file.write_bytes(b"")
        plain = file.with_name(f"{name}.so")
        plain.symlink_to(f"{name}.so.{suffix}")


@pytest.mark.parametrize("stubs", [False, True], ids=["libraries", "empty files"])
@pytest.mark.parametrize("version", ["535.54.03", "590.44.01", VERSION])
def test_another_hosts_driver_in_the_image_is_covered(engine, bundle, version, stubs):
    bake(bundle.root, version, MULTIARCH.lstrip("/"), stubs)
    before = container.listing(bundle.root)
    bundle.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=all")
    result = engine(bundle, "load:libcuda.so.1", "load:libnvidia-ml.so.1", "load:libcuda.so",
                    "load:libnvidia-ptxjitcompiler.so.1", "load:libnvidia-opticalflow.so")
    assert result.code == 0, result.err
    for query in result.answers:
        name = query[5:].split(".")[0]
        assert result[query] == f"{MULTIARCH}/{name}.so.{VERSION} {name}"
    assert container.listing(bundle.root) == before


def test_files_in_the_place_of_links_are_covered(engine, bundle):
    # a build that copies links as files: libcuda.so.1 is an old driver, not a link to one
    bake(bundle.root, "535.54.03", MULTIARCH.lstrip("/"))
    directory = bundle.root / MULTIARCH.lstrip("/")
    for name in ("libcuda.so.1", "libcuda.so", "libnvidia-ml.so.1"):
        content = (directory / name).read_bytes()
        (directory / name).unlink()
        (directory / name).write_bytes(content)
    before = container.listing(bundle.root)
    result = engine(bundle.env("NVIDIA_VISIBLE_DEVICES=all"), "load:libcuda.so.1",
                    "load:libcuda.so", "load:libnvidia-ml.so.1")
    assert {result[query].split(" ")[1] for query in result.answers} == {"libcuda", "libnvidia-ml"}
    assert container.listing(bundle.root) == before


@pytest.mark.parametrize("target", ["/usr/real", "real", "../usr/./real", "/usr/link"])
def test_the_library_directory_can_be_a_link_inside(hand_made, bundle, canary, target):
    place = bundle.root / MULTIARCH.lstrip("/")
    place.rename(bundle.root / "usr/real")
    (bundle.root / "usr/link").symlink_to("real")
    place.symlink_to(target if target.startswith("/") else f"../{target}")
    before = container.listing(bundle.root)
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))
    done = made.hook()
    assert (done.returncode, done.stderr) == (0, "")
    assert made.look("load:libcuda.so.1")["load:libcuda.so.1"] == (
        f"/usr/real/libcuda.so.{VERSION} libcuda")
    assert bundle.call_hook("poststop").returncode == 0
    made.end()
    canary.check()
    assert set(container.listing(bundle.root)) >= set(before)


def test_each_driver_library_is_cached_by_name(engine, bundle):
    bundle.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=all")
    assert engine(bundle).code == 0
    cached = set(container.cached_libraries(bundle.root / "etc/ld.so.cache"))
    links = [pathlib.Path(link["inside"]) for link in bundle.plan()["links"]]
    links = {(link.name, str(link)) for link in links if str(link.parent) == MULTIARCH}
    assert {"libcuda.so", "libcuda.so.1", "libnvidia-ml.so.1"} <= {name for name, _ in links}
    # not the names that their libraries have: found by dlopen all the same
    opened = {"libGLX_indirect.so.0", "libglxserver_nvidia.so"}
    assert {name for name, path in links - cached} <= opened


def test_a_cache_of_several_megabytes_is_kept_whole(hand_made, bundle):
    directory = bundle.root / "opt/many"
    directory.mkdir(parents=True)
    first = directory / "lib0.so"
    subprocess.run(["gcc", "-shared", "-nostdlib", "-x", "c", "-", "-o", first], input=b"int a;\n",
                   check=True)
    names = [f"lib{number}{'x' * 200}.so.1" for number in range(9000)]
    for name in names:
        os.link(first, directory / name)
    (bundle.root / "etc/ld.so.conf").write_text("/opt/many\n")
    done = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all")).hook()
    assert (done.returncode, done.stderr) == (0, "")
    cache = bundle.root / "etc/ld.so.cache"
    assert cache.stat().st_size > 2 << 20
    cached = dict(container.cached_libraries(cache))
    assert "libcuda.so.1" in cached and all(name in cached for name in names)


def test_an_images_large_library_stays_cached(hand_made, bundle):
    library = bundle.root / "usr/local/lib/liblarge.so.1"
    library.parent.mkdir(parents=True)
    shutil.copy("/opt/nvidia/lib64/libnvidia-ml.so.1", library)
    os.truncate(library, 3 << 30)
    (bundle.root / "etc/ld.so.conf").write_text("/usr/local/lib\n")
    done = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all")).hook()
    assert (done.returncode, done.stderr) == (0, "")
    paths = [path for _, path in container.cached_libraries(bundle.root / "etc/ld.so.cache")]
    assert any(path.startswith("/usr/local/lib/") for path in paths)
