# SPDX-License-Identifier: Apache-2.0
"""The stages of an OCI hook."""

import container
import pytest


def driver_mount_count(result):
    return sum("nvidia" in line or "libcuda" in line for line in result["mounts"].splitlines())


def test_create_runtime_does_the_work_alone(engine, bundle):
    bundle.register("createRuntime", "poststop")
    result = engine(bundle.env("NVIDIA_VISIBLE_DEVICES=0"), "load:libcuda.so.1",
                    "open:/dev/nvidia1")
    assert "libcuda" in result["load:libcuda.so.1"].split(" ")
    assert result["open:/dev/nvidia1"] == "ENXIO"


def test_the_second_stage_finds_the_work_done(engine, make_bundle):
    one = make_bundle(name="one").env("NVIDIA_VISIBLE_DEVICES=all").show_proc_driver()
    both = make_bundle(name="both").env("NVIDIA_VISIBLE_DEVICES=all")
    both.register("prestart", "createRuntime", "poststop")
    both.show_proc_driver()
    before = container.listing(both.root)
    expected = engine(one, "mounts")
    result = engine(both, "mounts", "load:libcuda.so.1", "make:c:195:255")
    assert (result.code, result.err) == (0, "")
    assert driver_mount_count(result) == driver_mount_count(expected)
    assert "libcuda" in result["load:libcuda.so.1"].split(" ")
    assert result["make:c:195:255"] == "ENXIO"
    assert container.listing(both.root) == before


def test_many_calls_end_as_one(hand_made, bundle):
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"), setup='mkdir -p "$ROOT/etc"')
    assert made.hook().returncode == 0
    mounts = made.mountinfo()
    files = container.listing(bundle.root, without=())
    for stage in ("prestart", "createRuntime", "prestart"):
        done = made.hook(stage=stage)
        assert (done.returncode, done.stderr) == (0, "")
        assert made.mountinfo() == mounts
        assert container.listing(bundle.root, without=()) == files


@pytest.mark.parametrize("flags", [["--debug"], ["-debug"], ["--dry-run"]])
def test_poststart_does_nothing(hand_made, bundle, flags):
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))
    before = (container.listing(bundle.root, without=()), made.mountinfo())
    done = made.hook(*flags, stage="poststart")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (container.listing(bundle.root, without=()), made.mountinfo()) == before


@pytest.mark.parametrize("spelling", ["--dry-run", "-dry-run"])
def test_a_dry_run_touches_nothing(hand_made, bundle, spelling):
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))
    before = (container.listing(bundle.root, without=()), made.mountinfo())
    done = made.hook(spelling)
    assert done.returncode == 0
    assert '"libcuda.so.1"' in done.stdout or "/libcuda.so.1" in done.stdout
    assert (container.listing(bundle.root, without=()), made.mountinfo()) == before
    assert bundle.logged() == ""


def test_a_dry_run_of_poststop_touches_nothing(hand_made, bundle):
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))
    assert made.hook().returncode == 0
    before = container.listing(bundle.root)
    assert bundle.call_hook("poststop", "--dry-run").returncode == 0
    assert container.listing(bundle.root) == before


def test_a_bundles_plan_is_its_containers_plan(hand_made, bundle):
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=1"))
    planned = bundle.call_hook("prestart", "--dry-run").stdout
    assert made.hook("--dry-run").stdout == planned
