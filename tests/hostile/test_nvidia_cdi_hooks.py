# SPDX-License-Identifier: Apache-2.0
"""The attacks that were found in NVIDIA's CDI hooks, on each hook of Grapnel's nvidia-cdi-hook.
(CVE-2024-0134: create-symlinks; CVE-2025-23266: a hook in an image's environment; CVE-2025-23267:
update-ldcache; CVE-2026-24260: races of create-symlinks and enable-cuda-compat)"""

import os
import pathlib
import shutil
import subprocess

import compat_library
import make_driver
import nvidia_cdi
import pytest
from test_destination_directories import FULL, lead_away, targets
from test_destination_files import put
from test_races import race

FOLDER = "/usr/lib/x86_64-linux-gnu"
HOOKS = {
    "create-symlinks": ["--link", f"libcuda.so.1::{FOLDER}/libcuda.so",
                        "--link", "../x::/etc/made/link"],
    "update-ldcache": ["--folder", FOLDER, "--folder", "/opt/libraries"],
    "enable-cuda-compat": [f"--host-driver-version={make_driver.VERSION}"],
    "disable-device-node-modification": [],
    "chmod": ["--mode=777", "--path", FOLDER, "--path=/dev/dri", "--path=/etc/file"],
    "update-application-profile": [],
    "create-soname-symlinks": ["--folder", FOLDER, "--folder", "/opt/libraries"],
}
# what each hook looks up
PLACES = {
    "create-symlinks": ["usr/lib/x86_64-linux-gnu", "usr/lib", "usr", "etc", "etc/made"],
    "update-ldcache": ["usr/lib/x86_64-linux-gnu", "usr", "etc", "etc/ld.so.conf.d", "opt", "dev",
                       "opt/libraries", "proc", "lib", "lib64", "run"],
    "enable-cuda-compat": ["etc", "etc/ld.so.conf.d", "usr/local/cuda", "usr/local/cuda/compat"],
    "disable-device-node-modification": ["proc", "run"],
    "chmod": ["usr/lib/x86_64-linux-gnu", "dev", "dev/dri", "etc"],
    "update-application-profile": ["dev", "etc", "etc/nvidia",
                                   "etc/nvidia/nvidia-application-profiles-rc.d"],
    "create-soname-symlinks": ["usr/lib/x86_64-linux-gnu", "opt", "opt/libraries"],
}
CASES = [(hook, place) for hook, places in PLACES.items() for place in places]


@pytest.fixture
def attacked(bundle, canary):
    """An image for which every hook has work, and the same below the canary."""
    for root in (bundle.root, canary.directory):
        compat_library.make(root, text=compat_library.note(), links=False)
        (root / "opt/libraries").mkdir(parents=True)
        compat_library.make(root, "libnew", place="opt/libraries", links=False)
    for place in ("x86_64-linux-gnu", "dri", "made", "compat", "libraries"):
        (canary.directory / place).mkdir()
    compat_library.make(canary.directory, "libnew", place="libraries", links=False)
    (bundle.root / "etc/file").write_text("image\n")
    (canary.directory / "dri").chmod(0o700)
    canary.at_start = canary.state()
    return bundle


@pytest.fixture
def call(programs):
    """Runs a hook as a runtime does: in the container's mount namespace, the root still the host's."""
    def run(made, hook, timeout=60, environment=None):
        made.bundle.write_config(["/bin/true"])
        return subprocess.run(
            ["nsenter", f"--mount=/proc/{made.pid}/ns/mnt", programs / "nvidia-cdi-hook", hook,
             *HOOKS[hook]], input=made.state(), capture_output=True, text=True, timeout=timeout,
            env=environment or {}, cwd=made.bundle.root, check=False)
    return run


def assert_harmless(made, done, canary, host):
    assert done.returncode in (0, 1), done
    assert done.stderr.count("\n") == done.returncode, done.stderr
    canary.check()
    assert pathlib.Path("/proc/self/mountinfo").read_text() == host
    assert str(canary.directory) not in made.mountinfo()


GPU_NODE = '[ -L dev ] || mknod "$ROOT/dev/nvidia0" c 195 0\n[ -L dev ] || mkdir -p "$ROOT/dev/dri"\n'


@pytest.mark.parametrize("kind", ["absolute", "dots", "itself",
                                  "the host's root by a magic link"])
@pytest.mark.parametrize("name, place", CASES)
def test_link_in_a_path_leads_hooks_nowhere(attacked, hand_made, call, canary, name, place, kind):
    lead_away(attacked.root, place, targets(canary, place)[kind])
    host = pathlib.Path("/proc/self/mountinfo").read_text()
    made = hand_made(attacked, basis=FULL + (GPU_NODE if place not in ("dev/dri",) else ""))
    assert_harmless(made, call(made, name), canary, host)


@pytest.mark.parametrize("kind", ["a link to the canary", "a link by dots", "a magic link", "fifo",
                                  "device"])
