# SPDX-License-Identifier: Apache-2.0
"""CDI files that NVIDIA's tools wrote, with Grapnel behind the name nvidia-cdi-hook."""

import json
import os
import pathlib
import re
import subprocess

import compat_library
import make_driver
import nvidia_cdi
import pytest

VERSION = make_driver.VERSION
LOG = pathlib.Path("/var/log/grapnel.log")
GPU_0, GPU_1 = (f"open:/dev/nvidia{make_driver.minor(index, 2)}" for index in range(2))
SYSTEM_DIRECTORY = "/usr/lib/x86_64-linux-gnu"
CUDA = "load:libcuda.so.1"
FOLDERS = "etc/ld.so.conf.d/00-nvcr-grapnel.conf"
PROFILE = "etc/nvidia/nvidia-application-profiles-rc.d/10-container.conf"
PARAMS = "text:/proc/driver/nvidia/params"


@pytest.fixture(scope="session")
def cdi_hook(programs):
    return programs / "nvidia-cdi-hook"


@pytest.fixture
def give(bundle, cdi_hook):
    """The bundle as an engine writes it for a device of NVIDIA's file."""
    def edit(device="0", made=bundle, **how):
        made.config["hooks"] = {}
        nvidia_cdi.apply_to(made.config, nvidia_cdi.spec(cdi_hook, **how), device)
        return made
    return edit


@pytest.fixture
def call(bundle, cdi_hook):
    """Runs a hook for the bundle's root file system by hand."""
    def run(*words, code=0, program=cdi_hook, state=None):
        bundle.write_config(["/bin/true"])
        done = subprocess.run([program, *map(str, words)],
                              input=bundle.state() if state is None else state,
                              capture_output=True, text=True, timeout=60, env={}, check=False)
        assert done.returncode == code, done.stderr
        return done
    return run


def assert_given(result, folder):
    assert result.code == 0, result.err
    assert (result[GPU_0], result[GPU_1]) == ("ENXIO", "ENOENT")
    assert result[CUDA] == f"{folder}/libcuda.so.{VERSION} libcuda"
    assert result["load:libnvidia-ml.so.1"] == f"{folder}/libnvidia-ml.so.{VERSION} libnvidia-ml"


QUERIES = (GPU_0, GPU_1, CUDA, "load:libnvidia-ml.so.1", PARAMS, f"text:/{PROFILE}",
           f"text:/{FOLDERS}", "stat:/usr/bin/nvidia-smi")


@pytest.mark.parametrize("folder", [nvidia_cdi.HOST_LIBRARIES, SYSTEM_DIRECTORY, "/usr/lib64"],
                         ids=str)
def test_nvidia_file_gives_its_listing(engine, give, folder):
    before = set(os.listdir(give(folder=folder).root / str(folder).lstrip("/"))) \
        if folder == SYSTEM_DIRECTORY else set()
    bundle = give(folder=folder).show_proc_driver()
    result = engine(bundle, *QUERIES, f"list:{folder}")
    assert_given(result, folder)
    assert set(result[f"list:{folder}"].split()) == nvidia_cdi.listing() | before
    assert "ModifyDeviceFiles: 0" in result[PARAMS]
    assert f'"EGLVisibleDGPUDevices", {1 << make_driver.minor(0, 2)}]' in result[f"text:/{PROFILE}"]
    unknown = folder != SYSTEM_DIRECTORY  # an image of Debian's kind does not look into /usr/lib64
    assert result[f"text:/{FOLDERS}"] == (f"{folder}\n" if unknown else "ENOENT")


