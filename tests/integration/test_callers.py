# SPDX-License-Identifier: Apache-2.0
"""nvidia-container-cli as other programs call it: ctr, LXC's own hook, enroot, apptainer."""

import os
import pathlib
import subprocess

import clusters
import container
import container_cli
import make_driver
import pytest
from conftest import need, need_cgroup, skip_or_fail
from engines import containerd as engine
from engines import lxc as lxc_engine

VERSION = make_driver.VERSION
USER = 61318
DRIVER = ("load:libcuda.so.1", "stat:/dev/nvidia0", "stat:/dev/nvidia1", "open:/dev/nvidiactl",
          "open:/dev/nvidia1")


def has_first_gpu_alone(result):
    """GPU 0 is the one with the minor 1: nothing answers behind a node that may be opened."""
    assert result.code == 0, result.err
    assert result["load:libcuda.so.1"].endswith(f"libcuda.so.{VERSION} libcuda")
    assert result["stat:/dev/nvidia0"] == "ENOENT"
    assert result["open:/dev/nvidia1"] == result["open:/dev/nvidiactl"] == "ENXIO"
    return True


def with_first_path(directory):
    return {"PATH": f"{directory}:{os.environ['PATH']}"}


# --- containerd's ctr ---

# without shares of the CPU: their controller can be one of version 1
CGROUP = ("--cgroup", f"{container.CGROUP}/ctr", "--cpu-shares", "0")


@pytest.fixture(params=["v1", "v2"])
def containerd(request, tmp_path, programs):
    need("containerd", "ctr")
    need_cgroup(request.param)
    daemon = engine.Containerd(tmp_path / "containerd", request.param, env=with_first_path(programs))
    yield daemon
    daemon.end()


def test_ctr_gpus(containerd, bundle):
    result = containerd("run", "--rm", *CGROUP, "--gpus", "0", "--rootfs",
                        bundle.root, bundle.name, "/bin/look", *DRIVER, "make:c:195:0")
    assert has_first_gpu_alone(result)
    assert result["make:c:195:0"] != "ENXIO"


def test_ctr_without_gpus_has_none(containerd, bundle):
    result = containerd("run", "--rm", *CGROUP, "--rootfs", bundle.root,
                        bundle.name, "/bin/look", "make:c:195:1", "stat:/dev/nvidiactl")
    assert result.code == 0, result.err
    assert result["make:c:195:1"] != "ENXIO" and result["stat:/dev/nvidiactl"] == "ENOENT"


def test_ctr_gpus_of_an_unknown_gpu(containerd, bundle):
    result = containerd("run", "--rm", *CGROUP, "--gpus", "7", "--rootfs",
                        bundle.root, bundle.name, "/bin/look")
    assert result.code != 0 and "device error: unknown device '7'" in result.err


# --- LXC ---

@pytest.fixture
def lxc(bundle, tmp_path, programs):
    """A function that runs look.c in an unprivileged container with LXC's own hook."""
    need("lxc-start")
    if not lxc_engine.HOOK.exists():
        skip_or_fail(f"{lxc_engine.HOOK} is not installed")
    made = lxc_engine.Lxc(bundle, programs, tmp_path)
    yield lambda *queries, **options: made("/bin/look", *queries, **options)
    made.end()


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_lxcs_own_hook(lxc, version):
    result = lxc(*DRIVER, "stat:/usr/bin/nvidia-smi", "list:/proc/driver/nvidia/gpus",
                 version=version)
    assert has_first_gpu_alone(result)
    assert result["stat:/usr/bin/nvidia-smi"] != "ENOENT"
    assert "0000:00:06.0" in result["list:/proc/driver/nvidia/gpus"]


def test_lxcs_own_hook_with_a_missing_gpu(lxc):
    result = lxc("stat:/", devices="5")
    assert result.code != 0 and "device error: unknown device '5'" in result.log


# --- enroot and apptainer: unprivileged, in a user and a mount namespace of their own ---


