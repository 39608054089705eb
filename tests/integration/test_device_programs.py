# SPDX-License-Identifier: Apache-2.0
"""The device cgroup of version 2: programs of which all must agree."""

import pathlib
import subprocess

import container
import pytest
from conftest import need_cgroup
from systemd_stand_in import as_systemd

V2 = container.in_cgroup_view("v2", [])


@pytest.fixture(autouse=True)
def version2():
    need_cgroup("v2")


@pytest.fixture
def programs(tools):
    """What is attached to a cgroup: [(ID, flags, length, hash)]."""
    def attached(cgroup):
        lines = subprocess.run([tools.device_programs, "list", cgroup], check=True,
                               capture_output=True, text=True).stdout.splitlines()
        return [tuple(line.split(" ")) for line in lines]
    return attached


@pytest.fixture
def attach(tools):
    def attach_program(cgroup, rule, *single):
        subprocess.run([tools.device_programs, "attach", cgroup, rule, *single], check=True)
    return attach_program


@pytest.fixture
def gpu_bundle(bundle):
    return bundle.env("NVIDIA_VISIBLE_DEVICES=0")


def own(cgroups, bundle, below=""):
    return cgroups.make("v2", bundle.name + below)


def accesses(made, cgroup):
    result = made.look("make:c:195:255", "make:c:195:1", "make:c:195:0", "make:c:238:0",
                       cgroup=cgroup)
    return [result[f"make:c:{number}"] for number in ("195:255", "195:1", "195:0", "238:0")]


OPEN_FOR_GPU_0 = ["ENXIO", "ENXIO", "EPERM", "ENXIO"]


def test_the_program_is_replaced_by_one(hand_made, cgroups, gpu_bundle, attach, programs):
    cgroup = own(cgroups, gpu_bundle)
    attach(cgroup, "deny")
    before = programs(cgroup)
    made = hand_made(gpu_bundle, cgroup=cgroup)
    done = made.hook(prefix=V2)
    assert (done.returncode, done.stderr) == (0, "")
    after = programs(cgroup)
    assert len(after) == 1 and after[0][0] != before[0][0] and after[0][1] == before[0][1]
    assert accesses(made, cgroup)[:3] == OPEN_FOR_GPU_0[:3]


def test_each_denying_program_is_replaced_alone(hand_made, cgroups, gpu_bundle, attach, programs):
    cgroup = own(cgroups, gpu_bundle)
    for rule in ("deny-195", "allow", "deny-238", "deny-7"):
        attach(cgroup, rule)
    before = programs(cgroup)
    made = hand_made(gpu_bundle, cgroup=cgroup)
    assert made.hook(prefix=V2).returncode == 0
    after = programs(cgroup)
    assert [a == b for a, b in zip(before, after)] == [False, True, False, True]
    assert len(after) == 4
    result = made.look("make:c:195:1", "make:c:195:0", "make:c:238:0", "make:c:238:7",
                       "make:c:7:3", cgroup=cgroup)
    assert result["make:c:195:1"] == "ENXIO"
    assert result["make:c:195:0"] == "EPERM"
    assert result["make:c:238:0"] == "ENXIO"
    assert result["make:c:238:7"] == "EPERM"
    assert result["make:c:7:3"] == "EPERM"


def test_a_program_without_multi_is_replaced(hand_made, cgroups, gpu_bundle, attach, programs):
    cgroup = own(cgroups, gpu_bundle)
    attach(cgroup, "deny-195", "single")
    before = programs(cgroup)
    made = hand_made(gpu_bundle, cgroup=cgroup)
    assert made.hook(prefix=V2).returncode == 0
    after = programs(cgroup)
    assert len(after) == 1 and after != before
    assert accesses(made, cgroup) == OPEN_FOR_GPU_0


def test_where_no_program_is_attached_none_is_added(hand_made, cgroups, gpu_bundle, programs):
    cgroup = own(cgroups, gpu_bundle)
    made = hand_made(gpu_bundle, cgroup=cgroup)
    assert made.hook(prefix=V2).returncode == 0
    assert programs(cgroup) == []


def test_a_second_call_changes_no_program(hand_made, cgroups, gpu_bundle, attach, programs):
    cgroup = own(cgroups, gpu_bundle)
    attach(cgroup, "deny-195")
    made = hand_made(gpu_bundle, cgroup=cgroup)
    assert made.hook(prefix=V2).returncode == 0
    before = programs(cgroup)
    assert made.hook(prefix=V2).returncode == 0
    assert programs(cgroup) == before


