# SPDX-License-Identifier: Apache-2.0
"""What the hook made is recorded under a lock. Neither who keeps the lock nor a file system that
does not answer may stop the containers of others."""

import contextlib
import ctypes
import os
import pathlib
import subprocess
import time

import container
import pytest
import record_lock
from booted_systemd import wait_until
from conftest import skip_or_fail

RECORDS = pathlib.Path("/run/grapnel/containers")
CUDA = "load:libcuda.so.1"
# opens what it can and locks what it opened, in each way that there is
LOCK_ALL = """
import fcntl, os, struct, sys
records = sys.argv[1]
for path in (records, os.path.dirname(records), records + ".lock"):
    for way in (os.O_RDONLY, os.O_WRONLY):
        try:
            file = os.open(path, way)
        except OSError:
            continue
        fcntl.flock(file, fcntl.LOCK_EX)
        kind = fcntl.F_WRLCK if way == os.O_WRONLY else fcntl.F_RDLCK
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi0q", kind, os.SEEK_SET, 0, 0, 0))
        print(path, flush=True)
print("done", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def gpu_container(bundle, hand_made):
    return hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=0"))


def seconds_of(action):
    start = time.monotonic()
    done = action()
    return time.monotonic() - start, done


def check_that_it_starts_at_once(made):
    took, done = seconds_of(made.hook)
    assert (done.returncode, done.stderr, made.bundle.logged()) == (0, "", "")
    assert took < 8
    assert made.look(CUDA)[CUDA].endswith(" libcuda")
    assert made.bundle.record.exists()


@pytest.fixture
def reader_of_run(gpu_container):
    """Root without Linux capabilities, with the host's /run read-only: as a container that watches
    its machine. It has locked what it can."""
    assert gpu_container.hook().returncode == 0  # all there is to lock is there
    gpu_container.bundle.record.unlink()
    setup = "mount --bind /run /run && mount -o remount,bind,ro /run"
    process = subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", f'{setup} && exec "$@"',
         "sh", "setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "python3",
         "-c", LOCK_ALL, RECORDS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    locked = []
    while (line := process.stdout.readline().strip()) != "done":
        assert line, "it has ended"
        locked.append(line)
    yield locked
    process.communicate()


def test_readers_of_run_lock_nothing_that_counts(gpu_container, reader_of_run):
    assert reader_of_run == [str(RECORDS), str(RECORDS.parent)]
    check_that_it_starts_at_once(gpu_container)


def test_a_kept_lock_means_start_without_record(gpu_container):
    with record_lock.kept():
        took, done = seconds_of(gpu_container.hook)
    assert (done.returncode, done.stderr) == (0, "")
    assert 9 < took < 15
    assert gpu_container.look(CUDA)[CUDA].endswith(" libcuda")
    bundle = gpu_container.bundle
    assert not bundle.record.exists()
    assert bundle.logged().count("\n") == 1
    assert ("no cleanup record: files and links made in the root file system stay there when the "
            f"container ends: lock {record_lock.MACHINES} for {bundle.root}: Device "
            "or resource busy: ") in bundle.logged()


def test_poststop_names_the_lock_that_is_kept(gpu_container):
    bundle = gpu_container.bundle
    before = container.listing(bundle.root)
    assert gpu_container.hook().returncode == 0
    gpu_container.end()
    with record_lock.kept():
        took, done = seconds_of(lambda: bundle.call_hook("poststop"))
    assert 9 < took < 15
    assert done.returncode == 1
    assert done.stderr.startswith(f"grapnel-hook: lock {record_lock.MACHINES} for {bundle.root}: ")
    assert done.stderr.count("\n") == 1
    assert bundle.call_hook("poststop").returncode == 0
    assert container.listing(bundle.root) == before


@pytest.fixture
def dead(tmp_path):
    """The place of a file system that never answers: FUSE, whose server does not read."""
    place = tmp_path / "dead"
    place.mkdir()
    try:
        server = os.open("/dev/fuse", os.O_RDWR)
    except OSError as error:
        skip_or_fail(f"/dev/fuse: {error.strerror}")
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={server},rootmode=40000,user_id=0,group_id=0"
    assert libc.mount(b"dead", bytes(place), b"fuse", 0, options.encode()) == 0, \
        os.strerror(ctypes.get_errno())
    yield place
    with contextlib.suppress(OSError):
        os.close(server)  # whoever waits gets ENOTCONN
    subprocess.run(["umount", "--lazy", place], check=True)


def waits_for_fuse(process):
    """A child of the hook does the work in root file systems."""
    children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return any("fuse" in pathlib.Path(f"/proc/{child}/wchan").read_text() for child in children)


def test_a_container_on_dead_storage_ends_in_time(gpu_container, make_bundle, dead):
    RECORDS.mkdir(parents=True, exist_ok=True)
    sick = make_bundle(name="sick")
    sick.record.write_text(container.record_header(dead / "rootfs"))
    sick.write_config(["/bin/true"])
    ending = subprocess.Popen([sick.hook, f"--config={sick.settings}", "poststop"],
                              stdin=subprocess.PIPE, text=True, env={})
    try:
        ending.stdin.write(sick.state(status="stopped"))
        ending.stdin.close()
        wait_until(lambda: waits_for_fuse(ending), "poststop waits for the file system")
        check_that_it_starts_at_once(gpu_container)
        gpu_container.end()
        assert gpu_container.bundle.call_hook("poststop").returncode == 0
        assert waits_for_fuse(ending)
    finally:
        ending.kill()
        ending.wait(timeout=10)


def test_records_on_dead_storage_stay_and_block_nobody(gpu_container, dead):
    """Records beside a container's own are removed if their root file systems are gone."""
    rootfs = gpu_container.bundle.root
    sick, gone = container.make_records(
        container.beside(rootfs, pattern) for pattern in (f"{dead}/{{}}", "/nowhere/{}"))
    check_that_it_starts_at_once(gpu_container)
    assert sick.exists() and not gone.exists()