@pytest.fixture(params=["--map-root-user", "--map-current-user"])
def unprivileged(request, bundle, programs, tmp_path):
    """A function that runs a script as a user who is root of nothing but a user namespace, or not
    even there, and then a program in the root file system."""
    container_cli.give(bundle.root, USER)
    container_cli.make_reachable(bundle.root)
    container_cli.make_reachable(programs)

    def run(script, *queries, **variables):
        script += f'\nexec chroot "$ROOTFS" /bin/look {" ".join(queries)}'
        command = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups",
                   "unshare", "--user", request.param, "--keep-caps", "--mount",
                   "bash", "-c", script]
        return container.Result(subprocess.run(
            command, input="", capture_output=True, text=True, timeout=60, check=False,
            env={"PATH": f"{programs}:/usr/sbin:/usr/bin:/sbin:/bin", "ROOTFS": str(bundle.root),
                 **variables}))
    return run


@pytest.mark.parametrize("script", [clusters.ENROOT, clusters.APPTAINER], ids=["enroot", "apptainer"])
def test_an_unprivileged_user_in_namespaces_of_an_own(unprivileged, script, bundle):
    mounts = pathlib.Path("/proc/self/mountinfo").read_text()
    result = unprivileged(script, *DRIVER, "mounts", "list:/proc/driver/nvidia/gpus",
                          NVIDIA_VISIBLE_DEVICES="0",
                          NVIDIA_DRIVER_CAPABILITIES="utility,compute")
    assert has_first_gpu_alone(result)
    for place, (options, _, _) in container.parse_mountinfo(result["mounts"]).items():
        if "libcuda" in place:
            assert {"ro", "nosuid", "nodev"} <= options, place
    assert "0000:01:06.0" not in result["list:/proc/driver/nvidia/gpus"]
    assert pathlib.Path("/proc/self/mountinfo").read_text() == mounts
    # a user's records would be nobody's to remove
    assert list(pathlib.Path("/run/grapnel/containers").glob("*")) == []


def test_enroots_requirements_and_devices(unprivileged):
    refused = unprivileged(clusters.ENROOT, NVIDIA_VISIBLE_DEVICES="all", NVIDIA_REQUIRE_CUDA="cuda>=99")
    assert refused.code == 1 and "requirement error: unsatisfied condition" in refused.err
    without = unprivileged(clusters.ENROOT, "stat:/dev/nvidia1", "stat:/dev/nvidiactl",
                           NVIDIA_VISIBLE_DEVICES="none")
    assert without.code == 0, without.err
    assert without["stat:/dev/nvidia1"] == "ENOENT" and without["stat:/dev/nvidiactl"] != "ENOENT"


OVERLAY = """
set -e
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work
mount -t overlay -o "lowerdir=$ROOTFS,upperdir=/mnt/upper,workdir=/mnt/work" overlay "$ROOTFS"
nvidia-container-cli --user configure --no-cgroups --device=0 --utility "$ROOTFS"
"""


@pytest.mark.parametrize("owner, group, reason", [
    (0, 0, "Permission denied"), (USER, 0, "Value too large for defined data type")])
def test_cure_for_an_image_of_somebody_else(unprivileged, bundle, owner, group, reason):
    """As apptainer --nvccli starts it: what is written goes to an overlay."""
    assert unprivileged(OVERLAY, "stat:/usr/bin/nvidia-smi").code == 0
    for path, names, files in os.walk(bundle.root):
        for name in (".", *names, *files):
            os.lchown(os.path.join(path, name), owner, group)
    refused = unprivileged(OVERLAY)
    assert refused.code == 1 and refused.err.count("\n") == 1
    assert "nvidia-container-cli: mount error: create '/usr/" in refused.err
    assert (f"{reason}: where its directory is another user's, give the image to the user who "
            "starts the container") in refused.err


def test_a_user_without_a_namespace_gets_an_error(bundle, programs):
    container_cli.give(bundle.root, USER)
    container_cli.make_reachable(bundle.root)
    container_cli.make_reachable(programs)
    done = subprocess.run(
        ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups",
         programs / "nvidia-container-cli", "configure", "--no-cgroups", "--utility",
         "--device=0", bundle.root], input="", capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("nvidia-container-cli: mount error: ")
    assert not [place for place in container.listing(bundle.root) if "nvidia" in place]
