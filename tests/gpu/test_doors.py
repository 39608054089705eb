# SPDX-License-Identifier: Apache-2.0
"""Every door to a GPU: in a container of each engine nvidia-smi lists the GPU that was asked for
and no other. tests/gpu/doors starts this on the machine's driver, tests/run on a simulated one."""

import json
import os
import pathlib
import subprocess

import booted_systemd
import clusters
import container
import container_cli
import cri_containerd
import kubernetes_page
import pytest
import user_namespaces
from conftest import need, need_cgroup, skip_or_fail
from engines import containerd as containerd_engine
from engines import docker as docker_engine
from engines import lxc as lxc_engine
from engines import podman as podman_engine
from engines import process, under_systemd

CUDA = "load:libcuda.so.1"
SMI = "/usr/bin/nvidia-smi"
BY_PLUGIN = "/var/run/nvidia-container-devices"
RUNTIMES = ["runc", "crun"]


def facts(file):
    """What /proc/driver/nvidia says of a GPU."""
    lines = (line.partition(":") for line in file.read_text().splitlines())
    return {key: value.strip() for key, _, value in lines}


class Gpus:
    """Those of this machine, and the last of them, which containers ask for."""

    def __init__(self, smi):
        said = subprocess.run([smi, "-L"], check=True, capture_output=True, text=True)
        self.lines = said.stdout.splitlines()
        gpus = [facts(file) for file in
                sorted(pathlib.Path("/proc/driver/nvidia/gpus").glob("*/information"))]
        assert len(gpus) == len(self.lines), said.stdout
        self.index = str(len(gpus) - 1)
        self.uuid = gpus[-1]["GPU UUID"]
        minors = [gpu["Device Minor"] for gpu in gpus]
        self.node = f"open:/dev/nvidia{minors[-1]}"
        self.others = [question for minor in minors[:-1]
                       for question in (f"stat:/dev/nvidia{minor}", f"make:c:195:{minor}")]
        questions = [self.node, "open:/dev/nvidiactl", CUDA, *self.others]
        self.variable = f"NVIDIA_VISIBLE_DEVICES={self.index}"
        # the loader's cache is read by the second program too
        self.command = ["/bin/sh", "-c", f'{SMI} -L; exec /bin/look "$@"', "sh", *questions]

    def listed(self, count=1):
        """As nvidia-smi inside lists the last ones: it counts those that it sees."""
        return [f"GPU {number}:{line.partition(':')[2]}"
                for number, line in enumerate(self.lines[-count:])]

    def check(self, result):
        assert result.code == 0, result.err
        assert smi_lines(result) == self.listed(), result.err
        # ENXIO: nothing is behind the node of a simulated driver
        assert {result[self.node], result["open:/dev/nvidiactl"]} <= {"OK", "ENXIO"}
        assert "cannot open" not in result[CUDA]
        for question in self.others:
            assert result[question] in ("ENOENT", "EPERM", "mknod EPERM"), question


def smi_lines(result):
    return [line for line in result.out.splitlines() if not line.startswith("{")]


@pytest.fixture(scope="module")
def gpus(smi):
    return Gpus(smi)


@pytest.fixture(scope="module", autouse=True)
def version_2():
    need_cgroup("v2")


@pytest.fixture(scope="session")
def smi(programs):
    """nvidia-smi, where the driver has it."""
    listed = subprocess.run([programs / "nvidia-container-cli", "list", "--binaries"], check=True,
                            capture_output=True, text=True).stdout.split()
    found = [path for path in listed if path.endswith("/nvidia-smi")]
    if not found:
        skip_or_fail("the driver has no nvidia-smi")
    return found[0]


@pytest.fixture(scope="session")
def tools(tmp_path_factory, smi):
    """Images have the libraries of nvidia-smi too."""
    directory = tmp_path_factory.mktemp("doors")
    process.make_reachable(directory)
    made = container.Tools(directory)
    made.guests.append(smi)
    return made


@pytest.fixture(scope="session")
def image_archive(tools):
    return process.image_archive(tools.directory, tools)


# --- runc and crun ---


@pytest.fixture(params=RUNTIMES)
def low_level(request):
    need(request.param)
    return request.param


@pytest.fixture
def asking(bundle, gpus):
    return bundle.env(gpus.variable)


