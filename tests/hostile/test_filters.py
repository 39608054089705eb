# SPDX-License-Identifier: Apache-2.0
"""A hook that was taken over: system calls that its phase has no use for end it, with a line."""

import ctypes
import errno
import fcntl
import os
import pathlib
import re
import resource
import shutil
import signal
import stat
import subprocess

import container
import pytest


@pytest.fixture
def made(hand_made, bundle, make_bundle, tmp_path):
    """A container whose hook looks at the host each time."""
    # what the GPUs are is on file then
    assert hand_made(make_bundle(name="first").env("NVIDIA_VISIBLE_DEVICES=all")).hook().returncode == 0
    one = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))
    cache = container.inventory_cache_in(tmp_path / "cache", "ro")
    hook = one.hook
    one.hook = lambda *arguments, prefix=(), **options: hook(*arguments, prefix=[*cache, *prefix], **options)
    return one


def changed(tools, call, other, nth=1, program="grapnel-hook"):
    """The beginning of a command: the hook makes another system call in the place of one of its own."""
    return [tools.change_call, program, call, str(nth), other]


def line_of(call):
    return (rf"grapnel-hook: system call {call} \([0-9]+\) is not on the allow list of this phase: "
            r"please report this line\n")


# the first one reads the state: nothing has been parsed yet
@pytest.mark.parametrize("call", ["read", "setns", "statx", "open_tree"])
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


# flistxattr is a call for files of the image alone; renameat can be one for a cache in /run/grapnel
@pytest.mark.parametrize("call", ["move_mount", "flistxattr"])
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
                             "trace=landlock_restrict_self,landlock_create_ruleset,clone,move_mount"])
    assert (done.returncode, done.stderr) == (0, "")
    calls = [line.split(maxsplit=1) for line in record.read_text().splitlines()]
    if any("landlock" in call and ("ENOSYS" in call or "EOPNOTSUPP" in call) for _, call in calls):
        pytest.skip("this kernel has no Landlock")
    restricted = {process: number for number, (process, call) in enumerate(calls)
                  if call.startswith("landlock_restrict_self") and call.endswith("= 0")}
    waiting = calls[0][0]
    assert waiting in restricted
    # the other one mounts before: a restricted process cannot
    last_mounts = {process: number for number, (process, call) in enumerate(calls)
                   if call.startswith("move_mount")}
    assert waiting not in last_mounts
    work, = set(restricted) & set(last_mounts)
    assert last_mounts[work] < restricted[work]


def skip_without_landlock(version=1):
    """landlock_create_ruleset(2), for its version; the number is the same on all architectures."""
    if ctypes.CDLL(None).syscall(444, None, 0, 1) < version:
        pytest.skip(f"this kernel has no Landlock of version {version}")


OPENAT, MKNODAT, MOUNT, EXECVEAT = 257, 259, 165, 322
CREATE = 0o101  # O_WRONLY | O_CREAT


