# SPDX-License-Identifier: Apache-2.0
"""Whichever system call fails: the container does not start, one line says why, and the host's
mounts stay; where the thing was optional the container starts."""

import os
import shutil
import subprocess

import container
import pytest
from conftest import need
from faults.starts import link_by_number

# what the hook calls from the moment it looks at the container
CALLS = ["bpf", "capset", "clone", "close_range", "execveat", "fchdir", "fchmod", "fcntl",
         "fsconfig", "fsmount", "fsopen", "fstatfs", "getdents64", "memfd_create", "mkdirat",
         "mount", "mount_setattr", "move_mount", "newfstatat", "open", "openat", "openat2",
         "open_tree", "pidfd_open", "pidfd_send_signal", "pivot_root", "poll", "prctl", "read",
         "readlinkat", "renameat", "seccomp", "sendfile", "setfsuid", "setns", "statx",
         "symlinkat", "umount2", "unlinkat", "waitid", "write", "chroot", "dup3", "mmap"]


@pytest.fixture(autouse=True)
def strace():
    need("strace")


@pytest.fixture
def failing_bundle(bundle):
    """A bundle in which the hook has something of everything to do."""
    bundle.set_settings('ldcache = "ldconfig"\n')
    bundle.env("NVIDIA_VISIBLE_DEVICES=all")
    (bundle.root / "usr/lib/x86_64-linux-gnu/libcuda.so.1").symlink_to("libcuda.so.470")
    link_by_number()
    return bundle


def strace_arguments(call, when, record="/dev/null", error="EPERM"):
    return ["strace", "-f", "-qq", "-o", record, "-e", f"trace={call}", "-e",
            f"inject={call}:error={error}:when={when}"]


def traced(bundle, call, when):
    """Has the hook of that bundle run under strace."""
    for entries in bundle.config["hooks"].values():
        for entry in entries:
            if entry["path"] == str(bundle.hook):
                entry["args"] = [*strace_arguments(call, when), str(bundle.hook),
                                 *entry["args"][1:]]
                entry["path"] = shutil.which("strace")


@pytest.mark.parametrize("call", ["open_tree", "mount_setattr", "openat2", "move_mount", "setns",
                                  "bpf", "symlinkat", "clone", "execveat", "mkdirat", "statx",
                                  "pidfd_open", "fsopen", "memfd_create", "renameat", "waitid"])
@pytest.mark.parametrize("runtime, cgroup", [("runc", "v2"), ("crun", "v2"), ("runc", "v1")])
def test_no_container_starts_with_half_a_driver(failing_bundle, runtime, cgroup, call):
    failing_bundle.config["hooks"].pop("poststop")
    # the first of these is for a helper process that loads kernel modules, which none has to do here
    helpers = ("clone", "pidfd_open", "memfd_create")
    traced(failing_bundle.show_proc_driver(), call, "2" if call in helpers else "1")
    result = failing_bundle.run(runtime, cgroup, "load:libcuda.so.1", "open:/dev/nvidia0")
    assert result.host_mounts[0] == result.host_mounts[1]
    if call == "bpf" and cgroup == "v1":
        assert result["open:/dev/nvidia0"] == "ENXIO"  # not called there
        return
    assert result.code != 0
    assert result.answers == {}, "the container ran"
    errors = [line for line in failing_bundle.logged().splitlines() if " error: " in line]
    assert len(errors) == 1


@pytest.mark.parametrize("call", ["openat2", "pidfd_open"])
def test_denial_by_eperm_names_the_seccomp_profile(failing_bundle, hand_made, call):
    done = hand_made(failing_bundle).hook(prefix=strace_arguments(call, "1+"))
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert done.stderr.endswith(f"Operation not permitted: the seccomp profile of an outer container may deny "
                                f"it: allow {call} there, and update its libseccomp\n")


def test_denied_setns_names_the_capabilities(failing_bundle, hand_made):
    done = hand_made(failing_bundle).hook(prefix=strace_arguments("setns", "1+"))
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert done.stderr.endswith("Operation not permitted: the hook needs CAP_SYS_ADMIN and CAP_SYS_CHROOT: start the "
                                "runtime as root, and allow setns in the seccomp profile of an outer container\n")


