# SPDX-License-Identifier: Apache-2.0
"""The container's ld.so.cache: it holds the driver's libraries and prefers what it preferred."""

import os
import shutil

import container
import make_driver
import pytest

LIBRARIES = "/usr/lib/x86_64-linux-gnu"
VERSION = make_driver.VERSION
OWN = "/usr/local/lib/libown.so.1"


def make_library(path, name, soname):
    path.parent.mkdir(parents=True, exist_ok=True)
    container.subprocess.run(
        ["gcc", "-shared", "-fPIC", "-nostdlib", "-x", "c", "-", "-o", path,
         f"-Wl,-soname,{soname}"], check=True,
        input=f'const char grapnel_simulated[] = "{name}";\n'.encode())


@pytest.fixture
def made(hand_made, bundle):
    return hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))


def cache_of(bundle):
    return container.cached_libraries(bundle.root / "etc/ld.so.cache")


def test_the_cache_names_the_drivers_libraries(engine, bundle):
    assert engine(bundle.env("NVIDIA_VISIBLE_DEVICES=all")).code == 0
    cached = dict(cache_of(bundle))
    for soname in ("libcuda.so.1", "libnvidia-ml.so.1", "libnvidia-newthing.so.1"):
        assert cached[soname] == f"{LIBRARIES}/{soname}"
    assert "libc.so.6" in cached


def test_an_images_preferred_library_stays_preferred(engine, bundle):
    make_library(bundle.root / OWN.lstrip("/"), "preferred", "libown.so.1")
    make_library(bundle.root / LIBRARIES.lstrip("/") / "libown.so.1", "passed over", "libown.so.1")
    (bundle.root / "etc/ld.so.conf.d/local.conf").write_text("/usr/local/lib\n")
    container.subprocess.run(["ldconfig", "-r", bundle.root], check=True, capture_output=True)
    assert cache_of(bundle)[0] != ("libown.so.1", f"{LIBRARIES}/libown.so.1")
    result = engine(bundle.env("NVIDIA_VISIBLE_DEVICES=all"), "load:libown.so.1",
                    "load:libcuda.so.1")
    assert result["load:libown.so.1"] == f"{OWN} preferred"
    assert result["load:libcuda.so.1"].endswith(" libcuda")


def test_the_order_of_the_images_entries_is_kept(engine, bundle):
    for directory in ("b", "a", "c"):
        make_library(bundle.root / f"opt/{directory}/libown.so.1", directory, "libown.so.1")
    (bundle.root / "etc/ld.so.conf").write_text("/opt/b\n/opt/c\n/opt/a\n")
    container.subprocess.run(["ldconfig", "-r", bundle.root], check=True, capture_output=True)
    own = [entry for entry in cache_of(bundle) if entry[0] == "libown.so.1"]
    assert engine(bundle.env("NVIDIA_VISIBLE_DEVICES=all")).code == 0
    assert [entry for entry in cache_of(bundle) if entry[0] == "libown.so.1"] == own


def test_an_image_without_a_cache_gets_one(engine, make_bundle):
    bundle = make_bundle("plain")
    assert not (bundle.root / "etc/ld.so.cache").exists()
    result = engine(bundle.env("NVIDIA_VISIBLE_DEVICES=all"), "load:libcuda.so.1")
    assert result["load:libcuda.so.1"] == f"/usr/lib/libcuda.so.{VERSION} libcuda"
    assert (bundle.root / "etc/ld.so.cache").stat().st_mode & 0o7777 == 0o644


def test_merged_cache_is_like_the_images(engine, bundle):
    own = bundle.root / "etc/ld.so.cache"
    container.mark(own)
    before = container.marks(own)
    engine(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))
    after = container.marks(own)
    assert after["inode"] != before["inode"]
    assert after["mode"] == before["mode"] & ~0o4000  # for another content
    assert (after["owner"], after["attributes"]) == (before["owner"], before["attributes"])