def run_taken_over(bundle, tools, stage, text, *call):
    """With that system call in the place of the stage's first output."""
    return subprocess.run([tools.take_over, "--powerful", *map(str, call), "--", bundle.hook,
                           f"--config={bundle.settings}", *stage], input=text, env={},
                          capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def elsewhere(tmp_path_factory):
    """A file in a directory that is neither the log's nor the container's."""
    file = tmp_path_factory.mktemp("elsewhere") / "file"
    file.write_text("text")
    return file


DESCRIPTIONS = {"precreate": ["precreate"], "dry-run": ["--dry-run", "prestart"],
                "dry-run-precreate": ["--dry-run", "precreate"]}


@pytest.mark.parametrize("stage", DESCRIPTIONS)
def test_taken_over_description_changes_no_file(bundle, tools, stage, elsewhere):
    bundle.env("NVIDIA_VISIBLE_DEVICES=all").write_config(["/bin/true"])
    skip_without_landlock()
    text = (bundle.directory / "config.json").read_text() if "precreate" in stage else bundle.state()
    target = elsewhere.parent / "new"
    for call in ((OPENAT, -100, target, CREATE, 0o644), (OPENAT, -100, elsewhere, os.O_WRONLY),
                 (MKNODAT, -100, target, stat.S_IFCHR | 0o666, os.makedev(1, 3))):
        done = run_taken_over(bundle, tools, DESCRIPTIONS[stage], text, *call)
        denied = [f"result -{error}\n" in done.stdout for error in (errno.EACCES, errno.EPERM)]
        assert any(denied), (call, done.stdout[-100:], done.stderr)
    assert not target.exists()


@pytest.mark.parametrize("stage", DESCRIPTIONS)
def test_taken_over_description_reads_no_secret(bundle, tools, stage, elsewhere):
    bundle.env("NVIDIA_VISIBLE_DEVICES=all").write_config(["/bin/true"])
    skip_without_landlock()
    text = (bundle.directory / "config.json").read_text() if "precreate" in stage else bundle.state()
    for path in (elsewhere, elsewhere.parent, "/etc/shadow", "/root", "/home", "/var/lib", "/dev/zero",
                 "/proc/1/root/etc/shadow"):
        done = run_taken_over(bundle, tools, DESCRIPTIONS[stage], text, OPENAT, -100, path, os.O_RDONLY)
        assert f"result -{errno.EACCES}\n" in done.stdout, (path, done.stdout[-100:], done.stderr)
    done = run_taken_over(bundle, tools, DESCRIPTIONS[stage], text, OPENAT, -100, "/etc/ld.so.cache", 0)
    denied = stage == "precreate"  # its first process has the inventory cache alone
    assert (f"result -{errno.EACCES}\n" in done.stdout) == denied, done.stdout[-100:]
    assert bool(re.search(r"^result -", done.stdout, re.M)) == denied, done.stdout[-100:]


def test_taken_over_description_changes_no_inventory_cache(bundle, tools):
    """Which decides what later containers get."""
    skip_without_landlock()
    bundle.env("NVIDIA_VISIBLE_DEVICES=all").write_config(["/bin/true"])
    config = (bundle.directory / "config.json").read_text()
    cache = pathlib.Path("/run/grapnel-inventory")
    cache.mkdir(mode=0o700, exist_ok=True)
    for path in (cache / "0", cache / "new"):
        done = run_taken_over(bundle, tools, ["precreate"], config, OPENAT, -100, path, CREATE, 0o600)
        assert f"result -{errno.EACCES}\n" in done.stdout, (path, done.stdout[-100:], done.stderr)


def test_taken_over_explain_reads_no_secret(bundle, tools, grapnel, elsewhere):
    bundle.env("NVIDIA_VISIBLE_DEVICES=all").write_config(["/bin/true"])
    skip_without_landlock()
    for path, denied in ((elsewhere, True), ("/etc/shadow", True), ("/dev/zero", True),
                         (bundle.root / "etc/debian_version", False)):
        done = subprocess.run(
            [tools.take_over, "--powerful", *map(str, (OPENAT, -100, path, os.O_RDONLY)), "--",
             grapnel.program, "explain", bundle.directory],
            capture_output=True, text=True, timeout=60, check=False)
        result = int(re.search(r"^result (-?[0-9]+)$", done.stdout, re.M)[1])
        assert (result == -errno.EACCES) == denied, (path, result)


@pytest.fixture
def driver_elsewhere(tmp_path):
    """Shell that leaves a link in the place of one of the driver's files, which lies in a directory
    that nobody names."""
    place = tmp_path / "moved/nvidia-smi"
    place.parent.mkdir()
    place.parent.parent.chmod(0o755)
    return place, f"mv /opt/nvidia/bin/nvidia-smi {place} && ln -s {place} /opt/nvidia/bin/nvidia-smi"


def test_driver_file_behind_a_link_is_named(bundle, driver_elsewhere):
    skip_without_landlock()
    place, setup = driver_elsewhere
    bundle.env("NVIDIA_VISIBLE_DEVICES=all").write_config(["/bin/true"])
    config = (bundle.directory / "config.json").read_text()

    def precreate():
        script = f'cp -a /opt /run/opt && mount --bind /run/opt /opt && {setup} && exec "$@"'
        return subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", bundle.hook,
                               f"--config={bundle.settings}", "precreate"], input=config,
                              capture_output=True, text=True, timeout=60, check=False)

    done = precreate()
    assert done.returncode == 1
    assert done.stderr == (
        f"grapnel-hook: /opt/nvidia/bin/nvidia-smi leads to {place}, which is in no directory that "
        f"drivers are read from: name {place.parent} in library-search-path of the settings\n")
    bundle.set_settings(f'library-search-path = ["{place.parent}"]\n')
    shutil.rmtree("/run/opt")
    shutil.rmtree(place.parent)
    place.parent.mkdir()
    done = precreate()
    assert (done.returncode, done.stderr) == (0, "")


