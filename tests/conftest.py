# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the suites that need root. They run inside tests/support/simulated-host."""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys

import pytest

for name in ("integration", "support"):
    sys.path.insert(0, str(pathlib.Path(__file__).parent / name))

import container  # noqa: E402
import container_cli  # noqa: E402
import hand_made as hand_made_module  # noqa: E402
import machine_lock  # noqa: E402
import make_driver  # noqa: E402
import pages  # noqa: E402
from engines import process  # noqa: E402
import slow_machine  # noqa: E402
import systemd_stand_in  # noqa: E402


def pytest_configure():
    if slow_machine.SLOWNESS != 1:
        slow_machine.extend_subprocess_limits()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    if slow_machine.VARIANTS:
        print("variants of the tests by the seed", slow_machine.sample_variants(items))
    slow_machine.keep_part(items)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol():
    machine_lock.share()
    yield
    machine_lock.release()


def must_work():
    return os.environ.get("GRAPNEL_MUST_WORK") == "1"


def skip_or_fail(reason):
    """A test that cannot run is skipped with its reason; where it must work, it fails."""
    if must_work():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def need(*programs, path=None):
    """A test that needs these programs."""
    for program in programs:
        if shutil.which(program, path=path) is None:
            skip_or_fail(f"{program} is not installed")


def need_cgroup(version):
    if not container.cgroup_version_possible(version):
        skip_or_fail(f"this kernel has no cgroup {version} with the devices controller")


@pytest.fixture(scope="session", autouse=True)
def simulated_host():
    if os.geteuid() != 0:
        pytest.exit("these suites need root: start them with tests/run", returncode=1)
    if not pathlib.Path("/proc/driver/nvidia/version").exists():
        pytest.exit("no driver is simulated: start these suites with tests/run", returncode=1)
    yield
    container.remove_test_cgroups()


@pytest.fixture(scope="session")
def hook():
    return pathlib.Path(os.environ["GRAPNEL_HOOK"]).resolve()


def built(hook, folder, name):
    """Another program: beside the hook, or in its own folder of the build directory."""
    beside = hook.parent / name
    return beside if beside.exists() else hook.parent.parent / folder / name


@pytest.fixture(scope="session")
def programs(hook, tmp_path_factory):
    """A directory with Grapnel's programs side by side, as they are installed."""
    directory = tmp_path_factory.mktemp("bin")
    process.make_reachable(directory)
    for path in (hook, built(hook, "runtime", "grapnel-runtime"), built(hook, "container-cli", "grapnel-cli")):
        subprocess.run(["strip", "-o", directory / path.name, path], check=True)
    for name, program in {"nvidia-container-runtime-hook": "grapnel-hook",
                          "nvidia-container-toolkit": "grapnel-hook",
                          "nvidia-cdi-hook": "grapnel-hook",
                          "nvidia-container-runtime": "grapnel-runtime",
                          "nvidia-container-cli": "grapnel-cli"}.items():
        (directory / name).symlink_to(program)
    return directory


@pytest.fixture(scope="session")
def runtime(programs):
    return programs / "grapnel-runtime"


@pytest.fixture
def cli(programs, tmp_path):
    return container_cli.ContainerCli(programs / "nvidia-container-cli", tmp_path)


@pytest.fixture(scope="session")
def grapnel(hook):
    """Runs the administrator's tool, which must end with that code."""
    program = built(hook, "grapnel", "grapnel")

    def run(*words, code=0, **options):
        result = subprocess.run([program, *map(str, words)], capture_output=True, text=True,
                                timeout=20, **options)
        assert result.returncode == code, result.stderr
        return result
    run.program = program
    return run


@pytest.fixture
def nvidia_ctk(grapnel, tmp_path):
    """The administrator's tool by its other name."""
    link = tmp_path / "nvidia-ctk"
    link.symlink_to(grapnel.program)
    return link


@pytest.fixture(scope="module")
def page_machine(tmp_path_factory, programs, hook, tools):
    """On which commands of the users' pages run: see support/pages.py."""
    need("systemctl", "dbus-daemon", "dockerd", "containerd", "podman", "lspci")
    need_cgroup("v2")
    installed = tmp_path_factory.mktemp("installed") / "bin"
    shutil.copytree(programs, installed, symlinks=True)
    subprocess.run(["strip", "-o", installed / "grapnel", built(hook, "grapnel", "grapnel")], check=True)
    archive = pages.archive_with_commands(tmp_path_factory.mktemp("archive"), tools)
    made = pages.Machine(tmp_path_factory.mktemp("pages"), installed, archive)
    yield made
    made.end()


@pytest.fixture(scope="session")
def reachable_hook(tmp_path_factory, hook):
    """The hook where every user may run it, wherever the source tree lies."""
    directory = tmp_path_factory.mktemp("bin")
    process.make_reachable(directory)
    return pathlib.Path(shutil.copy(hook, directory))