def without_hooks(bundle, low_level, runtime):
    """The command that runs it by the runtime front end."""
    del bundle.config["hooks"]
    bundle.set_settings(f'[nvidia-container-runtime]\nruntimes = ["{low_level}"]\n')
    words = bundle.runtime_command(low_level)
    words[words.index(low_level)] = str(runtime)
    return ["env", f"NVIDIA_CTK_CONFIG_FILE_PATH={bundle.settings}", *words]


def test_the_hook_in_config_json(asking, low_level, gpus):
    gpus.check(asking.run(low_level, "v2", args=gpus.command))


def test_without_a_hook_nothing_is_there(asking, low_level, gpus):
    del asking.config["hooks"]
    result = asking.run(low_level, "v2", args=gpus.command)
    assert smi_lines(result) == [] and result[gpus.node] == "ENOENT"


def test_the_runtime_front_end(asking, low_level, runtime, gpus):
    command = without_hooks(asking, low_level, runtime)
    asking.write_config(gpus.command)
    gpus.check(process.answer(container.in_cgroup_view("v2", [*command, "run", asking.name]),
                              cwd=asking.directory))


def test_mapped_users(asking, low_level, gpus):
    gpus.check(user_namespaces.map_users(asking).run(low_level, "v2", args=gpus.command))


def test_runc_of_a_user_without_rights(asking, reachable_hook, users_run_directory, gpus):
    need("runc", "newuidmap")
    asking.hook = reachable_hook
    asking.register("prestart", "poststop")
    gpus.check(user_namespaces.Rootless(asking, "v2").execute("runc", *gpus.command))


# --- Docker ---


def docker_of(kind):
    @pytest.fixture(scope="module")
    def docker(tmp_path_factory, programs, image_archive):
        need("dockerd", "docker", *(["rootlesskit", "newuidmap"] if kind == "rootless" else []))
        directory = tmp_path_factory.mktemp("docker") / kind
        if kind == "rootless":
            made = docker_engine.RootlessDocker(directory, "v2", programs, image_archive)
        else:
            made = docker_engine.Docker(directory, "v2", programs, image_archive, kind == "remap")
        yield made
        made.end()
    return docker


docker = docker_of("plain")
docker_with_mapped_users = docker_of("remap")
docker_of_a_user = docker_of("rootless")
WAYS = ["index", "uuid", "runtime", "both"]


def options(way, gpus):
    return {"index": ["--gpus", f"device={gpus.index}"], "uuid": ["--gpus", f"device={gpus.uuid}"],
            "runtime": ["--runtime=nvidia", "--env", gpus.variable],
            "both": ["--runtime=nvidia", "--gpus", f"device={gpus.index}"]}[way]


def run_docker(docker, words, gpus):
    return docker("run", "--rm", "--network=none", *words, docker_engine.IMAGE, *gpus.command)


@pytest.mark.parametrize("way", WAYS)
def test_docker(docker, way, gpus):
    gpus.check(run_docker(docker, options(way, gpus), gpus))


@pytest.mark.parametrize("words", [["all"], ["1"]])
def test_docker_gpus_by_number(docker, words, gpus):
    result = run_docker(docker, ["--gpus", *words], gpus)
    assert smi_lines(result) == (gpus.lines if words == ["all"] else gpus.lines[:1]), result.err


def test_docker_without_gpus(docker, gpus):
    result = run_docker(docker, [], gpus)
    assert smi_lines(result) == [] and result[gpus.node] == "ENOENT"


@pytest.mark.parametrize("way", WAYS)
def test_docker_with_mapped_users(docker_with_mapped_users, way, gpus):
    gpus.check(run_docker(docker_with_mapped_users, options(way, gpus), gpus))


@pytest.mark.parametrize("way", WAYS)
def test_docker_of_a_user_without_rights(docker_of_a_user, way, gpus):
    gpus.check(run_docker(docker_of_a_user, options(way, gpus), gpus))


# --- podman ---


