# SPDX-License-Identifier: Apache-2.0
"""The drivers that Debian packages, laid out by tests/nightly/drivers."""

import os
import pathlib
import re
import shutil

import pytest

import container

TREES = pathlib.Path(os.environ.get("GRAPNEL_DRIVER_TREES", "/nonexistent"))
VERSIONED = re.compile(r"lib\S+\.so\.(\d+\.\d+(?:\.\d+)?)$")

# libraries of the packages that no container gets
EXCEPTIONS = {
    "libglxserver_nvidia": "a module of the X server, given as one",
    "libnvidia-gtk2": "of nvidia-settings, a program of the desktop",
    "libnvidia-gtk3": "of nvidia-settings, a program of the desktop",
    "libnvidia-wfb": "a module of X servers before 1.6",
    "libnvidia-wayland-client": "of nvidia-settings, a program of the desktop",
    "libGL": "of a driver without glvnd, which another one with glvnd stands beside",
}

# dlopen of glibc 2.41 and newer refuses libraries of the 340 branch
NO_FAULT_OF_OURS = "cannot enable executable stack"

LOADED = ("libEGL_nvidia.so.0", "libGLX_nvidia.so.0", "libnvidia-opencl.so.1", "libcuda.so.1",
          "libnvidia-ml.so.1")


def trees():
    return sorted(path.name for path in TREES.glob("*"))


def version_of(tree):
    """The driver's version, by its libcuda."""
    names = (tree / "host/usr/lib/x86_64-linux-gnu").glob("nvidia/*/libcuda.so.*.*")
    return VERSIONED.match(next(names).name).group(1)


@pytest.fixture(params=trees() or [pytest.param("", marks=pytest.mark.skip(
    reason="no drivers are laid out: start this with tests/nightly/drivers"))])
def tree(request):
    return TREES / request.param


@pytest.fixture
def machine(bundle, tree):
    """A bundle on a host that has this driver below the driver root."""
    version = pathlib.Path("/proc/driver/nvidia/version")
    before = version.read_text()
    version.write_text(re.sub(r"\d+\.\d+(\.\d+)?  Release", f"{version_of(tree)}  Release", before))
    bundle.set_settings(f'[nvidia-container-cli]\nroot = "{tree}/host"\n')
    bundle.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=all")
    yield bundle
    version.write_text(before)


def libraries(tree):
    """The files of this driver's libraries, by their path without links."""
    version = version_of(tree)
    return {path.resolve() for path in (tree / "host/usr/lib").rglob("lib*.so.*")
            if path.name.endswith(f".so.{version}") and path.is_file()}


def test_every_packaged_library_is_in_the_plan(machine, tree):
    planned = {pathlib.Path(mount["host"]).resolve() for mount in machine.plan()["mounts"]}
    left_out = {str(path) for path in libraries(tree) - planned
                if path.name.split(".so")[0] not in EXCEPTIONS}
    assert not left_out
    assert len(planned & libraries(tree)) > 20


def test_no_planned_library_lacks_another(machine, tree):
    machine.plan()
    assert "cannot be loaded" not in machine.logged()


@pytest.fixture
def image(machine, tree):
    """The bundle's root file system: the libraries of the suite, and look.c for both machines."""
    shutil.rmtree(machine.root)
    shutil.copytree(tree / "image", machine.root, symlinks=True)
    shutil.copy(machine.tools.look, machine.root / "bin/look")
    shutil.copy(machine.tools.compiled("look32", "look.c", "-m32"), machine.root / "bin/look32")
    return machine


def loads(machine, program):
    """How each library loads in a container, by the loader's own search."""
    queries = [f"load:{soname}" for soname in LOADED]
    result = machine.show_proc_driver().run("runc", "v2", args=[program, *queries])
    assert result.code == 0, result
    return {soname: result[f"load:{soname}"] for soname in LOADED}


@pytest.mark.parametrize("program, kind", [("/bin/look", "library"), ("/bin/look32", "library32")])
def test_the_loader_finds_every_needed_library(image, tree, program, kind):
    paths = [link["inside"] for link in image.plan()["links"]]
    if kind == "library32" and not list((tree / "host/usr/lib/i386-linux-gnu").glob("nvidia/*")):
        pytest.skip("this branch has no 32-bit libraries")
    assert paths
    # the file that was loaded, or the loader's error, which can name a file of that version too
    file = re.compile(rf"/\S+\.so\.{re.escape(version_of(tree))}( |$)")
    failed = {soname: outcome for soname, outcome in loads(image, program).items()
              if not file.match(outcome) and exists(tree, soname, kind)
              and NO_FAULT_OF_OURS not in outcome}
    assert not failed


def exists(tree, soname, kind):
    triplet = "i386-linux-gnu" if kind == "library32" else "x86_64-linux-gnu"
    return any((tree / "host/usr/lib" / triplet).glob(f"nvidia/*/{soname}"))


def test_the_vulkan_file_names_a_library_that_loads(image, tree):
    plan = image.plan()
    files = [mount["inside"] for mount in plan["mounts"] if "vulkan/icd.d" in mount["inside"]]
    if not files or not exists(tree, "libGLX_nvidia.so.0", "library"):
        pytest.skip("this branch has no Vulkan")
    result = image.show_proc_driver().run("runc", "v2", f"text:{files[0]}")
    named = re.search(r'"library_path"\s*:\s*"([^"]+)"', result[f"text:{files[0]}"]).group(1)
    loaded = image.run("runc", "v2", f"load:{named}")[f"load:{named}"]
    assert re.match(rf"/\S+\.so\.{re.escape(version_of(tree))}( |$)", loaded), loaded
