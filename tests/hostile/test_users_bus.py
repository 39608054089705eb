# SPDX-License-Identifier: Apache-2.0
"""A user without root starts a container while something lies, hangs or floods where the user's
systemd listens, and while variables name it as the bus: the container starts, and nobody asked."""

import os
import time

import make_driver
import pytest
import user_namespaces
from engines import process
from systemd_stand_in import after_authentication, as_systemd, endlessly, message, string

GPU_0, GPU_1 = (f"open:/dev/nvidia{make_driver.minor(index, 2)}" for index in range(2))
SIGNAL = message(4, 1, "s", string("x" * 5000))
BEHAVIOURS = {"lies": as_systemd("/user.slice"), "hangs": lambda peer, _: peer.recv(1 << 20) and time.sleep(30),
              "floods": after_authentication(endlessly(SIGNAL))}
SOCKETS = ("bus", "systemd/private")


@pytest.fixture
def rootless(users_bundle, users_run_directory):
    variables = [f"{name}=unix:path={users_run_directory}/bus" for name in (
        "DBUS_SESSION_BUS_ADDRESS", "DBUS_SYSTEM_BUS_ADDRESS", "DBUS_STARTER_ADDRESS")]
    users_bundle.register("prestart", "poststop", env=[f"XDG_RUNTIME_DIR={users_run_directory}", *variables])
    return user_namespaces.Rootless(users_bundle, "v2")


@pytest.mark.parametrize("behaviour", sorted(BEHAVIOURS))
def test_bus_of_a_user_is_not_asked(rootless, stand_in, users_run_directory, behaviour):
    peer = stand_in(BEHAVIOURS[behaviour], [users_run_directory / name for name in SOCKETS])
    for name in SOCKETS:
        os.chown(users_run_directory / name, process.USER_ID, process.USER_ID)
    start = time.monotonic()
    result = rootless.run("runc", GPU_0, GPU_1)
    assert result.code == 0, result.err
    assert time.monotonic() - start < 10
    assert (result[GPU_0], result[GPU_1]) == ("ENXIO", "ENOENT")
    assert (peer.connections, peer.seen) == (0, [])
    assert rootless.bundle.logged() == ""
