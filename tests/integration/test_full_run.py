# SPDX-License-Identifier: Apache-2.0
"""A start writes its cleanup record before it makes anything. Where /run/grapnel is full it makes
nothing and fails; where it is read-only the container starts, with a warning."""

import contextlib
import pathlib
import subprocess

import container
import pytest

STORE = pathlib.Path("/run/grapnel")
PAGE = 4096


@contextlib.contextmanager
def mounted(options):
    STORE.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"mode=0755,{options}", "tmpfs", STORE],
                   check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", STORE], check=True)


@pytest.fixture
def started(hand_made, bundle):
    """Starts and ends a container: the hook's result, and whether anything stayed."""
    before = container.listing(bundle.root)
    (bundle.root / "etc/ld.so.cache").unlink()  # as large as an image's can be

    def start():
        made = hand_made(bundle.env("NVIDIA_VISIBLE_DEVICES=all"))
        done = made.hook()
        inside = container.listing(bundle.root) != before
        made.end()
        return done, inside

    start.left = lambda: container.listing(bundle.root) != before
    return start


def check_refusal(done, inside):
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not inside


@pytest.mark.parametrize("inodes", range(1, 8))
def test_start_without_inodes_makes_nothing(started, inodes):
    with mounted(f"nr_inodes={inodes}"):
        check_refusal(*started())


@pytest.mark.parametrize("pages", range(5))
def test_start_without_pages_leaves_nothing(started, bundle, pages):
    with mounted(f"size={64 * PAGE}"):
        with contextlib.suppress(OSError), (STORE / "filler").open("wb", buffering=0) as filler:
            for _ in range(64 - pages):
                filler.write(b"\0" * PAGE)
        done, inside = started()
        if done.returncode != 0:
            check_refusal(done, inside and pages == 0)
        done = bundle.call_hook("poststop")
        assert (done.returncode, done.stderr) == (0, "")
        assert not started.left()


def test_container_starts_with_read_only_run(started, bundle):
    with mounted("ro"):
        done, inside = started()
        assert (done.returncode, done.stderr) == (0, "")
        assert inside
        assert bundle.logged().count("\n") == 1
        assert "no cleanup record: files and links made in the root file system stay there when " \
            "the container ends: " in bundle.logged()
        assert "Read-only file system" in bundle.logged()