@pytest.fixture
def podman(low_level, tmp_path, reachable_hook, image_archive, tools):
    """A function that makes one, with the hook at that stage, or at none."""
    need("podman")
    made = []

    def make(stages, rootless=False):
        hooks = tmp_path / "hooks.d"
        hooks.mkdir()
        process.make_reachable(hooks)
        for stage in stages:
            (hooks / f"{stage}.json").write_text(json.dumps({
                "version": "1.0.0", "hook": container.hook_entry(reachable_hook, stage),
                "when": {"always": True}, "stages": [stage]}))
        made.append(podman_engine.Podman("v2", low_level, hooks, image_archive, tools, rootless))
        return made[-1]
    yield make
    for one in made:
        one.end()


def run_podman(podman, gpus, *words):
    return podman("run", "--rm", "--cap-add=MKNOD", "--env", gpus.variable, *words,
                  podman_engine.IMAGE, *gpus.command)


def test_podman_with_hooks_d(podman, gpus):
    gpus.check(run_podman(podman(["prestart", "poststop"]), gpus))


def test_podman_with_the_stage_precreate(podman, gpus):
    gpus.check(run_podman(podman(["precreate"]), gpus))


def test_podman_with_the_runtime(podman, programs, gpus):
    made = podman([])
    made.use_the_runtime(programs)
    gpus.check(run_podman(made, gpus))


def test_podman_of_a_user_without_rights(podman, gpus):
    need("newuidmap")
    gpus.check(run_podman(podman(["prestart", "poststop"], rootless=True), gpus))


# --- containerd: ctr, and as kubelet asks it ---


@pytest.fixture(scope="module")
def containerd(tmp_path_factory, programs):
    need("containerd", "ctr", "runc")
    made = containerd_engine.Containerd(tmp_path_factory.mktemp("containerd") / "v2", "v2",
                                        env={"PATH": f"{programs}:{os.environ['PATH']}"})
    yield made
    made.end()


def test_ctr_gpus(containerd, bundle, gpus):
    name = bundle.name[-60:].strip("-")
    # a limit must be named for ctr to take version 2 where there is no version 1
    gpus.check(containerd("run", "--rm", "--cgroup", f"{container.CGROUP}/{name}", "--cpu-shares", "0",
                          "--gpus", gpus.index, "--rootfs", bundle.root, name, *gpus.command))


@pytest.mark.parametrize("door", ["hook", "runtime"])
def test_ctr_with_a_configuration(containerd, asking, programs, gpus, door):
    asking.name = asking.name[-60:].strip("-")
    words = []
    if door == "runtime":
        del asking.config["hooks"]
        words = ["--runc-binary", programs / "nvidia-container-runtime"]
    asking.config["root"]["path"] = str(asking.root)
    asking.write_config(gpus.command)
    gpus.check(containerd("run", "--rm", *words, "--config", asking.directory / "config.json",
                          asking.name))


@pytest.fixture(scope="module")
def node(tmp_path_factory, programs, tools):
    need("containerd", "ctr", "runc")
    if (lacking := cri_containerd.lacks("v2")):
        skip_or_fail(lacking)
    directory = tmp_path_factory.mktemp("cri")
    settings = directory / "config.toml"
    settings.write_text("accept-nvidia-visible-devices-as-volume-mounts = true\n")
    made = cri_containerd.Containerd(
        directory / "v2", "v2", kubernetes_page.runtimes_of(programs / "nvidia-container-runtime"),
        tools, {"NVIDIA_CTK_CONFIG_FILE_PATH": str(settings)})
    yield made
    made.end()


@pytest.mark.parametrize("strategy", ["envvar", "volume-mounts"])
def test_kubelets_way(node, gpus, strategy):
    given = {"env": {"NVIDIA_VISIBLE_DEVICES": gpus.uuid}}
    if strategy == "volume-mounts":
        given = {"env": {"NVIDIA_VISIBLE_DEVICES": BY_PLUGIN},
                 "mounts": [(f"{BY_PLUGIN}/{gpus.uuid}", "/dev/null")]}
    pod = node.client.pod(strategy, "nvidia")
    identity = pod.run(image=cri_containerd.IMAGE, **given)
    gpus.check(pod.execute(identity, *gpus.command))
    node.client.remove_all()


# --- those who call nvidia-container-cli ---


def test_lxc(bundle, programs, tmp_path, gpus):
    need("lxc-start")
    lxc = lxc_engine.Lxc(bundle, programs, tmp_path)
    gpus.check(lxc(*gpus.command, devices=gpus.index, version="v2"))
    lxc.end()


