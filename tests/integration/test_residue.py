# SPDX-License-Identifier: Apache-2.0
"""What stays in a root file system, and on the host, when a container has stopped."""

import collections
import json
import os
import pathlib
import re
import shutil
import subprocess

import compat_library
import container
import make_driver
import pytest
from faults import starts

LIBRARIES = "usr/lib/x86_64-linux-gnu"
RECORDS = pathlib.Path("/run/grapnel/containers")


def records():
    return os.listdir(RECORDS) if RECORDS.exists() else []


def claims():
    """The claims of all containers."""
    return [path for path in pathlib.Path("/run/grapnel/roots").glob("*/*/*")]


def driver_state():
    """The driver's files, nodes and views, and the host's loader cache; but for the links by
    number, which are to be there for later starts."""
    found = container.listing("/opt/nvidia")
    found.update(container.listing("/proc/driver"))
    for node in sorted(pathlib.Path("/dev").glob("nvidia*")):
        status = node.lstat()
        found[str(node)] = (status.st_mode, status.st_rdev, status.st_ino, status.st_uid)
    found["cache"] = pathlib.Path("/etc/ld.so.cache").read_bytes()
    found["dev"] = sorted(set(os.listdir("/dev")) - {"char"})
    return found


def test_nothing_stays_but_the_cache(engine, bundle):
    before = container.listing(bundle.root)
    cache = (bundle.root / "etc/ld.so.cache").read_bytes()
    bundle.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=all").show_proc_driver()
    result = engine(bundle, "load:libcuda.so.1")
    assert "libcuda" in result["load:libcuda.so.1"].split(" ")
    assert container.listing(bundle.root) == before
    assert (bundle.root / "etc/ld.so.cache").read_bytes() != cache
    assert records() == []


def test_nothing_stays_when_another_hook_fails_after_ours(engine, bundle):
    before = container.listing(bundle.root)
    bundle.env("NVIDIA_VISIBLE_DEVICES=all")
    bundle.config["hooks"]["prestart"].append({"path": "/bin/false", "args": ["false"]})
    assert engine(bundle).code != 0
    bundle.call_hook("poststop")  # not every runtime calls it for a container that never ran
    assert container.listing(bundle.root) == before
    assert records() == []


def test_the_hosts_files_are_as_they_were(engine, bundle):
    before = driver_state()
    bundle.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=all")
    assert engine(bundle).code == 0
    assert driver_state() == before


def test_the_hosts_shared_mounts_are_unchanged(engine, bundle):
    # as systemd has it; the fixture compares the mounts
    bundle.env("NVIDIA_VISIBLE_DEVICES=all")
    result = engine(bundle, "load:libcuda.so.1", setup="mount --make-rshared /")
    assert "libcuda" in result["load:libcuda.so.1"].split(" ")
    assert " shared:" in result.host_mounts[0]


def test_an_images_link_is_used_and_comes_back(engine, bundle):
    link = bundle.root / LIBRARIES / "libcuda.so.1"
    link.symlink_to("libcuda.so.470.57.02")
    before = container.listing(bundle.root)
    bundle.env("NVIDIA_VISIBLE_DEVICES=all")
    result = engine(bundle, "load:libcuda.so.1")
    assert result["load:libcuda.so.1"] == \
        f"/{LIBRARIES}/libcuda.so.{make_driver.VERSION} libcuda"
    assert container.listing(bundle.root) == before


def test_an_images_versioned_link_comes_back(engine, bundle):
    name = f"libcuda.so.{make_driver.VERSION}"
    (bundle.root / LIBRARIES / name).symlink_to("libcuda.so.470.57.02")
    before = container.listing(bundle.root)
    bundle.env("NVIDIA_VISIBLE_DEVICES=all")
    result = engine(bundle, "load:libcuda.so.1")
    assert result["load:libcuda.so.1"] == f"/{LIBRARIES}/{name} libcuda"
    assert container.listing(bundle.root) == before


