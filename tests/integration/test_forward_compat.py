# SPDX-License-Identifier: Apache-2.0
"""CUDA forward compatibility: a newer libcuda of the image is preferred where it serves the
host's driver, and everything else of the driver stays the host's."""

import os
import shutil
import subprocess

import compat_library
import container
import make_driver
import pytest

LIBRARIES = "/usr/lib/x86_64-linux-gnu"
COMPAT = "/" + compat_library.PLACE
VERSION = make_driver.VERSION
NEWER = f"{COMPAT}/libcuda.so.590.44.01"
CONF = "etc/ld.so.conf.d/00-grapnel-compat.conf"


@pytest.fixture
def image(bundle, tools):
    """An image with a program that is linked with libcuda.so.1."""
    shutil.copy(tools.needs_cuda(), bundle.root / "bin/needs_cuda")
    return bundle.env("NVIDIA_VISIBLE_DEVICES=all")


@pytest.fixture
def with_compat(image):
    compat_library.make(image.root, text=compat_library.note())
    return image


def needed(engine, bundle):
    result = engine(bundle, args=["/bin/needs_cuda"])
    assert result.code == 0, result.err
    return result["needed"]


def test_a_newer_suitable_libcuda_is_loaded(engine, with_compat):
    assert needed(engine, with_compat) == f"{NEWER} compat libcuda"


def test_everything_else_is_the_hosts(engine, with_compat):
    result = engine(with_compat, "load:libcuda.so.1", "load:libnvidia-ml.so.1",
                    "load:libnvidia-ptxjitcompiler.so.1", "load:libnvidia-newthing.so.1")
    assert result["load:libcuda.so.1"] == f"{NEWER} compat libcuda"
    for name in ("libnvidia-ml", "libnvidia-ptxjitcompiler", "libnvidia-newthing"):
        assert result[f"load:{name}.so.1"] == f"{LIBRARIES}/{name}.so.{VERSION} {name}"


def test_its_companions_come_with_it(engine, with_compat):
    compat_library.make(with_compat.root, "libnvidia-nvvm", suffix="4")
    result = engine(with_compat, "load:libnvidia-nvvm.so.4", "load:libnvidia-ml.so.1")
    assert result["load:libnvidia-nvvm.so.4"] == (
        f"{COMPAT}/libnvidia-nvvm.so.590.44.01 compat libnvidia-nvvm")
    assert result["load:libnvidia-ml.so.1"].endswith(" libnvidia-ml")


@pytest.mark.parametrize("family", ["debian", "fedora", "plain"])
def test_every_family_of_images_has_it(engine, make_bundle, tools, family):
    bundle = make_bundle(family).env("NVIDIA_VISIBLE_DEVICES=all")
    shutil.copy(tools.needs_cuda(), bundle.root / "bin/needs_cuda")
    compat_library.make(bundle.root, text=compat_library.note())
    before = container.listing(bundle.root)
    assert needed(engine, bundle) == f"{NEWER} compat libcuda"
    assert container.listing(bundle.root) == before


def test_a_read_only_root_has_it_too(engine, with_compat):
    with_compat.config["root"]["readonly"] = True
    before = container.listing(with_compat.root)
    assert needed(engine, with_compat) == f"{NEWER} compat libcuda"
    assert container.listing(with_compat.root) == before


def test_the_images_own_files_are_not_mounted(engine, with_compat):
    plan = with_compat.plan()
    assert plan["compat"] == {"directory": COMPAT, "library": "libcuda.so.590.44.01",
                              "cuda": "13.1"}
    assert not any("compat" in mount["kind"] for mount in plan["mounts"])
    result = engine(with_compat, "mounts")
    assert "/usr/local/cuda" not in result["mounts"]


def test_the_requirement_is_held_against_the_driver(engine, with_compat):
    with_compat.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_REQUIRE_CUDA=cuda>=13.1")
    result = engine(with_compat)
    assert result.code != 0
    assert "offers CUDA 13.0" in with_compat.logged()


NOT_USED = {
    "older than the driver": {"version": "570.10.01"},
    "as old as the driver": {"version": VERSION},
    "for other drivers": {"text": compat_library.note(branches=(535, 550))},
    "without a note and of the driver's branch": {"version": "580.200.01", "text": None},
    "with a note that is no JSON": {"text": "{nonsense"},
    "with a note of another form": {"text": '{"driver": 580, "CUDA version": "13.1"}'},
}