@pytest.mark.parametrize("toolkit", nvidia_cdi.TOOLKITS)
def test_file_of_each_toolkit_gives_its_listing(engine, give, nvidia_ctk, toolkit):
    bundle = give(toolkit=toolkit).show_proc_driver()
    names = nvidia_cdi.TOOLKITS[toolkit].names
    for hook in bundle.config["hooks"]["createContainer"]:
        if hook["args"][0] == "nvidia-ctk":
            hook["path"] = str(nvidia_ctk)
    result = engine(bundle, *QUERIES, f"list:{nvidia_cdi.HOST_LIBRARIES}")
    assert_given(result, nvidia_cdi.HOST_LIBRARIES)
    assert set(result[f"list:{nvidia_cdi.HOST_LIBRARIES}"].split()) == nvidia_cdi.listing()
    assert ("ModifyDeviceFiles: 0" in result[PARAMS]) == ("disable-device-node-modification" in names)
    assert (result[f"text:/{PROFILE}"] != "ENOENT") == ("update-application-profile" in names)


@pytest.mark.parametrize("family", ["debian", "fedora", "plain"])
def test_nvidia_file_serves_each_family(engine, give, make_bundle, family):
    bundle = give(made=make_bundle(family, name=f"image-{family}"))
    assert_given(engine(bundle, *QUERIES), nvidia_cdi.HOST_LIBRARIES)


def test_start_by_nvidia_file_is_one_line(engine, give):
    made = give()
    earlier = LOG.read_text() if LOG.exists() else ""
    assert engine(made, GPU_0).code == 0
    lines = [line for line in LOG.read_text().removeprefix(earlier).splitlines()
             if f" {made.name} info: " in line]
    assert len(lines) == 1, lines
    text, steps = re.search(r" info: (.*); \d+\.\d\d ms: (.*)$", lines[0]).groups()
    assert text.startswith(f"has nvidia{make_driver.minor(0, 2)}")
    assert text.endswith(f" of driver {VERSION}, asked for by a CDI file (hook update-ldcache)")
    assert [step.split()[0] for step in steps.split(", ")] == ["read", "plan", "apply"]


def test_nvidia_file_of_nvidia_ctk(engine, give, nvidia_ctk):
    bundle = give(called=("nvidia-ctk", "hook"))
    for hook in bundle.config["hooks"]["createContainer"]:
        hook["path"] = str(nvidia_ctk)
    assert_given(engine(bundle, *QUERIES), nvidia_cdi.HOST_LIBRARIES)


def test_compat_libcuda_wins_with_nvidia_file(engine, give):
    bundle = give()
    compat_library.make(bundle.root, text=compat_library.note())
    result = engine(bundle, CUDA, "load:libnvidia-ml.so.1")
    assert result[CUDA] == f"/{compat_library.PLACE}/libcuda.so.590.44.01 compat libcuda"
    assert result["load:libnvidia-ml.so.1"].startswith(f"{nvidia_cdi.HOST_LIBRARIES}/")


def test_older_compat_libcuda_is_passed_over(engine, give):
    bundle = give()
    compat_library.make(bundle.root, version="550.54.15", text=compat_library.note())
    assert_given(engine(bundle, *QUERIES), nvidia_cdi.HOST_LIBRARIES)


def test_restart_after_nvidia_file_starts_clean(engine, give):
    """No poststop is in the file: the next start undoes creations of the former, and poststop of a
    hook that is registered beside it undoes the last ones."""
    bundle = give()
    for _ in range(2):
        assert_given(engine(bundle, *QUERIES), nvidia_cdi.HOST_LIBRARIES)
    assert bundle.record.exists()
    assert bundle.call_hook("poststop").returncode == 0
    assert not bundle.record.exists()
    assert not list(bundle.root.glob("opt/nvidia/lib64/*.so")) and not (bundle.root / FOLDERS).exists()
    assert not (bundle.root / PROFILE).exists()


def test_record_is_stale_once_the_container_ended(engine, give):
    """Another container on the same root file system removes the links of one that has ended."""
    bundle = give()
    assert engine(bundle, CUDA).code == 0
    link = bundle.root / "opt/nvidia/lib64/libcuda.so"
    assert link.is_symlink()
    bundle.name += "-other"
    bundle.config["hooks"] = {}
    bundle.register("createRuntime")
    bundle.env("NVIDIA_VISIBLE_DEVICES=0")
    assert engine(bundle, CUDA)[CUDA].startswith(SYSTEM_DIRECTORY)
    assert not link.is_symlink()