def test_the_record_names_what_was_made(hand_made, bundle):
    bundle.env("NVIDIA_VISIBLE_DEVICES=0")
    made = hand_made(bundle)
    assert made.hook().returncode == 0
    record = bundle.record
    header = json.loads(record.read_text().splitlines()[0])
    places = {path: entry["type"] for path, entry in bundle.recorded().items()}
    assert header["rootfs"] == str(bundle.root)
    assert (header["bundle"], header["driver"]) == (str(bundle.directory), make_driver.VERSION)
    assert [gpu["index"] for gpu in header["gpus"]] == [0]
    assert header["gpus"][0]["uuid"].startswith("GPU-")
    assert places[f"/{LIBRARIES}/libcuda.so.{make_driver.VERSION}"] == "file"
    assert places[f"/{LIBRARIES}/libcuda.so.1"] == "link"
    assert places["/lib/firmware"] == "directory"
    assert not any(place.startswith("/dev") for place in places)  # goes with the container
    assert record.stat().st_mode & 0o777 == 0o600
    assert RECORDS.stat().st_mode & 0o777 == 0o700


def test_poststop_removes_what_the_record_names(hand_made, bundle):
    before = container.listing(bundle.root)
    bundle.env("NVIDIA_VISIBLE_DEVICES=0")
    made = hand_made(bundle)
    assert made.hook().returncode == 0
    made.end()
    assert container.listing(bundle.root) != before
    done = bundle.call_hook("poststop")
    assert (done.returncode, done.stderr) == (0, "")
    assert container.listing(bundle.root) == before
    assert records() == []


def test_poststop_twice_is_no_error(hand_made, bundle):
    bundle.env("NVIDIA_VISIBLE_DEVICES=0")
    assert hand_made(bundle).hook().returncode == 0
    for _ in range(2):
        done = bundle.call_hook("poststop")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_poststop_leaves_what_was_changed_since(hand_made, bundle):
    bundle.env("NVIDIA_VISIBLE_DEVICES=0")
    made = hand_made(bundle)
    assert made.hook().returncode == 0
    made.end()
    directory = bundle.root / LIBRARIES
    link = directory / "libcuda.so.1"
    link.unlink()
    link.symlink_to("libmine.so.1")
    filled = directory / f"libcuda.so.{make_driver.VERSION}"
    filled.write_text("the user's own")
    mine = bundle.root / f"lib/firmware/nvidia/{make_driver.VERSION}/mine.bin"
    mine.write_text("mine")
    assert bundle.call_hook("poststop").returncode == 0
    assert os.readlink(link) == "libmine.so.1"
    assert filled.read_text() == "the user's own"
    assert mine.read_text() == "mine"
    assert not (directory / "libcuda.so").is_symlink()
    assert records() == []


def test_poststop_without_a_rootfs_removes_the_record(hand_made, bundle):
    bundle.env("NVIDIA_VISIBLE_DEVICES=0")
    made = hand_made(bundle)
    assert made.hook().returncode == 0
    made.end()
    bundle.root.rename(bundle.directory / "gone")
    done = bundle.call_hook("poststop")
    assert (done.returncode, done.stderr) == (0, "")
    assert records() == []


def test_a_damaged_record_is_a_named_error(bundle):
    RECORDS.mkdir(parents=True, exist_ok=True)
    record = bundle.record
    record.write_text(container.record_header("/x") + '{"path": "relative"}\n')
    try:
        done = bundle.call_hook("poststop")
        assert done.returncode == 1
        assert done.stderr.startswith(f"grapnel-hook: {record}: ")
        assert done.stderr.count("\n") == 1
    finally:
        record.unlink()


@pytest.mark.parametrize("place", ["etc", LIBRARIES])
def test_no_temporary_file_stays(hand_made, bundle, place):
    bundle.env("NVIDIA_VISIBLE_DEVICES=0")
    (bundle.root / LIBRARIES / "libcuda.so.1").symlink_to("libcuda.so.470")
    assert hand_made(bundle).hook().returncode == 0
    assert not [name for name in os.listdir(bundle.root / place) if "grapnel" in name]