@pytest.mark.parametrize("name, place", [
    ("create-symlinks", f"{FOLDER[1:]}/libcuda.so"),
    ("update-ldcache", "etc/ld.so.cache"), ("update-ldcache", "etc/ld.so.conf"),
    ("update-ldcache", "etc/ld.so.conf.d/00-nvcr-grapnel.conf"),
    ("update-ldcache", "etc/ld.so.conf.d/00-grapnel-compat.conf"),
    ("update-ldcache", "opt/libraries/libnew.so.1"), ("update-ldcache", "opt/libraries/libodd.so.2"),
    ("enable-cuda-compat", "etc/ld.so.conf.d/00-grapnel-compat.conf"),
    ("enable-cuda-compat", "usr/local/cuda/compat/libcuda.so.590.44.02"),
    ("update-application-profile",
     "etc/nvidia/nvidia-application-profiles-rc.d/10-container.conf"),
    ("chmod", "etc/file"), ("create-soname-symlinks", "opt/libraries/libnew.so.1"),
    ("create-soname-symlinks", "opt/libraries/libodd.so.2")])
def test_odd_file_leads_hooks_nowhere(attacked, hand_made, call, canary, name, place, kind):
    path = attacked.root / place
    if path.exists():
        path.unlink()
    put(attacked.root, place, kind, canary)
    host = pathlib.Path("/proc/self/mountinfo").read_text()
    made = hand_made(attacked, basis=FULL + GPU_NODE)
    assert_harmless(made, call(made, name, timeout=20), canary, host)


@pytest.mark.parametrize("name, place", [
    ("create-symlinks", "usr/lib/x86_64-linux-gnu"), ("create-symlinks", "etc"),
    ("update-ldcache", "etc"), ("update-ldcache", "opt/libraries"),
    ("enable-cuda-compat", "usr/local/cuda"), ("enable-cuda-compat", "etc/ld.so.conf.d"),
    ("chmod", "etc"), ("update-application-profile", "etc"),
    ("create-soname-symlinks", "opt/libraries")])
def test_exchanged_directory_leads_hooks_nowhere(attacked, hand_made, call, canary, tools, name, place):
    shutil.copytree(attacked.root / "etc", canary.directory / "etc", symlinks=True)
    canary.at_start = canary.state()
    race(attacked, hand_made, canary, tools, place, canary.directory / pathlib.Path(place).name,
         call=lambda made: call(made, name))


def test_image_environment_does_not_reach_hooks(engine, bundle, programs, canary):
    """runc before 1.3 hands the image's environment to hooks without one of their own."""
    library = bundle.root / "evil.so"
    marker = canary.directory / "owned"
    subprocess.run(["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", library], check=True, text=True,
                   input="#include <fcntl.h>\n__attribute__((constructor)) static void run(void) "
                         f'{{ open("{marker}", O_CREAT | O_WRONLY, 0644); }}\n')
    bundle.config["hooks"] = {}
    nvidia_cdi.apply_to(bundle.config, nvidia_cdi.spec(programs / "nvidia-cdi-hook"), "0")
    for hook in bundle.config["hooks"]["createContainer"]:
        del hook["env"]
    bundle.config["process"]["env"] += ["LD_PRELOAD=/proc/self/cwd/evil.so",
                                        "LD_AUDIT=/proc/self/cwd/evil.so",
                                        "NVIDIA_CTK_CONFIG_FILE_PATH=/proc/self/cwd/config.toml"]
    (bundle.root / "config.toml").write_text("no settings\n")
    result = engine(bundle, args=["/bin/busybox", "true"])
    assert result.code == 0, result.err
    canary.check()


def test_image_ldconfig_is_never_run(attacked, hand_made, call, tmp_path):
    for place in ("sbin/ldconfig", "usr/sbin/ldconfig", "bin/ldconfig"):
        program = attacked.root / place
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran /ran\n")
        program.chmod(0o755)
    made = hand_made(attacked, basis=FULL)
    assert call(made, "update-ldcache").returncode == 0
    assert not list(tmp_path.rglob("ran"))


def test_volume_keeps_its_files_and_modes(attacked, hand_made, call, tmp_path):
    """A volume belongs to somebody else: nothing on it is replaced, and no mode changes."""
    volume = tmp_path / "volume"
    volume.mkdir()
    volume.chmod(0o755)
    (volume / "libcuda.so").symlink_to("theirs")
    setup = f'mount --bind {volume} "$ROOT{FOLDER}"'
    attacked.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    made = hand_made(attacked, setup=setup, basis=FULL)
    for name in ("create-symlinks", "chmod", "update-ldcache", "create-soname-symlinks"):
        call(made, name)
    assert os.readlink(volume / "libcuda.so") == "theirs"
    assert os.listdir(volume) == ["libcuda.so"]
    assert volume.stat().st_mode & 0o777 == 0o755
