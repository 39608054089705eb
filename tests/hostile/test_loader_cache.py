# SPDX-License-Identifier: Apache-2.0
"""What an image can put in the way of its ld.so.cache being updated: nothing of the image is run,
nothing of the host is read or written, and the work ends.
(CVE-2024-0135, CVE-2024-0136, CVE-2024-0137, CVE-2025-23267)"""

import fcntl
import os
import pathlib
import shutil
import subprocess
import time

import container
import pytest
import waiting_hook
from conftest import need

LIBRARIES = "usr/lib/x86_64-linux-gnu"


@pytest.fixture
def gpu_bundle(bundle):
    return bundle.env("NVIDIA_VISIBLE_DEVICES=all")


@pytest.fixture(params=["auto", "ldconfig"])
def cached(gpu_bundle, hand_made, canary, request):
    """Runs the hook for the image as it is; what its cache says then, or the error line."""
    gpu_bundle.set_settings(f'ldcache = "{request.param}"\n')

    def run(timeout=8):
        made = hand_made(gpu_bundle)
        mounts = pathlib.Path("/proc/self/mountinfo").read_text()
        done = made.hook(timeout=timeout)
        canary.check()
        assert pathlib.Path("/proc/self/mountinfo").read_text() == mounts
        assert done.returncode in (0, 1)
        assert done.stderr.count("\n") == done.returncode
        if done.returncode == 1:
            return done.stderr
        cache = gpu_bundle.root / "etc/ld.so.cache"
        assert not cache.is_symlink()
        assert not cache.is_dir() or "ld.so.cache stays as it is: " in gpu_bundle.logged()
        if "warning: ld.so.cache stays as it is: " in gpu_bundle.logged():
            return "grapnel-hook: update ld.so.cache: nothing is done"
        return dict(container.cached_libraries(cache))
    return run


PLACES = ["etc/ld.so.conf", "etc/ld.so.conf.d", "etc/ld.so.conf.d/00-first.conf",
          "etc/ld.so.cache", "etc/ld.so.cache~", "var/cache/ldconfig/aux-cache"]


@pytest.mark.parametrize("kind", ["absolute", "dots", "magic", "nowhere", "fifo", "device",
                                  "directory"])
@pytest.mark.parametrize("place", PLACES)
def test_configuration_and_cache_lead_nowhere_else(gpu_bundle, cached, canary, place, kind):
    path = gpu_bundle.root / place
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    secret = canary.directory / "file"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        os.mknod(path, 0o20666, os.makedev(1, 5))  # /dev/zero: a file without an end
    elif kind == "directory":
        path.mkdir()
    else:
        path.symlink_to({"absolute": secret, "dots": "../" * 30 + str(secret)[1:],
                         "magic": f"/proc/1/root{secret}", "nowhere": canary.directory / "new"}
                        [kind])
    answer = cached()
    assert "libcuda.so.1" in answer if isinstance(answer, dict) \
        else answer.startswith("grapnel-hook: update ld.so.cache: ")


@pytest.mark.parametrize("directory, name", [("etc", "ld.so.cache"), (LIBRARIES, "libcuda.so.1")])
def test_linked_temporary_names_are_not_written_through(gpu_bundle, cached, canary,
                                                        directory, name):
    # whatever the process ID of the hook will be
    last = int(pathlib.Path("/proc/loadavg").read_text().split(" ")[-1])
    for number in range(last, last + 200):
        (gpu_bundle.root / directory / f".{name}.grapnel-{number}").symlink_to(
            canary.directory / "file")
    (gpu_bundle.root / LIBRARIES / "libcuda.so.1").symlink_to("libcuda.so.470")
    assert "libcuda.so.1" in cached()


PROGRAMS = ["sbin/ldconfig", "sbin/ldconfig.real", "usr/sbin/ldconfig", "usr/bin/ldconfig",
            "bin/ldconfig", "bin/sh", "usr/bin/nvidia-smi", f"{LIBRARIES}/ld-linux-x86-64.so.2"]


