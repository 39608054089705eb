# SPDX-License-Identifier: Apache-2.0
"""A hook that was taken over: system calls that its phase has no use for end it, with a line."""

import ctypes
import errno
import os
import pathlib
import re
import stat
import subprocess

import pytest


@pytest.fixture
def made(hand_made, bundle, make_bundle):
    # what the GPUs are is on file then
    assert hand_made(make_bundle(name="first").env("NVIDIA_VISIBLE_DEVICES=all")).hook().returncode == 0
    return hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))


def changed(tools, call, other, nth=1, program="grapnel-hook"):
    """The beginning of a command: the hook makes another system call in the place of one of its own."""
    return [tools.change_call, program, call, str(nth), other]


def line_of(call):
    return (rf"grapnel-hook: system call {call} \([0-9]+\) is not on the allow list of this phase: "
            r"please report this line\n")


# the first one reads the state: nothing has been parsed yet
@pytest.mark.parametrize("call", ["read", "getdents64", "statx", "open_tree"])
@pytest.mark.parametrize("other", ["execve", "ptrace", "init_module", "process_vm_writev", "mknod",
                                   "keyctl", "add_key", "userfaultfd", "kexec_load", "reboot",
                                   "delete_module", "perf_event_open", "io_uring_setup", "swapon"])
def test_denied_call_ends_the_hook(made, bundle, tools, call, other):
    done = made.hook(prefix=changed(tools, call, other))
    assert done.returncode == 1
    assert re.fullmatch(line_of(other), done.stderr), done.stderr
    assert "/dev/nvidia0" not in made.mounts()


def has_mount_setattr():
    """mount_setattr(2) with nothing to set; its number is the same on all architectures."""
    size = 32
    return ctypes.CDLL(None).syscall(442, -100, b"/", 0, bytes(size), size) == 0


# without it a child process makes these
REMOUNTING = ("clone", "mount", "umount2", "fsopen")


@pytest.mark.parametrize("call", ["move_mount", "renameat"])
@pytest.mark.parametrize("other", ["execve", "execveat", "mknodat", "connect", "socket", "bpf", "mount",
                                   "umount2", "setns", "unshare", "clone", "fork", "ioctl", "chroot",
                                   "pivot_root", "fsopen", "seccomp", "setresuid", "mknod", "kill"])
def test_denied_call_in_the_container_ends_the_hook(made, bundle, tools, call, other):
    # without mount_setattr a child makes some of these, and the first mounts before the container's
    if not has_mount_setattr() and (other in REMOUNTING or call == "move_mount"):
        return
    done = made.hook(prefix=changed(tools, call, other))
    assert done.returncode == 1
    assert re.fullmatch(line_of(other), done.stderr), done.stderr
    logged = [line for line in bundle.logged().splitlines() if " error: " in line]
    assert len(logged) == 1
    assert f"system call {other} (" in logged[0]


def test_denied_call_at_poststop_ends_the_hook(made, bundle, tools):
    assert made.hook().returncode == 0
    made.end()
    done = made.hook(stage="poststop", state=made.state(status="stopped"),
                     prefix=changed(tools, "unlinkat", "execveat"))
    assert done.returncode == 1
    assert re.fullmatch(line_of("execveat"), done.stderr), done.stderr


# the hook's own list denies the last two as well
@pytest.mark.parametrize("other", ["mknodat", "socket", "bpf", "clone", "ioctl", "keyctl", "ptrace"])
def test_denied_call_of_ldconfig_fails_with_enosys(made, bundle, tools, other):
    bundle.set_settings('ldcache = "ldconfig"\n')
    done = made.hook(prefix=changed(tools, "rename", other, program=""))
    assert done.returncode == 1
    # SIGSYS does not end it here: it is traced, and the first process of its PID namespace
    assert "failed: Function not implemented" in done.stderr


