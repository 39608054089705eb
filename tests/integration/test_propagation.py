# SPDX-License-Identifier: Apache-2.0
"""Volumes that are shared with the host: nothing mounted on them may appear there."""

import pathlib
import subprocess

import pytest

LIBRARIES = "usr/lib/x86_64-linux-gnu"
LINE = ("what is mounted on '/usr/lib/x86_64-linux-gnu/libcuda.so.580.159.04' would be mounted on "
        "the host as well: the volume there is shared with the host: mount it private or slave")


@pytest.fixture
def volume(bundle, tmp_path):
    """A shared mount of the host, with the image's own libraries."""
    place = tmp_path / "volume"
    subprocess.run(["cp", "-a", bundle.root / LIBRARIES, place], check=True)
    subprocess.run(["mount", "--bind", place, place], check=True)
    subprocess.run(["mount", "--make-shared", place], check=True)
    yield place
    subprocess.run(["umount", place], check=True)


def volume_mount(volume, *options):
    return {"destination": f"/{LIBRARIES}", "type": "bind", "source": str(volume),
            "options": ["rbind", *options]}


def test_a_volume_that_is_shared_with_the_host_is_refused(hand_made, bundle, volume):
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"),
                     setup=f'mount --bind {volume} "$ROOT/{LIBRARIES}"')
    before = pathlib.Path("/proc/self/mountinfo").read_text()
    done = made.hook()
    assert (done.returncode, done.stderr) == (1, f"grapnel-hook: {LINE}\n")
    assert pathlib.Path("/proc/self/mountinfo").read_text() == before


@pytest.mark.parametrize("kind", ["private", "slave", "unbindable"])
def test_a_volume_of_its_own_is_used(hand_made, bundle, volume, kind):
    place = f'"$ROOT/{LIBRARIES}"'
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"),
                     setup=f"mount --bind {volume} {place}; mount --make-{kind} {place}")
    before = pathlib.Path("/proc/self/mountinfo").read_text()
    done = made.hook()
    assert (done.returncode, done.stderr) == (0, "")
    assert made.look("load:libcuda.so.1")["load:libcuda.so.1"].endswith(" libcuda")
    assert pathlib.Path("/proc/self/mountinfo").read_text() == before


@pytest.mark.parametrize("propagation", ["private", "slave", "shared"])
def test_a_runtimes_volume_never_shows_the_driver_to_the_host(engine, bundle, tmp_path,
                                                               propagation):
    place = tmp_path / "volume"
    subprocess.run(["cp", "-a", bundle.root / LIBRARIES, place], check=True)
    bundle.config["mounts"].append(volume_mount(place, f"r{propagation}"))
    bundle.config["linux"]["rootfsPropagation"] = propagation
    bundle.env("NVIDIA_VISIBLE_DEVICES=all")
    setup = f"mount --bind {place} {place}; mount --make-shared {place}"
    result = engine(bundle, "load:libcuda.so.1", setup=setup)  # compares the host's mounts
    if result.code == 0:
        assert result["load:libcuda.so.1"].endswith(" libcuda")
    else:
        assert propagation == "shared", bundle.logged() + result.err
        assert LINE in bundle.logged()


def test_what_the_host_mounts_in_dev_later_is_not_the_containers(hand_made, bundle):
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))
    assert made.hook().returncode == 0
    for place, line in made.mounts().items():
        if "nvidia" in place:
            assert "shared:" not in line and "master:" not in line, place