@pytest.fixture
def counts(failing_bundle, hand_made, tmp_path):
    """How often the hook makes each call for such a container."""
    record = tmp_path / "trace"
    made = hand_made(failing_bundle, setup=SETUP)
    done = made.hook(prefix=["strace", "-f", "-qq", "-o", str(record)])
    assert done.returncode == 0, done.stderr
    found = {}
    for line in record.read_text().splitlines():
        name = line.split(maxsplit=1)[1].split("(")[0]
        found[name] = found.get(name, 0) + 1
    subprocess.run([failing_bundle.hook, f"--config={failing_bundle.settings}", "poststop"],
                   input=failing_bundle.state(), text=True, check=True, env={})
    return found


SETUP = 'mount --bind /proc/driver "$ROOT/proc/driver"'
NODES = ("/dev/nvidia0", "/dev/nvidia1", "/dev/nvidiactl", "/dev/nvidia-uvm")


@pytest.mark.parametrize("call", CALLS)
def test_each_failure_is_one_line_and_status(failing_bundle, hand_made, counts, call):
    count = counts.get(call, 1)
    mounts = open("/proc/self/mountinfo").read()
    for when in sorted({1, 2, count // 3, count // 2, count - 1, count} - {0}):
        made = hand_made(failing_bundle, setup=SETUP)
        done = made.hook(prefix=strace_arguments(call, when))
        context = f"{call} number {when} of {count}: {done}"
        assert done.returncode in (0, 1), context
        assert done.stdout == "", context
        if call == "write" and done.returncode == 1:
            assert done.stderr.count("\n") <= 1, context  # the line itself may not be written
        elif done.returncode == 1:
            assert done.stderr.startswith("grapnel-hook: "), context
            assert done.stderr.count("\n") == 1, context
        else:
            assert done.stderr == "", context
            loaded = made.look("load:libcuda.so.1", *(f"open:{node}" for node in NODES))
            assert loaded["load:libcuda.so.1"].endswith(" libcuda"), context
            assert all(loaded[f"open:{node}"] == "ENXIO" for node in NODES), context
        made.end()
        assert open("/proc/self/mountinfo").read() == mounts, context
        assert failing_bundle.call_hook("poststop").returncode == 0


@pytest.mark.parametrize("error", ["EPERM", "EIO", "ENOMEM"])
@pytest.mark.parametrize("call", ["read", "getdents64"])
def test_a_failed_read_hides_nothing(failing_bundle, hand_made, counts, call, error):
    whole = hand_made(failing_bundle, setup=SETUP)
    assert whole.hook().returncode == 0
    mounts = set(whole.mounts())
    whole.end()
    assert failing_bundle.call_hook("poststop").returncode == 0
    for when in range(1, counts[call] + 1):
        made = hand_made(failing_bundle, setup=SETUP)
        done = made.hook(prefix=strace_arguments(call, when, error=error))
        context = f"{call} number {when} of {counts[call]}: {done}"
        if done.returncode == 0:
            assert set(made.mounts()) == mounts, context
            proc = made.look(*(f"text:/proc/driver/nvidia/{name}" for name in ("params", "version")))
            assert "ENOENT" not in proc.answers.values(), context
        else:
            assert done.returncode == 1 and done.stderr.count("\n") == 1, context
        made.end()
        assert failing_bundle.call_hook("poststop").returncode == 0


@pytest.mark.parametrize("when", [1, 2, 5])
def test_poststop_removes_creations_of_a_failed_start(failing_bundle, hand_made, when):
    before = container.listing(failing_bundle.root)
    made = hand_made(failing_bundle)
    assert made.hook(prefix=strace_arguments("move_mount", when)).returncode == 1
    made.end()
    assert container.listing(failing_bundle.root) != before
    assert failing_bundle.call_hook("poststop").returncode == 0
    assert container.listing(failing_bundle.root) == before
    assert os.listdir("/run/grapnel/containers") == []


def test_a_full_disk_is_one_line(hand_made, bundle):
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))
    full = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=write", "-e",
            "inject=write:error=ENOSPC:when=1..2"]
    done = made.hook(prefix=full)
    assert done.returncode in (0, 1)
    assert done.stderr.count("\n") <= 1