def test_off_leaves_cache_and_default_directories(engine, bundle):
    bundle.set_settings('ldcache = "off"\n')
    before = container.listing(bundle.root, without=())
    result = engine(bundle.env("NVIDIA_VISIBLE_DEVICES=all"), "load:libcuda.so.1")
    assert result["load:libcuda.so.1"] == f"{LIBRARIES}/libcuda.so.{VERSION} libcuda"
    assert container.listing(bundle.root, without=()) == before


def test_an_up_to_date_cache_is_not_written(made, bundle):
    assert made.hook().returncode == 0
    before = (bundle.root / "etc/ld.so.cache").stat()
    assert made.hook().returncode == 0
    after = (bundle.root / "etc/ld.so.cache").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def replace_cache(bundle, kind):
    cache = bundle.root / "etc/ld.so.cache"
    cache.unlink()
    if kind == "fifo":
        os.mkfifo(cache)
    elif kind == "link to nowhere":
        cache.symlink_to("../nowhere/ld.so.cache")
    elif kind == "link to another file":
        cache.symlink_to("passwd")
    elif kind == "nonsense":
        cache.write_bytes(os.urandom(5000))
    elif kind == "empty":
        cache.touch()
    return cache


@pytest.mark.parametrize("kind", ["fifo", "link to nowhere", "link to another file", "nonsense",
                                  "empty"])
def test_a_special_file_instead_of_cache_is_replaced(engine, bundle, kind):
    cache = replace_cache(bundle, kind)
    passwd = (bundle.root / "etc/passwd").read_text()
    result = engine(bundle.env("NVIDIA_VISIBLE_DEVICES=all"), "load:libcuda.so.1")
    assert result["load:libcuda.so.1"].endswith(" libcuda")
    assert cache.is_file() and not cache.is_symlink()
    assert (bundle.root / "etc/passwd").read_text() == passwd


def test_a_directory_instead_of_the_cache_stays(engine, bundle):
    cache = bundle.root / "etc/ld.so.cache"
    cache.unlink()
    cache.mkdir()
    before = container.listing(bundle.root, without=())
    result = engine(bundle.env("NVIDIA_VISIBLE_DEVICES=all"), "load:libcuda.so.1")
    assert result["load:libcuda.so.1"].endswith(" libcuda")
    assert " warning: ld.so.cache stays as it is: " in bundle.logged()
    assert bundle.logged().count("\n") == 1
    assert container.listing(bundle.root, without=()) == before


def test_a_failing_ldconfigs_last_words_are_shown(made, bundle, tmp_path):
    program = tmp_path / "ldconfig"
    source = tmp_path / "ldconfig.c"
    source.write_text('#include <unistd.h>\nint main(void) '
                      '{ return write(2, "no\\nsuch luck\\n", 13) == 13 ? 3 : 4; }\n')
    container.subprocess.run(["gcc", "-static", source, "-o", program], check=True)
    bundle.set_settings(
        f'ldcache = "ldconfig"\n[nvidia-container-cli]\nldconfig = "@{program}"\n')
    done = made.hook()
    assert done.returncode == 1
    assert done.stderr == (
        f"grapnel-hook: update ld.so.cache: {program} failed with status 3: 'such luck': "
        'ldcache = "off" in the settings starts the container without it\n')


def test_a_missing_ldconfig_is_an_error_with_cure(made, bundle):
    bundle.set_settings(
        'ldcache = "ldconfig"\n[nvidia-container-cli]\nldconfig = "@/sbin/no-ldconfig"\n')
    done = made.hook()
    assert done.returncode == 1
    assert done.stderr == (
        "grapnel-hook: update ld.so.cache: open /sbin/no-ldconfig: No such file or directory: name the host's in "
        'nvidia-container-cli.ldconfig, or set ldcache = "off"\n')


