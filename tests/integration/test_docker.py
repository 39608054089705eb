# SPDX-License-Identifier: Apache-2.0
"""Docker's --gpus. The daemon finds the hook by its compatible name in its PATH, and adds it to
containers as a prestart hook with its own whole environment, and without a poststop hook."""

import json
import pathlib

import container
import make_driver
import pytest
from conftest import need, need_cgroup
from engines import docker as engine
from engines import process

LIBRARIES = "/usr/lib/x86_64-linux-gnu"
NODES = ("open:/dev/nvidia0", "open:/dev/nvidia1")
GPU_0, GPU_1 = (f"open:/dev/nvidia{make_driver.minor(index, 2)}" for index in range(2))
CUDA = "load:libcuda.so.1"
MANAGEMENT = "load:libnvidia-ml.so.1"
REACHED, DENIED, MISSING = "ENXIO", "EPERM", "ENOENT"


@pytest.fixture(scope="module", params=["v1", "v2"])
def docker(request, tmp_path_factory, programs, image_archive):
    need("dockerd")
    need_cgroup(request.param)
    directory = tmp_path_factory.mktemp("docker") / request.param
    made = engine.Docker(directory, request.param, programs, image_archive)
    yield made
    made.end()


@pytest.fixture
def image(docker, image_archive):
    """A function that makes an image with these settings."""
    made = []

    def make(*changes):
        name = f"image-{len(made)}:1"
        docker.import_image(image_archive, name, *changes)
        made.append(name)
        return name
    yield make
    for name in made:
        docker("image", "rm", "--force", name)


@pytest.fixture
def settings(docker):
    yield docker.set_settings
    docker.set_settings("")


def gpus_of(result):
    """The GPUs whose nodes are there and can be opened."""
    assert result.code == 0, result.err
    assert {result[node] for node in NODES} <= {REACHED, MISSING}
    return {index for index, node in enumerate((GPU_0, GPU_1)) if result[node] == REACHED}


def test_gpus_all(docker):
    result = docker.run("--gpus", "all", ask=[*NODES, CUDA, MANAGEMENT, "open:/dev/nvidiactl",
                                              "open:/dev/nvidia-uvm"])
    assert gpus_of(result) == {0, 1}
    assert result[CUDA] == f"{LIBRARIES}/libcuda.so.{make_driver.VERSION} libcuda"
    assert result[MANAGEMENT].endswith(" libnvidia-ml")
    assert result["open:/dev/nvidiactl"] == result["open:/dev/nvidia-uvm"] == REACHED


@pytest.mark.parametrize("words, expected", [
    ("1", {0}), ("2", {0, 1}), ("device=1", {1}),
    (f'"device=0,{make_driver.uuid(1)}"', {0, 1}), (f"device={make_driver.uuid(1)}", {1}),
    ("all,driver=nvidia", {0, 1})])
def test_gpus_by_number_and_by_name(docker, words, expected):
    result = docker.run("--gpus", words, ask=[*NODES, CUDA])
    assert gpus_of(result) == expected
    assert result[CUDA].endswith(" libcuda")


def test_an_unrequested_gpu_is_denied(docker):
    made = [f"make:c:195:{make_driver.minor(index, 2)}" for index in range(2)]
    result = docker.run("--gpus", "1", ask=made)
    assert [result[query] for query in made] == [REACHED, DENIED]


def test_capabilities_of_the_request(docker):
    result = docker.run("--gpus", "all,capabilities=utility",
                        ask=[*NODES, CUDA, MANAGEMENT, "env:NVIDIA_DRIVER_CAPABILITIES"])
    assert gpus_of(result) == {0, 1}
    assert result["env:NVIDIA_DRIVER_CAPABILITIES"] == "utility"
    assert result[MANAGEMENT].endswith(" libnvidia-ml")
    assert "cannot open shared object file" in result[CUDA]


