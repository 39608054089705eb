# SPDX-License-Identifier: Apache-2.0
"""With systemd as the manager of cgroups, what sets a container's device rules anew leaves its
GPUs to it, and nothing but those: systemctl daemon-reload and the like, updates by the runtime."""

import pathlib
import subprocess

import booted_systemd
import pytest
from conftest import need, need_cgroup
from engines import under_systemd

GRANTED = ("open:/dev/nvidia1", "make:c:195:1", "make:c:195:255", "make:c:238:0")
NOT_GRANTED = ("make:c:195:0", "make:c:195:254", "make:c:10:1")
QUERIES = (*GRANTED, *NOT_GRANTED, "open:/dev/null", "make:c:1:3")
# opening a simulated device gives ENXIO where the call is let through
GPU_0_ALONE = {**dict.fromkeys(GRANTED, "ENXIO"), **dict.fromkeys(NOT_GRANTED, "EPERM"),
               "open:/dev/null": "OK", "make:c:1:3": "OK"}


PATH = f"{booted_systemd.PATH}:/usr/local/bin"  # of its services


def through_the_hook(bundle, low_level):
    """What is done to the bundle is done; the command that starts its container."""
    return bundle.runtime_command(low_level)


@pytest.fixture(scope="module")
def boot(tmp_path_factory):
    booted = {}

    def systemd(version):
        need("systemctl", "dbus-daemon")
        need_cgroup(version)
        if version == "v1" and booted_systemd.version() >= 258:
            pytest.skip("this systemd knows cgroup v2 alone")
        if version not in booted:
            booted[version] = booted_systemd.BootedSystemd(version, tmp_path_factory.mktemp("boot"))
        return booted[version]
    yield systemd
    for one in booted.values():
        one.end()


@pytest.fixture(params=["v1", "v2"])
def systemd(request, boot):
    return boot(request.param)


@pytest.fixture(params=["hook", "runtime"])
def door(request, runtime):
    """How a container comes to its GPUs: a function as through_the_hook."""
    def through_the_runtime(bundle, low_level):
        del bundle.config["hooks"]
        bundle.set_settings(f'[nvidia-container-runtime]\nruntimes = ["{low_level}"]\n')
        words = bundle.runtime_command(low_level)
        words[words.index(low_level)] = str(runtime)
        return ["env", f"NVIDIA_CTK_CONFIG_FILE_PATH={bundle.settings}", *words]
    return through_the_hook if request.param == "hook" else through_the_runtime


@pytest.fixture
def start():
    """A function that starts a bundle's container in a scope."""
    started = []

    def run(systemd, bundle, low_level, door=through_the_hook):
        need(low_level)
        started.append(booted_systemd.Scope(systemd, bundle, door(bundle, low_level)))
        return started[-1]
    yield run
    for scope in started:
        scope.end()


@pytest.fixture
def gpu_bundle(bundle):
    return bundle.env("NVIDIA_VISIBLE_DEVICES=0")


def answers(scope):
    return scope.look(*QUERIES).answers


def rules_set_anew(scope):
    """Each thing that sets the rules of a running container anew, done one after the other."""
    systemd = scope.systemd
    yield "daemon-reload", lambda: systemd.systemctl("daemon-reload")
    yield "set-property", lambda: systemd.systemctl("set-property", "--runtime", scope.unit,
                                                    "TasksMax=900")
    yield "daemon-reexec", systemd.reexec
    yield "update", scope.update
    yield "daemon-reload after all that", lambda: systemd.systemctl("daemon-reload")


@pytest.mark.parametrize("low_level", ["runc", "crun"])
def test_a_container_keeps_its_gpu_alone(systemd, start, gpu_bundle, door, low_level):
    scope = start(systemd, gpu_bundle, low_level, door)
    assert answers(scope) == GPU_0_ALONE
    for what, do in rules_set_anew(scope):
        do()
        assert answers(scope) == GPU_0_ALONE, what
    assert gpu_bundle.logged() == ""


@pytest.mark.parametrize("low_level", ["runc", "crun"])
def test_a_container_keeps_its_gpu_despite_blinding(boot, start, gpu_bundle, hardened, low_level):
    systemd = boot("v2")
    scope = start(systemd, gpu_bundle, low_level)
    assert answers(scope) == GPU_0_ALONE
    systemd.systemctl("daemon-reload")
    assert answers(scope) == GPU_0_ALONE


def test_a_runtimes_rules_unknown_to_systemd_stay(systemd, start, gpu_bundle):
    """Older versions of runc tell systemd of no major number that /proc/devices does not name."""
    gpu_bundle.config["linux"]["resources"]["devices"].append(
        {"allow": True, "type": "c", "major": 120, "access": "rwm"})
    scope = start(systemd, gpu_bundle, "runc")
    result = scope.look("make:c:120:7", "make:c:121:7", "open:/dev/nvidia1")
    assert result.answers == {"make:c:120:7": "ENXIO", "make:c:121:7": "EPERM",
                              "open:/dev/nvidia1": "ENXIO"}