def test_charliecloud(bundle, programs, tmp_path, gpus):
    """It copies the driver into the image, and containers see all of the host's devices."""
    need("ch-fromhost", "ch-run")
    image = clusters.image_of_user(bundle)
    call = clusters.Caller(programs, tmp_path)
    done = call("ch-fromhost", "--nvidia", image)
    assert done.code == 0, done.err
    result = call("ch-run", image, "--", "/bin/sh", "-c", f"{SMI} -L")
    assert smi_lines(result) == gpus.lines, result.err


def test_enroots_way(bundle, programs, gpus):
    container_cli.give(bundle.root, process.USER_ID)
    for place in (bundle.root, programs):
        container_cli.make_reachable(place)
    command = process.as_user(["unshare", "--user", "--map-root-user", "--mount", "bash", "-c",
                               clusters.ENROOT + 'exec chroot "$ROOTFS" "$@"', "sh", *gpus.command])
    gpus.check(process.answer(command, env={
        "PATH": f"{programs}:/usr/sbin:/usr/bin:/sbin:/bin", "ROOTFS": str(bundle.root),
        "NVIDIA_VISIBLE_DEVICES": gpus.index, "NVIDIA_DRIVER_CAPABILITIES": "utility,compute"}))


def test_what_the_program_says_of_the_host(cli, gpus):
    said = cli("info", "--csv")
    assert said.returncode == 0 and gpus.uuid in said.stdout, said.stderr
    assert "/libcuda.so." in cli("list", "--libraries").stdout


# --- GPUs that stay, where systemd manages the cgroups ---


@pytest.fixture(scope="module")
def systemd(tmp_path_factory):
    need("systemctl", "dbus-daemon")
    made = booted_systemd.BootedSystemd("v2", tmp_path_factory.mktemp("boot"), simulated=False)
    yield made
    made.end()


def check_it_stays(systemd, ask, gpus, *more):
    """After whatever sets the rules of a running container anew."""
    gpus.check(ask())
    for do in (lambda: systemd.systemctl("daemon-reload"), systemd.reexec, *more,
               lambda: systemd.systemctl("daemon-reload")):
        do()
        gpus.check(ask())


@pytest.mark.parametrize("door", ["hook", "runtime"])
def test_a_container_in_a_scope_keeps_its_gpu(systemd, asking, low_level, runtime, gpus, door):
    command = (without_hooks(asking, low_level, runtime) if door == "runtime"
               else asking.runtime_command(low_level))
    scope = booted_systemd.Scope(systemd, asking, command)
    check_it_stays(
        systemd, lambda: container.Result(scope.call("exec", asking.name, *gpus.command)), gpus,
        lambda: systemd.systemctl("set-property", "--runtime", scope.unit, "TasksMax=900"),
        scope.update)
    scope.end()


STAY = ["/bin/busybox", "sleep", "1000"]


def test_docker_below_systemd_keeps_its_gpu(systemd, bundle, hook, image_archive, gpus):
    need("dockerd", "docker")
    made = under_systemd.Docker(systemd, bundle.directory / "docker", hook, image_archive)
    made("run", "--detach", "--name=gpu", "--net=none", f"--gpus=device={gpus.index}",
         under_systemd.IMAGE, *STAY)
    check_it_stays(systemd, lambda: made.ask("gpu", *gpus.command), gpus,
                   lambda: made("update", "--restart=no", "gpu"),
                   lambda: made("restart", "--time=0", "gpu"))
    made("rm", "--force", "gpu")
    made.end()


def test_podman_below_systemd_keeps_its_gpu(systemd, bundle, image_archive, gpus):
    need("podman", "runc")
    made = under_systemd.Podman(systemd, bundle.directory / "podman",
                                bundle.config["hooks"]["prestart"][0], image_archive)
    made("run", "--detach", "--name=gpu", "--cap-add=MKNOD", f"--env={gpus.variable}",
         under_systemd.IMAGE, *STAY)
    check_it_stays(systemd, lambda: made.ask("gpu", *gpus.command), gpus,
                   lambda: made("restart", "--time=0", "gpu"))
    made("rm", "--force", "--time=0", "gpu")
