# SPDX-License-Identifier: Apache-2.0
"""Kubernetes' way to a GPU: containerd's CRI plugin, asked as kubelet asks it, with the runtime
handler of doc/kubernetes.md."""

import json
import pathlib
import re
import shutil

import container
import cri
import cri_containerd
import kubernetes_page
import make_driver
import pytest
from conftest import need, need_cgroup, skip_or_fail
from engines import containerd
from engines import process

GPU_0, GPU_1 = (f"make:c:195:{make_driver.minor(index, 2)}" for index in range(2))
NODE_0, NODE_1 = (f"open:/dev/nvidia{make_driver.minor(index, 2)}" for index in range(2))
CUDA = "load:libcuda.so.1"
QUESTIONS = (CUDA, NODE_0, NODE_1, GPU_0, GPU_1)
DEVICES = "/var/run/nvidia-container-devices"
IMAGE = cri_containerd.IMAGE
IMAGE_OF_ALL = cri_containerd.IMAGE_OF_ALL


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return tmp_path_factory.mktemp("settings") / "config.toml"


@pytest.fixture(scope="module", params=["v1", "v2"])
def node(request, tmp_path_factory, programs, tools, settings):
    need("containerd", "ctr", "runc")
    need_cgroup(request.param)
    if (lacking := cri_containerd.lacks(request.param)):
        skip_or_fail(lacking)
    made = cri_containerd.Containerd(
        tmp_path_factory.mktemp("cri") / request.param, request.param,
        kubernetes_page.runtimes_of(programs / "nvidia-container-runtime"), tools,
        {"NVIDIA_CTK_CONFIG_FILE_PATH": str(settings)})
    yield made
    assert made.end() == [], "a container outlived its pod"


@pytest.fixture
def log(settings, tmp_path):
    return tmp_path / "grapnel.log"


@pytest.fixture
def set_settings(settings, log):
    """The settings of the node are read at each start of a container."""
    def write(text=""):
        settings.write_text(f'log = "{log}"\n{text}')
    write()
    return write


@pytest.fixture
def strict(set_settings):
    set_settings(kubernetes_page.blocks()[kubernetes_page.ONLY_THE_PLUGIN])


@pytest.fixture
def pod(node, set_settings, request):
    """A function that makes a pod; all are gone when the test ends, and with them the records."""
    def make(handler="nvidia", name="pod"):
        plain = re.sub(r"[^a-z0-9]+", "-", f"{request.node.name}-{name}".lower())
        return node.client.pod(plain[-60:].strip("-"), handler)
    yield make
    node.client.remove_all()
    assert list(pathlib.Path("/run/grapnel").glob("containers/*")) == []


def by_plugin(*devices):
    """What the device plugin's strategy volume-mounts adds to a container."""
    return {"env": {"NVIDIA_VISIBLE_DEVICES": DEVICES},
            "mounts": [(f"{DEVICES}/{device}", "/dev/null") for device in devices]}


def look(pod, **options):
    options.setdefault("image", IMAGE)
    return pod.ask(pod.run(**options), *QUESTIONS)


def check_gpus(seen, first, second):
    assert seen[CUDA].split(" ")[-1] == "libcuda" or not (first or second)
    assert (seen[NODE_0], seen[NODE_1]) == tuple("ENXIO" if one else "ENOENT" for one in (first, second))
    assert (seen[GPU_0], seen[GPU_1]) == tuple("ENXIO" if one else "EPERM" for one in (first, second))


def check_nothing(seen):
    check_gpus(seen, False, False)
    assert "libcuda" not in seen[CUDA].split(" ")


@pytest.mark.parametrize("device", ["0", make_driver.uuid(0)])
def test_a_pod_of_the_class_gets_its_gpu(pod, device):
    """The strategy envvar."""
    check_gpus(look(pod(), env={"NVIDIA_VISIBLE_DEVICES": device}), True, False)


