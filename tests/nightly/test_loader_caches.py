# SPDX-License-Identifier: Apache-2.0
"""The ld.so.cache that the hook merges is the one that the image's own ldconfig would make, but for
the place of the driver's entries, and the image's own loader resolves every name the same. The
images are those of tests/nightly/loader_caches, and layouts made by hand."""

import os
import pathlib
import re
import shutil
import subprocess

import compat_library
import container
import layouts
import pytest

IMAGES = pathlib.Path(os.environ.get("GRAPNEL_IMAGES", "/nonexistent"))
SUITES = os.environ.get("GRAPNEL_IMAGE_SUITES", "").split()
LAYOUTS = {"fedora": "usr/lib64", "opensuse": "usr/lib64", "arch": "usr/lib",
           "debian_before_merge": f"usr/lib/{container.MULTIARCH}"}
LOADERS = {"libc6,x86-64": "/lib64/ld-linux-x86-64.so.2", "libc6": "/lib/ld-linux.so.2"}
LINE = re.compile(r"\t(\S+) \(([^)]*)\) => (\S+)$")


def nothing(root):
    """The image as it is."""


def rivals(root):
    """Libraries of the driver's names, in directories of ld.so.conf and for some CPUs."""
    compat_library.make(root, version="470.1.1", place="usr/local/cuda/lib64/stubs")
    compat_library.make(root, "libnvidia-ml", version="470.1.1", place="usr/local/lib")
    compat_library.make(root, "libother", version="1.1.1",
                        place="usr/local/lib/glibc-hwcaps/x86-64-v2")
    compat_library.make(root, "libother", version="1.1.0", place="usr/local/lib")
    with (root / "etc/ld.so.conf").open("a") as conf:
        conf.write("/usr/local/cuda/lib64/stubs\n/usr/local/lib\n")


def from_suite(suite, root, tools):
    subprocess.run(["rm", "-r", root], check=True)
    subprocess.run(["cp", "-a", IMAGES / suite, root], check=True)


def from_layout(layout, root, tools):
    """With this machine's ldconfig and the libraries of its own directory."""
    getattr(layouts, layout)(root, tools)
    for path in pathlib.Path("/usr/lib", container.MULTIARCH).glob("lib*.so*"):
        place = root / LAYOUTS[layout] / path.name
        if path.is_file() and not place.exists() and "nvidia" not in path.name:
            shutil.copy(path, place, follow_symlinks=False)
    for name in ("sbin", "usr/bin", "etc/ld.so.conf.d"):
        (root / name).mkdir(parents=True, exist_ok=True)
    shutil.copy("/sbin/ldconfig", root / "sbin/ldconfig")
    shutil.copy(shutil.which("busybox"), root / "bin/busybox")


KINDS = [pytest.param((make, name), id=name) for make, names in
         ((from_suite, SUITES), (from_layout, LAYOUTS if SUITES else [])) for name in names]


@pytest.fixture(params=KINDS)
def image(request, make_bundle, tools, change):
    """A bundle whose image has a cache of its own ldconfig."""
    make, name = request.param
    bundle = make_bundle("plain")
    make(name, bundle.root, tools)
    change(bundle.root)
    subprocess.run(["chroot", bundle.root, "/sbin/ldconfig"], check=True, capture_output=True)
    return bundle.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=all")


def entries(made, cache):
    """What the image's own ldconfig says of a cache: [(name, flags, path)], and its last line."""
    result = made.inside("/sbin/ldconfig", "-p", "-C", cache)
    assert result.code == 0, result.err
    head, *lines = result.out.splitlines()
    last = [line for line in lines if not line.startswith("\t")]
    found = [LINE.match(line).groups() for line in lines if line.startswith("\t")]
    assert int(head.split()[0]) == len(found)
    return found, last


def in_place(root, entry):
    """With the directory as it is without links: ld.so.conf can name another way to it."""
    name, flags, path = entry
    directory = os.path.realpath(root / os.path.dirname(path).lstrip("/"))
    return name, flags, f"{directory}/{os.path.basename(path)}"


def rebuild(made):
    """By the image's own ldconfig, which is told of the directories for a 32-bit driver as well."""
    root = made.bundle.root
    conf = (root / "etc/ld.so.conf").read_text()
    (root / "etc/rebuilt.conf").write_text(f"{conf}\n/usr/lib/i386-linux-gnu\n/usr/lib32\n")
    result = made.inside("/sbin/ldconfig", "-X", "-f", "/etc/rebuilt.conf", "-C", "/etc/rebuilt")
    assert result.code == 0, result.err
    return entries(made, "/etc/rebuilt")


def resolved(made, found, abi):
    """Each name of that ABI as the image's own loader resolves it, in a process of its own."""
    names = list(dict.fromkeys(name for name, flags, _ in found if flags.split(", ")[0] == abi))
    libc = next(path for name, flags, path in found
                if name == "libc.so.6" and flags.split(", ")[0] == abi)
    result = made.inside(*env(made), f"LD_PRELOAD={' '.join(names)}", "LD_TRACE_LOADED_OBJECTS=1",
                         LOADERS[abi], libc)
    assert result.code == 0, result.err
    return re.sub(r" \(0x[0-9a-f]+\)", "", result.out), result.err


def env(made):
    busybox = made.bundle.root / "bin/busybox"
    return ["/bin/busybox", "env"] if busybox.exists() else ["/usr/bin/env"]


def split(made, found):
    """The names of libraries that the hook mounted, and all others."""
    root = made.bundle.root
    mounts = {os.path.realpath(root / place.lstrip("/")) for place in made.mounts()}
    ours = [entry for entry in found if os.path.realpath(root / entry[2].lstrip("/")) in mounts]
    return ours, [entry for entry in found if entry not in ours]


@pytest.mark.parametrize("change", [nothing, rivals])
def test_merged_cache_is_that_of_the_images_ldconfig(hand_made, image, change):
    made = hand_made(image)
    done = made.hook()
    assert (done.returncode, done.stderr, image.logged()) == (0, "", "")
    merged, generator = entries(made, "/etc/ld.so.cache")
    rebuilt, other_generator = rebuild(made)
    assert generator == other_generator
    of_driver, others = split(made, merged)
    assert len(of_driver) > 10
    theirs_of_driver, their_others = split(made, rebuilt)
    assert others == their_others
    assert sorted(in_place(image.root, entry) for entry in of_driver) == \
        sorted(in_place(image.root, entry) for entry in theirs_of_driver)
    if change is nothing:
        assert [entry[:2] for entry in merged] == [entry[:2] for entry in rebuilt]
    for name, flags, _ in of_driver:
        first = next(entry for entry in merged if entry[:2] == (name, flags))
        assert first in of_driver, first
    check_resolution(made, merged, of_driver)


def check_resolution(made, merged, of_driver):
    root = made.bundle.root
    abis = [abi for abi in LOADERS if (root / LOADERS[abi].lstrip("/")).exists()]
    ours = {abi: resolved(made, merged, abi) for abi in abis}
    for name, flags, path in of_driver:
        if flags in ours and not name.endswith(".so"):
            assert f"\t{name} => {path}\n" in ours[flags][0]
    shutil.copy(root / "etc/rebuilt", root / "etc/ld.so.cache")
    names = {name for name, _, _ in of_driver}
    for abi in abis:
        theirs = resolved(made, merged, abi)
        assert without(names, ours[abi][0]) == without(names, theirs[0])
        assert ours[abi][1] == theirs[1]


def without(names, text):
    return [line for line in text.splitlines() if line.split()[0] not in names]
