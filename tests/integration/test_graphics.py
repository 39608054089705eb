# SPDX-License-Identifier: Apache-2.0
"""Containers that draw: files of loaders, DRM nodes, the application profile, 32-bit libraries."""

import json
import pathlib
import platform
import shutil
import subprocess

import container
import make_driver
import pytest

LIBRARIES = "/usr/lib/x86_64-linux-gnu"
LIBRARIES_32BIT = "/usr/lib/i386-linux-gnu"
VERSION = make_driver.VERSION
SHARE = pathlib.Path("/opt/nvidia/share")
PROFILE = "/etc/nvidia/nvidia-application-profiles-rc.d/10-container.conf"
BY_PATH = "/dev/dri/by-path"

# where a container finds what lies in the driver's share
FILES = {
    "/usr/share/glvnd/egl_vendor.d/10_nvidia.json": "glvnd/egl_vendor.d/10_nvidia.json",
    "/usr/share/egl/egl_external_platform.d/15_nvidia_gbm.json":
        "egl/egl_external_platform.d/15_nvidia_gbm.json",
    "/usr/share/nvidia/nvoptix.bin": "nvidia/nvoptix.bin",
    "/usr/share/X11/xorg.conf.d/10-nvidia.conf": "X11/xorg.conf.d/10-nvidia.conf",
    "/etc/vulkan/icd.d/nvidia_icd.json": "vulkan/icd.d/nvidia_icd.json",
}
LAYERS = "/etc/vulkan/implicit_layer.d/nvidia_layers.json"
DRAWN_WITH = [*FILES, LAYERS, PROFILE, "/dev/dri", "/dev/nvidia-modeset", "/usr/bin/nvidia-xconfig",
              "/usr/share/grapnel", f"{LIBRARIES}/gbm",
              "/opt/nvidia/lib64/xorg/modules/drivers/nvidia_drv.so"]


def nodes(index):
    """card and renderD of a GPU, and its links."""
    card, render = make_driver.drm(index)
    address = make_driver.pci(index)
    return ([f"/dev/dri/card{card}", f"/dev/dri/renderD{render}"],
            [f"{BY_PATH}/pci-{address}-card", f"{BY_PATH}/pci-{address}-render"])


@pytest.fixture(params=["graphics", "display", "compute, graphics"])
def drawing(bundle, request):
    return bundle.env("NVIDIA_VISIBLE_DEVICES=0", f"NVIDIA_DRIVER_CAPABILITIES={request.param}")


@pytest.fixture
def graphics(bundle):
    return bundle.env("NVIDIA_VISIBLE_DEVICES=0", "NVIDIA_DRIVER_CAPABILITIES=graphics")


def test_loaders_find_the_drivers_files(engine, drawing):
    before = container.listing(drawing.root)
    result = engine(drawing, *(f"text:{path}" for path in FILES), *(f"write:{path}" for path in FILES))
    assert result.code == 0, result.err
    for path, name in FILES.items():
        assert result[f"text:{path}"] == (SHARE / name).read_text(), path
        assert result[f"write:{path}"] == "EROFS", path
    assert container.listing(drawing.root) == before


def test_a_library_by_path_is_named_by_file(engine, graphics):
    result = engine(graphics, f"text:{LAYERS}", f"write:{LAYERS}", "load:libGLX_nvidia.so.0")
    theirs = json.loads((SHARE / LAYERS.removeprefix("/etc/")).read_text())
    assert theirs["ICD"]["library_path"] == "/opt/nvidia/lib64/libGLX_nvidia.so.0"
    assert json.loads(result[f"text:{LAYERS}"])["ICD"]["library_path"] == "libGLX_nvidia.so.0"
    assert result[f"write:{LAYERS}"] == "EROFS"
    assert result["load:libGLX_nvidia.so.0"].endswith(" libGLX_nvidia")


