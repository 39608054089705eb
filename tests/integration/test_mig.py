# SPDX-License-Identifier: Apache-2.0
"""MIG devices: their nodes and files are in the container, and no others."""

import container
import make_driver
import pytest

# GPU 0 has minor 1, and is cut into 1/0, 1/1 and 2/0
NODES = {name.split("/", 1)[1]: number for name, number in make_driver.mig_instances(1).items()}
CAPABILITIES = "/proc/driver/nvidia/capabilities"
SYS_ADMIN = "CAP_SYS_ADMIN"


@pytest.fixture
def mig_bundle(special_bundle):
    return special_bundle.show_proc_driver()


def node(name):
    return f"/dev/nvidia-caps/nvidia-cap{NODES[name]}"


def privileged(bundle):
    for kind in bundle.config["process"]["capabilities"].values():
        kind.append(SYS_ADMIN)
    return bundle


def test_one_mig_device_has_two_nodes(engine, mig_bundle):
    mig_bundle.env("NVIDIA_VISIBLE_DEVICES=0:1")
    result = engine(mig_bundle, "list:/dev/nvidia-caps", f"open:{node('gi1')}",
                    f"open:{node('gi1/ci1')}", "open:/dev/nvidia1", "stat:/dev/nvidia0",
                    f"make:c:241:{NODES['gi1/ci0']}", f"make:c:241:{NODES['gi2']}",
                    "make:c:241:1", "make:c:241:2", f"list:{CAPABILITIES}",
                    f"list:{CAPABILITIES}/gpu1/mig", f"list:{CAPABILITIES}/gpu1/mig/gi1",
                    f"text:{CAPABILITIES}/gpu1/mig/gi1/access",
                    f"text:{CAPABILITIES}/gpu1/mig/gi1/ci1/access",
                    f"write:{CAPABILITIES}/gpu1/mig/gi1/access")
    assert result.code == 0, result.err
    assert sorted(result["list:/dev/nvidia-caps"].split()) == sorted(
        f"nvidia-cap{NODES[name]}" for name in ("gi1", "gi1/ci1"))
    # a node of mode 0444 cannot be opened for writing: root of a container may all the same
    for name in ("gi1", "gi1/ci1"):
        assert result[f"open:{node(name)}"] == "ENXIO", name
    assert result["open:/dev/nvidia1"] == "ENXIO"
    assert result["stat:/dev/nvidia0"] == "ENOENT"
    for number in (NODES["gi1/ci0"], NODES["gi2"], 1, 2):
        assert result[f"make:c:241:{number}"] == "EPERM", number
    assert result[f"list:{CAPABILITIES}"] == "gpu1"
    assert result[f"list:{CAPABILITIES}/gpu1/mig"] == "gi1"
    assert result[f"list:{CAPABILITIES}/gpu1/mig/gi1"] == "access ci1"
    for name in ("gi1", "gi1/ci1"):
        assert result[f"text:{CAPABILITIES}/gpu1/mig/{name}/access"].startswith(
            f"DeviceFileMinor: {NODES[name]}\n")
    assert result[f"write:{CAPABILITIES}/gpu1/mig/gi1/access"] == "EROFS"


def test_two_devices_of_one_gpu_instance(engine, mig_bundle):
    mig_bundle.env(f"NVIDIA_VISIBLE_DEVICES=0:0,MIG-{make_driver.uuid(0)}/1/1")
    result = engine(mig_bundle, "list:/dev/nvidia-caps", "mounts",
                    f"list:{CAPABILITIES}/gpu1/mig/gi1", f"open:{node('gi1')}")
    assert result.code == 0, result.err
    assert sorted(result["list:/dev/nvidia-caps"].split()) == sorted(
        f"nvidia-cap{NODES[name]}" for name in ("gi1", "gi1/ci0", "gi1/ci1"))
    assert result[f"list:{CAPABILITIES}/gpu1/mig/gi1"] == "access ci0 ci1"
    assert result[f"open:{node('gi1')}"] == "ENXIO"
    assert result["mounts"].count(f" {node('gi1')} ") == 1


def test_a_gpu_by_index_brings_no_mig(engine, mig_bundle):
    mig_bundle.env("NVIDIA_VISIBLE_DEVICES=0")
    result = engine(mig_bundle, "open:/dev/nvidia1", "stat:/dev/nvidia-caps",
                    f"stat:{CAPABILITIES}", f"make:c:241:{NODES['gi1']}")
    assert result.code == 0, result.err
    assert result["open:/dev/nvidia1"] == "ENXIO"
    assert result["stat:/dev/nvidia-caps"] == "ENOENT"
    assert result[f"stat:{CAPABILITIES}"] == "ENOENT"
    assert result[f"make:c:241:{NODES['gi1']}"] == "EPERM"


def test_all_brings_every_mig_device(engine, mig_bundle):
    mig_bundle.env("NVIDIA_VISIBLE_DEVICES=all")
    result = engine(mig_bundle, "list:/dev/nvidia-caps", "open:/dev/nvidia0", "open:/dev/nvidia1")
    assert result.code == 0, result.err
    assert sorted(result["list:/dev/nvidia-caps"].split()) == sorted(
        f"nvidia-cap{number}" for number in NODES.values())
    assert result["open:/dev/nvidia0"] == result["open:/dev/nvidia1"] == "ENXIO"