def test_systemd_learns_and_forgets_exact_rules(systemd, start, gpu_bundle):
    scope = start(systemd, gpu_bundle, "runc")
    told = {line for line in systemd.property(scope.unit, "DeviceAllow").splitlines()
            if not line.endswith("m")}
    assert told == {f"/dev/char/{number} rw" for number in ("195:1", "195:255", "238:0", "238:1")}
    left = "find /run/systemd /etc/systemd -path '*oci-*'"
    assert scope.unit in systemd.run("sh", "-c", left).stdout
    scope.end()
    booted_systemd.wait_until(lambda: systemd.run("sh", "-c", left).stdout == "",
                              "what systemd kept of the scope is gone")


def test_a_scope_without_a_list_gets_none(systemd, start, gpu_bundle):
    """A list would take away what is not on it."""
    gpu_bundle.config["linux"]["resources"]["devices"] = [{"allow": True, "access": "rwm"}]
    scope = start(systemd, gpu_bundle, "runc")
    assert systemd.property(scope.unit, "DevicePolicy") == "auto"
    assert systemd.property(scope.unit, "DeviceAllow") == ""
    for _ in range(2):
        result = scope.look("open:/dev/nvidia1", "make:c:195:0", "make:c:10:1")
        assert "EPERM" not in result.answers.values()
        systemd.systemctl("daemon-reload")


def test_each_granted_device_has_its_link_by_number(systemd, start, gpu_bundle):
    """Older versions of systemd find a device by it alone."""
    start(systemd, gpu_bundle, "runc")
    for number in ("195:1", "195:255", "238:0", "238:1"):
        systemd.run("test", "-c", f"/dev/char/{number}")


@pytest.mark.parametrize("without", ["/run/dbus/system_bus_socket", "/run/systemd/private"])
def test_one_way_to_systemd_is_enough(systemd, start, gpu_bundle, without):
    # runc needs a way of its own: the hook alone sees that there is none
    entry = gpu_bundle.config["hooks"]["prestart"][0]
    program = [entry["path"], *entry["args"][1:]]
    entry["path"] = "/usr/bin/unshare"
    entry["args"] = ["unshare", "--mount", "sh", "-c",
                     f'mount --bind /dev/null {without} && exec "$@"', "sh", *program]
    entry["env"] = [f"PATH={booted_systemd.PATH}"]
    scope = start(systemd, gpu_bundle, "runc")
    assert "/dev/char/195:1 rw" in systemd.property(scope.unit, "DeviceAllow")
    assert gpu_bundle.logged() == ""


def test_without_systemd_the_log_says_the_outcome(systemd, start, gpu_bundle):
    entry = gpu_bundle.config["hooks"]["prestart"][0]
    program = [entry["path"], *entry["args"][1:]]
    entry["path"] = "/usr/bin/unshare"
    entry["args"] = ["unshare", "--mount", "sh", "-c",
                     "mount -t tmpfs none /run/dbus && mount -t tmpfs none /run/systemd && "
                     'exec "$@"', "sh", *program]
    entry["env"] = [f"PATH={booted_systemd.PATH}"]
    scope = start(systemd, gpu_bundle, "runc")
    assert answers(scope) == GPU_0_ALONE
    assert (f"warning: the container loses its GPUs when systemd sets the rules of {scope.unit} "
            "again, as at 'systemctl daemon-reload', because it was not told of them: connect to "
            "/run/systemd/private: No such file or directory") in gpu_bundle.logged()
    assert "195" not in systemd.property(scope.unit, "DeviceAllow")


def test_a_service_with_delegated_cgroups_is_unchanged(systemd, gpu_bundle):
    """As a container engine with cgroupfs, or podman in a service: the list is the service's."""
    unit = f"{gpu_bundle.name[-30:]}.service"
    entry = gpu_bundle.config["hooks"]["prestart"][0]
    trace = gpu_bundle.directory / "trace"
    entry["args"] = ["strace", "-f", "-o", str(trace), "-e", "trace=socket", entry["path"],
                     *entry["args"][1:]]
    entry["path"] = "/usr/bin/strace"
    gpu_bundle.config["linux"]["cgroupsPath"] = f"/system.slice/{unit}/payload"
    gpu_bundle.write_config(["/bin/look", "open:/dev/nvidia1", "make:c:195:0"])
    systemd.run("systemd-run", f"--unit={unit}", "--property=Delegate=yes",
                "--property=RemainAfterExit=yes", f"--working-directory={gpu_bundle.directory}",
                "sh", "-c", f"runc --root state run {gpu_bundle.name} >out 2>&1; touch done")
    booted_systemd.wait_until((gpu_bundle.directory / "done").exists, "the container ended")
    out = (gpu_bundle.directory / "out").read_text()
    assert '"result": "ENXIO"' in out and '"result": "EPERM"' in out, out
    assert systemd.property(unit, "DeviceAllow") == ""
    assert "socket(" not in trace.read_text() and "exited with 0" in trace.read_text()
    systemd.systemctl("stop", unit)