def test_links_replace_links_and_small_files(bundle, call):
    (bundle.root / "usr/lib/empty.so").touch()
    (bundle.root / "usr/lib/text.so").write_text("image\n")
    (bundle.root / "usr/lib/other.so").symlink_to("elsewhere")
    (bundle.root / "usr/lib/large.so").write_bytes(b"x" * 100_000)
    names = ("empty", "text", "other", "large", "new/deep/one")
    call("create-symlinks", *(f"--link=target::/usr/lib/{name}.so" for name in names))
    targets = {name: os.readlink(bundle.root / f"usr/lib/{name}.so")
               for name in names if (bundle.root / f"usr/lib/{name}.so").is_symlink()}
    assert targets == dict.fromkeys(("empty", "text", "other", "new/deep/one"), "target")
    bundle.call_hook("poststop")
    assert (bundle.root / "usr/lib/text.so").read_text() == "image\n"
    assert os.readlink(bundle.root / "usr/lib/other.so") == "elsewhere"
    assert not (bundle.root / "usr/lib/new").exists()


def test_commas_separate_values(bundle, call):
    call("create-symlinks", "--link", "a::/usr/lib/one.so,b::usr/lib/two.so")
    assert [os.readlink(bundle.root / f"usr/lib/{name}.so") for name in ("one", "two")] == ["a", "b"]


def test_chmod_changes_permissions_inside(bundle, call):
    (bundle.root / "dev/dri").mkdir()
    (bundle.root / "dev/dri").chmod(0o700)
    call("chmod", "--mode=755", "--path=/dev/dri", "--path", "/no/such/file")
    assert (bundle.root / "dev/dri").stat().st_mode & 0o7777 == 0o755


def test_soname_links_alone(bundle, call):
    folder = bundle.root / "opt/libraries"
    folder.mkdir(parents=True)
    for version in ("9.1", "10.2"):
        make_driver.compile_library(folder, "libcuda", "libcuda.so.1", version=version)
        for link in ("libcuda.so", "libcuda.so.1"):
            (folder / link).unlink()
    (folder / "libtext.so.1").write_text("no library\n")
    call("create-soname-symlinks", "--folder=/opt/libraries")
    assert os.readlink(folder / "libcuda.so.1") == "libcuda.so.10.2"
    assert len(list(folder.iterdir())) == 4


def test_state_names_the_root(bundle, call, tmp_path):
    """crun's state does, and config.json can be closed to a container's root."""
    state = json.loads(bundle.state(bundle=str(tmp_path / "nowhere"), root=str(bundle.root), pid=0))
    file = tmp_path / "state.json"
    file.write_text(json.dumps(state))
    call("create-symlinks", "--link=x::/usr/lib/libx.so", f"--container-spec={file}", state="")
    assert os.readlink(bundle.root / "usr/lib/libx.so") == "x"


@pytest.mark.parametrize("words, code, line", [
    (("noop",), 0, ""),
    (("enable-cuda-compat",), 0, ""),
    (("hook-of-tomorrow", "--with", "words"), 0, "'hook-of-tomorrow' is skipped"),
    (("--option-of-tomorrow",), 0, "is skipped"),
    (("--quiet", "hook-of-tomorrow"), 0, ""),
    (("create-symlinks", "--no-such-option"), 1, "unknown option '--no-such-option'"),
    (("create-symlinks", "--link=target"), 1, "is not of the form TARGET::LINK"),
    (("create-symlinks", "--link=a::b::c"), 1, "is not of the form TARGET::LINK"),
    (("chmod", "--path=/dev"), 1, "is no octal number"),
    (("chmod", "--mode=9", "--path=/dev"), 1, "is no octal number"),
    (("update-ldcache", "--ldconfig-path=sbin/ldconfig", "--folder=/x"), 1, "--ldconfig-path"),
    (("--version",), 0, ""),
])
def test_command_line_of_nvidia_cdi_hook(call, words, code, line):
    done = call(*words, code=code)
    assert line in done.stderr and done.stderr.count("\n") == (1 if line else 0)


