# SPDX-License-Identifier: Apache-2.0
"""Containers that share something: a root file system, an ID, a volume, an ancestor's name."""

import contextlib
import os
import pathlib
import subprocess

import container
import pytest
from booted_systemd import wait_until
from conftest import need

LIBRARIES = "usr/lib/x86_64-linux-gnu"
VERSION = "580.159.04"


@pytest.fixture
def strace():
    need("strace")


def driver_mounts(made):
    return [place for place in made.mounts() if "libcuda.so" in place]


def test_one_containers_end_spares_anothers_driver(make_bundle, hand_made):
    first, second = make_bundle(name="first"), make_bundle(name="second")
    second.config["root"]["path"] = str(first.root)
    second.root = first.root
    before = container.listing(first.root)
    running = [hand_made(one.env("NVIDIA_VISIBLE_DEVICES=all")) for one in (first, second)]
    for made in running:
        assert made.hook().returncode == 0
    assert driver_mounts(running[0]) == [f"/{LIBRARIES}/libcuda.so.{VERSION}"]
    assert first.call_hook("poststop").returncode == 0
    assert driver_mounts(running[1]) == [f"/{LIBRARIES}/libcuda.so.{VERSION}"]
    # what the first made is the second's to remove
    running[1].end()
    assert second.call_hook("poststop").returncode == 0
    assert container.listing(first.root) == before


@contextlib.contextmanager
def stopped_with_its_mounts_made(made):
    """The hook of a container, held up by its ldconfig until the end of the block."""
    made.bundle.write_config(["/bin/true"])
    held_up = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=execveat", "-e",
               "inject=execveat:delay_enter=3000000"]
    hook = subprocess.Popen([*held_up, made.bundle.hook, f"--config={made.bundle.settings}",
                             "prestart"], stdin=subprocess.PIPE, text=True)
    hook.stdin.write(made.state())
    hook.stdin.close()
    try:
        wait_until(lambda: driver_mounts(made), "the driver is mounted")
        yield hook
        assert hook.poll() is None, "it was not held up for long enough"
    finally:
        assert hook.wait(timeout=30) == 0


def test_one_containers_end_spares_a_starting_one(make_bundle, hand_made, strace):
    first, second = make_bundle(name="first"), make_bundle(name="second")
    second.config["root"]["path"] = str(first.root)
    second.root = first.root
    before = container.listing(first.root)
    ending, starting = [hand_made(one.env("NVIDIA_VISIBLE_DEVICES=all"))
                        for one in (first, second)]
    assert ending.hook().returncode == 0
    ending.end()
    with stopped_with_its_mounts_made(starting):
        assert first.call_hook("poststop").returncode == 0
    assert starting.look("load:libcuda.so.1")["load:libcuda.so.1"].endswith(" libcuda")
    starting.end()
    assert second.call_hook("poststop").returncode == 0
    assert container.listing(first.root) == before


def test_a_start_that_fails_early_leaves_no_record(bundle, hand_made, strace):
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))
    done = made.hook(prefix=["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=setns", "-e",
                             "inject=setns:error=EPERM"], env={"PATH": os.environ["PATH"]})
    assert done.returncode == 1
    assert "setns" in done.stderr
    assert not bundle.record.exists()
    done = bundle.call_hook("poststop")
    assert (done.returncode, done.stderr) == (0, "")


def test_two_engines_can_use_one_id(make_bundle, hand_made):
    bundles = [make_bundle(name=name) for name in ("here", "there")]
    bundles[1].name = bundles[0].name
    before = [container.listing(one.root) for one in bundles]
    running = [hand_made(one.env("NVIDIA_VISIBLE_DEVICES=all")) for one in bundles]
    for made in running:
        assert made.hook().returncode == 0
    assert bundles[1].call_hook("poststop").returncode == 0
    assert driver_mounts(running[0])
    assert container.listing(bundles[1].root) == before[1]


def test_a_second_run_adds_to_the_record(bundle, hand_made):
    before = container.listing(bundle.root)
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=0"))
    assert made.hook().returncode == 0
    first = list(bundle.recorded())
    bundle.env("NVIDIA_VISIBLE_DEVICES=0", "NVIDIA_DRIVER_CAPABILITIES=all")
    assert made.hook(stage="createRuntime").returncode == 0
    both = list(bundle.recorded())
    assert len(both) > len(first) and both[:len(first)] == first
    made.end()
    assert bundle.call_hook("poststop").returncode == 0
    assert container.listing(bundle.root) == before