def test_no_program_of_the_image_is_run(gpu_bundle, cached, tmp_path):
    for place in PROGRAMS:
        path = gpu_bundle.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text("#!/bin/busybox sh\ntouch /run-by-the-hook /tmp/run-by-the-hook\n")
        path.chmod(0o755)
    answer = cached()
    assert isinstance(answer, dict), answer
    assert "libcuda.so.1" in answer
    assert not (gpu_bundle.root / "run-by-the-hook").exists()
    assert not (gpu_bundle.root / "tmp/run-by-the-hook").exists()


@pytest.mark.parametrize("setting", ["/sbin/ldconfig", "sbin/ldconfig", "", "@sbin/ldconfig",
                                     "@../sbin/ldconfig", "@"])
def test_settings_that_would_run_one_are_refused(gpu_bundle, hand_made, setting):
    gpu_bundle.set_settings(f'[nvidia-container-cli]\nldconfig = "{setting}"\n')
    done = hand_made(gpu_bundle).hook()
    assert done.returncode == 1
    assert "ldconfig" in done.stderr and done.stderr.count("\n") == 1


def test_a_million_equal_lines_take_no_time(gpu_bundle, cached):
    directory = gpu_bundle.root / "etc/ld.so.conf.d"
    for number in range(12):
        (directory / f"a{number:02}.conf").write_text(
            "".join(f"/{number:x}{below:03x}\n" for below in range(341)))
    for number in range(100):  # the last of them, again and again
        (directory / f"b{number:03}.conf").write_text("/b154\n" * 10900)
    answer = cached()
    assert isinstance(answer, dict) and "libcuda.so.1" in answer


def test_a_huge_library_takes_no_memory_and_ends(gpu_bundle, cached):
    huge = gpu_bundle.root / LIBRARIES / "libhuge.so.1"
    shutil.copy("/opt/nvidia/lib64/libcuda.so.1", huge)
    os.truncate(huge, 1 << 40)
    answer = cached()
    assert isinstance(answer, dict) and "libcuda.so.1" in answer


