# SPDX-License-Identifier: Apache-2.0
"""A volume below a path that the hook works in, by a link of the image or by the mount itself: the
hook makes nothing there that the container's process user may not make."""

import os
import shutil
import subprocess

import compat_library
import container
import make_driver
import pytest
from user_namespaces import MAPPED, map_users

LIBRARIES = "usr/lib/x86_64-linux-gnu"
USER = 1000
CONTAINERS = {"root": 0, "non-root": USER, "user namespace": MAPPED,
              "non-root in a user namespace": MAPPED + USER}

# a directory of the image, some of the names that the driver needs there, whether a container
# starts without them, and whether the image's directory is a link to the volume
KINDS = {
    "directories and views": ("etc", {"OpenCL/vendors/nvidia.icd",
                                      "nvidia/nvidia-application-profiles-rc.d"}, True, False),
    "by a link": ("etc", {"vulkan/icd.d/nvidia_icd.json"}, True, True),
    "directories of firmware": ("usr/lib/firmware/nvidia",
                                {f"{make_driver.VERSION}/gsp_ga10x.bin"}, True, False),
    "programs by a link": ("usr/bin", {"nvidia-smi"}, False, True),
    "a link": (f"{LIBRARIES}/gbm", {"nvidia-drm_gbm.so"}, True, False),
}


@pytest.fixture(params=["runc-v2", "crun-v2"])
def run(request):
    """Runs a bundle to its end with one runtime."""
    runtime, cgroup = request.param.split("-")
    return lambda bundle, *queries: bundle.run(runtime, cgroup, *queries)


def as_user(bundle, kind):
    """The container's process user, as the host numbers it."""
    if "user namespace" in kind:
        map_users(bundle)
    if "non-root" in kind:
        bundle.config["process"]["user"] = {"uid": USER, "gid": USER}
        bundle.config["process"]["capabilities"] = {}
    return CONTAINERS[kind]


def mount_volume(bundle, place, owner, link, mode=0o755):
    """A directory of the host in the place of the image's, with what the image has there."""
    volume = bundle.directory / "volume"
    image = bundle.root / place
    if image.exists():
        shutil.copytree(image, volume, symlinks=True)
        shutil.rmtree(image)
    else:
        volume.mkdir()
        image.parent.mkdir(parents=True, exist_ok=True)
    for path in (volume, *volume.rglob("*")):
        os.lchown(path, owner, owner)
    volume.chmod(mode)
    if link:
        image.symlink_to("/data")
    (bundle.root / ("data" if link else place)).mkdir()
    bundle.config["mounts"].append({"destination": "/data" if link else f"/{place}",
                                    "type": "bind", "source": str(volume),
                                    "options": ["rbind", "rw"]})
    return volume


@pytest.fixture
def gpu_bundle(bundle):
    return bundle.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=all")


@pytest.mark.parametrize("kind", CONTAINERS)
@pytest.mark.parametrize("whose", ["root", "the user", "another"])
@pytest.mark.parametrize("created", KINDS)
def test_volume_gets_what_its_user_may_make(gpu_bundle, run, created, whose, kind):
    place, names, optional, link = KINDS[created]
    user = as_user(gpu_bundle, kind)
    owner = {"root": 0, "the user": user, "another": 4242}[whose]
    volume = mount_volume(gpu_bundle, place, owner, link)
    before = container.listing(volume, without=())
    result = run(gpu_bundle, "load:libcuda.so.1")
    after = container.listing(volume, without=())
    assert {name: after[name] for name in before} == before
    made = set(after) - set(before)
    if owner == user:
        assert result.code == 0, result.err
        assert names <= made
        assert {after[name][1] for name in made} == {user}
        return
    assert not made
    assert (result.code == 0) == optional, result.err
    told = gpu_bundle.logged()
    assert "on a volume, as the container's user: Permission denied: make it on the volume" in told


@pytest.mark.parametrize("kind", CONTAINERS)
@pytest.mark.parametrize("of_user", [False, True], ids=["of root", "of the user"])
@pytest.mark.parametrize("link", [False, True], ids=["mounted", "linked"])
def test_loader_files_of_a_volume_stay(gpu_bundle, run, link, of_user, kind):
    (gpu_bundle.root / "usr/lib/ld-musl-x86_64.so.1").touch()
    (gpu_bundle.root / "etc/ld-musl-x86_64.path").write_text("/lib\n")
    compat_library.make(gpu_bundle.root, text=compat_library.note())
    user = as_user(gpu_bundle, kind)
    volume = mount_volume(gpu_bundle, "etc", user if of_user else 0, link, mode=0o777)
    before = container.listing(volume, without=())
    result = run(gpu_bundle, "load:libc.so.6")
    after = container.listing(volume, without=())
    assert result.code == 0, result.err
    assert {name: after[name] for name in before} == before
    assert not [name for name in set(after) - set(before) if name.startswith("ld")]
    assert "ld.so.cache stays as it is: '/etc' lies on a volume" in gpu_bundle.logged()
    assert "'/etc/ld-musl-x86_64.path' lies on a volume" in gpu_bundle.logged()