def test_a_denying_ancestor_is_named_and_unchanged(hand_made, cgroups, gpu_bundle, attach,
                                                   programs):
    parent = cgroups.make("v2", "parent")
    cgroup = cgroups.make("v2", f"parent/{gpu_bundle.name}")
    gpu_bundle.config["linux"]["cgroupsPath"] = f"{container.CGROUP}/parent/{gpu_bundle.name}"
    attach(parent, "deny-195")
    before = programs(parent)
    done = hand_made(gpu_bundle, cgroup=cgroup).hook(prefix=V2)
    assert done.returncode == 1
    assert done.stderr == (
        f"grapnel-hook: allow devices in the cgroup {parent}: the cgroup {parent} denies "
        "c 195:1 rw, and other containers share it: "
        "allow the device there: with systemd, 'systemctl set-property parent DeviceAllow=...'; "
        "else in the configuration of the tool that made it\n")
    assert programs(parent) == before


def test_an_ancestor_that_allows_is_no_obstacle(hand_made, cgroups, gpu_bundle, attach, programs):
    parent = cgroups.make("v2", "parent")
    cgroup = cgroups.make("v2", f"parent/{gpu_bundle.name}")
    gpu_bundle.config["linux"]["cgroupsPath"] = f"{container.CGROUP}/parent/{gpu_bundle.name}"
    for rule in ("allow", "deny-10"):
        attach(parent, rule)
    attach(cgroup, "deny-195")
    before = programs(parent)
    made = hand_made(gpu_bundle, cgroup=cgroup)
    assert made.hook(prefix=V2).returncode == 0
    assert programs(parent) == before
    assert accesses(made, cgroup) == OPEN_FOR_GPU_0


@pytest.mark.parametrize("flags", [["override"], []])
def test_an_overridden_ancestor_is_no_obstacle(hand_made, cgroups, gpu_bundle,
                                               attach, programs, flags):
    """A program that allows others below it to take its place, where there is one."""
    parent = cgroups.make("v2", "parent")
    cgroup = cgroups.make("v2", f"parent/{gpu_bundle.name}")
    gpu_bundle.config["linux"]["cgroupsPath"] = f"{container.CGROUP}/parent/{gpu_bundle.name}"
    attach(parent, "deny-195", "override")
    attach(cgroup, "deny-238", *flags)
    before = programs(parent)
    made = hand_made(gpu_bundle, cgroup=cgroup)
    done = made.hook(prefix=V2)
    assert (done.returncode, done.stderr) == (0, "")
    assert programs(parent) == before
    assert accesses(made, cgroup) == ["ENXIO", "ENXIO", "ENXIO", "ENXIO"]


def test_an_effective_ancestor_program_is_named(hand_made, cgroups, gpu_bundle, attach):
    parent = cgroups.make("v2", "parent")
    cgroup = cgroups.make("v2", f"parent/{gpu_bundle.name}")
    gpu_bundle.config["linux"]["cgroupsPath"] = f"{container.CGROUP}/parent/{gpu_bundle.name}"
    attach(parent, "deny-195", "override")
    done = hand_made(gpu_bundle, cgroup=cgroup).hook(prefix=V2)
    assert done.returncode == 1
    assert f"the cgroup {parent} denies c 195:1 rw" in done.stderr


@pytest.mark.parametrize("path, cgroups_path", [
    ("{name}.scope/container", "{name}.scope"),
    ("test.slice/{name}.scope/container", "test.slice::{name}"),
    ("test.slice/crio-{name}.scope", "test.slice:crio:{name}"),
    ("test.slice/libpod-{name}.scope/container", "test.slice:libpod:{name}"),
    ("user/docker/{name}", "/docker/{name}"),
    ("{name}", None)])
def test_every_level_of_the_container_is_opened(hand_made, cgroups, gpu_bundle, attach, programs,
                                                path, cgroups_path):
    name = gpu_bundle.name
    linux = gpu_bundle.config["linux"]
    if cgroups_path is None:
        del linux["cgroupsPath"]
    else:
        linux["cgroupsPath"] = cgroups_path.format(name=name)
    cgroup = cgroups.make("v2", path.format(name=name))
    levels = [cgroup, cgroup.parent] if path.endswith("container") else [cgroup]
    for level in levels:
        attach(level, "deny-195")
    made = hand_made(gpu_bundle, cgroup=cgroup)
    done = made.hook(prefix=V2)
    assert (done.returncode, done.stderr) == (0, "")
    assert [len(programs(level)) for level in levels] == [1] * len(levels)
    assert accesses(made, cgroup) == OPEN_FOR_GPU_0


