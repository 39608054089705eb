# SPDX-License-Identifier: Apache-2.0
"""Whatever answers where systemd should: the container starts with its GPUs, soon, and the log
says what could not be done."""

import container
import pytest
from conftest import need_cgroup
from systemd_stand_in import after_authentication, as_systemd, endlessly, message, read_line, string

V2 = container.in_cgroup_view("v2", [])


@pytest.fixture(autouse=True)
def version2():
    need_cgroup("v2")


SIGNAL = message(4, 1, "s", string("x" * 5000))
BEHAVIOURS = {
    "closes": lambda peer, _: None,
    "rejects": lambda peer, _: (read_line(peer), peer.sendall(b"REJECTED EXTERNAL\r\n")),
    "endless-line": endlessly(b"OK" * 2048),
    "closes-later": after_authentication(lambda peer, _: None),
    "noise": after_authentication(endlessly(bytes(range(256)))),
    "zeros": after_authentication(endlessly(b"\0" * 4096)),
    "endless-signals": after_authentication(endlessly(SIGNAL)),
    "endless-answers": after_authentication(endlessly(message(2, 99, "s", string("x" * 5000)))),
    "huge": after_authentication(
        lambda peer, _: peer.sendall(b"l\2\1\1" + b"\xff" * 4 + b"\1\0\0\0" + b"\xff" * 4)),
    "another-type": after_authentication(
        lambda peer, _: peer.sendall(b"".join(message(2, n, "u", b"\1\0\0\0") for n in range(9)))),
    "errors": after_authentication(
        lambda peer, _: peer.sendall(b"".join(message(3, n, "s", string("no\n\x1b[2J"))
                                              for n in range(9)))),
}


@pytest.mark.parametrize("behaviour", sorted(BEHAVIOURS))
def test_a_false_systemd_stops_no_container(scope, stand_in, behaviour):
    stand_in(BEHAVIOURS[behaviour])
    done = scope.hook(prefix=V2, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    assert scope.look("open:/dev/nvidia1")["open:/dev/nvidia1"] == "ENXIO"
    logged = scope.bundle.logged()
    assert logged.count(scope.remark) == 1
    assert all(" " <= letter <= "~" for letter in logged.strip())


def test_a_silent_peer_is_left_after_ten_seconds(scope, stand_in):
    stand_in(None)
    done = scope.hook(prefix=V2, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    assert scope.look("open:/dev/nvidia1")["open:/dev/nvidia1"] == "ENXIO"
    assert "no answer on D-Bus: Connection timed out" in scope.bundle.logged()


def test_anothers_unit_of_that_name_is_unchanged(scope, stand_in):
    peer = stand_in(as_systemd("/user.slice/session-1.scope"))
    assert scope.hook(prefix=V2).returncode == 0
    assert peer.seen and b"SetUnitProperties" not in b"".join(peer.seen)
    assert scope.remark in scope.bundle.logged()
    assert "its cgroup is '/user.slice/session-1.scope'" in scope.bundle.logged()


def test_a_unit_unknown_to_systemd_is_unchanged(scope, stand_in):
    peer = stand_in(as_systemd(""))
    assert scope.hook(prefix=V2).returncode == 0
    assert peer.seen and b"SetUnitProperties" not in b"".join(peer.seen)
    assert scope.bundle.logged() == ""


def test_the_containers_own_unit_is_changed(scope, stand_in):
    """What the two tests above would see if the unit were changed."""
    peer = stand_in(as_systemd(scope.cgroup))
    assert scope.hook(prefix=V2).returncode == 0
    said = b"".join(peer.seen)
    assert said.count(b"SetUnitProperties") == 1 and said.count(scope.unit.encode()) >= 1
    assert b"/dev/char/195:1\0" in said and b"/dev/char/195:0\0" not in said
    assert scope.bundle.logged() == ""