PATH_FILE = "etc/ld-musl-x86_64.path"


@pytest.fixture
def with_path_file(bundle):
    """An image with a file and a link that are replaced for the container's time."""
    (bundle.root / "usr/lib/ld-musl-x86_64.so.1").write_bytes(b"musl's loader")
    (bundle.root / PATH_FILE).write_text("/lib:/usr/lib\n")
    (bundle.root / LIBRARIES / "libcuda.so.1").symlink_to("libcuda.so.470.57.02")
    return bundle.env("NVIDIA_VISIBLE_DEVICES=all")


def own(path, user, group, mode):
    os.lchown(path, user, group)
    if not path.is_symlink():
        path.chmod(mode)


def test_a_replaced_file_comes_back_with_its_mode(engine, with_path_file):
    own(with_path_file.root / PATH_FILE, 1234, 55, 0o640)
    own(with_path_file.root / LIBRARIES / "libcuda.so.1", 1234, 55, None)
    before = container.listing(with_path_file.root)
    assert engine(with_path_file).code == 0
    assert container.listing(with_path_file.root) == before


def other_plan(bundle):
    compat_library.make(bundle.root, text=compat_library.note())


def started_and_ended(hand_made, bundle):
    made = hand_made(bundle)
    done = made.hook()
    assert (done.returncode, done.stderr) == (0, "")
    return (bundle.root / PATH_FILE).read_text()


def test_an_images_file_comes_back_without_poststop(hand_made, with_path_file):
    first = started_and_ended(hand_made, with_path_file)
    other_plan(with_path_file)
    assert started_and_ended(hand_made, with_path_file) != first
    assert with_path_file.call_hook("poststop").returncode == 0
    assert (with_path_file.root / PATH_FILE).read_text() == "/lib:/usr/lib\n"


@pytest.mark.parametrize("first_to_end", [0, 1])
def test_the_last_of_two_containers_restores_files(
                                                   hand_made, with_path_file, first_to_end):
    names = [with_path_file.name, with_path_file.name + "-other"]
    started_and_ended(hand_made, with_path_file)
    other_plan(with_path_file)
    with_path_file.name = names[1]
    theirs = started_and_ended(hand_made, with_path_file)
    for name in (names[first_to_end], names[1 - first_to_end]):
        assert (with_path_file.root / PATH_FILE).read_text() == theirs
        with_path_file.name = name
        assert with_path_file.call_hook("poststop").returncode == 0
    assert (with_path_file.root / PATH_FILE).read_text() == "/lib:/usr/lib\n"


def test_a_file_that_was_written_to_since_stays(hand_made, with_path_file):
    started_and_ended(hand_made, with_path_file)
    path = with_path_file.root / PATH_FILE
    with path.open("r+") as file:
        file.write("/LIB")
    text = path.read_text()
    assert with_path_file.call_hook("poststop").returncode == 0
    assert path.read_text() == text


def old_record(bundle):
    """As version 1 wrote it for a container that has been running since: one JSON object."""
    root = json.loads(bundle.record.read_text().splitlines()[0])["rootfs"]
    entries = [{**entry, "device": 1} for entry in bundle.recorded().values()]
    record = bundle.record.with_suffix(".json")
    record.write_text(json.dumps({"rootfs": root, "created": entries}, indent=1) + "\n")
    bundle.record.unlink()
    shutil.rmtree("/run/grapnel/roots")
    return record


def test_poststop_understands_old_records(hand_made, bundle):
    before = container.listing(bundle.root)
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=0"))
    assert made.hook().returncode == 0
    made.end()
    old_record(bundle)
    done = bundle.call_hook("poststop")
    assert (done.returncode, done.stderr) == (0, "")
    assert container.listing(bundle.root) == before
    assert records() == []


