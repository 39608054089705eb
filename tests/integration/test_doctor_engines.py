# SPDX-License-Identifier: Apache-2.0
"""grapnel doctor beside real engines: each fault of a configuration, made on a booted machine, and
the same machine without it, which is silent."""

import contextlib
import json

import pytest

DROP_IN = "/run/systemd/system/docker.service.d"
HOOK_NAMES = ("nvidia-container-runtime-hook", "nvidia-container-toolkit")
DAEMON_JSON = "/etc/docker/daemon.json"
KEEP = f"cp {DAEMON_JSON} /run/daemon.json"
PUT_BACK = f"cp /run/daemon.json {DAEMON_JSON}"
RESTART = "systemctl restart docker"
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
    make = f"{KEEP}; echo '{{}}' > {DAEMON_JSON}; {hidden(*HOOK_NAMES)}; {RESTART}"
    with broken(machine, make, f"{shown(*HOOK_NAMES)}; {PUT_BACK}; {RESTART}") as found:
        assert list(found) == ["GR0802"]
        assert found["GR0802"]["command"].startswith("grapnel configure docker")


def test_default_runtime_of_another_maker(machine):
    make = f"{KEEP}; echo '{OTHER_DEFAULT}' > {DAEMON_JSON}; {RESTART}"
    with broken(machine, make, f"{PUT_BACK}; {RESTART}") as found:
        assert list(found) == ["GR0805"]
        assert "the default runtime is 'crun'" in found["GR0805"]["text"]


def test_forgotten_restart_of_dockerd(machine):
    make = f"{KEEP}; echo '{{}}' > {DAEMON_JSON}; {RESTART}; sleep 1; {PUT_BACK}"
    with broken(machine, make, RESTART) as found:
        assert list(found) == ["GR0808"]
        assert found["GR0808"]["command"] == "systemctl restart docker"


def test_default_runtime_without_a_restart(machine):
    make = f"{KEEP}; grapnel configure docker --set-as-default"
    with broken(machine, make, f"{PUT_BACK}; {RESTART}") as found:
        assert list(found) == ["GR0808"]
        assert "the default runtime 'nvidia': its own is 'runc'" in found["GR0808"]["text"]


def test_byte_order_mark_that_this_dockerd_refuses(machine):
    make = f"{KEEP}; printf '\\357\\273\\277' | cat - /run/daemon.json > {DAEMON_JSON}"
    with broken(machine, make, f"{PUT_BACK}; {RESTART}") as found:
        refused = machine.run(RESTART).returncode != 0
        assert list(found) == (["GR0801"] if refused else [])
        if refused:
            done = machine.run(found["GR0801"]["command"])
            assert done.returncode == 0, done.stderr


def test_stubs_of_cuda_in_a_container(machine):
    machine.shell(machine.fill_in("docker run --detach --network none --name linked --runtime=nvidia --env "
                                  "NVIDIA_VISIBLE_DEVICES=0 --env LD_LIBRARY_PATH=/usr/local/cuda/lib64/stubs "
                                  "IMAGE sleep 1000"))
    try:
        areas = json.loads(machine.run("grapnel doctor --json").stdout)["areas"]
        found = {one["code"]: one for area in areas if area["name"] == "containers" for one in area["findings"]}
        assert list(found) == ["GR1307"]
        machine.run(found["GR1307"]["command"].replace("docker run", "docker run --detach --name linked")
                    + " sleep 1000")
        assert "GR1307" not in machine.run("grapnel doctor --json").stdout
    finally:
        machine.shell("docker rm --force linked")


def test_hook_file_of_the_same_name(machine):
    """podman reads the one in the later directory alone."""
    directory, conf = "/etc/containers/oci/hooks.d", "/etc/containers/containers.conf.d/both.conf"
    vendor = "/usr/share/containers/oci/hooks.d"
    hook = json.dumps({"version": "1.0.0", "hook": {"path": "/bin/true"}, "when": {"always": True},
                       "stages": ["prestart"]})
    make = (f"mkdir -p {directory} /etc/containers/containers.conf.d; "
            f"printf '[engine]\\nhooks_dir = [\"{vendor}\", \"{directory}\"]\\n' > {conf}; "
            f"echo '{hook}' > {directory}/99-grapnel.json")
    ask = "podman run --rm --env NVIDIA_VISIBLE_DEVICES=0 IMAGE nvidia-smi -L"
    with broken(machine, make, f"rm -r {directory} {conf}") as found:
        assert list(found) == ["GR0911"]
        assert machine.run(ask).returncode != 0
        machine.shell(found["GR0911"]["command"])
        assert findings(machine) == {}
        done = machine.run(ask)
        assert done.returncode == 0, done.stdout + done.stderr