def test_libraries_and_links_lead_somewhere(engine, graphics):
    queries = {"libGLX_nvidia.so.0": "libGLX_nvidia", "libGLX_indirect.so.0": "libGLX_nvidia",
               "libnvidia-egl-gbm.so.1": "libnvidia-egl-gbm",
               "libGLX_nvidia.so": "libGLX_nvidia",
               f"{LIBRARIES}/gbm/nvidia-drm_gbm.so": "libnvidia-allocator",
               "/opt/nvidia/lib64/xorg/modules/extensions/libglxserver_nvidia.so":
                   "libglxserver_nvidia"}
    result = engine(graphics, *(f"load:{name}" for name in queries),
                    "text:/opt/nvidia/lib64/xorg/modules/drivers/nvidia_drv.so",
                    "stat:/usr/bin/nvidia-xconfig")
    for name, library in queries.items():
        assert result[f"load:{name}"].endswith(f" {library}"), result[f"load:{name}"]
    assert result["text:/opt/nvidia/lib64/xorg/modules/drivers/nvidia_drv.so"] == "module\n"
    assert result["stat:/usr/bin/nvidia-xconfig"].startswith("file ")


def test_drm_nodes_of_the_chosen_gpu_alone(engine, drawing):
    ours, our_links = nodes(0)
    others, their_links = nodes(1)
    card, render = make_driver.drm(1)
    result = engine(drawing, *(f"open:{path}" for path in ours + our_links + others + their_links),
                    f"make:c:226:{card}", f"make:c:226:{render}", "open:/dev/nvidia1",
                    "stat:/dev/nvidia0", "open:/dev/nvidia-modeset", f"list:{BY_PATH}")
    # ENXIO: the cgroup lets it through, and no driver is behind it
    for path in ours + our_links:
        assert result[f"open:{path}"] == "ENXIO", path
    for path in others + their_links:
        assert result[f"open:{path}"] == "ENOENT", path
    assert result[f"make:c:226:{card}"] == result[f"make:c:226:{render}"] == "EPERM"
    # GPU 0 has minor 1
    assert result["open:/dev/nvidia1"] == result["open:/dev/nvidia-modeset"] == "ENXIO"
    assert result["stat:/dev/nvidia0"] == "ENOENT"


@pytest.mark.parametrize("devices, mask", {"0": 2, "1": 1, "all": 3}.items())
def test_the_application_profile_names_the_gpus_by_minor(engine, graphics, devices, mask):
    graphics.env(f"NVIDIA_VISIBLE_DEVICES={devices}", "NVIDIA_DRIVER_CAPABILITIES=graphics")
    result = engine(graphics, f"text:{PROFILE}", f"write:{PROFILE}", f"stat:{PROFILE}")
    profile = json.loads(result[f"text:{PROFILE}"])
    assert profile == {
        "profiles": [{"name": "_container_", "settings": ["EGLVisibleDGPUDevices", mask]}],
        "rules": [{"pattern": [], "profile": "_container_"}]}
    assert result[f"write:{PROFILE}"] == "EROFS"
    assert result[f"stat:{PROFILE}"].startswith("file 444 ")


@pytest.mark.parametrize("capabilities", ["compute,utility", "video", "utility,compat32"])
def test_a_container_without_graphics_has_none_of_it(engine, bundle, capabilities):
    bundle.env("NVIDIA_VISIBLE_DEVICES=all", f"NVIDIA_DRIVER_CAPABILITIES={capabilities}")
    card, render = make_driver.drm(0)
    result = engine(bundle, *(f"stat:{path}" for path in DRAWN_WITH), f"make:c:226:{card}",
                    f"make:c:226:{render}", "text:/etc/OpenCL/vendors/nvidia.icd",
                    "open:/dev/nvidiactl")
    assert result.code == 0, result.err
    assert result["open:/dev/nvidiactl"] == "ENXIO"
    for path in DRAWN_WITH:
        assert result[f"stat:{path}"] == "ENOENT", path
    assert result[f"make:c:226:{card}"] == result[f"make:c:226:{render}"] == "EPERM"
    icd = result["text:/etc/OpenCL/vendors/nvidia.icd"]
    assert icd == ("libnvidia-opencl.so.1\n" if "compute" in capabilities else "ENOENT")


def test_vdpau_libraries_keep_their_directory(engine, bundle):
    bundle.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=video")
    place = f"{LIBRARIES}/vdpau/libvdpau_nvidia.so"
    result = engine(bundle, "load:libvdpau_nvidia.so.1", f"load:{place}.1", f"load:{place}")
    for name in (f"{place}.1", place):
        assert result[f"load:{name}"] == f"{place}.{VERSION} libvdpau_nvidia"
    assert "cannot open shared object" in result["load:libvdpau_nvidia.so.1"]