def taken_over_look(made, tools, *call):
    """A start in which the process that looks at the host makes that call instead of its first output."""
    done = made.hook(prefix=[str(word) for word in (tools.take_over, "--powerful", *call, "--")])
    assert "\nCapPrm:\t0000000000000004\n" in done.stdout, "CAP_DAC_READ_SEARCH"
    assert done.stderr.count("\n") == done.returncode, done.stderr  # one line if it is refused
    return done


def test_taken_over_look_reads_no_secret(made, tools, elsewhere):
    skip_without_landlock()
    for path, flags, denied in (
            (elsewhere, os.O_RDONLY, True), ("/etc/shadow", os.O_RDONLY, True),
            ("/var/lib", os.O_RDONLY, True), ("/dev/zero", os.O_RDONLY, True),
            ("/run/grapnel", os.O_RDONLY, True), (made.bundle.root, os.O_RDONLY, True),
            ("/etc/ld.so.cache", os.O_RDONLY, False), ("/proc/devices", os.O_RDONLY, False)):
        done = taken_over_look(made, tools, OPENAT, -100, path, flags, 0o644)
        result = int(re.search(r"^result (-?[0-9]+)$", done.stdout, re.M)[1])
        assert (result == -errno.EACCES) == denied, (path, result)


def test_look_that_names_a_secret_refuses_start(made, tools, tmp_path):
    """Taken over, it writes other paths and numbers than it found."""
    text = "/opt/nvidia/share/OpenCL/vendors/nvidia.icd"
    secret = pathlib.Path("/run/" + "s" * (len(text) - len("/run/")))
    secret.write_text("secret")
    secret.chmod(0o600)
    try:
        done = taken_over_look(made, tools, "--change", text, secret)
        assert f"{secret} is in no directory that drivers are read from" in done.stderr, done.stderr
    finally:
        secret.unlink()
    done = taken_over_look(made, tools, "--change", "/dev/nvidiactl", "/dev/../sdaaaa")
    assert "its output is not of the form" in done.stderr
    done = taken_over_look(made, tools, "--change", "/dev/nvidia-uvm", "/dev/mapper/abc")
    assert done.returncode == 1
    assert "/dev/nvidia0" not in made.mounts()
    assert str(secret) not in made.mountinfo()


def test_driver_file_leading_to_a_secret_refuses_start(made, bundle):
    """In the line of a dry run."""
    skip_without_landlock()
    script = ('cp -a /opt /run/opt && mount --bind /run/opt /opt && '
              'ln -sf /etc/shadow /opt/nvidia/bin/nvidia-smi && exec "$@"')
    prefix = ["unshare", "--mount", "sh", "-c", script, "sh"]
    lines = []
    for options in ((), ("--dry-run",)):
        done = made.hook(*options, prefix=prefix)
        shutil.rmtree("/run/opt")
        assert (done.returncode, done.stdout) == (1, "")
        lines.append(done.stderr)
    assert lines == [
        "grapnel-hook: /opt/nvidia/bin/nvidia-smi leads to /etc/shadow, which is in no directory that "
        "drivers are read from: name /etc in library-search-path of the settings\n"] * 2
    assert "/dev/nvidia0" not in made.mounts()


