# SPDX-License-Identifier: Apache-2.0
"""Devices that containerd's CRI plugin gives by CDI, asked as kubelet asks it: by the field of a device
plugin (the strategy cdi-cri, or a DRA driver), or by annotations (cdi-annotations). containerd 1.7 is the
first that reads CDI files."""

import pathlib
import re
import shutil
import subprocess

import booted_systemd
import cdi_files
import cluster_cdi_files
import container
import cri
import cri_containerd
import kubernetes_page
import make_driver
import nvidia_cdi
import pytest
from cdi_files import toolkit_device  # noqa: F401
from conftest import built, need, need_cgroup, skip_or_fail
from engines import containerd_under_systemd

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


def need_containerd(cgroup):
    need("containerd", "ctr", "runc")
    if containerd_version() < (1, 7):
        skip_or_fail("containerd before 1.7 reads no CDI files")
    need_cgroup(cgroup)
    if (lacking := cri_containerd.lacks(cgroup)):
        skip_or_fail(lacking)


@pytest.fixture(scope="module", params=["v1", "v2"])
def node(request, tmp_path_factory, programs, tools, live_file):
    need_containerd(request.param)
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


def check(seen, *gpus, after="start"):
    """These GPUs, no other, and the driver once."""
    given = [index in gpus for index in range(2)]
    assert [seen[query] for query in OPEN] == ["ENXIO" if one else "ENOENT" for one in given], after
    assert [seen[query] for query in MADE] == ["ENXIO" if one else "EPERM" for one in given], after
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


CRUN = """
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.crun]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.crun.options]
BinaryName = "{program}"
SystemdCgroup = {systemd}
"""


class BootedNode:
    """containerd below a booted systemd, with the cgroup driver "systemd" or "cgroupfs"."""

    def __init__(self, cgroup, driver, directory, programs, tools):
        self.driver = driver
        self.systemd = booted_systemd.BootedSystemd(cgroup, directory)
        try:
            systemd = driver == "systemd"
            runtimes = kubernetes_page.runtimes_of(programs / "nvidia-container-runtime", systemd)
            crun = CRUN.format(program=shutil.which("crun"), systemd=str(systemd).lower())
            image = cri_containerd.image_archive(container.make_rootfs(directory / "image", tools),
                                                 directory / "image.tar", cri_containerd.IMAGE)
            self.containerd = containerd_under_systemd.Containerd(
                self.systemd, directory / "containerd",
                cri_containerd.settings(cgroup, runtimes + crun, cdi=True), image)
            self.client = self.containerd.client
            # when the first unit of a slice gets a list, systemd moves all processes of the slice out of
            # their lists of version 1: a new containerd takes a sandbox in none for gone
            self.systemd.run("systemd-run", "--slice=kubepods-pod1.slice", "--property=DevicePolicy=closed",
                             "sleep", "infinity")
            self.cpus = {"cpuset_cpus": "0"} if cri_containerd.limits_resources(cgroup) else {}
        except BaseException:
            self.systemd.end()
            raise

    def pod(self, name, handler):
        parent = {"systemd": "/kubepods.slice/kubepods-pod1.slice", "cgroupfs": "/kubepods/pod1"}
        return self.client.pod(name, handler, parent[self.driver])

    def scopes(self, identity):
        units = self.systemd.systemctl("list-units", "--plain", "--no-legend", f"*-{identity}.scope")
        return [line.split()[0] for line in units.splitlines()]

    def update(self, *identities):
        """As kubelet's static CPU manager does."""
        for identity in identities:
            self.client("UpdateContainerResources", container_id=identity, linux=self.cpus)

    def left(self, *identities):
        """Files of containers: Grapnel's records, and what systemd keeps of their scopes."""
        names = [word for identity in identities for word in ("-o", "-path", f"*{identity}*")]
        return self.systemd.run("find", "/run/grapnel/containers", "/run/systemd", "-path",
                                "/run/grapnel/containers/*", *names).stdout

    def end(self):
        self.containerd.end()
        self.systemd.end()