def test_cdi_file_of_a_newer_version(machine):
    """podman of Debian 12 reads version 0.5.0 and older."""
    file = "/etc/cdi/nvidia.yaml"
    spec = "cdiVersion: {}\\nkind: nvidia.com/gpu\\ndevices:\\n- name: all\\n  containerEdits:\\n    env: [A=B]\\n"
    ask = "podman run --rm --device nvidia.com/gpu=all IMAGE nvidia-smi -L"

    def found():
        areas = json.loads(machine.run("grapnel doctor --json").stdout)["areas"]
        return {one["code"]: one for area in areas if area["name"] == "CDI" for one in area["findings"]}

    try:
        machine.shell(f"mkdir -p /etc/cdi; printf '{spec.format('0.5.0')}' > {file}")
        assert found() == {}
        machine.shell(f"printf '{spec.format('1.0.0')}' > {file}")
        refused = machine.run(ask)
        if "unresolvable CDI devices" not in refused.stderr:
            assert found() == {}
            pytest.skip("this podman reads CDI files of version 1.0.0")
        assert list(found()) == ["GR1106"]
        machine.shell(found()["GR1106"]["command"])
        assert found() == {}
        done = machine.run(ask)
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        machine.shell("rm -r /etc/cdi")


def test_import_that_replaces_a_runtime(machine):
    """containerd before 2.0 reads the last file's section alone."""
    directory, config = "/etc/containerd/conf.d", "/etc/containerd/config.toml"
    cri = 'plugins."io.containerd.grpc.v1.cri".containerd.runtimes'
    runtime = (f'version = 2\\nimports = ["{directory}/*.toml"]\\n[{cri}.nvidia]\\n'
               f'runtime_type = "io.containerd.runc.v2"\\n[{cri}.nvidia.options]\\n'
               'BinaryName = "/usr/local/bin/grapnel-runtime"\\n')
    site = f'version = 2\\n[{cri}.runc]\\nruntime_type = "io.containerd.runc.v2"\\n'

    def found():
        areas = json.loads(machine.run("grapnel doctor --json").stdout)["areas"]
        return {one["code"]: one for area in areas if area["name"] == "kubernetes" for one in area["findings"]}

    def has_runtime():
        return "grapnel-runtime" in machine.run("containerd config dump").stdout

    try:
        machine.shell(f"mkdir -p {directory}; printf '{runtime}' > {config}; systemctl restart containerd")
        assert (has_runtime(), found()) == (True, {})
        machine.shell(f"printf '{site}' > {directory}/50-site.toml; systemctl restart containerd")
        if has_runtime():
            assert found() == {}
            pytest.skip("this containerd merges the settings of a plugin")
        assert list(found()) == ["GR1022"]
        machine.shell(found()["GR1022"]["command"])
        assert (has_runtime(), found()) == (True, {})
    finally:
        machine.shell(f"rm -rf {directory}; printf 'version = 2\\n' > {config}; systemctl restart containerd")


def test_newuidmap_without_its_rights(machine):
    """The user's podman has containers."""
    make = "mkdir -p /home/ada/.local/share/containers/storage; touch /home/ada/.local/share/containers/storage/db.sql; " \
           "mkdir -p /home/ada/.config/containers; printf '[engine]\\nhooks_dir = [\"/usr/share/containers/oci/hooks.d\"]\\n' " \
           "> /home/ada/.config/containers/containers.conf"
    copy = "cp /usr/bin/newuidmap /run/newuidmap; chmod 755 /run/newuidmap; mount --bind /run/newuidmap /usr/bin/newuidmap"
    machine.shell(f"mount -t tmpfs tmpfs /home; {make}")
    try:
        with broken(machine, copy, "umount /usr/bin/newuidmap") as found:
            assert list(found) == ["GR0912"]
            machine.shell(found["GR0912"]["command"])
            assert findings(machine) == {}
            machine.shell("chmod u-s /usr/bin/newuidmap; setcap cap_setuid+ep /usr/bin/newuidmap")
            assert findings(machine) == {}
    finally:
        machine.shell("umount /home")


def test_hooks_that_rootless_podman_does_not_read(machine):
    """The user's podman has containers, and another hooks_dir."""
    storage, conf = "/home/ada/.local/share/containers/storage", "/home/ada/.config/containers"
    made = f"mkdir -p {storage} {conf}; touch {storage}/db.sql"
    other = f"printf '[engine]\\nhooks_dir = [\"/home/ada/hooks\"]\\n' > {conf}/containers.conf"
    machine.shell(f"mount -t tmpfs tmpfs /home; {made}")
    try:
        with broken(machine, other, f"rm {conf}/containers.conf") as found:
            assert list(found) == ["GR0906"]
            machine.shell(found["GR0906"]["command"])
            assert findings(machine) == {}
            machine.shell(f"rm -r {conf}/containers.conf.d")
    finally:
        machine.shell("umount /home")


def test_rootless_podman_reads_the_usual_hooks(machine):
    """Without hooks_dir."""
    done = machine.run_as_user("podman run --rm --env NVIDIA_VISIBLE_DEVICES=0 IMAGE nvidia-smi -L")
    assert "GPU 0" in done.stdout, done.stdout + done.stderr
