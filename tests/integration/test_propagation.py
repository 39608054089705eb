# SPDX-License-Identifier: Apache-2.0
"""Shared mounts: nothing that is mounted in a container may appear elsewhere."""

import pathlib
import subprocess

import pytest
import user_namespaces

LIBRARIES = "usr/lib/x86_64-linux-gnu"
LINE = ("'/usr/lib/x86_64-linux-gnu/libcuda.so.580.159.04': mounts there would be mounted on "
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


def mounts_of_this_namespace():
    return pathlib.Path("/proc/self/mountinfo").read_text()


def propagation_of(made, place):
    """The fields of the mount at that place in the container, such as master:1."""
    words = made.mounts()[place].split(" ")
    return {word.split(":")[0] for word in words[6:words.index("-")]}


def volume_mount(volume, *options):
    return {"destination": f"/{LIBRARIES}", "type": "bind", "source": str(volume),
            "options": ["rbind", *options]}


def test_a_volume_shared_with_the_host_is_refused(hand_made, bundle, volume):
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"),
                     setup=f'mount --bind {volume} "$ROOT/{LIBRARIES}"')
    before = mounts_of_this_namespace()
    done = made.hook()
    assert (done.returncode, done.stderr) == (1, f"grapnel-hook: {LINE}\n")
    assert mounts_of_this_namespace() == before


@pytest.mark.parametrize("kind", ["private", "slave", "unbindable"])
def test_a_volume_of_its_own_is_used(hand_made, bundle, volume, kind):
    place = f'"$ROOT/{LIBRARIES}"'
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"),
                     setup=f"mount --bind {volume} {place}; mount --make-{kind} {place}")
    before = mounts_of_this_namespace()
    done = made.hook()
    assert (done.returncode, done.stderr) == (0, "")
    assert made.look("load:libcuda.so.1")["load:libcuda.so.1"].endswith(" libcuda")
    assert mounts_of_this_namespace() == before


@pytest.mark.parametrize("propagation", ["private", "slave", "shared"])
def test_a_runtimes_volume_hides_the_driver_from_host(engine, bundle, tmp_path, propagation):
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


@pytest.mark.parametrize("users", ["root", "mapped"])
@pytest.mark.parametrize("propagation", ["shared", "rshared", "slave", "rslave"])
def test_bidirectional_volume_keeps_host_mounts(engine, bundle, tmp_path, propagation, users):
    """What kubelet's mountPropagation: Bidirectional becomes. With mapped users /proc is bound."""
    place = tmp_path / "volume"
    place.mkdir()
    if users == "mapped":
        user_namespaces.map_users(bundle)
        place.chmod(0o755)
    bundle.config["mounts"].append({"destination": "/volume", "type": "bind", "source": str(place),
                                    "options": ["rbind", "rshared"]})
    bundle.config["linux"]["rootfsPropagation"] = propagation
    bundle.env("NVIDIA_VISIBLE_DEVICES=all").register("prestart", "poststop")
    bundle.add_hook("poststart", "/bin/sh", "-c",  # runc dies of a hook that does not read
                    f"cat >/dev/null; cat /proc/self/mountinfo >{place}/during")
    queries = ("load:libcuda.so.1", "open:/dev/nvidiactl", "list:/proc/driver/nvidia")
    wait = "until [ -e /volume/during ]; do busybox sleep 0.01; done"
    for below in ("private", "shared"):
        result = engine(bundle, args=["/bin/sh", "-c", f'{wait}; exec look "$@"', "sh", *queries],
                        setup=f"mount --make-r{below} / && mount --bind {place} {place} && "
                              f"mount --make-shared {place}")
        assert result.code == 0, bundle.logged() + result.err
        assert result["load:libcuda.so.1"].endswith(" libcuda")
        assert result["open:/dev/nvidiactl"] == "ENXIO"
        if users == "mapped" and engine.runtime == "runc":  # crun binds /proc without what is on it
            assert "params" in result["list:/proc/driver/nvidia"]
        assert (place / "during").read_text() == result.host_mounts[0]
        (place / "during").unlink()


@pytest.mark.parametrize("kinds, kept", [(["private", "shared"], {"shared"}),
                                         (["slave", "shared"], {"shared", "master"})])
def test_volume_shared_inside_alone_is_used(hand_made, bundle, volume, kinds, kept):
    place = f'"$ROOT/{LIBRARIES}"'
    changes = "; ".join(f"mount --make-{kind} {place}" for kind in kinds)
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"), setup=(
        f'mount --bind {volume} {place}; {changes}; mkdir "$ROOT/peer"; '
        f'mount --bind {place} "$ROOT/peer"'))
    before = mounts_of_this_namespace()
    done = made.hook()
    assert (done.returncode, done.stderr) == (0, "")
    assert made.look("load:libcuda.so.1")["load:libcuda.so.1"].endswith(" libcuda")
    assert mounts_of_this_namespace() == before
    assert not [place for place in made.mounts() if place.startswith("/peer/")]
    assert propagation_of(made, f"/{LIBRARIES}") >= kept
    again = made.hook()
    assert (again.returncode, again.stderr) == (0, "")


def test_unseen_peer_gets_no_mounts(hand_made, bundle, volume):
    """The host's mount is gone, and one of a third namespace is in the peer group."""
    third = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"), basis=":")
    prefix = f"nsenter --mount=/proc/{third.pid}/ns/mnt unshare --mount --propagation unchanged"
    made = hand_made(bundle, namespace=prefix.split(" "),
                     setup=f'mount --bind {volume} "$ROOT/{LIBRARIES}"')
    subprocess.run(["umount", volume], check=True)
    try:
        assert any(str(volume) in line and "shared:" in line
                   for line in third.mountinfo().splitlines())
        before = third.mountinfo()
        done = made.hook()
        assert (done.returncode, done.stderr) == (0, "")
        assert made.look("load:libcuda.so.1")["load:libcuda.so.1"].endswith(" libcuda")
        assert third.mountinfo() == before
    finally:
        subprocess.run(["mount", "--bind", volume, volume], check=True)


def test_rootfs_shared_with_the_host_is_refused(hand_made, bundle):
    subprocess.run(["mount", "--bind", bundle.root, bundle.root], check=True)
    subprocess.run(["mount", "--make-shared", bundle.root], check=True)
    try:
        made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"), basis=":")
        before = mounts_of_this_namespace()
        done = made.hook()
        assert done.returncode == 1
        assert "would be mounted on the host as well: the root file system is shared" in done.stderr
        assert mounts_of_this_namespace() == before
    finally:
        subprocess.run(["umount", bundle.root], check=True)


def test_later_mounts_in_dev_stay_the_hosts(hand_made, bundle):
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))
    assert made.hook().returncode == 0
    for place, line in made.mounts().items():
        if "nvidia" in place:
            assert "shared:" not in line and "master:" not in line, place
