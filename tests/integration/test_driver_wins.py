# SPDX-License-Identifier: Apache-2.0
"""Of several libraries of one SONAME a program gets the driver's, by its image's own loader; but a
libcuda of the image that serves the driver (cuda-compat) comes before that."""

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
MULTIARCH = f"usr/lib/{container.MULTIARCH}"
DRIVER = f"/{MULTIARCH}/libcuda.so.{VERSION} libcuda"
CACHE = "etc/ld.so.cache"


@pytest.fixture
def image(make_bundle, tools):
    """A Debian with needs_cuda, which is linked with libcuda.so.1."""
    bundle = make_bundle()
    shutil.copy(tools.needs_cuda(), bundle.root / "bin/needs_cuda")
    return bundle.env("NVIDIA_VISIBLE_DEVICES=all")


def ldconfig(bundle):
    subprocess.run(["ldconfig", "-r", bundle.root], check=True, capture_output=True)


def without_ldconfig(bundle):
    bundle.set_settings('[nvidia-container-cli]\nldconfig = "@/sbin/no-ldconfig"\n')


def stub_in_conf(bundle):
    compat_library.make(bundle.root, version="470.1.1", place="usr/local/cuda/lib64/stubs")
    (bundle.root / "etc/ld.so.conf.d/stubs.conf").write_text("/usr/local/cuda/lib64/stubs\n")


def baked_into_usr_local(bundle):
    compat_library.make(bundle.root, version="999.1.1", place="usr/local/lib")
    (bundle.root / "etc/ld.so.conf.d/local.conf").write_text("/usr/local/lib\n")


def baked_into_multiarch(bundle):
    compat_library.make(bundle.root, version="999.1.1", place=MULTIARCH)


def baked_for_some_cpus(bundle):
    compat_library.make(bundle.root, version="999.1.1", place=f"{MULTIARCH}/glibc-hwcaps/x86-64-v2")


RIVALS = [stub_in_conf, baked_into_usr_local, baked_into_multiarch, baked_for_some_cpus]


@pytest.mark.parametrize("way", ["auto", "ldconfig", "stale", "stale without ldconfig"])
@pytest.mark.parametrize("rival", RIVALS)
def test_a_program_gets_the_drivers_library(hand_made, image, rival, way):
    rival(image)
    ldconfig(image)
    if way.startswith("stale"):
        os.utime(image.root / CACHE, (0, 0))
    if way == "stale without ldconfig":
        without_ldconfig(image)
    elif way == "ldconfig":
        image.set_settings('ldcache = "ldconfig"\n')
    made = hand_made(image)
    done = made.hook()
    assert (done.returncode, done.stderr) == (0, "")
    result = made.inside("/bin/needs_cuda", "load:libcuda.so.1", "load:libnvidia-ml.so.1")
    assert result["needed"] == DRIVER
    assert result["load:libcuda.so.1"] == DRIVER
    assert result["load:libnvidia-ml.so.1"].endswith(" libnvidia-ml")


@pytest.mark.parametrize("rival", RIVALS)
def test_the_compat_library_comes_first(hand_made, image, rival):
    rival(image)
    compat_library.make(image.root, text=compat_library.note())
    compat_library.make(image.root, "libnvidia-ptxjitcompiler", text=compat_library.note())
    ldconfig(image)
    made = hand_made(image)
    assert made.hook().returncode == 0
    result = made.inside("/bin/needs_cuda", "load:libnvidia-ptxjitcompiler.so.1",
                         "load:libnvidia-ml.so.1")
    assert result["needed"] == f"/{compat_library.PLACE}/libcuda.so.590.44.01 compat libcuda"
    assert result["load:libnvidia-ptxjitcompiler.so.1"].endswith(" compat libnvidia-ptxjitcompiler")
    assert result["load:libnvidia-ml.so.1"].endswith(" libnvidia-ml")


def lines(cache):
    return subprocess.run(["ldconfig", "-p", "-C", cache], check=True, capture_output=True,
                          text=True).stdout.splitlines()


def without_driver(bundle, entries):
    names = {pathlib.Path(mount["inside"]).name for mount in bundle.plan()["mounts"]}
    names |= {pathlib.Path(link["inside"]).name for link in bundle.plan()["links"]}
    return [line for line in entries if line.startswith("\t") and line.split()[0] not in names]