def test_ps_and_explain_know_the_pods_container(pod, grapnel):
    identity = pod().run(image=IMAGE, env={"NVIDIA_VISIBLE_DEVICES": "1"})
    found = [one for one in json.loads(grapnel("ps", "--json").stdout)["containers"]
             if one["id"] == identity]
    assert [one["engine"] for one in found] == ["cri"]
    assert [gpu["uuid"] for gpu in found[0]["gpus"]] == [make_driver.uuid(1)]
    report = json.loads(grapnel("explain", "--cri", identity[:12], "--json").stdout)
    assert (report["container"], report["engine"], report["outcome"]) == (identity, "cri", "given"), report


def test_a_pod_without_the_runtime_class_gets_nothing(pod):
    check_nothing(look(pod(handler=""), env={"NVIDIA_VISIBLE_DEVICES": "0"}))


def notices(log):
    """The log's lines without what is different each time; the sandbox of a pod has none."""
    return [line.split(" ", 3)[3] for line in container.without_starts(log).splitlines()]


NOTICE = "notice: asks for no GPU: NVIDIA_VISIBLE_DEVICES is not set"


def test_a_pod_of_the_class_without_request(pod, log):
    check_nothing(look(pod()))
    assert notices(log) == [NOTICE]


def test_bidirectional_volume_keeps_the_nodes_mounts(pod, node, tmp_path):
    pid = node.daemon.process.pid
    process.answer(["nsenter", f"--mount=/proc/{pid}/ns/mnt", "sh", "-c", process.share(tmp_path)])
    one = pod()
    before = process.mounts_seen_by(pid)
    identity = one.run(image=IMAGE, env={"NVIDIA_VISIBLE_DEVICES": "0"}, privileged=True,
                       mounts=[("/volume", str(tmp_path))], propagation=cri.BIDIRECTIONAL)
    seen = one.ask(identity, CUDA, NODE_0, NODE_1, "mounts")
    assert (seen[CUDA].split(" ")[-1], seen[NODE_0]) == ("libcuda", "ENXIO")
    assert "shared:" in next(line for line in seen["mounts"].splitlines() if " /volume " in line)
    new = set(process.mounts_seen_by(pid).splitlines()) - set(before.splitlines())
    assert [line.split(" - ")[1].split(" ")[0] for line in new] == ["overlay"]  # the root, by containerd


def test_any_image_takes_gpus_if_variables_count(pod):
    """Why the page advises against it."""
    check_gpus(look(pod(), image=IMAGE_OF_ALL), True, True)


def test_the_plugin_alone_gives_gpus_without_variables(pod, strict):
    check_gpus(look(pod(), **by_plugin(make_driver.uuid(1))), False, True)


def test_the_plugins_gpus_precede_the_images(pod, strict):
    """kubelet's value of the variable hides the image's."""
    check_gpus(look(pod(), image=IMAGE_OF_ALL, **by_plugin(make_driver.uuid(1))), False, True)


@pytest.mark.parametrize("asking", [{"image": IMAGE_OF_ALL},
                                    {"env": {"NVIDIA_VISIBLE_DEVICES": "0"}},
                                    {"env": {"NVIDIA_VISIBLE_DEVICES": make_driver.uuid(0)},
                                     "mounts": [(f"{DEVICES}/0", "/dev/zero")]}])
def test_a_variable_alone_can_give_nothing(pod, strict, log, asking):
    check_nothing(look(pod(), **asking))
    assert "the container is not privileged and the settings accept" in log.read_text()


def test_the_device_plugins_own_pod_sees_every_gpu(pod, strict):
    """With the variables and capabilities of its manifest."""
    spec = kubernetes_page.pod_of(kubernetes_page.manifest("device-plugin.yaml"))["containers"][0]
    capabilities = spec["securityContext"]["capabilities"]
    variables = {entry["name"]: entry["value"] for entry in spec["env"]}
    seen = look(pod(), env=variables, capabilities=capabilities["add"], dropped=capabilities["drop"])
    assert (seen[CUDA].split(" ")[-1], seen[NODE_0], seen[NODE_1]) == ("libcuda", "ENXIO", "ENXIO")


