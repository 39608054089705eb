# SPDX-License-Identifier: Apache-2.0
"""podman with the file that is installed for it, as root and as a user without rights."""

import json
import pathlib

import container
import make_driver
import pytest
from conftest import need, need_cgroup
from engines import podman as engine
from engines import process

LIBRARIES = "/usr/lib/x86_64-linux-gnu"
NODES = ("open:/dev/nvidia0", "open:/dev/nvidia1")
GPU_0, GPU_1 = (f"open:/dev/nvidia{make_driver.minor(index, 2)}" for index in range(2))
CUDA = "load:libcuda.so.1"
# The updated cache; newer versions also tell of directories in which something was removed.
WHAT_STAYS = {"C /etc", "C /etc/ld.so.cache", "C /usr", "C /usr/bin", "C /usr/lib",
              f"C {LIBRARIES}"}
REACHED, DENIED, MISSING = "ENXIO", "EPERM", "ENOENT"
ENGINES = ["runc-v1", "runc-v2", "crun-v1", "crun-v2"]
SHIPPED = pathlib.Path(__file__).parents[2] / "config/hooks.d/grapnel.json.in"


def shipped_file(hook):
    """The file as the build installs it."""
    text = SHIPPED.read_text()
    assert text.count("@hook@") == 1 and text.count("@") == 2
    return text.replace("@hook@", str(hook))


@pytest.fixture(scope="module")
def hooks(tmp_path_factory, reachable_hook):
    directory = tmp_path_factory.mktemp("hooks.d")
    process.make_reachable(directory)
    (directory / "grapnel.json").write_text(shipped_file(reachable_hook))
    return directory


def make_podman(request, hooks, image_archive, tools, rootless):
    runtime, cgroup = request.param.split("-")
    need("podman", runtime, "newuidmap")
    need_cgroup(cgroup)
    made = engine.Podman(cgroup, runtime, hooks, image_archive, tools, rootless)
    made.runtime = runtime
    return made


@pytest.fixture(scope="module", params=ENGINES)
def podman(request, hooks, image_archive, tools):
    made = make_podman(request, hooks, image_archive, tools, rootless=False)
    yield made
    made.end()


@pytest.fixture(scope="module", params=ENGINES)
def rootless(request, hooks, image_archive, tools):
    made = make_podman(request, hooks, image_archive, tools, rootless=True)
    yield made
    made.end()


def asks(devices):
    return ("--env", f"NVIDIA_VISIBLE_DEVICES={devices}")


def gpus_of(result):
    """The GPUs whose nodes are there and can be opened."""
    assert result.code == 0, result.err
    assert {result[node] for node in NODES} <= {REACHED, MISSING}
    return {index for index, node in enumerate((GPU_0, GPU_1)) if result[node] == REACHED}


def logged():
    log = pathlib.Path("/var/log/grapnel.log")
    return log.read_text() if log.exists() else ""


def changes(podman, name):
    """What is in the container's layer, once podman has tidied up after it."""
    podman("container", "cleanup", name)
    return {line for line in podman("diff", name).out.splitlines() if line}


def test_rshared_volume_keeps_host_mounts(podman, tmp_path):
    for name in ("before", "during"):
        (tmp_path / name).touch()
    watch = (f"cd {tmp_path} && {process.share(tmp_path)} && cat /proc/self/mountinfo >before && "
             "{ until [ -e runs ]; do sleep 0.01; done; cat /proc/self/mountinfo >during; "
             "touch end; } & :")
    inside = 'touch /volume/runs; until [ -e /volume/end ]; do sleep 0.01; done; exec look "$@"'
    setup = podman.setup
    podman.setup = watch
    try:
        result = podman("run", "--rm", *asks(0), f"--volume={tmp_path}:/volume:rshared",
                        engine.IMAGE, "/bin/busybox", "sh", "-c", inside, "sh", *NODES, CUDA)
    finally:
        podman.setup = setup
    assert gpus_of(result) == {0}
    assert result[CUDA].endswith(" libcuda")
    before, during = ((tmp_path / name).read_text().splitlines() for name in ("before", "during"))
    assert not [line for line in set(during) - set(before) if "nvidia" in line]


def test_the_file_that_is_installed(hook):
    description = json.loads(shipped_file(hook))
    assert description["version"] == "1.0.0"
    assert description["stages"] == ["prestart", "poststop"]


@pytest.mark.parametrize("devices, expected", [
    ("all", {0, 1}), ("0", {0}), (make_driver.uuid(1), {1}), ("none", set())])
def test_a_container_gets_what_it_asks_for(podman, devices, expected):
    result = podman.run(*asks(devices), ask=[*NODES, CUDA])
    assert gpus_of(result) == expected
    assert result[CUDA] == f"{LIBRARIES}/libcuda.so.{make_driver.VERSION} libcuda"