def test_a_program_of_another_container_is_left_alone(hand_made, cgroups, gpu_bundle, attach,
                                                      programs):
    cgroup = own(cgroups, gpu_bundle)
    others = [cgroups.make("v2", "other"), cgroups.make("v2", f"other/{gpu_bundle.name}")]
    for other in (cgroup, *others):
        attach(other, "deny")
    before = [programs(other) for other in others]
    assert hand_made(gpu_bundle, cgroup=cgroup).hook(prefix=V2).returncode == 0
    assert [programs(other) for other in others] == before


def test_no_cgroups_in_the_settings_leaves_every_program(hand_made, cgroups, gpu_bundle, attach,
                                                         programs):
    gpu_bundle.set_settings("[nvidia-container-cli]\nno-cgroups = true\n")
    cgroup = own(cgroups, gpu_bundle)
    attach(cgroup, "deny")
    before = programs(cgroup)
    assert hand_made(gpu_bundle, cgroup=cgroup).hook(prefix=V2).returncode == 0
    assert programs(cgroup) == before


@pytest.mark.parametrize("runtime", ["runc", "crun"])
def test_a_runtimes_container_has_one_program_as_before(gpu_bundle, tools, runtime, tmp_path):
    counts = tmp_path / "counts"
    cgroup = f"/sys/fs/cgroup{container.CGROUP}/{gpu_bundle.name}"
    command = ["/bin/sh", "-c",
               f"find {cgroup} -type d -exec {tools.device_programs} list {{}} \\; >>{counts}; "
               f"echo >>{counts}"]
    gpu_bundle.add_hook("prestart", *command, first=True)
    gpu_bundle.add_hook("prestart", *command)
    assert gpu_bundle.run(runtime, "v2", "make:c:195:1")["make:c:195:1"] == "ENXIO"
    before, after = counts.read_text().strip().split("\n\n")
    assert len(after.splitlines()) == len(before.splitlines()) == 1
    assert before.split(" ")[1] == after.split(" ")[1]  # attached in the same way
    assert before != after


