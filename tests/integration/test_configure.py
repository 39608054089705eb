# SPDX-License-Identifier: Apache-2.0
"""grapnel configure: files as administrators keep them, and what the engines make of the result."""

import json
import os
import pathlib
import shutil
import stat
import subprocess
import tarfile
import tempfile
import time
import tomllib

import container
import pytest

from conftest import built, need
from engines import containerd


def program_in(directory, name, text):
    path = directory / name
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


@pytest.fixture
def runtime(tmp_path):
    """An OCI runtime that leaves a mark and has runc do the work."""
    return program_in(tmp_path, "marking-runtime",
                      f'echo "$@" >> {tmp_path}/mark\nexec runc "$@"\n')


@pytest.fixture
def image(tmp_path):
    """A tar file of a root file system with a shell."""
    path = tmp_path / "image.tar"
    with tarfile.open(path, "w") as tar:
        tar.add("/bin/busybox", "bin/busybox")
        for name in ("sh", "true"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return path


def wait_for(what, true, daemon, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert daemon.poll() is None, f"{what}: the daemon ended:\n{daemon.log.read_text()[-3000:]}"
        assert time.monotonic() < end, f"{what}:\n{daemon.log.read_text()[-3000:]}"
        time.sleep(0.05)


@pytest.fixture
def daemon(tmp_path):
    """Starts a program that stays, and ends it with the test."""
    started = []

    def start(*words):
        log = tmp_path / "daemon.log"
        with open(log, "wb") as output:
            process = subprocess.Popen([str(word) for word in words], stdout=output,
                                       stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        process.log = log
        started.append(process)
        return process
    yield start
    for process in started:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


# The files.


def test_a_run_keeps_attributes_and_makes_a_copy(grapnel, runtime, tmp_path):
    real = tmp_path / "real" / "docker.json"
    real.parent.mkdir()
    before = '{\n  "debug": true\n}\n'
    real.write_text(before)
    real.chmod(0o640)
    os.chown(real, 1234, 2345)
    link = tmp_path / "daemon.json"
    link.symlink_to("real/docker.json")
    said = grapnel("configure", "docker", "--config", link, "--runtime-path", runtime).stdout
    assert link.is_symlink()
    status = real.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (1234, 2345, 0o640)
    assert json.loads(real.read_text()) == {
        "debug": True, "runtimes": {"nvidia": {"path": str(runtime)}}}
    copy = real.with_name("docker.json.grapnel-backup")
    assert copy.read_text() == before
    assert stat.S_IMODE(copy.stat().st_mode) == 0o640 and copy.stat().st_uid == 1234
    assert str(copy) in said and "systemctl restart docker" in said
    assert sorted(os.listdir(real.parent)) == ["docker.json", "docker.json.grapnel-backup"]

    said = grapnel("configure", "docker", "--config", link, "--runtime-path", runtime).stdout
    assert said == "nothing to change\n" and real.stat().st_ino == status.st_ino

    grapnel("configure", "docker", "--config", link, "--runtime-path", runtime, "--unset")
    assert real.read_text() == before
    assert os.listdir(real.parent) == ["docker.json"]


def test_a_copy_is_never_written_over(grapnel, runtime, tmp_path):
    file = tmp_path / "daemon.json"
    run = ["configure", "docker", "--config", file, "--runtime-path", runtime]
    file.write_text('{"debug": true}')
    grapnel(*run)
    grapnel(*run, "--set-as-default")
    assert sorted(path.name for path in tmp_path.glob("*backup*")) == ["daemon.json.grapnel-backup"]
    file.write_text('{"debug": false}')
    grapnel(*run)
    assert (tmp_path / "daemon.json.grapnel-backup").read_text() == '{"debug": true}'
    assert (tmp_path / "daemon.json.grapnel-backup.2").read_text() == '{"debug": false}'
    grapnel(*run, "--unset")
    assert file.read_text() == '{"debug": false}'


def test_later_additions_stay_when_runtime_is_removed(grapnel, runtime, tmp_path):
    file = tmp_path / "daemon.json"
    run = ["configure", "docker", "--config", file, "--runtime-path", runtime]
    file.write_text(json.dumps({"runtimes": {"nvidia": {"path": "nvidia-container-runtime"}}}))
    grapnel(*run, "--set-as-default")
    later = json.loads(file.read_text())
    later["features"] = {"cdi": True}
    later["runtimes"]["kata"] = {"path": "/usr/bin/kata"}
    file.write_text(json.dumps(later))
    said = grapnel(*run, "--unset").stderr
    assert json.loads(file.read_text()) == {
        "runtimes": {"nvidia": {"path": "nvidia-container-runtime"},
                     "kata": {"path": "/usr/bin/kata"}},
        "features": {"cdi": True}}
    assert "--unset --cdi" in said


def test_a_missing_file_is_made_and_removed(grapnel, runtime, tmp_path):
    for engine, main, made in (("docker", "docker/daemon.json", []),
                               ("containerd", "containerd/config.toml", ["drop-in"]),
                               ("crio", "crio/crio.conf", ["drop-in"])):
        drop_in = tmp_path / engine / "conf.d" / "99-grapnel.toml"
        run = ["configure", engine, "--config", tmp_path / main, "--runtime-path", runtime]
        run += ["--drop-in", drop_in] if made else []
        grapnel(*run)
        assert stat.S_IMODE((tmp_path / engine).stat().st_mode) == 0o755
        files = [path for path in (tmp_path / engine).rglob("*") if path.is_file()]
        assert len(files) == (2 if engine == "containerd" else 1)
        assert all(stat.S_IMODE(path.stat().st_mode) == 0o644 for path in files)
        grapnel(*run, "--unset")
        assert not [path for path in (tmp_path / engine).rglob("*") if path.is_file()]


def test_a_dry_run_prints_a_diff_for_patch(grapnel, runtime, tmp_path):
    file = tmp_path / "config.toml"
    text = "version = 2\n# mine\n[debug]\n  level = \"info\"\n"
    file.write_text(text)
    before = sorted((path.name, path.stat().st_mtime_ns) for path in tmp_path.iterdir())
    run = ["configure", "containerd", "--config", file, "--runtime-path", runtime,
           "--drop-in", tmp_path / "conf.d" / "99-grapnel.toml"]
    diff = grapnel(*run, "--dry-run").stdout
    assert sorted((path.name, path.stat().st_mtime_ns) for path in tmp_path.iterdir()) == before
    assert f"--- /dev/null\n+++ {tmp_path}/conf.d/99-grapnel.toml\n" in diff
    assert f"--- {file}\n+++ {file}\n@@ -1,4 +1,5 @@\n version = 2\n+imports" in diff
    grapnel(*run)
    assert grapnel(*run, "--dry-run").stdout == "nothing to change\n"
    after = file.read_text()
    undone = grapnel(*run, "--unset", "--dry-run").stdout
    assert file.read_text() == after and "-imports" in undone
    grapnel(*run, "--unset")
    assert file.read_text() == text


def test_what_was_secret_stays_secret(grapnel, runtime, tmp_path):
    """The drop-in repeats what can be a password of a registry."""
    file = tmp_path / "config.toml"
    file.write_text('version = 2\n[plugins."io.containerd.grpc.v1.cri".registry.configs.a.auth]\n'
                    'password = "secret"\n')
    file.chmod(0o600)
    drop_in = tmp_path / "conf.d" / "99-grapnel.toml"
    grapnel("configure", "containerd", "--config", file, "--drop-in", drop_in,
            "--runtime-path", runtime)
    for path in (file, drop_in, tmp_path / "config.toml.grapnel-backup"):
        assert "secret" in path.read_text() and stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_path_argument_can_lead_upwards(grapnel, runtime, tmp_path):
    elsewhere = tmp_path / "elsewhere" / "deep"
    below = tmp_path / "here" / "below"
    elsewhere.mkdir(parents=True)
    below.mkdir(parents=True)
    (below / "link").symlink_to(elsewhere)
    run = ["configure", "docker", "--runtime-path", runtime, "--config"]
    # of a link's directory, not of the directory that the link is in
    for path, real in (("../a.json", "here/a.json"), (f"{below}/../b.json", "here/b.json"),
                       ("link/../c.json", "elsewhere/c.json"), ("x/./d.json", "here/below/x/d.json"),
                       ("../new/e.json", "here/new/e.json"), ("../../f.json", "f.json")):
        said = grapnel(*run, path, cwd=below).stdout
        assert f"made {tmp_path / real}\n" in said and (tmp_path / real).exists(), path
    error = grapnel(*run, "nowhere/../g.json", cwd=below, code=2).stderr
    assert error.startswith("grapnel: --config: open 'nowhere/..': No such file or directory\n")


@pytest.mark.parametrize("engine, text, line", [
    ("docker", '{\n  "debug": true,\n}\n', 3),
    ("containerd", "version = 2\n\n[plugins\n", 3),
    ("crio", "[crio.runtime]\nlog_level =\n", 2),
])
def test_a_malformed_file_is_refused_with_its_line(grapnel, runtime, tmp_path, engine, text, line):
    file = tmp_path / "configuration"
    file.write_text(text)
    run = ["configure", engine, "--config", file, "--runtime-path", runtime]
    run += ["--drop-in", tmp_path / "conf.d" / "99.toml"] if engine != "docker" else []
    error = grapnel(*run, code=1).stderr
    assert f"{file}:{line}: " in error and "nothing was changed" in error
    assert error.count("\n") == 1
    assert file.read_text() == text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["configuration", runtime.name]


def test_foreign_and_missing_entries_are_refused(grapnel, runtime, tmp_path):
    drop_in = tmp_path / "99-mine.toml"
    drop_in.write_text("version = 2\n")
    run = ["configure", "containerd", "--config", tmp_path / "config.toml", "--drop-in", drop_in]
    for more in ([], ["--unset"]):
        error = grapnel(*run, "--runtime-path", runtime, *more, code=1).stderr
        assert "not made by grapnel configure" in error
    assert drop_in.read_text() == "version = 2\n"
    error = grapnel("configure", "docker", "--config", tmp_path / "daemon.json",
                    "--runtime-path", tmp_path / "nothing", code=1).stderr
    assert "there is no program" in error and "--runtime-path" in error
    dangling = tmp_path / "daemon.json"
    dangling.symlink_to("nowhere")
    error = grapnel("configure", "docker", "--config", dangling, "--runtime-path", runtime,
                    code=1).stderr
    assert "link that leads to nothing" in error
    hook_file = tmp_path / "99-grapnel.json"
    hook_file.write_text("{}")
    error = grapnel("configure", "podman", "--hook-dir", tmp_path, "--hook-path", runtime,
                    code=1).stderr
    assert "not made by grapnel configure" in error and hook_file.read_text() == "{}"


def test_a_wrong_command_line_is_exit_code_2(grapnel):
    for words, why in (
            ([], "command is missing"),
            (["konfigure"], "unknown command"),
            (["configure"], "engine is missing"),
            (["configure", "rkt"], "unknown engine 'rkt'"),
            (["configure", "docker", "--frob"], "unknown option"),
            (["configure", "docker", "crio"], "one engine at a time"),
            (["configure", "docker", "--config"], "needs a value"),
            (["configure", "docker", "--drop-in", "/x"], "--drop-in is not for docker"),
            (["configure", "podman", "--config", "/x"], "--config is not for podman"),
            (["configure", "podman", "--set-as-default"], "runs for every container"),
            (["configure", "docker", "--runtime-name", "runc"], "runtime beneath"),
            (["configure", "docker", "--runtime-name", "a b"], "cannot be called"),
            (["configure", "containerd", "--drop-in", "/a*.toml"], "cannot stand")):
        error = grapnel(*words, code=2).stderr
        assert why in error and error.count("\n") == 1
    assert "usage: grapnel configure" in grapnel("configure", "--help").stdout
    assert "configure" in grapnel("--help").stdout


@pytest.mark.parametrize("made, options, failed", [
    ("etc/daemon.json", "", "create {}/etc/daemon.json.grapnel-backup: Read-only file system: "),
    ("etc/other", "", "create {}/etc/daemon.json: Read-only file system: "),
    ("other", "", "mkdir {}/etc: Read-only file system: "),
    ("etc/daemon.json", "--bind", "replace {}/etc/daemon.json: Device or resource busy: "),
])
def test_an_unwritable_file_is_an_error_with_cure(grapnel, runtime, tmp_path, made,
                                                  options, failed):
    place = tmp_path / "place"
    file = place / made
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("{}")
    mounted = file if options else place
    command = 'mount --bind "$1" "$1" && mount -o "remount,bind,$2" "$1" && shift 2 && exec "$@"'
    done = subprocess.run(["unshare", "--mount", "sh", "-c", command, "sh", mounted,
                           "rw" if options else "ro", grapnel.program, "configure", "docker",
                           "--config", place / "etc/daemon.json", "--runtime-path", runtime],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("grapnel: " + failed.format(place)), done.stderr
    cure = done.stderr.removeprefix("grapnel: " + failed.format(place))
    assert "mount" in cure and "use another directory" in cure or "file that is mounted" in cure
    assert file.read_text() == "{}"


def test_an_installation_with_borrowed_rights_refuses(grapnel, hook, tmp_path):
    copy = tmp_path / "grapnel"
    shutil.copy(built(hook, "grapnel", "grapnel"), copy)
    os.chmod(tmp_path, 0o755)
    for parent in tmp_path.parents:
        if not parent.stat().st_mode & 0o001:
            os.chmod(parent, parent.stat().st_mode | 0o001)
    copy.chmod(0o4755)
    run = ["setpriv", "--reuid=1234", "--regid=1234", "--clear-groups", copy, "--version"]
    result = subprocess.run(run, capture_output=True, text=True)
    assert result.returncode == 1 and "setuid" in result.stderr
    copy.chmod(0o755)
    assert subprocess.run(run, capture_output=True).returncode == 0


# The engines.


def test_docker_knows_the_runtime_and_uses_it(grapnel, runtime, image, daemon, tmp_path):
    need("dockerd", "docker")
    file = tmp_path / "daemon.json"
    socket = f"unix://{tmp_path}/d.sock"
    file.write_text(json.dumps({
        "runtimes": {"crun": {"path": "/usr/bin/crun"}}, "features": {"buildkit": True},
        "data-root": f"{tmp_path}/data", "exec-root": f"{tmp_path}/exec", "hosts": [socket],
        "pidfile": f"{tmp_path}/pid", "storage-driver": "vfs", "iptables": False,
        "ip6tables": False, "bridge": "none"}, indent=2))
    grapnel("configure", "docker", "--config", file, "--runtime-path", runtime,
            "--set-as-default", "--cdi")
    assert json.loads(file.read_text())["features"] == {"buildkit": True, "cdi": True}
    running = daemon("dockerd", "--config-file", file)

    def docker(*words):
        return subprocess.run(["docker", "-H", socket, *words], capture_output=True, text=True)
    wait_for("docker version", lambda: docker("version").returncode == 0, running)
    info = json.loads(docker("info", "--format", "{{json .}}").stdout)
    assert info["DefaultRuntime"] == "nvidia"
    assert info["Runtimes"]["nvidia"]["path"] == str(runtime)
    assert {"crun", "runc"} < set(info["Runtimes"])
    assert docker("import", str(image), "shell").returncode == 0
    ran = docker("run", "--rm", "--net=none", f"--cgroup-parent={container.CGROUP}", "shell",
                 "/bin/sh", "-c", "echo ran")
    assert ran.stdout == "ran\n", ran.stderr
    assert " create " in (tmp_path / "mark").read_text()


def test_docker_starts_after_the_runtime_was_taken_out(grapnel, runtime, daemon, tmp_path):
    need("dockerd", "docker")
    file = tmp_path / "daemon.json"
    socket = f"unix://{tmp_path}/d.sock"
    run = ["configure", "docker", "--config", file, "--runtime-path", runtime]
    grapnel(*run, "--set-as-default")
    text = json.loads(file.read_text())
    text["hosts"] = [socket]
    file.write_text(json.dumps(text))
    grapnel(*run, "--unset")
    running = daemon("dockerd", "--config-file", file, "--data-root", tmp_path / "data",
                     "--exec-root", tmp_path / "exec", "--pidfile", tmp_path / "pid",
                     "--storage-driver=vfs", "--iptables=false", "--bridge=none")

    def info():
        return subprocess.run(["docker", "-H", socket, "info", "--format", "{{.DefaultRuntime}}"],
                              capture_output=True, text=True)
    wait_for("docker info", lambda: info().stdout.strip(), running)  # its code is 0 before, too
    assert info().stdout == "runc\n"


CONTAINERD = """version = {version}
root = "{directory}/root"
state = "{directory}/state"
disabled_plugins = {disabled}
[grpc]
  address = "{directory}/c.sock"
[plugins.{plugin}]
  stream_server_address = "127.0.0.9"
  disable_tcp_service = true
  [plugins.{plugin}.containerd]
    snapshotter = "native"
    [plugins.{plugin}.containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins.{plugin}.containerd.runtimes.runc.options]
        SystemdCgroup = true
"""
PLUGIN = "io.containerd.grpc.v1.cri"
PLUGINS_OF_VERSION_2 = ("io.containerd.cri.v1.runtime", "io.containerd.cri.v1.images")


def containerd_config(tmp_path, version):
    names = ["aufs", "btrfs", "devmapper", "zfs"]
    disabled = names if version == 1 else [f"io.containerd.snapshotter.v1.{name}" for name in names]
    file = tmp_path / "config.toml"
    file.write_text(CONTAINERD.format(version=version, directory=tmp_path,
                                      disabled=json.dumps(disabled),
                                      plugin="cri" if version == 1 else f'"{PLUGIN}"'))
    return file


def plugin_of_dump(file):
    """What containerd has read, about Kubernetes: "cri.table.key" to the value."""
    dump = tomllib.loads(subprocess.run(["containerd", "--config", file, "config", "dump"],
                                        capture_output=True, text=True, check=True).stdout)
    found = {}

    def add(name, value):
        if not isinstance(value, dict):
            found[name] = value
        else:
            for key in value:
                add(f"{name}.{key}", value[key])
    for plugin in (PLUGIN, *PLUGINS_OF_VERSION_2):
        add("cri", dump["plugins"].get(plugin, {}))
    return found


def needs_containerd(version_of_file):
    need("containerd", "ctr")
    if version_of_file == 1 and containerd.major_version() >= 2:
        pytest.skip("containerd 2 passes over the runtimes of files of version 1")


@pytest.mark.parametrize("version", [1, 2])
def test_containerd_reads_the_runtime_and_the_users_settings(grapnel, runtime, tmp_path, version):
    needs_containerd(version)
    file = containerd_config(tmp_path, version)
    text = file.read_text()
    # what an older version says is shown in the form of a newer one
    before = plugin_of_dump(file)
    run = ["configure", "containerd", "--config", file, "--runtime-path", runtime,
           "--drop-in", tmp_path / "conf.d" / "99-grapnel.toml"]
    grapnel(*run, "--set-as-default")
    after = plugin_of_dump(file)
    new = "cri.containerd.runtimes.nvidia"
    assert after[f"{new}.options.BinaryName"] == str(runtime)
    assert after[f"{new}.options.SystemdCgroup"] is True
    assert after["cri.containerd.default_runtime_name"] == "nvidia"
    assert after["cri.containerd.runtimes.runc.options.SystemdCgroup"] is True
    assert after["cri.stream_server_address"] == "127.0.0.9"
    others = {key: value for key, value in after.items() if not key.startswith(new)}
    assert {**before, "cri.containerd.default_runtime_name": "nvidia"} == others
    grapnel(*run, "--unset")
    assert file.read_text() == text and plugin_of_dump(file) == before


@pytest.mark.parametrize("text", [None, 'version = 2\n', 1, 2])
def test_containerd_starts_its_plugin_with_the_runtime(grapnel, runtime, daemon, tmp_path, text):
    """Without its default runtime the plugin does not start: naming one takes runc away."""
    needs_containerd(text)
    file = containerd_config(tmp_path, text if isinstance(text, int) else 2)
    if not isinstance(text, int):
        file.write_text(f'{text or ""}' if text else "")
    grapnel("configure", "containerd", "--config", file, "--runtime-path", runtime,
            "--drop-in", tmp_path / "conf.d" / "99-grapnel.toml")
    address = tmp_path / "c.sock"
    running = daemon("containerd", "--config", file, "--root", tmp_path / "root", "--state",
                     tmp_path / "state", "--address", address)

    def plugins():
        return subprocess.run(["ctr", "-a", address, "plugins", "ls"], capture_output=True,
                              text=True)
    wait_for("ctr plugins", lambda: plugins().returncode == 0, running)
    line = next(line for line in plugins().stdout.splitlines() if " cri " in line)
    assert line.split()[-1] == "ok", running.log.read_text()[-3000:]
    assert str(runtime) in running.log.read_text()


@pytest.fixture
def etc_containerd():
    """An empty /etc/containerd."""
    need("containerd")
    directory = pathlib.Path("/etc/containerd")
    directory.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", directory], check=True)
    yield directory
    subprocess.run(["umount", directory], check=True)


def test_containerds_new_file_keeps_conf_d_imports(grapnel, runtime, etc_containerd):
    other = etc_containerd / "conf.d" / "10-other.toml"
    other.parent.mkdir()
    other.write_text("version = 2\noom_score = 7\n")
    run = ["configure", "containerd", "--runtime-path", runtime]
    grapnel(*run)
    main = etc_containerd / "config.toml"
    assert plugin_of_dump(main)["cri.containerd.runtimes.nvidia.options.BinaryName"] == str(runtime)
    dump = subprocess.run(["containerd", "--config", main, "config", "dump"], capture_output=True,
                          text=True, check=True).stdout
    assert tomllib.loads(dump)["oom_score"] == 7
    assert grapnel(*run).stdout == "nothing to change\n"
    grapnel(*run, "--unset")
    assert [path for path in etc_containerd.rglob("*") if path.is_file()] == [other]


PODMAN = """[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
netns = "none"
pids_limit = 0
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
"""


@pytest.fixture
def short_directory():
    """Where the names of podman's sockets fit: see engines/podman.py."""
    with tempfile.TemporaryDirectory(prefix="pod", dir="/tmp", ignore_cleanup_errors=True) as name:
        yield name


def test_nvidias_own_hook_beside_ours_is_remarked(grapnel, runtime, tmp_path):
    hook = {"path": "/usr/bin/nvidia-container-toolkit",
            "args": ["nvidia-container-toolkit", "prestart"]}
    text = json.dumps({"version": "1.0.0", "hook": hook, "when": {"always": True},
                       "stages": ["prestart"]})
    (tmp_path / "README").write_text(text)  # which podman does not read
    run = ["configure", "podman", "--hook-path", runtime, "--hook-dir", tmp_path]
    assert grapnel(*run).stderr == ""
    theirs = tmp_path / "oci-nvidia-hook.json"
    theirs.write_text(text)
    for more in ((), ("--dry-run",)):
        line = grapnel(*run, *more).stderr
        assert line.startswith(f"grapnel: {theirs} runs NVIDIA's hook: ") and "remove" in line
        assert line.count("\n") == 1
    assert grapnel(*run, "--unset").stderr == "" and theirs.read_text() == text


def test_nvidias_hook_in_another_directory_is_reported(grapnel, runtime):
    """podman reads both, if nothing else is said."""
    text = json.dumps({"version": "1.0.0", "hook": {"path": "/x/nvidia-container-runtime-hook"}})
    place = "/etc/containers/oci/hooks.d"
    command = ('mount -t tmpfs tmpfs /usr/share && mount -t tmpfs tmpfs /etc/containers && '
               f'mkdir -p {place} && echo "$1" > {place}/oci-nvidia-hook.json && shift && exec "$@"')
    pathlib.Path("/etc/containers").mkdir(exist_ok=True)
    done = subprocess.run(["unshare", "--mount", "sh", "-c", command, "sh", text, grapnel.program,
                           "configure", "podman", "--hook-path", runtime], capture_output=True,
                          text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith(f"grapnel: {place}/oci-nvidia-hook.json runs NVIDIA's hook: ")


def test_podman_runs_the_hook_at_both_stages(grapnel, image, tmp_path, short_directory):
    need("podman", "runc")
    hook = program_in(tmp_path, "marking-hook", f'echo "$@" >> {tmp_path}/mark\n')
    hooks = tmp_path / "hooks.d"
    run = ["configure", "podman", "--hook-dir", hooks, "--hook-path", hook]
    said = grapnel(*run).stdout
    assert f'hooks_dir = ["{hooks}"]' in said
    assert grapnel(*run).stdout == "nothing to change\n"
    (tmp_path / "containers.conf").write_text(PODMAN)
    (tmp_path / "storage.conf").write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{short_directory}/root"\n'
        f'runroot = "{short_directory}/run"\n')
    environment = {**os.environ, "CONTAINERS_CONF": f"{tmp_path}/containers.conf",
                   "CONTAINERS_STORAGE_CONF": f"{tmp_path}/storage.conf"}

    def podman(*words):
        return subprocess.run(
            ["podman", "--runtime", "runc", "--hooks-dir", hooks, "--tmpdir",
             f"{short_directory}/tmp", *map(str, words)], env=environment, capture_output=True, text=True)
    imported = podman("import", "-q", image, "shell")
    assert imported.returncode == 0, imported.stderr
    command = ("run", "--rm", f"--cgroup-parent={container.CGROUP}", "shell", "/bin/sh", "-c", "echo ran")
    ran = podman(*command)
    assert ran.stdout == "ran\n", ran.stderr
    assert (tmp_path / "mark").read_text() == "prestart\npoststop\n"
    grapnel(*run, "--unset")
    assert os.listdir(hooks) == []
    assert podman(*command).stdout == "ran\n"
    assert (tmp_path / "mark").read_text() == "prestart\npoststop\n"
