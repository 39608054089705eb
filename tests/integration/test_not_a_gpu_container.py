# SPDX-License-Identifier: Apache-2.0
"""A container that asks for no driver is left alone, and one that asks for none gets no GPU."""

import container
import pytest

NOTHING = {
    "unset": [],
    "empty": ["NVIDIA_VISIBLE_DEVICES="],
    "void": ["NVIDIA_VISIBLE_DEVICES=void"],
    "void among others": ["NVIDIA_VISIBLE_DEVICES=all,void"],
    "commas": ["NVIDIA_VISIBLE_DEVICES=,,"],
    "other variables": ["NVIDIA_DRIVER_CAPABILITIES=all", "NVIDIA_REQUIRE_CUDA=cuda>=99.0"],
    "a later void": ["NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_VISIBLE_DEVICES=void"],
}


@pytest.mark.parametrize("env", NOTHING.values(), ids=NOTHING.keys())
def test_nothing_is_done(engine, bundle, env):
    bundle.env(*env)
    before = container.listing(bundle.root, without=())
    result = engine(bundle, "mounts", "make:c:195:255", "make:c:238:0", "stat:/dev/nvidiactl")
    assert (result.code, result.err) == (0, "")
    assert "nvidia" not in result["mounts"]
    assert result["make:c:195:255"] == "EPERM"
    assert result["make:c:238:0"] == "EPERM"
    assert result["stat:/dev/nvidiactl"] == "ENOENT"
    assert container.listing(bundle.root, without=()) == before
    assert bundle.logged() == ""


@pytest.mark.parametrize("env", NOTHING.values(), ids=NOTHING.keys())
def test_nothing_is_said(hand_made, bundle, env):
    done = hand_made(bundle.env(*env)).hook()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert bundle.plan() == {}


def test_nothing_is_needed_of_the_host(hand_made, bundle):
    # a container without a GPU starts on a host without a driver
    bundle.env("NVIDIA_VISIBLE_DEVICES=void")
    no_driver = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
                 'mount -t tmpfs none /proc/driver && umount /etc/ld.so.cache && exec "$@"', "sh"]
    done = hand_made(bundle).hook(prefix=no_driver)
    assert (done.returncode, done.stderr) == (0, "")


def test_none_gives_the_driver_and_no_gpu(engine, bundle):
    bundle.env("NVIDIA_VISIBLE_DEVICES=none").show_proc_driver()
    result = engine(bundle, "load:libcuda.so.1", "open:/dev/nvidiactl", "stat:/dev/nvidia0",
                    "stat:/dev/nvidia1", "make:c:195:0", "make:c:195:1",
                    "list:/proc/driver/nvidia/gpus")
    assert "libcuda" in result["load:libcuda.so.1"].split(" ")
    assert result["open:/dev/nvidiactl"] == "ENXIO"
    for node in ("stat:/dev/nvidia0", "stat:/dev/nvidia1"):
        assert result[node] == "ENOENT"
    for number in ("make:c:195:0", "make:c:195:1"):
        assert result[number] == "EPERM"
    assert result["list:/proc/driver/nvidia/gpus"] == ""


def test_none_lists_no_devices(engine, bundle):
    bundle.env("NVIDIA_VISIBLE_DEVICES=none").show_proc_driver()
    result = engine(bundle, args=["/usr/bin/nvidia-smi"])
    assert result.out == "No devices found.\n", result.err


def test_settings_can_ignore_an_unprivileged_environment(engine, bundle):
    bundle.set_settings("accept-nvidia-visible-devices-envvar-when-unprivileged = false\n")
    bundle.env("NVIDIA_VISIBLE_DEVICES=all")
    before = container.listing(bundle.root, without=())
    result = engine(bundle, "make:c:195:255")
    assert (result.code, result.err) == (0, "")
    assert result["make:c:195:255"] == "EPERM"
    assert container.listing(bundle.root, without=()) == before
    assert "nothing is given" in bundle.logged()


def test_settings_can_ask_for_privilege(engine, bundle):
    bundle.set_settings("accept-nvidia-visible-devices-envvar-when-unprivileged = false\n")
    bundle.env("NVIDIA_VISIBLE_DEVICES=all")
    for names in bundle.config["process"]["capabilities"].values():
        names.append("CAP_SYS_ADMIN")
    assert engine(bundle, "make:c:195:255")["make:c:195:255"] == "ENXIO"


def test_volume_mounts_ask_where_settings_accept_them(engine, bundle):
    bundle.set_settings("accept-nvidia-visible-devices-envvar-when-unprivileged = false\n"
                        "accept-nvidia-visible-devices-as-volume-mounts = true\n")
    bundle.config["mounts"].append(
        {"destination": "/var/run/nvidia-container-devices/1", "type": "bind",
         "source": "/dev/null", "options": ["bind"]})
    bundle.env("NVIDIA_VISIBLE_DEVICES=all")  # does not count
    result = engine(bundle, "make:c:195:0", "make:c:195:1")
    assert result["make:c:195:0"] == "ENXIO"
    assert result["make:c:195:1"] == "EPERM"
