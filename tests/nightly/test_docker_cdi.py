# SPDX-License-Identifier: Apache-2.0
"""Devices that Docker gives by CDI, with the file of `grapnel cdi generate`. Docker 25 is the first that
reads CDI files."""

import json
import pathlib
import shutil

import booted_systemd
import cdi_files
import make_driver
import nvidia_cdi
import pytest
from cdi_files import toolkit_device  # noqa: F401
from conftest import built, need, need_cgroup, skip_or_fail
from engines import docker as engine
from engines import process, under_systemd

MINORS = [make_driver.minor(index, 2) for index in range(2)]
OPEN = [f"open:/dev/nvidia{minor}" for minor in MINORS]
MADE = [f"make:c:195:{minor}" for minor in MINORS]
CUDA = "load:libcuda.so.1"
MOUNTS = "text:/proc/self/mountinfo"
RECORDS = pathlib.Path("/run/grapnel/containers")
WHAT_STAYS = {"C /etc", "C /etc/ld.so.cache"}  # the cache as it was


def need_docker():
    need("dockerd")
    if engine.version() < (25, 0):
        skip_or_fail("Docker before 25 reads no CDI files")


@pytest.fixture(scope="module", params=["v1", "v2"])
def docker(request, tmp_path_factory, programs, image_archive):
    need_docker()
    need_cgroup(request.param)
    made = engine.Docker(tmp_path_factory.mktemp("docker") / request.param, request.param, programs,
                         image_archive, cdi=True)
    yield made
    made.end()


@pytest.fixture(scope="module", autouse=True)
def live_file(hook, programs):
    with cdi_files.live_file(built(hook, "grapnel", "grapnel"), programs / "grapnel-hook") as path:
        yield path


def device(name):
    return f"--device=nvidia.com/gpu={name}"


def check(result, *gpus):
    """These GPUs, no other, and the driver once."""
    assert result.code == 0, result.err
    given = [index in gpus for index in range(2)]
    assert [result[query] for query in OPEN] == ["ENXIO" if one else "ENOENT" for one in given]
    assert [result[query] for query in MADE] == ["ENXIO" if one else "EPERM" for one in given]
    assert result[CUDA].endswith(f"/libcuda.so.{make_driver.VERSION} libcuda")
    points = [line.split()[4] for line in result[MOUNTS].splitlines()]
    ours = [point for point in points if "nvidia" in point or "libcuda" in point]
    assert ours and len(ours) == len(set(ours))


ASK = [*OPEN, *MADE, CUDA, MOUNTS]


@pytest.mark.parametrize("names, gpus", [
    (["0"], [0]), ([make_driver.uuid(1)], [1]), (["0", "1"], [0, 1]), (["all"], [0, 1])])
def test_docker_gives_cdi_devices(docker, names, gpus):
    check(docker.run(*map(device, names), ask=ASK), *gpus)


def test_device_missing_from_the_file_is_refused(docker):
    result = docker.run(device("7"))
    assert result.code == 125 and "nvidia.com/gpu=7" in result.err


@pytest.mark.parametrize("words", [
    ["--runtime=nvidia", "--env=NVIDIA_VISIBLE_DEVICES=1"], ["--gpus=device=0"]], ids=" ".join)
def test_cdi_beside_another_door_gives_one_driver(docker, words):
    check(docker.run(*words, device("0"), ask=ASK), 0)


@pytest.mark.parametrize("words, gpus", [("all", [0, 1]), ("1", [0]), ("device=1", [1])])
def test_gpus_are_cdi_devices(docker, words, gpus):
    """With nvidia-cdi-hook in dockerd's PATH."""
    if engine.version() < (29, 2):
        pytest.skip("Docker before 29.2 gives --gpus by the hook")
    result = docker.run(f"--gpus={words}", ask=[*ASK, "env:NVIDIA_VISIBLE_DEVICES"])
    check(result, *gpus)
    assert result["env:NVIDIA_VISIBLE_DEVICES"] == "void"


def test_image_has_no_say_in_cdi_devices(docker):
    check(docker.run(device("0"), "--env=NVIDIA_DRIVER_CAPABILITIES=utility",
                     "--env=NVIDIA_REQUIRE_CUDA=cuda>=99.0", ask=ASK), 0)


@pytest.mark.parametrize("options", [
    ["--read-only"], ["--user=1000"], ["--cap-drop=ALL", "--user=1000"], ["--pid=host"],
    ["--cgroupns=host"], ["--security-opt=no-new-privileges"]], ids=" ".join)
def test_options_of_containers(docker, options):
    result = docker.run(device("0"), *options, ask=[*OPEN, CUDA])
    assert result.code == 0, result.err
    assert [result[query] for query in OPEN] == ["ENXIO", "ENOENT"]
    assert result[CUDA].endswith(" libcuda")


def test_nothing_stays_of_cdi_devices(docker):
    before = set(RECORDS.glob("*"))
    name = docker("create", "--network=none", device("0"), engine.IMAGE, "/bin/look", *ASK).out.strip()
    for _ in range(2):
        check(docker("start", "--attach", name), 0)
    left = set(docker("diff", name).out.splitlines()) - WHAT_STAYS
    plain = docker("create", "--network=none", engine.IMAGE, "/bin/look").out.strip()
    docker("start", "--attach", plain)
    assert left <= set(docker("diff", plain).out.splitlines())
    docker("rm", name, plain)
    assert set(RECORDS.glob("*")) == before


