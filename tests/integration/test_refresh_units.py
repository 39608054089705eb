# SPDX-License-Identifier: Apache-2.0
"""The units that make device nodes and write CDI files again when the driver changes."""

import contextlib
import os
import shutil
import subprocess

import booted_systemd
import make_driver
import pytest
import refresh_units
from conftest import built, need, need_cgroup, skip_or_fail
from refresh_units import PATH_UNIT, REQUEST, SERVICE, SPEC


@pytest.fixture(scope="module")
def installed(tmp_path_factory, hook):
    directory = tmp_path_factory.mktemp("installed") / "bin"
    directory.mkdir()
    for folder, name in (("grapnel", "grapnel"), ("hook", "grapnel-hook"), ("probe", "grapnel-probe")):
        subprocess.run(["strip", "-o", directory / name, built(hook, folder, name)], check=True)
    return directory


@pytest.fixture(scope="module")
def machine(tmp_path_factory, installed):
    need("systemctl", "dbus-daemon")
    need_cgroup("v2")
    made = refresh_units.Machine(tmp_path_factory.mktemp("refresh"), installed)
    try:
        made.enable()
        yield made
    finally:
        made.end()


@pytest.fixture(autouse=True)
def units_are_well(request):
    """Whatever happened, both units work at the end, and the service says nothing on standard error."""
    yield
    if "machine" in request.fixturenames:
        machine = request.getfixturevalue("machine")
        booted_systemd.wait_until(lambda: machine.state(SERVICE) == "inactive", f"{SERVICE} ends")
        assert machine.state(PATH_UNIT) == "active"


def verify(directory, *units):
    return subprocess.run(["systemd-analyze", "verify", "--man=no", *units], text=True, check=False,
                          capture_output=True, env={**os.environ, "SYSTEMD_UNIT_PATH": f"{directory}:"})


def test_units_are_valid(tmp_path, installed):
    refresh_units.install(tmp_path, installed)
    done = verify(tmp_path, *(tmp_path / unit for unit in (SERVICE, PATH_UNIT, REQUEST)))
    assert (done.returncode, done.stderr) == (0, "")


def test_enabled_units_make_no_ordering_cycle(tmp_path, installed):
    refresh_units.install(tmp_path, installed)
    for target, names in {"multi-user.target": (SERVICE, PATH_UNIT, "docker.service", "containerd.service"),
                          "sockets.target": ("docker.socket", "podman.socket")}.items():
        (tmp_path / f"{target}.wants").mkdir()
        for name in names:
            found = tmp_path / name if (tmp_path / name).exists() else f"/usr/lib/systemd/system/{name}"
            (tmp_path / f"{target}.wants" / name).symlink_to(found)
    done = verify(tmp_path, "multi-user.target")
    assert "cycle" not in done.stderr, done.stderr


def is_given(machine, name):
    return f"/{name}.so.{make_driver.VERSION}" in machine.file()


def test_update_of_the_driver_writes_the_file_again(machine):
    assert not is_given(machine, "libnvidia-new")
    machine.update("libnvidia-new")
    booted_systemd.wait_until(lambda: is_given(machine, "libnvidia-new"), f"{SPEC} has the new library")


def test_last_of_many_changes_is_in_the_file(machine):
    """More than a start limit and a trigger limit let through, without a pause."""
    names = [f"libnvidia-many{number}" for number in range(40)]
    machine.shell(f"for i in $(seq 500); do cp /etc/ld.so.cache /etc/cache.new; "
                  "mv /etc/cache.new /etc/ld.so.cache; done")
    machine.update(*names)
    booted_systemd.wait_until(lambda: is_given(machine, names[-1]), f"{SPEC} has the last library")
    assert all(is_given(machine, name) for name in names)


def runs(machine, program):
    pid = machine.systemd.property(SERVICE, "ControlPID")
    return machine.shell(f"cat /proc/{pid}/comm", check=False).strip() == program


@contextlib.contextmanager
def slow_end(machine):
    """A refresh goes on for two seconds after it has read the driver."""
    override = f"/run/systemd/system/{SERVICE}.d"
    machine.shell(f"mkdir -p {override}; printf '[Service]\\nExecStartPost=/bin/sleep 2\\n' > {override}/slow.conf")
    machine.systemd.systemctl("daemon-reload")
    try:
        yield lambda: booted_systemd.wait_until(lambda: runs(machine, "sleep"), "the driver is read")
    finally:
        machine.shell(f"rm -r {override}")
        machine.systemd.systemctl("daemon-reload")


def test_change_during_a_refresh_is_not_lost(machine):
    with slow_end(machine) as wait_until_read:
        machine.update("libnvidia-early")
        wait_until_read()
        machine.update("libnvidia-late")
        assert is_given(machine, "libnvidia-early") and not is_given(machine, "libnvidia-late")
        booted_systemd.wait_until(lambda: is_given(machine, "libnvidia-late"), f"{SPEC} has the library")


def test_new_node_of_mig_starts_a_refresh(machine):
    machine.shell(f"sed -i s/libcuda/libcudb/g {SPEC}; mknod /dev/nvidia-caps/nvidia-cap7 c 511 7")
    booted_systemd.wait_until(lambda: is_given(machine, "libcuda"), f"{SPEC} is written again")


