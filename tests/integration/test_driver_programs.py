# SPDX-License-Identifier: Apache-2.0
"""Programs of the driver that name a loader of their own, as those of NixOS do."""

import pathlib
import shutil
import subprocess

import pytest

STORE = pathlib.Path("/nix/store")
GLIBC = STORE / "g-glibc/lib"
DRIVER = STORE / "y-nvidia/lib"
PROGRAM = "/opt/nvidia/bin/nvidia-smi"
SOURCE = """
#include <dlfcn.h>
#include <stdio.h>
int main(void) {
    void* library = dlopen("libnvidia-ml.so.1", RTLD_NOW);
    puts(library ? "NVML loaded" : dlerror());
    return library == NULL;
}
"""


@pytest.fixture
def store():
    """Of this mount namespace alone, as is all of the simulated host."""
    place = STORE.parent
    is_new = not place.exists()
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", place], check=True)
    yield
    subprocess.run(["umount", "--lazy", place], check=True)
    if is_new:
        place.rmdir()


@pytest.fixture
def nix_program(store, tmp_path):
    """nvidia-smi linked with a glibc in the store, which has no ld.so.cache."""
    GLIBC.mkdir(parents=True)
    DRIVER.mkdir(parents=True)
    for name in ("ld-linux-x86-64.so.2", "libc.so.6"):
        shutil.copy(pathlib.Path("/lib/x86_64-linux-gnu") / name, GLIBC / name)
    library = next(pathlib.Path("/opt/nvidia/lib64").glob("libnvidia-ml.so.*.*"))
    (DRIVER / "libnvidia-ml.so.1").symlink_to(library)
    (tmp_path / "smi.c").write_text(SOURCE)
    saved = pathlib.Path(PROGRAM).rename(f"{PROGRAM}.saved")
    subprocess.run(["gcc", tmp_path / "smi.c", "-o", PROGRAM,
                    f"-Wl,--dynamic-linker={GLIBC}/ld-linux-x86-64.so.2",
                    f"-Wl,--enable-new-dtags,-rpath,{DRIVER}:{GLIBC}"], check=True)
    yield
    saved.rename(PROGRAM)


@pytest.mark.parametrize("family", ["debian", "fedora", "plain"])
def test_a_program_starts_with_its_own_loader(engine, make_bundle, nix_program, family):
    bundle = make_bundle(family)
    bundle.env("NVIDIA_VISIBLE_DEVICES=0", "NVIDIA_DRIVER_CAPABILITIES=utility")
    result = engine(bundle, args=["/usr/bin/nvidia-smi"])
    assert result.code == 0, result.out + result.err
    assert "NVML loaded" in result.out
    assert "cannot start" not in bundle.logged()


def test_a_missing_loader_is_a_warning(engine, bundle, nix_program):
    (GLIBC / "ld-linux-x86-64.so.2").unlink()
    bundle.env("NVIDIA_VISIBLE_DEVICES=0", "NVIDIA_DRIVER_CAPABILITIES=utility")
    assert engine(bundle).code == 0
    assert f"{PROGRAM}: its loader {GLIBC}/ld-linux-x86-64.so.2 is not on this host" \
        in bundle.logged()


@pytest.fixture
def usual_program():
    """nvidia-smi with glibc's loader, as every distribution's."""
    saved = pathlib.Path(PROGRAM).rename(f"{PROGRAM}.saved")
    shutil.copy("/bin/true", PROGRAM)
    yield
    saved.rename(PROGRAM)


@pytest.mark.parametrize("loader", ["missing", "file", "link"])
def test_an_image_without_glibcs_loader_is_a_warning(bundle, hand_made, usual_program, loader):
    path = bundle.root / "lib64/ld-linux-x86-64.so.2"
    path.unlink(missing_ok=True)
    if loader == "file":
        path.write_text("")
    if loader == "link":  # Alpine's gcompat
        path.symlink_to("../lib/libgcompat.so.0")
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=0"))
    done = made.hook()
    assert (done.returncode, done.stderr) == (0, "")
    line = ("warning: /lib64/ld-linux-x86-64.so.2: the image lacks this loader, without which "
            "nvidia-smi cannot start: use an image with glibc")
    assert (line in bundle.logged()) == (loader == "missing")


def test_a_missing_nvidia_smi_is_one_warning(bundle, hand_made):
    """Where utility is asked for by name; not by default."""
    saved = pathlib.Path(PROGRAM).rename(f"{PROGRAM}.saved")
    try:
        assert hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=0")).hook().returncode == 0
        assert "nvidia-smi" not in bundle.logged()
        bundle.env("NVIDIA_VISIBLE_DEVICES=0", "NVIDIA_DRIVER_CAPABILITIES=utility")
        assert hand_made(bundle).hook().returncode == 0
        assert bundle.logged().count(
            "warning: nvidia-smi was not found on this host, and driver capability utility is "
            "asked for: install it, or name its directory in binary-search-path") == 1
    finally:
        saved.rename(PROGRAM)