def start(docker, *words):
    started = docker("run", "--detach", *words, "/bin/busybox", "sleep", "600")
    assert getattr(started, "code", 0) == 0, started.err
    return (started.out if hasattr(started, "out") else started.stdout).strip()


def test_gpu_stays_over_update_and_restart(docker):
    name = start(docker, "--network=none", device("0"), engine.IMAGE)
    for words in (["update", "--memory=64m", "--memory-swap=64m"], ["restart", "--time=1"],
                  ["update", "--pids-limit=100"], ["pause"], ["unpause"]):
        done = docker(*words, name)
        assert done.code == 0, done.err
        if words != ["pause"]:
            check(docker("exec", name, "/bin/look", *ASK), 0)
    docker("rm", "--force", name)


def test_file_of_nvidia_serves_docker(docker, programs, live_file):
    made = nvidia_cdi.spec(programs / "nvidia-cdi-hook")
    made["kind"] = "static.nvidia.com/gpu"
    path = cdi_files.DIRECTORY / "nvidia.json"
    path.write_text(json.dumps(made))
    try:
        check(docker.run("--device=static.nvidia.com/gpu=0", ask=ASK), 0)
    finally:
        path.unlink()


@pytest.mark.parametrize("toolkit", nvidia_cdi.EARLIER_TOOLKITS)
def test_file_of_earlier_toolkit_serves_docker(toolkit_device, docker, toolkit):  # noqa: F811
    listed = f"list:{nvidia_cdi.HOST_LIBRARIES}"
    result = docker.run(f"--device={toolkit_device(toolkit)}", ask=[*ASK, listed])
    check(result, 0)
    assert set(result[listed].split()) == nvidia_cdi.listing()


@pytest.fixture(scope="module", params=["v1", "v2"])
def rootless(request, tmp_path_factory, programs, image_archive, live_file):
    need_docker()
    need("rootlesskit", "newuidmap")
    need_cgroup(request.param)
    files = tmp_path_factory.mktemp("cdi")
    process.make_reachable(files)
    shutil.copy(live_file, files)
    made = engine.RootlessDocker(tmp_path_factory.mktemp("rootless") / request.param, request.param,
                                 programs, image_archive, cdi=files)
    yield made
    made.end()


@pytest.mark.parametrize("names, gpus", [(["1"], [1]), (["0", "1"], [0, 1]), (["all"], [0, 1])])
def test_users_docker_gives_cdi_devices(rootless, names, gpus):
    result = rootless.run(*map(device, names), ask=[*OPEN, CUDA])
    assert result.code == 0, result.err
    assert [result[query] for query in OPEN] == ["ENXIO" if index in gpus else "ENOENT" for index in range(2)]
    assert result[CUDA].endswith(f"/libcuda.so.{make_driver.VERSION} libcuda")


@pytest.mark.parametrize("words", [
    ["--runtime=nvidia", "--env=NVIDIA_VISIBLE_DEVICES=1"], ["--gpus=device=0"]], ids=" ".join)
def test_cdi_beside_another_door_of_users_docker(rootless, words):
    result = rootless.run(*words, device("0"), ask=[*OPEN, CUDA, MOUNTS])
    assert [result[query] for query in OPEN] == ["ENXIO", "ENOENT"], result.err
    points = [line.split()[4] for line in result[MOUNTS].splitlines() if "libcuda" in line]
    assert points and len(points) == len(set(points))


@pytest.fixture(scope="module", params=["v1", "v2"])
def systemd(request, tmp_path_factory, programs, hook, image_archive):
    need_docker()
    need("systemctl", "dbus-daemon")
    need_cgroup(request.param)
    if request.param == "v1" and booted_systemd.version() >= 258:
        pytest.skip("this systemd knows cgroup v2 alone")
    made = booted_systemd.BootedSystemd(request.param, tmp_path_factory.mktemp("boot"))
    made.run(built(hook, "grapnel", "grapnel"), "cdi", "generate",
             f"--hook-path={programs}/grapnel-hook", "--output=/run/cdi/grapnel.json")
    yield made
    made.end()


def test_gpu_stays_over_daemon_reload(systemd, tmp_path, programs, image_archive):
    docker = under_systemd.Docker(systemd, tmp_path / "docker", programs / "grapnel-hook", image_archive,
                                  cdi=True)
    try:
        name = start(docker, device("0"), under_systemd.IMAGE)
        check(docker.ask(name, "/bin/look", *ASK), 0)
        unit = f"docker-{name}.scope"
        for do in (lambda: systemd.systemctl("daemon-reload"),
                   lambda: systemd.systemctl("set-property", "--runtime", unit, "TasksMax=900"),
                   lambda: docker("update", "--memory=64m", "--memory-swap=64m", name), systemd.reexec,
                   lambda: systemd.systemctl("daemon-reload")):
            do()
            check(docker.ask(name, "/bin/look", *ASK), 0)
        docker("rm", "--force", name)
    finally:
        docker.end()