@pytest.fixture(scope="session")
def tools(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tools")
    process.make_reachable(directory)
    return container.Tools(directory)


@pytest.fixture(scope="session")
def image_archive(tmp_path_factory, tools):
    """The small image as a tar file, for engines that import one."""
    directory = tmp_path_factory.mktemp("image")
    process.make_reachable(directory)
    return process.image_archive(directory, tools)


@pytest.fixture
def users_run_directory():
    """What a login makes for a user: /run/user/ID, here of the user that these tests act as."""
    directory = pathlib.Path(f"/run/user/{process.USER_ID}")
    directory.mkdir(parents=True)
    os.chown(directory, process.USER_ID, process.USER_ID)
    directory.chmod(0o700)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def make_bundle(tmp_path, hook, tools, request):
    def make(family="debian", name=None):
        plain = re.sub(r"[^A-Za-z0-9_.]+", "-", name or request.node.name)[:80].strip("-.")
        return container.Bundle(tmp_path / plain, hook, tools, family)
    return make


@pytest.fixture
def bundle(make_bundle):
    return make_bundle()


@pytest.fixture
def users_bundle(bundle, reachable_hook, users_run_directory):
    """A bundle for the runtime of a user who has logged in, on cgroup v2."""
    need_cgroup("v2")
    bundle.hook = reachable_hook
    bundle.register("prestart", "poststop")
    return bundle.env("NVIDIA_VISIBLE_DEVICES=0")


@pytest.fixture(scope="session")
def special_driver(tmp_path_factory):
    """A driver with MIG devices, IMEX channels and the like: see make_driver.py --special."""
    directory = tmp_path_factory.mktemp("special") / "driver"
    make_driver.make(directory, gpus=2, special=True)
    return directory


@pytest.fixture
def special_bundle(bundle, special_driver):
    """A bundle whose containers start on a simulated host of their own with that driver."""
    bundle.host = (container.SUPPORT / "simulated-host", special_driver)
    return bundle


@pytest.fixture(params=["runc-v1", "runc-v2", "crun-v1", "crun-v2"])
def engine(request):
    """A function that runs a bundle with one runtime on one cgroup version."""
    runtime, cgroup = request.param.split("-")
    need(runtime)
    need_cgroup(cgroup)

    def run(bundle, *queries, **options):
        result = bundle.run(runtime, cgroup, *queries, **options)
        before, after = result.host_mounts
        assert before == after, "the mounts of the host changed"
        return result
    run.runtime = runtime
    run.cgroup = cgroup
    return run


@pytest.fixture
def cgroups(tmp_path):
    """Makes cgroups: see support/hand_made.py. They outlive the containers in them."""
    made = hand_made_module.Cgroups(tmp_path)
    yield made
    made.end()


@pytest.fixture
def hand_made(cgroups):
    """A function that makes a container without a runtime: see support/hand_made.py."""
    made = []

    def make(bundle, **options):
        made.append(hand_made_module.HandMade(bundle, **options))
        return made[-1]
    yield make
    for one in made:
        one.end()


@pytest.fixture
def stand_in():
    """A function that listens in systemd's place: see support/systemd_stand_in.py."""
    peers = []

    def start(behave, *sockets):
        peers.append(systemd_stand_in.Peer(behave, *sockets))
        return peers[-1]
    yield start
    for peer in peers:
        peer.end()


@pytest.fixture
def scope(bundle, cgroups, hand_made):
    """A container in a cgroup as systemd would have made it."""
    bundle.env("NVIDIA_VISIBLE_DEVICES=0")
    bundle.config["linux"]["cgroupsPath"] = f"test.slice:oci:{bundle.name}"
    cgroup = cgroups.make("v2", f"test.slice/oci-{bundle.name}.scope")
    made = hand_made(bundle, cgroup=cgroup)
    made.unit = cgroup.name
    membership = pathlib.Path(f"/proc/{made.pid}/cgroup").read_text()
    made.cgroup = next(line[3:] for line in membership.splitlines() if line.startswith("0::"))
    made.directory = cgroup
    made.remark = f"warning: the container loses its GPUs when systemd sets the rules of {made.unit}"
    return made


@pytest.fixture
def sysctl():
    """A function that changes a setting of the whole machine until the test ends."""
    machine_lock.have_alone()
    former = {}

    def change(name, value):
        path = pathlib.Path("/proc/sys", name.replace(".", "/"))
        former.setdefault(path, path.read_text())
        path.write_text(value)
    yield change
    for path, value in former.items():
        path.write_text(value)


@pytest.fixture
def hardened(sysctl):
    """Constants in programs are hidden, for those that are loaded meanwhile: the kernel shows them
    to the hook so, and does not take them back."""
    sysctl("kernel.kptr_restrict", "1")
    sysctl("net.core.bpf_jit_harden", "2")


@pytest.fixture
def hidden_programs(hardened, sysctl):
    """Nobody is shown a program that is loaded meanwhile."""
    sysctl("kernel.kptr_restrict", "2")


@pytest.fixture
def listening_socket():
    """A function that listens on a Unix socket of the host until the test ends."""
    opened = []

    def listen(path):
        server = socket.socket(socket.AF_UNIX)
        server.bind(path)
        server.listen()
        opened.append((server, path))
    yield listen
    for server, path in opened:
        server.close()
        os.unlink(path)


@pytest.fixture(autouse=True)
def no_trace_on_the_host():
    """Containers made by hand end without poststop: what the hook recorded for them goes. So do
    links by number, which tests of other device roots make lead elsewhere."""
    yield
    for record in pathlib.Path("/run/grapnel/containers").glob("*"):
        record.unlink()
    shutil.rmtree("/run/grapnel/roots", ignore_errors=True)
    shutil.rmtree("/dev/char", ignore_errors=True)


class Canary:
    """A directory of the host that no container may reach."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir()
        (directory / "file").write_text("canary\n")
        (directory / "subdirectory").mkdir()
        self.at_start = self.state()

    def state(self):
        status = self.directory.stat()
        return (container.listing(self.directory, without=()), status.st_mtime_ns,
                status.st_ctime_ns)

    def check_names(self):
        names = sorted(place for place in self.at_start[0])
        assert sorted(container.listing(self.directory, without=())) == names

    def check(self):
        assert self.state() == self.at_start, "something outside of the root was changed"


@pytest.fixture
def canary(tmp_path):
    return Canary(tmp_path / "canary")
