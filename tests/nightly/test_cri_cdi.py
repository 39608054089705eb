# SPDX-License-Identifier: Apache-2.0
"""Devices that containerd's CRI plugin gives by CDI, asked as kubelet asks it: by the field of a device
plugin (the strategy cdi-cri, or a DRA driver), or by annotations (cdi-annotations). containerd 1.7 is the
first that reads CDI files."""

import pathlib
import re
import subprocess

import cdi_files
import cluster_cdi_files
import cri
import cri_containerd
import kubernetes_page
import make_driver
import nvidia_cdi
import pytest
from cdi_files import toolkit_device  # noqa: F401
from conftest import built, need, need_cgroup, skip_or_fail

MINORS = [make_driver.minor(index, 2) for index in range(2)]
OPEN = [f"open:/dev/nvidia{minor}" for minor in MINORS]
MADE = [f"make:c:195:{minor}" for minor in MINORS]
CUDA = "load:libcuda.so.1"
MOUNTS = "text:/proc/self/mountinfo"
ASK = [*OPEN, *MADE, CUDA, MOUNTS]
HANDLERS = ["", "nvidia"]  # runc's, and that of the RuntimeClass nvidia


def containerd_version():
    said = subprocess.run(["containerd", "--version"], check=True, capture_output=True, text=True)
    return tuple(map(int, re.findall(r"\d+", said.stdout.split()[2])[:2]))


@pytest.fixture(scope="module", autouse=True)
def live_file(hook, programs):
    with cdi_files.live_file(built(hook, "grapnel", "grapnel"), programs / "grapnel-hook") as path:
        yield path


@pytest.fixture(scope="module", params=["v1", "v2"])
def node(request, tmp_path_factory, programs, tools, live_file):
    need("containerd", "ctr", "runc")
    if containerd_version() < (1, 7):
        skip_or_fail("containerd before 1.7 reads no CDI files")
    need_cgroup(request.param)
    if (lacking := cri_containerd.lacks(request.param)):
        skip_or_fail(lacking)
    settings = tmp_path_factory.mktemp("settings") / "config.toml"
    settings.write_text("")
    made = cri_containerd.Containerd(
        tmp_path_factory.mktemp("cri") / request.param, request.param,
        kubernetes_page.runtimes_of(programs / "nvidia-container-runtime"), tools,
        {"NVIDIA_CTK_CONFIG_FILE_PATH": str(settings)}, cdi=True)
    yield made
    assert made.end() == [], "a container outlived its pod"


@pytest.fixture
def make_pod(node, request):
    """A function that makes a pod; all are gone when the test ends."""
    def make(handler=""):
        plain = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())
        return node.client.pod(plain[-60:].strip("-"), handler)
    yield make
    node.client.remove_all()


@pytest.fixture
def pod(make_pod, node):
    """As make_pod; with the pods the records are gone, which hooks of NVIDIA's files leave."""
    yield make_pod
    node.client.remove_all()
    assert list(pathlib.Path("/run/grapnel").glob("containers/*")) == []


def by_field(*names):
    return {"CDI_devices": [{"name": name} for name in names]}


def by_annotation(*names):
    return {"annotations": {"cdi.k8s.io/nvidia-device-plugin_1": ",".join(names)}}


def look(pod, *more, **options):
    return pod.ask(pod.run(image=cri_containerd.IMAGE, **options), *ASK, *more)


def check(seen, *gpus):
    """These GPUs, no other, and the driver once."""
    given = [index in gpus for index in range(2)]
    assert [seen[query] for query in OPEN] == ["ENXIO" if one else "ENOENT" for one in given]
    assert [seen[query] for query in MADE] == ["ENXIO" if one else "EPERM" for one in given]
    assert seen[CUDA].endswith(f"/libcuda.so.{make_driver.VERSION} libcuda")
    points = [line.split()[4] for line in seen[MOUNTS].splitlines()]
    ours = [point for point in points if "nvidia" in point or "libcuda" in point]
    assert ours and len(ours) == len(set(ours))


@pytest.mark.parametrize("handler", HANDLERS)
@pytest.mark.parametrize("way", [by_field, by_annotation])
@pytest.mark.parametrize("names, gpus", [
    (["0"], [0]), ([make_driver.uuid(1)], [1]), (["0", "1"], [0, 1]), (["all"], [0, 1])])
def test_kubelet_gives_cdi_devices(pod, handler, way, names, gpus):
    check(look(pod(handler), **way(*(f"nvidia.com/gpu={name}" for name in names))), *gpus)


@pytest.mark.parametrize("way", [by_field, by_annotation])
@pytest.mark.parametrize("toolkit", nvidia_cdi.EARLIER_TOOLKITS)
def test_file_of_earlier_toolkit_serves_kubelet(toolkit_device, make_pod, way, toolkit):  # noqa: F811
    listed = f"list:{nvidia_cdi.HOST_LIBRARIES}"
    seen = look(make_pod(), listed, **way(toolkit_device(toolkit)))
    check(seen, 0)
    assert set(seen[listed].split()) == nvidia_cdi.listing()


@pytest.mark.parametrize("way", [by_field, by_annotation])
@pytest.mark.parametrize("files_of", cluster_cdi_files.FORMS)
def test_file_of_a_cluster_serves_kubelet(make_pod, programs, way, files_of):
    listed = f"list:{nvidia_cdi.HOST_LIBRARIES}"
    with cluster_cdi_files.written(files_of, programs / "nvidia-cdi-hook") as devices:
        seen = look(make_pod(), listed, **way(*devices))
    check(seen, 0)
    assert set(seen[listed].split()) == nvidia_cdi.listing()


@pytest.mark.parametrize("handler", HANDLERS)
def test_cdi_beside_the_variable_gives_one_driver(pod, handler):
    check(look(pod(handler), env={"NVIDIA_VISIBLE_DEVICES": "1"}, **by_field("nvidia.com/gpu=0")), 0)


def test_image_of_all_gets_its_cdi_device_alone(pod):
    one = pod("nvidia")
    identity = one.run(image=cri_containerd.IMAGE_OF_ALL, **by_field("nvidia.com/gpu=1"))
    check(one.ask(identity, *ASK), 1)


@pytest.mark.parametrize("way", [by_field, by_annotation])
def test_device_that_no_file_has_is_refused(pod, way):
    with pytest.raises(cri.Refused, match="nvidia.com/gpu=7"):
        look(pod(), **way("nvidia.com/gpu=7"))


@pytest.mark.parametrize("handler", HANDLERS)
def test_gpu_stays_when_kubelet_sets_resources_anew(pod, node, handler):
    one = pod(handler)
    identity = one.run(image=cri_containerd.IMAGE, **by_field("nvidia.com/gpu=0"))
    cpus = {"cpuset_cpus": "0"} if cri_containerd.limits_resources(node.cgroup) else {}
    node.client("UpdateContainerResources", container_id=identity, linux=cpus)
    check(one.ask(identity, *ASK), 0)