@pytest.mark.parametrize("name", ["create-symlinks", "update-ldcache", "chmod"])
def test_host_root_is_refused(bundle, call, name):
    bundle.config["root"]["path"] = "/"
    words = {"create-symlinks": ["--link=x::/tmp/cdi-link"], "update-ldcache": ["--folder=/usr/lib"],
             "chmod": ["--mode=777", "--path=/etc"]}[name]
    assert "is no container's root file system" in call(name, *words, code=1).stderr
    assert not pathlib.Path("/tmp/cdi-link").is_symlink()


OLD = "575.57.08"
CURE = "the CDI file is stale: write it again with 'nvidia-ctk cdi generate"


@pytest.fixture
def last_line():
    """Of the log of the hooks; crun passes their standard error to nobody."""
    log = pathlib.Path("/var/log/grapnel.log")

    def read():
        return log.read_text().splitlines()[-1]
    return read


def stale_file(bundle, *hooks):
    """A file of an earlier driver, whose libraries are still on the host; with these hooks alone."""
    text = json.dumps({key: bundle.config[key] for key in ("mounts", "hooks")})
    new = json.loads(text.replace(f".{VERSION}", f".{OLD}").replace(f"={VERSION}", f"={OLD}"))
    for mount in new["mounts"]:
        mount["source"] = mount["source"].replace(OLD, VERSION)
    called = new["hooks"]["createContainer"]
    new["hooks"]["createContainer"] = [one for one in called if set(hooks) & set(one["args"])] or called
    bundle.config.update(new)
    return bundle


@pytest.mark.parametrize("hooks, line", [
    ((), f"libGLX_nvidia.so.{OLD}: it is of driver {OLD}, and driver {VERSION} is loaded: "),
    (("enable-cuda-compat",), f"--host-driver-version: it is of driver {OLD}, and driver"),
    (("update-ldcache",), f"{nvidia_cdi.HOST_LIBRARIES}/lib"),
], ids=["whole file", "enable-cuda-compat", "update-ldcache"])
def test_file_of_earlier_driver_is_refused(engine, give, last_line, hooks, line):
    result = engine(stale_file(give(), *hooks), CUDA)
    assert result.code != 0
    assert line in last_line() and f"it is of driver {OLD}" in last_line() and CURE in last_line()


@pytest.mark.parametrize("device, change, line", [
    ("/dev/nvidiactl", {"minor": 77}, "its number is 195:77, and the kernel's is 195:255: "),
    ("/dev/nvidia-uvm", {"major": 77}, "/dev/nvidia-uvm: its number is 77:0, and the kernel's is "),
    (f"/dev/nvidia{make_driver.minor(0, 2)}", {"major": 77}, "its number is 77:"),
])
def test_node_with_another_number_is_refused(engine, give, last_line, device, change, line):
    bundle = give()
    next(node for node in bundle.config["linux"]["devices"] if node["path"] == device).update(change)
    assert engine(bundle, CUDA).code != 0
    assert line in last_line() and CURE in last_line()


def test_libraries_of_the_image_are_not_compared(engine, give):
    """An image that was made with a driver in it, and the libcuda of a Jetson."""
    bundle = give(folder=SYSTEM_DIRECTORY)
    for version in (OLD, "1.1"):
        (bundle.root / SYSTEM_DIRECTORY[1:] / f"libnvidia-ml.so.{version}").write_text("image's\n")
    result = engine(bundle, GPU_0, f"stat:{SYSTEM_DIRECTORY}/libnvidia-ml.so.{OLD}")
    assert result.code == 0 and result[GPU_0] == "ENXIO"


def test_gpu_with_another_name_is_given(engine, give):
    """As by path and hostPath of a device node."""
    bundle = give()
    node = f"/dev/nvidia{make_driver.minor(0, 2)}"
    next(one for one in bundle.config["linux"]["devices"] if one["path"] == node)["path"] = "/dev/nvidia7"
    result = engine(bundle, "open:/dev/nvidia7")
    assert result.code == 0 and result["open:/dev/nvidia7"] == "ENXIO"
