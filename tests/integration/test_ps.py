# SPDX-License-Identifier: Apache-2.0
"""grapnel ps and grapnel explain --pid for processes that no engine started."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import container
import container_cli
import make_driver
import pytest

USER = 61319
READY = "ready"


@contextlib.contextmanager
def namespace_of(script, *options, **how):
    """A process that has run the script in a mount namespace of its own; its identity there."""
    command = ["unshare", *options, "--mount", "sh", "-ec", f"{script}; echo {READY}; exec sleep 1000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True,
                          **how) as process:
        try:
            assert process.stdout.readline().strip() == READY
            yield os.readlink(f"/proc/{process.pid}/ns/mnt")
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def listed(grapnel, identity):
    return [found for found in json.loads(grapnel("ps", "--json").stdout)["containers"]
            if found["id"] == identity]


@pytest.fixture
def node():
    """Of GPU 1."""
    return f"/dev/nvidia{make_driver.minor(1, 2)}"


def test_mounted_node_of_a_gpu_is_listed(grapnel, tmp_path, node):
    (tmp_path / "any-name").touch()
    with namespace_of(f"mount --bind {node} {tmp_path}/any-name") as identity:
        (found,) = listed(grapnel, identity)
        assert [gpu["uuid"] for gpu in found["gpus"]] == [make_driver.uuid(1)]
        assert (found["driver"], found["driver_is_current"]) == (None, None)
        row = next(line for line in grapnel("ps").stdout.splitlines() if line.startswith(identity))
        assert row.endswith("not known")


def test_other_file_of_that_name_is_not(grapnel, tmp_path, node):
    library = tmp_path / f"libcuda.so.{make_driver.VERSION}"
    place = tmp_path / "dev" / os.path.basename(node)
    place.parent.mkdir()
    for path in (library, place):
        path.touch()
    with namespace_of(f"mount --bind /dev/null {place}; mount --bind {library} {library}") as identity:
        assert listed(grapnel, identity) == []


DEV = 'mkdir {0}; mount -t tmpfs none {0}; mknod {0}/{1} c {2} {3}; mount --move {0} /dev'


@pytest.mark.parametrize("major, expected", [(195, 1), (1, 0)],
                         ids=["of the driver", "of another driver"])
def test_node_by_mknod_is_listed(grapnel, tmp_path, node, major, expected):
    """As `docker run --privileged` makes them."""
    script = DEV.format(tmp_path / "dev", os.path.basename(node), major,
                        make_driver.minor(1, 2))
    with namespace_of(script) as identity:
        found = listed(grapnel, identity)
        assert [gpu["uuid"] for one in found for gpu in one["gpus"]] \
            == [make_driver.uuid(1)] * expected


def test_host_dev_of_a_sandbox_is_not(grapnel):
    with namespace_of("true") as identity:
        assert listed(grapnel, identity) == []


def test_mount_line_beyond_a_page_ends_nothing(grapnel, tmp_path, node):
    """A space in a path is four bytes of a line."""
    deep = tmp_path.joinpath(*[" " * 250] * 6)
    deep.mkdir(parents=True)
    (tmp_path / "node").touch()
    script = f'mount --bind "{deep}" "{deep}"; mount --bind {node} {tmp_path}/node'
    with namespace_of(script) as identity:
        assert len(listed(grapnel, identity)) == 1


class Recorded:
    """A container of Docker as the hook records it: a process in a cgroup that its ID names."""

    def __init__(self, cgroups, number, bundle, bundle_number=0):
        self.id = f"{number:064x}"
        self.key = f"{self.id}-{bundle_number:016x}"
        self.process = subprocess.Popen(["sleep", "1000"])
        self.cgroup = cgroups.make("v2", f"docker-{self.id}.scope")
        self.move(self.cgroup)
        identity = container.process_identity(self.process.pid)
        facts = {"bundle": f"/run/containerd/io.containerd.runtime.v2.task/moby/{self.id}",
                 "driver": make_driver.VERSION,
                 "gpus": [{"index": 0, "minor": 1, "uuid": make_driver.uuid(0)}],
                 "process": identity}
        header = {**json.loads(container.record_header(bundle.root)), **facts}
        self.record = pathlib.Path(f"/run/grapnel/containers/{self.key}.jsonl")
        self.record.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.record.write_text(json.dumps(header, separators=(",", ":")) + "\n")
        self.claim = container.claims_directory(bundle.root) / self.key
        self.claim.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.claim.symlink_to(identity)

    def move(self, cgroup):
        (cgroup / "cgroup.procs").write_text(str(self.process.pid))

    def end(self):
        self.process.kill()
        self.process.wait()

    def forget(self):
        self.end()
        self.record.unlink()
        self.claim.unlink()


@pytest.fixture
def recorded(cgroups, bundle):
    """Four containers of one engine."""
    made = [Recorded(cgroups, number, bundle) for number in range(0xA0, 0xA4)]
    yield made
    for one in made:
        one.forget()


def test_guessed_cgroup_is_the_containers_own(grapnel, cgroups, recorded):
    first, ended, moved, last = recorded
    ended.end()
    inner = cgroups.make("v2", f"docker-{moved.id}.scope/init")
    moved.move(inner)
    found = {one["id"]: one for one in json.loads(grapnel("ps", "--json").stdout)["containers"]}
    assert ended.id not in found
    for one, cgroup in ((first, first.cgroup), (moved, inner), (last, last.cgroup)):
        assert str(cgroup).endswith(found[one.id]["cgroup"])
        assert found[one.id]["pids"] == [one.process.pid]


@pytest.fixture
def many_recorded(cgroups, bundle):
    """So many that several threads look for them."""
    made = [Recorded(cgroups, number, bundle) for number in range(0xC000, 0xC000 + 250)]
    yield {one.id: one.process.pid for one in made}
    for one in made:
        one.forget()


def found_pids(text):
    return [(one["id"], one["pids"][0]) for one in json.loads(text)["containers"] if one["bundle"]]


def test_each_of_many_is_listed_once_in_order(grapnel, many_recorded):
    found = found_pids(grapnel("ps", "--json").stdout)
    assert [one for one in found if one[0] in many_recorded] == sorted(many_recorded.items())


def test_one_processor_lists_the_same(grapnel, many_recorded):
    done = subprocess.run(["taskset", "-c", str(min(os.sched_getaffinity(0))), grapnel.program, "ps", "--json"],
                          capture_output=True, text=True, check=True)
    assert set(many_recorded.items()) <= set(found_pids(done.stdout))


def test_without_threads_the_same_is_listed(grapnel, many_recorded):
    """No thread can be started: its stack is as large as the limit on the first one's."""
    done = subprocess.run(["prlimit", f"--stack={1 << 36}", f"--as={1 << 30}", grapnel.program, "ps", "--json"],
                          capture_output=True, text=True, check=True)
    assert set(many_recorded.items()) <= set(found_pids(done.stdout))