def test_an_unrequested_gpu_is_denied(podman):
    made = [f"make:c:195:{make_driver.minor(index, 2)}" for index in range(2)]
    result = podman.run(*asks(0), "--cap-add", "MKNOD", ask=made)
    assert [result[query] for query in made] == [REACHED, DENIED]


def test_a_container_that_asks_for_nothing(podman):
    result = podman.run(ask=[*NODES, CUDA])
    assert gpus_of(result) == set()
    assert "cannot open shared object file" in result[CUDA]


@pytest.mark.parametrize("options", [
    ["--read-only"], ["--user", "1000"], ["--cap-drop", "all", "--user", "1000"],
    ["--uidmap", "0:200000:65536"], ["--cgroupns", "private"], ["--security-opt",
                                                               "no-new-privileges"],
    ["--rootfs"]], ids=" ".join)
def test_options_of_containers(podman, options, tools, tmp_path):
    if options == ["--rootfs"]:
        process.make_reachable(tmp_path)
        root = container.make_rootfs(tmp_path / "root", tools)
        before = container.listing(root)
        result = podman("run", "--rm", *asks(0), "--rootfs", root, "/bin/look", GPU_0, CUDA)
        after = container.listing(root)
        assert not [place for place in after if "nvidia" in place or "cuda" in place]
        assert before.items() <= after.items()  # podman leaves some mount points of its own
    else:
        setup = podman.setup
        podman.setup = process.whole_proc_setup(podman.directory)
        result = podman.run(*asks(0), *options, ask=[GPU_0, CUDA])
        podman.setup = setup
    assert result.code == 0, result.err + logged()
    assert result[GPU_0] == REACHED
    assert result[CUDA].endswith(" libcuda")


def test_a_restarted_container_and_its_remains(podman):
    created = podman("create", *asks(0), engine.IMAGE, "/bin/look", *NODES, CUDA, "list:/dev")
    assert created.code == 0, created.err
    name = created.out.strip()
    answers = []
    for _ in range(3):
        result = podman.start(name)
        assert gpus_of(result) == {0} and result[CUDA].endswith(" libcuda")
        answers.append(result.answers)
    assert answers[0] == answers[1] == answers[2]
    assert changes(podman, name) <= WHAT_STAYS
    podman("rm", name)
    assert list(pathlib.Path("/run/grapnel/containers").iterdir()) == []


def test_exec(podman):
    started = podman("run", "--detach", "--rm", *asks(1), engine.IMAGE, "/bin/busybox", "sleep",
                     "600")
    assert started.code == 0, started.err
    name = started.out.strip()
    result = podman("exec", "--user", "1000", name, "/bin/look", *NODES, CUDA)
    assert gpus_of(result) == {1} and result[CUDA].endswith(" libcuda")
    podman("rm", "--force", "--time=0", name)


def test_the_line_of_an_error_can_be_read(podman):
    result = podman.run(*asks(7), ask=NODES)
    assert result.code != 0
    assert "unknown device '7'" in (result.err if podman.runtime == "runc" else logged())


@pytest.mark.parametrize("devices, expected", [("all", {0, 1}), (make_driver.uuid(1), {1})])
def test_a_rootless_user_gets_the_request(rootless, devices, expected):
    result = rootless.run(*asks(devices), ask=[*NODES, CUDA, "stat:/etc/ld.so.cache",
                                               "text:/proc/self/uid_map"])
    assert gpus_of(result) == expected
    assert result[CUDA] == f"{LIBRARIES}/libcuda.so.{make_driver.VERSION} libcuda"
    assert result["stat:/etc/ld.so.cache"].endswith(" 0:0")
    assert result["text:/proc/self/uid_map"].split()[:3] == ["0", str(process.USER_ID), "1"]


@pytest.mark.parametrize("options", [
    ["--read-only"], ["--user", "1000"], ["--userns=keep-id"], ["--userns=nomap"],
    ["--userns=auto"], ["--cap-drop", "all", "--user", "1000"]], ids=" ".join)
def test_options_of_a_user_without_rights(rootless, options):
    result = rootless.run(*asks(0), *options, ask=[GPU_0, CUDA])
    assert result.code == 0, result.err
    assert result[GPU_0] == REACHED
    assert result[CUDA].endswith(" libcuda")


def test_a_rootless_containers_remains(rootless, users_run_directory):
    created = rootless("create", *asks(0), engine.IMAGE, "/bin/look", *NODES, CUDA)
    name = created.out.strip()
    for _ in range(2):
        result = rootless.start(name)
        assert gpus_of(result) == {0} and result[CUDA].endswith(" libcuda")
    assert changes(rootless, name) <= WHAT_STAYS
    rootless("rm", name)
    assert list((users_run_directory / "grapnel/containers").iterdir()) == []


def test_a_rootless_user_reads_the_errors_line(rootless, users_run_directory):
    result = rootless.run(*asks(7), ask=NODES)
    assert result.code != 0
    log = users_run_directory / "grapnel/grapnel.log"
    assert "unknown device '7'" in (result.err if rootless.runtime == "runc" else log.read_text())