@pytest.mark.parametrize("call", [(MOUNT, "none", "/mnt", "tmpfs", 0, 0),
                                  (EXECVEAT, -100, "/bin/true", 0, 0, 0)])
def test_taken_over_look_has_no_mounts_and_programs(made, bundle, tools, call):
    done = taken_over_look(made, tools, *call)
    assert re.fullmatch(line_of({MOUNT: "mount", EXECVEAT: "execveat"}[call[0]]), done.stderr), done.stderr
    assert len([line for line in bundle.logged().splitlines() if " error: " in line]) == 1


def test_taken_over_look_without_landlock_changes_nothing(made, tools, elsewhere):
    """The files of root are its own, whatever capabilities it lacks."""
    prefix = [tools.deny_call, "landlock_create_ruleset", tools.take_over, "--powerful"]
    for path, flags in ((elsewhere, os.O_WRONLY), (elsewhere, os.O_RDWR), (elsewhere.parent / "new", CREATE),
                        (elsewhere, os.O_RDONLY | os.O_TRUNC), ("/proc/sys/kernel/core_pattern", os.O_WRONLY)):
        done = made.hook(prefix=[str(word) for word in (*prefix, OPENAT, -100, path, flags, 0o644, "--")])
        assert re.fullmatch(line_of("openat"), done.stderr), (path, flags, done.stderr)
    assert os.listdir(elsewhere.parent) == ["file"]
    assert elsewhere.read_text() == "text"


@pytest.fixture
def victim():
    """Another process of the same user."""
    process = subprocess.Popen(["sleep", "infinity"])
    yield process
    assert process.poll() is None, "it was ended"
    process.kill()
    process.wait()


TGKILL, KILL, PIDFD_OPEN, PRLIMIT64, FCNTL = 234, 62, 434, 302, 72


@pytest.fixture(params=["tgkill", "kill", "pidfd_open", "prlimit64", "fcntl"])
def call_at_victim(request, victim, tmp_path):
    limit = tmp_path / "no-cpu"
    return request.param, {
        "tgkill": (TGKILL, victim.pid, victim.pid, signal.SIGKILL),
        "kill": (KILL, victim.pid, signal.SIGKILL),
        "pidfd_open": (PIDFD_OPEN, victim.pid, 0),
        "prlimit64": (PRLIMIT64, victim.pid, resource.RLIMIT_CPU, str(limit), 0),
        # with F_NOTIFY the kernel would send that process a signal
        "fcntl": (FCNTL, 1, fcntl.F_SETOWN, victim.pid)}[request.param]


def test_taken_over_look_reaches_no_other_process(made, tools, call_at_victim):
    name, call = call_at_victim
    done = taken_over_look(made, tools, *call)
    assert re.fullmatch(line_of(name), done.stderr), done.stderr


def test_taken_over_description_reaches_no_other_process(bundle, tools, call_at_victim):
    name, call = call_at_victim
    if name == "pidfd_open":
        return  # of the helper process that starts grapnel-probe
    bundle.env("NVIDIA_VISIBLE_DEVICES=all").write_config(["/bin/true"])
    text = (bundle.directory / "config.json").read_text()
    done = run_taken_over(bundle, tools, ["precreate"], text, *call)
    assert re.search(line_of(name), done.stderr), done.stderr
    assert done.returncode == 1


CLOSE = 3


def test_taken_over_look_has_no_descriptor(made, tools):
    """Of the container's root directory, the log, a pipe or a process."""
    for number in (0, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16):
        done = taken_over_look(made, tools, CLOSE, number)
        assert f"result -{errno.EBADF}\n" in done.stdout, number