def test_a_sound_cache_is_merged_like_ldconfigs(hand_made, image):
    # the cache of this machine, with its hundreds of entries
    shutil.rmtree(image.root / "etc/ld.so.conf.d")
    shutil.copytree("/etc/ld.so.conf.d", image.root / "etc/ld.so.conf.d")
    shutil.copy("/etc/ld.so.conf", image.root / "etc/ld.so.conf")
    shutil.rmtree(image.root / MULTIARCH)
    shutil.copytree(f"/{MULTIARCH}", image.root / MULTIARCH, symlinks=True,
                    ignore=lambda directory, names: [
                        name for name in names if name.startswith("libcuda")
                        or (pathlib.Path(directory) / name).is_dir()])
    ldconfig(image)
    image.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=all")
    before = lines(image.root / CACHE)
    made = hand_made(image)
    done = made.hook()
    assert (done.returncode, image.logged()) == (0, "")
    merged = lines(image.root / CACHE)
    assert without_driver(image, merged) == without_driver(image, before)
    # in the container, with the driver's libraries in place
    subprocess.run(["nsenter", f"--mount=/proc/{made.pid}/ns/mnt", "/sbin/ldconfig", "-r",
                    image.root, "-X", "-C", "/etc/made", "/usr/lib/i386-linux-gnu"],
                   check=True, capture_output=True)
    rebuilt = lines(image.root / "etc/made")
    assert without_driver(image, merged) == without_driver(image, rebuilt)
    assert merged[-1] == rebuilt[-1], "the generator"
    def names(entries):
        return sorted(line.split(" => ")[0] for line in entries[1:-1])
    assert names(merged) == names(rebuilt)


@pytest.mark.parametrize("layout", ["fedora", "opensuse", "arch", "debian_before_merge"])
def test_other_layouts_need_no_ldconfig(hand_made, make_bundle, tools, layout):
    bundle = make_bundle("plain")
    getattr(layouts, layout)(bundle.root, tools)
    without_ldconfig(bundle)
    before = lines(bundle.root / CACHE)
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))
    done = made.hook()
    assert (done.returncode, done.stderr, bundle.logged()) == (0, "", "")
    assert without_driver(bundle, lines(bundle.root / CACHE)) == without_driver(bundle, before)
    assert made.inside("/bin/needs_cuda")["needed"].endswith(f"/libcuda.so.{VERSION} libcuda")


def old_directory(bundle):
    """A directory in which something was changed since the cache was made."""
    (bundle.root / "usr/lib/new").mkdir()
    os.utime(bundle.root / CACHE, (0, 0))
    return "'/lib' is newer"


def new_configuration(bundle):
    compat_library.make(bundle.root, "libown", place="opt/own")
    os.utime(bundle.root / "opt/own", (0, 0))
    (bundle.root / "etc/ld.so.conf.d/own.conf").write_text("/opt/own\n")
    return "it lacks the libraries in '/opt/own'"


def damaged(bundle):
    cache = bundle.root / CACHE
    cache.write_bytes(cache.read_bytes()[:100])
    return "an ld.so.cache "


STALE = [old_directory, new_configuration, damaged]


@pytest.mark.parametrize("make_stale", STALE)
def test_ldconfig_is_run_for_a_stale_cache(hand_made, image, make_stale):
    reason = make_stale(image)
    made = hand_made(image)
    assert made.hook().returncode == 0
    assert f"ldconfig was run for ld.so.cache: {reason}" in image.logged()
    assert made.inside("/bin/needs_cuda")["needed"] == DRIVER
    if make_stale is new_configuration:
        assert "libown.so.1" in dict(container.cached_libraries(image.root / CACHE))


@pytest.mark.parametrize("make_stale", STALE)
def test_a_host_without_ldconfig_starts_containers(hand_made, image, make_stale):
    reason = make_stale(image)
    without_ldconfig(image)
    made = hand_made(image)
    done = made.hook()
    assert (done.returncode, done.stderr) == (0, "")
    assert f"ld.so.cache can lack libraries of the image: {reason}" in image.logged()
    assert made.inside("/bin/needs_cuda")["needed"] == DRIVER


def test_mode_and_owner_of_the_cache_stay(hand_made, image):
    cache = image.root / CACHE
    cache.chmod(0o604)
    os.chown(cache, 12, 34)
    assert hand_made(image).hook().returncode == 0
    found = cache.stat()
    assert "libcuda.so.1" in dict(container.cached_libraries(cache))
    assert (found.st_mode & 0o7777, found.st_uid, found.st_gid) == (0o604, 12, 34)


def test_an_ldconfig_that_fails_is_a_warning(hand_made, image):
    old_directory(image)
    image.set_settings('[nvidia-container-cli]\nldconfig = "@/bin/false"\n')
    made = hand_made(image)
    assert made.hook().returncode == 0
    assert "/bin/false failed with status 1" in image.logged()
    assert made.inside("/bin/needs_cuda")["needed"] == DRIVER