def test_an_images_capabilities_count_without_others(docker, image):
    name = image("ENV NVIDIA_DRIVER_CAPABILITIES=utility", "ENV NVIDIA_VISIBLE_DEVICES=0")
    result = docker.run("--gpus", "device=1", image=name, ask=[*NODES, CUDA, MANAGEMENT])
    assert gpus_of(result) == {1}  # what Docker appends comes after the image's
    assert result[MANAGEMENT].endswith(" libnvidia-ml")
    assert "cannot open shared object file" in result[CUDA]


def test_an_image_asks_and_the_user_does_not(docker, image):
    name = image("ENV NVIDIA_VISIBLE_DEVICES=all")
    result = docker.run(image=name, ask=[*NODES, CUDA])
    assert gpus_of(result) == set()
    assert "cannot open shared object file" in result[CUDA]


def test_what_the_settings_keep_from_containers_without_privileges(docker, settings):
    settings("accept-nvidia-visible-devices-envvar-when-unprivileged = false\n")
    assert gpus_of(docker.run("--gpus", "all", ask=NODES)) == set()
    assert gpus_of(docker.run("--gpus", "all", "--cap-add", "SYS_ADMIN", ask=NODES)) == {0, 1}


def test_the_line_of_an_error_reaches_the_user(docker):
    result = docker.run("--gpus", "device=7", ask=NODES)
    assert result.code == 125
    assert "grapnel-hook: unknown device '7': this host has " in result.err
    assert make_driver.uuid(0) in result.err
    assert "unknown device '7'" in docker.logged()


def test_the_settings_that_the_daemons_environment_names(docker, settings):
    settings('supported-driver-capabilities = "utility"\n')
    result = docker.run("--gpus", "all,capabilities=compute", ask=NODES)
    assert result.code == 125 and "supported-driver-capabilities" in result.err


def test_a_container_that_is_started_again(docker):
    created = docker("create", "--network=none", "--gpus", "device=0", engine.IMAGE, "/bin/look",
                     *NODES, CUDA, "list:/dev")
    assert created.code == 0, created.err
    name = created.out.strip()
    answers = []
    for _ in range(3):
        result = docker("start", "--attach", name)
        assert gpus_of(result) == {0}
        assert result[CUDA].endswith(" libcuda")
        answers.append(result.answers)
    assert answers[0] == answers[1] == answers[2]
    docker("rm", name)


def test_exec(docker):
    started = docker("run", "--detach", "--rm", "--network=none", "--gpus", "device=1",
                     engine.IMAGE, "/bin/busybox", "sleep", "600")
    assert started.code == 0, started.err
    name = started.out.strip()
    for options in ([], ["--user", "1000"], ["--workdir", "/tmp"]):
        result = docker("exec", *options, name, "/bin/look", *NODES, CUDA)
        assert gpus_of(result) == {1}, options
        assert result[CUDA].endswith(" libcuda")
    docker("rm", "--force", name)


@pytest.mark.parametrize("options", [
    ["--read-only"], ["--user", "1000"], ["--cap-drop", "ALL", "--user", "1000"],
    ["--read-only", "--user", "1000:1000", "--security-opt", "no-new-privileges"],
    ["--cgroupns", "private"], ["--cgroupns", "host"], ["--ipc", "host"], ["--pid", "host"],
    ["--cap-add", "SYS_ADMIN"], ["--tmpfs", "/tmp"], ["--shm-size", "8m"]], ids=" ".join)
def test_options_of_containers(docker, options):
    result = docker.run("--gpus", "device=0", *options, ask=[GPU_0, CUDA, MANAGEMENT])
    assert result.code == 0, result.err
    assert result[GPU_0] == REACHED
    assert result[CUDA].endswith(" libcuda") and result[MANAGEMENT].endswith(" libnvidia-ml")