def test_old_record_is_handed_to_another_container(hand_made, bundle, make_bundle):
    before = container.listing(bundle.root)
    old = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=0"))
    assert old.hook().returncode == 0
    old_record(bundle)
    other = make_bundle(name="other")
    other.config["root"]["path"] = str(bundle.root)
    other.root = bundle.root
    living = hand_made(other.env("NVIDIA_VISIBLE_DEVICES=0"))
    assert living.hook().returncode == 0
    assert bundle.call_hook("poststop").returncode == 0
    assert container.listing(bundle.root) != before
    living.end()
    assert other.call_hook("poststop").returncode == 0
    assert container.listing(bundle.root) == before
    assert records() == []


def test_start_undoes_record_without_poststop(hand_made, bundle):
    """The next container wants less: the rest of the first one's is gone before it runs."""
    before = container.listing(bundle.root)
    first = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=all"))
    assert first.hook().returncode == 0
    all_of_it = set(container.listing(bundle.root)) - set(before)
    first.end()
    bundle.name += "-next"
    second = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=0",
                                  "NVIDIA_DRIVER_CAPABILITIES=utility"))
    assert second.hook().returncode == 0
    assert len(records()) == len(claims()) == 1
    less = set(container.listing(bundle.root)) - set(before)
    assert less and less < all_of_it
    second.end()
    assert bundle.call_hook("poststop").returncode == 0
    assert container.listing(bundle.root) == before
    assert records() == claims() == []


def test_new_root_at_old_path_stays(hand_made, bundle):
    """An image that has what an earlier one at the same path was given."""
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=0"))
    assert made.hook().returncode == 0
    made.end()
    subprocess.run(["cp", "-a", bundle.root, bundle.directory / "copy"], check=True)
    shutil.rmtree(bundle.root)
    (bundle.directory / "copy").rename(bundle.root)
    before = container.listing(bundle.root)
    assert bundle.call_hook("poststop").returncode == 0
    assert container.listing(bundle.root) == before
    assert records() == []


def test_stale_records_stay_few(hand_made, bundle):
    """With Docker's --gpus no poststop hook removes a record when its container ends."""
    container.make_records(f"/nowhere/{number}/merged" for number in range(2000))
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=0"))
    beside = container.claims_directory(bundle.root).parent
    there = len(list(beside.iterdir()))
    for number in range(there):
        assert made.hook(state=made.state(id=f"other-{number}")).returncode == 0
    assert [path.name for path in beside.iterdir()] == \
        [container.claims_directory(bundle.root).name]
    assert len(records()) == 2000  # as many are new


def system_calls(made, stage, tmp_path):
    """How often the hook makes each system call."""
    trace = tmp_path / "trace"
    prefix = ["strace", "-f", "-qq", "-o", str(trace)]
    done = made.hook(stage=stage, prefix=prefix, env={"PATH": os.environ["PATH"]})
    assert (done.returncode, done.stderr) == (0, "")
    calls = re.findall(r"^\d+ +(\w+)\(", trace.read_text(), re.M)
    return collections.Counter(call for call in calls if call != "poll")  # as often as it waits


@pytest.mark.parametrize("living", [True, False])
def test_work_does_not_grow_with_records(hand_made, bundle, tmp_path, living):
    """With 5,000 records a start makes at most as many calls more as four of them need."""
    bundle.set_settings('ldcache = "off"')
    starts.age(bundle.root)  # else the times of directories are set back in slow runs alone
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=0"))
    stages = ("prestart", "poststop")
    alone = [system_calls(made, stage, tmp_path) for stage in stages]
    container.make_records((f"/nowhere/{number}" for number in range(5000)),
                           holder=made.pid if living else None)
    start, stop = (system_calls(made, stage, tmp_path) for stage in stages)
    assert stop == alone[1]
    more = start - alone[0]
    assert more["getdents64"] <= 1 + 4 * 2  # the claims of one are looked at twice
    assert sum(more.values()) <= 5 + 4 * 40
