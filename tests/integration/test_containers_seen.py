# SPDX-License-Identifier: Apache-2.0
"""grapnel ps and grapnel explain with containers of real engines."""

import json
import os
import shutil
import signal
import subprocess
import time

import container
import container_cli
import make_driver
import pytest
from engines import lxc as lxc_engine

ASKS = "--env NVIDIA_VISIBLE_DEVICES=1"
SLEEP = "sleep 1000"
RUN = {
    "docker": f"docker run --detach --network none --name seen --runtime=nvidia {ASKS} IMAGE {SLEEP}",
    "podman": f"podman run --detach --network none --name seen {ASKS} IMAGE {SLEEP}",
    "containerd": f"ctr run --detach --cpu-shares 0 --gpus 1 IMAGE seen {SLEEP}",
    "cri": f"ctr --namespace k8s.io run --detach --cpu-shares 0 {ASKS} "
           f"--runc-binary /usr/local/bin/nvidia-container-runtime IMAGE seen {SLEEP}",
}
REMOVE = {
    "docker": "docker rm --force seen",
    "podman": "podman rm --force --time 0 seen",
    "containerd": "ctr task kill --signal KILL seen; sleep 0.5; ctr container rm seen",
    "cri": "ctr --namespace k8s.io task kill --signal KILL seen; sleep 0.5; "
           "ctr --namespace k8s.io container rm seen",
}


def done(machine, command):
    result = machine.run(command)
    assert result.returncode == 0, (command, result.stdout, result.stderr)
    return result.stdout


@pytest.fixture(scope="module")
def machine(page_machine):
    page_machine.configure_engines()
    done(page_machine, "grapnel configure docker && systemctl restart docker && "
                       "grapnel configure podman --hook-path /usr/local/bin/grapnel-hook")
    return page_machine


@pytest.fixture(params=RUN)
def engine(request, machine):
    """An engine that runs a container called seen, with GPU 1."""
    done(machine, RUN[request.param])
    yield request.param
    machine.run(REMOVE[request.param])


def listed(machine, *words):
    return json.loads(done(machine, " ".join(("grapnel ps --json", *words))))


def test_ps_lists_a_container_of_each_engine(machine, engine):
    (found,) = listed(machine)["containers"]
    assert found["engine"] == engine, found
    assert [gpu["index"] for gpu in found["gpus"]] == [1]
    assert found["gpus"][0]["uuid"] == make_driver.uuid(1)
    assert (found["driver"], found["driver_is_current"]) == (make_driver.VERSION, True)
    command = done(machine, f"cat /proc/{found['pid']}/cmdline")
    assert command.split("\0")[:2] == SLEEP.split()
    assert found["pids"] == [found["pid"]]
    assert listed(machine, "--gpu 0")["containers"] == []
    assert len(listed(machine, "--gpu", make_driver.uuid(1))["containers"]) == 1
    assert len(listed(machine, "--gpu", make_driver.uuid(1)[:12])["containers"]) == 1


def test_ps_lists_nodes_that_docker_made(machine):
    """By mknod, as for --privileged, which needs more capabilities than a test machine has."""
    node = f"/dev/nvidia{make_driver.minor(1, 2)}"
    done(machine, f"docker run --detach --network none --name seen --device {node} IMAGE {SLEEP}")
    try:
        (found,) = listed(machine)["containers"]
        assert (found["engine"], found["driver"]) == ("docker", None)
        assert [gpu["index"] for gpu in found["gpus"]] == [1]
    finally:
        machine.run(REMOVE["docker"])


def test_ps_forgets_containers_that_ended(machine, engine):
    done(machine, REMOVE[engine])
    assert listed(machine)["containers"] == []


def test_explain_finds_the_container_of_a_process(machine, engine):
    (found,) = listed(machine)["containers"]
    report = json.loads(done(machine, f"grapnel explain --pid {found['pid']} --json"))
    assert report["engine"] == engine, report
    assert report["container"].startswith(found["id"])
    assert report["outcome"] == "given"
    assert [gpu["index"] for gpu in report["plan"]["gpus"]] == [1]


