# SPDX-License-Identifier: Apache-2.0
"""A removal that fails once: what could not be removed stays on record, and goes with the next
poststop or start."""

import subprocess

import container
import pytest
from test_failing_calls import strace_arguments
from test_residue import claims, records


@pytest.fixture
def started(bundle, hand_made):
    """A bundle with a container that ran, and the listing of its root file system before."""
    (bundle.root / "usr/lib/x86_64-linux-gnu/libcuda.so.1").symlink_to("libcuda.so.470")
    bundle.before = container.listing(bundle.root)
    made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))
    done = made.hook()
    assert (done.returncode, done.stderr) == (0, "")
    made.end()
    assert container.listing(bundle.root) != bundle.before
    return bundle


def poststop(bundle, prefix=()):
    return subprocess.run([*prefix, bundle.hook, f"--config={bundle.settings}", "poststop"],
                          input=bundle.state(), text=True, capture_output=True, env={}, check=False)


def expect_clean(bundle):
    assert container.listing(bundle.root) == bundle.before
    assert (records(), claims()) == ([], [])


@pytest.mark.parametrize("error", ["EBUSY", "EIO"])
@pytest.mark.parametrize("when", [1, 2, 5, 9])
def test_failed_removal_is_finished_by_next_poststop(started, when, error):
    done = poststop(started, strace_arguments("unlinkat", when, error=error))
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done
    assert started.record.exists()
    record = started.record.read_text()
    assert record.count("\n") <= 4, "the record has more than the header and the rest"
    assert poststop(started).returncode == 0
    expect_clean(started)


@pytest.mark.parametrize("call", ["unlinkat", "openat2"])
def test_failed_removal_is_finished_by_next_start(started, hand_made, call):
    assert poststop(started, strace_arguments(call, 1, error="EIO")).returncode == 1
    made = hand_made(started)
    done = made.hook()
    assert (done.returncode, done.stderr) == (0, "")
    made.end()
    assert poststop(started).returncode == 0
    expect_clean(started)


@pytest.mark.parametrize("error", ["EBUSY", "EIO", "EMFILE", "ENOMEM"])
@pytest.mark.parametrize("when", [1, 2, 3])
def test_root_that_cannot_be_opened_keeps_record(started, when, error):
    """That is no root file system that is gone."""
    done = poststop(started, strace_arguments("openat2", when, error=error))
    assert done.returncode in (0, 1)
    if done.returncode == 1:
        assert started.record.exists()
    poststop(started)
    expect_clean(started)


@pytest.mark.parametrize("error", ["EBUSY", "EIO"])
@pytest.mark.parametrize("when", [1, 3])
def test_start_goes_on_where_old_leftovers_stay(started, hand_made, when, error):
    """The former container was killed without poststop."""
    made = hand_made(started)
    done = made.hook(prefix=strace_arguments("unlinkat", when, error=error))
    assert (done.returncode, done.stderr) == (0, "")
    assert "no cleanup record" not in started.logged()
    assert started.record.exists()
    made.end()
    assert poststop(started).returncode == 0
    expect_clean(started)
