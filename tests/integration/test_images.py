# SPDX-License-Identifier: Apache-2.0
"""Images of different families, and root file systems that cannot be written to."""

import shutil

import container
import make_driver
import pytest

VERSION = make_driver.VERSION
PLACES = {"debian": "/usr/lib/x86_64-linux-gnu", "fedora": "/usr/lib64", "plain": "/usr/lib"}


@pytest.mark.parametrize("family", PLACES)
def test_libraries_lie_where_the_family_keeps_them(engine, make_bundle, family):
    bundle = make_bundle(family).env("NVIDIA_VISIBLE_DEVICES=all")
    place = f"{PLACES[family]}/libcuda.so.{VERSION}"
    before = container.listing(bundle.root)
    result = engine(bundle, f"stat:{place}", "load:libcuda.so.1", "load:libnvidia-ml.so.1")
    assert result[f"stat:{place}"].startswith("file ")
    assert result["load:libcuda.so.1"] == f"{place} libcuda"
    assert result["load:libnvidia-ml.so.1"].endswith(" libnvidia-ml")
    assert container.listing(bundle.root) == before


def test_an_image_without_etc_finds_its_libraries(engine, make_bundle):
    bundle = make_bundle("plain").env("NVIDIA_VISIBLE_DEVICES=all")
    shutil.rmtree(bundle.root / "etc")
    result = engine(bundle, "load:libcuda.so.1")
    assert result["load:libcuda.so.1"] == f"/usr/lib/libcuda.so.{VERSION} libcuda"
    assert "the image has no /etc: no ld.so.cache is made" in bundle.logged()
    assert not (bundle.root / "etc").exists()


def test_a_read_only_root_is_given_the_driver(engine, bundle):
    bundle.config["root"]["readonly"] = True
    before = container.listing(bundle.root)
    bundle.env("NVIDIA_VISIBLE_DEVICES=all")
    result = engine(bundle, "load:libcuda.so.1", "write:/etc/passwd", "open:/dev/nvidia0")
    assert result.code == 0, result.err
    assert result["load:libcuda.so.1"].endswith(" libcuda")
    assert result["write:/etc/passwd"] == "EROFS"
    assert result["open:/dev/nvidia0"] == "ENXIO"
    assert container.listing(bundle.root) == before


def test_a_read_only_root_is_refused_with_cure(hand_made, bundle):
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"),
                     setup='mount -o remount,bind,ro "$ROOT"')
    before = container.listing(bundle.root, without=())
    done = made.hook()
    assert done.returncode == 1
    assert done.stderr == (
        f"grapnel-hook: create '{PLACES['debian']}/libcuda.so.{VERSION}' in the root file system: "
        "Read-only file system: give the container a writable root file system, or make these "
        "files and directories in the image beforehand\n")
    assert container.listing(bundle.root, without=()) == before


def test_a_prepared_image_can_be_read_only(hand_made, bundle):
    bundle.env("NVIDIA_VISIBLE_DEVICES=all")
    for mount in bundle.plan()["mounts"]:
        place = bundle.root / mount["inside"].lstrip("/")
        if mount["kind"] != "device":
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
    for link in bundle.plan()["links"]:
        (bundle.root / link["inside"].lstrip("/")).symlink_to(link["target"])
    made = hand_made(bundle, setup='mount -o remount,bind,ro "$ROOT"')
    done = made.hook()
    assert (done.returncode, done.stderr) == (0, "")
    assert made.look("load:libcuda.so.1")["load:libcuda.so.1"].endswith(" libcuda")
    assert "warning: ld.so.cache stays as it is: " in bundle.logged()


BAKED_IN = {
    "a file at the versioned name": ("libcuda.so.580.159.04", "file"),
    "a file at the SONAME": ("libcuda.so.1", "file"),
    "a file at the plain name": ("libcuda.so", "file"),
    "an empty file at the versioned name": ("libcuda.so.580.159.04", "stub"),
    "an empty file at the SONAME": ("libcuda.so.1", "stub"),
    "a link to nowhere at the SONAME": ("libcuda.so.1", "nowhere"),
    "a link to itself at the SONAME": ("libcuda.so.1", "itself"),
}


@pytest.mark.parametrize("name, kind", BAKED_IN.values(), ids=BAKED_IN.keys())
def test_the_hosts_library_covers_a_baked_in_one(engine, bundle, name, kind):
    directory = bundle.root / "usr/lib/x86_64-linux-gnu"
    if kind in ("nowhere", "itself"):
        (directory / name).symlink_to("libcuda.so.470" if kind == "nowhere" else name)
    else:
        (directory / name).write_text("" if kind == "stub" else "not a library")
    before = container.listing(bundle.root)
    bundle.env("NVIDIA_VISIBLE_DEVICES=all")
    result = engine(bundle, "load:libcuda.so.1", "load:libcuda.so")
    assert result.code == 0, result.err
    for query in ("load:libcuda.so.1", "load:libcuda.so"):
        assert result[query].endswith(" libcuda"), query
    assert container.listing(bundle.root) == before


def test_a_directory_where_a_library_belongs_is_refused(engine, bundle):
    name = f"/usr/lib/x86_64-linux-gnu/libcuda.so.{VERSION}"
    (bundle.root / name.lstrip("/")).mkdir()
    result = engine(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))
    assert result.code != 0
    assert bundle.logged().endswith(
        f" error: '{name}' in the root file system is a directory: the driver puts its own "
        "there: remove it from the image\n")


def test_relative_and_absolute_root_paths_are_equal(engine, bundle):
    bundle.config["root"]["path"] = str(bundle.root)
    result = engine(bundle.env("NVIDIA_VISIBLE_DEVICES=all"), "load:libcuda.so.1")
    assert result["load:libcuda.so.1"].endswith(" libcuda")


def test_a_relative_root_path_starts_in_the_bundle(hand_made, bundle, tmp_path):
    (tmp_path / "elsewhere/rootfs").mkdir(parents=True)
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))
    done = made.hook(cwd=tmp_path / "elsewhere")
    assert (done.returncode, done.stderr) == (0, "")
    assert made.look("load:libcuda.so.1")["load:libcuda.so.1"].endswith(" libcuda")
    assert not any((tmp_path / "elsewhere/rootfs").iterdir())


def test_a_root_path_can_have_blanks_and_quotes(engine, make_bundle):
    bundle = make_bundle()
    odd = bundle.directory / "a b'\"\\root"
    bundle.root.rename(odd)
    bundle.root = odd
    bundle.config["root"]["path"] = odd.name
    result = engine(bundle.env("NVIDIA_VISIBLE_DEVICES=all"), "load:libcuda.so.1")
    assert result["load:libcuda.so.1"].endswith(" libcuda"), result.err