@pytest.fixture
def pinned_policy(boot, tools):
    """A program that denies NVIDIA's devices, which systemd attaches to every scope of tests."""
    systemd = boot("v2")
    files = pathlib.Path("/run/systemd/system/oci-.scope.d")
    tool, pin, made_for = tools.device_programs, "/sys/fs/bpf/policy", "/sys/fs/cgroup/policy"
    systemd.run("sh", "-ec", f"mkdir {made_for}; {tool} attach {made_for} deny-195; "
                f"{tool} pin {made_for} {pin}; rmdir {made_for}; mkdir -p {files}; "
                f"printf '[Scope]\nBPFProgram=device:{pin}\n' >{files}/policy.conf; "
                "systemctl daemon-reload")
    yield pin
    systemd.run("sh", "-ec", f"rm -r {files} {pin}; systemctl daemon-reload")


def test_a_pinned_program_still_denies_other_units(boot, start, gpu_bundle, door, tools,
                                                   pinned_policy):
    systemd = boot("v2")
    if booted_systemd.version() < 249:
        pytest.skip("this systemd attaches no program by its path")

    def service():
        return systemd.run("systemd-run", "--wait", "--pipe", "--quiet",
                           f"--property=BPFProgram=device:{pinned_policy}", tools.look,
                           "open:/dev/nvidia0", "open:/dev/nvidia1").stdout
    before = service()
    assert before.count("EPERM") == 2, before
    scope = start(systemd, gpu_bundle, "runc", door)
    assert pinned_policy in systemd.property(scope.unit, "BPFProgram")
    assert service() == before
    assert f"it attaches the program pinned at {pinned_policy} then" in gpu_bundle.logged()


@pytest.fixture
def image(gpu_bundle):
    archive = gpu_bundle.directory / "image.tar"
    subprocess.run(["tar", "-C", gpu_bundle.root, "-cf", archive, "."], check=True)
    return archive


@pytest.fixture
def docker(systemd, gpu_bundle, hook, image):
    need("dockerd", "docker", "containerd", path=PATH)
    made = under_systemd.Docker(systemd, gpu_bundle.directory / "docker", hook, image)
    yield made
    made.end()


def looks(engine, name):
    return engine.ask(name, "/bin/look", *QUERIES).answers


def test_docker_run_gpus_keeps_its_gpu(systemd, docker):
    docker("run", "--detach", "--name=gpu", "--net=none", "--gpus=device=0", under_systemd.IMAGE,
           "/bin/busybox", "sleep", "1000")
    docker("run", "--detach", "--name=none", "--net=none", under_systemd.IMAGE, "/bin/busybox", "sleep",
           "1000")
    assert looks(docker, "gpu") == GPU_0_ALONE
    for what, do in (("daemon-reload", lambda: systemd.systemctl("daemon-reload")),
                     ("docker update", lambda: docker("update", "--cpu-shares=512", "gpu")),
                     ("daemon-reexec", systemd.reexec),
                     ("docker restart", lambda: docker("restart", "--time=0", "gpu")),
                     ("daemon-reload again", lambda: systemd.systemctl("daemon-reload"))):
        do()
        assert looks(docker, "gpu") == GPU_0_ALONE, what
    without = docker.ask("none", "/bin/look", "make:c:195:1")
    assert without["make:c:195:1"] == "EPERM"
    docker("rm", "--force", "gpu", "none")


@pytest.fixture
def podman(systemd, gpu_bundle, image):
    need("podman", "runc", path=PATH)
    return under_systemd.Podman(systemd, gpu_bundle.directory / "podman",
                                gpu_bundle.config["hooks"]["prestart"][0], image)


@pytest.fixture(params=["hooks.d", "CDI"])
def podmans_gpu(request, systemd, grapnel, hook):
    """The option for GPU 0, and what its container reaches."""
    if request.param == "hooks.d":
        return "--env=NVIDIA_VISIBLE_DEVICES=0", GPU_0_ALONE
    systemd.run(grapnel.program, "cdi", "generate", f"--hook-path={hook}", "--output=/run/cdi/grapnel.json")
    # a CDI device has every driver capability, and so the node of graphics
    return "--device=nvidia.com/gpu=0", {**GPU_0_ALONE, "make:c:195:254": "ENXIO"}


def test_podman_keeps_its_gpu(systemd, podman, podmans_gpu):
    option, expected = podmans_gpu
    podman("run", "--detach", "--name=gpu", "--cap-add=MKNOD", option, under_systemd.IMAGE, "/bin/busybox",
           "sleep", "1000")
    assert looks(podman, "gpu") == expected
    for what, do in (("daemon-reload", lambda: systemd.systemctl("daemon-reload")),
                     ("daemon-reexec", systemd.reexec),
                     ("podman restart", lambda: podman("restart", "--time=0", "gpu")),
                     ("daemon-reload again", lambda: systemd.systemctl("daemon-reload")),
                     # which fails after it has told systemd, where cgroup v2 lacks the controller cpu
                     ("podman update", lambda: podman("update", "--cpu-shares=512", "gpu", check=False))):
        do()
        assert looks(podman, "gpu") == expected, what
    podman("rm", "--force", "--time=0", "gpu")