def test_start_makes_missing_nodes(machine):
    machine.shell("rm /dev/nvidia-uvm /dev/nvidia0")
    machine.systemd.systemctl("start", SERVICE)
    assert machine.shell("stat -c '%F %t:%T %a' /dev/nvidia-uvm /dev/nvidia0").splitlines() == [
        "character special file ee:0 666", "character special file c3:0 666"]


def test_service_can_ask_the_drivers_library(machine):
    """grapnel-probe needs namespaces and another user: the service has the privileges for it."""
    machine.shell("rm -f /run/grapnel/*")
    machine.systemd.systemctl("start", SERVICE)
    assert machine.shell("cat /run/grapnel/probe").count("\tbrand\tTesla\n") == 2


def test_service_warns_of_no_more_than_root(machine):
    """A privilege that grapnel lacks would be a warning."""
    said = machine.systemd.run("/usr/local/bin/grapnel", "cdi", "generate", "--static").stderr
    lines = machine.log.read_text().splitlines()
    assert lines and {line for line in lines if not line.startswith(("changed /", "made /"))} <= set(said.splitlines())


def test_service_writes_to_its_places_alone(machine):
    override = f"/run/systemd/system/{SERVICE}.d"
    places = ("/etc", "/usr", "/var/lib", "/root", "/sys/fs/cgroup", "/etc/cdi", "/dev", "/run/grapnel")
    script = " ".join(f"if touch {place}/of-the-service; then echo {place} > /dev/of-the-service; "
                      f"cat /dev/of-the-service >> /dev/shm/written; fi;" for place in places)
    machine.shell(f"mkdir -p {override}; cat > {override}/touch.conf <<'END'\n[Service]\nExecStart=\nExecStop=\n"
                  f"StandardError=null\nExecStart=/bin/sh -c '{script}'\nEND")
    machine.systemd.systemctl("daemon-reload")
    try:
        machine.systemd.systemctl("start", SERVICE, check=False)
        assert machine.shell("cat /dev/shm/written").split() == ["/etc/cdi", "/dev", "/run/grapnel"]
    finally:
        machine.shell(f"rm -r {override}; rm -f /dev/shm/written /dev/of-the-service /etc/cdi/of-the-service")
        machine.systemd.systemctl("daemon-reload")
        machine.systemd.systemctl("reset-failed", SERVICE, check=False)


def test_machine_without_the_driver_starts_nothing(machine):
    machine.shell("mount -t tmpfs tmpfs /proc/driver/nvidia")
    try:
        machine.systemd.systemctl("start", SERVICE)
        assert machine.systemd.property(SERVICE, "ConditionResult") == "no"
        assert machine.state(SERVICE) == "inactive"
    finally:
        machine.shell("umount /proc/driver/nvidia")


@pytest.mark.parametrize("engine", ["docker.service", "containerd.service", "crio.service", "kubelet.service",
                                    "podman.service"])
def test_engines_start_after_the_refresh(machine, engine):
    machine.shell(f"printf '[Service]\\nExecStart=/bin/sleep 1\\n' > /run/systemd/system/{engine}")
    machine.systemd.systemctl("daemon-reload")
    assert SERVICE in machine.systemd.property(engine, "After").split()


@pytest.fixture(scope="module")
def udev(machine):
    """The machine, with an udev."""
    if shutil.which("udevadm") is None:
        skip_or_fail("udev is not installed")
    machine.start_udev()
    return machine


GPU = f"/bus/pci/devices/{make_driver.pci(0)}"
EVENTS = {"bound": ("bind", GPU, "SUBSYSTEM=pci", "DRIVER=nvidia"),
          "module": ("add", "/module/nvidia_uvm", "SUBSYSTEM=module")}


@pytest.mark.parametrize("event", EVENTS)
def test_event_of_the_driver_makes_missing_nodes(udev, event):
    udev.shell("rm -f /dev/nvidia-uvm")
    udev.send_event(*EVENTS[event])
    booted_systemd.wait_until(lambda: udev.shell("ls /dev/nvidia-uvm", check=False), "/dev/nvidia-uvm is made")


def test_event_during_a_refresh_is_not_lost(udev):
    with slow_end(udev) as wait_until_read:
        udev.systemd.systemctl("start", "--no-block", SERVICE)
        wait_until_read()
        udev.shell("rm -f /dev/nvidia-uvm")
        udev.send_event(*EVENTS["module"])
        booted_systemd.wait_until(lambda: udev.shell("ls /dev/nvidia-uvm", check=False), "/dev/nvidia-uvm is made")


@pytest.mark.parametrize("event", [("unbind", GPU, "SUBSYSTEM=pci", "DRIVER=nvidia"),
                                   ("bind", GPU, "SUBSYSTEM=pci", "DRIVER=vfio-pci"),
                                   ("add", "/module/nouveau", "SUBSYSTEM=module")])
def test_other_event_starts_no_refresh(udev, event):
    """udev tells systemd no unit to start."""
    udev.shell("rm -f /run/udev/data/*")
    udev.send_event(*event)
    assert REQUEST not in udev.shell("cat /run/udev/data/* 2> /dev/null || true")