def test_files_of_the_image_beside_the_drivers_stay(engine, graphics):
    for name in ("usr/share/glvnd/egl_vendor.d/50_mesa.json", "etc/vulkan/icd.d/radeon_icd.json",
                 "usr/share/glvnd/egl_vendor.d/10_nvidia.json", LAYERS.lstrip("/"),
                 f"{LIBRARIES.lstrip('/')}/gbm/nvidia-drm_gbm.so",
                 f"{LIBRARIES.lstrip('/')}/gbm/dri_gbm.so"):
        path = graphics.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("of the image\n")
    before = container.listing(graphics.root)
    vendor = "/usr/share/glvnd/egl_vendor.d"
    result = engine(graphics, f"list:{vendor}", f"text:{vendor}/50_mesa.json",
                    f"text:{vendor}/10_nvidia.json", "list:/etc/vulkan/icd.d", f"text:{LAYERS}",
                    f"list:{LIBRARIES}/gbm", f"load:{LIBRARIES}/gbm/nvidia-drm_gbm.so")
    assert result[f"list:{vendor}"] == "10_nvidia.json 50_mesa.json"
    assert result[f"text:{vendor}/50_mesa.json"] == "of the image\n"
    assert "libEGL_nvidia.so.0" in result[f"text:{vendor}/10_nvidia.json"]
    assert result["list:/etc/vulkan/icd.d"] == "nvidia_icd.json radeon_icd.json"
    assert "libGLX_nvidia.so.0" in result[f"text:{LAYERS}"]
    assert result[f"list:{LIBRARIES}/gbm"] == "dri_gbm.so nvidia-drm_gbm.so"
    # a file of the image where the link belongs is covered by what the link leads to
    assert result[f"load:{LIBRARIES}/gbm/nvidia-drm_gbm.so"].endswith(" libnvidia-allocator")
    assert container.listing(graphics.root) == before


def test_a_read_only_root_draws(engine, graphics):
    graphics.config["root"]["readonly"] = True
    before = container.listing(graphics.root)
    result = engine(graphics, f"text:{PROFILE}", f"text:{LAYERS}", f"open:{nodes(0)[1][0]}",
                    "text:/etc/vulkan/icd.d/nvidia_icd.json")
    assert result.code == 0, result.err
    assert "EGLVisibleDGPUDevices" in result[f"text:{PROFILE}"]
    for path in (LAYERS, "/etc/vulkan/icd.d/nvidia_icd.json"):
        assert "libGLX_nvidia.so.0" in result[f"text:{path}"]
    assert result[f"open:{nodes(0)[1][0]}"] == "ENXIO"
    assert container.listing(graphics.root) == before


def test_the_second_hook_finds_the_work_done(engine, graphics):
    graphics.register("prestart", "createRuntime", "poststop")
    before = container.listing(graphics.root)
    result = engine(graphics, f"text:{LAYERS}", f"text:{PROFILE}", "mounts")
    assert result.code == 0, result.err + graphics.logged()
    assert "libGLX_nvidia.so.0" in result[f"text:{LAYERS}"]
    for place in (LAYERS, PROFILE.rpartition("/")[0], "/etc/vulkan/icd.d/nvidia_icd.json"):
        assert result["mounts"].count(f" {place} ") == 1, place
    assert container.listing(graphics.root) == before


@pytest.mark.parametrize("obstacle", [
    "etc/nvidia/nvidia-application-profiles-rc.d", "usr/share/grapnel"])
def test_what_is_optional_becomes_a_remark(engine, graphics, obstacle):
    path = graphics.root / obstacle
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("a file")
    result = engine(graphics, "load:libGLX_nvidia.so.0", "text:/etc/vulkan/icd.d/nvidia_icd.json",
                    f"text:{PROFILE}", f"stat:{LAYERS}")
    assert result.code == 0, result.err
    assert result["load:libGLX_nvidia.so.0"].endswith(" libGLX_nvidia")
    assert "libGLX_nvidia.so.0" in result["text:/etc/vulkan/icd.d/nvidia_icd.json"]
    assert (f"warning: /{obstacle} is left out: '/{obstacle}' in the root file system is no directory"
            in graphics.logged())
    lost = f"text:{PROFILE}" if "profiles" in obstacle else f"stat:{LAYERS}"
    assert result[lost] in ("ENOENT", "ENOTDIR")