def test_what_only_resembles_a_library_is_harmless(gpu_bundle, cached):
    directory = gpu_bundle.root / LIBRARIES
    whole = pathlib.Path("/opt/nvidia/lib64/libcuda.so.1").read_bytes()
    os.mkfifo(directory / "libfifo.so.1")
    os.mknod(directory / "libdevice.so.1", 0o20666, os.makedev(1, 5))
    (directory / "libdirectory.so.1").mkdir()
    (directory / "libloop.so.1").symlink_to("libloop.so.1")
    (directory / "libempty.so.1").touch()
    for size in (1, 16, 63, 64, 100, 500, len(whole) // 2):
        (directory / f"libcut{size}.so.1").write_bytes(whole[:size])
    for offset in (0x20, 0x28, 0x34, 0x36, 0x38, 0x3a, 0x3c):
        broken = bytearray(whole)
        broken[offset:offset + 2] = b"\xff\xff"
        (directory / f"libbroken{offset}.so.1").write_bytes(broken)
    answer = cached()
    if isinstance(answer, dict):
        assert "libcuda.so.1" in answer


def test_names_with_odd_bytes_do_no_harm(gpu_bundle, cached):
    directory = os.fsencode(gpu_bundle.root / LIBRARIES)
    for name in (b"lib\nnewline.so.1", b"lib\xff\xfe.so.1", b"lib -f x.so.1", b"-lib.so.1",
                 b"lib\x1b[31m.so.1"):
        shutil.copy(b"/opt/nvidia/lib64/libcuda.so.1", os.path.join(directory, name))
    assert isinstance(cached(), dict)


def test_many_libraries_end(gpu_bundle, cached):
    directory = gpu_bundle.root / LIBRARIES
    shutil.copy("/opt/nvidia/lib64/libcuda.so.1", directory / "libmany.so.0")
    for number in range(3000):
        os.link(directory / "libmany.so.0", directory / f"libmany{number}.so.1")
    assert isinstance(cached(), dict)


@pytest.mark.parametrize("text", ["/proc/1/root\n/proc/self/cwd\n", "/../../../../../..\n",
                                  "include /proc/*/environ\n", "include /dev/zero\n",
                                  "hwcap 0 nosegneg\n", "/" * 100_000 + "\n", "a" * (1 << 20),
                                  "include /etc/ld.so.conf.d/../../../../../../etc/*\n",
                                  "include *\n", "\0\0\0\n"], ids=range(10))
def test_lines_of_the_configuration_reach_nothing_outside(gpu_bundle, cached, text):
    (gpu_bundle.root / "etc/ld.so.conf").write_text(text)
    answer = cached()
    if isinstance(answer, dict):
        assert "libcuda.so.1" in answer
        for path in answer.values():
            assert not path.startswith("/opt/nvidia"), "the host's directory was read"


def strace_or_skip():
    need("strace")


@pytest.fixture
def caged(gpu_bundle, hand_made):
    """The ldconfig of a running hook, stopped for a while by strace: its process ID."""
    strace_or_skip()
    gpu_bundle.set_settings('ldcache = "ldconfig"\n')
    made = hand_made(gpu_bundle)
    gpu_bundle.write_config(["/bin/true"])
    hook = subprocess.Popen(
        ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=rename", "-e",
         "inject=rename:delay_enter=700000:when=1", gpu_bundle.hook,
         f"--config={gpu_bundle.settings}", "prestart"],
        stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    hook.stdin.write(made.state().encode())
    hook.stdin.close()
    hook.stdin = None
    found = None
    deadline = time.monotonic() + 20
    while found is None and hook.poll() is None and time.monotonic() < deadline:
        for pid in waiting_hook.descendants(hook.pid):
            entry = pathlib.Path(f"/proc/{pid}")
            try:
                if (entry / "cmdline").read_bytes().startswith(b"/sbin/ldconfig") \
                        and (entry / "syscall").read_text().split(" ")[0] == "82":
                    found = entry
            except OSError:
                continue
        time.sleep(0.01)
    assert found is not None, "ldconfig was not seen"
    yield found
    assert hook.communicate(timeout=30)[1] == b""
    assert hook.returncode == 0


def test_ldconfigs_process_gives_no_access_to_it(caged):
    program = os.readlink(caged / "exe")
    assert program.startswith("/memfd:")
    descriptor = os.open(caged / "exe", os.O_RDONLY)
    try:
        assert os.fstat(descriptor).st_ino != os.stat("/sbin/ldconfig").st_ino
        seals = fcntl.fcntl(descriptor, 1034)  # F_GET_SEALS
        assert seals & 0xf == 0xf  # seal, shrink, grow, write
        with pytest.raises(OSError):
            os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY)
    finally:
        os.close(descriptor)


def test_ldconfig_has_namespaces_a_filter_and_no_capability(caged):
    for kind in ("mnt", "pid", "net", "ipc", "uts"):
        assert os.readlink(caged / f"ns/{kind}") != os.readlink(f"/proc/self/ns/{kind}"), kind
    status = dict(line.split(":\t", 1) for line in (caged / "status").read_text().splitlines())
    assert status["Seccomp"] == "2" and status["NoNewPrivs"] == "1"
    for name in ("CapPrm", "CapEff", "CapBnd"):
        assert int(status[name], 16) == 0, name
    assert (caged / "environ").read_bytes() == b""
    assert sorted(os.listdir(caged / "fd"))[:3] == ["0", "1", "2"]


def test_ldconfig_sees_the_image_and_its_scratch_alone(caged):
    mounts = container.parse_mountinfo((caged / "mountinfo").read_text())
    assert "/" in mounts and "/opt" not in mounts
    for place, (options, propagation, _) in mounts.items():
        assert {"nosuid", "nodev", "noexec"} <= options, place
        assert "ro" in options or place == "/dev", place
        assert propagation == [], place
    assert not (caged / "root/opt/nvidia").exists()


def test_an_ldconfig_that_never_ends_is_ended(gpu_bundle, hand_made, tools):
    gpu_bundle.set_settings(
        f'ldcache = "ldconfig"\n[nvidia-container-cli]\nldconfig = "@{tools.never_ends}"\n')
    done = hand_made(gpu_bundle).hook(timeout=50)
    assert done.returncode == 1
    assert done.stderr == (
        f'grapnel-hook: update ld.so.cache: {tools.never_ends} took longer than 30 seconds: ldcache = '
        '"off" in the settings starts the container without it\n')
