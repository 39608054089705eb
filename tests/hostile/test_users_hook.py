# SPDX-License-Identifier: Apache-2.0
"""A user's hook enters the container's user namespace. Who has every right there, with another ID
outside than the user's, must not get hold of it: it has the user's ID and the host's files."""

import os
import pathlib
import subprocess
import threading

import pytest
import record_lock
import user_namespaces
from booted_systemd import wait_until
from engines import process

OPEN_MEMORY = "import os, sys; os.open(f'/proc/{sys.argv[1]}/mem', os.O_RDWR)"


@pytest.fixture
def rootless(users_bundle):
    made = user_namespaces.Rootless(users_bundle, "v2")
    made.map_more_users()
    return made


@pytest.fixture
def users_lock(rootless):
    """While it is kept, for ten seconds at most, the hook waits inside."""
    lock = rootless.run_directory / "grapnel/containers.lock"
    lock.parent.mkdir()
    lock.touch()
    rootless.give(lock.parent, lock)
    return lock


def namespace_of(pid):
    return os.readlink(f"/proc/{pid}/ns/user")


def hook_inside(program):
    own = namespace_of("self")
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(entry / "exe") == str(program) and namespace_of(entry.name) != own:
                return int(entry.name)
        except OSError:  # it has ended
            continue
    return None


def can_be_got_hold_of(victim):
    """By the second user of its user namespace, with every Linux capability there."""
    done = subprocess.run(
        ["nsenter", f"--user=/proc/{victim}/ns/user", "--setuid=0", "--setgid=0",
         "setpriv", "--reuid=1", "--regid=1", "--clear-groups", "--inh-caps=+all",
         "--ambient-caps=+all", "python3", "-c", OPEN_MEMORY, str(victim)],
        capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0 or "PermissionError" in done.stderr, done.stderr
    return done.returncode == 0


def check_that_another_can_be(namespace):
    other = subprocess.Popen(["nsenter", f"--user={namespace}", "--setuid=0", "--setgid=0",
                              "sleep", "60"])
    try:
        name = pathlib.Path(f"/proc/{other.pid}/comm")
        wait_until(lambda: name.read_text() == "sleep\n", "another process is inside")
        assert os.stat(f"/proc/{other.pid}").st_uid == process.USER_ID
        assert can_be_got_hold_of(other.pid)
    finally:
        other.kill()
        other.wait()


def test_no_container_process_reaches_a_users_hook(rootless, users_lock):
    results = []
    run = threading.Thread(target=lambda: results.append(rootless.run("runc", "open:/dev/null")))
    with record_lock.kept(users_lock):
        run.start()
        hook = wait_until(lambda: hook_inside(rootless.bundle.hook), "the hook is inside")
        assert not can_be_got_hold_of(hook)
        check_that_another_can_be(f"/proc/{hook}/ns/user")
    run.join()
    assert results[0].code == 0, results[0].err
    assert rootless.bundle.logged() == "", "it did not wait until the end of these attempts"