def test_repeated_starts_keep_the_records_size(bundle, hand_made):
    bundle.env("NVIDIA_VISIBLE_DEVICES=0")
    sizes = set()
    for _ in range(3):
        made = hand_made(bundle)
        assert made.hook().returncode == 0
        sizes.add(len(bundle.recorded()))
        made.end()
        # as an engine does that makes the upper layer anew, without poststop
        for stub in (bundle.root / LIBRARIES).glob("*nvidia*"):
            stub.unlink()
    assert len(sizes) == 1


def test_links_on_a_volume_stay_as_they_are(bundle, hand_made, tmp_path):
    volume = tmp_path / "volume"
    volume.mkdir()
    (volume / "libcuda.so.1").symlink_to("libcuda.so.535.1")
    (volume / f"libnvidia-ml.so.{VERSION}").symlink_to("/elsewhere")
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"),
                     setup=f"mount --bind {volume} $ROOT/{LIBRARIES}")
    done = made.hook()
    assert done.returncode == 0, done.stderr
    assert f"/{LIBRARIES}/libcuda.so.{VERSION}" in driver_mounts(made)
    links = {path.name: os.readlink(path) for path in volume.iterdir() if path.is_symlink()}
    assert links.get("libcuda.so.1") == "libcuda.so.535.1"
    assert links.get(f"libnvidia-ml.so.{VERSION}") == "/elsewhere"


def test_peer_of_a_volume_gets_no_mounts(bundle, hand_made, tmp_path):
    """Also a peer that the host does not see: while it is mounted on, the volume is a slave."""
    volume = tmp_path / "volume"
    volume.mkdir()
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"), setup=(
        f"mount --bind {volume} {volume}; mount --make-shared {volume}\n"
        f"mount --bind {volume} $ROOT/{LIBRARIES}"))
    done = made.hook()
    assert (done.returncode, done.stderr) == (0, "")
    mounts = [line.split(" ")[4] for line in made.mountinfo().splitlines()]
    assert f"{bundle.root}/{LIBRARIES}/libcuda.so.{VERSION}" in mounts
    assert [place for place in mounts if place.startswith(f"{volume}/")] == []


def test_another_tools_stub_library_is_passed_over(bundle, hand_made):
    stub = pathlib.Path(f"/opt/nvidia/lib64/libnvidia-rtcore.so.{VERSION}")
    stub.touch()
    try:
        made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all",
                                    "NVIDIA_DRIVER_CAPABILITIES=all"))
        done = made.hook()
    finally:
        stub.unlink()
    assert done.returncode == 0, done.stderr
    assert f"passed over: {stub}" in bundle.logged()


def test_the_hosts_ldconfig_can_be_a_script(bundle, hand_made, tmp_path):
    script = tmp_path / "ldconfig"
    script.write_text("#!/bin/sh\nexit 1\n")
    script.chmod(0o755)
    subprocess.run(["cp", "/sbin/ldconfig", f"{script}.real"], check=True)
    bundle.set_settings(f'[nvidia-container-cli]\nldconfig = "@{script}"\n')
    done = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all")).hook()
    assert done.returncode == 0, done.stderr
    assert "libcuda.so.1" in dict(container.cached_libraries(bundle.root / "etc/ld.so.cache"))


def test_a_caller_that_ignores_its_children_changes_nothing(bundle, hand_made):
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))
    done = made.hook(prefix=["sh", "-c", "trap '' CHLD; exec \"$@\"", "sh"])
    assert done.returncode == 0, done.stderr
    assert driver_mounts(made)


def test_the_environments_time_zone_is_not_read(bundle, tmp_path):
    zone = tmp_path / "zone"
    os.mkfifo(zone)
    bundle.write_config(["/bin/true"])
    done = subprocess.run([bundle.hook, "prestart"], input="{}", env={"TZ": str(zone)},
                          capture_output=True, text=True, timeout=5, check=False)
    assert done.returncode == 1


def test_an_images_configuration_is_no_endless_search(bundle, hand_made):
    many = bundle.root / "a"
    many.mkdir()
    for number in range(200):
        (many / str(number)).symlink_to(".")
    deep = "/a" * 32000
    (bundle.root / "etc/ld.so.conf").write_text(
        f"include /a/*/*/*/*/*/*/nothing*\ninclude {deep}/x*\n")
    done = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all")).hook(timeout=10)
    assert done.returncode == 0, done.stderr
    assert "libcuda.so.1" in dict(container.cached_libraries(bundle.root / "etc/ld.so.cache"))