@pytest.mark.parametrize("kind", NOT_USED.values(), ids=NOT_USED.keys())
def test_an_unsuitable_libcuda_is_passed_over(made_loader, image, kind):
    compat_library.make(image.root, **{"text": compat_library.note(), **kind})
    assert made_loader(image) == f"{LIBRARIES}/libcuda.so.{VERSION} libcuda"
    assert "compat" not in image.plan()
    assert not (image.root / CONF).exists()


@pytest.fixture
def made_loader(hand_made):
    """What the loader takes in a container made by hand."""
    def run(bundle, **options):
        made = hand_made(bundle, **options)
        done = made.hook(timeout=10)
        assert (done.returncode, done.stderr) == (0, "")
        return made.inside("/bin/needs_cuda")["needed"]
    return run


def test_without_a_note_the_branch_decides(made_loader, image):
    compat_library.make(image.root)
    assert made_loader(image) == f"{NEWER} compat libcuda"


def test_a_container_without_libcuda_ignores_compat(hand_made, with_compat):
    with_compat.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=utility")
    assert hand_made(with_compat).hook().returncode == 0
    assert "compat" not in with_compat.plan()
    assert not (with_compat.root / CONF).exists()


@pytest.mark.parametrize("mode", ["ldconfig", "mount", "hook"])
def test_each_mode_of_theirs_prefers_it(made_loader, with_compat, mode):
    with_compat.set_settings("[nvidia-container-runtime.modes.legacy]\n"
                             f'cuda-compat-mode = "{mode}"\n')
    assert made_loader(with_compat) == f"{NEWER} compat libcuda"


SWITCHED_OFF = {
    "by its mode": '[nvidia-container-runtime.modes.legacy]\ncuda-compat-mode = "disabled"\n',
    "by an unknown mode": '[nvidia-container-runtime.modes.legacy]\ncuda-compat-mode = "x"\n',
    "by the feature": "[features]\ndisable-cuda-compat-lib-hook = true\n",
    "with the cache": 'ldcache = "off"\n',
}


@pytest.mark.parametrize("settings", SWITCHED_OFF.values(), ids=SWITCHED_OFF.keys())
def test_it_can_be_switched_off(made_loader, with_compat, settings):
    with_compat.set_settings(settings)
    assert made_loader(with_compat) == f"{LIBRARIES}/libcuda.so.{VERSION} libcuda"


def test_links_in_the_path_are_followed_inside(engine, image, canary):
    compat_library.make(image.root, place="usr/local/cuda-13.1/compat",
                        text=compat_library.note())
    (image.root / "etc/alternatives").mkdir()
    (image.root / "etc/alternatives/cuda").symlink_to("/usr/local/cuda-13.1")
    (image.root / "usr/local/cuda").symlink_to("/etc/alternatives/cuda")
    assert needed(engine, image) == "/usr/local/cuda-13.1/compat/libcuda.so.590.44.01 compat libcuda"


def test_a_libcuda_without_link_gets_one(engine, image):
    compat_library.make(image.root, text=compat_library.note(), links=False)
    before = container.listing(image.root)
    assert needed(engine, image) == f"{NEWER} compat libcuda"
    assert container.listing(image.root) == before


def test_another_libcuda_in_ld_so_conf_comes_last(engine, with_compat):
    compat_library.make(with_compat.root, place="opt/own", version="470.1.1")
    (with_compat.root / "etc/ld.so.conf.d/a.conf").write_text("/opt/own\n")
    assert needed(engine, with_compat) == f"{NEWER} compat libcuda"
    shutil.rmtree(with_compat.root / compat_library.PLACE)
    assert needed(engine, with_compat).endswith(f"/libcuda.so.{make_driver.VERSION} libcuda")


def test_a_later_ldconfig_still_prefers_it(hand_made, with_compat):
    made = hand_made(with_compat)
    assert made.hook().returncode == 0
    assert (with_compat.root / CONF).read_text() == f"{COMPAT}\n"
    (with_compat.root / "etc/ld.so.cache").unlink()
    subprocess.run(["nsenter", f"--mount=/proc/{made.pid}/ns/mnt", "/sbin/ldconfig", "-r",
                    with_compat.root], check=True, capture_output=True)
    assert made.inside("/bin/needs_cuda")["needed"] == f"{NEWER} compat libcuda"


def test_the_configuration_goes_with_the_container(engine, with_compat):
    before = container.listing(with_compat.root)
    assert needed(engine, with_compat) == f"{NEWER} compat libcuda"
    assert container.listing(with_compat.root) == before


