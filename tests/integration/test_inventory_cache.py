# SPDX-License-Identifier: Apache-2.0
"""The inventory cache: a start whose host is as it was reads no file of the driver, and one whose host
has changed gives what the host has now."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import time

import container
import make_driver
import pytest
from conftest import need

TICK = 2.1  # seconds: a host that changed just now is not kept
DRIVER = "/opt/nvidia"
LIBRARIES = "/usr/lib/x86_64-linux-gnu"
SPARE = f"libnvidia-newthing.so.{make_driver.VERSION}"


@pytest.fixture
def driver(tmp_path):
    """A copy of the driver's files that a test can change."""
    return shutil.copytree(DRIVER, tmp_path / "nvidia", symlinks=True)


@pytest.fixture
def start(hand_made, make_bundle, tmp_path, driver):
    """A function that starts another container and returns it; `watch` is a command that runs the hook."""
    cache = container.inventory_cache_in(tmp_path / "cache")
    mount = ["unshare", "--mount", "sh", "-c", f'mount --bind {driver} {DRIVER} && exec "$@"', "sh"]
    count = iter(range(100))

    def run(stage="prestart", watch=(), **options):
        made = hand_made(make_bundle(name=f"c{next(count)}").env("NVIDIA_VISIBLE_DEVICES=all"))
        made.done = made.hook(stage=stage, prefix=[*cache, *mount, *watch], **options)
        assert made.done.returncode == 0, made.done.stderr
        return made
    run.prefix = [*cache, *mount]
    return run


def entries(tmp_path):
    return list((tmp_path / "cache").iterdir())


@pytest.fixture
def settled(start, tmp_path):
    """A container of a start that was served by the cache."""
    kept = None
    for _ in range(6):  # a start makes nodes that are missing; another program can change the host
        time.sleep(TICK)
        made = start()
        before, kept = kept, {file: file.stat().st_ino for file in entries(tmp_path)}
        if kept and kept == before:
            return made
    raise AssertionError("nothing was kept")


def read_files(watch):
    return [path for path in re.findall(r'"(/[^"]*)"', watch.read_text()) if path.startswith(DRIVER)]


def test_later_start_reads_no_file_of_the_driver(start, settled, tmp_path):
    need("strace")
    watch = tmp_path / "trace"
    strace = ["strace", "-f", "-qq", "-e", "openat,mmap", "-o", str(watch)]
    later = start(watch=strace)
    assert read_files(watch) == []
    assert later.mounts().keys() == settled.mounts().keys()
    assert f"{LIBRARIES}/{SPARE}" in later.mounts()


def test_runtime_shares_it(start, settled, tmp_path, bundle):
    need("strace")
    watch = tmp_path / "trace"
    bundle.env("NVIDIA_VISIBLE_DEVICES=all").write_config(["/bin/true"])
    config = (bundle.directory / "config.json").read_text()
    start(stage="precreate", state=config,
          watch=["strace", "-f", "-qq", "-e", "openat", "-o", str(watch)])
    assert read_files(watch) == []
    assert "/etc/ld.so.cache" not in watch.read_text()


def add_library(driver):
    shutil.copy(driver / "lib64" / SPARE, driver / "lib64" / f"libnvidia-other.so.{make_driver.VERSION}")


def remove_library(driver):
    (driver / "lib64" / SPARE).unlink()


def change_soname_in_place(driver):
    library = driver / "lib64" / SPARE
    content = library.read_bytes()
    assert b"libnvidia-newthing.so.1\0" in content
    with library.open("r+b") as file:
        file.write(content.replace(b"libnvidia-newthing.so.1\0", b"libnvidia-newthing.so.7\0"))


def add_program(driver):
    shutil.copy(driver / "bin/nvidia-smi", driver / "bin/nvidia-persistenced")


@pytest.mark.parametrize("change, place", [
    (add_library, f"{LIBRARIES}/libnvidia-other.so.{make_driver.VERSION}"),
    (add_program, "/usr/bin/nvidia-persistenced")])
def test_file_that_is_added_is_given(start, settled, driver, change, place):
    assert place not in settled.mounts()
    change(driver)
    assert place in start().mounts()


def test_library_that_is_removed_is_not_asked_for(start, settled, driver):
    assert f"{LIBRARIES}/{SPARE}" in settled.mounts()
    remove_library(driver)
    assert f"{LIBRARIES}/{SPARE}" not in start().mounts()


