# SPDX-License-Identifier: Apache-2.0
"""An image makes a directory that the hook works in lead elsewhere: nothing outside of the root
file system is made, changed or mounted on, whatever becomes of the container.
(CVE-2024-0132, CVE-2024-0133, CVE-2024-0134, CVE-2025-23267, CVE-2026-41579)"""

import os
import pathlib
import shutil

import container
import make_driver
import pytest

PLACES = ["usr/lib/x86_64-linux-gnu", "usr/lib", "usr/bin", "usr", "usr/lib/firmware",
          "usr/lib/firmware/nvidia", f"usr/lib/firmware/nvidia/{make_driver.VERSION}", "run",
          "run/nvidia-persistenced", "etc", "dev", "proc", "bin",
          "etc/nvidia", "etc/nvidia/nvidia-application-profiles-rc.d", "etc/vulkan/icd.d",
          "usr/share", "usr/share/glvnd/egl_vendor.d", "usr/share/grapnel", "opt/nvidia",
          "usr/lib/x86_64-linux-gnu/gbm", "usr/lib/x86_64-linux-gnu/vdpau", "dev/dri",
          "dev/dri/by-path", "lib", "lib64", "sys"]

# where libraries, programs and device nodes go: the start is refused without these
NECESSARY = ["usr/lib/x86_64-linux-gnu", "usr/lib", "usr/bin", "usr", "dev",
             "usr/lib/x86_64-linux-gnu/vdpau"]


def lead_away(root, place, target):
    """A link in the place of a directory of the image."""
    path = root / place
    if path.is_symlink():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


@pytest.fixture
def attacked(bundle, canary, listening_socket):
    """A bundle with everything to do."""
    listening_socket("/run/nvidia-persistenced/socket")
    bundle.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=all")
    return bundle


# a container in which /dev and /proc are what the image has there
BARE = 'mount --bind "$ROOT" "$ROOT"; cd "$ROOT"'
FULL = BARE + """
[ -L dev ] || mount -t tmpfs -o mode=0755,nosuid tmpfs "$ROOT/dev"
[ -L proc ] || mount -t proc proc "$ROOT/proc"
"""


def assault(made, canary, timeout=20, call=None):
    """Runs the hook, or `call`, and checks everything that must hold however it ends."""
    mounts = pathlib.Path("/proc/self/mountinfo").read_text()
    done = call(made) if call is not None else made.hook(timeout=timeout)
    assert done.returncode in (0, 1), done
    assert done.stderr.count("\n") == done.returncode
    canary.check()
    assert pathlib.Path("/proc/self/mountinfo").read_text() == mounts
    root = str(made.bundle.root)
    for line in set(made.mountinfo().splitlines()) - set(made.at_start.splitlines()):
        source, place = line.split(" ")[3:5]
        assert place.startswith(root), line
        assert not source.startswith(str(canary.directory)), line
    return done


@pytest.fixture
def make_attacked(hand_made, attacked):
    def make(basis=FULL):
        made = hand_made(attacked, basis=basis)
        made.at_start = made.mountinfo()
        return made
    return make


def targets(canary, place):
    up = "../" * 40
    return {
        "absolute": str(canary.directory),
        "dots": up + str(canary.directory).lstrip("/"),
        "itself": pathlib.Path(place).name,
        "nowhere": "/nowhere/at/all",
        "the root": "/",
        "the host's root by a magic link": "/proc/1/root" + str(canary.directory),
        "the working directory by a magic link": "/proc/self/cwd",
        "a descriptor by a magic link": "/proc/self/fd/0",
    }