def test_an_unknown_program_stays_with_a_warning(hand_made, cgroups, gpu_bundle, attach, programs):
    """One that calls the kernel, say: it may allow the GPU, and what else it says is its own."""
    gpu_bundle.config["linux"]["resources"]["devices"].append(
        {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rw"})
    cgroup = own(cgroups, gpu_bundle)
    attach(cgroup, "call:deny-10")
    attach(cgroup, "deny-195")
    before = programs(cgroup)
    made = hand_made(gpu_bundle, cgroup=cgroup)
    done = made.hook(prefix=V2)
    assert (done.returncode, done.stderr) == (0, "")
    after = programs(cgroup)
    assert after[0] == before[0] and after[1] != before[1]
    assert accesses(made, cgroup) == OPEN_FOR_GPU_0
    assert made.look("make:c:10:229", cgroup=cgroup)["make:c:10:229"] == "EPERM"
    assert gpu_bundle.logged().count(" warning: ") == 1
    assert (f"warning: device program {before[0][0]} of the cgroup {cgroup} "
            "can neither be analysed nor copied: it stays, and if it denies c 195:1 rw, GPUs do not "
            "work in the container; allow the device in the configuration of the tool that attached "
            "the program then") in gpu_bundle.logged()


def test_an_unknown_copyable_program_is_extended(hand_made, cgroups, gpu_bundle, attach, programs):
    cgroup = own(cgroups, gpu_bundle)
    attach(cgroup, "store:deny-195")
    before = programs(cgroup)
    made = hand_made(gpu_bundle, cgroup=cgroup)
    assert made.hook(prefix=V2).returncode == 0
    after = programs(cgroup)
    assert len(after) == 1 and int(after[0][2]) > int(before[0][2])
    assert accesses(made, cgroup) == OPEN_FOR_GPU_0
    assert gpu_bundle.logged() == ""


def test_a_denying_program_without_copy_is_an_error(hand_made, cgroups, gpu_bundle,
                                                    attach, programs):
    cgroup = own(cgroups, gpu_bundle)
    attach(cgroup, "deny-195:call")
    before = programs(cgroup)
    done = hand_made(gpu_bundle, cgroup=cgroup).hook(prefix=V2)
    assert done.returncode == 1
    assert done.stderr == (
        f"grapnel-hook: allow devices in the cgroup {cgroup}: a device program denies "
        "c 195:1 rw and cannot be copied: allow the device in the configuration of the tool that "
        "attached the program\n")
    assert programs(cgroup) == before


@pytest.fixture
def bpf_files():
    """A BPF file system of the test's own, where the system's is."""
    directory = pathlib.Path("/sys/fs/bpf")
    subprocess.run(["mount", "-t", "bpf", "none", directory], check=True)
    yield directory
    subprocess.run(["umount", directory], check=True)


def pinned_programs(tools, command, scope, *paths):
    return [subprocess.run([tools.device_programs, command, scope.directory, path], check=True,
                           capture_output=True, text=True).stdout.strip().split(" ")
            for path in paths]


def pin_of_crun(bpf_files, unit):
    (bpf_files / "crun").mkdir()
    return bpf_files / "crun" / unit.replace(".", "_")


def test_a_pinned_program_is_replaced_by_the_attached(scope, stand_in, attach, programs,
                                                      tools, bpf_files):
    """crun from 1.28 has systemd attach its program by path, at each daemon-reload anew."""
    attach(scope.directory, "deny-195")
    pinned = pin_of_crun(bpf_files, scope.unit)
    pinned_programs(tools, "pin", scope, pinned)
    before = programs(scope.directory)
    stand_in(as_systemd(scope.cgroup, "auto", [("device", str(pinned)), ("egress", "/none")]))
    done = scope.hook(prefix=V2)
    assert (done.returncode, done.stderr, scope.bundle.logged()) == (0, "", "")
    after = programs(scope.directory)
    assert len(after) == 1 and after != before
    assert pinned_programs(tools, "pinned", scope, pinned) == [list(after[0])]
    assert list(pinned.parent.iterdir()) == [pinned]
    assert accesses(scope, scope.directory) == OPEN_FOR_GPU_0


@pytest.mark.parametrize("place", ["policy", "crun/oci-other_scope", "crun/{name}/policy"])
def test_a_pinned_program_that_others_may_share_stays(scope, stand_in, attach, programs, tools,
                                                      bpf_files, place):
    attach(scope.directory, "deny-195")
    pinned = bpf_files / place.format(name=pin_of_crun(bpf_files, scope.unit).name)
    pinned.parent.mkdir(exist_ok=True)
    pinned_programs(tools, "pin", scope, pinned)
    before = programs(scope.directory)
    stand_in(as_systemd(scope.cgroup, "auto", [("device", str(pinned))]))
    assert scope.hook(prefix=V2).returncode == 0
    assert pinned_programs(tools, "pinned", scope, pinned) == [list(before[0])]
    assert accesses(scope, scope.directory) == OPEN_FOR_GPU_0
    assert scope.bundle.logged().count(" warning: ") == 1
    assert (f"{scope.remark} again, as at 'systemctl daemon-reload', because it attaches the program "
            f"pinned at {pinned} then, which denies c 195:1 rw and which other units may share: "
            "allow the device there") in scope.bundle.logged()


def test_a_foreign_pin_that_allows_nothing_is_named(scope, stand_in, attach, tools,
                                                    bpf_files, tmp_path):
    attach(scope.directory, "deny-10")
    pinned_programs(tools, "pin", scope, bpf_files / "policy")
    before = pinned_programs(tools, "pinned", scope, bpf_files / "policy")
    stand_in(as_systemd(scope.cgroup, "auto", [("device", str(bpf_files / "policy")),
                                               ("device", str(bpf_files / "none")),
                                               ("device", str(tmp_path))]))
    assert scope.hook(prefix=V2).returncode == 0
    assert pinned_programs(tools, "pinned", scope, bpf_files / "policy") == before
    assert scope.bundle.logged() == ""


def test_cruns_pin_that_is_no_program_is_reported(scope, stand_in, bpf_files):
    elsewhere = pin_of_crun(bpf_files, scope.unit)
    elsewhere.mkdir()
    stand_in(as_systemd(scope.cgroup, "auto", [("device", str(elsewhere))]))
    assert scope.hook(prefix=V2).returncode == 0
    assert scope.remark in scope.bundle.logged()
    assert elsewhere.is_dir()


def rules_kept(bundle, runtime):
    """What a runtime made of rules in config.json holds beside the GPU."""
    rules = bundle.config["linux"]["resources"]["devices"]
    rules += [{"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rw"},
              {"allow": True, "type": "c", "major": 240, "access": "rwm"}]
    if runtime == "crun":  # runc has no exceptions from a rule
        rules.append({"allow": False, "type": "c", "major": 240, "minor": 3, "access": "rw"})
    result = bundle.run(runtime, "v2", "make:c:195:1", "make:c:195:0", "make:c:10:229",
                        "make:c:240:7", "make:c:240:3", "make:c:10:1", "make:c:1:3",
                        "make:c:1:11", "open:/dev/null")
    assert result["make:c:195:1"] == "ENXIO"
    assert result["make:c:195:0"] == "EPERM"
    assert result["make:c:10:229"] in ("OK", "ENODEV", "ENXIO")
    assert result["make:c:240:7"] == "ENXIO"
    assert result["make:c:240:3"] == ("EPERM" if runtime == "crun" else "ENXIO")
    for denied in ("make:c:10:1", "make:c:1:11"):
        assert result[denied] == "EPERM"
    assert result["make:c:1:3"] == result["open:/dev/null"] == "OK"


@pytest.mark.parametrize("runtime", ["runc", "crun"])
def test_blinded_programs_are_extended(gpu_bundle, hardened, runtime):
    rules_kept(gpu_bundle, runtime)
    assert gpu_bundle.logged() == ""


@pytest.mark.parametrize("runtime", ["runc", "crun"])
def test_hidden_programs_are_made_anew_from_the_configuration(gpu_bundle, hidden_programs, runtime):
    rules_kept(gpu_bundle, runtime)
    assert ("cannot be read back and was rebuilt from config.json: other devices that its "
            "runtime allows, such as /dev/net/tun, are denied now; set the sysctl kernel.kptr_restrict or "
            "net.core.bpf_jit_harden to 0 or 1") in gpu_bundle.logged()


@pytest.mark.parametrize("runtime", ["runc", "crun"])
def test_a_runtimes_own_rules_stay_if_blinded(make_bundle, hardened, runtime):
    """Such as c 10:200 (runc) and c 5:1 (crun)."""
    queries = [f"make:c:{number}" for number in (
        "10:200", "10:229", "5:0", "5:1", "5:2", "1:3", "1:11", "4:0", "136:0")] + ["make:b:7:0"]
    without, with_gpu = [make_bundle(name=what).env(f"NVIDIA_VISIBLE_DEVICES={what}").run(
        runtime, "v2", *queries) for what in ("void", "0")]
    assert with_gpu.answers == without.answers
    assert "EPERM" not in (without["make:c:10:200" if runtime == "runc" else "make:c:5:1"],
                           without["make:c:1:3"])


def test_a_blinded_program_is_extended_once(hand_made, cgroups, gpu_bundle, attach, programs,
                                            hardened):
    cgroup = own(cgroups, gpu_bundle)
    attach(cgroup, "deny")
    attach(cgroup, "store:deny-195")
    made = hand_made(gpu_bundle, cgroup=cgroup)
    done = made.hook(prefix=V2)
    assert (done.returncode, done.stderr, gpu_bundle.logged()) == (0, "", "")
    assert accesses(made, cgroup)[:3] == OPEN_FOR_GPU_0[:3]
    before = programs(cgroup)
    assert len(before) == 2
    assert made.hook(prefix=V2).returncode == 0
    assert programs(cgroup) == before


@pytest.mark.parametrize("rule, code", [("deny-10", 0), ("deny-195", 1)])
def test_a_blinded_ancestor_is_understood(hand_made, cgroups, gpu_bundle, attach, programs, hardened,
                                          rule, code):
    parent = cgroups.make("v2", "parent")
    cgroup = cgroups.make("v2", f"parent/{gpu_bundle.name}")
    gpu_bundle.config["linux"]["cgroupsPath"] = f"{container.CGROUP}/parent/{gpu_bundle.name}"
    attach(parent, rule)
    attach(cgroup, "deny-195")
    before = programs(parent)
    made = hand_made(gpu_bundle, cgroup=cgroup)
    done = made.hook(prefix=V2)
    assert done.returncode == code
    assert (f"the cgroup {parent} denies c 195:1 rw" in done.stderr) == (code != 0)
    assert programs(parent) == before


def test_a_hidden_ancestor_is_taken_to_allow(hand_made, cgroups, gpu_bundle, attach, programs,
                                             hidden_programs):
    parent = cgroups.make("v2", "parent")
    cgroup = cgroups.make("v2", f"parent/{gpu_bundle.name}")
    gpu_bundle.config["linux"]["cgroupsPath"] = f"{container.CGROUP}/parent/{gpu_bundle.name}"
    attach(parent, "deny-10")
    attach(cgroup, "deny-195")
    before = programs(parent)
    made = hand_made(gpu_bundle, cgroup=cgroup)
    done = made.hook(prefix=V2)
    assert (done.returncode, done.stderr) == (0, "")
    assert programs(parent) == before
    assert accesses(made, cgroup)[:3] == OPEN_FOR_GPU_0[:3]