def test_rshared_volume_keeps_host_mounts(docker, tmp_path):
    pid = docker.daemon.process.pid
    process.answer(["nsenter", f"--mount=/proc/{pid}/ns/mnt", "sh", "-c", process.share(tmp_path)])
    before = process.mounts_seen_by(pid)
    started = docker("run", "--detach", "--network=none", "--gpus", "device=0",
                     f"--volume={tmp_path}:/volume:rshared", engine.IMAGE, "/bin/busybox", "sleep", "600")
    assert started.code == 0, started.err
    name = started.out.strip()
    assert gpus_of(docker("exec", name, "/bin/look", *NODES)) == {0}
    seen = process.mounts_seen_by(pid)
    assert [line for line in seen.splitlines() if "nvidia" in line.lower()] == \
        [line for line in before.splitlines() if "nvidia" in line.lower()]
    docker("rm", "--force", name)
    assert process.mounts_seen_by(pid) == before


def test_what_stays_in_the_layer_is_empty(docker):
    """Docker tells the hook nothing of a container's end: mount points stay, with nothing in
    them, and links."""
    created = docker("create", "--network=none", "--gpus", "all", engine.IMAGE, "/bin/look")
    name = created.out.strip()
    assert docker("start", "--attach", name).code == 0
    inspected = json.loads(docker("inspect", name).out)[0]
    upper = pathlib.Path(inspected["GraphDriver"]["Data"]["UpperDir"])
    left = container.listing(upper)
    assert any(place.endswith(f"libcuda.so.{make_driver.VERSION}") for place in left)
    for place, (_, _, size, target, _) in left.items():
        assert target is not None or not size, place
    assert (upper / "etc/ld.so.cache").exists()
    docker("rm", name)


def test_a_container_without_request_leaves_nothing(docker):
    created = docker("create", "--network=none", engine.IMAGE, "/bin/look")
    name = created.out.strip()
    assert docker("start", "--attach", name).code == 0
    assert docker("diff", name).out == ""
    docker("rm", name)


def test_an_image_committed_from_a_gpu_container(docker):
    name = docker("create", "--network=none", "--gpus", "all", engine.IMAGE, "/bin/look").out.strip()
    docker("start", "--attach", name)
    assert docker("commit", name, "committed:1").code == 0
    docker("rm", name)
    plain = docker.run(image="committed:1", ask=["list:/dev", CUDA])
    assert "nvidia" not in plain["list:/dev"] and not plain[CUDA].endswith(" libcuda")
    result = docker.run("--gpus", "device=1", image="committed:1", ask=[*NODES, CUDA])
    assert gpus_of(result) == {1} and result[CUDA].endswith(" libcuda")
    docker("image", "rm", "committed:1")


def test_a_daemon_that_does_not_find_the_hook(tmp_path_factory, image_archive, tmp_path):
    """What its user reads then is Docker's own line; the cure is in the README."""
    made = engine.Docker(tmp_path / "docker", "v1", None, image_archive)
    try:
        result = made.run("--gpus", "all")
        assert result.code == 125
        assert 'could not select device driver "" with capabilities: [[gpu]]' in result.err
    finally:
        made.end()


@pytest.mark.parametrize("cgroup", ["v1", "v2"])
def test_containers_whose_root_is_another_user(tmp_path, programs, image_archive, cgroup):
    made = engine.Docker(tmp_path / "docker", cgroup, programs, image_archive, remap=True)
    try:
        result = made.run("--gpus", "device=0", ask=[
            *NODES, CUDA, "stat:/etc/ld.so.cache", f"stat:{LIBRARIES}/libcuda.so.1",
            "text:/proc/self/uid_map"])
        assert gpus_of(result) == {0}
        assert result[CUDA].endswith(" libcuda")
        assert result["text:/proc/self/uid_map"].split() == ["0", "700000", "65536"]
        assert result["stat:/etc/ld.so.cache"].endswith(" 0:0")
        assert result[f"stat:{LIBRARIES}/libcuda.so.1"].endswith(" 0:0")
    finally:
        made.end()