@pytest.fixture(scope="module", params=["v1-systemd", "v1-cgroupfs", "v2-systemd", "v2-cgroupfs"])
def booted_node(request, tmp_path_factory, programs, hook, tools):
    cgroup, driver = request.param.split("-")
    need("systemctl", "dbus-daemon", "crun")
    need_containerd(cgroup)
    if cgroup == "v1" and booted_systemd.version() >= 258:
        pytest.skip("this systemd knows cgroup v2 alone")
    made = BootedNode(cgroup, driver, tmp_path_factory.mktemp("boot"), programs, tools)
    try:
        for options in ([f"--hook-path={programs}/grapnel-hook", "--output=/run/cdi/grapnel.json"],
                        ["--static", "--vendor=static.nvidia.com", "--output=/run/cdi/static.json",
                         f"--nvidia-cdi-hook-path={programs}/nvidia-cdi-hook"]):
            made.systemd.run(built(hook, "grapnel", "grapnel"), "cdi", "generate", *options)
    except BaseException:
        made.end()
        raise
    yield made
    made.end()


@pytest.fixture
def booted_pod(booted_node):
    """As make_pod."""
    yield lambda handler: booted_node.pod(f"stay-{handler}", handler)
    booted_node.client.remove_all()


@pytest.mark.parametrize("handler", [*HANDLERS, "crun"])
def test_gpus_stay_over_daemon_reload_and_restart(booted_node, booted_pod, handler):
    """Two containers of a pod, each with a GPU of its own."""
    systemd = booted_node.systemd
    pod = booted_pod(handler)
    made = []

    def start(name, way, gpu):
        made.append(pod.run(image=cri_containerd.IMAGE, metadata={"name": name}, **way(f"nvidia.com/gpu={gpu}")))
        return made[-1]
    ids = [start("field", by_field, 0), start("annotation", by_annotation, 1)]
    scopes = [scope for identity in ids for scope in booted_node.scopes(identity)]
    assert len(scopes) == (len(ids) if booted_node.driver == "systemd" else 0)

    def set_property():
        for scope in scopes:
            systemd.systemctl("set-property", "--runtime", scope, "TasksMax=900")

    def update():
        if handler != "crun":  # which loses the GPUs of a live file then
            booted_node.update(*ids)

    def start_anew():
        """As kubelet does with a container that ended."""
        booted_node.client("StopContainer", container_id=ids[0])
        booted_node.client("RemoveContainer", container_id=ids[0])
        ids[0] = start("field", by_field, 0)
    for what, do in (("start", lambda: None),
                     ("daemon-reload", lambda: systemd.systemctl("daemon-reload")),
                     ("set-property", set_property),
                     ("update", update),
                     ("daemon-reload after the update", lambda: systemd.systemctl("daemon-reload")),
                     ("restart of containerd", booted_node.containerd.restart),
                     ("update by the new containerd", update),
                     ("daemon-reexec", systemd.reexec),
                     ("restart of a container", start_anew),
                     ("last daemon-reload", lambda: systemd.systemctl("daemon-reload"))):
        do()
        for gpu, identity in enumerate(ids):
            check(pod.ask(identity, *ASK), gpu, after=what)
    booted_node.client.remove_all()
    booted_systemd.wait_until(lambda: booted_node.left(*made) == "", "nothing is left of the containers")


@pytest.mark.parametrize("kind, after", [("nvidia.com/gpu", "EPERM"), ("static.nvidia.com/gpu", "ENXIO")])
def test_update_by_crun_keeps_nodes_of_the_file(booted_node, booted_pod, kind, after):
    """crun takes containerd's device rules for the whole: the hook's are lost, those of a static file stay."""
    pod = booted_pod("crun")
    identity = pod.run(image=cri_containerd.IMAGE, **by_field(f"{kind}=0"))
    check(pod.ask(identity, *ASK), 0)
    booted_node.update(identity)
    assert pod.ask(identity, *OPEN).answers == dict(zip(OPEN, [after, "ENOENT"]))