@pytest.mark.parametrize("call", [(MOUNT, "none", "/mnt", "tmpfs", 0, 0),
                                  (EXECVEAT, -100, "/bin/true", 0, 0, 0)])
def test_taken_over_description_has_no_mounts_and_programs(bundle, tools, call):
    bundle.env("NVIDIA_VISIBLE_DEVICES=all").write_config(["/bin/true"])
    text = (bundle.directory / "config.json").read_text()
    done = run_taken_over(bundle, tools, ["precreate"], text, *call)
    assert re.search(line_of({MOUNT: "mount", EXECVEAT: "execveat"}[call[0]]), done.stderr)
    assert done.returncode == 1


RENAMEAT, UNLINKAT, O_WRONLY = 264, 263, 1


def open_instead(tools, call, path):
    """The beginning of a command: the hook opens that file for writing in the place of a call."""
    return [tools.take_over, "--at", call, OPENAT, -100, path, O_WRONLY, "--"]


def test_taken_over_loader_writer_changes_nothing_else(made, bundle, tools, elsewhere):
    skip_without_landlock()
    inside = bundle.root / "etc/debian_version"
    for path, denied in ((elsewhere, True), (inside, False)):
        done = made.hook(prefix=[str(word) for word in open_instead(tools, RENAMEAT, path)])
        result = int(re.search(r"^result (-?[0-9]+)$", done.stdout, re.M)[1])
        assert (result == -errno.EACCES) == denied, (path, result)
        assert denied or result >= 0


def test_taken_over_poststop_changes_nothing_else(made, bundle, tools, elsewhere):
    skip_without_landlock()
    assert made.hook().returncode == 0
    made.end()
    done = made.hook(stage="poststop", state=made.state(status="stopped"),
                     prefix=[str(word) for word in open_instead(tools, UNLINKAT, elsewhere)])
    assert f"result -{errno.EACCES}\n" in done.stdout


# landlock(7): what each version can deny of files
OF_VERSION = {1: 0x1fff, 2: 0x3fff, 3: 0x7fff, 4: 0x7fff, 5: 0xffff, 6: 0xffff}


@pytest.mark.parametrize("version", OF_VERSION)
def test_each_version_of_landlock_restricts_files(made, tmp_path, version):
    skip_without_landlock(version)
    record = tmp_path / "calls"
    call = "landlock_create_ruleset"
    done = made.hook(prefix=["strace", "-f", "-qq", "-X", "raw", "-o", record, "-e",
                             f"trace={call},landlock_restrict_self", "-e",
                             f"inject={call}:retval={version}:when=1+2"])
    assert (done.returncode, done.stderr) == (0, "")
    text = record.read_text()
    assert set(re.findall(r"handled_access_fs=(0x[0-9a-f]+)", text)) == {hex(OF_VERSION[version])}
    assert len(re.findall(r"landlock_restrict_self.*= 0\n", text)) == 4  # some lines are in two parts


def test_without_landlock_a_start_serves_and_says_so(made, tools):
    done = made.hook("--debug", prefix=[tools.deny_call, "landlock_create_ruleset"])
    assert done.returncode == 0
    assert done.stderr.count("grapnel-hook: confine by Landlock: ") == 1
    assert "/dev/nvidia0" in made.mounts()
    done = made.hook(prefix=[tools.deny_call, "landlock_create_ruleset"])
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("number", range(1, 9))
def test_rule_that_cannot_be_added_keeps_no_container(made, bundle, number):
    """It would keep the hook from its own files."""
    skip_without_landlock()
    call = "landlock_add_rule"
    done = made.hook(prefix=["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                             f"inject={call}:error=ENOMEM:when={number}"])
    assert (done.returncode, done.stderr) == (0, "")
    assert "/dev/nvidia0" in made.mounts()
    assert b"libcuda.so.1" in (bundle.root / "etc/ld.so.cache").read_bytes()
