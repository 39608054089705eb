# SPDX-License-Identifier: Apache-2.0
"""runc and crun that a user without rights calls: so the hook has no rights either."""

import json
import os
import pathlib

import container
import make_driver
import pytest
import user_namespaces
from conftest import need_cgroup
from engines import process

LIBRARIES = "/usr/lib/x86_64-linux-gnu"
GPU_0, GPU_1 = (f"open:/dev/nvidia{make_driver.minor(index, 2)}" for index in range(2))
CUDA = "load:libcuda.so.1"
OTHER_USER = 61318
REACHED, MISSING = "ENXIO", "ENOENT"


@pytest.fixture(params=["v1", "v2"])
def rootless(request, bundle, reachable_hook, users_run_directory):
    need_cgroup(request.param)
    bundle.env("NVIDIA_VISIBLE_DEVICES=0")
    bundle.hook = reachable_hook
    bundle.register("prestart", "poststop")
    return user_namespaces.Rootless(bundle, request.param)


def test_runc(rootless):
    before = container.listing(rootless.bundle.root)
    result = rootless.run("runc", GPU_0, GPU_1, CUDA, "stat:/etc/ld.so.cache", "mounts")
    assert result.code == 0, result.err
    assert (result[GPU_0], result[GPU_1]) == (REACHED, MISSING)
    assert result[CUDA] == f"{LIBRARIES}/libcuda.so.{make_driver.VERSION} libcuda"
    assert result["stat:/etc/ld.so.cache"].endswith(" 0:0")
    for place, (options, propagation, _) in container.parse_mountinfo(result["mounts"]).items():
        if "nvidia" in place:
            assert "nosuid" in options and propagation == [], place
    assert container.listing(rootless.bundle.root) == before
    records = rootless.run_directory / "grapnel/containers"
    assert list(records.iterdir()) == []


def test_runc_with_more_users(rootless):
    rootless.map_more_users()
    result = rootless.run("runc", GPU_0, GPU_1, CUDA, "text:/proc/self/uid_map")
    assert result.code == 0, result.err
    assert (result[GPU_0], result[GPU_1]) == (REACHED, MISSING)
    assert result[CUDA].endswith(" libcuda")
    assert len(result["text:/proc/self/uid_map"].splitlines()) == 2


def test_runc_and_an_error(rootless):
    rootless.bundle.env("NVIDIA_VISIBLE_DEVICES=7")
    result = rootless.run("runc", GPU_0)
    assert result.code != 0
    assert "grapnel-hook: unknown device '7': this host has " in result.err


def test_crun_keeps_the_hook_out(rootless):
    result = rootless.run("crun", GPU_0)
    assert result.code != 0
    line = rootless.bundle.logged()
    assert "crun without root has no way for hooks: use runc, or podman" in line
    assert "Operation not permitted" in line


def test_crun_and_a_container_that_asks_for_nothing(rootless):
    rootless.bundle.env()
    result = rootless.run("crun", GPU_0)
    assert result.code == 0, result.err
    assert result[GPU_0] == MISSING


def test_a_users_log_is_not_the_machines(rootless):
    log = pathlib.Path("/var/log/grapnel-of-root.log")
    rootless.bundle.settings.write_text(f'log = "{log}"\n')
    rootless.bundle.env("NVIDIA_VISIBLE_DEVICES=7")
    assert rootless.run("runc", GPU_0).code != 0
    assert not log.exists()
    own = rootless.run_directory / "grapnel/grapnel.log"
    assert "unknown device '7'" in own.read_text()
    assert own.stat().st_uid == process.USER_ID


def test_root_of_user_namespace_trusts_no_foreign_record(rootless):
    # the number that root has outside can be that of somebody else's inside
    state = rootless.bundle.directory / "of-another-user"
    state.mkdir()
    victim = state / "victim"
    victim.write_text("kept")
    rootless.give(state, victim)
    status = victim.stat()
    made = {"path": "/victim", "type": "file", "inode": status.st_ino, "size": status.st_size,
            "modified": status.st_mtime_ns}
    others = rootless.run_directory / "grapnel/containers"
    others.mkdir(parents=True)
    record = others / rootless.record_name("it")
    header = {"version": 2, "rootfs": str(state), "root_inode": state.stat().st_ino, "root_born": 0}
    record.write_text("".join(json.dumps(line) + "\n" for line in (header, made)))
    for place in (rootless.run_directory, *others.parents[:1], others):
        os.chown(place, OTHER_USER, OTHER_USER)
        place.chmod(0o755)
    result = rootless.poststop_in_a_user_namespace("it")
    assert victim.exists(), result
    assert result.returncode == 0, result
    assert record.exists()