@pytest.mark.parametrize("kind", CONTAINERS)
@pytest.mark.parametrize("place", ["etc/ld.so.conf.d", "usr/local/lib"])
def test_nothing_is_read_that_the_user_may_not(gpu_bundle, run, place, kind):
    library = gpu_bundle.root / "usr/local/lib/libsecret.so.1"
    library.parent.mkdir(parents=True)
    subprocess.run(["gcc", "-shared", "-fPIC", "-nostdlib", "-x", "c", "/dev/null", "-o", library,
                    f"-Wl,-soname,{library.name}"], check=True)
    (gpu_bundle.root / "etc/ld.so.conf.d/local.conf").write_text("/usr/local/lib\n")
    user = as_user(gpu_bundle, kind)
    volume = mount_volume(gpu_bundle, place, 0, link=False)
    for path in volume.iterdir():
        path.chmod(0o600)
    result = run(gpu_bundle, "load:libc.so.6")
    assert result.code == 0, result.err
    paths = [path for _, path in container.cached_libraries(gpu_bundle.root / "etc/ld.so.cache")]
    assert ("/usr/local/lib/libsecret.so.1" in paths) == (user == 0)


@pytest.mark.parametrize("kind", ["non-root", "user namespace"])
def test_tmpfs_of_the_host_is_a_volume(gpu_bundle, run, kind):
    """A tmpfs that was made for the container is its own; one that the host has too is not."""
    volume = gpu_bundle.directory / "volume"
    volume.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", volume], check=True)
    try:
        as_user(gpu_bundle, kind)
        (gpu_bundle.root / "data").mkdir()
        shutil.rmtree(gpu_bundle.root / "usr/bin")
        (gpu_bundle.root / "usr/bin").symlink_to("/data")
        gpu_bundle.config["mounts"].append(
            {"destination": "/data", "type": "bind", "source": str(volume),
             "options": ["rbind", "rw"]})
        result = run(gpu_bundle, "load:libcuda.so.1")
        assert os.listdir(volume) == []
        assert result.code != 0
    finally:
        subprocess.run(["umount", volume], check=True)
    assert "on a volume, as the container's user: Permission denied" in gpu_bundle.logged()


@pytest.mark.parametrize("place", ["etc/ld.so.conf", "etc/ld.so.conf.d/local.conf"])
def test_linked_configuration_on_a_volume_is_not_read(gpu_bundle, run, place):
    """What a file of root says would show in the image's ld.so.cache."""
    library = gpu_bundle.root / "opt/hidden/libhidden.so.1"
    library.parent.mkdir(parents=True)
    shutil.copy("/opt/nvidia/lib64/libcuda.so.1", library)
    volume = gpu_bundle.directory / "volume"
    volume.mkdir()
    (volume / "secret").write_text("/opt/hidden\n")
    (volume / "secret").chmod(0o600)
    (gpu_bundle.root / "data").mkdir()
    (gpu_bundle.root / place).unlink(missing_ok=True)
    (gpu_bundle.root / place).symlink_to("/data/secret")
    gpu_bundle.config["mounts"].append({"destination": "/data", "type": "bind",
                                        "source": str(volume), "options": ["rbind", "rw"]})
    as_user(gpu_bundle, "non-root")
    result = run(gpu_bundle, "load:libc.so.6")
    assert result.code == 0, result.err
    cached = container.cached_libraries(gpu_bundle.root / "etc/ld.so.cache")
    assert "libcuda.so.1" in dict(cached)
    assert not [path for _, path in cached if path.startswith("/opt/hidden")]


@pytest.mark.parametrize("whose", ["of root", "of the user"])
def test_cli_acts_on_volumes_as_the_named_process(gpu_bundle, hand_made, cli, whose):
    volume = gpu_bundle.directory / "volume"
    shutil.copytree(gpu_bundle.root / "etc", volume)
    owner = 0 if whose == "of root" else USER
    for path in (volume, *volume.rglob("*")):
        os.lchown(path, owner, owner)
    made = hand_made(gpu_bundle, setup=f'mount --bind {volume} "$ROOT/etc"\nexec setpriv '
                     f'--reuid={USER} --regid={USER} --clear-groups sh -c "echo ready; exec cat"')
    before = set(container.listing(volume, without=()))
    done = cli.configure(made, "--device=all", "--compute", "--graphics", "--utility",
                         "--no-cgroups")
    assert done.returncode == 0, done.stderr
    new = set(container.listing(volume, without=())) - before
    assert {"OpenCL/vendors/nvidia.icd"} <= new if whose == "of the user" else not new