def test_library_that_is_changed_in_place_is_read(start, settled, driver):
    change_soname_in_place(driver)
    made = start()
    links = [path.name for path in (made.bundle.root / LIBRARIES[1:]).glob("libnvidia-newthing.so.?")]
    assert links == ["libnvidia-newthing.so.7"]


def cut(file):
    file.write_bytes(file.read_bytes()[:-100])


def change_byte(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0x40
    file.write_bytes(content)


def give_to_another_user(file):
    poison(file)
    shutil.chown(file, 1000)


def let_others_write(file):
    poison(file)
    file.chmod(0o666)


def poison(file):
    """Changes the inventory, not what it was made of, which follows it."""
    content = file.read_bytes()
    program = b"/opt/nvidia/bin/nvidia-smi"
    assert content.count(program) == 2
    file.write_bytes(content.replace(program, b"/opt/nvidia/bin/nvidia-xxx", 1))


def be_of_another_boot(file):
    boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_bytes()
    poison(file)
    file.write_bytes(file.read_bytes().replace(boot, b"0" + boot[1:]))


@pytest.mark.parametrize("damage", [cut, change_byte, give_to_another_user, let_others_write,
                                    be_of_another_boot])
def test_entry_of_another_user_is_not_used(start, settled, tmp_path, damage):
    for file in entries(tmp_path):
        damage(file)
    later = start()
    assert later.mounts().keys() == settled.mounts().keys()
    assert "/usr/bin/nvidia-smi" in later.mounts()


def test_cache_that_cannot_be_written_is_no_failure(start, tmp_path):
    time.sleep(TICK)
    script = 'mount -o remount,bind,ro /run/grapnel-inventory && exec "$@"'
    for _ in range(2):
        made = start(watch=["unshare", "--mount", "sh", "-c", script, "sh"])
        assert f"{LIBRARIES}/{SPARE}" in made.mounts()
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.fixture
def shown(grapnel, start):
    """A function: the entry of the inventory cache, as `grapnel cache show` prints it."""
    def run():
        done = subprocess.run([*start.prefix, grapnel.program, "cache", "show", "--json"], capture_output=True,
                              text=True, timeout=30, check=True)
        of_inventory = [one for one in json.loads(done.stdout)["caches"] if "grapnel-inventory" in one["file"]]
        assert len(of_inventory) == 1
        return of_inventory[0]
    return run


def test_show_names_the_change_behind_staleness(settled, shown, driver):
    entry = shown()
    assert entry["valid"] and make_driver.VERSION in entry["content"], entry
    os.utime(driver / "lib64" / SPARE)
    entry = shown()
    link = SPARE.removesuffix(f".{make_driver.VERSION}")  # of the library, whose links are looked through
    assert not entry["valid"] and entry["fault"] == f"{DRIVER}/lib64/{link} has changed"


def test_show_names_the_program_that_was_replaced(settled, shown, tmp_path, bundle):
    entry, = entries(tmp_path)
    lines = entry.read_bytes().split(b"\n", 4)
    lines[3] = b"1 2 3"  # the program's identity
    entry.write_bytes(b"\n".join(lines))
    assert shown()["fault"] == f"{bundle.hook} was replaced"


def test_show_tells_a_damaged_entry(settled, shown, tmp_path):
    entry, = entries(tmp_path)
    entry.write_bytes(entry.read_bytes()[:-1])
    assert shown()["fault"].startswith("damaged")


def test_drop_empties_the_caches_and_leaves_records(settled, start, grapnel, tmp_path):
    state = pathlib.Path("/run/grapnel")
    caches = {"gpus", "directories", "probe"}
    records = {file.name for file in state.iterdir()} - caches
    done = subprocess.run([*start.prefix, grapnel.program, "cache", "drop"], capture_output=True, text=True,
                          timeout=30, check=True)
    assert "dropped /run/grapnel-inventory/" in done.stdout
    assert not entries(tmp_path)
    assert records and {file.name for file in state.iterdir()} == records
    assert start().done.returncode == 0


def test_users_do_not_see_roots_caches(settled, grapnel):
    done = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", grapnel.program, "cache", "show"],
                          capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "run this command as root" in done.stderr