@pytest.mark.parametrize("client", ["docker", "podman"])
def test_explain_by_the_engines_name(machine, client):
    done(machine, RUN[client])
    try:
        report = json.loads(done(machine, f"grapnel explain --{client} seen --json"))
        reasons = {decision["about"]: decision["reason"] for decision in report["decisions"]}
        assert report["outcome"] == "given"
        assert reasons["devices"] == "variable NVIDIA_VISIBLE_DEVICES"
        assert "prestart" in reasons["hook"] or "createRuntime" in reasons["hook"]
        assert f"/dev/nvidia{make_driver.minor(1, 2)}" in report["devices"]
        assert any("1 of 2 GPUs" in line for line in report["left_out"])
    finally:
        machine.run(REMOVE[client])


@pytest.mark.parametrize("client", ["docker", "podman"])
def test_explain_names_driver_libraries_of_the_image(machine, client):
    """An image that was built with a driver in it."""
    done(machine, RUN[client])
    try:
        before = json.loads(done(machine, f"grapnel explain --{client} seen --json"))
        assert not any("of the image" in line for line in before["warnings"]), before["warnings"]
        mounts = [mount["inside"] for mount in before["plan"]["mounts"] if mount["kind"] == "library"]
        baked = mounts[0].rpartition("/")[0] + "/libcuda.so.535.54.03"
        done(machine, f"{client} exec seen busybox cp /bin/busybox {baked}")
        after = json.loads(done(machine, f"grapnel explain --{client} seen --json"))
        assert f"{baked} is a driver library of the image" in " ".join(after["warnings"])
    finally:
        machine.run(REMOVE[client])


def test_explain_by_the_id_of_cri(machine):
    done(machine, RUN["cri"])
    try:
        report = json.loads(done(machine, "grapnel explain --cri see --json"))
        assert (report["container"], report["engine"]) == ("seen", "cri")
        assert report["outcome"] == "given"
        unknown = machine.run("grapnel explain --cri absent")
        assert unknown.returncode == 1
        assert "no container of CRI 'absent' runs here: 'crictl ps' has the IDs" in unknown.stderr
    finally:
        machine.run(REMOVE["cri"])


def test_explain_names_the_forgotten_runtime(machine):
    done(machine, f"docker run --detach --network none --name seen {ASKS} IMAGE {SLEEP}")
    try:
        report = json.loads(done(machine, "grapnel explain --docker seen --json"))
        assert report["outcome"] == "not_called"
        assert "docker run --runtime=nvidia" in report["summary"]
    finally:
        machine.run(REMOVE["docker"])


def test_explain_names_the_forgotten_variable(machine):
    done(machine, f"docker run --detach --network none --name seen --runtime=nvidia IMAGE {SLEEP}")
    try:
        report = json.loads(done(machine, "grapnel explain --docker seen --json"))
        assert report["outcome"] in ("nothing", "not_called"), report
        assert "NVIDIA_VISIBLE_DEVICES is not set" in json.dumps(report["decisions"])
    finally:
        machine.run(REMOVE["docker"])


def test_explain_tells_why_a_start_was_refused(machine):
    refused = machine.run("docker run --network none --name seen --runtime=nvidia "
                          f"--env NVIDIA_VISIBLE_DEVICES=7 IMAGE {SLEEP}")
    assert refused.returncode != 0
    try:
        report = json.loads(done(machine, "grapnel explain --docker seen --json"))
        assert report["outcome"] == "denied", report
        assert "unknown device '7'" in report["summary"]
        assert any("unknown device" in line for line in report["log"] + report["warnings"])
    finally:
        machine.run(REMOVE["docker"])


def named(grapnel, name):
    """Containers of other programs of this machine are listed too."""
    return [found for found in listed_here(grapnel) if found["id"] == name]