def test_debians_wrapped_ldconfig_is_passed_over(made, bundle, tmp_path):
    # where /sbin/ldconfig is a script, as in Ubuntu, the program is /sbin/ldconfig.real
    wrapped = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
               'd="$1"; shift; mkdir "$d/upper" "$d/work"; mount -t overlay overlay -o '
               '"lowerdir=/sbin/.,upperdir=$d/upper,workdir=$d/work" /sbin && '
               'mv /sbin/ldconfig /sbin/ldconfig.real && '
               'printf "#!/bin/sh\\nexit 9\\n" >/sbin/ldconfig && exec "$@"', "sh"]
    bundle.set_settings('ldcache = "ldconfig"\n')
    overlay = tmp_path / "overlay"
    overlay.mkdir()
    container.subprocess.run(["mount", "-t", "tmpfs", "tmpfs", overlay], check=True)
    try:
        done = made.hook(prefix=[*wrapped, str(overlay)],
                         env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin"})
    finally:
        container.subprocess.run(["umount", overlay], check=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "libcuda.so.1" in dict(cache_of(bundle))


def test_a_configuration_that_includes_itself_ends(made, bundle):
    (bundle.root / "etc/ld.so.conf").write_text("include /etc/ld.so.conf\n")
    done = made.hook()
    assert done.returncode == 0 or done.stderr.startswith("grapnel-hook: update ld.so.cache: ")
    assert done.stderr.count("\n") <= 1


def test_libraries_on_a_volume_are_found(engine, bundle, tmp_path):
    volume = tmp_path / "volume"
    make_library(volume / "libvolume.so.1", "volume", "libvolume.so.1")
    (bundle.root / "etc/ld.so.conf").write_text("/opt/volume\n")
    bundle.config["mounts"].append({"destination": "/opt/volume", "type": "bind",
                                    "source": str(volume), "options": ["rbind", "ro"]})
    result = engine(bundle.env("NVIDIA_VISIBLE_DEVICES=all"), "load:libvolume.so.1")
    assert result["load:libvolume.so.1"] == "/opt/volume/libvolume.so.1 volume"


@pytest.mark.parametrize("place", ["etc", "etc/ld.so.cache"])
def test_a_cache_on_a_volume_is_left_alone(engine, bundle, tmp_path, place):
    volume = tmp_path / "volume"
    copy = shutil.copytree if place == "etc" else shutil.copy
    copy(bundle.root / place, volume)
    bundle.config["mounts"].append({"destination": f"/{place}", "type": "bind",
                                    "source": str(volume), "options": ["bind", "rprivate"]})
    caches = [bundle.root / "etc/ld.so.cache",
              volume / "ld.so.cache" if place == "etc" else volume]
    before = [cache.read_bytes() for cache in caches]
    result = engine(bundle.env("NVIDIA_VISIBLE_DEVICES=all"), "load:libcuda.so.1")
    assert result["load:libcuda.so.1"].endswith(" libcuda")
    assert [cache.read_bytes() for cache in caches] == before
    assert f"ld.so.cache stays as it is: '/{place}' lies on a volume" in bundle.logged()


def test_restart_on_same_root_needs_no_ldconfig(hand_made, bundle):
    """The mount points of the first container leave the times of their directories as they were."""
    for directory, _, _ in os.walk(bundle.root):
        os.utime(directory, (1_600_000_000, 1_600_000_000))
    times = {directory: os.stat(directory).st_mtime_ns
             for directory, _, _ in os.walk(bundle.root / "usr")}
    container.subprocess.run(["ldconfig", "-r", bundle.root], check=True, capture_output=True)
    bundle.set_settings('[nvidia-container-cli]\nldconfig = "@/sbin/no-ldconfig"\n')
    bundle.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=all")
    for _ in range(3):
        made = hand_made(bundle)
        done = made.hook()
        assert (done.returncode, done.stderr) == (0, "")
        assert "libcuda" in made.look("load:libcuda.so.1")["load:libcuda.so.1"]
        made.end()
        assert bundle.call_hook("poststop").returncode == 0
        assert {directory: os.stat(directory).st_mtime_ns for directory in times} == times
    assert " warning: " not in bundle.logged()


def test_change_of_another_stays_visible(hand_made, bundle):
    """A directory that somebody changed just now keeps its time."""
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))
    libraries = bundle.root / "usr/lib/x86_64-linux-gnu"
    (libraries / "libnew.so").touch()
    changed = libraries.stat().st_mtime_ns
    assert made.hook().returncode == 0
    assert libraries.stat().st_mtime_ns >= changed
