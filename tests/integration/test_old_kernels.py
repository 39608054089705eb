# SPDX-License-Identifier: Apache-2.0
"""Linux 5.6 to 5.11, which lack system calls and flags that the hook uses where they are there.
tests/run runs more suites without mount_setattr; tests/nightly/kernels boots such a kernel."""

import os
import re
import subprocess

import container
import make_driver
import pytest
import user_namespaces

KERNEL = tuple(int(part) for part in re.findall(r"\d+", os.uname().release)[:2])
LIBRARY = f"/usr/lib/x86_64-linux-gnu/libcuda.so.{make_driver.VERSION}"
SHOWN = 'mount --bind /proc/driver "$ROOT/proc/driver"'
# Linux before 5.8: statx(2) tells neither the mount's ID nor its root; a pidfd enters no namespace
BASIC_STATS = "inject=statx:poke_exit=@arg5=ff070000"
NO_PIDFD = "inject=setns:error=EINVAL:when=1"


def strace(*injections, record="/dev/null", calls="statx,setns"):
    words = [word for injection in injections for word in ("-e", injection)]
    return ["strace", "-f", "--seccomp-bpf", "-qq", "-o", str(record), "-e", f"trace={calls}", *words]


@pytest.fixture
def made(hand_made, bundle):
    return hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"), setup=SHOWN)


def options(made):
    """Of each mount of the driver: its options and its propagation."""
    found = {}
    for place, line in made.mounts().items():
        words = line.split(" ")
        if "nvidia" in place or "libcuda" in place:
            found[place] = (words[5], words[6:words.index("-")])
    return found


def test_mounts_are_equal_without_mount_setattr(made, hand_made, bundle, tools):
    assert made.hook().returncode == 0
    other = hand_made(bundle, setup=SHOWN)
    host = open("/proc/self/mountinfo").read()
    done = other.hook(prefix=[tools.deny_call, "mount_setattr"])
    assert (done.returncode, done.stderr) == (0, "")
    assert "/proc/driver/nvidia" in options(made)
    assert options(other) == options(made)
    assert open("/proc/self/mountinfo").read() == host
    assert other.look("load:libcuda.so.1")["load:libcuda.so.1"] == f"{LIBRARY} libcuda"


def test_one_child_sets_all_options(made, tools, tmp_path):
    record = tmp_path / "trace"
    prefix = strace(record=record, calls="mount_setattr,clone,move_mount")
    prefix.remove("--seccomp-bpf")  # it shows no call that another filter denies
    assert made.hook(prefix=[*prefix, tools.deny_call, "mount_setattr"]).returncode == 0
    calls = re.findall(r"^\d+ +(\w+)\((.*)", record.read_text(), re.M)
    assert [words for name, words in calls if name == "clone" and "CLONE_FILES" in words][1:] == []
    # one for the sources: the image's ld.so.cache is sound, so that there is no cage for ldconfig;
    # one by path asks whether the kernel has the call
    assert len([name for name, words in calls
                if name == "mount_setattr" and "AT_EMPTY_PATH" in words]) == 1


@pytest.mark.skipif(KERNEL < (5, 12), reason="this kernel has no mount_setattr")
def test_newer_kernels_need_no_remount(made, tmp_path):
    record = tmp_path / "trace"
    assert made.hook(prefix=strace(record=record, calls="mount,clone")).returncode == 0
    assert "MS_REMOUNT" not in record.read_text()
    assert "CLONE_FILES" not in record.read_text()


@pytest.fixture
def noexec_driver():
    """The driver's files on a mount whose options a user namespace may not clear."""
    subprocess.run("mount --bind /opt /opt && mount -o remount,bind,noexec,noatime /opt", shell=True,
                   check=True)
    yield
    subprocess.run(["umount", "/opt"], check=True)


@pytest.mark.usefixtures("users_run_directory", "noexec_driver")
def test_locked_options_stay_in_user_namespaces(bundle, tools, reachable_hook):
    bundle.hook = reachable_hook
    bundle.register("prestart", "poststop")
    for entry in (entry for entries in bundle.config["hooks"].values() for entry in entries):
        program = str(tools.deny_call)
        entry["args"] = [program, "mount_setattr", entry["path"], *entry["args"][1:]]
        entry["path"] = program
    bundle.env("NVIDIA_VISIBLE_DEVICES=0")
    result = user_namespaces.Rootless(bundle, "v2").run("runc", "mounts")
    assert result.code == 0, result.err
    options, propagation, _ = container.parse_mountinfo(result["mounts"])[LIBRARY]
    assert {"ro", "nosuid", "nodev", "noexec", "noatime"} <= options
    assert propagation == []


