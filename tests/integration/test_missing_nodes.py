# SPDX-License-Identifier: Apache-2.0
"""Device nodes that the host lacks are made there, as the driver wants them."""

import os
import pathlib
import stat
import subprocess

import make_driver
import pytest

PARAMS = pathlib.Path("/proc/driver/nvidia/params")
NODE = pathlib.Path("/dev/nvidia1")
NUMBER = os.makedev(195, 1)


@pytest.fixture(autouse=True)
def no_links_from_before():
    for link in pathlib.Path("/dev/char").glob("*"):
        link.unlink()


@pytest.fixture
def without_node():
    """Minor 1 is GPU 0's. The driver wants its nodes to be of a group alone."""
    PARAMS.write_text(make_driver.PARAMS.replace("DeviceFileMode: 438", "DeviceFileMode: 432")
                      .replace("DeviceFileGID: 0", "DeviceFileGID: 44"))
    NODE.unlink()
    yield
    NODE.unlink(missing_ok=True)
    os.mknod(NODE, stat.S_IFCHR | 0o666, NUMBER)
    NODE.chmod(0o666)
    PARAMS.write_text(make_driver.PARAMS)


def facts(path):
    found = path.lstat()
    return (stat.S_ISCHR(found.st_mode), found.st_rdev, stat.S_IMODE(found.st_mode), found.st_uid,
            found.st_gid)


def test_no_second_call_gives_a_node_its_mode(engine, bundle, tools, without_node):
    """It would follow a link that somebody put into the node's place."""
    entry = bundle.config["hooks"]["prestart"][0]
    program = str(tools.deny_call)
    entry["args"] = [program, "fchmodat", entry["path"], *entry["args"][1:]]
    entry["path"] = program
    result = engine(bundle.env("NVIDIA_VISIBLE_DEVICES=0"), "open:/dev/nvidia1")
    assert result.code == 0, result.err
    assert facts(NODE) == (True, NUMBER, 0o660, 0, 44)


def test_a_made_node_has_the_drivers_mode(engine, bundle, without_node):
    result = engine(bundle.env("NVIDIA_VISIBLE_DEVICES=0"), "open:/dev/nvidia1",
                    "stat:/dev/nvidia0")
    assert result.code == 0, result.err
    assert result["open:/dev/nvidia1"] == "ENXIO"
    assert result["stat:/dev/nvidia0"] == "ENOENT"
    assert facts(NODE) == (True, NUMBER, 0o660, 0, 44)


def test_each_planned_node_gets_its_link_by_number(bundle, without_node, hand_made):
    done = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=0")).hook()
    assert (done.returncode, done.stderr) == (0, "")
    links = {link.name: os.readlink(link) for link in pathlib.Path("/dev/char").iterdir()}
    assert links == {"195:1": "../nvidia1", "195:255": "../nvidiactl", "238:0": "../nvidia-uvm",
                     "238:1": "../nvidia-uvm-tools"}


def test_links_by_number_are_of_the_cgroup(bundle, hand_made):
    bundle.set_settings("[nvidia-container-cli]\nno-cgroups = true\n")
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=0"))
    done = made.hook()
    assert (done.returncode, done.stderr) == (0, "")
    assert made.look("stat:/dev/nvidia1")["stat:/dev/nvidia1"].startswith("char")
    assert list(pathlib.Path("/dev/char").glob("*")) == []


def test_a_number_link_elsewhere_stays_with_warning(bundle, without_node, hand_made):
    pathlib.Path("/dev/char").mkdir(exist_ok=True)
    os.symlink("../null", "/dev/char/195:255")
    done = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=0")).hook()
    assert (done.returncode, done.stderr) == (0, "")
    assert os.readlink("/dev/char/195:255") == "../null"
    assert "/dev/char/195:255 leads to something else than /dev/nvidiactl" in bundle.logged()


def test_each_failed_number_link_is_said(bundle, without_node, hand_made):
    wrong = {"195:255": "nvidiactl", "195:1": "nvidia1", "238:0": "nvidia-uvm"}
    pathlib.Path("/dev/char").mkdir(exist_ok=True)
    for number in wrong:
        os.symlink("../null", f"/dev/char/{number}")
    done = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=0")).hook()
    assert (done.returncode, done.stderr) == (0, "")
    for number, name in wrong.items():
        assert f"/dev/char/{number} leads to something else than /dev/{name}" in bundle.logged()
    assert os.readlink("/dev/char/238:1") == "../nvidia-uvm-tools"


def test_a_dry_run_says_it_and_makes_nothing(bundle, without_node):
    plan = bundle.env("NVIDIA_VISIBLE_DEVICES=0").plan()
    assert plan["host_nodes"] == [{"path": "/dev/nvidia1", "major": 195, "minor": 1,
                                   "mode": "0660", "uid": 0, "gid": 44}]
    assert not NODE.exists()


def test_hooks_at_the_same_time_make_one_node(make_bundle, without_node, hand_made):
    bundles = [make_bundle(name=f"at-once-{number}") for number in range(16)]
    made = [hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=0")) for bundle in bundles]
    hooks = []
    for one in made:
        one.bundle.write_config(["/bin/true"])
        command = [one.bundle.hook, f"--config={one.bundle.settings}", "prestart"]
        hooks.append(subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                                      env={}, text=True))
    for one, hook in zip(made, hooks):
        hook.stdin.write(one.state())
        hook.stdin.close()
    for one, hook in zip(made, hooks):
        assert (hook.wait(timeout=60), hook.stderr.read()) == (0, "")
        hook.stderr.close()
        assert "/dev/nvidia1" in one.mounts()
    assert facts(NODE) == (True, NUMBER, 0o660, 0, 44)
    assert [path.name for path in pathlib.Path("/dev").iterdir() if "grapnel" in path.name] == []


@pytest.mark.parametrize("settings, params", [
    ("[nvidia-container-cli]\nload-kmods = false\n", make_driver.PARAMS),
    ("", make_driver.PARAMS.replace("ModifyDeviceFiles: 1", "ModifyDeviceFiles: 0")),
])
def test_nothing_is_made_where_it_is_not_wanted(bundle, without_node, hand_made, settings, params):
    PARAMS.write_text(params)
    bundle.set_settings(settings)
    done = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=0")).hook()
    assert done.returncode == 1
    assert "/dev/nvidia1 is missing: run 'nvidia-modprobe" in done.stderr
    assert not NODE.exists()


def test_without_the_capability_the_error_stays(bundle, without_node, hand_made):
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=0"))
    done = made.hook(prefix=["capsh", "--drop=cap_mknod", "--", "-c", 'exec "$0" "$@"'],
                     env={"PATH": os.environ["PATH"]})
    assert done.returncode == 1
    assert "/dev/nvidia1 is missing: run 'nvidia-modprobe" in done.stderr


def test_a_file_instead_of_a_node_stays(bundle, without_node, hand_made):
    os.mknod(NODE, stat.S_IFCHR | 0o600, os.makedev(1, 3))
    done = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=0")).hook()
    assert done.returncode == 1
    assert "/dev/nvidia1 is device 1:3, but the driver's is 195:1" in done.stderr
    assert facts(NODE)[:3] == (True, os.makedev(1, 3), 0o600)
