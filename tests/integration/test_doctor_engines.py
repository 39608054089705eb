# SPDX-License-Identifier: Apache-2.0
"""grapnel doctor beside real engines: each fault of a configuration, made on a booted machine, and
the same machine without it, which is silent."""

import contextlib
import json

import pytest

DROP_IN = "/run/systemd/system/docker.service.d"
HOOK_NAMES = ("nvidia-container-runtime-hook", "nvidia-container-toolkit")
OTHER_DEFAULT = '{"default-runtime": "crun", "runtimes": {"crun": {"path": "/usr/bin/crun"}}}'


def hidden(*names):
    return "; ".join(f"mv /usr/local/bin/{name} /usr/local/bin/{name}.away" for name in names)


def shown(*names):
    return "; ".join(f"mv /usr/local/bin/{name}.away /usr/local/bin/{name}" for name in names)


@pytest.fixture(scope="module")
def machine(page_machine):
    """With Grapnel in Docker and podman."""
    page_machine.configure_engines()
    page_machine.shell("grapnel configure docker && systemctl restart docker && "
                       "grapnel configure podman --hook-path /usr/local/bin/grapnel-hook")
    yield page_machine
    page_machine.configure_engines()
    page_machine.shell("systemctl restart docker; rm -f /usr/share/containers/oci/hooks.d/99-grapnel*")


def findings(machine):
    """Of the engines, by code."""
    areas = json.loads(machine.run("grapnel doctor --json").stdout)["areas"]
    return {found["code"]: found for area in areas if area["name"] in ("docker", "podman")
            for found in area["findings"]}


@contextlib.contextmanager
def broken(machine, make, undo):
    machine.shell(make)
    try:
        yield findings(machine)
    finally:
        machine.shell(undo)
    assert findings(machine) == {}


def test_configured_engines_are_silent(machine):
    assert findings(machine) == {}


def test_hook_outside_of_dockerds_path(machine):
    make = (f"mkdir -p {DROP_IN}; printf '[Service]\\nEnvironment=PATH=/usr/sbin:/usr/bin:/sbin:/bin\\n' "
            f"> {DROP_IN}/path.conf; systemctl daemon-reload; systemctl restart docker")
    undo = f"rm -r {DROP_IN}; systemctl daemon-reload; systemctl restart docker"
    with broken(machine, make, undo) as found:
        assert list(found) == ["GR0806"]
        assert found["GR0806"]["text"].startswith("/usr/local/bin/nvidia-container-runtime-hook: ")


def test_runtime_that_nobody_registered(machine):
    keep = "cp /etc/docker/daemon.json /run/daemon.json"
    make = f"{keep}; echo '{{}}' > /etc/docker/daemon.json; {hidden(*HOOK_NAMES)}; systemctl restart docker"
    undo = f"{shown(*HOOK_NAMES)}; cp /run/daemon.json /etc/docker/daemon.json; systemctl restart docker"
    with broken(machine, make, undo) as found:
        assert list(found) == ["GR0802"]
        assert found["GR0802"]["command"].startswith("grapnel configure docker")


def test_default_runtime_of_another_maker(machine):
    keep = "cp /etc/docker/daemon.json /run/daemon.json"
    make = f"{keep}; echo '{OTHER_DEFAULT}' > /etc/docker/daemon.json; systemctl restart docker"
    undo = "cp /run/daemon.json /etc/docker/daemon.json; systemctl restart docker"
    with broken(machine, make, undo) as found:
        assert list(found) == ["GR0805"]
        assert "the default runtime is 'crun'" in found["GR0805"]["text"]


def test_forgotten_restart_of_dockerd(machine):
    make = ("cp /etc/docker/daemon.json /run/daemon.json; echo '{}' > /etc/docker/daemon.json; "
            "systemctl restart docker; sleep 1; cp /run/daemon.json /etc/docker/daemon.json")
    with broken(machine, make, "systemctl restart docker") as found:
        assert list(found) == ["GR0808"]
        assert found["GR0808"]["command"] == "systemctl restart docker"


def test_hooks_that_rootless_podman_does_not_read(machine):
    """The user's podman has containers, and no hooks_dir."""
    make = "mkdir -p /home/ada/.local/share/containers/storage; touch /home/ada/.local/share/containers/storage/db.sql"
    with broken(machine, f"mount -t tmpfs tmpfs /home; {make}", "umount /home") as found:
        assert list(found) == ["GR0906"]
        done = machine.run(f"mount -t tmpfs tmpfs /home; {make}; {found['GR0906']['command']}; "
                           "grapnel doctor --json; umount /home")
        assert "GR0906" not in done.stdout, done.stdout + done.stderr