def test_a_directory_instead_of_loader_files_warns(engine, graphics):
    name = "/etc/vulkan/icd.d/nvidia_icd.json"
    (graphics.root / name.lstrip("/")).mkdir(parents=True)
    result = engine(graphics, "load:libGLX_nvidia.so.0", f"stat:{name}", f"text:{LAYERS}")
    assert result.code == 0, result.err
    assert result["load:libGLX_nvidia.so.0"].endswith(" libGLX_nvidia")
    assert result[f"stat:{name}"].startswith("directory ")
    assert "libGLX_nvidia.so.0" in result[f"text:{LAYERS}"]
    assert f"{name} is left out: '{name}' in the root file system is a directory" in graphics.logged()


needs_32bit = pytest.mark.skipif(platform.machine() != "x86_64",
                                 reason="the simulated driver has 32-bit libraries on x86_64 alone")


@needs_32bit
def test_a_32_bit_program_loads_32_bit_libraries(engine, bundle, tools):
    look = tools.compiled("look32", "look.c", "-m32")
    shutil.copy(look, bundle.root / "bin" / "look32")
    container.copy_libraries(look, bundle.root, LIBRARIES_32BIT.lstrip("/"))
    (bundle.root / "etc/ld.so.conf.d/i386.conf").write_text(f"{LIBRARIES_32BIT}\n")
    subprocess.run(["ldconfig", "-r", bundle.root], check=True, capture_output=True)
    before = container.listing(bundle.root)
    bundle.env("NVIDIA_VISIBLE_DEVICES=all",
               "NVIDIA_DRIVER_CAPABILITIES=compute,graphics,video,compat32")
    queries = {"libcuda.so.1": "libcuda", "libcuda.so": "libcuda",
               "libGLX_nvidia.so.0": "libGLX_nvidia",
               f"{LIBRARIES_32BIT}/gbm/nvidia-drm_gbm.so": "libnvidia-allocator",
               f"{LIBRARIES_32BIT}/vdpau/libvdpau_nvidia.so.1": "vdpau/libvdpau_nvidia"}
    result = engine(bundle, args=["/bin/look32", *(f"load:{name}" for name in queries),
                                  "load:libnvidia-ml.so.1"])
    assert result.code == 0, result.err
    for name, library in queries.items():
        assert result[f"load:{name}"] == \
            f"{LIBRARIES_32BIT}/{library}.so.{VERSION} {library.rpartition('/')[2]}"
    # utility was not asked for
    assert "cannot open shared object" in result["load:libnvidia-ml.so.1"]
    assert container.listing(bundle.root) == before
    # a 64-bit program finds its own
    result = engine(bundle, "load:libcuda.so.1")
    assert result["load:libcuda.so.1"] == f"{LIBRARIES}/libcuda.so.{VERSION} libcuda"


@needs_32bit
def test_without_compat32_there_are_no_32_bit_libraries(engine, bundle):
    bundle.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=compute,graphics")
    result = engine(bundle, f"stat:{LIBRARIES_32BIT}", f"stat:{LIBRARIES}/libcuda.so.1")
    assert result[f"stat:{LIBRARIES_32BIT}"] == "ENOENT"
    assert result[f"stat:{LIBRARIES}/libcuda.so.1"].startswith("link ")


@pytest.mark.parametrize("place", [f"{LIBRARIES}/gbm", "/opt/nvidia/lib64/xorg/modules/drivers",
                                   "/opt/nvidia/lib64/xorg/modules/extensions", "/usr/share/X11"])
@pytest.mark.parametrize("kind", ["file", "link to nowhere"])
def test_an_impossible_place_is_left_out(hand_made, graphics, place, kind):
    path = graphics.root / place[1:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("theirs") if kind == "file" else path.symlink_to("/nowhere")
    done = hand_made(graphics).hook()
    assert (done.returncode, done.stderr) == (0, "")
    assert " is left out: " in graphics.logged() and place in graphics.logged()


@pytest.mark.parametrize("option", ["rw", "ro"])
def test_the_hosts_nodes_as_volume_stay(hand_made, graphics, option):
    before = sorted(pathlib.Path("/dev/dri").rglob("*"))
    volume = f'mkdir "$ROOT/dev/dri"; mount --bind -o {option} /dev/dri "$ROOT/dev/dri"'
    made = hand_made(graphics, setup=volume)
    done = made.hook()
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(pathlib.Path("/dev/dri").rglob("*")) == before
    card = nodes(0)[0][0]
    seen = made.look(f"stat:{card}", "stat:/dev/nvidiactl")
    assert seen[f"stat:{card}"].startswith("char")
    assert seen["stat:/dev/nvidiactl"].startswith("char")