def test_a_privileged_pod_asks_by_its_variable(pod, strict):
    seen = look(pod(), env={"NVIDIA_VISIBLE_DEVICES": "0"}, privileged=True)
    assert seen[CUDA].endswith(" libcuda")
    assert seen[NODE_0] == "ENXIO"


def test_the_same_gpu_twice_is_one(pod, strict):
    """Two replicas of a GPU that is shared in time."""
    uuid = make_driver.uuid(0)
    check_gpus(look(pod(), **by_plugin(uuid, uuid)), True, False)


def test_the_plugins_device_nodes_do_no_harm(pod, strict):
    """PASS_DEVICE_SPECS, which nobody needs here."""
    nodes = [f"/dev/nvidia{make_driver.minor(0, 2)}", "/dev/nvidiactl", "/dev/nvidia-uvm"]
    seen = look(pod(), devices=[(node, node) for node in nodes], **by_plugin(make_driver.uuid(0)))
    check_gpus(seen, True, False)


@pytest.mark.parametrize("low_level", ["runc", "crun"])
def test_gpus_stay_when_kubelet_sets_resources_anew(pod, node, set_settings, tools, tmp_path,
                                                    low_level):
    """As its static CPU manager does for every container. containerd sends crun device rules."""
    if low_level == "crun":
        set_settings(crun_below(tools, tmp_path))
    one = pod()
    identity = one.run(image=IMAGE, env={"NVIDIA_VISIBLE_DEVICES": "0"})
    cpus = {"cpuset_cpus": "0"} if cri_containerd.limits_resources(node.cgroup) else {}
    node.client("UpdateContainerResources", container_id=identity, linux=cpus)
    seen = one.ask(identity, *QUESTIONS, "text:/proc/self/status")
    check_gpus(seen, True, False)
    if cpus:
        assert "Cpus_allowed_list:\t0\n" in seen["text:/proc/self/status"]


def crun_below(tools, directory):
    """The settings for it."""
    program = directory / "crun"
    program.write_text(f'#!/bin/sh\nLD_PRELOAD={tools.shim} exec {shutil.which("crun")} "$@"\n')
    program.chmod(0o755)
    return f'[nvidia-container-runtime]\nruntimes = ["{program}"]\n'


def test_crun_as_the_runtime_below(pod, set_settings, tools, tmp_path):
    set_settings(crun_below(tools, tmp_path))
    check_gpus(look(pod(), env={"NVIDIA_VISIBLE_DEVICES": "0"}), True, False)


@pytest.mark.parametrize("device,reason", [
    ("7", "OCI runtime create failed: grapnel-runtime: unknown device '7': this host has "),
    (DEVICES, f"OCI runtime create failed: grapnel-runtime: unknown device '{DEVICES}': this host has ")])
def test_kubelet_is_told_why_there_is_no_container(pod, device, reason):
    """The second: the strategy volume-mounts without the settings for it."""
    with pytest.raises(cri.Refused) as refused:
        pod().run(image=IMAGE, env={"NVIDIA_VISIBLE_DEVICES": device})
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value).strip()


def test_containerd_refuses_an_unknown_handler(pod):
    with pytest.raises(cri.Refused, match='no runtime for "nvidia-2" is configured'):
        pod(handler="nvidia-2")


def test_cdi_devices_of_kubelet_are_for_the_engine(pod, log):
    """The strategy cdi-cri: containerd reads these, as version 2 does by itself, or nobody."""
    given = {"CDI_devices": [{"name": "nvidia.com/gpu=0"}]}
    if containerd.major_version() >= 2:
        with pytest.raises(cri.Refused, match="unresolvable CDI devices nvidia.com/gpu=0"):
            look(pod(), **given)
    else:
        check_nothing(look(pod(), **given))
        assert notices(log) == [NOTICE]
