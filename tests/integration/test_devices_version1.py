# SPDX-License-Identifier: Apache-2.0
"""The device cgroup of version 1."""

import container
import pytest
from conftest import need_cgroup

V1 = container.in_cgroup_view("v1", [])


@pytest.fixture(autouse=True)
def version1():
    need_cgroup("v1")


@pytest.fixture
def gpu_bundle(bundle):
    return bundle.env("NVIDIA_VISIBLE_DEVICES=0")


def deny_all(cgroup):
    (cgroup / "devices.deny").write_text("a")


def rules(cgroup):
    return (cgroup / "devices.list").read_text().splitlines()


def test_the_list_gains_the_chosen_devices_alone(hand_made, cgroups, gpu_bundle):
    cgroup = cgroups.make("v1", gpu_bundle.name)
    deny_all(cgroup)
    (cgroup / "devices.allow").write_text("c 1:3 rwm")
    made = hand_made(gpu_bundle, cgroup=cgroup)
    done = made.hook(prefix=V1)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(rules(cgroup)) == {"c 1:3 rwm", "c 195:1 rw", "c 195:255 rw", "c 238:0 rw",
                                  "c 238:1 rw"}


def test_what_is_allowed_already_is_not_written_again(hand_made, cgroups, gpu_bundle):
    cgroup = cgroups.make("v1", gpu_bundle.name)
    made = hand_made(gpu_bundle, cgroup=cgroup)
    assert made.hook(prefix=V1).returncode == 0
    assert rules(cgroup) == ["a *:* rwm"]
    deny_all(cgroup)
    for rule in ("c 195:* rw", "c 238:* rwm"):
        (cgroup / "devices.allow").write_text(rule)
    assert made.hook(prefix=V1).returncode == 0
    assert sorted(rules(cgroup)) == ["c 195:* rw", "c 238:* rwm"]


def test_every_level_of_the_container_is_opened(hand_made, cgroups, gpu_bundle):
    """As crun from 1.21 makes them: the lower one can allow only what the upper one does."""
    scope = cgroups.make("v1", f"{gpu_bundle.name}.scope")
    deny_all(scope)
    cgroup = cgroups.make("v1", f"{gpu_bundle.name}.scope/container")
    gpu_bundle.config["linux"]["cgroupsPath"] = f"{gpu_bundle.name}.scope"
    done = hand_made(gpu_bundle, cgroup=cgroup).hook(prefix=V1)
    assert (done.returncode, done.stderr) == (0, "")
    for level in (scope, cgroup):
        assert set(rules(level)) == {"c 195:1 rw", "c 195:255 rw", "c 238:0 rw", "c 238:1 rw"}


def test_the_lists_of_other_cgroups_stay(hand_made, cgroups, gpu_bundle):
    cgroup = cgroups.make("v1", gpu_bundle.name)
    other = cgroups.make("v1", "other")
    for one in (cgroup, other):
        deny_all(one)
    parent = rules(cgroup.parent)
    assert hand_made(gpu_bundle, cgroup=cgroup).hook(prefix=V1).returncode == 0
    assert rules(other) == []
    assert rules(cgroup.parent) == parent


def test_a_denying_parent_is_named_with_cure(hand_made, cgroups, gpu_bundle):
    parent = cgroups.make("v1", "parent")
    deny_all(parent)
    cgroup = cgroups.make("v1", f"parent/{gpu_bundle.name}")
    done = hand_made(gpu_bundle, cgroup=cgroup).hook(prefix=V1)
    assert done.returncode == 1
    place = f"/sys/fs/cgroup/devices{container.CGROUP}/parent/{gpu_bundle.name}"
    assert done.stderr == (
        f"grapnel-hook: the parent of the cgroup {place} denies c 195:1 rw: allow the device "
        "there and give the hook CAP_SYS_ADMIN, or set no-cgroups = true\n")
    assert rules(parent) == rules(cgroup) == []


def test_a_shared_cgroup_is_named_and_unchanged(hand_made, cgroups, gpu_bundle):
    gpu_bundle.config["linux"]["cgroupsPath"] = "/elsewhere/of-its-own"
    cgroup = cgroups.make("v1", "shared")
    deny_all(cgroup)
    done = hand_made(gpu_bundle, cgroup=cgroup).hook(prefix=V1)
    assert done.returncode == 1
    assert done.stderr == (
        f"grapnel-hook: the cgroup /sys/fs/cgroup/devices{container.CGROUP}/shared denies c 195:1 rw, "
        "and other containers share it: allow the device there: with systemd, 'systemctl "
        "set-property shared DeviceAllow=...'; else in the configuration of the tool that made it\n")
    assert rules(cgroup) == []


def test_no_cgroups_in_the_settings_leaves_the_list(hand_made, cgroups, gpu_bundle):
    gpu_bundle.set_settings("[nvidia-container-cli]\nno-cgroups = true\n")
    cgroup = cgroups.make("v1", gpu_bundle.name)
    deny_all(cgroup)
    assert hand_made(gpu_bundle, cgroup=cgroup).hook(prefix=V1).returncode == 0
    assert rules(cgroup) == []


@pytest.mark.parametrize("runtime", ["runc", "crun"])
def test_a_runtimes_list_gains_the_chosen_devices_alone(gpu_bundle, runtime, tmp_path):
    lists = [tmp_path / "before", tmp_path / "after"]
    for first, record in zip((True, False), lists):
        find = (f"cat $(find /sys/fs/cgroup/devices{container.CGROUP}/ -name devices.list "
                f"-path '*{gpu_bundle.name}*') >{record}; "
                f"cat /sys/fs/cgroup/devices{container.CGROUP}/devices.list >{record}.parent")
        gpu_bundle.add_hook("prestart", "/bin/sh", "-c", find, first=first)
    assert gpu_bundle.run(runtime, "v1").code == 0
    before, after = (set(record.read_text().splitlines()) for record in lists)
    assert after - before == {"c 195:1 rw", "c 195:255 rw", "c 238:0 rw", "c 238:1 rw"}
    assert before - after == set()
    parents = [record.with_suffix(".parent").read_text() for record in lists]
    assert parents[0] == parents[1]