def test_filter_that_cannot_be_loaded_refuses_the_start(made, bundle, tools):
    done = made.hook(prefix=[tools.deny_call, "seccomp,prctl"])
    assert done.returncode == 1
    done = made.hook(prefix=["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=seccomp", "-e",
                             "inject=seccomp:error=EINVAL"])
    assert done.returncode == 1
    assert re.fullmatch(r"grapnel-hook: load a seccomp filter: Invalid argument: use a kernel with "
                        r"CONFIG_SECCOMP_FILTER.*\n", done.stderr), done.stderr
    assert "/dev/nvidia0" not in made.mounts()


def test_outer_filter_without_seccomp_is_no_obstacle(made, tools):
    done = made.hook(prefix=[tools.deny_call, "seccomp"])
    assert (done.returncode, done.stderr) == (0, "")
    assert "/dev/nvidia0" in made.mounts()


def test_waiting_hook_has_no_files_but_its_log(made, bundle, tools, tmp_path):
    record = tmp_path / "calls"
    done = made.hook(prefix=["strace", "-f", "-qq", "-o", record, "-e",
                             "trace=landlock_restrict_self,landlock_create_ruleset,clone"])
    assert (done.returncode, done.stderr) == (0, "")
    calls = [line.split(maxsplit=1) for line in record.read_text().splitlines()]
    if any("ENOSYS" in call or "EOPNOTSUPP" in call for _, call in calls):
        pytest.skip("this kernel has no Landlock")
    restricted = [process for process, call in calls
                  if call.startswith("landlock_restrict_self") and call.endswith("= 0")]
    # the process that waits, not the one that mounts
    assert restricted == [calls[0][0]]


def skip_without_landlock():
    """landlock_create_ruleset(2), for its version; the number is the same on all architectures."""
    if ctypes.CDLL(None).syscall(444, None, 0, 1) < 1:
        pytest.skip("this kernel has no Landlock")


OPENAT, MKNODAT, MOUNT, EXECVEAT = 257, 259, 165, 322
CREATE = 0o101  # O_WRONLY | O_CREAT


def run_taken_over(bundle, tools, stage, text, *call):
    """With that system call in the place of the stage's first output."""
    return subprocess.run([tools.take_over, *map(str, call), "--", bundle.hook,
                           f"--config={bundle.settings}", *stage], input=text, env={},
                          capture_output=True, text=True, timeout=60, check=False)


DESCRIPTIONS = {"precreate": ["precreate"], "dry-run": ["--dry-run", "prestart"],
                "dry-run-precreate": ["--dry-run", "precreate"]}


@pytest.mark.parametrize("stage", DESCRIPTIONS)
def test_taken_over_description_changes_no_file(bundle, tools, stage, tmp_path):
    bundle.env("NVIDIA_VISIBLE_DEVICES=all").write_config(["/bin/true"])
    skip_without_landlock()
    text = (bundle.directory / "config.json").read_text() if "precreate" in stage else bundle.state()
    target = tmp_path.parent.parent / "taken-over"  # a directory that is not the log's
    existing = pathlib.Path("/etc/passwd")
    for call in ((OPENAT, -100, target, CREATE, 0o644), (OPENAT, -100, existing, 1),
                 (MKNODAT, -100, target, stat.S_IFCHR | 0o666, os.makedev(1, 3))):
        done = run_taken_over(bundle, tools, DESCRIPTIONS[stage], text, *call)
        denied = [f"result -{error}\n" in done.stdout for error in (errno.EACCES, errno.EPERM)]
        assert any(denied), (call, done.stdout[-100:], done.stderr)
    assert not target.exists()


@pytest.mark.parametrize("call", [(MOUNT, "none", "/mnt", "tmpfs", 0, 0),
                                  (EXECVEAT, -100, "/bin/true", 0, 0, 0)])
def test_taken_over_description_has_no_mounts_and_programs(bundle, tools, call):
    bundle.env("NVIDIA_VISIBLE_DEVICES=all").write_config(["/bin/true"])
    text = (bundle.directory / "config.json").read_text()
    done = run_taken_over(bundle, tools, ["precreate"], text, *call)
    assert re.search(line_of({MOUNT: "mount", EXECVEAT: "execveat"}[call[0]]), done.stderr)
    assert done.returncode == 1