def test_a_hook_sees_mounts_without_statx_mount_ids(made, bundle):
    for _ in range(2):  # the second time everything is there
        before = options(made)
        done = made.hook(prefix=strace(BASIC_STATS, NO_PIDFD))
        assert (done.returncode, done.stderr) == (0, "")
        assert before in ({}, options(made))
    assert len(set(made.mounts())) == len([line for line in made.mountinfo().splitlines()
                                           if str(bundle.root) in line])
    # what the hook made is known as its own, and goes
    assert bundle.call_hook("poststop").returncode == 0


def test_rootfs_that_is_no_mount_is_refused(hand_made, bundle):
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"), basis="")
    done = made.hook(prefix=strace(BASIC_STATS))
    assert done.returncode == 1
    assert "was not found mounted" in done.stderr


def test_descriptors_are_closed_without_close_range(made, tools, tmp_path):
    record = tmp_path / "trace"
    secret = os.open("/etc/passwd", os.O_RDONLY)
    os.set_inheritable(secret, True)
    try:
        prefix = [*strace(record=record, calls="close,read"), tools.deny_call, "close_range"]
        assert made.hook(prefix=prefix, pass_fds=[secret]).returncode == 0
    finally:
        os.close(secret)
    hook = record.read_text()
    assert re.search(rf"\bclose\({secret}\) += 0", hook)
    assert hook.index(f"close({secret})") < hook.index('"ociVersion')


@pytest.mark.parametrize("call", ["pidfd_open", "openat2", "open_tree", "setns"])
def test_older_kernels_get_one_clear_sentence(made, bundle, tools, call):
    before = (container.listing(bundle.root, without=()), made.mountinfo())
    done = made.hook(prefix=["setarch", "--uname-2.6", tools.deny_call, call])
    release = subprocess.run(["setarch", "--uname-2.6", "uname", "-r"], capture_output=True,
                             text=True, check=True).stdout.strip()
    assert (done.returncode, done.stderr) == (
        1, f"grapnel-hook: this kernel ({release}) lacks the system call {call}: "
           "Linux 5.6 or newer is needed\n")
    assert (container.listing(bundle.root, without=()), made.mountinfo()) == before


def test_older_kernels_start_other_containers(bundle, tools, hand_made):
    made = hand_made(bundle.env("PATH=/bin"))
    done = made.hook(prefix=["setarch", "--uname-2.6", tools.deny_call,
                             "openat2,open_tree,mount_setattr,pidfd_open,close_range,statx"])
    assert (done.returncode, done.stderr) == (0, "")


def test_device_programs_fit_a_small_memory_limit(hand_made, bundle, cgroups):
    """RLIMIT_MEMLOCK limits them before Linux 5.11."""
    cgroup = cgroups.make("v2", bundle.name)
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=0"), cgroup=cgroup)
    subprocess.run([bundle.tools.device_programs, "attach", cgroup, "deny"], check=True)
    prefix = container.in_cgroup_view("v2", ["prlimit", "--memlock=0:0"])
    done = made.hook(prefix=prefix)
    assert (done.returncode, done.stderr) == (0, "")
    assert made.look("open:/dev/nvidia1", cgroup=cgroup)["open:/dev/nvidia1"] == "ENXIO"


def test_ldconfig_starts_below_tomoyo(made):
    """TOMOYO before Linux 6.11 looks up /dev/fd/NUMBER, which a cage lacks at first."""
    done = made.hook(prefix=strace("inject=execveat:error=ENOENT:when=1", calls="execveat"))
    assert (done.returncode, done.stderr) == (0, "")
    assert made.look("load:libcuda.so.1")["load:libcuda.so.1"] == f"{LIBRARY} libcuda"


def test_ldconfig_starts_below_tomoyo_beside_many_mounts(bundle, hand_made):
    """Each mount is a descriptor of the hook, and the cage has a limit of 64."""
    bundle.set_settings('ldcache = "ldconfig"\n')
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=all"))
    done = made.hook(prefix=strace("inject=execveat:error=ENOENT:when=1",
                                   "inject=mount_setattr:error=ENOSYS",
                                   calls="execveat,mount_setattr"))
    assert (done.returncode, done.stderr) == (0, "")