def test_configuration_brings_present_and_future_devices(engine, mig_bundle):
    privileged(mig_bundle).env("NVIDIA_VISIBLE_DEVICES=0", "NVIDIA_MIG_CONFIG_DEVICES=all")
    later = make_driver.mig_minor(1, 14, 7)
    result = engine(mig_bundle, "list:/dev/nvidia-caps", "open:/dev/nvidia-caps/nvidia-cap1",
                    f"open:{node('gi2/ci0')}", "open:/dev/nvidia-caps/nvidia-cap2",
                    f"make:c:241:{later}", "make:c:241:2",
                    f"make:c:241:{make_driver.mig_minor(0, 0)}",
                    f"list:{CAPABILITIES}", f"write:{CAPABILITIES}/mig/config")
    assert result.code == 0, result.err
    assert set(result["list:/dev/nvidia-caps"].split()) == {
        f"nvidia-cap{number}" for number in (1, *NODES.values())}
    assert result["open:/dev/nvidia-caps/nvidia-cap1"] == "ENXIO"
    assert result[f"open:{node('gi2/ci0')}"] == "ENXIO"
    # the right to watch was not asked for, nor the other GPU
    assert result["open:/dev/nvidia-caps/nvidia-cap2"] == "ENOENT"
    assert result["make:c:241:2"] == "EPERM"
    assert result[f"make:c:241:{make_driver.mig_minor(0, 0)}"] == "EPERM"
    assert result[f"make:c:241:{later}"] == "ENXIO"
    assert result[f"list:{CAPABILITIES}"] == "gpu1 mig"
    assert result[f"write:{CAPABILITIES}/mig/config"] == "EROFS"


def test_configuration_of_sixteen_gpus(engine, bundle, tmp_path):
    """More than two thousand rules, for a kernel that takes only so many instructions."""
    make_driver.make(tmp_path / "driver", gpus=16, special=True)
    bundle.host = (container.SUPPORT / "simulated-host", tmp_path / "driver")
    privileged(bundle).env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_MIG_CONFIG_DEVICES=all")
    last = make_driver.mig_minor(15, 14, 7)
    result = engine(bundle, f"make:c:241:{last}", f"make:c:241:{last + 1}", "make:c:241:1",
                    "make:c:241:2", "make:c:241:3", "open:/dev/nvidia15")
    assert result.code == 0, result.err
    for number in (1, 3, last):
        assert result[f"make:c:241:{number}"] == "ENXIO", number
    for number in (2, last + 1):
        assert result[f"make:c:241:{number}"] == "EPERM", number
    assert result["open:/dev/nvidia15"] == "ENXIO"


def test_monitoring_without_privilege_starts_no_container(engine, mig_bundle):
    mig_bundle.env("NVIDIA_VISIBLE_DEVICES=0", "NVIDIA_MIG_MONITOR_DEVICES=all")
    result = engine(mig_bundle, "list:/dev")
    assert result.code != 0
    assert "needs a privileged container" in mig_bundle.logged()


def test_no_mig_file_stays_in_the_rootfs(engine, mig_bundle):
    before = container.listing(mig_bundle.root)
    mig_bundle.env("NVIDIA_VISIBLE_DEVICES=0:0,0:2")
    result = engine(mig_bundle, "list:/dev/nvidia-caps")
    assert result.code == 0, result.err
    assert "nvidia-cap" in result["list:/dev/nvidia-caps"]
    assert container.listing(mig_bundle.root) == before


def test_a_user_opens_instance_nodes_alone(engine, mig_bundle):
    privileged(mig_bundle).env("NVIDIA_VISIBLE_DEVICES=0", "NVIDIA_MIG_CONFIG_DEVICES=all")
    mig_bundle.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    mig_bundle.config["process"]["capabilities"] = {"bounding": [SYS_ADMIN]}
    result = engine(mig_bundle, f"text:{node('gi1')}", "text:/dev/nvidia-caps/nvidia-cap1")
    assert result.code == 0, result.err
    assert result[f"text:{node('gi1')}"] == "ENXIO"
    assert result["text:/dev/nvidia-caps/nvidia-cap1"] == "EACCES"


def test_who_manages_mig_changes_nothing_on_the_host(engine, mig_bundle):
    """Nodes that the driver's library makes in the container are the container's own."""
    privileged(mig_bundle).env("NVIDIA_VISIBLE_DEVICES=0", "NVIDIA_MIG_CONFIG_DEVICES=all")
    mig_bundle.config["linux"]["resources"]["devices"].append(
        {"allow": True, "type": "b", "access": "m"})
    listing, record = "ls -l --time-style=+ /dev/nvidia-caps", mig_bundle.directory / "nodes"
    for stage, name in (("prestart", "before"), ("poststop", "after")):
        mig_bundle.add_hook(stage, "/bin/sh", "-c", f"{listing} >{record}.{name}",
                            first=stage == "prestart")
    script = ("cd /dev/nvidia-caps && ls -l nvidia-cap1 || exit 1; mknod -m 666 disk b 8 0; mknod -m 444 nvidia-cap999 c 241 999; "
              "chmod 666 nvidia-cap1; rm -f nvidia-cap1 nvidia-cap2; ls")
    result = engine(mig_bundle, args=["/bin/busybox", "sh", "-c", script])
    assert result.code == 0, result.err
    assert "nvidia-cap999" in result.out
    assert record.with_suffix(".before").read_text() == record.with_suffix(".after").read_text()