def test_metrics_of_equal_ids_differ(grapnel, cgroups, bundle):
    made = [Recorded(cgroups, 0xB0, bundle, bundle_number) for bundle_number in range(2)]
    try:
        samples = [line.rpartition(" ")[0] for line in grapnel("ps", "--prometheus").stdout.splitlines()
                   if not line.startswith("#")]
        assert len(samples) == len(set(samples))
        assert sum(f"{0xB0:064x}" in sample for sample in samples) == 8
    finally:
        for one in made:
            one.forget()


@pytest.fixture
def users_grapnel(grapnel, tmp_path):
    """The same command as a user."""
    program = shutil.copy(grapnel.program, tmp_path / "grapnel")
    container_cli.make_reachable(program)
    def run(*words):
        return subprocess.run(
            ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", program, *words],
            cwd="/", capture_output=True, text=True, timeout=60, check=False)
    return run


def test_user_sees_the_own_containers(grapnel, users_grapnel, tmp_path, node):
    os.makedirs("/run/grapnel", mode=0o700, exist_ok=True)
    place = tmp_path / "node"
    place.touch()
    container_cli.make_reachable(place)
    options = ("--user", "--map-root-user")
    with namespace_of(f"mount --bind {node} {place}") as of_root, namespace_of(
            f"mount --bind {node} {place}", *options, user=USER, group=USER, extra_groups=[],
            cwd="/") as own:
        done = users_grapnel("ps", "--json")
        assert done.returncode == 0, done.stderr
        assert [found["id"] for found in json.loads(done.stdout)["containers"]] == [own]
        assert ("/run/grapnel: permission denied: containers of other users are left out: run this "
                "as root") in done.stderr
        assert len(listed(grapnel, of_root)) == len(listed(grapnel, own)) == 1


def child_of(process):
    """The first child of the process."""
    path = f"/proc/{process.pid}/task/{process.pid}/children"
    while not (children := open(path, encoding="ascii").read().split()):
        time.sleep(0.02)
    return children[0]


def test_shell_in_a_bundle_is_no_monitor(bundle, grapnel):
    bundle.env("NVIDIA_VISIBLE_DEVICES=0").write_config(["/bin/true"])
    with subprocess.Popen(["sh", "-c", "sleep 1000; true"], cwd=bundle.directory,
                          start_new_session=True) as shell:
        try:
            report = json.loads(grapnel("explain", "--pid", child_of(shell), "--json").stdout)
        finally:
            os.killpg(shell.pid, signal.SIGKILL)
    assert (report["engine"], report["bundle"]) == ("unknown", None), report


def test_explain_by_variables(grapnel):
    words = ("explain", "--json", "--env")
    one = json.loads(grapnel(*words, "NVIDIA_VISIBLE_DEVICES=1").stdout)
    assert one["outcome"] == "given"
    assert [gpu["uuid"] for gpu in one["plan"]["gpus"]] == [make_driver.uuid(1)]
    none = json.loads(grapnel(*words, "NVIDIA_VISIBLE_DEVICES=void").stdout)
    assert (none["outcome"], none["plan"]) == ("nothing", None)
    unknown = json.loads(grapnel(*words, "NVIDIA_VISIBLE_DEVICES=9").stdout)
    assert unknown["outcome"] == "denied" and "unknown device '9'" in unknown["summary"]
    both = json.loads(grapnel(*words, "NVIDIA_VISIBLE_DEVICES=0", "--env",
                              "NVIDIA_DRIVER_CAPABILITIES=video").stdout)
    assert "video" in json.dumps(both["decisions"])
    assert "has no '='" in grapnel(*words, "NVIDIA_VISIBLE_DEVICES", code=2).stderr


@pytest.mark.parametrize("name", ["x", "0,1", "/dev/nvidia0", ""])
def test_unknown_form_of_gpu_is_refused(grapnel, name):
    assert "is neither an index nor a UUID" in grapnel("ps", "--gpu", name, code=2).stderr