def test_what_an_earlier_container_left_does_not_count(made_loader, image):
    compat_library.make(image.root, version="570.10.01", text=compat_library.note())
    (image.root / CONF).write_text(f"{COMPAT}\n")
    subprocess.run(["ldconfig", "-r", image.root], check=True, capture_output=True)
    assert made_loader(image) == f"{LIBRARIES}/libcuda.so.{VERSION} libcuda"
    assert not (image.root / CONF).exists()


def test_an_unread_configuration_is_not_written(hand_made, with_compat):
    (with_compat.root / "etc/ld.so.conf").write_text("/usr/local/lib\n")
    made = hand_made(with_compat)
    assert made.hook().returncode == 0
    assert made.inside("/bin/needs_cuda")["needed"] == f"{NEWER} compat libcuda"
    assert not (with_compat.root / CONF).exists()


@pytest.mark.parametrize("kind", ["file", "fifo", "link"])
def test_a_configuration_that_cannot_be_written_is_remarked(hand_made, with_compat, canary, kind):
    place = with_compat.root / CONF
    if kind == "file":  # on a volume
        volume = 'mkdir -p "$ROOT/etc/ld.so.conf.d"; mount -t tmpfs tmpfs "$ROOT/etc/ld.so.conf.d"'
    else:
        volume = ":"
        os.mkfifo(place) if kind == "fifo" else place.symlink_to(canary.directory / "file")
    made = hand_made(with_compat, setup=volume)
    done = made.hook(timeout=10)
    assert (done.returncode, done.stderr) == (0, "")
    assert made.inside("/bin/needs_cuda")["needed"] == f"{NEWER} compat libcuda"
    assert f"warning: '/{CONF}' " in with_compat.logged()
    canary.check()


ODD = {
    "several": "there are several",
    "cut": "the ELF file is cut off",
    "text": "not an ELF file of this machine",
    "foreign": "not an ELF file of this machine",
    "empty": "the ELF file is cut off",
}


@pytest.mark.parametrize("kind", ODD)
def test_what_cannot_be_used_is_remarked(made_loader, with_compat, kind):
    file = with_compat.root / NEWER.lstrip("/")
    if kind == "several":
        shutil.copy(file, file.with_name("libcuda.so.595.1.1"))
    elif kind == "foreign":
        data = bytearray(file.read_bytes())
        data[18] = 0x53
        file.write_bytes(data)
    else:
        file.write_bytes({"cut": file.read_bytes()[:-64], "text": b"#!/bin/sh\n" * 20,
                          "empty": b""}[kind])
    assert made_loader(with_compat) == f"{LIBRARIES}/libcuda.so.{VERSION} libcuda"
    assert f"warning: the image's libcuda in {COMPAT} is not used: " in with_compat.logged()
    assert ODD[kind] in with_compat.logged()


@pytest.mark.parametrize("kind", ["link", "directory", "fifo", "device", "dangling"])
def test_what_is_no_regular_file_is_no_candidate(made_loader, image, canary, kind):
    file = image.root / NEWER.lstrip("/")
    file.parent.mkdir(parents=True)
    if kind == "directory":
        file.mkdir()
    elif kind == "fifo":
        os.mkfifo(file)
    elif kind == "device":
        os.mknod(file, 0o20666, os.makedev(1, 5))
    else:
        file.symlink_to(canary.directory / ("file" if kind == "link" else "nothing"))
    assert made_loader(image) == f"{LIBRARIES}/libcuda.so.{VERSION} libcuda"
    assert image.logged() == ""
    canary.check()


@pytest.mark.parametrize("target", ["/", "/proc", "/dev", "..", "compat", "{canary}"])
def test_a_linked_directory_leads_nowhere_outside(made_loader, image, canary, target):
    place = image.root / compat_library.PLACE
    place.parent.mkdir(parents=True)
    compat_library.make(canary.directory.parent / "driver", place=".",
                        text=compat_library.note())
    place.symlink_to(target.format(canary=canary.directory.parent / "driver"))
    assert made_loader(image) == f"{LIBRARIES}/libcuda.so.{VERSION} libcuda"
    canary.check()


def test_a_huge_file_is_not_read_whole(hand_made, with_compat):
    with open(with_compat.root / NEWER.lstrip("/"), "r+b") as file:
        file.truncate(1 << 40)
    made = hand_made(with_compat)
    done = made.hook(prefix=["prlimit", "--as=300000000"], timeout=10)
    assert (done.returncode, done.stderr) == (0, "")
    assert (with_compat.root / CONF).exists()