KINDS = ["absolute", "dots", "itself", "nowhere", "the root", "the host's root by a magic link",
         "the working directory by a magic link", "a descriptor by a magic link"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", PLACES)
def test_a_linked_directory_leads_nowhere_else(make_attacked, attacked, canary, place, kind):
    lead_away(attacked.root, place, targets(canary, place)[kind])
    done = assault(make_attacked(), canary)
    if place not in NECESSARY:
        assert done.returncode == 0, done.stderr
    elif kind == "itself":
        assert done.returncode == 1


@pytest.mark.parametrize("kind", ["absolute", "dots", "the host's root by a magic link"])
@pytest.mark.parametrize("place", ["usr/lib/x86_64-linux-gnu", "usr/lib", "usr/bin", "usr", "etc",
                                   "dev", "usr/lib/firmware"])
def test_a_linked_directory_leads_the_cli_nowhere_else(
                                                       make_attacked, attacked, canary, cli, place, kind):
    lead_away(attacked.root, place, targets(canary, place)[kind])
    assault(make_attacked(), canary, call=lambda made: cli.configure(
        made, "--device=all", "--compute", "--utility", "--graphics", "--no-cgroups"))


@pytest.mark.parametrize("place", PLACES)
def test_a_chain_of_links_leads_nowhere_else(make_attacked, attacked, canary, place):
    (attacked.root / "hop1").symlink_to("/hop2")
    (attacked.root / "hop2").symlink_to("./../hop3/../hop4")
    (attacked.root / "hop3").mkdir()
    (attacked.root / "hop4").symlink_to("../" * 20 + str(canary.directory).lstrip("/"))
    lead_away(attacked.root, place, "/hop1")
    assault(make_attacked(), canary)


@pytest.mark.parametrize("place", PLACES)
def test_a_too_long_chain_of_links_fails_cleanly(make_attacked, attacked, canary, place):
    for number in range(60):
        (attacked.root / f"hop{number}").symlink_to(f"/hop{number + 1}")
    (attacked.root / "hop60").mkdir()
    lead_away(attacked.root, place, "/hop0")
    assault(make_attacked(), canary)


@pytest.mark.parametrize("place", ["usr/lib/x86_64-linux-gnu", "usr/bin", "usr/lib/firmware",
                                   "etc"])
def test_a_link_to_the_canary_stays_inside(make_attacked, attacked, canary, place):
    # the same path exists in the image: that is where an absolute link leads
    twin = attacked.root / str(canary.directory).lstrip("/")
    twin.mkdir(parents=True)
    shutil.copytree(attacked.root / place, twin, dirs_exist_ok=True, symlinks=True) \
        if (attacked.root / place).exists() else None
    lead_away(attacked.root, place, canary.directory)
    done = assault(make_attacked(), canary)
    assert (done.returncode, done.stderr) == (0, "")
    assert os.listdir(twin)


@pytest.mark.parametrize("place", ["usr/lib/firmware/nvidia", "usr/bin", "run",
                                   "usr/lib/x86_64-linux-gnu"])
def test_a_real_container_leaves_the_canary_alone(engine, attacked, canary, place):
    lead_away(attacked.root, place, canary.directory)
    result = engine(attacked, args=["/bin/busybox", "true"])
    assert (result.code != 0) == (place in NECESSARY), result.err
    canary.check()


@pytest.mark.parametrize("kind", ["file", "fifo", "device"])
@pytest.mark.parametrize("place", ["usr/bin", "usr/lib"])
def test_a_file_as_directory_is_a_clean_failure(make_attacked, attacked, canary, place, kind):
    path = attacked.root / place
    if path.exists():
        shutil.rmtree(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "file":
        path.touch()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        os.mknod(path, 0o20666, os.makedev(1, 3))
    assert assault(make_attacked(), canary).returncode == 1


def test_poststop_removes_nothing_through_a_link(make_attacked, attacked, canary):
    made = make_attacked()
    assert made.hook().returncode == 0
    made.end()
    # the container's volume is not there any more, and its files lie where the links lead
    for place in ("usr/lib/x86_64-linux-gnu", "usr/bin", "usr/lib/firmware"):
        target = canary.directory / place
        shutil.copytree(attacked.root / place, target, symlinks=True)
        lead_away(attacked.root, place, target)
    before = container.listing(canary.directory)
    assert attacked.call_hook("poststop").returncode == 0
    assert container.listing(canary.directory) == before