def listed_here(grapnel):
    return json.loads(grapnel("ps", "--json").stdout)["containers"]


@pytest.fixture
def sleeping_bundle(bundle):
    """A bundle whose container runs until it is killed."""
    (bundle.root / "bin/sleep").symlink_to("busybox")
    bundle.env("NVIDIA_VISIBLE_DEVICES=0")
    bundle.config["root"]["path"] = str(bundle.root)
    bundle.write_config(["/bin/sleep", "1000"])
    return bundle


def test_ps_and_explain_see_bare_runc(sleeping_bundle, grapnel, hook):
    bundle = sleeping_bundle
    bundle.config["linux"]["cgroupsPath"] = f"{container.CGROUP}/{bundle.name}"
    bundle.write_config(["/bin/sleep", "1000"])
    subprocess.run(["runc", "run", "--detach", "--bundle", bundle.directory, bundle.name],
                   check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=60)
    try:
        (found,) = named(grapnel, bundle.name)
        assert found["engine"] == "oci"
        assert [gpu["index"] for gpu in found["gpus"]] == [0]
        report = json.loads(grapnel("explain", bundle.directory, "--json").stdout)
        assert report["outcome"] == "given"
        report = json.loads(grapnel("explain", "--pid", found["pid"], "--json").stdout)
        assert (report["engine"], report["container"]) == ("oci", bundle.name)
        assert (report["bundle"], report["outcome"]) == (str(bundle.directory), "given")
        metrics = grapnel("ps", "--prometheus").stdout
        assert (f'grapnel_container_gpu{{container="{bundle.name}",engine="oci",gpu="0",'
                f'uuid="{make_driver.uuid(0)}"}} 1') in metrics
    finally:
        subprocess.run(["runc", "delete", "--force", bundle.name], check=True, timeout=60)
    assert named(grapnel, bundle.name) == []


@pytest.fixture
def asking_bundle(bundle, tmp_path):
    """A bundle that a user can read."""
    bundle.env("NVIDIA_VISIBLE_DEVICES=0").write_config(["/bin/true"])
    container_cli.make_reachable(bundle.directory)
    return bundle


def test_explain_reads_no_image_unconfined(asking_bundle, grapnel):
    done = subprocess.run(
        ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=seccomp:error=EPERM", grapnel.program,
         "explain", asking_bundle.directory, "--json"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "load a seccomp filter" in done.stderr


def test_explain_serves_a_user(asking_bundle, grapnel, tmp_path):
    program = shutil.copy(grapnel.program, tmp_path / "grapnel")
    container_cli.make_reachable(program)
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program, "explain",
         asking_bundle.directory, "--json"], cwd="/", capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["outcome"] == "given"


def test_ps_sees_a_container_of_lxc(bundle, tmp_path, programs, grapnel):
    (bundle.root / "bin/sleep").symlink_to("busybox")
    lxc = lxc_engine.Lxc(bundle, programs, tmp_path)
    command = lxc.command("/bin/sleep", "1000")
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          env=lxc.environment) as process:
        try:
            # LXC adds a number where a cgroup of that name is left
            found = wait_for(lambda: [one for one in listed_here(grapnel)
                                      if one["id"].startswith(bundle.name)])
            assert found, grapnel("ps", "--json").stdout
            assert found[0]["engine"] == "lxc"
            assert [gpu["index"] for gpu in found[0]["gpus"]] == [0]
            assert found[0]["driver"] == make_driver.VERSION
            report = json.loads(grapnel("explain", "--pid", found[0]["pid"], "--json").stdout)
            assert (report["engine"], report["container"]) == ("lxc", found[0]["id"])
            assert report["outcome"] == "given"
            assert [gpu["index"] for gpu in report["plan"]["gpus"]] == [0]
        finally:
            for one in found or ():
                os.kill(one["pid"], signal.SIGKILL)  # LXC tidies up behind its end
            process.wait(timeout=60)
    lxc.end()


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.1)
    return None
